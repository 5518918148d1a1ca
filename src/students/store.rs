//! Reads students from the database.

use std::sync::LazyLock;

use crate::db::{Arg, Db, DbError, Reach, Row, folded};
use crate::lists::{Direction, ListRow, Listing, Search, SortedListing};
use crate::registrar::{Student, StudentId, no_log_head};

/// The sort key of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StudentSort {
    /// The id.
    #[default]
    Id,
    /// The name, ignoring case.
    Name,
    /// The address, ignoring case.
    Email,
}

/// Finds a student.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(db: &Db, id: StudentId) -> Result<Option<Student>, DbError> {
    let sql = "select cast(id as bigint), cast(name as text), cast(email as text) from students where id = cast($1 as bigint)";
    db.query_opt(sql, [id.0.into()], student).await
}

/// All students in any order, and the `seq` of the last event, both from one consistent snapshot.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(db: &Db) -> Result<(i64, Vec<Student>), DbError> {
    let sql = "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), h.last_seq \
               from log_head h left join students s on 1 = 1 where h.id = 1";
    let map = |row: &Row<'_>| Ok((row.int(3)?, row.opt_int(0)?.map(|_| student(row)).transpose()?));
    let rows = db.read(Reach::Scan, sql, Vec::new(), map).await?;
    let seq = rows.first().map(|(seq, _)| *seq).ok_or_else(no_log_head)?;
    Ok((seq, rows.into_iter().filter_map(|(_, student)| student).collect()))
}

/// The number of ids in one statement of [`find_many`].
const IDS_PER_STATEMENT: usize = 50;

/// Loads the given students in any order; missing ones are left out.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_many(db: &Db, ids: &[StudentId]) -> Result<Vec<Student>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let keys: Vec<_> = (1..=IDS_PER_STATEMENT).map(|key| format!("cast(${key} as bigint)")).collect();
        let sql =
            "select cast(id as bigint), cast(name as text), cast(email as text) from students where id in";
        format!("{sql} ({})", keys.join(", "))
    });
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        // One prepared statement for any number of ids: the last id fills the rest.
        let keys = ids.iter().chain(std::iter::repeat(&ids[ids.len() - 1]));
        let keys: Vec<Arg> = keys.take(IDS_PER_STATEMENT).map(|id| id.0.into()).collect();
        found.extend(db.query(SQL.as_str(), keys, student).await?);
    }
    Ok(found)
}

/// The students that match, sorted.
#[must_use]
pub fn list(search: Option<&Search>, sort: StudentSort, direction: Direction) -> Listing<Student> {
    let ascending = direction == Direction::Asc;
    let rows = match sort {
        StudentSort::Id if ascending => rows!("cast(null as text)", "id > cast($2 as bigint)", "id limit $3"),
        StudentSort::Id => rows!("cast(null as text)", "id < cast($2 as bigint)", "id desc limit $3"),
        StudentSort::Name if ascending => rows_by!("name", ">", ""),
        StudentSort::Name => rows_by!("name", "<", "desc"),
        StudentSort::Email if ascending => rows_by!("email", ">", ""),
        StudentSort::Email => rows_by!("email", "<", "desc"),
    };
    let count = if search.is_some() { COUNT_MATCHING } else { "select count(*) from students" };
    let (order, by_text) = (order(sort, direction), sort != StudentSort::Id);
    SortedListing { count, rows, map: listed, search, order, direction, by_text, reach: Reach::Key }.listing()
}

/// The name of the list and its order, for cursors.
#[must_use]
pub fn order(sort: StudentSort, direction: Direction) -> String {
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

fn listed(row: &Row<'_>) -> Result<ListRow<Student>, DbError> {
    Ok(ListRow { row: student(row)?, text: row.opt_text(3)?, id: row.int(0)? })
}

fn student(row: &Row<'_>) -> Result<Student, DbError> {
    Ok(Student { id: row.int(0)?.into(), name: row.opt_text(1)?, email: row.opt_text(2)? })
}
