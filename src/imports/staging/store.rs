//! Reads and writes imports.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde::Serialize;
use serde_json::Value;

use super::import::{Import, ImportStatus, RIGHTS, RowCounts, Shift};
use crate::clock::Stamp;
use crate::count::to_i64;
use crate::db::{Db, DbError, Reach, Row};
use crate::imports::rows::ImportRow;
use crate::lists::{Cursor, ListRow, Listing};
use crate::registrar::{Caller, Chore};
use crate::viewer::Viewer;

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

/// An import to be written down.
pub(in crate::imports) struct NewImport<'a> {
    pub(in crate::imports) actor: &'a str,
    pub(in crate::imports) now: &'a Stamp,
    /// The `Idempotency-Key` of its request with the actor, and the fingerprint of the request.
    pub(in crate::imports) request: Option<(String, String)>,
    /// A random text by which it is found.
    pub(in crate::imports) record: &'a str,
}

impl NewImport<'_> {
    /// The statement that adds it, unless its request has been here before.
    pub(in crate::imports) fn chore(&self) -> Chore {
        let (request, fingerprint) = self.request.clone().unzip();
        Chore {
            sql: "insert into matricula_imports (created_at, actor, status, settings, report, digest, total, done, \
                  not_done, remaining, touched_at, request, fingerprint, record) \
                  values ($1, $2, 'staging', '{}', '{}', '', 0, 0, 0, 0, $3, $4, $5, $6) on conflict do nothing",
            args: vec![
                self.now.into(),
                self.actor.into(),
                self.now.into(),
                request.into(),
                fingerprint.into(),
                self.record.into(),
            ],
        }
    }
}

/// The id of the import that was just added.
pub(in crate::imports) async fn id_of_record(db: &Db, record: &str) -> Result<Option<i64>, DbError> {
    db.query_opt("select id from matricula_imports where record = $1", [record.into()], |row| row.int(0))
        .await
}

/// The id of the import that this request has made, and the fingerprint of that request.
pub(in crate::imports) async fn id_of_request(
    db: &Db,
    request: &str,
) -> Result<Option<(i64, Option<String>)>, DbError> {
    let sql = "select id, fingerprint from matricula_imports where request = $1 and status <> 'staging'";
    db.query_opt(sql, [request.into()], |row| Ok((row.int(0)?, row.opt_text(1)?))).await
}

/// Adds a part of a file.
pub(in crate::imports) fn add_file(id: i64, place: usize, part: usize, name: &str, content: String) -> Chore {
    Chore {
        sql: "insert into matricula_import_files (import_id, place, part, name, content) values ($1, $2, $3, $4, $5)",
        args: vec![id.into(), to_i64(place).into(), to_i64(part).into(), name.into(), content.into()],
    }
}

/// The files: place, name, and a part of the content, in order.
pub(in crate::imports) async fn files(db: &Db, id: i64) -> Result<Vec<(i64, String, String)>, DbError> {
    let sql =
        "select place, name, content from matricula_import_files where import_id = $1 order by place, part";
    db.read(Reach::Range, sql, [id.into()], |row| Ok((row.int(0)?, row.text(1)?, row.text(2)?))).await
}

/// Adds rows; `place` counts from 0.
pub(in crate::imports) fn add_rows(id: i64, list: ListName, place: usize, rows: &[ImportRow]) -> Chore {
    let content = json(rows);
    Chore {
        sql: "insert into matricula_import_rows (import_id, list, place, content) values ($1, $2, $3, $4)",
        args: vec![id.into(), list.as_str().into(), to_i64(place).into(), content.into()],
    }
}

/// A value of an import as JSON.
#[expect(clippy::expect_used, reason = "writing to memory cannot fail, and all maps have strings as keys")]
pub(in crate::imports) fn json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("a part of an import serializes to JSON")
}

/// Removes all rows of a list.
pub(in crate::imports) fn remove_rows(id: i64, list: ListName) -> Chore {
    Chore {
        sql: "delete from matricula_import_rows where import_id = $1 and list = $2",
        args: vec![id.into(), list.as_str().into()],
    }
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
        rows.extend(serde_json::from_str::<Vec<ImportRow>>(&content).map_err(|error| unreadable(&error))?);
    }
    Ok(rows)
}

fn unreadable(error: &serde_json::Error) -> DbError {
    DbError::Engine(format!("an import cannot be read: {error}"))
}

