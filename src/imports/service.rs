//! Plans imports, carries them out and undoes them, one after the other, for pages, API and command line.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::carry_out::Done;
use super::error::ImportError;
use super::runner::{HEARTBEAT, Made, Runner};
use super::settings::Settings;
use super::staging::{self, Claim, ImportStatus, RIGHTS};
use super::steps::{Obstacle, Plan};
use super::storage::End;
use super::storage::Storage;
use crate::background::with_span;
use crate::background::{BackgroundTasks, WorkCount};
use crate::clock::Clock;
use crate::db::{Db, DbError};
use crate::files::reading::{self, Source};
use crate::mapping::SchoolTables;
use crate::registrar::{Caller, Refusal, Registrar};
use crate::shares::{Client, Quota, QuotaGuard};

/// Files that may wait to be read and planned.
const MAX_WAITING: usize = 8;
/// How often to look for that, and for old imports.
const ROUND: Duration = Duration::from_secs(15);

/// Plans imports and carries them out. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Imports(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    runner: Arc<Runner>,
    /// Files that are being read or wait for that.
    places: Arc<Quota>,
    tasks: BackgroundTasks,
}

impl Imports {
    /// The service, without any task of its own.
    #[must_use]
    pub fn new(db: Db, registrar: Registrar, tables: SchoolTables, clock: Clock) -> Self {
        Self(Arc::new(Shared {
            runner: Arc::new(Runner {
                storage: Storage { db, registrar, clock },
                tables,
                planning: Semaphore::new(1),
                working: Semaphore::new(1),
                works: WorkCount::default(),
            }),
            places: Quota::new(MAX_WAITING),
            tasks: BackgroundTasks::default(),
        }))
    }

    /// Goes on with imports whose server has stopped, and deletes old ones, until [`Imports::close`].
    pub fn start(&self) {
        let imports = self.clone();
        self.0.tasks.keep(tokio::spawn(with_span(async move {
            loop {
                if let Err(error) = imports.0.runner.resume_and_delete_old().await {
                    tracing::warn!(%error, "cannot go on with imports");
                }
                tokio::time::sleep(ROUND).await;
            }
        })));
    }

