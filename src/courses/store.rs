//! What is read of courses.

use crate::db::{Db, DbError, Row};
use crate::http::paging::{Direction, Listing, Search, Sorted, TextOf};
use crate::registrar::{Course, CourseId};

/// What the list can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The id.
    #[default]
    Id,
    /// The name, whatever its case.
    Name,
    /// The level, whatever its case.
    Level,
}

/// One course.
///
/// # Errors
/// What the engine said.
pub async fn find(db: &Db, id: CourseId) -> Result<Option<Course>, DbError> {
    let sql = "select cast(id as bigint), name, level from courses where id = cast($1 as bigint)";
    db.query_opt(sql, [id.0.into()], course).await
}

/// All courses that match, in order.
#[must_use]
pub fn list(search: Option<&Search>, sort: Sort, direction: Direction) -> Listing<Course> {
    let ascending = direction == Direction::Asc;
    let (rows, text): (_, Option<TextOf<Course>>) = match sort {
        Sort::Id if ascending => (rows!("id > $2", "id limit $3"), None),
        Sort::Id => (rows!("id < $2", "id desc limit $3"), None),
        Sort::Name if ascending => (rows_by!("name", ">", ""), Some(|course| course.name.as_deref())),
        Sort::Name => (rows_by!("name", "<", "desc"), Some(|course| course.name.as_deref())),
        Sort::Level if ascending => (rows_by!("level", ">", ""), Some(|course| course.level.as_deref())),
        Sort::Level => (rows_by!("level", "<", "desc"), Some(|course| course.level.as_deref())),
    };
    let count = if search.is_some() { COUNT_MATCHING } else { "select count(*) from courses" };
    let order = format!("courses.{sort:?}.{direction:?}");
    Sorted { count, rows, map: course, search, order, direction, text, id: |course| course.id.0 }.listing()
}

const COUNT_MATCHING: &str = r"select count(*) from courses
    where casefold(name) like $1 escape '\' or casefold(level) like $1 escape '\'";

macro_rules! rows {
    ($after:expr, $order:expr) => {
        concat!(
            r"select cast(id as bigint), name, level from courses where (cast($1 as text) is null
            or casefold(name) like $1 escape '\' or casefold(level) like $1 escape '\') and ",
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
            concat!(
                "(cast($2 as text) is null or (casefold(coalesce(",
                $text,
                ", '')), id) ",
                $past,
                " ($2, $3))"
            ),
            concat!("casefold(coalesce(", $text, ", '')) ", $way, ", id ", $way, " limit $4")
        )
    };
}
use rows_by;

fn course(row: &Row<'_>) -> Result<Course, DbError> {
    Ok(Course { id: row.int(0)?.into(), name: row.opt_text(1)?, level: row.opt_text(2)? })
}
