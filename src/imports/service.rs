//! Plans imports, carries them out and undoes them, one after the other, for pages, API and command line.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::carry_out::{Done, Order};
use super::error::ImportError;
use super::keeper::{self, Keeper};
use super::plan::{self, NotMade};
use super::resumed::Resumed;
use super::rows::ImportRow;
use super::settings::{make_options, options};
use super::staging::{self, Claim, ImportStatus, ListName, Settings, Shift, Unattended};
use super::steps::{Obstacle, Plan};
use super::undo;
use crate::clock::Clock;
use crate::count::to_i64;
use crate::db::{Db, DbError};
use crate::files::reading::{self, Source};
use crate::mapping::SchoolTables;
use crate::registrar::{Actor, Caller, Grants, Proof, Refusal, Registrar, Rights};
use crate::shares::{Client, Quota, QuotaGuard};

/// Files that may wait to be read and planned.
const MAX_WAITING: usize = 8;
/// How often the progress is written down.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long after the last sign of a server another one takes over what it was doing.
const ABANDONED: SignedDuration = SignedDuration::from_secs(30);
/// How often to look for that, and for old imports.
const ROUND: Duration = Duration::from_secs(15);
/// How long an import is kept that nothing was done with.
const UNUSED: SignedDuration = SignedDuration::from_hours(24);
/// How long an import is kept, and can be undone.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Old rows of each table that are deleted in one transaction.
const MAX_DELETED: i64 = 50;

