//! Reads what an import has done, and what has happened since.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde_json::Value;

use crate::db::{Db, DbError, Reach, Row};
use crate::imports::store::{KEYS_PER_STATEMENT, places, statements};
use crate::registrar::EventKind;

/// Which entries of the log an import has made: the first and the last of each commit, the latest first.
pub(in crate::imports) async fn ranges(db: &Db, id: i64) -> Result<Vec<(i64, i64)>, DbError> {
    let sql = "select first_seq, last_seq from matricula_import_entries where import_id = $1 order by first_seq desc";
    db.read(Reach::Range, sql, [id.into()], |row| Ok((row.int(0)?, row.int(1)?))).await
}

/// Students and courses that something else has happened to after an import: the student, the course, the last `seq`.
pub(in crate::imports) async fn later(
    db: &Db,
    import_id: i64,
    students: &[i64],
    courses: &[i64],
) -> Result<Vec<(Option<i64>, Option<i64>, i64)>, DbError> {
    static SQL: LazyLock<[String; 2]> = LazyLock::new(|| {
        ["student_id", "course_id"].map(|column| {
            format!(
                "select student_id, course_id, max(seq) from events where {column} in ({}) and data not like ${} \
                 group by student_id, course_id",
                places("bigint"),
                KEYS_PER_STATEMENT + 1
            )
        })
    });
    let own = format!("%import\":{import_id},%");
    let mut found = Vec::new();
    for (sql, ids) in SQL.iter().zip([students, courses]) {
        for mut args in statements(ids) {
            args.push(own.as_str().into());
            let map = |row: &Row<'_>| Ok((row.opt_int(0)?, row.opt_int(1)?, row.int(2)?));
            found.extend(db.read(Reach::Range, sql.as_str(), args, map).await?);
        }
    }
    Ok(found)
}

/// Students who have joined or left groups, not because of the import: the student, the group, the `seq`.
pub(in crate::imports) async fn later_in_groups(
    db: &Db,
    import_id: i64,
    students: &[i64],
) -> Result<Vec<(i64, String, i64)>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select student_id, data, seq from events where student_id in ({}) \
             and type in ('group.joined', 'group.left') and data not like ${}",
            places("bigint"),
            KEYS_PER_STATEMENT + 1
        )
    });
    let own = format!("%import\":{import_id},%");
    let mut found = Vec::new();
    for mut args in statements(students) {
        args.push(own.as_str().into());
        let map = |row: &Row<'_>| {
            let (seq, data) = (row.int(2)?, row.text(1)?);
            let data: Value =
                serde_json::from_str(&data).map_err(|error| damaged(seq, &error.to_string()))?;
            let group = data["group"].as_str().ok_or_else(|| damaged(seq, "it names no group"))?;
            Ok((row.int(0)?, group.to_owned(), seq))
        };
        found.extend(db.read(Reach::Range, SQL.as_str(), args, map).await?);
    }
    Ok(found)
}

/// Groups that were set or deleted after the first entry that made a group, not because of the import.
pub(in crate::imports) async fn later_groups(
    db: &Db,
    import_id: i64,
    entries: &[Entry],
) -> Result<HashSet<String>, DbError> {
    let made = entries.iter().filter(|entry| entry.kind == EventKind::GroupSet.as_str());
    let Some(first) = made.map(|entry| entry.seq).min() else { return Ok(HashSet::new()) };
    let sql = "select data, seq from events where seq > $1 and type in ('group.set', 'group.deleted') and data not like $2";
    let map = |row: &Row<'_>| {
        let (data, seq) = (row.text(0)?, row.int(1)?);
        let data: Value = serde_json::from_str(&data).map_err(|error| damaged(seq, &error.to_string()))?;
        let group = data["group"].as_str().ok_or_else(|| damaged(seq, "it names no group"))?;
        Ok(group.to_owned())
    };
    let own = format!("%import\":{import_id},%");
    Ok(db.read(Reach::Scan, sql, [first.into(), own.into()], map).await?.into_iter().collect())
}

/// An entry of the log.
pub(in crate::imports) struct Entry {
    pub(in crate::imports) seq: i64,
    pub(in crate::imports) kind: String,
    pub(in crate::imports) student_id: Option<i64>,
    pub(in crate::imports) course_id: Option<i64>,
    pub(in crate::imports) enrollment_id: Option<i64>,
    /// The number of the row.
    pub(in crate::imports) row: i64,
    /// Whether the student was on the waitlist until then.
    pub(in crate::imports) from_waitlist: bool,
    /// The group, if it is about one.
    pub(in crate::imports) group: Option<String>,
}

/// Entries of the log, the latest first.
pub(in crate::imports) async fn entries(db: &Db, (first, last): (i64, i64)) -> Result<Vec<Entry>, DbError> {
    let sql = "select seq, type, student_id, course_id, enrollment_id, data from events \
               where seq between $1 and $2 order by seq desc";
    let map = |row: &Row<'_>| {
        let (seq, data) = (row.int(0)?, row.text(5)?);
        let data: Value = serde_json::from_str(&data).map_err(|error| damaged(seq, &error.to_string()))?;
        Ok(Entry {
            seq,
            kind: row.text(1)?,
            student_id: row.opt_int(2)?,
            course_id: row.opt_int(3)?,
            enrollment_id: row.opt_int(4)?,
            from_waitlist: data["from_waitlist"] == true,
            group: data["group"].as_str().map(str::to_owned),
            row: data["row"].as_i64().ok_or_else(|| damaged(seq, "it names no row"))?,
        })
    };
    db.read(Reach::Range, sql, [first.into(), last.into()], map).await
}

fn damaged(seq: i64, why: &str) -> DbError {
    DbError::Engine(format!("entry {seq} of the log is not one of an import: {why}"))
}
