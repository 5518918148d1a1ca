//! Looks for rows orphaned by other programs, so that they are dropped even if no command is about their courses.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::caller::Caller;
use super::queue::Registrar;
use super::refusal::Refusal;
use super::store;
use super::sweep::Sweep;
use crate::db::Db;

/// How often to look when no write of another program is reported: database servers enforce foreign keys themselves.
const INTERVAL: Duration = Duration::from_hours(1);
/// The minimum pause; if a search takes long, the pause is [`PAUSE_FACTOR`] times as long as the search.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const PAUSE_FACTOR: u32 = 20;
/// Maximum number of courses, or of students, in one commit.
const MAX_PER_COMMIT: usize = 50;

/// Looks once at the beginning and then after each notification of `external_write`, until aborted.
pub(crate) fn start(db: Db, registrar: Registrar, external_write: Arc<Notify>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let began = Instant::now();
            if let Err(error) = sweep(&db, &registrar).await {
                tracing::warn!(%error, "cannot look for orphaned rows of other programs");
            }
            tokio::time::sleep((began.elapsed() * PAUSE_FACTOR).max(MIN_PAUSE)).await;
            #[expect(clippy::let_underscore_must_use, reason = "after the timeout it looks as well")]
            let _ = tokio::time::timeout(INTERVAL, external_write.notified()).await;
        }
    })
}

async fn sweep(db: &Db, registrar: &Registrar) -> Result<(), Refusal> {
    let courses = [store::courses_with_orphans(db).await?, store::vanished_courses(db).await?].concat();
    for courses in courses.chunks(MAX_PER_COMMIT) {
        let command = Sweep { students: Vec::new(), courses: courses.to_vec() };
        registrar.submit(command, &Caller::database()).await.map_err(|outcome| outcome.answer)?;
    }
    // Only students without enrollments are left: the others are in the log by now.
    let students = store::vanished_students(db).await?;
    for students in students.chunks(MAX_PER_COMMIT) {
        let command = Sweep { students: students.to_vec(), courses: Vec::new() };
        registrar.submit(command, &Caller::database()).await.map_err(|outcome| outcome.answer)?;
    }
    Ok(())
}
