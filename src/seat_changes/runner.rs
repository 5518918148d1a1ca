//! Carries changes out and undoes them, in several commits, and goes on with what another server has left.

use std::ops::Range;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tokio::sync::oneshot;

use super::change::{ChangeStatus, CourseStatus, Reason};
use super::error::SeatChangeError;
use super::staging::{self, Assignment, End};
use super::store::{self, Step, Unattended};
use crate::background::WorkCount;
use crate::clock::{Clock, Stamp};
use crate::db::Db;
use crate::registrar::{Caller, Chore, OperationOutcome, Pace, Refusal, Registrar, SeatChangePart, SeatStep};

/// How often the progress is written down.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long after the last sign of a server another one takes over what it was doing.
const ABANDONED: SignedDuration = SignedDuration::from_secs(30);
/// How long a change is kept that nothing was done with.
const UNUSED: SignedDuration = SignedDuration::from_hours(24);
/// How long a change is kept, and can be undone.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Notes about courses that have not changed, in one transaction.
const NOTES_PER_COMMIT: usize = 100;
/// Old rows of each table that are deleted in one transaction.
const MAX_DELETED: i64 = 50;

/// The database and the Registrar, as changes use them.
#[derive(Clone, Debug)]
pub(super) struct Runner {
    pub(super) db: Db,
    pub(super) registrar: Registrar,
    pub(super) clock: Clock,
    /// The changes that are being carried out or undone.
    pub(super) works: WorkCount,
}

/// What is done with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// It is carried out, exactly as it was shown: if the first courses are not as they were, nothing changes.
    Apply,
    /// The rest of it is carried out.
    GoOn,
    /// It is undone.
    Undo,
}

impl Task {
    /// The status of the courses to work on, and of those where that cannot be.
    fn statuses(self) -> (CourseStatus, CourseStatus) {
        match self {
            Self::Apply | Self::GoOn => (CourseStatus::Planned, CourseStatus::NotDone),
            Self::Undo => (CourseStatus::Done, CourseStatus::Remaining),
        }
    }
}

impl Runner {
    /// Works on a change to its end; says in `begun` when the first commit is made.
    ///
    /// # Errors
    /// [`SeatChangeError::PlanChanged`] if the first courses are not as they were shown; then nothing was changed. When a
    /// commit fails: a server goes on with the rest.
    pub(super) async fn work(
        &self,
        assignment: &Assignment,
        task: Task,
        caller: &Caller,
        begun: Option<oneshot::Sender<()>>,
    ) -> Result<(), SeatChangeError> {
        let _counted = self.works.begin();
        let mut worker = Worker {
            runner: self,
            assignment,
            task,
            caller,
            pace: self.registrar.pace(),
            last_sign: Instant::now(),
        };
        let end = match worker.all(begun).await {
            Ok(()) if task == Task::Undo => End::Undone,
            Ok(()) => End::Applied,
            Err(Refusal::PlanChanged) => End::Planned,
            Err(Refusal::Unauthorized | Refusal::Forbidden) => End::Stopped,
            Err(refusal)
                if task == Task::Apply && !store::has_begun(&self.db, assignment.change_id).await? =>
            {
                // Nothing was done, which the answer says.
                self.registrar
                    .keep_house(vec![staging::finish(assignment, End::Planned, &self.clock.stamp())])
                    .await?;
                return Err(refusal.into());
            }
            Err(refusal) => return Err(refusal.into()),
        };
        let now = self.clock.stamp();
        let chores = vec![staging::count(assignment, &now), staging::finish(assignment, end, &now)];
        let written = self.registrar.keep_house(chores).await?;
        match end {
            _ if written.last() != Some(&1) => Err(Refusal::SeatChangeTaken.into()),
            End::Planned => Err(SeatChangeError::PlanChanged),
            _ => Ok(()),
        }
    }

    pub(super) async fn resume_and_delete_old(&self) -> Result<(), SeatChangeError> {
        let now = self.clock.stamp();
        let [Some(abandoned), Some(unused), Some(kept)] =
            [ABANDONED, UNUSED, KEPT].map(|time| now.checked_sub(time))
        else {
            return Ok(());
        };
        for left in store::unattended(&self.db, &abandoned).await? {
            if let Err(error) = self.go_on(&left, &abandoned).await {
                tracing::warn!(%error, change = left.id, "cannot go on with a change of seats that another server has left");
            }
        }
        let chores = staging::delete_old(&unused, &kept, MAX_DELETED);
        while self.registrar.keep_house(chores.to_vec()).await?.iter().any(|deleted| *deleted > 0) {}
        Ok(())
    }

    /// Goes on with what another server has left, if whoever began it still may do that.
    async fn go_on(&self, left: &Unattended, abandoned: &Stamp) -> Result<(), SeatChangeError> {
        let assignment = Assignment::new(left.id);
        let take = staging::take_over(&assignment, left.status, abandoned, &self.clock.stamp());
        if self.registrar.keep_house(vec![take]).await? != [1] {
            return Ok(());
        }
        tracing::info!(change = left.id, "going on with a change of seats that another server has left");
        let task = match left.status {
            ChangeStatus::Undoing => Task::Undo,
            _ if store::has_begun(&self.db, left.id).await? => Task::GoOn,
            _ => Task::Apply,
        };
        let caller = Caller::resumed(&left.worked_by, &left.rights);
        self.work(&assignment, task, &caller, None).await
    }
}

