//! Whether a database continues an earlier state of it, such as a backup: whether its log begins with the whole log of
//! that state.

mod store;

use std::collections::HashSet;
use std::vec;

use futures_util::StreamExt as _;

use self::store::LogEntry;
use super::finding::Finding;
use crate::count::counted;
use crate::db::{Db, DbError, Rows};

/// How two logs compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// Events with which both begin.
    pub shared: i64,
    /// Events that follow the log of the earlier state, if the logs do not part.
    pub added: i64,
    /// Where they part; `None` if the log continues the earlier one.
    pub parting: Option<Finding>,
    /// Students and courses of the earlier state that are gone without an event, which other programs may cause.
    pub gone: Vec<Finding>,
}

/// Compares the log with that of an earlier state, entry by entry. Only reads, so it can run while a server is running.
///
/// # Errors
/// When one of the databases cannot be read.
pub async fn compare_logs(db: &Db, earlier: &Db) -> Result<Continuation, DbError> {
    let up_to = store::last_seq(earlier).await?;
    let mut ours = Entries::new(store::log(db, up_to).await?);
    let mut theirs = Entries::new(store::log(earlier, up_to).await?);
    let mut shared = 0;
    let parting = loop {
        match (ours.next().await?, theirs.next().await?) {
            (Some(our), Some(their)) if our == their => shared += 1,
            (None, None) => break None,
            (our, Some(their)) => break Some(parting(our.as_ref(), &their, up_to)),
            (Some(our), None) => break Some(only_here(&our)),
        }
    };
    let added = if parting.is_none() { store::last_seq(db).await? - up_to } else { 0 };
    let mut gone = Vec::new();
    for records in store::RECORDS {
        let mut known: HashSet<_> = records.ids(db).await?.into_iter().collect();
        known.extend(records.deleted_since(db, up_to).await?);
        let mut missing = records.ids(earlier).await?;
        missing.retain(|id| !known.contains(id));
        missing.sort_unstable();
        let rows = missing.iter().map(|id| format!("{} {id}", records.noun)).collect();
        let note = if parting.is_some() { records.missing } else { records.gone };
        gone.extend(Finding::new(note, rows));
    }
    let parting =
        parting.and_then(|row| Finding::new("the log goes on where that of the backup ends", vec![row]));
    Ok(Continuation { shared, added, parting, gone })
}

/// What is different, where the logs part.
fn parting(our: Option<&LogEntry>, their: &LogEntry, up_to: i64) -> String {
    match our {
        Some(our) if our.seq == their.seq => {
            let (ours, theirs) = (described(our), described(their));
            if ours == theirs {
                return format!("seq {}: {ours} has other details in the backup", our.seq);
            }
            format!("seq {}: {ours}; in the backup: {theirs}", our.seq)
        }
        None => {
            let missing = counted(up_to - their.seq + 1, "event");
            format!("the log ends before seq {}; the backup has {missing} more", their.seq)
        }
        Some(our) if our.seq > their.seq => {
            format!("seq {} is missing; in the backup: {}", their.seq, described(their))
        }
        Some(our) => only_here(our),
    }
}

fn only_here(our: &LogEntry) -> String {
    format!("seq {}: {} is not in the backup", our.seq, described(our))
}

fn described(entry: &LogEntry) -> String {
    let ids =
        [("student", entry.student_id), ("course", entry.course_id), ("enrollment", entry.enrollment_id)];
    let ids = ids.iter().filter_map(|(noun, id)| id.map(|id| format!(" {noun} {id}")));
    format!("{}{} at {}", entry.kind, ids.collect::<String>(), entry.at)
}

/// A log, entry by entry.
struct Entries {
    rows: Rows<LogEntry>,
    chunk: vec::IntoIter<LogEntry>,
}

impl Entries {
    fn new(rows: Rows<LogEntry>) -> Self {
        Self { rows, chunk: Vec::new().into_iter() }
    }

    async fn next(&mut self) -> Result<Option<LogEntry>, DbError> {
        loop {
            if let Some(entry) = self.chunk.next() {
                return Ok(Some(entry));
            }
            match self.rows.next().await {
                Some(chunk) => self.chunk = chunk?.into_iter(),
                None => return Ok(None),
            }
        }
    }
}
