//! Works on imports: reads and plans files, carries plans out and undoes them, and goes on with what another server has left.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::Semaphore;

use super::carry_out::{Done, RowNumbers};
use super::contents;
use super::error::ImportError;
use super::plan::{self, NotMade};
use super::resumed::Resumed;
use super::rows::ImportRow;
use super::sections;
use super::settings::Settings;
use super::staging::{self, Assignment, Claim, ImportStatus, Unattended};
use super::steps::Plan;
use super::storage::{End, Storage};
use super::undo;
use crate::background::WorkCount;
use crate::count::to_i64;
use crate::db::DbError;
use crate::files::reading::{self, Source};
use crate::mapping::SchoolTables;
use crate::priority;
use crate::registrar::{Caller, Refusal};

/// How often the progress is written down.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long after the last sign of a server another one takes over what it was doing.
const ABANDONED: SignedDuration = SignedDuration::from_secs(30);
/// How long an import is kept that nothing was done with.
const UNUSED: SignedDuration = SignedDuration::from_hours(24);
/// How long an import is kept, and can be undone.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Old rows of each table that are deleted in one transaction.
const MAX_DELETED: i64 = 50;

/// A plan, and the files that are kept with it.
pub(super) struct Made {
    /// Without passwords.
    pub(super) files: Vec<Source>,
    pub(super) plan: Plan,
    /// See [`Plan::digest`].
    pub(super) digest: String,
}

/// Reads, plans, carries out and undoes imports.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) storage: Storage,
    pub(super) tables: SchoolTables,
    /// One reading and one plan at a time: each takes memory.
    pub(super) planning: Semaphore,
    /// One import is carried out or undone at a time.
    pub(super) working: Semaphore,
    /// The imports that are being written, carried out or undone.
    pub(super) works: WorkCount,
}

impl Runner {
    /// Reads files (`is_kept`: those of an import that is written down) and makes their plan. That takes a processor for seconds, so it has a thread of its own, which gives way to
    /// requests.
    pub(super) async fn make(
        &self,
        (sources, is_kept): (Vec<Source>, bool),
        settings: &Settings,
        caller: &Caller,
    ) -> Result<Made, ImportError> {
        let (db, tables, now) = (self.storage.db.clone(), self.tables.clone(), self.storage.clock.stamp());
        let (settings, caller) = (settings.clone(), caller.clone());
        let work = async move {
            let known = sections::known(&db).await?;
            let reading = reading::read(&sources, &settings.reading, &known);
            let plan = plan::make(reading, &settings, &db, &tables, now, &caller).await?;
            let digest = plan.digest();
            let is_kept_already = is_kept && !settings.reading.names_passwords();
            let kept = if is_kept_already {
                Ok(sources)
            } else {
                reading::without_passwords(sources, &plan.reading, &settings.reading)
            };
            let refused = |refusal| NotMade::Refused(Box::new(plan.reading.refused_for(refusal)));
            Ok(Made { files: kept.map_err(refused)?, plan, digest })
        };
        match priority::on_a_thread_of_its_own(work).await {
            Some(Ok(made)) => Ok(made),
            Some(Err(NotMade::Refused(reading))) => Err(ImportError::Unreadable(reading)),
            Some(Err(NotMade::Db(error))) => Err(error.into()),
            None => Err(DbError::Engine("planning an import has failed".to_owned()).into()),
        }
    }

    /// Carries out the rows of the plan that was confirmed: of an import that was interrupted (not `is_whole`), those that
    /// are left.
    pub(super) async fn carry_out(&self, assignment: Assignment, is_whole: bool, plan: Plan, caller: Caller) {
        let tried = AtomicUsize::new(0);
        let work = async {
            let _turn = self.working.acquire().await.map_err(|_| Refusal::Stopping)?;
            let progress = |steps| tried.store(steps, Ordering::Relaxed);
            if is_whole {
                let (done, rows) = self.carry_out_whole(&assignment, &plan, &caller, progress).await?;
                return Ok((done.steps + done.changed.len(), End::Applied(rows)));
            }
            let id = assignment.import_id;
            let planned = self.storage.planned_rows(id).await?;
            let steps = planned.iter().filter(|row| row.is_step()).count();
            let in_log = self.storage.in_log(id).await?;
            let before = in_log.rows.len();
            progress(before);
            let resumed = Resumed::new(planned, in_log);
            let to_do = resumed.to_do(&assignment, &plan);
            let done = self.carry_out_rows(&to_do, &plan, &caller, |steps| progress(before + steps)).await?;
            let rows = resumed.not_done(&plan, &to_do, &done, &self.storage.in_log(id).await?.rows);
            Ok((steps, End::Applied(rows)))
        };
        let done = self.with_heartbeat(&assignment, &tried, work).await;
        self.finish(&assignment, &tried, done, &caller).await;
    }

    /// Carries out all rows of a plan. Returns what was done, and the rows that were not.
    pub(super) async fn carry_out_whole(
        &self,
        assignment: &Assignment,
        plan: &Plan,
        caller: &Caller,
        progress: impl Fn(usize) + Send,
    ) -> Result<(Done, Vec<ImportRow>), Refusal> {
        let to_do = RowNumbers::new(assignment.clone(), plan, |number, _| Some(to_i64(number)));
        let done = self.carry_out_rows(&to_do, plan, caller, progress).await?;
        let rows = plan.not_done_rows(&to_do, &done);
        Ok((done, rows))
    }

