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
use super::plan::{self, MakeOptions, Mode, NotMade};
use super::staging::{self, ImportStatus, ListName, Settings};
use super::steps::{Obstacle, Plan};
use super::undo;
use crate::clock::Clock;
use crate::count::to_i64;
use crate::db::{Db, DbError};
use crate::files::reading::{self, Encoding, Kind, Meaning, Options, Source};
use crate::mapping::SchoolTables;
use crate::registrar::{Actor, Caller, Refusal, Registrar};

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

    /// Reads files and plans what they would change. Nothing changes; the plan is kept.
    ///
    /// # Errors
    /// When the files are refused: then nothing is kept. When the database cannot be read or written.
    pub async fn plan(
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
    pub async fn plan_again(&self, id: i64, settings: Settings, caller: &Caller) -> Result<(), ImportError> {
        self.0.keeper.find(id).await?;
        let _turn = self.0.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let (_, plan) = self.make(self.0.keeper.sources(id).await?, &settings, caller).await?;
        let begun = "Somebody has begun to import these files.";
        self.0.keeper.claim(id, ImportStatus::Planned, ImportStatus::Staging, begun).await?;
        self.0.keeper.write(vec![staging::remove_rows(id, ListName::Plan)]).await?;
        self.0.keeper.write_plan(id, &plan, &settings).await
    }

    /// Begins to carry out a plan that still holds, and waits a moment for its end. An import that is carried out
    /// already stays as it is.
    ///
    /// # Errors
    /// [`ImportError::PlanChanged`] when the plan would be another one now; [`ImportError::WouldRemove`] when much would
    /// vanish and `confirm` is not the number, or when `confirm` is another number.
    pub async fn apply(&self, id: i64, confirm: Option<usize>, caller: &Caller) -> Result<(), ImportError> {
        let (import, digest) = self.0.keeper.find(id).await?;
        let from = match import.status {
            ImportStatus::Planned | ImportStatus::Stopped => import.status,
            ImportStatus::Applying | ImportStatus::Applied => return Ok(()),
            _ => return Err(ImportError::WrongState("The import is undone. Bring the files again.")),
        };
        let turn = self.0.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let (_, plan) = self.make(self.0.keeper.sources(id).await?, &import.settings, caller).await?;
        if from == ImportStatus::Planned && keeper::digest_of(&plan) != digest {
            return Err(ImportError::PlanChanged);
        }
        if from == ImportStatus::Planned {
            let would_remove = |why: Obstacle| ImportError::WouldRemove(why.detail, plan.vanishing.len());
            plan.ensure_confirmed(confirm).map_err(would_remove)?;
        }
        self.0
            .keeper
            .claim(id, from, ImportStatus::Applying, "Somebody else has begun to import these files.")
            .await?;
        drop(turn);
        self.work(self.clone().carry_out(id, import.total, plan, without_key(caller))).await;
        Ok(())
    }

    /// Begins to undo an import, and waits a moment for its end. One that is undone already stays as it is.
    ///
    /// # Errors
    /// When it was never carried out.
    pub async fn undo(&self, id: i64, caller: &Caller) -> Result<(), ImportError> {
        let (import, _) = self.0.keeper.find(id).await?;
        let from = match import.status {
            ImportStatus::Applied | ImportStatus::Stopped => import.status,
            ImportStatus::Undoing | ImportStatus::Undone => return Ok(()),
            ImportStatus::Applying => {
                return Err(ImportError::WrongState("The import is still running. Undo it when it is done."));
            }
            _ => return Err(ImportError::WrongState("The import was never carried out.")),
        };
        self.0
            .keeper
            .claim(id, from, ImportStatus::Undoing, "Somebody else has begun to undo the import.")
            .await?;
        self.work(self.clone().take_back(id, without_key(caller))).await;
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
        self.0
            .keeper
            .claim(id, ImportStatus::Planned, ImportStatus::Applying, "A server has deleted it.")
            .await?;
        let order = Order::new(id, plan, |number, _| Some(to_i64(number)));
        let tried = AtomicUsize::new(0);
        let work = plan.carry_out(&order, &self.0.keeper.registrar, caller, |steps| {
            tried.store(steps, Ordering::Relaxed);
            progress(steps);
        });
        let done = self.with_heartbeat(id, &tried, work).await?;
        let rows = plan.not_done_rows(&done);
        self.0.keeper.end(id, ImportStatus::Applied, done.steps + done.changed.len(), &rows).await?;
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

    /// Carries out the rows of the plan that was confirmed: of an import that was interrupted, those that are left.
    async fn carry_out(self, id: i64, total: i64, plan: Plan, caller: Caller) {
        let Ok(_turn) = self.0.working.acquire().await else { return };
        let planned = match self.0.keeper.planned_rows(id).await {
            Ok(planned) => planned,
            Err(error) => return tracing::warn!(%error, import = id, "an import cannot go on yet"),
        };
        let order =
            Order::new(id, &plan, |number, row| planned.get(&plan.row(number, row).fingerprint()).copied());
        let done_before = usize::try_from(total).unwrap_or_default().saturating_sub(plan.steps());
        let tried = AtomicUsize::new(done_before);
        let work = plan.carry_out(&order, &self.0.keeper.registrar, &caller, |steps| {
            tried.store(done_before + steps, Ordering::Relaxed);
        });
        let end = self.with_heartbeat(id, &tried, work).await;
        let written = match end {
            Ok(done) => {
                let rows = plan.not_done_rows(&done);
                let done = done_before + done.steps + done.changed.len();
                self.0.keeper.end(id, ImportStatus::Applied, done, &rows).await
            }
            Err(Refusal::Unauthorized | Refusal::Forbidden) => {
                self.0.keeper.end(id, ImportStatus::Stopped, tried.into_inner(), &[]).await
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = written {
            tracing::warn!(%error, import = id, "an import cannot go on yet");
        }
    }

    async fn take_back(self, id: i64, caller: Caller) {
        let Ok(_turn) = self.0.working.acquire().await else { return };
        let looked_at = AtomicUsize::new(0);
        let work = undo::undo(id, &self.0.keeper.db, &self.0.keeper.registrar, &caller, |steps| {
            looked_at.store(steps, Ordering::Relaxed);
        });
        let written = match self.with_heartbeat(id, &looked_at, work).await {
            Ok(remaining) => {
                self.0.keeper.end(id, ImportStatus::Undone, looked_at.into_inner(), &remaining).await
            }
            Err(Refusal::Unauthorized | Refusal::Forbidden) => {
                self.0.keeper.end(id, ImportStatus::Stopped, looked_at.into_inner(), &[]).await
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = written {
            tracing::warn!(%error, import = id, "an import cannot be undone yet");
        }
    }

    /// Writes down the progress while it works.
    async fn with_heartbeat<T>(&self, id: i64, steps: &AtomicUsize, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(end) = tokio::time::timeout(HEARTBEAT, &mut work).await {
                return end;
            }
            let touch = staging::touch(id, steps.load(Ordering::Relaxed), &self.0.keeper.clock.stamp());
            if let Err(error) = self.0.keeper.write(vec![touch]).await {
                tracing::debug!(%error, import = id, "the progress of an import is not written down");
            }
        }
    }

    async fn look_around(&self) -> Result<(), ImportError> {
        let now = self.0.keeper.clock.stamp();
        let ago = |time: SignedDuration| now.checked_sub(time).unwrap_or_else(|| now.clone());
        for (id, status, actor) in staging::unattended(&self.0.keeper.db, &ago(ABANDONED)).await? {
            // Whoever began it was allowed to.
            let caller = Caller::program(Actor::from_stored(&actor).unwrap_or(Actor::Cli));
            self.0.keeper.claim(id, status, status, "").await?;
            tracing::info!(import = id, "going on with an import that another server has left");
            match status {
                ImportStatus::Undoing => self.clone().take_back(id, caller).await,
                _ => self.go_on(id, caller).await?,
            }
        }
        let chores = staging::delete_old(&ago(UNUSED), &ago(KEPT), MAX_DELETED);
        while self.0.keeper.registrar.keep_house(chores.clone()).await?.iter().any(|deleted| *deleted > 0) {}
        Ok(())
    }

    async fn go_on(&self, id: i64, caller: Caller) -> Result<(), ImportError> {
        let (import, _) = self.0.keeper.find(id).await?;
        let turn = self.0.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let (_, plan) = self.make(self.0.keeper.sources(id).await?, &import.settings, &caller).await?;
        drop(turn);
        self.clone().carry_out(id, import.total, plan, caller).await;
        Ok(())
    }
}

/// A key of the request stands for one commit, and an import takes many.
fn without_key(caller: &Caller) -> Caller {
    Caller { key: None, ..caller.clone() }
}

/// What to plan with these settings.
#[must_use]
pub fn make_options(settings: &Settings) -> MakeOptions {
    let is_full = settings.mode.as_deref() == Some("full");
    MakeOptions { mode: if is_full { Mode::Full } else { Mode::Add } }
}

/// How to read files with these settings.
#[must_use]
pub fn options(settings: &Settings) -> Options {
    let kind = settings.kind.as_deref().and_then(|kind| match kind {
        "students" => Some(Kind::Students),
        "courses" => Some(Kind::Courses),
        "enrollments" => Some(Kind::Enrollments),
        _ => None,
    });
    let columns = settings.columns.iter();
    Options {
        kind,
        encoding: settings.encoding.as_deref().and_then(Encoding::from_label),
        columns: columns.map(|(heading, slug)| (heading.clone(), Meaning::from_slug(slug))).collect(),
    }
}
