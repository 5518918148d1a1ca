//! The log of a database that this server only reads, such as a standby.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::store::last_seq;
use crate::db::{Db, DbError};

/// How long a read waits for the change that it has to see.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// How often the end of the log is read meanwhile, for all reads that wait.
const INTERVAL: Duration = Duration::from_millis(10);

/// The log of a database that another server writes to. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Replica(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    db: Db,
    /// The last `seq` when the log was last read. It is no lower bound for later: after a failover the log may be
    /// shorter.
    seen: Mutex<Option<(Instant, i64)>>,
}

impl Replica {
    pub(super) fn new(db: Db) -> Self {
        Self(Arc::new(Shared { db, seen: Mutex::default() }))
    }

    /// Waits until the log has this entry; `false` if it does not come in time.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) async fn reach(&self, seq: i64) -> Result<bool, DbError> {
        let began = Instant::now();
        loop {
            if self.last_seq().await? >= seq {
                return Ok(true);
            }
            if began.elapsed() >= MAX_WAIT {
                return Ok(false);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// The end of the log, at most [`INTERVAL`] ago.
    async fn last_seq(&self) -> Result<i64, DbError> {
        let mut seen = self.0.seen.lock().await;
        if let Some((_, seq)) = seen.filter(|(when, _)| when.elapsed() < INTERVAL) {
            return Ok(seq);
        }
        let when = Instant::now();
        let seq = last_seq(&self.0.db).await?;
        *seen = Some((when, seq));
        Ok(seq)
    }
}