    /// Carries out these rows of a plan, unless another import has said since which courses its sections are.
    async fn carry_out_rows(
        &self,
        to_do: &RowNumbers,
        plan: &Plan,
        caller: &Caller,
        progress: impl Fn(usize) + Send,
    ) -> Result<Done, Refusal> {
        if self.storage.remember_sections(to_do.assignment(), plan).await? {
            plan.carry_out(to_do, &self.storage.registrar, caller, progress).await
        } else if plan.steps() == 0 {
            // No row could say that nothing was done. The files are read again when the work goes on.
            Err(Refusal::PlanChanged)
        } else {
            Ok(plan.outdated(to_do))
        }
    }

    pub(super) async fn undo(&self, assignment: Assignment, caller: Caller) {
        let looked_at = AtomicUsize::new(0);
        let work = async {
            let _turn = self.working.acquire().await.map_err(|_| Refusal::Stopping)?;
            let Storage { db, registrar, .. } = &self.storage;
            let progress = |steps| looked_at.store(steps, Ordering::Relaxed);
            let remaining = undo::undo(&assignment, db, registrar, &caller, progress).await?;
            registrar.keep_house(vec![sections::forget(&assignment)]).await?;
            Ok(remaining)
        };
        let done = self.with_heartbeat(&assignment, &looked_at, work).await;
        let done = done.map(|remaining| (looked_at.load(Ordering::Relaxed), End::Undone(remaining)));
        self.finish(&assignment, &looked_at, done, &caller).await;
    }

    /// Writes down how the work has ended, after how many steps.
    async fn finish(
        &self,
        assignment: &Assignment,
        tried: &AtomicUsize,
        end: Result<(usize, End), Refusal>,
        caller: &Caller,
    ) {
        let ended = match end {
            Ok((steps, end)) => self.storage.end(assignment, &end, steps, caller).await,
            Err(refusal) => Err(refusal.into()),
        };
        let written = match ended {
            Err(ImportError::Refused(Refusal::Unauthorized | Refusal::Forbidden)) => {
                self.storage.stop(assignment, tried.load(Ordering::Relaxed)).await
            }
            ended => ended,
        };
        if let Err(error) = written {
            tracing::warn!(%error, import = assignment.import_id, "an import cannot go on yet");
        }
    }

    /// Writes down the progress while it works.
    pub(super) async fn with_heartbeat<T>(
        &self,
        assignment: &Assignment,
        steps: &AtomicUsize,
        work: impl Future<Output = T>,
    ) -> T {
        let _counted = self.works.begin();
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(end) = tokio::time::timeout(HEARTBEAT, &mut work).await {
                return end;
            }
            let touch =
                staging::touch(assignment, steps.load(Ordering::Relaxed), &self.storage.clock.stamp());
            if let Err(error) = self.storage.write(vec![touch]).await {
                tracing::debug!(%error, import = assignment.import_id, "the progress of an import is not written down");
            }
        }
    }

    pub(super) async fn resume_and_delete_old(&self) -> Result<(), ImportError> {
        let now = self.storage.clock.stamp();
        let [Some(abandoned), Some(unused), Some(kept)] =
            [ABANDONED, UNUSED, KEPT].map(|time| now.checked_sub(time))
        else {
            return Ok(());
        };
        for left in staging::unattended(&self.storage.db, &abandoned).await? {
            if let Err(error) = self.go_on(&left).await {
                tracing::warn!(%error, import = left.id, "cannot go on with an import that another server has left");
            }
        }
        self.storage.write(vec![contents::remove_files_of_ended()]).await?;
        let chores = staging::delete_old(&unused, &kept, MAX_DELETED);
        while self.storage.registrar.keep_house(chores.clone()).await?.iter().any(|deleted| *deleted > 0) {}
        Ok(())
    }

    /// Goes on with what another server has left, if whoever began it still may do that.
    async fn go_on(&self, left: &Unattended) -> Result<(), ImportError> {
        let caller = Caller::resumed(&left.worked_by, &left.rights);
        let turn = self.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let (import, digest) = self.storage.find(left.id).await?;
        let claim = Claim { from: left.status, to: left.status, digest: &digest };
        let taken = "Another server goes on with it.";
        let assignment = self.storage.claim(left.id, claim, &caller, taken).await?;
        tracing::info!(import = left.id, "going on with an import that another server has left");
        if left.status == ImportStatus::Undoing {
            drop(turn);
            self.undo(assignment, caller).await;
            return Ok(());
        }
        let made = self.make((self.storage.sources(left.id).await?, true), &import.settings, &caller).await;
        if left.status == ImportStatus::Applying && matches!(made, Err(ImportError::Unreadable(_))) {
            // Another version of the program does not read the files any more. What was done can be undone.
            let damaged = |_| DbError::Engine(format!("import {} has done {} steps", left.id, import.done));
            let done = usize::try_from(import.done).map_err(damaged)?;
            return self.storage.stop(&assignment, done).await;
        }
        let made = made?;
        if left.status == ImportStatus::Staging {
            return self
                .storage
                .write_plan(&assignment, (&made.plan, &made.digest), &import.settings, None)
                .await;
        }
        drop(turn);
        self.carry_out(assignment, false, made.plan, caller).await;
        Ok(())
    }
}
