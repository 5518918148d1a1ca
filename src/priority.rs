//! The priority of threads: long work gives way to requests.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How much long work gives way to others, from 0 to 19; at 10, a thread gets about a tenth of a core that others use too.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;
/// How long a thread that gives way works without a pause. The priority alone is not enough: it counts within a session only
/// (`sched_autogroup`), and each connection of a PostgreSQL server is a session of its own.
const WORK: Duration = Duration::from_millis(8);
/// How long it pauses then.
const PAUSE: Duration = Duration::from_millis(2);

thread_local! {
    /// When a thread that gives way has paused last.
    static LAST_PAUSE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Lowers the priority of the calling thread, and of those that it starts from now on. Only on Linux: elsewhere the
/// priority is that of the whole process.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "long work keeps the priority of requests");
    }
    LAST_PAUSE.set(Some(Instant::now()));
}

/// Pauses from time to time on a thread that gives way, so that others on the same core need not wait for it. For loops over
/// many rows, which call it for each.
pub fn pause_if_due() {
    if LAST_PAUSE.get().is_some_and(|last| last.elapsed() > WORK) {
        thread::sleep(PAUSE);
        LAST_PAUSE.set(Some(Instant::now()));
    }
}

/// Works on a thread that gives way to requests, until nobody waits for the end; `None` if there is no thread, or it panics.
pub async fn on_a_thread_of_its_own<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (mut ended, end) = oneshot::channel();
    let runtime = Handle::current();
    let work = move || {
        give_way();
        let made = runtime.block_on(async {
            tokio::select! {
                made = work => Some(made),
                () = ended.closed() => None,
            }
        });
        // Nobody may wait any more.
        made.and_then(|made| ended.send(made).err());
    };
    #[expect(clippy::disallowed_methods, reason = "a thread of the runtime would keep the lower priority")]
    thread::Builder::new().name("long work".to_owned()).spawn(work).ok()?;
    end.await.ok()
}
