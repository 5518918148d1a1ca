//! The upper limit for writes: how fast the engine takes the rows of enrollments, 64 per commit, without HTTP or rules.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use tokio_postgres::NoTls;
use tokio_postgres::types::ToSql;

use crate::data::School;

/// Enrollments per commit: as many as there are clients.
const BATCH: u64 = 64;
const AT: &str = "2026-09-01T08:00:00.000Z";
const REQUEST: &str = "5f0c1d2e3a4b5c6d-1";

/// Measures enrollments per second into a database of the service, continuing where the last measurement ended.
pub(crate) async fn measure(database: &str, school: School, span: Duration) -> Result<f64> {
    if database.starts_with("postgres:") {
        measure_server(database, school, span).await
    } else {
        measure_file(Path::new(database), school, span)
    }
}

fn measure_file(file: &Path, school: School, span: Duration) -> Result<f64> {
    // With the settings of `db/sqlite`.
    let connection = Connection::open(file)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cache_size", -24 * 1024)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 64_000)?;
    let mut rows =
        Rows::after(school, connection.query_row(SELECT_HEAD, [], |row| Ok((row.get(0)?, row.get(1)?)))?);
    let mut insert_enrollment = connection.prepare(INSERT_ENROLLMENT)?;
    let mut insert_event = connection.prepare(INSERT_EVENT)?;
    let mut update_head = connection.prepare(UPDATE_HEAD)?;
    let mut began = Instant::now();
    while began.elapsed() < span {
        rows.start_after(span / 3, &mut began);
        connection.execute_batch(&format!("begin immediate; {MARK_HEAD}"))?;
        for _ in 0..BATCH {
            let row = rows.next();
            insert_enrollment.execute(params![row.id, row.student, row.course, AT])?;
            insert_event.execute(params![
                row.seq,
                AT,
                "enrollment.created",
                row.student,
                row.course,
                row.id,
                None::<String>,
                REQUEST,
                "{}"
            ])?;
        }
        update_head.execute(params![rows.seq, rows.id, AT])?;
        connection.execute_batch("commit")?;
    }
    Ok(rows.rate(began.elapsed()))
}

const SELECT_HEAD: &str = "select last_seq, last_enrollment_id from log_head";
/// So that the triggers do not log the rows once more.
const MARK_HEAD: &str = "update log_head set in_batch = -1 where id = 1";
const INSERT_ENROLLMENT: &str =
    "insert into student_courses (id, student_id, course_id, enrolled_at) values ($1, $2, $3, $4)";
const INSERT_EVENT: &str = "insert into events \
                            (seq, at, type, student_id, course_id, enrollment_id, actor, request_id, data) \
                            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const UPDATE_HEAD: &str =
    "update log_head set last_seq = $1, last_enrollment_id = $2, last_at = $3, in_batch = 0 where id = 1";

/// All rows of a commit in one statement, the fastest way to insert them.
const INSERT_ENROLLMENTS: &str = "insert into student_courses (id, student_id, course_id, enrolled_at) \
                                  select id, student, course, $4 \
                                  from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as r (id, student, course)";
const INSERT_EVENTS: &str = "insert into events \
                             (seq, at, type, student_id, course_id, enrollment_id, actor, request_id, data) \
                             select seq, $5, 'enrollment.created', student, course, id, null, $6, '{}' \
                             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) \
                             as r (seq, id, student, course)";

async fn measure_server(url: &str, school: School, span: Duration) -> Result<f64> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    let head = client.query_one(SELECT_HEAD, &[]).await?;
    let mut rows = Rows::after(school, (head.get(0), head.get(1)));
    let insert_enrollments = client.prepare(INSERT_ENROLLMENTS).await?;
    let insert_events = client.prepare(INSERT_EVENTS).await?;
    let update_head = client.prepare(UPDATE_HEAD).await?;
    let start = format!("begin; {MARK_HEAD}");
    let mut began = Instant::now();
    while began.elapsed() < span {
        rows.start_after(span / 3, &mut began);
        let batch: Vec<_> = (0..BATCH).map(|_| rows.next()).collect();
        let [seqs, ids, students, courses]: [Vec<i64>; 4] = [
            batch.iter().map(|row| row.seq).collect(),
            batch.iter().map(|row| row.id).collect(),
            batch.iter().map(|row| row.student).collect(),
            batch.iter().map(|row| row.course).collect(),
        ];
        let enrollments: [&(dyn ToSql + Sync); 4] = [&ids, &students, &courses, &AT];
        let events: [&(dyn ToSql + Sync); 6] = [&seqs, &ids, &students, &courses, &AT, &REQUEST];
        let head: [&(dyn ToSql + Sync); 3] = [&rows.seq, &rows.id, &AT];
        // Pipelined: each is sent without waiting for the one before.
        let (started, enrolled, logged, updated, committed) = tokio::join!(
            client.batch_execute(&start),
            client.execute(&insert_enrollments, &enrollments),
            client.execute(&insert_events, &events),
            client.execute(&update_head, &head),
            client.batch_execute("commit"),
        );
        started?;
        enrolled?;
        logged?;
        updated?;
        committed.context("a commit of the raw rate failed")?;
    }
    Ok(rows.rate(began.elapsed()))
}

struct Row {
    seq: i64,
    id: i64,
    student: i64,
    course: i64,
}

/// The rows that the requests of `Work` would insert.
struct Rows {
    school: School,
    seq: i64,
    id: i64,
    first: i64,
    number: u64,
    is_warm: bool,
}

impl Rows {
    fn after(school: School, (seq, id): (i64, i64)) -> Self {
        // Ids are consecutive, so the last id also counts the pairs that are in use.
        Self { school, seq, id, first: id, number: u64::try_from(id).unwrap_or_default(), is_warm: false }
    }

    fn next(&mut self) -> Row {
        let student = self.number.wrapping_mul(7_919) % self.school.students + 1;
        let course = School::fresh_course(self.number / self.school.students);
        self.number += 1;
        self.seq += 1;
        self.id += 1;
        let signed = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
        Row { seq: self.seq, id: self.id, student: signed(student), course: signed(course) }
    }

    /// Starts to count rows and time once the warm-up is over.
    fn start_after(&mut self, warm: Duration, began: &mut Instant) {
        if !self.is_warm && began.elapsed() >= warm {
            self.is_warm = true;
            self.first = self.id;
            *began = Instant::now();
        }
    }

    fn rate(&self, took: Duration) -> f64 {
        let made = u32::try_from(self.id - self.first).unwrap_or(u32::MAX);
        f64::from(made) / took.as_secs_f64()
    }
}