    /// Whether an import is being written down, carried out or undone, by whichever server, or waits for one to go on.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn are_unfinished(&self) -> Result<bool, DbError> {
        let Storage { db, clock, .. } = &self.0.runner.storage;
        Ok(self.0.runner.works.is_any() || !staging::unattended(db, &clock.stamp()).await?.is_empty())
    }

    /// Stops what it is doing; another server, or this one when it starts again, goes on with it.
    pub async fn close(&self) {
        self.0.tasks.stop().await;
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
        ensure_may_import(caller)?;
        let (imports, caller) = (self.clone(), caller.clone());
        to_the_end(place, async move { imports.plan_now(sources, settings, &caller).await }).await
    }

    async fn plan_now(
        &self,
        sources: Vec<Source>,
        settings: Settings,
        caller: &Caller,
    ) -> Result<i64, ImportError> {
        let _turn = self.0.runner.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let request = caller.key.as_ref().map(|key| (key.name.clone(), key.fingerprint.clone()));
        if let Some((name, fingerprint)) = &request
            && let Some((id, known)) = staging::id_of_request(&self.0.runner.storage.db, name).await?
        {
            return if known.as_ref() == Some(fingerprint) { Ok(id) } else { Err(ImportError::KeyReused) };
        }
        let made = self.0.runner.make((sources, false), &settings, caller).await?;
        let assignment = self.0.runner.storage.add(&made.files, caller).await?;
        self.0.runner.storage.write_plan(&assignment, (&made.plan, &made.digest), &settings, request).await?;
        Ok(assignment.import_id)
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
        ensure_may_import(caller)?;
        let (imports, caller) = (self.clone(), caller.clone());
        to_the_end(place, async move { imports.plan_again_now(id, settings, &caller).await }).await
    }

    async fn plan_again_now(&self, id: i64, settings: Settings, caller: &Caller) -> Result<(), ImportError> {
        let _turn = self.0.runner.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let (_, digest) = self.0.runner.storage.find(id).await?;
        let made =
            self.0.runner.make((self.0.runner.storage.sources(id).await?, true), &settings, caller).await?;
        let begun = "Somebody has begun to import these files.";
        let claim = Claim { from: ImportStatus::Planned, to: ImportStatus::Staging, digest: &digest };
        let assignment = self.0.runner.storage.claim(id, claim, caller, begun).await?;
        if settings.reading.names_passwords() {
            self.0.runner.storage.replace_files(&assignment, &made.files).await?;
        }
        self.0.runner.storage.write_plan(&assignment, (&made.plan, &made.digest), &settings, None).await
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
        ensure_may_import(caller)?;
        let (imports, caller) = (self.clone(), caller.clone());
        to_the_end(place, async move { imports.apply_now(id, confirm, &caller).await }).await
    }

    async fn apply_now(&self, id: i64, confirm: Option<usize>, caller: &Caller) -> Result<(), ImportError> {
        let turn = self.0.runner.planning.acquire().await.map_err(|_| Refusal::Stopping)?;
        let (import, digest) = self.0.runner.storage.find(id).await?;
        let from = match import.status {
            ImportStatus::Planned | ImportStatus::Stopped => import.status,
            ImportStatus::Applying | ImportStatus::Applied => return Ok(()),
            ImportStatus::Staging => return Err(ImportError::WrongState("The files are being read again.")),
            ImportStatus::Undoing => return Err(ImportError::WrongState("The import is being undone.")),
            ImportStatus::Undone => {
                return Err(ImportError::WrongState("The import is undone. Bring the files again."));
            }
        };
        let Made { plan, digest: now, .. } = self
            .0
            .runner
            .make((self.0.runner.storage.sources(id).await?, true), &import.settings, caller)
            .await?;
        if from == ImportStatus::Planned {
            if now != digest {
                return Err(ImportError::PlanChanged);
            }
            let would_remove = |why: Obstacle| ImportError::WouldRemove(why.detail, plan.vanishing.len());
            plan.ensure_confirmed(confirm).map_err(would_remove)?;
        }
        let begun = "Somebody else has begun to import these files.";
        let claim = Claim { from, to: ImportStatus::Applying, digest: &digest };
        let assignment = self.0.runner.storage.claim(id, claim, caller, begun).await?;
        drop(turn);
        let is_whole = from == ImportStatus::Planned;
        let (runner, caller) = (Arc::clone(&self.0.runner), without_key(caller));
        self.work(async move { runner.carry_out(assignment, is_whole, plan, caller).await }).await;
        Ok(())
    }

    /// Begins to undo an import, and waits a moment for its end. One that is undone already stays as it is.
    ///
    /// # Errors
    /// When it was never carried out.
    pub async fn undo(&self, id: i64, caller: &Caller) -> Result<(), ImportError> {
        ensure_may_import(caller)?;
        let (import, digest) = self.0.runner.storage.find(id).await?;
        let from = match import.status {
            ImportStatus::Applied | ImportStatus::Stopped => import.status,
            ImportStatus::Undoing | ImportStatus::Undone => return Ok(()),
            ImportStatus::Applying => {
                return Err(ImportError::WrongState("The import is still running. Undo it when it is done."));
            }
            ImportStatus::Staging | ImportStatus::Planned => {
                return Err(ImportError::WrongState("The import was never carried out."));
            }
        };
        let begun = "Somebody else has begun to undo the import.";
        let claim = Claim { from, to: ImportStatus::Undoing, digest: &digest };
        let assignment = self.0.runner.storage.claim(id, claim, caller, begun).await?;
        let (runner, caller) = (Arc::clone(&self.0.runner), without_key(caller));
        self.work(async move { runner.undo(assignment, caller).await }).await;
        Ok(())
    }

    /// Writes down a plan and carries it out; returns the id of the import and what was done. `progress` is called with
    /// the number of steps that were tried.
    ///
    /// # Errors
    /// When a commit fails; a server goes on with the rest.
    pub async fn import(
        &self,
        sources: Vec<Source>,
        settings: &Settings,
        plan: &Plan,
        caller: &Caller,
        progress: impl Fn(usize) + Send + Sync,
    ) -> Result<(i64, Done), ImportError> {
        ensure_may_import(caller)?;
        let files = reading::without_passwords(sources, &plan.reading, &settings.reading)
            .map_err(|refusal| ImportError::Unreadable(Box::new(plan.reading.refused_for(refusal))))?;
        let added = self.0.runner.storage.add(&files, caller).await?;
        let digest = plan.digest();
        self.0.runner.storage.write_plan(&added, (plan, &digest), settings, None).await?;
        let id = added.import_id;
        let gone = "A server has deleted it.";
        let claim = Claim { from: ImportStatus::Planned, to: ImportStatus::Applying, digest: &digest };
        let assignment = self.0.runner.storage.claim(id, claim, caller, gone).await?;
        let tried = AtomicUsize::new(0);
        let work = self.0.runner.carry_out_whole(&assignment, plan, caller, |steps| {
            tried.store(steps, Ordering::Relaxed);
            progress(steps);
        });
        let (done, rows) = self.0.runner.with_heartbeat(&assignment, &tried, work).await?;
        let tried = done.steps + done.changed.len();
        self.0.runner.storage.end(&assignment, &End::Applied(rows), tried, caller).await?;
        Ok((id, done))
    }

    /// Works in the background; returns when that is done, or after a moment.
    async fn work(&self, work: impl Future<Output = ()> + Send + 'static) {
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        self.0.tasks.keep(tokio::spawn(with_span(async move {
            work.await;
            drop(ended);
        })));
        #[expect(clippy::let_underscore_must_use, reason = "whoever waits can ask again")]
        let _ = tokio::time::timeout(HEARTBEAT, end).await;
    }
}

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
    let task = tokio::spawn(with_span(async move {
        let end = work.await;
        drop(place);
        end
    }));
    match task.await {
        Ok(end) => end,
        Err(error) if error.is_panic() => {
            Err(DbError::Engine("the work on an import has failed".to_owned()).into())
        }
        Err(_) => Err(Refusal::Stopping.into()),
    }
}

fn ensure_may_import(caller: &Caller) -> Result<(), Refusal> {
    RIGHTS.into_iter().try_for_each(|right| caller.ensure(right))
}

/// A key of the request stands for one commit, and an import takes many.
fn without_key(caller: &Caller) -> Caller {
    Caller { key: None, ..caller.clone() }
}
