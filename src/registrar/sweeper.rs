//! Looks for what other programs leave to do, even if no command is about the courses: rows that they have orphaned are
//! dropped, and seats that they have freed go to the waitlist.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::caller::{Actor, Caller};
use super::queue::Registrar;
use super::refusal::Refusal;
use super::store;
use super::sweep::Sweep;
use crate::background::with_span;
use crate::clock::Clock;
use crate::db::Db;

/// How often to look when no write of another program is noticed: database servers enforce foreign keys themselves.
const INTERVAL: Duration = Duration::from_hours(1);
/// How often to look into the log for enrollments that other programs have written.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The minimum pause; if a search takes long, the pause is [`PAUSE_FACTOR`] times as long as the search.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const PAUSE_FACTOR: u32 = 20;
/// Maximum number of courses, or of students, in one commit.
const MAX_PER_COMMIT: usize = 50;

/// Looks once at the beginning, and then after each notification of `external_write` and each write of another program
/// to `student_courses`, until aborted.
pub(crate) fn start(
    db: Db,
    registrar: Registrar,
    clock: Clock,
    external_write: Arc<Notify>,
) -> JoinHandle<()> {
    tokio::spawn(with_span(async move {
        // What was written before is found by the first look, without the log.
        let mut last_seq = i64::MAX;
        loop {
            let began = Instant::now();
            last_seq = store::entries_by_others(&db, last_seq).await.map_or(last_seq, |(last, _)| last);
            if let Err(error) = sweep(&db, &registrar, &clock).await {
                tracing::warn!(%error, "cannot look for orphaned rows of other programs");
            }
            tokio::time::sleep((began.elapsed() * PAUSE_FACTOR).max(MIN_PAUSE)).await;
            while tokio::time::timeout(POLL_INTERVAL, external_write.notified()).await.is_err()
                && began.elapsed() < INTERVAL
            {
                // An error is ignored: the next look tries again.
                let Ok((last, others)) = store::entries_by_others(&db, last_seq).await else { continue };
                last_seq = last;
                if others > 0 {
                    break;
                }
            }
        }
    }))
}

async fn sweep(db: &Db, registrar: &Registrar, clock: &Clock) -> Result<(), Refusal> {
    let courses = [
        store::courses_with_orphans(db).await?,
        store::courses_with_free_seats(db, &clock.stamp()).await?,
        store::vanished_courses(db).await?,
    ]
    .concat();
    for courses in courses.chunks(MAX_PER_COMMIT) {
        let command = Sweep { students: Vec::new(), courses: courses.to_vec() };
        registrar
            .submit(command, &Caller::program(Actor::Database))
            .await
            .map_err(|outcome| outcome.answer)?;
    }
    // Only students without enrollments are left: the others are in the log by now.
    let students = store::vanished_students(db).await?;
    for students in students.chunks(MAX_PER_COMMIT) {
        let command = Sweep { students: students.to_vec(), courses: Vec::new() };
        registrar
            .submit(command, &Caller::program(Actor::Database))
            .await
            .map_err(|outcome| outcome.answer)?;
    }
    Ok(())
}
