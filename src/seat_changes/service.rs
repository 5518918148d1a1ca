//! Plans changes of the seats of many courses, carries them out and undoes them, for pages and API.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::change::ChangeStatus;
use super::choice::CourseChoice;
use super::error::SeatChangeError;
use super::plan::{Plan, School};
use super::runner::{Runner, Task};
use super::staging::{self, Assignment};
use super::store;
use crate::background::with_span;
use crate::background::{BackgroundTasks, WorkCount};
use crate::clock::Clock;
use crate::count::to_i64;
use crate::db::{Db, DbError};
use crate::groups::store as groups;
use crate::registrar::{Caller, Chore, GroupOpenings, LimitsChange, Refusal, Registrar, Right};
use crate::registration::Board;
use crate::viewer::Viewer;

/// How long an answer waits for the end of the work.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often to look for changes that a server has left, and for old ones.
const ROUND: Duration = Duration::from_secs(15);
/// Rows that are written down in one transaction.
const ROWS_PER_COMMIT: usize = 100;

/// Plans changes and carries them out. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SeatChanges(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    runner: Runner,
    board: Board,
    tasks: BackgroundTasks,
}

impl SeatChanges {
    /// The service, without any task of its own.
    #[must_use]
    pub fn new(db: Db, registrar: Registrar, board: Board, clock: Clock) -> Self {
        let runner = Runner { db, registrar, clock, works: WorkCount::default() };
        Self(Arc::new(Shared { runner, board, tasks: BackgroundTasks::default() }))
    }

    /// Goes on with changes whose server has stopped, and deletes old ones, until [`SeatChanges::close`].
    pub fn start(&self) {
        let changes = self.clone();
        self.0.tasks.keep(tokio::spawn(with_span(async move {
            loop {
                if let Err(error) = changes.0.runner.resume_and_delete_old().await {
                    tracing::warn!(%error, "cannot go on with changes of seats");
                }
                tokio::time::sleep(ROUND).await;
            }
        })));
    }