/// Work on a change.
struct Worker<'a> {
    runner: &'a Runner,
    assignment: &'a Assignment,
    task: Task,
    caller: &'a Caller,
    pace: Pace,
    /// When the progress was last written down.
    last_sign: Instant,
}

impl Worker<'_> {
    async fn all(&mut self, mut begun: Option<oneshot::Sender<()>>) -> Result<(), Refusal> {
        let (mut after, mut is_first) = (0, true);
        let (status, _) = self.task.statuses();
        loop {
            let (db, id) = (&self.runner.db, self.assignment.change_id);
            let steps = store::steps(db, id, status, after, self.pace.size()).await?;
            let Some(last) = steps.last() else { break };
            after = last.place;
            self.part(&steps, self.task == Task::Apply && is_first).await?;
            is_first = false;
            if let Some(begun) = begun.take() {
                #[expect(clippy::let_underscore_must_use, reason = "the client may have stopped waiting")]
                let _ = begun.send(());
            }
            self.pace.pause().await;
        }
        Ok(())
    }

    /// Works on some courses, in one commit if the tables accept all of its rows.
    async fn part(&mut self, steps: &[Step], mut is_whole: bool) -> Result<(), Refusal> {
        let mut notes = Vec::new();
        let whole = 0..steps.len();
        let mut parts = vec![whole];
        while let Some(part) = parts.pop() {
            let began = Instant::now();
            let command = self.command(&steps[part.clone()], is_whole);
            match self.runner.registrar.submit(command, self.caller).await {
                Ok(done) => {
                    // With the first commit it is no longer possible that nothing changes.
                    is_whole = false;
                    self.pace.learn(part.len(), began.elapsed());
                    notes.extend(self.notes(&steps[part], done.answer));
                }
                // The table refused one of the rows: find it, so that the others are changed.
                Err(refused) if matches!(refused.answer, Refusal::RowRefused(_)) => match halves(&part) {
                    Some(halves) => parts.extend(halves),
                    None => notes.push(self.note(&steps[part.start], &refused.answer)),
                },
                Err(refused) => return Err(refused.answer),
            }
            self.show_progress().await?;
        }
        for notes in notes.chunks(NOTES_PER_COMMIT) {
            self.runner.registrar.keep_house(notes.to_vec()).await?;
        }
        Ok(())
    }

    /// Writes down from time to time how far the work is, so that no other server takes it over.
    async fn show_progress(&mut self) -> Result<(), Refusal> {
        if self.last_sign.elapsed() >= HEARTBEAT {
            let progress = staging::count(self.assignment, &self.runner.clock.stamp());
            self.runner.registrar.keep_house(vec![progress]).await?;
            self.last_sign = Instant::now();
        }
        Ok(())
    }

    fn command(&self, steps: &[Step], is_whole: bool) -> SeatChangePart {
        let Assignment { change_id, worker } = self.assignment.clone();
        let undoes = self.task == Task::Undo;
        let step = |step: &Step| {
            let (before, after) = (step.before.clone(), Some(step.after.clone()));
            let (expected, limits) = if undoes { (after, before) } else { (before, after) };
            SeatStep { course_id: step.course_id, expected, limits }
        };
        SeatChangePart { change_id, worker, undoes, is_whole, steps: steps.iter().map(step).collect() }
    }

    /// Notes about the courses that were refused.
    fn notes(&self, steps: &[Step], outcomes: Vec<OperationOutcome>) -> Vec<Chore> {
        let refused = steps.iter().zip(outcomes).filter_map(|(step, outcome)| match outcome {
            OperationOutcome::Refused(refusal) => Some(self.note(step, &refusal)),
            OperationOutcome::Done(_) | OperationOutcome::Withheld => None,
        });
        refused.collect()
    }

    fn note(&self, step: &Step, refusal: &Refusal) -> Chore {
        let (_, status) = self.task.statuses();
        let detail = match refusal {
            Refusal::PlanChanged if self.task == Task::Undo => {
                "Somebody has changed the seats since.".to_owned()
            }
            Refusal::PlanChanged => "Somebody has changed the seats since the preview.".to_owned(),
            Refusal::CourseNotFound(_) => "The course has been deleted.".to_owned(),
            other => other.to_string(),
        };
        let why = Reason::new(refusal.reason(), detail);
        staging::note(self.assignment, step.course_id, status, &why)
    }
}

/// The halves of a range, the first one last; `None` of a single place.
fn halves(part: &Range<usize>) -> Option<[Range<usize>; 2]> {
    let middle = part.start + part.len() / 2;
    (part.len() > 1).then_some([middle..part.end, part.start..middle])
}
