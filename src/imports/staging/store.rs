//! Reads and writes imports.

use std::sync::LazyLock;

use super::import::{Assignment, Import, ImportStatus, RIGHTS};
use crate::clock::Stamp;
use crate::count::to_i64;
use crate::db::{Db, DbError, Reach, Row};
use crate::imports::json::from_json;
use crate::imports::summary::Summary;
use crate::lists::{Cursor, ListRow, Listing};
use crate::registrar::{Caller, Chore};
use crate::viewer::Viewer;

/// An import to be written down.
pub(in crate::imports) struct NewImport<'a> {
    pub(in crate::imports) actor: &'a str,
    pub(in crate::imports) now: &'a Stamp,
    /// The random text of its worker, by which it is found.
    pub(in crate::imports) worker: &'a str,
}

impl NewImport<'_> {
    /// The statement that adds it.
    pub(in crate::imports) fn chore(&self) -> Chore {
        Chore {
            sql: "insert into matricula_imports (created_at, actor, status, settings, report, digest, total, done, \
                  not_done, remaining, touched_at, worker, record) \
                  values ($1, $2, 'staging', '{}', '{}', '', 0, 0, 0, 0, $3, $4, $5)",
            args: vec![
                self.now.into(),
                self.actor.into(),
                self.now.into(),
                self.worker.into(),
                self.worker.into(),
            ],
        }
    }
}

/// The id of the import that was just added.
pub(in crate::imports) async fn id_of_worker(db: &Db, worker: &str) -> Result<Option<i64>, DbError> {
    db.query_opt("select id from matricula_imports where record = $1", [worker.into()], |row| row.int(0))
        .await
}

/// The id of the import that this request has made, and the fingerprint of that request.
pub(in crate::imports) async fn id_of_request(
    db: &Db,
    request: &str,
) -> Result<Option<(i64, Option<String>)>, DbError> {
    let sql = "select id, fingerprint from matricula_imports where request = $1";
    db.query_opt(sql, [request.into()], |row| Ok((row.int(0)?, row.opt_text(1)?))).await
}

/// A plan to be written down, after its rows.
pub(in crate::imports) struct NewPlan {
    /// JSON.
    pub(in crate::imports) settings: String,
    /// JSON.
    pub(in crate::imports) report: String,
    pub(in crate::imports) digest: String,
    /// The number of its steps.
    pub(in crate::imports) total: usize,
    /// The `Idempotency-Key` of its request with the actor, and the fingerprint of the request.
    pub(in crate::imports) request: Option<(String, String)>,
}

/// Writes down a plan; changes nothing if its request has made another import in the meantime.
pub(in crate::imports) fn set_plan(assignment: &Assignment, plan: NewPlan) -> Chore {
    let (request, fingerprint) = plan.request.unzip();
    Chore {
        sql: "update matricula_imports set settings = $1, report = $2, digest = $3, total = $4, status = 'planned', \
              request = coalesce($5, request), fingerprint = coalesce($6, fingerprint) \
              where id = $7 and worker = $8 and status = 'staging' \
              and not exists (select 1 from matricula_imports other where other.request = $5)",
        args: vec![
            plan.settings.into(),
            plan.report.into(),
            plan.digest.into(),
            to_i64(plan.total).into(),
            request.into(),
            fingerprint.into(),
            assignment.import_id.into(),
            (&*assignment.worker).into(),
        ],
    }
}

/// Begins to work on an import; changes nothing if it is not `from` any more.
pub(in crate::imports) fn claim(
    claim: &Claim<'_>,
    assignment: &Assignment,
    caller: &Caller,
    now: &Stamp,
) -> Chore {
    Chore {
        sql: "update matricula_imports set status = $1, worker = $2, worked_by = $3, rights = $4, touched_at = $5, done = 0 \
              where id = $6 and status = $7 and digest = $8",
        args: vec![
            claim.to.as_str().into(),
            (&*assignment.worker).into(),
            caller.actor.to_string().into(),
            caller.grants.rights.to_string().into(),
            now.into(),
            assignment.import_id.into(),
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
pub(in crate::imports) fn touch(assignment: &Assignment, done: usize, now: &Stamp) -> Chore {
    let Assignment { import_id: id, worker } = assignment;
    Chore {
        sql: "update matricula_imports set done = $1, touched_at = $2 where id = $3 and worker = $4",
        args: vec![to_i64(done).into(), now.into(), (*id).into(), (&**worker).into()],
    }
}

/// Ends the work, after `done` steps, without an end of the import. What was carried out completely before it was to be
/// undone still is.
pub(in crate::imports) fn stop(assignment: &Assignment, done: usize, now: &Stamp) -> Chore {
    Chore {
        sql: "update matricula_imports set \
              done = case when status = 'undoing' and applied_at is not null then total else $1 end, \
              status = case when status = 'undoing' and applied_at is not null then 'applied' else 'stopped' end, \
              touched_at = $2 where id = $3 and worker = $4",
        args: vec![
            to_i64(done).into(),
            now.into(),
            assignment.import_id.into(),
            (&*assignment.worker).into(),
        ],
    }
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

/// Imports that no server has worked on since `before`, although they are not at an end. A new import whose server has
/// stopped is none of these: nobody knows its id.
pub(in crate::imports) async fn unattended(db: &Db, before: &Stamp) -> Result<Vec<Unattended>, DbError> {
    let sql = "select id, status, worked_by, rights from matricula_imports \
               where (status in ('applying', 'undoing') or (status = 'staging' and digest <> '')) and touched_at < $1 order by id";
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
    applied_at, undone_at, touched_at";

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
    static SQL: LazyLock<String> =
        LazyLock::new(|| format!("select {COLUMNS} from matricula_imports where id = $1 and digest <> ''"));
    db.query_opt(SQL.as_str(), [id.into()], |row| Ok((import(row)?, row.text(6)?))).await
}

/// All imports, the latest first; none for a caller who may not see them.
#[must_use]
pub fn list(viewer: &Viewer) -> Listing<Import> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select {COLUMNS} from matricula_imports where cast($1 as bigint) = 1 and digest <> '' and id < $2 \
             order by id desc limit $3"
        )
    });
    let sees = i64::from(sees_imports(viewer));
    Listing {
        order: "imports".to_owned(),
        count: "select count(*) from matricula_imports where cast($1 as bigint) = 1 and digest <> ''",
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
    let Summary { files, counts, held_back, confirm, warnings, new_groups } = from_json(&row.text(5)?)?;
    Ok(Import {
        id: row.int(0)?,
        created_at: row.stamp(1)?,
        actor: row.text(2)?,
        status: ImportStatus::from_stored(&row.text(3)?)?,
        settings: from_json(&row.text(4)?)?,
        files,
        counts,
        confirm,
        held_back,
        warnings,
        new_groups,
        total: row.int(7)?,
        done: row.int(8)?,
        not_done: row.int(9)?,
        remaining: row.int(10)?,
        applied_at: row.opt_stamp(11)?,
        undone_at: row.opt_stamp(12)?,
        last_active_at: row.stamp(13)?,
    })
}
