//! Reads courses from the database.

use std::sync::LazyLock;

use crate::db::{Db, DbError, Reach, Row, Rows};
use crate::lists::{Direction, ListRow, ListedTable, Listing, RecordList, Rolled, SortKey, Texts, Wanted};
use crate::registrar::{Course, CourseId, SeatCount};
use crate::viewer::Viewer;

/// The sort key of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CourseSort {
    /// The id.
    #[default]
    Id,
    /// The name.
    Name,
    /// The level.
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

/// All courses in the order of their ids.
#[must_use]
pub fn by_id(direction: Direction) -> Listing<Course> {
    let order = Wanted { sort: CourseSort::Id, direction, ..Wanted::default() }.sorting(Course::LIST).order;
    LIST.by_id(order, direction)
}

static LIST: LazyLock<RecordList<Course>> = LazyLock::new(|| {
    let table = ListedTable {
        name: "courses",
        first_text: "name",
        second_text: "level",
        external_id: "cc.code",
        columns: &columns(""),
        source: SOURCE,
        // A page counts the students of each of its courses.
        reach: Reach::Range,
    };
    RecordList::new(&table, listed)
});

impl Rolled for Course {
    const LIST: &'static str = "courses";

    type Sort = CourseSort;

    /// Everybody who may list courses sees all of them.
    fn sees_all(_: &Viewer) -> bool {
        true
    }

    fn by_id(_: &Viewer, direction: Direction) -> Listing<Self> {
        by_id(direction)
    }

    async fn with(db: &Db, wanted: &Wanted<CourseSort>) -> Result<Vec<Self>, DbError> {
        LIST.with_texts(db, wanted).await
    }

    async fn all(db: &Db) -> Result<Rows<Texts>, DbError> {
        let sql = "select cast(c.id as bigint), cast(c.name as text), cast(c.level as text), \
                   cast(cc.code as text) from courses c left join matricula_course_codes cc on cc.course_id = c.id \
                   where c.id is not null";
        Texts::all(db, sql).await
    }

    async fn changed_since(db: &Db, seq: i64, max: i64) -> Result<Vec<(i64, i64)>, DbError> {
        let sql = "select seq, course_id from events \
                   where type in ('course.created', 'course.updated', 'course.deleted') and seq > $1 limit $2";
        db.read(Reach::Page, sql, [seq.into(), max.into()], |row| Ok((row.int(0)?, row.int(1)?))).await
    }

    async fn newer_than(db: &Db, id: i64, max: i64) -> Result<Vec<Self>, DbError> {
        LIST.newer_than(db, id, max).await
    }

    async fn find_many(db: &Db, ids: &[i64]) -> Result<Vec<Self>, DbError> {
        LIST.with_ids(db, ids).await
    }
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
    Ok(ListRow { row: course(row)?, text: None, id: row.int(0)? })
}

fn course(row: &Row<'_>) -> Result<Course, DbError> {
    let seats = match row.opt_int(5)? {
        Some(enrolled) => Some(SeatCount { capacity: row.opt_int(4)?, enrolled, waitlisted: row.int(6)? }),
        None => None,
    };
    let (name, level, code) = (row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?);
    Ok(Course { id: row.int(0)?.into(), name, level, code, seats })
}
