//! Reads what is compared between a database and an earlier state of it. Every version has had these columns.

use crate::clock::Stamp;
use crate::db::{Db, DbError, Reach, Rows};

/// An entry of the log, without what later versions have added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogEntry {
    pub(super) seq: i64,
    pub(super) at: Stamp,
    pub(super) kind: String,
    pub(super) student_id: Option<i64>,
    pub(super) course_id: Option<i64>,
    pub(super) enrollment_id: Option<i64>,
    pub(super) actor: Option<String>,
    pub(super) data: String,
}

/// The log up to this entry, in order.
pub(super) async fn log(db: &Db, up_to: i64) -> Result<Rows<LogEntry>, DbError> {
    let sql = "select seq, at, type, student_id, course_id, enrollment_id, actor, data from events \
               where seq <= $1 order by seq";
    db.stream(sql, vec![up_to.into()], |row| {
        Ok(LogEntry {
            seq: row.int(0)?,
            at: row.stamp(1)?,
            kind: row.text(2)?,
            student_id: row.opt_int(3)?,
            course_id: row.opt_int(4)?,
            enrollment_id: row.opt_int(5)?,
            actor: row.opt_text(6)?,
            data: row.text(7)?,
        })
    })
    .await
}

/// The last `seq` of the log; 0 if it is empty.
pub(super) async fn last_seq(db: &Db) -> Result<i64, DbError> {
    let last = db.query_opt("select coalesce(max(seq), 0) from events", [], |row| row.int(0)).await?;
    Ok(last.unwrap_or(0))
}

/// Students or courses, and how to read them.
pub(super) struct Records {
    /// What to say if some are gone although the log goes on where that of the backup ends.
    pub(super) gone: &'static str,
    /// What to say if some are gone and the log is another one.
    pub(super) missing: &'static str,
    pub(super) noun: &'static str,
    ids: &'static str,
    deleted: &'static str,
}

pub(super) const RECORDS: [Records; 2] = [
    Records {
        gone: "students are gone without an entry in the log: another program may have deleted them",
        missing: "students of the backup are missing, as the entries in the log are",
        noun: "student",
        ids: "select id from students",
        deleted: "select student_id from events where type = 'student.deleted' and seq > $1",
    },
    Records {
        gone: "courses are gone without an entry in the log: another program may have deleted them",
        missing: "courses of the backup are missing, as the entries in the log are",
        noun: "course",
        ids: "select id from courses",
        deleted: "select course_id from events where type = 'course.deleted' and seq > $1",
    },
];

impl Records {
    /// The ids of all, in any order.
    pub(super) async fn ids(&self, db: &Db) -> Result<Vec<i64>, DbError> {
        db.read(Reach::Scan, self.ids, [], |row| row.int(0)).await
    }

    /// The ids of those that were deleted after this entry.
    pub(super) async fn deleted_since(&self, db: &Db, seq: i64) -> Result<Vec<i64>, DbError> {
        db.read(Reach::Scan, self.deleted, [seq.into()], |row| row.int(0)).await
    }
}
