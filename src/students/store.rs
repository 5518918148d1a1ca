//! What is read of students.

use crate::db::{Db, DbError, Row, folded};
use crate::http::paging::{Direction, Listed, Listing, Search, Sorted};
use crate::registrar::{Student, StudentId};

/// What the list can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The id.
    #[default]
    Id,
    /// The name, whatever its case.
    Name,
    /// The address, whatever its case.
    Email,
}

/// One student.
///
/// # Errors
/// What the engine said.
pub async fn find(db: &Db, id: StudentId) -> Result<Option<Student>, DbError> {
    let sql = "select cast(id as bigint), cast(name as text), cast(email as text) from students where id = cast($1 as bigint)";
    db.query_opt(sql, [id.0.into()], student).await
}

/// All students that match, in order.
#[must_use]
pub fn list(search: Option<&Search>, sort: Sort, direction: Direction) -> Listing<Student> {
    let ascending = direction == Direction::Asc;
    let rows = match sort {
        Sort::Id if ascending => rows!("cast(null as text)", "id > cast($2 as bigint)", "id limit $3"),
        Sort::Id => rows!("cast(null as text)", "id < cast($2 as bigint)", "id desc limit $3"),
        Sort::Name if ascending => rows_by!("name", ">", ""),
        Sort::Name => rows_by!("name", "<", "desc"),
        Sort::Email if ascending => rows_by!("email", ">", ""),
        Sort::Email => rows_by!("email", "<", "desc"),
    };
    let count = if search.is_some() { COUNT_MATCHING } else { "select count(*) from students" };
    let order = format!("students.{sort:?}.{direction:?}");
    Sorted { count, rows, map: listed, search, order, direction, by_text: sort != Sort::Id }.listing()
}

macro_rules! matching {
    () => {
        concat!(folded!("name"), r" like $1 escape '\' or ", folded!("email"), r" like $1 escape '\'")
    };
}
use matching;

const COUNT_MATCHING: &str = concat!("select count(*) from students where ", matching!());

macro_rules! rows {
    ($key:expr, $after:expr, $order:expr) => {
        concat!(
            "select cast(id as bigint), cast(name as text), cast(email as text), ",
            $key,
            " from students where (cast($1 as text) is null or ",
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

fn listed(row: &Row<'_>) -> Result<Listed<Student>, DbError> {
    Ok(Listed { row: student(row)?, text: row.opt_text(3)?, id: row.int(0)? })
}

fn student(row: &Row<'_>) -> Result<Student, DbError> {
    Ok(Student { id: row.int(0)?.into(), name: row.opt_text(1)?, email: row.opt_text(2)? })
}
