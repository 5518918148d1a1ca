//! Reads and writes the record of disclosures.

use super::{Disclosure, Reading, StudentList};
use crate::clock::Stamp;
use crate::db::{Arg, DbError, Reach, Row};
use crate::events::About;
use crate::events::store::history_start;
use crate::lists::{Cursor, Direction, ListRow, Listing};
use crate::registrar::{Chore, Counted, StudentId, Tallied};
use crate::viewer::Viewer;

/// A statement about `d`, the lists that were read which may contain the student `$1`, whose history begins after the
/// `seq` `$2` and who is known since the time `$3`. For null there is none. `stays` are the times that the student spent on
/// lists of courses.
macro_rules! select_disclosures {
    ($columns:literal, $rest:literal) => {
        concat!(
            "with stays (what, course_id, since, till, seq) as (\
             select 'roster', e.course_id, e.at, coalesce((select min(x.at) from events x where x.student_id = $1 \
             and x.seq > e.seq and x.course_id = e.course_id and x.type || '' = 'enrollment.dropped'), '9999'), e.seq \
             from events e where e.student_id = $1 and e.seq > $2 \
             and e.type || '' in ('enrollment.created', 'enrollment.adopted', 'enrollment.restored', 'waitlist.promoted') \
             union all select 'waitlist', e.course_id, e.at, coalesce((select min(x.at) from events x where x.student_id = $1 \
             and x.seq > e.seq and x.course_id = e.course_id and x.type || '' in ('waitlist.left', 'waitlist.promoted', 'enrollment.created', 'enrollment.restored')), '9999'), \
             e.seq from events e where e.student_id = $1 and e.seq > $2 and e.type || '' in ('waitlist.joined', 'waitlist.restored') \
             union all select 'events', e.course_id, min(e.at), '9999', min(e.seq) from events e where e.student_id = $1 \
             and e.seq > $2 and e.course_id is not null group by e.course_id), \
             d (id, at, until, token_id, what, course_id, as_of, rows_sent, seq) as (\
             select id, at, until, token_id, what, course_id, as_of, rows_sent, cast(null as bigint) \
             from matricula_disclosures where student_id = $1 \
             union all select id, at, until, token_id, what, course_id, as_of, rows_sent, cast(null as bigint) \
             from matricula_disclosures where student_id is null and course_id is null \
             union all select r.id, r.at, r.until, r.token_id, r.what, r.course_id, r.as_of, r.rows_sent, max(s.seq) \
             from stays s join matricula_disclosures r on r.course_id = s.course_id and r.what = s.what \
             where r.student_id is null and s.since <= coalesce(r.as_of, r.until) and s.till >= coalesce(r.as_of, r.at) \
             group by r.id, r.at, r.until, r.token_id, r.what, r.course_id, r.as_of, r.rows_sent) \
             select ",
            $columns,
            " where cast($1 as bigint) is not null and d.until >= $3 ",
            $rest
        )
    };
}

/// The columns that [`disclosure`] reads. A course that was deleted since has no name.
macro_rules! select_rows {
    ($rest:literal) => {
        select_disclosures!(
            "d.id, d.at, d.until, d.token_id, t.name, d.what, d.course_id, \
             (select cast(c.name as text) from courses c where c.id = d.course_id and not exists \
             (select 1 from events x where x.course_id = d.course_id and x.seq > d.seq and x.type || '' = 'course.deleted')), \
             d.as_of, d.rows_sent from d left join matricula_tokens t on t.id = d.token_id",
            $rest
        )
    };
}

/// The lists which may contain this student that programs have read; none for a caller who may not read the record.
///
/// # Errors
/// When the database cannot be read.
pub async fn about(
    viewer: &Viewer,
    id: StudentId,
    direction: Direction,
) -> Result<Listing<Disclosure>, DbError> {
    let args = student(viewer, id).await?;
    let (rows, before_all) = match direction {
        Direction::Asc => (select_rows!("and d.id > $4 order by d.id limit $5"), 0),
        Direction::Desc => (select_rows!("and d.id < $4 order by d.id desc limit $5"), i64::MAX),
    };
    Ok(Listing {
        order: format!("disclosures-of-{id}.{direction:?}"),
        count: select_disclosures!("count(*) from d", ""),
        count_args: args.clone(),
        rows,
        args: Box::new(move |after: Option<&Cursor>| {
            let mut args = args.clone();
            args.push(after.map_or(before_all, |after| after.id).into());
            args
        }),
        map: |row| Ok(ListRow { id: row.int(0)?, text: None, row: disclosure(row)? }),
        // Entries about other students may have to be read in between.
        reach: Reach::Range,
        count_reach: Reach::Range,
    })
}

