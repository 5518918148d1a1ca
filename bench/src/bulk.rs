//! The lower limit for an import: how fast the engine takes the same rows in one transaction, without any rules.

use std::time::Instant;

use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _, pin_mut};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tokio_postgres::{Client, NoTls};

/// The tables that an import fills, referenced tables first, and the log.
const TABLES: [&str; 6] = [
    "students",
    "matricula_student_numbers",
    "courses",
    "matricula_course_codes",
    "events",
    "student_courses",
];
/// Keeps the triggers from logging the rows again.
const MARK_HEAD: &str = "update log_head set in_batch = -1 where id = 1";
const END: &str = "update log_head set in_batch = 0 where id = 1";

/// Copies the rows of a database into an empty one. Returns the seconds that the engine takes to write them; reading
/// does not count.
pub(crate) async fn copy(from: &str, into: &str) -> Result<f64> {
    if from.starts_with("postgres:") { copy_server(from, into).await } else { copy_file(from, into) }
}

/// Uses the settings of `db/sqlite` and prepared inserts.
fn copy_file(from: &str, into: &str) -> Result<f64> {
    let (source, target) = (Connection::open(from)?, Connection::open(into)?);
    let mut tables = Vec::new();
    for table in TABLES {
        let mut select = source.prepare(&format!("select * from {table} order by 1"))?;
        let columns = select.column_count();
        let places: Vec<_> = (1..=columns).map(|place| format!("${place}")).collect();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
        let rows: Vec<Vec<Value>> = select.query_map([], row)?.collect::<Result<_, _>>()?;
        tables.push((format!("insert into {table} values ({})", places.join(", ")), rows));
    }
    target.pragma_update(None, "cache_size", -40 * 1024)?;
    target.pragma_update(None, "synchronous", "full")?;
    target.pragma_update(None, "foreign_keys", true)?;
    let began = Instant::now();
    target.execute_batch(&format!("begin immediate; {MARK_HEAD}"))?;
    for (insert, rows) in tables {
        let mut insert = target.prepare(&insert)?;
        for row in rows {
            insert.execute(params_from_iter(row))?;
        }
    }
    target.execute_batch(&format!("{END}; commit"))?;
    Ok(began.elapsed().as_secs_f64())
}

/// Uses `copy`.
async fn copy_server(from: &str, into: &str) -> Result<f64> {
    let (source, target) = (connect(from).await?, connect(into).await?);
    let mut tables = Vec::new();
    for table in TABLES {
        let select = format!("copy (select * from {table} order by 1) to stdout (format binary)");
        let chunks: Vec<_> = source.copy_out(&select).await?.collect().await;
        let chunks: Vec<_> = chunks.into_iter().collect::<Result<_, _>>()?;
        tables.push((format!("copy {table} from stdin (format binary)"), chunks));
    }
    let began = Instant::now();
    target.batch_execute(&format!("begin; {MARK_HEAD}")).await?;
    for (statement, chunks) in tables {
        let sink = target.copy_in(&statement).await.with_context(|| statement.clone())?;
        pin_mut!(sink);
        for chunk in chunks {
            sink.feed(chunk).await?;
        }
        sink.finish().await?;
    }
    target.batch_execute(&format!("{END}; commit")).await?;
    Ok(began.elapsed().as_secs_f64())
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
