//! Reads courses from the database.

use crate::db::{Db, DbError, Reach, Row, folded};
use crate::lists::{Direction, ListRow, Listing, Search, SortedListing};
use crate::registrar::{Course, CourseId, SeatCount};

/// The sort key of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CourseSort {
    /// The id.
    #[default]
    Id,
    /// The name, ignoring case.
    Name,
    /// The level, ignoring case.
    Level,
}

/// Finds a course.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(db: &Db, id: CourseId) -> Result<Option<Course>, DbError> {
    let sql = concat!(
        "select cast(id as bigint), cast(name as text), cast(level as text), null, ",
        seats!(" limit $1"),
        " where id = cast($2 as bigint)"
    );
    let found = db.query_opt(sql, [(Reach::MAX_COUNTED_BY_KEY + 1).into(), id.0.into()], course).await?;
    let seats = found.as_ref().and_then(|course| course.seats.as_ref());
    if seats.is_none_or(|seats| seats.enrolled.max(seats.waitlisted) <= Reach::MAX_COUNTED_BY_KEY) {
        return Ok(found);
    }
    Ok(db.read(Reach::Range, sql, [i64::MAX.into(), id.0.into()], course).await?.pop())
}

/// The courses that match, sorted.
#[must_use]
pub fn list(search: Option<&Search>, sort: CourseSort, direction: Direction) -> Listing<Course> {
    let ascending = direction == Direction::Asc;
    let rows = match sort {
        CourseSort::Id if ascending => rows!("cast(null as text)", "id > cast($2 as bigint)", "id limit $3"),
        CourseSort::Id => rows!("cast(null as text)", "id < cast($2 as bigint)", "id desc limit $3"),
        CourseSort::Name if ascending => rows_by!("name", ">", ""),
        CourseSort::Name => rows_by!("name", "<", "desc"),
        CourseSort::Level if ascending => rows_by!("level", ">", ""),
        CourseSort::Level => rows_by!("level", "<", "desc"),
    };
    let count = if search.is_some() { COUNT_MATCHING } else { "select count(*) from courses" };
    let order = format!("courses.{sort:?}.{direction:?}");
    // A range, because a page counts the students of each of its courses.
    let reach = Reach::Range;
    SortedListing {
        count,
        rows,
        map: listed,
        search,
        order,
        direction,
        by_text: sort != CourseSort::Id,
        reach,
    }
    .listing()
}

macro_rules! matching {
    () => {
        concat!(folded!("name"), " like $1 escape '~' or ", folded!("level"), " like $1 escape '~'")
    };
}
use matching;

const COUNT_MATCHING: &str = concat!("select count(*) from courses where ", matching!());

/// The columns for the capacity, the enrolled and the waitlisted students of a course, and the tables. Counting stops
/// at the limit; without seats, the columns are null.
macro_rules! seats {
    ($limit:literal) => {
        concat!(
            "cs.capacity, case when cs.course_id is not null then \
             (select count(*) from (select 1 from student_courses sc join students s on s.id = sc.student_id \
             where sc.course_id = courses.id",
            $limit,
            ") few) end, (select count(*) from (select 1 from waitlist w join students s on s.id = w.student_id \
             where w.course_id = cs.course_id",
            $limit,
            ") few) from courses left join course_seats cs on cs.course_id = courses.id"
        )
    };
}
use seats;

macro_rules! rows {
    ($key:expr, $after:expr, $order:expr) => {
        concat!(
            "select cast(id as bigint), cast(name as text), cast(level as text), ",
            $key,
            ", ",
            seats!(""),
            " where (cast($1 as text) is null or ",
            matching!(),
            ") and ",
            $after,
            " order by ",
            $order
        )
    };
}
use rows;

macro_rules! rows_by {
    ($text:literal, $past:literal, $way:literal) => {
        rows!(
            folded!($text),
            concat!(
                "(cast($2 as text) is null or (",
                folded!($text),
                ", id) ",
                $past,
                " ($2, cast($3 as bigint)))"
            ),
            concat!(folded!($text), " ", $way, ", id ", $way, " limit $4")
        )
    };
}
use rows_by;

fn listed(row: &Row<'_>) -> Result<ListRow<Course>, DbError> {
    Ok(ListRow { row: course(row)?, text: row.opt_text(3)?, id: row.int(0)? })
}

fn course(row: &Row<'_>) -> Result<Course, DbError> {
    let seats = match row.opt_int(5)? {
        Some(enrolled) => Some(SeatCount { capacity: row.opt_int(4)?, enrolled, waitlisted: row.int(6)? }),
        None => None,
    };
    Ok(Course { id: row.int(0)?.into(), name: row.opt_text(1)?, level: row.opt_text(2)?, seats })
}
