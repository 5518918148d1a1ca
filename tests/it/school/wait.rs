//! Waits for what a server does by itself.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// Longer than any of it takes, short enough to see soon that a test hangs.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Short, but long enough to leave a core to the server.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits until `holds` returns true; `fact` describes that.
pub(crate) async fn eventually(fact: &str, mut holds: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !holds().await {
            sleep(POLL_INTERVAL).await;
        }
    };
    assert!(timeout(TIMEOUT, polling).await.is_ok(), "not within {TIMEOUT:?}: {fact}");
}
