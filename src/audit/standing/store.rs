//! Reads groups, holds and rules from the tables and from the log.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::db::{Db, DbError, Reach, Rows};

/// What the log, or the tables, say about groups, holds and rules.
#[derive(Default)]
pub(super) struct Standings {
    /// The limit of courses of the whole school.
    pub(super) course_limit: Option<i64>,
    /// The limit of each group.
    pub(super) groups: BTreeMap<String, Option<i64>>,
    /// The members of groups.
    pub(super) members: BTreeSet<(String, i64)>,
    /// The student of each hold.
    pub(super) holds: BTreeMap<i64, i64>,
}

/// An entry of the log about groups, holds, rules, or the end of a student.
pub(super) struct StandingEntry {
    pub(super) seq: i64,
    pub(super) kind: String,
    /// 0 if it is not about a student.
    pub(super) student_id: i64,
    pub(super) data: Value,
}

/// All entries about groups, holds and rules, and the deletions of students, in order.
pub(super) async fn standing_entries(db: &Db) -> Result<Rows<StandingEntry>, DbError> {
    let sql = "select seq, type, coalesce(student_id, 0), data from events where type in ('rules.set', 'group.set', \
               'group.deleted', 'group.joined', 'group.left', 'hold.placed', 'hold.released', 'student.deleted') order by seq";
    db.stream(sql, Vec::new(), |row| {
        let (seq, kind, student_id, data) = (row.int(0)?, row.text(1)?, row.int(2)?, row.text(3)?);
        let data =
            serde_json::from_str(&data).map_err(|error| DbError::Engine(format!("events.data: {error}")))?;
        Ok(StandingEntry { seq, kind, student_id, data })
    })
    .await
}

/// The groups, holds and rules in the tables, those of students who exist.
pub(super) async fn standings(db: &Db) -> Result<Standings, DbError> {
    let rules = "select course_limit from matricula_rules where id = 1";
    let groups = "select name, course_limit from matricula_groups";
    let members = "select m.group_name, m.student_id from matricula_group_students m join students s on s.id = m.student_id";
    let holds = "select h.id, h.student_id from matricula_holds h join students s on s.id = h.student_id";
    let course_limit = db.query_opt(rules, [], |row| row.opt_int(0)).await?;
    let course_limit = course_limit
        .ok_or_else(|| DbError::Engine("the table matricula_rules has lost its row".to_owned()))?;
    let groups = db.read(Reach::Scan, groups, [], |row| Ok((row.text(0)?, row.opt_int(1)?))).await?;
    let members = db.read(Reach::Scan, members, [], |row| Ok((row.text(0)?, row.int(1)?))).await?;
    let holds = db.read(Reach::Scan, holds, [], |row| Ok((row.int(0)?, row.int(1)?))).await?;
    Ok(Standings {
        course_limit,
        groups: groups.into_iter().collect(),
        members: members.into_iter().collect(),
        holds: holds.into_iter().collect(),
    })
}

/// Students in groups or on hold, according to the log, who do not exist any more.
pub(super) async fn vanished_students(db: &Db) -> Result<HashSet<i64>, DbError> {
    let sql = "select distinct e.student_id from events e where e.type in ('group.joined', 'hold.placed') \
               and not exists (select 1 from students s where s.id = e.student_id)";
    Ok(db.read(Reach::Scan, sql, [], |row| row.int(0)).await?.into_iter().collect())
}
