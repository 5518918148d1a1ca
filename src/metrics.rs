//! What an operator can count: requests, the writer's queue, the commits. Told at `/metrics`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds in seconds, for requests and commits alike: a flush takes 0.2 ms on a good disk, 30 s is the timeout.
const SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Upper bounds of the number of commands that share a commit.
const COMMANDS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// Everything that is counted. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Commands that wait for the Registrar.
    pub queue_depth: Gauge,
    /// Seconds by which the log's last entry is ahead of the clock.
    pub log_ahead_seconds: Gauge<f64, AtomicU64>,
    /// Commands in one commit.
    pub batch_size: Histogram,
    /// How long one commit took, its flush to the disk included.
    pub commit_seconds: Histogram,
    /// Lines of the log that nobody read in time.
    pub log_dropped: Counter,
    refusals: Arc<Refusals>,
    http: Arc<Http>,
}

/// What was refused, by reason.
#[derive(Debug, Default)]
struct Refusals {
    all: Family<Reason, Counter>,
    recent: Mutex<Recent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug)]
struct Http {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    /// The series of each route by its path, so that a request makes no string to find its own.
    routes: RwLock<HashMap<String, Series>>,
}

#[derive(Clone, Debug)]
struct Series {
    route: Arc<str>,
    duration: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: Arc<str>,
    method: &'static str,
    status: u16,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::with(Counter::default())
    }
}

impl Metrics {
    /// With the counter of a log that has been started already.
    #[must_use]
    pub fn with(log_dropped: Counter) -> Self {
        let (queue_depth, batch_size) = (Gauge::default(), Histogram::new(COMMANDS));
        let log_ahead_seconds = Gauge::default();
        let commit_seconds = Histogram::new(SECONDS);
        let requests = Family::default();
        let durations = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);

        let mut registry = Registry::with_prefix("matricula");
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "From a request's head to the head of its answer",
            durations.clone(),
        );
        registry.register("queue_depth", "Commands that wait for the Registrar", queue_depth.clone());
        registry.register(
            "log_ahead_seconds",
            "By how much the time of the last event is ahead of the clock",
            log_ahead_seconds.clone(),
        );
        registry.register("batch_size", "Commands in one commit", batch_size.clone());
        registry.register("commit_seconds", "How long one commit took", commit_seconds.clone());
        registry.register(
            "log_lines_dropped",
            "Lines of the log that were dropped because nobody read them",
            log_dropped.clone(),
        );

        let refusals = Arc::<Refusals>::default();
        registry.register("refusals", "Commands that were refused", refusals.all.clone());

        let http = Arc::new(Http { registry, requests, durations, routes: RwLock::default() });
        Self { queue_depth, log_ahead_seconds, batch_size, commit_seconds, log_dropped, refusals, http }
    }

    /// Counts one answered request; `route` is the path of the route, never the path that was asked for.
    pub fn answered(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let series = self.series(route);
        series.duration.observe(took.as_secs_f64());
        let request = Request { route: series.route, method: verb(method), status: status.as_u16() };
        self.http.requests.get_or_create(&request).inc();
    }

    /// Counts refusals for these reasons.
    pub fn refused(&self, reasons: impl Iterator<Item = &'static str>) {
        let mut reasons = reasons.peekable();
        if reasons.peek().is_none() {
            return;
        }
        let mut recent = self.refusals.recent.lock().unwrap_or_else(PoisonError::into_inner);
        for reason in reasons {
            self.refusals.all.get_or_create(&Reason { reason }).inc();
            recent.count(Instant::now(), reason);
        }
    }

    /// How often each reason was given within the last minute, the most frequent first.
    #[must_use]
    pub fn refused_lately(&self) -> Vec<(&'static str, i64)> {
        let mut recent = self.refusals.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.counts(Instant::now())
    }

    /// Everything in the `OpenMetrics` text form, which Prometheus reads.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.http.registry).is_err() {
            // A `String` takes all that is written; half a document must not pass for a whole one.
            text.clear();
        }
        text
    }

    fn series(&self, route: &str) -> Series {
        let known = self.http.routes.read().unwrap_or_else(PoisonError::into_inner).get(route).cloned();
        known.unwrap_or_else(|| {
            let name = Arc::<str>::from(route);
            let duration = self.http.durations.get_or_create_owned(&Route { route: Arc::clone(&name) });
            let series = Series { route: name, duration };
            let mut routes = self.http.routes.write().unwrap_or_else(PoisonError::into_inner);
            routes.insert(route.to_owned(), series.clone());
            series
        })
    }
}

