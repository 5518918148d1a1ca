//! Checks that groups, holds and the rules of the school are as the log says.

mod store;

use futures_util::StreamExt as _;

use self::store::{StandingEntry, Standings};
use super::finding::Finding;
use crate::db::{Db, DbError};

/// Differences between the tables and the log. Leaves out students that another program has deleted: a running server
/// removes their rows.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn compare(db: &Db) -> Result<Option<Finding>, DbError> {
    let (mut logged, mut unreadable) = (Standings::default(), Vec::new());
    let mut entries = store::standing_entries(db).await?;
    while let Some(entries) = entries.next().await {
        let entries = entries?;
        let without_data = entries.iter().filter(|entry| logged.apply(entry).is_none());
        unreadable
            .extend(without_data.map(|entry| format!("seq {} does not say what it is about", entry.seq)));
    }
    let stored = store::standings(db).await?;
    let gone = store::vanished_students(db).await?;
    logged.members.retain(|(_, student)| !gone.contains(student));
    logged.holds.retain(|_, student| !gone.contains(student));
    let found = [unreadable, differences(&stored, &logged)].concat();
    Ok(Finding::new("groups, holds and rules are as the log says", found))
}

fn differences(stored: &Standings, logged: &Standings) -> Vec<String> {
    let mut found = Vec::new();
    if stored.course_limit != logged.course_limit {
        let limit = |limit: Option<i64>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
        let (stored, logged) = (limit(stored.course_limit), limit(logged.course_limit));
        found.push(format!("the limit of courses is {stored}; the log says {logged}"));
    }
    for (stored, logged, which) in
        [(stored, logged, "is not in the log"), (logged, stored, "is in the log, but not there")]
    {
        let groups = stored.groups.iter().filter(|(name, limit)| logged.groups.get(*name) != Some(limit));
        found.extend(groups.map(|(name, _)| format!("the group {name} as it is {which}")));
        let members = stored.members.difference(&logged.members);
        found.extend(members.map(|(name, student)| format!("student {student} in the group {name} {which}")));
        let holds = stored.holds.iter().filter(|(id, student)| logged.holds.get(id) != Some(student));
        found.extend(holds.map(|(id, student)| format!("hold {id} of student {student} {which}")));
    }
    found
}

impl Standings {
    /// Applies an entry of the log; `None` if it does not say what it is about.
    fn apply(&mut self, entry: &StandingEntry) -> Option<()> {
        let &StandingEntry { seq, student_id, ref kind, ref data } = entry;
        let group = || data["group"].as_str().map(str::to_owned);
        match kind.as_str() {
            "rules.set" => self.course_limit = data["course_limit"].as_i64(),
            "group.set" => {
                self.groups.insert(group()?, data["course_limit"].as_i64());
            }
            "group.deleted" => {
                let group = group()?;
                self.groups.remove(&group);
                self.members.retain(|(name, _)| *name != group);
            }
            "group.joined" => {
                self.members.insert((group()?, student_id));
            }
            "group.left" => {
                self.members.remove(&(group()?, student_id));
            }
            "hold.placed" => {
                self.holds.insert(seq, student_id);
            }
            "hold.released" => {
                self.holds.remove(&data["hold_id"].as_i64()?);
            }
            "student.deleted" => {
                self.members.retain(|(_, student)| *student != student_id);
                self.holds.retain(|_, student| *student != student_id);
            }
            _ => {}
        }
        Some(())
    }
}
