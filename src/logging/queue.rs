//! Writes log lines to standard error without blocking, even if nobody reads it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;

/// How often gathered lines are written together.
const FLUSH_INTERVAL: Duration = Duration::from_millis(100);

/// Gathered bytes after which they are written at once. So a line in a busy second costs a copy, not a system call.
const MAX_BATCH_BYTES: usize = 32 * 1024;

/// Chunks that may wait to be written, of [`MAX_BATCH_BYTES`] each: 8 MB for a reader that pauses.
const MAX_QUEUED: usize = 256;
/// Bytes that may wait when the number of missing lines is reported, so that this report itself is not dropped.
const MAX_BEHIND: u64 = 64 * 1024;
/// Lines that a command may print ahead of its reader.
const MAX_OUTPUT_LINES: usize = 64;
/// How long to wait at exit for the last lines to be written, and how often to check.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);
const FINISH_POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Writes logs to standard error through a bounded queue and a thread, which may block on it. Lines that the queue
/// cannot take are dropped and counted. While [`LogOutput::gather`] runs, many lines are written at a time.
#[derive(Clone, Debug)]
pub struct LogOutput(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    gathered: Mutex<Gathered>,
    queue: NonBlocking,
    /// Bytes that were written to standard error.
    written: Arc<AtomicU64>,
    dropped: Counter,
    guard: Mutex<Option<WorkerGuard>>,
}

#[derive(Debug, Default)]
struct Gathered {
    gathering: bool,
    text: Vec<u8>,
    lines: u64,
    /// Bytes that were put into the queue.
    queued: u64,
    /// Lines dropped since that was last reported.
    missing: u64,
}

impl Default for LogOutput {
    fn default() -> Self {
        Self::with_writer(io::stderr())
    }
}

impl LogOutput {
    fn with_writer(writer: impl Write + Send + 'static) -> Self {
        let written = Arc::<AtomicU64>::default();
        let counted = CountingWriter { writer, written: Arc::clone(&written) };
        let (queue, guard) =
            NonBlockingBuilder::default().thread_name("log").buffered_lines_limit(MAX_QUEUED).finish(counted);
        let guard = Mutex::new(Some(guard));
        let (gathered, dropped) = (Mutex::default(), Counter::default());
        Self(Arc::new(Shared { gathered, queue, written, dropped, guard }))
    }

    /// Counts the dropped lines.
    #[must_use]
    pub fn dropped(&self) -> Counter {
        self.0.dropped.clone()
    }

    /// Gathers lines below the level of warnings and writes them ten times a second, as long as this future is
    /// polled.
    pub async fn gather(&self) {
        let stop = StopGathering(self);
        stop.0.set_gathering(true);
        let mut ticks = tokio::time::interval(FLUSH_INTERVAL);
        loop {
            ticks.tick().await;
            self.write(&[], true);
            self.report_missing();
        }
    }

    /// Waits until everything is written, for a second at most: nobody may be reading standard error.
    pub async fn finish(&self) {
        self.write(&[], true);
        self.report_missing();
        let waiting = async {
            while self.behind() > 0 {
                tokio::time::sleep(FINISH_POLL_INTERVAL).await;
            }
        };
        let is_done = tokio::time::timeout(FINISH_TIMEOUT, waiting).await.is_ok();
        let guard = self.0.guard.lock().unwrap_or_else(PoisonError::into_inner).take();
        if !is_done {
            // Dropping it would wait for the thread, and print a complaint to standard output.
            std::mem::forget(guard);
        }
    }

