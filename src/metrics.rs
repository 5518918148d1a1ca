//! Metrics of requests, the write queue and commits, at `/metrics`.

use std::borrow::Cow;
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

use crate::demand::Demand;
use crate::traces::Traces;

/// Bucket bounds in seconds, for requests and commits: a flush takes 0.2 ms on a good disk, 30 s is the timeout.
const SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Bucket bounds of the number of commands in one commit.
const COMMANDS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// All metrics. Cheap to clone; clones share their values.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Writes waiting in the queue.
    pub queue_depth: Gauge,
    /// By how many seconds the last event is ahead of the clock.
    pub log_ahead_seconds: Gauge<f64, AtomicU64>,
    /// Commands in one commit.
    pub batch_size: Histogram,
    /// The duration of a commit in seconds, including its flush to disk.
    pub commit_seconds: Histogram,
    /// Lines of log output that were dropped because they were not read in time.
    pub log_dropped: Counter,
    /// Records of sign-ins and of disclosures that were lost.
    pub records_lost: Counter,
    /// 1 while the certificate that is served is not the one in the files, because that one cannot be used.
    pub tls_reload_failed: Gauge,
    /// When the certificate that is served expires, in seconds since 1970; 0 without TLS.
    pub tls_certificate_expires: Gauge,
    /// Connections that were closed because the client did not finish the handshake of TLS.
    pub tls_handshakes_failed: Counter,
    /// Students who were refused a seat, by course.
    pub demand: Demand,
    /// Traces, which are off unless there is a collector.
    pub traces: Traces,
    refusals: Arc<Refusals>,
    http: Arc<Http>,
}

/// Refused commands by reason.
#[derive(Debug, Default)]
struct Refusals {
    all: Family<RefusalLabels, Counter>,
    recent: Mutex<RecentCounts>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: &'static str,
}

#[derive(Debug)]
struct Http {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    /// The series of each route by its path, so that no request has to allocate its labels.
    routes: RwLock<HashMap<String, Series>>,
}

#[derive(Clone, Debug)]
struct Series {
    route: Arc<str>,
    duration: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: Arc<str>,
    method: &'static str,
    status: u16,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::with_log_dropped(Counter::default())
    }
}

impl Metrics {
    /// Metrics with the counter of a logger that is already running.
    #[must_use]
    pub fn with_log_dropped(log_dropped: Counter) -> Self {
        Self::new(log_dropped, None)
    }

    /// The same metrics, with these traces.
    #[must_use]
    pub fn with_traces(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    /// Metrics of one of several schools, with its name as the label `school`.
    #[must_use]
    pub fn of_school(name: &str, log_dropped: Counter) -> Self {
        Self::new(log_dropped, Some(name))
    }

    fn new(log_dropped: Counter, school: Option<&str>) -> Self {
        let (queue_depth, batch_size) = (Gauge::default(), Histogram::new(COMMANDS));
        let log_ahead_seconds = Gauge::default();
        let commit_seconds = Histogram::new(SECONDS);
        let requests = Family::default();
        let durations = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);

        let labels = school.map(|name| (Cow::Borrowed("school"), Cow::Owned(name.to_owned())));
        let mut registry = Registry::with_prefix_and_labels("matricula", labels.into_iter());
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from the head of a request to the head of its response",
            durations.clone(),
        );
        registry.register("queue_depth", "Writes waiting in the queue", queue_depth.clone());
        registry.register(
            "log_ahead_seconds",
            "How far the time of the last event is ahead of the clock",
            log_ahead_seconds.clone(),
        );
        registry.register("batch_size", "Commands in one commit", batch_size.clone());
        registry.register("commit_seconds", "Duration of a commit", commit_seconds.clone());
        registry.register(
            "log_lines_dropped",
            "Lines of log output that were dropped because they were not read in time",
            log_dropped.clone(),
        );
        let records_lost = Counter::default();
        registry.register(
            "records_lost",
            "Records of failed sign-ins and of disclosures that were lost, because they could not be written in time",
            records_lost.clone(),
        );

        let (tls_reload_failed, tls_certificate_expires) = (Gauge::default(), Gauge::default());
        let tls_handshakes_failed = Counter::default();
        registry.register(
            "tls_reload_failed",
            "Whether the certificate in the files cannot be used, so that an older one is served",
            tls_reload_failed.clone(),
        );
        registry.register(
            "tls_certificate_expires_seconds",
            "When the certificate that is served expires, in seconds since 1970",
            tls_certificate_expires.clone(),
        );
        registry.register(
            "tls_handshakes_failed",
            "Connections that were closed because the client did not finish the handshake of TLS",
            tls_handshakes_failed.clone(),
        );

        let refusals = Arc::<Refusals>::default();
        registry.register("refusals", "Refused commands", refusals.all.clone());

