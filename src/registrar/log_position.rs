//! Where the log ended after the writes of a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Before the first write.
const NONE: i64 = -1;
/// Larger than every `seq`.
const UNKNOWN: i64 = i64::MAX;

/// The `seq` with which the log ended after the writes of one request. Clones are for the same request.
#[derive(Clone, Debug)]
pub struct LogPosition(Arc<AtomicI64>);

impl Default for LogPosition {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NONE)))
    }
}

impl LogPosition {
    /// The log ended here after a write of the request.
    pub(super) fn record(&self, seq: i64) {
        self.0.fetch_max(seq, Ordering::SeqCst);
    }

    /// The request is answered before its last write, so that nobody knows yet where the log will end.
    pub fn keep_open(&self) {
        self.record(UNKNOWN);
    }

    /// The `seq`; `None` if the request has written nothing to the log, or is still writing.
    #[must_use]
    pub fn get(&self) -> Option<i64> {
        let seq = self.0.load(Ordering::SeqCst);
        (seq != NONE && seq != UNKNOWN).then_some(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_write_counts_unless_others_follow() {
        let position = LogPosition::default();
        assert_eq!(position.get(), None);
        position.record(7);
        position.record(3);
        assert_eq!(position.get(), Some(7));
        position.clone().keep_open();
        assert_eq!(position.get(), None);
    }
}