/// The latest of them, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest(viewer: &Viewer, id: StudentId, max: i64) -> Result<Vec<Disclosure>, DbError> {
    let mut args = student(viewer, id).await?;
    args.extend([i64::MAX.into(), max.into()]);
    let sql = select_rows!("and d.id < $4 order by d.id desc limit $5");
    viewer.db().read(Reach::Range, sql, args, disclosure).await
}

/// The parameters of the condition about a student.
async fn student(viewer: &Viewer, id: StudentId) -> Result<Vec<Arg>, DbError> {
    let start = history_start(viewer, About::Student(id)).await?;
    let since = known_since(viewer, id, start).await?;
    Ok(vec![viewer.student(id).into(), start.into(), (&since).into()])
}

/// When this student was added. One who was there before the log counts as always there.
async fn known_since(viewer: &Viewer, id: StudentId, start: i64) -> Result<Stamp, DbError> {
    let sql = "select coalesce((select min(at) from events where student_id = $1 and seq > $2 \
               and type || '' = 'student.created'), (select at from events where seq = $2), '')";
    let found = viewer.db().query_opt(sql, [viewer.student(id).into(), start.into()], |row| row.stamp(0));
    Ok(found.await?.unwrap_or_default())
}

fn disclosure(row: &Row<'_>) -> Result<Disclosure, DbError> {
    Ok(Disclosure {
        id: row.int(0)?,
        at: row.stamp(1)?,
        until: row.stamp(2)?,
        token_id: row.int(3)?,
        program: row.opt_text(4)?,
        list: row.text(5)?,
        course_id: row.opt_int(6)?,
        course_name: row.opt_text(7)?,
        as_of: row.opt_stamp(8)?,
        rows: row.int(9)?,
    })
}

impl Tallied for Reading {
    const NAME: &'static str = "disclosures";

    fn source(&self) -> i64 {
        self.token_id
    }

    /// The program has read so much that the lists count as everybody's.
    fn summary(&self) -> Self {
        Self { list: StudentList::Students, course_id: None, student_id: None, as_of: None, ..*self }
    }

    fn log(&self, counted: &Counted) {
        let (token_id, list, rows) = (self.token_id, self.list.as_str(), counted.count);
        let (course_id, as_of) = (self.course_id.map(|id| id.0), self.as_of.as_ref().map(Stamp::as_str));
        tracing::info!(
            target: "matricula::disclosures", token_id, list, course_id, as_of, rows, "a program read a list"
        );
    }

    fn chore(&self, counted: &Counted) -> Chore {
        let (list, course_id) = (self.list.as_str(), self.course_id.map(i64::from));
        let (student_id, as_of) = (self.student_id.map(i64::from), self.as_of.as_ref());
        let record = format!(
            "{} {} {list} {} {} {}",
            counted.minute(),
            self.token_id,
            course_id.unwrap_or_default(),
            student_id.unwrap_or_default(),
            as_of.map(Stamp::as_str).unwrap_or_default()
        );
        Chore {
            sql: "insert into matricula_disclosures \
                  (at, until, token_id, what, course_id, student_id, as_of, rows_sent, record) \
                  values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (record) do update set \
                  until = case when excluded.until > matricula_disclosures.until then excluded.until \
                  else matricula_disclosures.until end, rows_sent = matricula_disclosures.rows_sent + excluded.rows_sent",
            args: vec![
                (&counted.first).into(),
                (&counted.last).into(),
                self.token_id.into(),
                list.into(),
                course_id.into(),
                student_id.into(),
                as_of.into(),
                counted.count.into(),
                record.as_str().into(),
            ],
        }
    }

    fn delete_old(before: &Stamp, max: i64) -> Chore {
        Chore {
            sql: "delete from matricula_disclosures where id in \
                  (select id from matricula_disclosures where at < $1 order by at limit $2)",
            args: vec![before.into(), max.into()],
        }
    }
}
