//! Diagnostic logs on standard error: readable lines on a terminal, JSON otherwise. They never contain personal data.

mod queue;
mod throttle;

use std::io::{self, IsTerminal};
use std::panic;

use clap::ValueEnum;
use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use self::queue::{LineWriter, LogOutput, non_blocking};
pub use self::throttle::LogThrottle;

/// The format of the logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Readable lines on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One readable line per record.
    Human,
    /// One JSON object per line.
    Json,
}

/// Why logging was not started.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LogError {
    /// The filter is invalid.
    #[error(
        "`{directive}` is not a valid filter: use a level (error, warn, info, debug, trace, off) or part=level"
    )]
    Filter {
        /// The invalid part.
        directive: String,
    },
    /// Logging was started before.
    #[error("logging has been started already")]
    Started,
}

/// Starts logging for this process, with the filter `directives` as [`filter`] parses them.
///
/// # Errors
/// When the filter is invalid, or logging was started before.
pub fn init(directives: &str, format: LogFormat) -> Result<LogOutput, LogError> {
    let human = match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let filter = filter(directives)?;
    let log = LogOutput::default();
    subscriber(filter, human, log.clone()).try_init().map_err(|_| LogError::Started)?;
    // A panic message may contain anything, including a student's data; its location is enough to find the cause.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
    Ok(log)
}

/// Parses a filter. A bare word that is not a level is rejected: it would silence everything else.
///
/// # Errors
/// When the filter is invalid.
pub fn filter(text: &str) -> Result<EnvFilter, LogError> {
    let mut directives = text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let invalid = directives.find(|directive| {
        let unclear =
            directive.ends_with('=') || !directive.contains('=') && directive.parse::<LevelFilter>().is_err();
        unclear || EnvFilter::try_new(directive).is_err()
    });
    let error = |directive: &str| LogError::Filter { directive: directive.to_owned() };
    match invalid {
        Some(directive) => Err(error(directive)),
        None => EnvFilter::try_new(text).map_err(|_| error(text)),
    }
}

fn subscriber<W>(filter: EnvFilter, human: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(is_impersonal));
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    if human {
        Box::new(registry.with(layer.with_ansi(io::stderr().is_terminal())))
    } else {
        let json = layer.json().flatten_event(true).with_current_span(true).with_span_list(false);
        Box::new(registry.with(json))
    }
}

/// Drops details from libraries, whatever the filter says: a library may log its input, and the database driver logs
/// the values of statements and the server's notices. Warnings and errors of libraries pass.
fn is_impersonal(meta: &Metadata<'_>) -> bool {
    let (target, own) = (meta.target(), "matricula");
    *meta.level() <= Level::WARN
        || target.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    pub(super) struct Captured(pub(super) Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(line)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(directives: &str, human: bool) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(filter(directives).unwrap(), human, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "matricula::access", status = 201, route = "/id/{id}", "request");
            tracing::warn!("the disk is full");
        });
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_is_one_flat_object_per_line() {
        let text = logged("info", false);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["level"], "INFO");
        assert_eq!(lines[0]["status"], 201);
        assert_eq!(lines[0]["route"], "/id/{id}");
        assert_eq!(lines[1]["message"], "the disk is full");
    }

    #[test]
    fn no_filter_shows_details_of_libraries() {
        let captured = Captured::default();
        let writer = captured.clone();
        let all = "trace,tokio_postgres=trace,tokio_postgres::query=trace,matriculation=trace";
        let subscriber = subscriber(filter(all).unwrap(), false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "tokio_postgres::query", "executing with parameters: Ana");
            tracing::info!(target: "tokio_postgres::connection", "NOTICE: Ana");
            tracing::trace!(target: "matriculation", "Ana");
            tracing::warn!(target: "rustls", "no certificate");
            tracing::trace!(target: "matricula::db", "a detail of ours");
            tracing::trace!(target: "matricula", "another");
        });
        let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("Ana") && text.lines().count() == 3, "{text}");
    }

    #[test]
    fn a_filter_can_hide_only_the_request_lines() {
        for human in [true, false] {
            let text = logged("info,matricula::access=off", human);
            assert!(text.lines().count() == 1 && text.contains("the disk is full"), "{text}");
        }
        assert_eq!(logged("off", false), "");
    }
}
