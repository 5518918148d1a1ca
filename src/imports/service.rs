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
use super::rows::ImportRow;
use super::staging::{self, ImportStatus, ListName, Settings, Shift};
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
        let begun = "Somebody else has begun to import these files.";
        let shift = self.0.keeper.claim(id, from, ImportStatus::Applying, begun).await?;
        drop(turn);
        let is_whole = from == ImportStatus::Planned;
        let total = (!is_whole).then_some(import.total);
        self.work(self.clone().carry_out(shift, total, plan, without_key(caller))).await;
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
        let begun = "Somebody else has begun to undo the import.";
        let shift = self.0.keeper.claim(id, from, ImportStatus::Undoing, begun).await?;
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
        let shift = self.0.keeper.claim(id, ImportStatus::Planned, ImportStatus::Applying, gone).await?;
        let order = Order::new(shift.clone(), plan, |number, _| Some(to_i64(number)));
        let tried = AtomicUsize::new(0);
        let work = plan.carry_out(&order, &self.0.keeper.registrar, caller, |steps| {
            tried.store(steps, Ordering::Relaxed);
            progress(steps);
        });
        let done = self.with_heartbeat(&shift, &tried, work).await?;
        let rows = plan.not_done_rows(&done);
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

    /// Carries out the rows of the plan that was confirmed: of an import that was interrupted after some of `total` steps,
    /// those that are left.
    async fn carry_out(self, shift: Shift, total: Option<i64>, plan: Plan, caller: Caller) {
        let done_before = total.and_then(|total| usize::try_from(total).ok());
        let done_before = done_before.map_or(0, |total| total.saturating_sub(plan.steps()));
        let tried = AtomicUsize::new(done_before);
        let work = async {
            let _turn = self.0.working.acquire().await.map_err(|_| Refusal::Stopping)?;
            let order = match total {
                None => Order::new(shift.clone(), &plan, |number, _| Some(to_i64(number))),
                Some(_) => {
                    let planned = self.0.keeper.planned_rows(shift.import_id).await?;
                    Order::new(shift.clone(), &plan, |number, row| {
                        planned.get(&plan.row(number, row).fingerprint()).copied()
                    })
                }
            };
            let progress = |steps| tried.store(done_before + steps, Ordering::Relaxed);
            plan.carry_out(&order, &self.0.keeper.registrar, &caller, progress).await
        };
        let done = self.with_heartbeat(&shift, &tried, work).await;
        let done = done.map(|done| {
            (done_before + done.steps + done.changed.len(), plan.not_done_rows(&done), ImportStatus::Applied)
        });
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
        for (id, status, actor) in staging::unattended(&self.0.keeper.db, &ago(ABANDONED)).await? {
            // Whoever began it was allowed to.
            let caller = Caller::program(Actor::from_stored(&actor).unwrap_or(Actor::Cli));
            let shift = self.0.keeper.claim(id, status, status, "Another server goes on with it.").await?;
            tracing::info!(import = id, "going on with an import that another server has left");
            match status {
                ImportStatus::Undoing => self.clone().take_back(shift, caller).await,
                _ => self.go_on(shift, caller).await?,
            }
        }
        let chores = staging::delete_old(&ago(UNUSED), &ago(KEPT), MAX_DELETED);
        while self.0.keeper.registrar.keep_house(chores.clone()).await?.iter().any(|deleted| *deleted > 0) {}
        Ok(())
    }

    async fn go_on(&self, shift: Shift, caller: Caller) -> Result<(), ImportError> {
        let id = shift.import_id;
        let (import, _) = self.0.keeper.find(id).await?;
        let turn = self.0.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let (_, plan) = self.make(self.0.keeper.sources(id).await?, &import.settings, &caller).await?;
        drop(turn);
        self.clone().carry_out(shift, Some(import.total), plan, caller).await;
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