    /// Whether a change is being carried out or undone, by whichever server, or waits for one to go on.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn are_unfinished(&self) -> Result<bool, DbError> {
        let Runner { db, clock, works, .. } = &self.0.runner;
        Ok(works.is_any() || !store::unattended(db, &clock.stamp()).await?.is_empty())
    }

    /// Stops what it is doing; another server, or this one when it starts again, goes on with it.
    pub async fn close(&self) {
        self.0.tasks.stop().await;
    }

    /// Plans what a change would mean for each course. Nothing changes; the plan is kept. Returns its id: for a request with
    /// a key that has made a plan already, that of this plan.
    ///
    /// # Errors
    /// [`Refusal::GroupNotFound`]; [`SeatChangeError::KeyReused`]; when the database cannot be read or written.
    pub async fn plan(
        &self,
        viewer: &Viewer,
        choice: &CourseChoice,
        change: &LimitsChange,
        caller: &Caller,
    ) -> Result<i64, SeatChangeError> {
        caller.ensure(Right::WriteCourses)?;
        if let Some(id) = self.planned_before(caller).await? {
            return Ok(id);
        }
        for group in change.group_opens_at.iter().flat_map(GroupOpenings::groups) {
            groups::find(viewer, group).await?.ok_or_else(|| Refusal::GroupNotFound(group.clone()))?;
        }
        let now = self.0.runner.clock.stamp();
        let school = School::load(viewer, &self.0.board, choice).await?;
        let plan = school.plan(viewer, choice, change, &now).await?;
        let id = self.write_down((choice, change), &plan, caller).await?;
        if self.run(vec![staging::publish(id, caller)]).await? == [1] {
            return Ok(id);
        }
        // Another request with this key was faster.
        self.planned_before(caller).await?.ok_or_else(|| Refusal::KeyInUse.into())
    }

    /// The change that a request with this key has planned.
    async fn planned_before(&self, caller: &Caller) -> Result<Option<i64>, SeatChangeError> {
        let Some(key) = &caller.key else { return Ok(None) };
        let Some((id, fingerprint)) = store::id_of_request(&self.0.runner.db, &key.name).await? else {
            return Ok(None);
        };
        if fingerprint.as_ref() == Some(&key.fingerprint) {
            Ok(Some(id))
        } else {
            Err(SeatChangeError::KeyReused)
        }
    }

    async fn write_down(
        &self,
        what: (&CourseChoice, &LimitsChange),
        plan: &Plan,
        caller: &Caller,
    ) -> Result<i64, SeatChangeError> {
        let (record, now) = (staging::random(), self.0.runner.clock.stamp());
        self.run(vec![staging::add(&record, what, plan, caller, &now)]).await?;
        let id = store::id_of_record(&self.0.runner.db, &record).await?;
        let id = id.ok_or_else(|| DbError::Engine("a new change of seats is gone".to_owned()))?;
        let rows: Vec<Chore> =
            (1..).zip(&plan.courses).map(|(place, course)| staging::add_course(id, place, course)).collect();
        for rows in rows.chunks(ROWS_PER_COMMIT) {
            self.run(rows.to_vec()).await?;
        }
        Ok(id)
    }

    /// Carries out a plan that still holds, and waits a moment for the end. A change that is carried out already stays as
    /// it is.
    ///
    /// # Errors
    /// [`SeatChangeError::PlanChanged`] if courses or seats are not as they were shown; then nothing was changed.
    pub async fn apply(&self, viewer: &Viewer, id: i64, caller: &Caller) -> Result<(), SeatChangeError> {
        use ChangeStatus::{Applied, Applying, Planned, Stopped, Undoing, Undone};
        caller.ensure(Right::WriteCourses)?;
        let (change, named) = self.find(id).await?;
        let task = match change.status {
            Planned => Task::Apply,
            Stopped => Task::GoOn,
            Applying | Applied => return Ok(()),
            Undoing => return Err(SeatChangeError::WrongState("The change is being undone.")),
            Undone => return Err(SeatChangeError::WrongState("The change is undone. Make a new one.")),
        };
        if task == Task::Apply {
            let school = School::load(viewer, &self.0.board, &change.courses).await?;
            let before = store::limits_before(&self.0.runner.db, id).await?;
            if to_i64(before.len()) != change.counts.all() {
                // It is so old that it is being deleted.
                return Err(SeatChangeError::NotFound(id));
            }
            let is_same = before.iter().all(|(id, before)| school.has_still(*id, before.as_ref()));
            if school.named() != named || !is_same {
                // The same request may have changed them in the meantime.
                return match self.find(id).await?.0.status {
                    Applying | Applied => Ok(()),
                    _ => Err(SeatChangeError::PlanChanged),
                };
            }
        }
        if !self.claim_and_work(id, (change.status, Applying), task, caller).await? {
            // Somebody was faster: with the same, or with something else?
            return match self.find(id).await?.0.status {
                Applying | Applied => Ok(()),
                _ => Err(SeatChangeError::WrongState("Somebody else works on this change.")),
            };
        }
        Ok(())
    }

    /// Puts back the seats of each course that are as the change has left them, and waits a moment for the end. A change
    /// that is undone already stays as it is.
    ///
    /// # Errors
    /// When it was never carried out.
    pub async fn undo(&self, id: i64, caller: &Caller) -> Result<(), SeatChangeError> {
        use ChangeStatus::{Applied, Applying, Planned, Stopped, Undoing, Undone};
        caller.ensure(Right::WriteCourses)?;
        let (change, _) = self.find(id).await?;
        match change.status {
            Applied | Stopped => {}
            Undoing | Undone => return Ok(()),
            Applying => {
                return Err(SeatChangeError::WrongState(
                    "The change is still being made. Undo it when it is done.",
                ));
            }
            Planned => return Err(SeatChangeError::WrongState("The change was never made.")),
        }
        if !self.claim_and_work(id, (change.status, Undoing), Task::Undo, caller).await? {
            return match self.find(id).await?.0.status {
                Undoing | Undone => Ok(()),
                _ => Err(SeatChangeError::WrongState("Somebody else works on this change.")),
            };
        }
        Ok(())
    }

    async fn find(&self, id: i64) -> Result<(super::SeatChange, String), SeatChangeError> {
        store::find_named(&self.0.runner.db, Some(id)).await?.ok_or(SeatChangeError::NotFound(id))
    }

    /// Works on a change in the background, also if the client stops waiting. Returns whether nobody else does, after the
    /// first commit and a moment more.
    async fn claim_and_work(
        &self,
        id: i64,
        statuses: (ChangeStatus, ChangeStatus),
        task: Task,
        caller: &Caller,
    ) -> Result<bool, SeatChangeError> {
        let assignment = Assignment::new(id);
        // A key of the request stands for one commit, and a change takes many.
        let caller = Caller { key: None, ..caller.clone() };
        let claim = staging::claim(&assignment, statuses, &caller, &self.0.runner.clock.stamp());
        if self.run(vec![claim]).await? != [1] {
            return Ok(false);
        }
        let (begun, has_begun) = oneshot::channel();
        let (ended, end) = oneshot::channel();
        let runner = self.0.runner.clone();
        self.0.tasks.keep(tokio::spawn(with_span(async move {
            let done = runner.work(&assignment, task, &caller, Some(begun)).await;
            if let Err(error) = &done
                && !matches!(error, SeatChangeError::PlanChanged)
            {
                tracing::warn!(%error, change = id, "a change of seats cannot go on yet");
            }
            #[expect(clippy::let_underscore_must_use, reason = "the client may have stopped waiting")]
            let _ = ended.send(done);
        })));
        #[expect(
            clippy::let_underscore_must_use,
            reason = "it ends without a commit where nothing is left to do"
        )]
        let _ = has_begun.await;
        if let Ok(done) = tokio::time::timeout(PATIENCE, end).await {
            done.map_err(|_| Refusal::Stopping)??;
        }
        Ok(true)
    }

    async fn run(&self, chores: Vec<Chore>) -> Result<Vec<usize>, SeatChangeError> {
        Ok(self.0.runner.registrar.keep_house(chores).await?)
    }
}