    fn set_gathering(&self, gathering: bool) {
        self.lock().gathering = gathering;
        self.write(&[], true);
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that are queued but not written yet.
    fn behind(&self) -> u64 {
        self.lock().queued.saturating_sub(self.0.written.load(Ordering::Acquire))
    }

    fn write(&self, line: &[u8], now: bool) {
        let mut gathered = self.lock();
        gathered.text.extend_from_slice(line);
        gathered.lines += u64::from(!line.is_empty());
        // While writing is behind, lines of any level wait until a chunk is full, so that a burst of them fits into
        // the queue. An empty line means: flush.
        let is_behind = gathered.queued > self.0.written.load(Ordering::Acquire);
        let can_wait = gathered.gathering && (!now || is_behind && !line.is_empty());
        if gathered.text.is_empty() || can_wait && gathered.text.len() < MAX_BATCH_BYTES {
            return;
        }
        // The queue is only used here, under the lock, so the counter's difference is ours.
        let (mut queue, rejected) = (self.0.queue.clone(), self.0.queue.error_counter());
        let before = rejected.dropped_lines();
        _ = queue.write_all(&gathered.text);
        let lines = std::mem::take(&mut gathered.lines);
        if rejected.dropped_lines() == before {
            gathered.queued += gathered.text.len() as u64;
        } else {
            gathered.missing += lines;
            self.0.dropped.inc_by(lines);
        }
        gathered.text.clear();
    }

    /// Reports how many lines are missing, once the queue has room for the report.
    fn report_missing(&self) {
        if self.behind() > MAX_BEHIND {
            return;
        }
        let missing = std::mem::take(&mut self.lock().missing);
        if missing > 0 {
            tracing::warn!(lines = missing, "lines are missing here: nobody read the log output for a while");
        }
    }
}

/// Counts the bytes that the thread has written.
struct CountingWriter<W> {
    writer: W,
    written: Arc<AtomicU64>,
}

impl<W: Write> Write for CountingWriter<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let taken = match self.writer.write(text) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            // There is nowhere left to report that logs cannot be written.
            taken => taken.unwrap_or(text.len()),
        };
        self.written.fetch_add(taken as u64, Ordering::Release);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Writes what was gathered when gathering ends.
struct StopGathering<'a>(&'a LogOutput);

impl Drop for StopGathering<'_> {
    fn drop(&mut self) {
        self.0.set_gathering(false);
    }
}

/// A writer for a few lines to a reader that may not read them. A thread of its own writes them; dropping the guard
/// waits for it, but not for long.
pub fn non_blocking(writer: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default().thread_name("output").buffered_lines_limit(MAX_OUTPUT_LINES).finish(writer)
}

impl<'a> MakeWriter<'a> for LogOutput {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter { log: self, now: true }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> LineWriter<'a> {
        LineWriter { log: self, now: *meta.level() <= Level::WARN }
    }
}

/// Writes one line.
#[derive(Debug)]
pub struct LineWriter<'a> {
    log: &'a LogOutput,
    now: bool,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.log.write(line, self.now);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Captured;
    use super::super::{filter, subscriber};
    use super::*;

    /// Blocks until the sender sends something or is dropped.
    struct Gate(std::sync::mpsc::Receiver<()>, Captured);

    impl Write for Gate {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            // Once the sender is dropped everything passes.
            _ = self.0.recv();
            self.1.write(text)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn unread_lines_are_dropped_counted_and_reported() {
        let (open, gate) = std::sync::mpsc::channel();
        let captured = Captured::default();
        let log = LogOutput::with_writer(Gate(gate, captured.clone()));
        let subscriber = subscriber(filter("info").unwrap(), false, log.clone());
        let _here = tracing::subscriber::set_default(subscriber);
        for number in 0..1000 {
            tracing::warn!(number, "a line");
        }
        // Lines in the queue, and one that the thread is writing.
        let (dropped, room) = (log.dropped().get(), u64::try_from(MAX_QUEUED).unwrap());
        assert!((1000 - room - 1..=1000 - room).contains(&dropped), "{dropped}");
        drop(open);
        while log.behind() > 0 {
            tokio::task::yield_now().await;
        }
        log.report_missing();
        tracing::warn!("the last line");
        log.finish().await;
        let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [.., report, last] = lines.as_slice() else { panic!("{text}") };
        assert_eq!(report["lines"], dropped);
        assert_eq!(last["message"], "the last line");
        assert_eq!(u64::try_from(lines.len()).unwrap(), 1000 - dropped + 2);
    }

    #[tokio::test]
    async fn a_burst_of_warnings_survives_a_slow_reader() {
        let (open, gate) = std::sync::mpsc::channel();
        let captured = Captured::default();
        let log = LogOutput::with_writer(Gate(gate, captured.clone()));
        let subscriber = subscriber(filter("info").unwrap(), false, log.clone());
        let _here = tracing::subscriber::set_default(subscriber);
        log.set_gathering(true);
        for number in 0..1000 {
            tracing::warn!(number, "a line");
        }
        drop(open);
        log.finish().await;
        assert_eq!(log.dropped().get(), 0);
        assert_eq!(String::from_utf8(captured.0.lock().unwrap().clone()).unwrap().lines().count(), 1000);
    }
}
