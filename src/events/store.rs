//! Reads the event log from the database.

use std::array;
use std::sync::LazyLock;

use super::{About, Filter, HistoryEntry, LogEntry};
use crate::clock::Stamp;
use crate::count::to_i64;
use crate::db::{Arg, Db, DbError, Reach, Row};
use crate::instructors::store::visible_course;
use crate::lists::{Cursor, ListRow, Listing, PLAIN_ORDER};
use crate::registrar::{Actor, CourseId, EventKind, StudentId, no_log_head};
use crate::viewer::Viewer;

/// The entries that match, in order.
#[must_use]
pub fn list(viewer: &Viewer, filter: &Filter) -> Listing<LogEntry> {
    let filter = &visible(viewer, filter.clone());
    let (count, rows) = matching(filter);
    let (filter_args, begin) = (args(filter), filter.after.unwrap_or(0));
    let mut count_args = filter_args.clone();
    count_args.extend(filter.after.map(Arg::from));
    let args = move |after: Option<&Cursor>| {
        let mut args = filter_args.clone();
        args.push(after.map_or(begin, |after| after.id.max(begin)).into());
        args
    };
    Listing {
        order: PLAIN_ORDER.to_owned(),
        count,
        count_args,
        rows,
        args: Box::new(args),
        map: list_row,
        reach: reach(filter),
        // The number of all entries is stored in one row.
        count_reach: if *filter == Filter::default() { Reach::Key } else { Reach::Range },
    }
}

/// The filter, or one that nothing passes, for a caller who may not read the log.
#[must_use]
pub fn visible(viewer: &Viewer, filter: Filter) -> Filter {
    if viewer.sees_events() {
        return filter;
    }
    let student_id = Some(filter.student_id.unwrap_or(StudentId(0)));
    Filter { student_id, is_closed: true, ..filter }
}

/// The first `max` entries after `after` that match.
///
/// # Errors
/// When the database cannot be read.
pub async fn after(db: &Db, filter: &Filter, after: i64, max: usize) -> Result<Vec<LogEntry>, DbError> {
    let (_, sql) = matching(filter);
    let mut args = args(filter);
    args.extend([after.into(), to_i64(max).into()]);
    db.read(reach(filter), sql, args, entry).await
}

/// How much of the table has to be read for a few entries. There is no index for a course together with a type, so
/// all entries of the course may have to be read. A student has few entries.
fn reach(filter: &Filter) -> Reach {
    match (filter.student_id, filter.course_id, filter.kind, &filter.actor) {
        (None, Some(_), Some(_), _) | (None, Some(_), None, Some(_)) => Reach::Range,
        // There is no index for actors either.
        (None, None, _, Some(_)) => Reach::Scan,
        _ => Reach::Page,
    }
}

/// The latest `max` entries about a student or a course before the `seq` `before`, newest first, with names.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest(
    viewer: &Viewer,
    about: About,
    before: i64,
    max: i64,
) -> Result<Vec<HistoryEntry>, DbError> {
    let after = history_start(viewer, about).await?;
    let (sql, mut args) = match about {
        About::Student(id) => {
            (history_of!("student_id = $1", "$2", "$3", "$4"), vec![viewer.student(id).into()])
        }
        About::Course(id) => {
            let sql =
                history_of!(concat!("course_id = ", visible_course!("$1", "$2", "$3")), "$4", "$5", "$6");
            (sql, viewer.roster(id).to_vec())
        }
    };
    args.extend([after.into(), before.into(), max.into()]);
    viewer.db().read(Reach::Page, sql, args, history_entry).await
}

/// The latest `max` entries of this kind, newest first, with names; none for a caller who may not read the log.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest_of_kind(
    viewer: &Viewer,
    kind: EventKind,
    max: i64,
) -> Result<Vec<HistoryEntry>, DbError> {
    if !viewer.sees_events() {
        return Ok(Vec::new());
    }
    let args = [kind.as_str().into(), 0.into(), i64::MAX.into(), max.into()];
    viewer.db().read(Reach::Page, history_of!("type = $1", "$2", "$3", "$4"), args, history_entry).await
}

