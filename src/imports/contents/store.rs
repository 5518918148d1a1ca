//! Reads and writes the files and the rows of imports.

use std::ops::RangeInclusive;

use crate::count::to_i64;
use crate::db::{Db, DbError, Reach};
use crate::imports::json::{from_json, to_json};
use crate::imports::rows::ImportRow;
use crate::imports::staging::Assignment;
use crate::registrar::Chore;

/// Rows in one row of the table.
pub(in crate::imports) const ROWS_PER_PLACE: usize = 500;

/// A list of rows of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::imports) enum ListName {
    /// All rows of the plan.
    Plan,
    /// Rows that were not carried out.
    NotDone,
    /// Rows that could not be undone.
    Remaining,
}

impl ListName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::NotDone => "not-done",
            Self::Remaining => "remaining",
        }
    }
}

/// Adds a part of a file. As everything that a worker writes, it changes nothing once another one has taken over.
pub(in crate::imports) fn add_file(
    assignment: &Assignment,
    place: usize,
    part: usize,
    name: &str,
    content: String,
) -> Chore {
    Chore {
        sql: "insert into matricula_import_files (import_id, place, part, name, content) \
              select id, cast($1 as bigint), cast($2 as bigint), cast($3 as text), cast($4 as text) \
              from matricula_imports where id = $5 and worker = $6",
        args: vec![
            to_i64(place).into(),
            to_i64(part).into(),
            name.into(),
            content.into(),
            assignment.import_id.into(),
            (&*assignment.worker).into(),
        ],
    }
}

/// The files: place, name, and a part of the content, in order.
pub(in crate::imports) async fn files(db: &Db, id: i64) -> Result<Vec<(i64, String, String)>, DbError> {
    let sql =
        "select place, name, content from matricula_import_files where import_id = $1 order by place, part";
    db.read(Reach::Range, sql, [id.into()], |row| Ok((row.int(0)?, row.text(1)?, row.text(2)?))).await
}

/// Adds rows; `place` counts from 0.
pub(in crate::imports) fn add_rows(
    assignment: &Assignment,
    list: ListName,
    place: usize,
    rows: &[ImportRow],
) -> Chore {
    Chore {
        sql: "insert into matricula_import_rows (import_id, list, place, content) \
              select id, cast($1 as text), cast($2 as bigint), cast($3 as text) \
              from matricula_imports where id = $4 and worker = $5",
        args: vec![
            list.as_str().into(),
            to_i64(place).into(),
            to_json(rows).into(),
            assignment.import_id.into(),
            (&*assignment.worker).into(),
        ],
    }
}

/// Removes all rows of a list.
pub(in crate::imports) fn remove_rows(assignment: &Assignment, list: ListName) -> Chore {
    Chore {
        sql: "delete from matricula_import_rows where import_id = $1 and list = $2 \
              and exists (select 1 from matricula_imports where id = $1 and worker = $3)",
        args: vec![assignment.import_id.into(), list.as_str().into(), (&*assignment.worker).into()],
    }
}

/// Removes the files. They may have columns that are never read.
pub(in crate::imports) fn remove_files(assignment: &Assignment) -> Chore {
    Chore {
        sql: "delete from matricula_import_files where import_id = $1 \
              and exists (select 1 from matricula_imports where id = $1 and worker = $2)",
        args: vec![assignment.import_id.into(), (&*assignment.worker).into()],
    }
}

/// Removes the files of imports that are at their end.
pub(in crate::imports) fn remove_files_of_ended() -> Chore {
    let sql = "delete from matricula_import_files where import_id in \
               (select id from matricula_imports where status in ('applied', 'undone'))";
    Chore { sql, args: Vec::new() }
}

/// Rows of a list, from a place to another; none of no import.
pub(in crate::imports) async fn read_rows(
    db: &Db,
    id: Option<i64>,
    list: ListName,
    places: RangeInclusive<usize>,
) -> Result<Vec<ImportRow>, DbError> {
    let sql = "select content from matricula_import_rows where import_id = $1 and list = $2 and place between $3 and $4 \
               order by place";
    let args =
        [id.into(), list.as_str().into(), to_i64(*places.start()).into(), to_i64(*places.end()).into()];
    let found = db.read(Reach::Range, sql, args, |row| row.text(0)).await?;
    let mut rows = Vec::new();
    for content in found {
        rows.extend(from_json::<Vec<ImportRow>>(&content)?);
    }
    Ok(rows)
}
