//! What is read of students.

use crate::db::{Db, DbError, Row};
use crate::http::paging::{Direction, Listing, Search, Sorted, TextOf};
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
    let sql = "select cast(id as bigint), name, email from students where id = cast($1 as bigint)";
    db.query_opt(sql, [id.0.into()], student).await
}

/// All students that match, in order.
#[must_use]
pub fn list(search: Option<&Search>, sort: Sort, direction: Direction) -> Listing<Student> {
    let ascending = direction == Direction::Asc;
    let (rows, text): (_, Option<TextOf<Student>>) = match sort {
        Sort::Id if ascending => (rows!("id > $2", "id limit $3"), None),
        Sort::Id => (rows!("id < $2", "id desc limit $3"), None),
        Sort::Name if ascending => (rows_by!("name", ">", ""), Some(|student| student.name.as_deref())),
        Sort::Name => (rows_by!("name", "<", "desc"), Some(|student| student.name.as_deref())),
        Sort::Email if ascending => (rows_by!("email", ">", ""), Some(|student| student.email.as_deref())),
        Sort::Email => (rows_by!("email", "<", "desc"), Some(|student| student.email.as_deref())),
    };
    let count = if search.is_some() { COUNT_MATCHING } else { "select count(*) from students" };
    let order = format!("students.{sort:?}.{direction:?}");
    Sorted { count, rows, map: student, search, order, direction, text, id: |student| student.id.0 }.listing()
}

const COUNT_MATCHING: &str = r"select count(*) from students
    where casefold(name) like $1 escape '\' or casefold(email) like $1 escape '\'";

macro_rules! rows {
    ($after:expr, $order:expr) => {
        concat!(
            r"select cast(id as bigint), name, email from students where (cast($1 as text) is null
            or casefold(name) like $1 escape '\' or casefold(email) like $1 escape '\') and ",
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

fn student(row: &Row<'_>) -> Result<Student, DbError> {
    Ok(Student { id: row.int(0)?.into(), name: row.opt_text(1)?, email: row.opt_text(2)? })
}