/// The `seq` after which events with this id are about the student or course that has the id now, or had it last.
/// Usually 0. If another program reused the id of a deleted row, events up to the deletion are about another student
/// or course.
///
/// # Errors
/// When the database cannot be read.
pub async fn history_start(viewer: &Viewer, about: About) -> Result<i64, DbError> {
    // Each statement uses the index that finds few entries: a student has few events, and few courses are deleted.
    let (deletions, last, exists, id) = match about {
        About::Student(id) => (
            "select seq from events where student_id = $1 and type || '' = 'student.deleted'",
            "select max(seq) from events where student_id = $1",
            "select 1 from students where id = cast($1 as bigint)",
            id.0,
        ),
        About::Course(id) => (
            "select seq from events where type = 'course.deleted' and course_id + 0 = $1",
            "select max(seq) from events where course_id = $1",
            "select 1 from courses where id = cast($1 as bigint)",
            id.0,
        ),
    };
    let mut deletions = viewer.db().query(deletions, [id.into()], |row| row.int(0)).await?;
    deletions.sort_unstable();
    let Some(deleted) = deletions.pop() else { return Ok(0) };
    let last = viewer.db().query(last, [id.into()], |row| row.int(0)).await?.pop();
    let exists = !viewer.db().query(exists, [id.into()], |row| row.int(0)).await?.is_empty();
    // If the id was not reused, the history is that of the deleted student or course.
    if !exists && last == Some(deleted) { Ok(deletions.pop().unwrap_or(0)) } else { Ok(deleted) }
}

/// The `seq` of the last entry.
///
/// # Errors
/// When the database cannot be read.
pub async fn last_seq(db: &Db) -> Result<i64, DbError> {
    let last = db.query_opt("select last_seq from log_head where id = 1", [], |row| row.int(0)).await?;
    last.ok_or_else(no_log_head)
}

/// The `seq` of the last entry before a time; 0 if there is none. Times of entries never decrease, and `seq` has no gaps,
/// so that a few entries are enough to find it.
///
/// # Errors
/// When the database cannot be read.
pub async fn last_seq_before(db: &Db, time: &Stamp) -> Result<i64, DbError> {
    let (mut before, mut not_before) = (0, last_seq(db).await? + 1);
    while not_before - before > 1 {
        let middle = i64::midpoint(before, not_before);
        let at = db.query_opt("select at from events where seq = $1", [middle.into()], |row| row.stamp(0));
        let at = at.await?.ok_or_else(|| DbError::Engine(format!("the log has no entry {middle}")))?;
        if at < *time {
            before = middle;
        } else {
            not_before = middle;
        }
    }
    Ok(before)
}

/// The `seq` of the last entry about a course up to a time; 0 if there is none.
///
/// # Errors
/// When the database cannot be read.
pub async fn last_seq_at(viewer: &Viewer, course_id: CourseId, time: &Stamp) -> Result<i64, DbError> {
    let sql = concat!(
        "select coalesce(max(seq), 0) from events where course_id = ",
        visible_course!("$1", "$2", "$3"),
        " and at <= $4"
    );
    let args = viewer.roster(course_id).into_iter().chain([time.into()]).collect::<Vec<_>>();
    let last = viewer.db().read(Reach::Range, sql, args, |row| row.int(0)).await?;
    last.first().copied().ok_or_else(|| DbError::Engine("the log cannot be counted".to_owned()))
}

fn args(filter: &Filter) -> Vec<Arg> {
    let mut args = Vec::new();
    // Null, which no row has, where nothing may pass.
    args.extend(filter.student_id.map(|id| Arg::Int((!filter.is_closed).then_some(id.0))));
    args.extend(filter.course_id.map(|id| id.0.into()));
    args.extend(filter.kind.map(|kind| kind.as_str().into()));
    args.extend(filter.actor.as_deref().map(Arg::from));
    args.extend(filter.up_to.map(Arg::from));
    args
}

