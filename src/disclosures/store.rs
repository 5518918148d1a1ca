//! Reads and writes the record of disclosures.

use super::{Disclosure, Reading};
use crate::clock::Stamp;
use crate::db::{Arg, DbError, Reach, Row};
use crate::events::About;
use crate::events::store::history_start;
use crate::lists::{Cursor, Direction, ListRow, Listing};
use crate::registrar::{Chore, Counted, StudentId, Tallied};
use crate::viewer::Viewer;

/// A condition: the list that was read between `d.at` and `d.until` may contain the student `$1`, who is known since the
/// time `$2` and whose history begins after the `seq` `$3`. For null there is none.
macro_rules! concerns {
    () => {
        "cast($1 as bigint) is not null and d.until >= $2 and (d.student_id = $1 \
         or (d.student_id is null and d.course_id is null) \
         or (d.student_id is null and d.what = 'events' and exists (select 1 from events e where e.student_id = $1 \
         and e.seq > $3 and e.course_id = d.course_id and e.at <= d.until)) \
         or (d.what = 'roster' and exists (select 1 from events e where e.student_id = $1 and e.seq > $3 \
         and e.course_id = d.course_id and e.at <= coalesce(d.as_of, d.until) \
         and e.type || '' in ('enrollment.created', 'enrollment.adopted', 'waitlist.promoted') \
         and not exists (select 1 from events x where x.student_id = $1 and x.enrollment_id = e.enrollment_id \
         and x.type || '' = 'enrollment.dropped' and x.at < coalesce(d.as_of, d.at)))) \
         or (d.what = 'waitlist' and exists (select 1 from events e where e.student_id = $1 and e.seq > $3 \
         and e.course_id = d.course_id and e.at <= d.until and e.type || '' = 'waitlist.joined' \
         and not exists (select 1 from events x where x.student_id = $1 and x.seq > e.seq \
         and x.course_id = e.course_id and x.type || '' in ('waitlist.left', 'waitlist.promoted') and x.at < d.at))))"
    };
}

macro_rules! select_disclosures {
    ($rest:literal) => {
        concat!(
            "select d.id, d.at, d.until, d.token_id, t.name, d.what, d.course_id, cast(c.name as text), d.as_of, d.rows_sent \
             from matricula_disclosures d left join matricula_tokens t on t.id = d.token_id \
             left join courses c on c.id = d.course_id where ",
            concerns!(),
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
        Direction::Asc => (select_disclosures!(" and d.id > $4 order by d.id limit $5"), 0),
        Direction::Desc => (select_disclosures!(" and d.id < $4 order by d.id desc limit $5"), i64::MAX),
    };
    Ok(Listing {
        order: format!("disclosures-of-{id}.{direction:?}"),
        count: concat!("select count(*) from matricula_disclosures d where ", concerns!()),
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
    let sql = select_disclosures!(" and d.id < $4 order by d.id desc limit $5");
    viewer.db().read(Reach::Range, sql, args, disclosure).await
}

/// The parameters of the condition about a student.
async fn student(viewer: &Viewer, id: StudentId) -> Result<Vec<Arg>, DbError> {
    let start = history_start(viewer, About::Student(id)).await?;
    let since = known_since(viewer, id, start).await?;
    Ok(vec![viewer.student(id).into(), (&since).into(), start.into()])
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

    fn chores(&self, counted: &Counted) -> Vec<Chore> {
        let (begin, end) = counted.minute();
        let reading: [Arg; 5] = [
            self.token_id.into(),
            self.list.as_str().into(),
            self.course_id.map(i64::from).into(),
            self.student_id.map(i64::from).into(),
            self.as_of.as_ref().into(),
        ];
        let add = Chore {
            sql: "update matricula_disclosures set until = $1, rows_sent = rows_sent + $2 where id = \
                  (select max(id) from matricula_disclosures where at between $3 and $4 and token_id = $5 and what = $6 \
                  and course_id is not distinct from cast($7 as bigint) \
                  and student_id is not distinct from cast($8 as bigint) and as_of is not distinct from cast($9 as text))",
            args: [(&counted.last).into(), counted.count.into(), (&begin).into(), (&end).into()]
                .into_iter()
                .chain(reading.clone())
                .collect(),
        };
        let insert = Chore {
            sql: "insert into matricula_disclosures (at, until, rows_sent, token_id, what, course_id, student_id, as_of) \
                  select cast($1 as text), cast($2 as text), cast($3 as bigint), cast($4 as bigint), cast($5 as text), \
                  cast($6 as bigint), cast($7 as bigint), cast($8 as text) \
                  where not exists (select 1 from matricula_disclosures where at between $9 and $10 and token_id = $4 and what = $5 \
                  and course_id is not distinct from cast($6 as bigint) \
                  and student_id is not distinct from cast($7 as bigint) and as_of is not distinct from cast($8 as text))",
            args: [(&counted.first).into(), (&counted.last).into(), counted.count.into()]
                .into_iter()
                .chain(reading)
                .chain([(&begin).into(), (&end).into()])
                .collect(),
        };
        vec![add, insert]
    }

    fn delete_old(before: &Stamp, max: i64) -> Chore {
        Chore {
            sql: "delete from matricula_disclosures where id in \
                  (select id from matricula_disclosures where at < $1 order by at limit $2)",
            args: vec![before.into(), max.into()],
        }
    }
}