/// Plans imports and carries them out. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Imports(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    keeper: Keeper,
    tables: SchoolTables,
    /// Files that are being read or wait for that.
    places: Arc<Quota>,
    /// One reading and one plan at a time: each takes memory.
    planning: Semaphore,
    /// One import is carried out or undone at a time.
    working: Semaphore,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Imports {
    /// The service, without any task of its own.
    #[must_use]
    pub fn new(db: Db, registrar: Registrar, tables: SchoolTables, clock: Clock) -> Self {
        Self(Arc::new(Shared {
            keeper: Keeper { db, registrar, clock },
            tables,
            places: Quota::new(MAX_WAITING),
            planning: Semaphore::new(1),
            working: Semaphore::new(1),
            tasks: Mutex::default(),
        }))
    }

    /// Goes on with imports whose server has stopped, and deletes old ones, until [`Imports::close`].
    pub fn start(&self) {
        let imports = self.clone();
        self.keep(tokio::spawn(async move {
            loop {
                if let Err(error) = imports.look_around().await {
                    tracing::warn!(%error, "cannot go on with imports");
                }
                tokio::time::sleep(ROUND).await;
            }
        }));
    }

    /// Stops what it is doing; another server, or this one when it starts again, goes on with it.
    pub async fn close(&self) {
        let tasks = std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
            #[expect(clippy::let_underscore_must_use, reason = "it was aborted")]
            let _ = task.await;
        }
    }

    /// A place in the queue of files that are read and planned, one after the other. `memory` is held as long as the place.
    ///
    /// # Errors
    /// [`ImportError::Full`] at once, if the queue is full or the client has its share of it.
    pub fn place(&self, client: Option<Client>, memory: Option<QuotaGuard>) -> Result<Place, ImportError> {
        let turn = self.0.places.take(client, 1).map_err(ImportError::Full)?;
        Ok(Place { _turn: turn, _memory: memory })
    }

    /// Reads files and plans what they would change. Nothing changes; the plan is kept.
    ///
    /// # Errors
    /// When the files are refused: then nothing is kept. When the database cannot be read or written.
    pub async fn plan(
        &self,
        sources: Vec<Source>,
        settings: Settings,
        caller: &Caller,
        place: Place,
    ) -> Result<i64, ImportError> {
        let (imports, caller) = (self.clone(), caller.clone());
        to_the_end(place, async move { imports.plan_now(sources, settings, &caller).await }).await
    }

    async fn plan_now(
        &self,
        sources: Vec<Source>,
        settings: Settings,
        caller: &Caller,
    ) -> Result<i64, ImportError> {
        let _turn = self.0.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let request = caller.key.as_ref().map(|key| (key.name.clone(), key.fingerprint.clone()));
        if let Some((name, fingerprint)) = &request
            && let Some((id, known)) = staging::id_of_request(&self.0.keeper.db, name).await?
        {
            return if known.as_ref() == Some(fingerprint) { Ok(id) } else { Err(ImportError::KeyReused) };
        }
        let (sources, plan) = self.make(sources, &settings, caller).await?;
        let id = self.0.keeper.add(&sources, request, caller).await?;
        self.0.keeper.write_plan(id, &plan, &settings).await?;
        Ok(id)
    }

    /// Reads the files of an import again, with other settings, and plans it again.
    ///
    /// # Errors
    /// As [`Imports::plan`]; when somebody has begun to carry it out.
    pub async fn plan_again(
        &self,
        id: i64,
        settings: Settings,
        caller: &Caller,
        place: Place,
    ) -> Result<(), ImportError> {
        let (imports, caller) = (self.clone(), caller.clone());
        to_the_end(place, async move { imports.plan_again_now(id, settings, &caller).await }).await
    }

    async fn plan_again_now(&self, id: i64, settings: Settings, caller: &Caller) -> Result<(), ImportError> {
        let _turn = self.0.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let (_, digest) = self.0.keeper.find(id).await?;
        let (_, plan) = self.make(self.0.keeper.sources(id).await?, &settings, caller).await?;
        let begun = "Somebody has begun to import these files.";
        let claim = Claim { from: ImportStatus::Planned, to: ImportStatus::Staging, digest: &digest };
        self.0.keeper.claim(id, claim, caller, begun).await?;
        self.0.keeper.write(vec![staging::remove_rows(id, ListName::Plan)]).await?;
        self.0.keeper.write_plan(id, &plan, &settings).await
    }

    /// Begins to carry out a plan that still holds, and waits a moment for its end. An import that is carried out
    /// already stays as it is.
    ///
    /// # Errors
    /// [`ImportError::PlanChanged`] when the plan would be another one now; [`ImportError::WouldRemove`] when much would
    /// vanish and `confirm` is not the number, or when `confirm` is another number.
    pub async fn apply(
        &self,
        id: i64,
        confirm: Option<usize>,
        caller: &Caller,
        place: Place,
    ) -> Result<(), ImportError> {
        let (imports, caller) = (self.clone(), caller.clone());
        to_the_end(place, async move { imports.apply_now(id, confirm, &caller).await }).await
    }

    async fn apply_now(&self, id: i64, confirm: Option<usize>, caller: &Caller) -> Result<(), ImportError> {
        let turn = self.0.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let (import, digest) = self.0.keeper.find(id).await?;
        let from = match import.status {
            ImportStatus::Planned | ImportStatus::Stopped => import.status,
            ImportStatus::Applying | ImportStatus::Applied => return Ok(()),
            ImportStatus::Undoing => return Err(ImportError::WrongState("The import is being undone.")),
            _ => return Err(ImportError::WrongState("The import is undone. Bring the files again.")),
        };
        let (_, plan) = self.make(self.0.keeper.sources(id).await?, &import.settings, caller).await?;
        if from == ImportStatus::Planned && keeper::digest_of(&plan) != digest {
            return Err(ImportError::PlanChanged);
        }
        if from == ImportStatus::Planned {
            let would_remove = |why: Obstacle| ImportError::WouldRemove(why.detail, plan.vanishing.len());
            plan.ensure_confirmed(confirm).map_err(would_remove)?;
        }
        let begun = "Somebody else has begun to import these files.";
        let claim = Claim { from, to: ImportStatus::Applying, digest: &digest };
        let shift = self.0.keeper.claim(id, claim, caller, begun).await?;
        drop(turn);
        let is_whole = from == ImportStatus::Planned;
        self.work(self.clone().carry_out(shift, is_whole, plan, without_key(caller))).await;
        Ok(())
    }

    /// Begins to undo an import, and waits a moment for its end. One that is undone already stays as it is.
    ///
    /// # Errors
    /// When it was never carried out.
    pub async fn undo(&self, id: i64, caller: &Caller) -> Result<(), ImportError> {
        let (import, digest) = self.0.keeper.find(id).await?;
        let from = match import.status {
            ImportStatus::Applied | ImportStatus::Stopped => import.status,
            ImportStatus::Undoing | ImportStatus::Undone => return Ok(()),
            ImportStatus::Applying => {
                return Err(ImportError::WrongState("The import is still running. Undo it when it is done."));
            }
            _ => return Err(ImportError::WrongState("The import was never carried out.")),
        };
        let begun = "Somebody else has begun to undo the import.";
        let claim = Claim { from, to: ImportStatus::Undoing, digest: &digest };
        let shift = self.0.keeper.claim(id, claim, caller, begun).await?;
        self.work(self.clone().take_back(shift, without_key(caller))).await;
        Ok(())
    }

    /// Writes down a plan and carries it out; returns the id of the import and what was done. `progress` is called with
    /// the number of steps that were tried.
    ///
    /// # Errors
    /// When a commit fails; a server goes on with the rest.
    pub async fn import(
        &self,
        sources: &[Source],
        settings: &Settings,
        plan: &Plan,
        caller: &Caller,
        progress: impl Fn(usize) + Send + Sync,
    ) -> Result<(i64, Done), ImportError> {
        let id = self.0.keeper.add(sources, None, caller).await?;
        self.0.keeper.write_plan(id, plan, settings).await?;
        let gone = "A server has deleted it.";
        let digest = keeper::digest_of(plan);
        let claim = Claim { from: ImportStatus::Planned, to: ImportStatus::Applying, digest: &digest };
        let shift = self.0.keeper.claim(id, claim, caller, gone).await?;
        let order = Order::new(shift.clone(), plan, |number, _| Some(to_i64(number)));
        let tried = AtomicUsize::new(0);
        let work = plan.carry_out(&order, &self.0.keeper.registrar, caller, |steps| {
            tried.store(steps, Ordering::Relaxed);
            progress(steps);
        });
        let done = self.with_heartbeat(&shift, &tried, work).await?;
        let rows = plan.not_done_rows(&order, &done);
        self.0.keeper.end(&shift, ImportStatus::Applied, done.steps + done.changed.len(), &rows).await?;
        Ok((id, done))
    }

    async fn make(
        &self,
        sources: Vec<Source>,
        settings: &Settings,
        caller: &Caller,
    ) -> Result<(Vec<Source>, Plan), ImportError> {
        let options = options(settings);
        // Reading is work for a processor, not for the threads of requests.
        let read = tokio::task::spawn_blocking(move || {
            let reading = reading::read(&sources, &options);
            (sources, reading)
        });
        let (sources, reading) =
            read.await.map_err(|_| DbError::Engine("reading a file has failed".to_owned()))?;
        let (db, now) = (&self.0.keeper.db, self.0.keeper.clock.stamp());
        match plan::make(reading, &make_options(settings), db, &self.0.tables, now, caller).await {
            Ok(plan) => Ok((sources, plan)),
            Err(NotMade::Refused(reading)) => Err(ImportError::Unreadable(reading)),
            Err(NotMade::Db(error)) => Err(error.into()),
        }
    }

    /// Works in the background; returns when that is done, or after a moment.
    async fn work(&self, work: impl Future<Output = ()> + Send + 'static) {
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        self.keep(tokio::spawn(async move {
            work.await;
            drop(ended);
        }));
        #[expect(clippy::let_underscore_must_use, reason = "whoever waits can ask again")]
        let _ = tokio::time::timeout(HEARTBEAT, end).await;
    }

    fn keep(&self, task: JoinHandle<()>) {
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// Carries out the rows of the plan that was confirmed: of an import that was interrupted (not `is_whole`), those that
    /// are left.
    async fn carry_out(self, shift: Shift, is_whole: bool, plan: Plan, caller: Caller) {
        let tried = AtomicUsize::new(0);
        let work = async {
            let _turn = self.0.working.acquire().await.map_err(|_| Refusal::Stopping)?;
            let progress = |steps| tried.store(steps, Ordering::Relaxed);
            let Keeper { registrar, .. } = &self.0.keeper;
            if is_whole {
                let order = Order::new(shift.clone(), &plan, |number, _| Some(to_i64(number)));
                let done = plan.carry_out(&order, registrar, &caller, progress).await?;
                let rows = plan.not_done_rows(&order, &done);
                return Ok((done.steps + rows.len(), rows, ImportStatus::Applied));
            }
            let id = shift.import_id;
            let planned = self.0.keeper.planned_rows(id).await?;
            let steps = planned.iter().filter(|row| row.is_step()).count();
            let resumed = Resumed::new(planned, self.0.keeper.rows_in_log(id).await?);
            let order = resumed.order(&shift, &plan);
            let done = plan.carry_out(&order, registrar, &caller, progress).await?;
            let rows = resumed.not_done(&plan, &order, &done, &self.0.keeper.rows_in_log(id).await?);
            Ok((steps, rows, ImportStatus::Applied))
        };
        let done = self.with_heartbeat(&shift, &tried, work).await;
        self.finish(&shift, &tried, done).await;
    }

    async fn take_back(self, shift: Shift, caller: Caller) {
        let looked_at = AtomicUsize::new(0);
        let work = async {
            let _turn = self.0.working.acquire().await.map_err(|_| Refusal::Stopping)?;
            let Keeper { db, registrar, .. } = &self.0.keeper;
            undo::undo(&shift, db, registrar, &caller, |steps| looked_at.store(steps, Ordering::Relaxed))
                .await
        };
        let done = self.with_heartbeat(&shift, &looked_at, work).await;
        let done = done.map(|remaining| (looked_at.load(Ordering::Relaxed), remaining, ImportStatus::Undone));
        self.finish(&shift, &looked_at, done).await;
    }

    /// Writes down how the work has ended: how many steps, which rows are left, and the state of the import then.
    async fn finish(
        &self,
        shift: &Shift,
        tried: &AtomicUsize,
        end: Result<(usize, Vec<ImportRow>, ImportStatus), Refusal>,
    ) {
        let written = match end {
            Ok((steps, rows, status)) => self.0.keeper.end(shift, status, steps, &rows).await,
            Err(Refusal::Unauthorized | Refusal::Forbidden) => {
                let steps = tried.load(Ordering::Relaxed);
                self.0.keeper.end(shift, ImportStatus::Stopped, steps, &[]).await
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = written {
            tracing::warn!(%error, import = shift.import_id, "an import cannot go on yet");
        }
    }

    /// Writes down the progress while it works.
    async fn with_heartbeat<T>(
        &self,
        shift: &Shift,
        steps: &AtomicUsize,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(end) = tokio::time::timeout(HEARTBEAT, &mut work).await {
                return end;
            }
            let touch = staging::touch(shift, steps.load(Ordering::Relaxed), &self.0.keeper.clock.stamp());
            if let Err(error) = self.0.keeper.write(vec![touch]).await {
                tracing::debug!(%error, import = shift.import_id, "the progress of an import is not written down");
            }
        }
    }

    async fn look_around(&self) -> Result<(), ImportError> {
        let now = self.0.keeper.clock.stamp();
        let ago = |time: SignedDuration| now.checked_sub(time).unwrap_or_else(|| now.clone());
        for left in staging::unattended(&self.0.keeper.db, &ago(ABANDONED)).await? {
            if let Err(error) = self.go_on(&left).await {
                tracing::warn!(%error, import = left.id, "cannot go on with an import that another server has left");
            }
        }
        let chores = staging::delete_old(&ago(UNUSED), &ago(KEPT), MAX_DELETED);
        while self.0.keeper.registrar.keep_house(chores.clone()).await?.iter().any(|deleted| *deleted > 0) {}
        Ok(())
    }

    /// Goes on with what another server has left, if whoever began it still may do that.
    async fn go_on(&self, left: &Unattended) -> Result<(), ImportError> {
        let caller = caller_again(left);
        let turn = self.0.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let (import, digest) = self.0.keeper.find(left.id).await?;
        let claim = Claim { from: left.status, to: left.status, digest: &digest };
        let taken = "Another server goes on with it.";
        let shift = self.0.keeper.claim(left.id, claim, &caller, taken).await?;
        tracing::info!(import = left.id, "going on with an import that another server has left");
        if left.status == ImportStatus::Undoing {
            drop(turn);
            self.clone().take_back(shift, caller).await;
            return Ok(());
        }
        let (_, plan) = self.make(self.0.keeper.sources(left.id).await?, &import.settings, &caller).await?;
        drop(turn);
        self.clone().carry_out(shift, false, plan, caller).await;
        Ok(())
    }
}

/// Whoever began the work, with the rights that they had then. Whether they still have them is looked up in each commit.
fn caller_again(left: &Unattended) -> Caller {
    match Actor::from_stored(&left.worked_by) {
        Some(actor @ (Actor::Account(_) | Actor::Token(_) | Actor::Anonymous)) => {
            let grants = Grants { rights: Rights::from_stored(&left.rights), student: None };
            Caller {
                actor,
                grants,
                proof: Proof { version: NEVER, ..Proof::default() },
                request_id: None,
                key: None,
            }
        }
        Some(actor) => Caller::program(actor),
        None => Caller { grants: Grants::NONE, ..Caller::program(Actor::Anonymous) },
    }
}

/// A number of changes of rights that there never is: what somebody could do then says nothing about now.
const NEVER: i64 = -1;

/// A place in the queue of files that are read and planned.
#[derive(Debug)]
pub struct Place {
    _turn: QuotaGuard,
    _memory: Option<QuotaGuard>,
}

/// Works to the end even if the client stops waiting: a plan is not left half written, and one file is read at a time.
async fn to_the_end<T: Send + 'static>(
    place: Place,
    work: impl Future<Output = Result<T, ImportError>> + Send + 'static,
) -> Result<T, ImportError> {
    let task = tokio::spawn(async move {
        let end = work.await;
        drop(place);
        end
    });
    task.await.map_err(|_| Refusal::Stopping)?
}

/// A key of the request stands for one commit, and an import takes many.
fn without_key(caller: &Caller) -> Caller {
    Caller { key: None, ..caller.clone() }
}