/// The statements that count and read the entries that match. The parameters of both begin with [`args`]. To count, the
/// `seq` of `after` follows, if there is one; to read, that after which to begin, and the number of entries.
fn matching(filter: &Filter) -> (&'static str, &'static str) {
    /// The place of the condition that only the count needs.
    const AFTER: usize = 5;
    /// For each set of conditions.
    static STATEMENTS: LazyLock<[(String, String); 64]> = LazyLock::new(|| {
        array::from_fn(|set| {
            let given = |bit: &(usize, &str)| set & (1 << bit.0) != 0;
            let all = ["student_id =", "course_id =", "type =", "actor =", "seq <=", "seq >"];
            let numbered = (1..).zip(all.into_iter().enumerate().filter(given));
            let mut conditions: Vec<_> =
                numbered.map(|(place, (_, condition))| format!("{condition} ${place}")).collect();
            let count = if conditions.is_empty() {
                // The log has no gaps, so the last `seq` is the number of entries.
                "select last_seq from log_head where id = 1".to_owned()
            } else {
                format!("select count(*) from events where {}", conditions.join(" and "))
            };
            // To read, there is always a `seq` after which to begin.
            if given(&(AFTER, "")) {
                conditions.pop();
            }
            let (after, limit) = (conditions.len() + 1, conditions.len() + 2);
            conditions.push(format!("seq > ${after}"));
            let rows = format!(
                "select seq, at, type, student_id, course_id, enrollment_id, actor, request_id, data \
                 from events where {} order by seq limit ${limit}",
                conditions.join(" and ")
            );
            (count, rows)
        })
    });
    let bit = |place: usize, given: bool| usize::from(given) << place;
    let set = bit(0, filter.student_id.is_some())
        | bit(1, filter.course_id.is_some())
        | bit(2, filter.kind.is_some())
        | bit(3, filter.actor.is_some())
        | bit(4, filter.up_to.is_some())
        | bit(AFTER, filter.after.is_some());
    let (count, rows) = &STATEMENTS[set];
    (count, rows)
}

/// A condition: the student with this id is the same as at this `seq`, that is, it was not deleted since.
macro_rules! same_student {
    ($id:literal, $seq:literal) => {
        concat!(
            "not exists (select 1 from events d where d.student_id = ",
            $id,
            " and d.type || '' = 'student.deleted' and d.seq > ",
            $seq,
            ")"
        )
    };
}
pub(crate) use same_student;

/// The same for a course.
macro_rules! same_course {
    ($id:literal, $seq:literal) => {
        concat!(
            "not exists (select 1 from events d where d.type = 'course.deleted' and d.course_id + 0 = ",
            $id,
            " and d.seq > ",
            $seq,
            ")"
        )
    };
}
pub(crate) use same_course;

macro_rules! history_of {
($which:expr, $after:literal, $before:literal, $max:literal) => {
        concat!(
            "select e.seq, e.at, e.type, e.student_id, \
             coalesce(cast(s.name as text), case when s.id is not null then '(no name)' end), e.course_id, \
             coalesce(cast(c.name as text), case when c.id is not null then '(no name)' end), e.data, e.actor from (\
             select seq, at, type, student_id, course_id, data, actor from events where ",
             $which,
            " and seq > ",
            $after,
            " and seq < ",
            $before,
            " order by seq desc limit ",
            $max,
            ") e \
             left join students s on s.id = e.student_id and ",
            same_student!("e.student_id", "e.seq"),
            " left join courses c on c.id = e.course_id and ",
            same_course!("e.course_id", "e.seq"),
            " order by e.seq desc"
        )
    };
}
use history_of;

fn history_entry(row: &Row<'_>) -> Result<HistoryEntry, DbError> {
    Ok(HistoryEntry {
        seq: row.int(0)?,
        at: row.stamp(1)?,
        kind: row.text(2)?.parse().ok(),
        r#type: row.text(2)?,
        student: row.opt_int(3)?.map(Into::into),
        student_name: row.opt_text(4)?,
        course: row.opt_int(5)?.map(Into::into),
        course_name: row.opt_text(6)?,
        data: data(row, 7)?,
        actor: row.opt_text(8)?.as_deref().and_then(Actor::from_stored),
        by: None,
    })
}

fn data(row: &Row<'_>, column: usize) -> Result<serde_json::Value, DbError> {
    serde_json::from_str(&row.text(column)?).map_err(|error| DbError::Engine(format!("events.data: {error}")))
}

fn list_row(row: &Row<'_>) -> Result<ListRow<LogEntry>, DbError> {
    Ok(ListRow { row: entry(row)?, text: None, id: row.int(0)? })
}

fn entry(row: &Row<'_>) -> Result<LogEntry, DbError> {
    Ok(LogEntry {
        seq: row.int(0)?,
        at: row.stamp(1)?,
        r#type: row.text(2)?,
        student_id: row.opt_int(3)?.map(Into::into),
        course_id: row.opt_int(4)?.map(Into::into),
        enrollment_id: row.opt_int(5)?.map(Into::into),
        actor: row.opt_text(6)?,
        request_id: row.opt_text(7)?,
        data: data(row, 8)?,
    })
}