/// Writes down a plan, after its rows.
pub(in crate::imports) fn set_plan(
    id: i64,
    settings: String,
    report: String,
    digest: String,
    total: usize,
) -> Chore {
    Chore {
        sql: "update matricula_imports set settings = $1, report = $2, digest = $3, total = $4, status = 'planned' \
              where id = $5 and status = 'staging'",
        args: vec![settings.into(), report.into(), digest.into(), to_i64(total).into(), id.into()],
    }
}

/// Begins to work on an import; changes nothing if it is not `from` any more.
pub(in crate::imports) fn claim(claim: &Claim<'_>, shift: &Shift, caller: &Caller, now: &Stamp) -> Chore {
    Chore {
        sql: "update matricula_imports set status = $1, worker = $2, worked_by = $3, rights = $4, touched_at = $5, done = 0 \
              where id = $6 and status = $7 and digest = $8",
        args: vec![
            claim.to.as_str().into(),
            (&*shift.worker).into(),
            caller.actor.to_string().into(),
            caller.grants.rights.to_string().into(),
            now.into(),
            shift.import_id.into(),
            claim.from.as_str().into(),
            claim.digest.into(),
        ],
    }
}

/// A change of the state of an import.
pub(in crate::imports) struct Claim<'a> {
    /// Its state until then.
    pub(in crate::imports) from: ImportStatus,
    /// Its state from then on.
    pub(in crate::imports) to: ImportStatus,
    /// The digest of its plan.
    pub(in crate::imports) digest: &'a str,
}

/// Says how far it is, and that the server is still at work.
pub(in crate::imports) fn touch(shift: &Shift, done: usize, now: &Stamp) -> Chore {
    let Shift { import_id: id, worker } = shift;
    Chore {
        sql: "update matricula_imports set done = $1, touched_at = $2 where id = $3 and worker = $4",
        args: vec![to_i64(done).into(), now.into(), (*id).into(), (&**worker).into()],
    }
}

/// Ends the work: `rows` could not be carried out, or not be undone.
pub(in crate::imports) fn finish(
    shift: &Shift,
    status: ImportStatus,
    done: usize,
    rows: &[ImportRow],
    now: &Stamp,
) -> Vec<Chore> {
    let Shift { import_id: id, worker } = shift;
    let (list, column) = match status {
        ImportStatus::Undone => (ListName::Remaining, "remaining"),
        _ => (ListName::NotDone, "not_done"),
    };
    let sql = match column {
        "remaining" => {
            "update matricula_imports set status = $1, done = $2, remaining = $3, undone_at = $4 \
             where id = $5 and worker = $6"
        }
        _ => {
            "update matricula_imports set status = $1, done = $2, not_done = $3, applied_at = $4 \
             where id = $5 and worker = $6"
        }
    };
    let ended = Chore {
        sql,
        args: vec![
            status.as_str().into(),
            to_i64(done).into(),
            to_i64(rows.len()).into(),
            now.into(),
            (*id).into(),
            (&**worker).into(),
        ],
    };
    let id = *id;
    let parts = rows.chunks(ROWS_PER_PLACE).enumerate();
    let mut chores = vec![remove_rows(id, list)];
    if status != ImportStatus::Stopped {
        // They may have columns that are never read, such as passwords.
        let sql = "delete from matricula_import_files where import_id = $1";
        chores.push(Chore { sql, args: vec![id.into()] });
    }
    chores.extend(parts.map(|(place, rows)| add_rows(id, list, place, rows)));
    chores.push(ended);
    chores
}

/// An import that no server works on, although it is not at an end.
pub(in crate::imports) struct Unattended {
    pub(in crate::imports) id: i64,
    pub(in crate::imports) status: ImportStatus,
    /// Who had it carried out or undone.
    pub(in crate::imports) worked_by: String,
    /// What they could do then.
    pub(in crate::imports) rights: String,
}

/// Imports that no server has worked on since `before`, although they are not at an end.
pub(in crate::imports) async fn unattended(db: &Db, before: &Stamp) -> Result<Vec<Unattended>, DbError> {
    let sql = "select id, status, worked_by, rights from matricula_imports \
               where status in ('applying', 'undoing') and touched_at < $1 order by id";
    let map = |row: &Row<'_>| {
        Ok(Unattended {
            id: row.int(0)?,
            status: ImportStatus::from_stored(&row.text(1)?)?,
            worked_by: row.text(2)?,
            rights: row.text(3)?,
        })
    };
    db.query(sql, [before.into()], map).await
}

