//! Looks for rows that another program left behind, so that they are dropped on record although nobody asks about their
//! courses.

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

/// How often it looks where nothing says that another program has written: a server checks foreign keys itself.
const INTERVAL: Duration = Duration::from_hours(1);
/// The shortest pause; where looking takes long, the pause is `PAUSE_FACTOR` times as long.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const PAUSE_FACTOR: u32 = 20;
/// Courses, or students, that share a commit.
const TOGETHER: usize = 50;

/// Looks once at the beginning and after each time that `others_wrote` is notified, until it is aborted.
pub(crate) fn start(db: Db, registrar: Registrar, others_wrote: Arc<Notify>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let began = Instant::now();
            if let Err(error) = sweep(&db, &registrar).await {
                tracing::warn!(%error, "cannot look for rows that other programs left behind");
            }
            tokio::time::sleep((began.elapsed() * PAUSE_FACTOR).max(MIN_PAUSE)).await;
            #[expect(
                clippy::let_underscore_must_use,
                reason = "when the hour is over, it looks all the same"
            )]
            let _ = tokio::time::timeout(INTERVAL, others_wrote.notified()).await;
        }
    })
}

async fn sweep(db: &Db, registrar: &Registrar) -> Result<(), Refusal> {
    let courses = [store::courses_with_orphans(db).await?, store::vanished_courses(db).await?].concat();
    for courses in courses.chunks(TOGETHER) {
        let command = Sweep { students: Vec::new(), courses: courses.to_vec() };
        registrar.submit(command, &Caller::database()).await.map_err(|outcome| outcome.answer)?;
    }
    // Those of the students who held nothing: the others are on record by now.
    let students = store::vanished_students(db).await?;
    for students in students.chunks(TOGETHER) {
        let command = Sweep { students: students.to_vec(), courses: Vec::new() };
        registrar.submit(command, &Caller::database()).await.map_err(|outcome| outcome.answer)?;
    }
    Ok(())
}
