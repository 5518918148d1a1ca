//! What the Registrar's thread does between batches: it takes away expired answers and notices that other programs write.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::commit::Books;
use crate::clock::Clock;

/// How often it looks while no command comes. An id that another program deletes and gives again sooner than that brings the
/// new row the enrollments of the old one.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long expired answers may stay.
const SWEEP_EVERY: Duration = Duration::from_mins(5);

pub(super) struct Housekeeping {
    clock: Clock,
    others_wrote: Arc<Notify>,
    interval: Option<Interval>,
    /// What the engine said of the writes of others.
    others: Option<i64>,
    next_sweep: Option<Timestamp>,
}

impl Housekeeping {
    /// Expired answers are due at once. `others_wrote` is notified whenever another program has written.
    pub(super) fn new(clock: Clock, others_wrote: Arc<Notify>) -> Self {
        Self { clock, others_wrote, interval: None, others: None, next_sweep: None }
    }

    /// Does a little of what is due; whether there is more.
    pub(super) async fn work(&mut self, books: &mut Books) -> bool {
        self.listen(books);
        let now = self.clock.now();
        // A clock that was put back would make the next sweep a long time away.
        let is_due = self.next_sweep.is_none_or(|next| next <= now || next > now + SWEEP_EVERY);
        if !is_due {
            return false;
        }
        match books.sweep_answers().await {
            Ok(true) => true,
            Ok(false) => {
                self.next_sweep = now.checked_add(SWEEP_EVERY).ok();
                false
            }
            Err(error) => {
                tracing::warn!(%error, "expired answers cannot be taken away now");
                self.next_sweep = now.checked_add(SWEEP_EVERY).ok();
                false
            }
        }
    }

    /// Returns when it is time to look again.
    pub(super) async fn tick(&mut self) {
        let interval = self.interval.get_or_insert_with(|| {
            let mut interval = tokio::time::interval_at(Instant::now() + INTERVAL, INTERVAL);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        interval.tick().await;
    }

    fn listen(&mut self, books: &Books) {
        // What cannot be asked now is asked again.
        let Ok(now) = books.data_version() else { return };
        if self.others.replace(now).is_some_and(|before| before != now) {
            self.others_wrote.notify_one();
        }
    }
}
