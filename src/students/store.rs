//! What is read of students.

use std::sync::LazyLock;

use crate::db::{Arg, Db, DbError, Reach, Row, folded};
use crate::lists::{Direction, Listed, Listing, Search, Sorted};
use crate::registrar::{Student, StudentId, no_log_head};

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

/// All students as they are, in any order, and the `seq` up to which that is so: one statement sees one state.
///
/// # Errors
/// What the engine said.
pub async fn all(db: &Db) -> Result<(i64, Vec<Student>), DbError> {
    let sql = "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), h.last_seq \
               from log_head h left join students s on 1 = 1 where h.id = 1";
    let map = |row: &Row<'_>| Ok((row.int(3)?, row.opt_int(0)?.map(|_| student(row)).transpose()?));
    let rows = db.read(Reach::Scan, sql, Vec::new(), map).await?;
    let seq = rows.first().map(|(seq, _)| *seq).ok_or_else(no_log_head)?;
    Ok((seq, rows.into_iter().filter_map(|(_, student)| student).collect()))
}

/// How many keys [`those`] asks for in one statement.
const TOGETHER: usize = 50;

/// Of these students those who are there, in any order.
///
/// # Errors
/// What the engine said.
pub async fn those(db: &Db, ids: &[StudentId]) -> Result<Vec<Student>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let keys: Vec<_> = (1..=TOGETHER).map(|key| format!("cast(${key} as bigint)")).collect();
        let sql =
            "select cast(id as bigint), cast(name as text), cast(email as text) from students where id in";
        format!("{sql} ({})", keys.join(", "))
    });
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(TOGETHER) {
        // One statement for any number: the last is asked for again.
        let keys = ids.iter().chain(std::iter::repeat(&ids[ids.len() - 1]));
        let keys: Vec<Arg> = keys.take(TOGETHER).map(|id| id.0.into()).collect();
        found.extend(db.query(SQL.as_str(), keys, student).await?);
    }
    Ok(found)
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
    let (order, by_text) = (order(sort, direction), sort != Sort::Id);
    Sorted { count, rows, map: listed, search, order, direction, by_text, reach: Reach::Key }.listing()
}

/// What the cursors of a list in this order say of it.
#[must_use]
pub fn order(sort: Sort, direction: Direction) -> String {
    format!("students.{sort:?}.{direction:?}")
}

macro_rules! matching {
    () => {
        concat!(folded!("name"), " like $1 escape '~' or ", folded!("email"), " like $1 escape '~'")
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
