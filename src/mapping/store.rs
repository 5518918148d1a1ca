//! The mapping in the database, stored when the database was migrated with it, and the views that follow from it.

use serde::{Deserialize, Serialize};

use super::tables::differences;
use super::{COURSE_CODE, COURSE_FIELDS, Mapping, RecordTable, STUDENT_FIELDS, STUDENT_NUMBER, SchoolTables};
use crate::db::{Arg, Db, DbError, Location, Tx};

/// The table; only a school with a mapping has it.
const TABLE: &str = "matricula_mapping";
const CREATE: &str =
    "create table matricula_mapping (id bigint not null primary key check (id = 1), mapping text not null)";
const SELECT: &str = "select mapping from matricula_mapping where id = 1";

/// What is stored: the mapping as it was given, and the tables as the database has them.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    mapping: Mapping,
    tables: SchoolTables,
}

impl SchoolTables {
    /// Statements that create the views `students` and `courses` of a connection, where these are not the tables.
    #[must_use]
    pub fn views(&self) -> String {
        let views = self.definitions();
        let create = |(name, select): &(&str, String)| format!("create temporary view {name} as {select};\n");
        views.iter().map(create).collect::<Vec<_>>().concat()
    }

    /// The names and the statements of these views.
    #[must_use]
    pub fn definitions(&self) -> Vec<(&'static str, String)> {
        let view = |name, table: &RecordTable, fields: &[&str]| {
            if table.is_plain(name, fields) {
                return None;
            }
            let columns: Vec<_> =
                fields.iter().map(|field| format!("{} as {field}", table.read_expr(field))).collect();
            let (id, columns, from) = (table.key.quoted_id(), columns.join(", "), &table.key.qualified);
            Some((name, format!("select {id} as id, {columns} from {from}")))
        };
        // In place of our table; a temporary view comes before it. An empty text is no id.
        let external_ids = |name, key, table: &RecordTable, field| {
            if !table.has(field) {
                return None;
            }
            let (id, value, from) = (table.key.quoted_id(), table.read_expr(field), &table.key.qualified);
            Some((name, format!("select {id} as {key}, {value} as {field} from {from} where {value} <> ''")))
        };
        let views = [
            view("students", &self.students, &STUDENT_FIELDS),
            view("courses", &self.courses, &COURSE_FIELDS),
            external_ids("matricula_student_numbers", "student_id", &self.students, STUDENT_NUMBER),
            external_ids("matricula_course_codes", "course_id", &self.courses, COURSE_CODE),
        ];
        views.into_iter().flatten().collect()
    }
}

/// The tables of the school in this database.
///
/// # Errors
/// When the database cannot be read, or another program has changed what is stored.
async fn load(db: &Db) -> Result<SchoolTables, DbError> {
    if !db.has_table(TABLE).await? {
        return Ok(SchoolTables::default());
    }
    Ok(read(db.query_opt(SELECT, [], |row| row.text(0)).await?)?.tables)
}

/// The tables of the school in the database of this transaction.
///
/// # Errors
/// When the database cannot be read, or another program has changed what is stored.
pub async fn load_in(tx: &Tx<'_>) -> Result<SchoolTables, DbError> {
    Ok(stored_in(tx).await?.map_or_else(SchoolTables::default, |stored| stored.tables))
}

/// Opens a database for reading, with the views of its school.
///
/// # Errors
/// When the database cannot be read, or another program has changed what is stored.
pub async fn open_db(location: &Location) -> Result<(Db, SchoolTables), DbError> {
    let db = Db::open(location)?;
    let tables = load(&db).await?;
    let views = tables.views();
    Ok((if views.is_empty() { db } else { Db::open_with_views(location, &views)? }, tables))
}

/// As [`open_db`], for a server that only reads, where no view can be created.
///
/// # Errors
/// As [`open_db`].
pub async fn open_to_read(location: &Location) -> Result<(Db, SchoolTables), DbError> {
    let db = Db::open(location)?;
    let tables = load(&db).await?;
    let definitions = tables.definitions();
    Ok((if definitions.is_empty() { db } else { Db::open_with_definitions(location, &definitions)? }, tables))
}

/// Checks that the students and the courses can still be read: another program may have renamed a table or a column.
///
/// # Errors
/// [`DbError::Unwritable`] if they cannot, in the engine's words; others when the database cannot be read.
pub async fn verify(db: &Db) -> Result<(), DbError> {
    for sql in [
        "select id, name, email from students limit 0",
        "select id, name, level from courses limit 0",
        "select student_id, number from matricula_student_numbers limit 0",
        "select course_id, code from matricula_course_codes limit 0",
    ] {
        db.query(sql, [], |_| Ok(())).await.map_err(|error| match error {
            DbError::Engine(why) => DbError::Unwritable(format!(
                "the tables of students and courses are not what they were when they were adopted: {why}"
            )),
            other => other,
        })?;
    }
    Ok(())
}

/// How a given mapping differs from the stored one, one line each; empty if it does not.
///
/// # Errors
/// When the database cannot be read, or another program has changed what is stored.
pub async fn compare(tx: &Tx<'_>, given: &Mapping) -> Result<Vec<String>, DbError> {
    Ok(match stored_in(tx).await? {
        Some(stored) => differences(&stored.mapping, given),
        None => vec!["the database was migrated without a mapping".to_owned()],
    })
}

/// Stores the mapping with which the database is migrated.
///
/// # Errors
/// When a statement fails.
pub async fn save(tx: &Tx<'_>, mapping: &Mapping, tables: &SchoolTables) -> Result<(), DbError> {
    let stored = Stored { mapping: mapping.clone(), tables: tables.clone() };
    let text = serde_json::to_string(&stored).map_err(|error| DbError::Engine(error.to_string()))?;
    tx.execute_batch(CREATE).await?;
    let row: Vec<Arg> = vec![text.into()];
    tx.execute_many("insert into matricula_mapping (id, mapping) values (1, $1)", &[row]).await
}

async fn stored_in(tx: &Tx<'_>) -> Result<Option<Stored>, DbError> {
    if !tx.has_table(TABLE).await? {
        return Ok(None);
    }
    read(tx.query(SELECT, &[], |row| row.text(0)).await?.pop()).map(Some)
}

/// Without its row, the table does not say where the school is, and the tables without a mapping may be others.
fn read(stored: Option<String>) -> Result<Stored, DbError> {
    let unreadable = |why: &dyn std::fmt::Display| DbError::Engine(format!("{TABLE} cannot be read: {why}"));
    let text = stored.ok_or_else(|| unreadable(&"another program has deleted its row"))?;
    serde_json::from_str(&text).map_err(|error| unreadable(&error))
}