/// What happened within the last minute, counted by the second.
#[derive(Debug, Default)]
struct Recent(VecDeque<(Instant, HashMap<&'static str, i64>)>);

impl Recent {
    const SPAN: Duration = Duration::from_mins(1);
    const STEP: Duration = Duration::from_secs(1);

    fn count(&mut self, now: Instant, what: &'static str) {
        self.forget(now);
        if self.0.back().is_none_or(|(began, _)| now.duration_since(*began) >= Self::STEP) {
            self.0.push_back((now, HashMap::new()));
        }
        if let Some((_, counts)) = self.0.back_mut() {
            *counts.entry(what).or_default() += 1;
        }
    }

    fn counts(&mut self, now: Instant) -> Vec<(&'static str, i64)> {
        self.forget(now);
        let mut all = BTreeMap::<_, i64>::new();
        for (what, count) in self.0.iter().flat_map(|(_, counts)| counts) {
            *all.entry(*what).or_default() += count;
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(_, count)| -count);
        all
    }

    fn forget(&mut self, now: Instant) {
        while self.0.front().is_some_and(|(began, _)| now.duration_since(*began) >= Self::SPAN) {
            self.0.pop_front();
        }
    }
}

/// The method as a label; a client can make up methods, a label must not grow with them.
fn verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_method_and_status() {
        let metrics = Metrics::default();
        for (method, status) in [(Method::GET, 200), (Method::GET, 200), (Method::POST, 409)] {
            let status = StatusCode::from_u16(status).unwrap();
            metrics.answered("/students/{student_id}", &method, status, Duration::from_micros(200));
        }
        let text = metrics.render();
        for line in [
            r#"matricula_http_requests_total{route="/students/{student_id}",method="GET",status="200"} 2"#,
            r#"matricula_http_requests_total{route="/students/{student_id}",method="POST",status="409"} 1"#,
            r#"matricula_http_request_duration_seconds_count{route="/students/{student_id}"} 3"#,
            r#"matricula_http_request_duration_seconds_bucket{le="0.0001",route="/students/{student_id}"} 0"#,
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "no line {line} in\n{text}");
        }
    }

    #[test]
    fn methods_that_a_client_makes_up_share_one_label() {
        let metrics = Metrics::default();
        for name in ["BREW", "WHEN"] {
            let method = Method::from_bytes(name.as_bytes()).unwrap();
            metrics.answered("unmatched", &method, StatusCode::METHOD_NOT_ALLOWED, Duration::ZERO);
        }
        assert!(metrics.render().contains(r#"{route="unmatched",method="other",status="405"} 2"#));
    }

    #[test]
    fn refusals_are_counted_by_reason_and_forgotten_after_a_minute() {
        let (mut recent, began) = (Recent::default(), Instant::now());
        for (second, reason) in [(0, "course-full"), (1, "course-full"), (30, "already-enrolled")] {
            recent.count(began + Duration::from_secs(second), reason);
        }
        let after = |recent: &mut Recent, seconds| recent.counts(began + Duration::from_secs(seconds));
        assert_eq!(after(&mut recent, 31), [("course-full", 2), ("already-enrolled", 1)]);
        assert_eq!(after(&mut recent, 70), [("already-enrolled", 1)]);
        assert_eq!(after(&mut recent, 90), []);

        let metrics = Metrics::default();
        metrics.refused(["course-full"; 3].into_iter());
        assert_eq!(metrics.refused_lately(), [("course-full", 3)]);
        assert!(metrics.render().contains(r#"matricula_refusals_total{reason="course-full"} 3"#));
    }

    #[test]
    fn clones_count_together() {
        let metrics = Metrics::default();
        metrics.clone().queue_depth.inc_by(3);
        metrics.batch_size.observe(64.0);
        assert!(metrics.render().contains("matricula_queue_depth 3"));
        assert!(metrics.clone().render().contains("matricula_batch_size_sum 64"));
    }
}
