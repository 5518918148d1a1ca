//! Reads courses from the database.

use std::sync::LazyLock;

use crate::db::{DbError, Reach, Row};
use crate::lists::{Conditions, Direction, ListRow, Listing, SortKey, SortedList, SortedTable};
use crate::registrar::{Course, CourseId, SeatCount};
use crate::viewer::Viewer;

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
pub async fn find(viewer: &Viewer, id: CourseId) -> Result<Option<Course>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!("select {} from {SOURCE} where id = cast($2 as bigint)", columns(" limit $1"))
    });
    let sql = SQL.as_str();
    let found =
        viewer.db().query_opt(sql, [(Reach::MAX_COUNTED_BY_KEY + 1).into(), id.0.into()], course).await?;
    let seats = found.as_ref().and_then(|course| course.seats.as_ref());
    if seats.is_none_or(|seats| seats.enrolled.max(seats.waitlisted) <= Reach::MAX_COUNTED_BY_KEY) {
        return Ok(found);
    }
    Ok(viewer.db().read(Reach::Range, sql, [i64::MAX.into(), id.0.into()], course).await?.pop())
}

/// The courses that match, sorted. The second text is the level.
#[must_use]
pub fn list(conditions: Conditions<'_>, sort: CourseSort, direction: Direction) -> Listing<Course> {
    static LIST: LazyLock<SortedList<Course>> = LazyLock::new(|| {
        // A range, because a page counts the students of each of its courses.
        let table = SortedTable {
            name: "courses",
            texts: ["name", "level"],
            external_id: "cc.code",
            columns: &columns(""),
            source: SOURCE,
            counted: "courses left join matricula_course_codes cc on cc.course_id = courses.id",
            reach: Reach::Range,
        };
        SortedList::new(&table, listed)
    });
    LIST.listing(conditions, sort, direction)
}

impl SortKey for CourseSort {
    fn text(self) -> Option<usize> {
        match self {
            Self::Id => None,
            Self::Name => Some(0),
            Self::Level => Some(1),
        }
    }
}

const SOURCE: &str = "courses left join matricula_course_codes cc on cc.course_id = courses.id \
    left join course_seats cs on cs.course_id = courses.id";

/// The columns of a course: its own, its code, its capacity, and its enrolled and waitlisted students. Counting stops at the
/// `limit`; without seats, the last three are null.
fn columns(limit: &str) -> String {
    format!(
        "cast(id as bigint), cast(name as text), cast(level as text), cast(cc.code as text), cs.capacity, \
         case when cs.course_id is not null then \
         (select count(*) from (select 1 from student_courses sc join students s on s.id = sc.student_id \
         where sc.course_id = courses.id{limit}) few) end, \
         (select count(*) from (select 1 from waitlist w join students s on s.id = w.student_id \
         where w.course_id = cs.course_id{limit}) few)"
    )
}

fn listed(row: &Row<'_>) -> Result<ListRow<Course>, DbError> {
    Ok(ListRow { row: course(row)?, text: row.opt_text(7)?, id: row.int(0)? })
}

fn course(row: &Row<'_>) -> Result<Course, DbError> {
    let seats = match row.opt_int(5)? {
        Some(enrolled) => Some(SeatCount { capacity: row.opt_int(4)?, enrolled, waitlisted: row.int(6)? }),
        None => None,
    };
    let (name, level, code) = (row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?);
    Ok(Course { id: row.int(0)?.into(), name, level, code, seats })
}
