//! What the Registrar's thread does between batches: it deletes expired answers and notices writes of other programs.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::commit::BatchWriter;
use crate::clock::Clock;

/// How often to look for writes of other programs while the queue is empty. A student who gets the id of one that was
/// deleted less than this before would inherit the enrollments.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often to look for expired answers.
const SWEEP_INTERVAL: Duration = Duration::from_mins(5);

pub(super) struct Housekeeping {
    clock: Clock,
    external_write: Arc<Notify>,
    interval: Option<Interval>,
    /// The engine's counter of writes by other programs, when it was last read.
    external_write_count: Option<i64>,
    next_sweep: Option<Timestamp>,
}

impl Housekeeping {
    /// Deletes expired answers at the first opportunity. Notifies `external_write` when another program has written.
    pub(super) fn new(clock: Clock, external_write: Arc<Notify>) -> Self {
        Self { clock, external_write, interval: None, external_write_count: None, next_sweep: None }
    }

    /// Does a small part of the work that is due. Returns whether there is more.
    pub(super) async fn work(&mut self, batch_writer: &mut BatchWriter) -> bool {
        self.notice_external_writes(batch_writer);
        let now = self.clock.now();
        // If the clock was set back, the next sweep would be far in the future.
        let is_due = self.next_sweep.is_none_or(|next| next <= now || next > now + SWEEP_INTERVAL);
        if !is_due {
            return false;
        }
        match batch_writer.delete_expired_answers().await {
            Ok(true) => true,
            Ok(false) => {
                self.next_sweep = now.checked_add(SWEEP_INTERVAL).ok();
                false
            }
            Err(error) => {
                tracing::warn!(%error, "expired answers cannot be deleted");
                self.next_sweep = now.checked_add(SWEEP_INTERVAL).ok();
                false
            }
        }
    }

    /// Waits until it is time to work again.
    pub(super) async fn tick(&mut self) {
        let interval = self.interval.get_or_insert_with(|| {
            let mut interval = tokio::time::interval_at(Instant::now() + INTERVAL, INTERVAL);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        interval.tick().await;
    }

    fn notice_external_writes(&mut self, batch_writer: &BatchWriter) {
        // An error is ignored: the next call tries again.
        let Ok(now) = batch_writer.external_writes() else { return };
        if self.external_write_count.replace(now).is_some_and(|before| before != now) {
            self.external_write.notify_one();
        }
    }
}
