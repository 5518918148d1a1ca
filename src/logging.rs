//! The log, on standard error: for people on a terminal, JSON otherwise. Nothing personal is ever handed to it.

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogArgs, LogFormat};

/// How long a line may wait for others to be written with it.
const GATHER: Duration = Duration::from_millis(100);

/// How much is gathered at most: a line in a busy second costs a copy, not a system call.
const GATHERED_BYTES: usize = 32 * 1024;

/// Why there is no log.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LogError {
    /// The filter cannot be understood.
    #[error("`{directive}` is no filter: write a level (error, warn, info, debug, trace, off) or part=level")]
    Filter {
        /// The part that is wrong.
        directive: String,
    },
    /// There is one already.
    #[error("the log has been started already")]
    Started,
}

/// Starts the log of this process.
///
/// # Errors
/// When the filter is wrong, or the log has been started before.
pub fn init(args: &LogArgs) -> Result<Log, LogError> {
    let log = Log::default();
    let human = match args.log_format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    subscriber(filter(&args.log)?, human, log.clone()).try_init().map_err(|_| LogError::Started)?;
    // The message of a panic may hold anything, the values of a student among it; where it was is enough to find it.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
    Ok(log)
}

/// Reads a filter. A bare word that is no level is refused: it would silence everything else.
///
/// # Errors
/// When it cannot be understood.
pub fn filter(text: &str) -> Result<EnvFilter, LogError> {
    let mut directives = text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let strange = directives.find(|directive| {
        let unclear =
            directive.ends_with('=') || !directive.contains('=') && directive.parse::<LevelFilter>().is_err();
        unclear || EnvFilter::try_new(directive).is_err()
    });
    let refused = |directive: &str| LogError::Filter { directive: directive.to_owned() };
    match strange {
        Some(directive) => Err(refused(directive)),
        // What the migrations tell anyway would be told twice, and the driver would tell the values of statements.
        None => EnvFilter::try_new(format!("refinery_core=warn,tokio_postgres=warn,{text}"))
            .map_err(|_| refused(text)),
    }
}

fn subscriber<W>(filter: EnvFilter, human: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    if human {
        Box::new(builder.with_ansi(io::stderr().is_terminal()).finish())
    } else {
        Box::new(builder.json().flatten_event(true).with_current_span(false).with_span_list(false).finish())
    }
}

/// Standard error, line by line; while [`Log::gather`] runs, many lines at a time.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Gathered>>);

#[derive(Debug, Default)]
struct Gathered {
    gathering: bool,
    lines: Vec<u8>,
}

impl Log {
    /// Gathers lines that are no warnings and writes them together, ten times a second, for as long as it is polled.
    pub async fn gather(self) {
        let stop = Stop(&self);
        stop.0.gathering(true);
        let mut ticks = tokio::time::interval(GATHER);
        loop {
            ticks.tick().await;
            self.write(&[], true);
        }
    }

    fn gathering(&self, gathering: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).gathering = gathering;
        self.write(&[], true);
    }

    fn write(&self, line: &[u8], now: bool) {
        let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.lines.extend_from_slice(line);
        if now || !gathered.gathering || gathered.lines.len() >= GATHERED_BYTES {
            // Nobody is left to be told of a log that cannot be written.
            _ = io::stderr().write_all(&gathered.lines);
            gathered.lines.clear();
        }
    }
}

/// Whoever stops gathering leaves nothing behind.
struct Stop<'a>(&'a Log);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.gathering(false);
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Lines<'a>;

    fn make_writer(&'a self) -> Lines<'a> {
        Lines { log: self, now: true }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Lines<'a> {
        Lines { log: self, now: *meta.level() <= Level::WARN }
    }
}

/// Where one line goes.
#[derive(Debug)]
pub struct Lines<'a> {
    log: &'a Log,
    now: bool,
}

impl Write for Lines<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.log.write(line, self.now);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says when it is time for another line of one sort.
#[derive(Debug)]
pub struct Seldom {
    every: Duration,
    last: Mutex<Option<Instant>>,
}

impl Seldom {
    /// One line in so much time.
    #[must_use]
    pub const fn every(every: Duration) -> Self {
        Self { every, last: Mutex::new(None) }
    }

    /// Whether it is time. The next is counted from here.
    pub fn is_time(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = last.is_none_or(|last| last.elapsed() >= self.every);
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

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
    fn json_is_one_object_a_line_with_the_fields_beside_the_message() {
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
    fn the_filter_leaves_out_the_lines_of_requests_alone() {
        for human in [true, false] {
            let text = logged("info,matricula::access=off", human);
            assert!(text.lines().count() == 1 && text.contains("the disk is full"), "{text}");
        }
        assert_eq!(logged("off", false), "");
    }
}
