//! The text formats of metrics, and which of them a client asks for.

use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::weight::thousandths;

/// A text format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsFormat {
    /// The format that every collector reads.
    Classic,
    /// `OpenMetrics` 1.0, which Prometheus asks for by name since version 2.5.
    OpenMetrics,
}

impl MetricsFormat {
    /// `OpenMetrics` for a client that names it and prefers it, or has no preference. Everybody else gets the classic
    /// format, including a client that accepts neither: a collector reads an unexpected format better than a refusal.
    #[must_use]
    pub fn accepted(headers: &HeaderMap) -> Self {
        let open_metrics = weight(headers, &["application/openmetrics-text"], "1.0.0");
        let classic = weight(headers, &["text/plain", "text/*", "*/*"], "0.0.4");
        match open_metrics {
            Some(open_metrics) if open_metrics > 0 && open_metrics >= classic.unwrap_or(0) => {
                Self::OpenMetrics
            }
            _ => Self::Classic,
        }
    }

    /// The response with a document that was rendered as `OpenMetrics`.
    #[must_use]
    pub fn respond(self, document: String) -> Response {
        let (content_type, body) = match self {
            Self::Classic => ("text/plain; version=0.0.4; charset=utf-8", classic(&document)),
            Self::OpenMetrics => ("application/openmetrics-text; version=1.0.0; charset=utf-8", document),
        };
        let headers = [(CONTENT_TYPE, content_type), (VARY, "accept")];
        (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), body).into_response()
    }
}

/// The client's weight, in thousandths, for the first of these media ranges that it names, in this version or without one.
fn weight(headers: &HeaderMap, names: &[&str], version: &str) -> Option<u16> {
    let lines = headers.get_all(ACCEPT).into_iter().filter_map(|line| line.to_str().ok());
    let ranges: Vec<_> = lines.flat_map(|line| line.split(',')).collect();
    let of_range = |wanted: &str, range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts.next()?.eq_ignore_ascii_case(wanted);
        let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
        let find = |name: &str| {
            let found = parameters.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim_matches('"'))
        };
        let is_wanted = is_named && find("version").is_none_or(|found| found == version);
        is_wanted.then(|| find("q").map_or(1000, thousandths))
    };
    names.iter().find_map(|wanted| ranges.iter().filter_map(|range| of_range(wanted, range)).max())
}

/// An `OpenMetrics` document in the classic format: there, the name of a counter has its suffix in all lines, and nothing
/// marks the end.
fn classic(document: &str) -> String {
    let mut text = String::with_capacity(document.len());
    // The line with the meaning of a metric comes before the one with its type.
    let mut help = None;
    for line in document.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        if let Some(about) = line.strip_prefix("# HELP ") {
            help = about.split_once(' ');
            continue;
        }
        let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|about| about.split_once(' ')) else {
            text.extend([line, "\n"]);
            continue;
        };
        let suffix = if kind == "counter" { "_total" } else { "" };
        if let Some((_, meaning)) = help.take().filter(|(described, _)| *described == name) {
            text.extend(["# HELP ", name, suffix, " ", meaning, "\n"]);
        }
        text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What servers and other clients send, by their source.
    #[test]
    fn each_collector_gets_a_format_that_it_reads() {
        use MetricsFormat::{Classic, OpenMetrics};

        for (accept, format) in [
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics,
            ),
            // Prometheus 2.5 to 2.53.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            // Prometheus 2.40 and newer with native histograms.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            // Prometheus before 2.5; vmagent of VictoriaMetrics.
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Classic),
            // Prometheus 3 with `scrape_protocols: [PrometheusText0.0.4]`.
            ("text/plain;version=0.0.4;q=0.2,*/*;q=0.1", Classic),
            // Telegraf.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3",
                Classic,
            ),
            // curl, and a browser, which would save the other format as a file.
            ("*/*", Classic),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Classic),
            ("application/openmetrics-text", OpenMetrics),
            ("application/openmetrics-text;q=0, text/plain", Classic),
            ("application/openmetrics-text; version=\"1.0.0\"; q=0.5, text/plain;q=0.6", Classic),
            ("application/json", Classic),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]);
            assert_eq!(MetricsFormat::accepted(&headers), format, "{accept}");
        }
        assert_eq!(MetricsFormat::accepted(&HeaderMap::new()), Classic);
    }

    #[test]
    fn the_classic_format_names_counters_with_their_suffix() {
        let document = "# HELP requests Requests answered.\n# TYPE requests counter\nrequests_total{status=\"200\"} 3\n\
                        # HELP depth Writes waiting.\n# TYPE depth gauge\ndepth 0\n\
                        # HELP took Seconds.\n# TYPE took histogram\n# UNIT took seconds\ntook_bucket{le=\"+Inf\"} 1\n# EOF\n";
        assert_eq!(
            classic(document),
            "# HELP requests_total Requests answered.\n# TYPE requests_total counter\nrequests_total{status=\"200\"} 3\n\
             # HELP depth Writes waiting.\n# TYPE depth gauge\ndepth 0\n\
             # HELP took Seconds.\n# TYPE took histogram\ntook_bucket{le=\"+Inf\"} 1\n"
        );
    }
}