        let http = Arc::new(Http { registry, requests, durations, routes: RwLock::default() });
        Self {
            queue_depth,
            log_ahead_seconds,
            batch_size,
            commit_seconds,
            log_dropped,
            records_lost,
            traces: Traces::default(),
            tls_reload_failed,
            tls_certificate_expires,
            tls_handshakes_failed,
            demand: Demand::default(),
            refusals,
            http,
        }
    }

    /// Counts one request; `route` is the pattern of the route, never the path of the request.
    pub fn record_request(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let series = self.series(route);
        series.duration.observe(took.as_secs_f64());
        let request =
            RequestLabels { route: series.route, method: method_label(method), status: status.as_u16() };
        self.http.requests.get_or_create(&request).inc();
    }

    /// Counts refused commands by their reasons.
    pub fn record_refusals(&self, reasons: impl Iterator<Item = &'static str>) {
        let mut reasons = reasons.peekable();
        if reasons.peek().is_none() {
            return;
        }
        let mut recent = self.refusals.recent.lock().unwrap_or_else(PoisonError::into_inner);
        for reason in reasons {
            self.refusals.all.get_or_create(&RefusalLabels { reason }).inc();
            recent.count(Instant::now(), reason);
        }
    }

    /// Refusals within the last minute by reason, the most frequent first.
    #[must_use]
    pub fn recent_refusals(&self) -> Vec<(&'static str, i64)> {
        let mut recent = self.refusals.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.counts(Instant::now())
    }

    /// All metrics in the `OpenMetrics` text format, which Prometheus reads.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.http.registry).is_err() {
            // Writing to a `String` does not fail; if it did, an incomplete document must not be sent.
            text.clear();
        }
        text
    }

    fn series(&self, route: &str) -> Series {
        let known = self.http.routes.read().unwrap_or_else(PoisonError::into_inner).get(route).cloned();
        known.unwrap_or_else(|| {
            let name = Arc::<str>::from(route);
            let duration = self.http.durations.get_or_create_owned(&RouteLabels { route: Arc::clone(&name) });
            let series = Series { route: name, duration };
            let mut routes = self.http.routes.write().unwrap_or_else(PoisonError::into_inner);
            routes.insert(route.to_owned(), series.clone());
            series
        })
    }
}

/// Counts within the last minute, in steps of a second.
#[derive(Debug, Default)]
struct RecentCounts(VecDeque<(Instant, HashMap<&'static str, i64>)>);

impl RecentCounts {
    const SPAN: Duration = Duration::from_mins(1);
    const STEP: Duration = Duration::from_secs(1);

    fn count(&mut self, now: Instant, reason: &'static str) {
        self.remove_old(now);
        if self.0.back().is_none_or(|(began, _)| now.duration_since(*began) >= Self::STEP) {
            self.0.push_back((now, HashMap::new()));
        }
        if let Some((_, counts)) = self.0.back_mut() {
            *counts.entry(reason).or_default() += 1;
        }
    }

    fn counts(&mut self, now: Instant) -> Vec<(&'static str, i64)> {
        self.remove_old(now);
        let mut all = BTreeMap::<_, i64>::new();
        for (reason, count) in self.0.iter().flat_map(|(_, counts)| counts) {
            *all.entry(*reason).or_default() += count;
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(_, count)| -count);
        all
    }

    fn remove_old(&mut self, now: Instant) {
        while self.0.front().is_some_and(|(began, _)| now.duration_since(*began) >= Self::SPAN) {
            self.0.pop_front();
        }
    }
}

/// The method as a label. Clients can invent methods; those share one label, so that labels do not grow without
/// limit.
fn method_label(method: &Method) -> &'static str {
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
            metrics.record_request("/students/{student_id}", &method, status, Duration::from_micros(200));
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
    fn unknown_methods_share_one_label() {
        let metrics = Metrics::default();
        for name in ["BREW", "WHEN"] {
            let method = Method::from_bytes(name.as_bytes()).unwrap();
            metrics.record_request("unmatched", &method, StatusCode::METHOD_NOT_ALLOWED, Duration::ZERO);
        }
        assert!(metrics.render().contains(r#"{route="unmatched",method="other",status="405"} 2"#));
    }

    #[test]
    fn recent_refusals_are_counted_by_reason_for_a_minute() {
        let (mut recent, began) = (RecentCounts::default(), Instant::now());
        for (second, reason) in [(0, "course-full"), (1, "course-full"), (30, "already-enrolled")] {
            recent.count(began + Duration::from_secs(second), reason);
        }
        let after = |recent: &mut RecentCounts, seconds| recent.counts(began + Duration::from_secs(seconds));
        assert_eq!(after(&mut recent, 31), [("course-full", 2), ("already-enrolled", 1)]);
        assert_eq!(after(&mut recent, 70), [("already-enrolled", 1)]);
        assert_eq!(after(&mut recent, 90), []);

        let metrics = Metrics::default();
        metrics.record_refusals(["course-full"; 3].into_iter());
        assert_eq!(metrics.recent_refusals(), [("course-full", 3)]);
        assert!(metrics.render().contains(r#"matricula_refusals_total{reason="course-full"} 3"#));
    }

    #[test]
    fn clones_share_their_values() {
        let metrics = Metrics::default();
        metrics.clone().queue_depth.inc_by(3);
        metrics.batch_size.observe(64.0);
        assert!(metrics.render().contains("matricula_queue_depth 3"));
        assert!(metrics.clone().render().contains("matricula_batch_size_sum 64"));
    }
}