/// Deletes imports that nothing was done with since `unused`, and all from before `used`, with at most `max` rows of each
/// table at a time.
pub(in crate::imports) fn delete_old(unused: &Stamp, used: &Stamp, max: i64) -> Vec<Chore> {
    static SQL: LazyLock<[String; 4]> = LazyLock::new(|| {
        let old = "((i.created_at < $1 and i.status in ('staging', 'planned')) or i.created_at < $2)";
        let of = |table: &str, key: &str| {
            let named: Vec<_> = key.split(", ").map(|column| format!("t.{column}")).collect();
            format!(
                "delete from {table} where ({key}) in (select {} from matricula_imports i \
                 join {table} t on t.import_id = i.id where {old} limit $3)",
                named.join(", ")
            )
        };
        let has_no = |table: &str| format!("not exists (select 1 from {table} t where t.import_id = i.id)");
        let tables = [
            ("matricula_import_rows", "import_id, list, place"),
            ("matricula_import_files", "import_id, place, part"),
            ("matricula_import_entries", "import_id, first_seq"),
        ];
        let [rows, files, entries] = tables.map(|(table, key)| of(table, key));
        let empty = tables.map(|(table, _)| has_no(table)).join(" and ");
        let imports = format!(
            "delete from matricula_imports where id in \
             (select i.id from matricula_imports i where {old} and {empty} limit $3)"
        );
        [rows, files, entries, imports]
    });
    let chore = |sql: &'static String| Chore { sql, args: vec![unused.into(), used.into(), max.into()] };
    SQL.iter().map(chore).collect()
}

const COLUMNS: &str = "id, created_at, actor, status, settings, report, digest, total, done, not_done, remaining, \
    applied_at, undone_at";

/// The import; `None` also for a caller who may not see it.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(viewer: &Viewer, id: i64) -> Result<Option<Import>, DbError> {
    let found = find_any(viewer.db(), visible(viewer, id)).await?;
    Ok(found.map(|(import, _)| import))
}

/// The import and the digest of its plan.
pub(in crate::imports) async fn find_any(
    db: &Db,
    id: Option<i64>,
) -> Result<Option<(Import, String)>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!("select {COLUMNS} from matricula_imports where id = $1 and status <> 'staging'")
    });
    db.query_opt(SQL.as_str(), [id.into()], |row| Ok((import(row)?, row.text(6)?))).await
}

/// All imports, the latest first; none for a caller who may not see them.
#[must_use]
pub fn list(viewer: &Viewer) -> Listing<Import> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select {COLUMNS} from matricula_imports where cast($1 as bigint) = 1 and status <> 'staging' and id < $2 \
             order by id desc limit $3"
        )
    });
    let sees = i64::from(sees_imports(viewer));
    Listing {
        order: "imports".to_owned(),
        count: "select count(*) from matricula_imports where cast($1 as bigint) = 1 and status <> 'staging'",
        count_args: vec![sees.into()],
        rows: SQL.as_str(),
        args: Box::new(move |after: Option<&Cursor>| {
            vec![sees.into(), after.map_or(i64::MAX, |after| after.id).into()]
        }),
        map: |row| Ok(ListRow { id: row.int(0)?, text: None, row: import(row)? }),
        reach: Reach::Page,
        count_reach: Reach::Range,
    }
}

/// Whether the caller may see imports, which show students, courses and enrollments.
fn sees_imports(viewer: &Viewer) -> bool {
    RIGHTS.iter().all(|right| viewer.has(*right))
}

pub(super) fn visible(viewer: &Viewer, id: i64) -> Option<i64> {
    sees_imports(viewer).then_some(id)
}

fn import(row: &Row<'_>) -> Result<Import, DbError> {
    let parsed = |text: String| serde_json::from_str::<Value>(&text).map_err(|error| unreadable(&error));
    let mut report = parsed(row.text(5)?)?;
    let counts: RowCounts =
        serde_json::from_value(report["rows"].take()).map_err(|error| unreadable(&error))?;
    let list = |value: Value| if let Value::Array(list) = value { list } else { Vec::new() };
    Ok(Import {
        id: row.int(0)?,
        created_at: row.stamp(1)?,
        actor: row.text(2)?,
        status: ImportStatus::from_stored(&row.text(3)?)?,
        settings: serde_json::from_str(&row.text(4)?).map_err(|error| unreadable(&error))?,
        files: list(report["files"].take()),
        confirm: report["confirm"].as_i64(),
        held_back: list(report["held_back"].take()),
        warnings: list(report["warnings"].take()),
        counts: report["counts"].take(),
        rows: counts,
        total: row.int(7)?,
        done: row.int(8)?,
        not_done: row.int(9)?,
        remaining: row.int(10)?,
        applied_at: row.opt_stamp(11)?,
        undone_at: row.opt_stamp(12)?,
    })
}
