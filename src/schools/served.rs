//! One of several schools: opened when somebody asks for it, and closed when nobody has for a while.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use axum::Router;
use prometheus_client::metrics::counter::Counter;
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tracing::{Instrument as _, Span};

use super::settings::SchoolSettings;
use crate::access::Ways;
use crate::access::proxy::TrustedProxy;
use crate::access::sign_on::Providers;
use crate::access::sign_on::settings::SignOnSettings;
use crate::adoption::MigrateOptions;
use crate::clock::Clock;
use crate::config::{Front, check_front};
use crate::db::Location;
use crate::http::limits::RequestLimits;
use crate::metrics::Metrics;
use crate::server::{School, router};
use crate::state::AppState;
use crate::traces::Traces;

/// How long a school stays open that nobody asks for.
const IDLE: Duration = Duration::from_mins(10);
/// How long a school stays open that was opened only to look after it: long enough to go on with what was interrupted, and
/// to find what other programs have left.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// How long a school that could not be opened is left alone.
const RETRY: Duration = Duration::from_secs(5);
/// How long a request waits until its school is open.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the requests of a school may take that is no longer served.
const FINISH: Duration = Duration::from_secs(10);
/// How long accepted changes may take to commit after the last request.
const LAST_COMMITS: Duration = Duration::from_secs(20);
/// How often to look whether the last request has ended.
const FINISH_STEP: Duration = Duration::from_millis(50);

/// What all schools of a server have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) clock: Clock,
    pub(super) limits: RequestLimits,
    pub(super) proxy: Option<TrustedProxy>,
    /// Whether nobody gets in without an account or a token, even where there is none yet.
    pub(super) stay_closed: bool,
    /// Whether schools are only read.
    pub(super) read_only: bool,
    pub(super) log_dropped: Counter,
    pub(super) traces: Traces,
    /// Databases that were there: one that is missing later was moved away, and no empty one takes its place.
    pub(super) known: Mutex<HashSet<PathBuf>>,
    /// Schools that may be opened at the same time.
    pub(super) opening: Semaphore,
}

/// A school that is served.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) settings: SchoolSettings,
    /// They go on counting when the school is closed and opened again.
    pub(super) metrics: Metrics,
    common: Arc<Common>,
    state: RwLock<State>,
    /// Held while the school is opened or closed, so that only one task does.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone, Debug)]
enum State {
    Closed,
    Open(Arc<OpenSchool>),
    /// It could not be opened, at this time.
    Failed(Instant),
    /// It is no longer served.
    Retired,
}

/// A school cannot be served at present; the log output says why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unavailable;

/// What a school does at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Open,
    Closed,
    Failed,
}

/// A school that is open.
#[derive(Debug)]
pub(super) struct OpenSchool {
    pub(super) span: Span,
    /// Made for the first request.
    router: OnceLock<Router>,
    limits: RequestLimits,
    app: AppState,
    school: Mutex<Option<School>>,
    opened: Instant,
    /// When somebody last asked for it.
    asked: Mutex<Option<Instant>>,
}

impl Served {
    pub(super) fn new(settings: SchoolSettings, common: Arc<Common>) -> Self {
        let metrics = Metrics::of_school(&settings.name, common.log_dropped.clone());
        let metrics = metrics.with_traces(common.traces.of_school(&settings.name));
        Self { settings, metrics, common, state: RwLock::new(State::Closed), turn: Arc::default() }
    }

    /// The school, opened if it is closed. It stays open as long as what is returned is kept.
    pub(super) async fn enter(self: &Arc<Self>) -> Result<Arc<OpenSchool>, Unavailable> {
        let open = match self.open_now() {
            Some(open) => open,
            None => tokio::time::timeout(PATIENCE, self.opened()).await.map_err(|_| Unavailable)??,
        };
        *open.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(open)
    }

    /// Opens it if it is closed, so that it goes on with what was interrupted.
    pub(super) async fn look(self: &Arc<Self>) {
        // The log output says why it cannot be opened.
        let _result = tokio::time::timeout(PATIENCE, self.opened()).await;
    }

    pub(super) fn condition(&self) -> Condition {
        match self.state() {
            State::Open(_) => Condition::Open,
            State::Closed | State::Retired => Condition::Closed,
            State::Failed(_) => Condition::Failed,
        }
    }

    /// Ends the streams of its clients, which would never end by themselves.
    pub(super) fn end_streams(&self) {
        if let State::Open(open) = self.state() {
            open.app.feed.close();
        }
    }

    /// Closes it if nobody has asked for it for a while.
    pub(super) async fn close_if_idle(&self) {
        if !self.open_now().is_some_and(|open| open.is_idle()) || self.has_unfinished_work().await {
            return;
        }
        let Ok(_turn) = self.turn.try_lock() else { return };
        let idle = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            // The only one that holds it: nobody can enter meanwhile.
            let is_idle =
                matches!(&*state, State::Open(open) if Arc::strong_count(open) == 1 && open.is_idle());
            is_idle.then(|| std::mem::replace(&mut *state, State::Closed))
        };
        if let Some(State::Open(open)) = idle {
            open.close().await;
        }
    }

    /// Whether it has to stay open for work that somebody began. If that cannot be read, it stays open.
    async fn has_unfinished_work(&self) -> bool {
        let Some(open) = self.open_now() else { return false };
        let (imports, changes) = (open.app.imports.clone(), open.app.seat_changes.clone());
        drop(open);
        imports.are_unfinished().await.unwrap_or(true) || changes.are_unfinished().await.unwrap_or(true)
    }

    /// Serves it no longer: finishes its requests and closes it.
    pub(super) async fn retire(&self) {
        let _turn = self.turn.lock().await;
        let state = std::mem::replace(
            &mut *self.state.write().unwrap_or_else(PoisonError::into_inner),
            State::Retired,
        );
        let State::Open(open) = state else { return };
        open.app.feed.close();
        let began = Instant::now();
        while Arc::strong_count(&open) > 1 && began.elapsed() < FINISH {
            tokio::time::sleep(FINISH_STEP).await;
        }
        open.close().await;
    }

    /// Keeps everybody from opening it, until what is returned is dropped.
    pub(super) fn hold_back(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.turn).try_lock_owned().ok()
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn open_now(&self) -> Option<Arc<OpenSchool>> {
        match self.state() {
            State::Open(open) => Some(open),
            _ => None,
        }
    }

    /// Opens it in a task of its own, which goes on when the client that asked for it leaves.
    async fn opened(self: &Arc<Self>) -> Result<Arc<OpenSchool>, Unavailable> {
        let served = Arc::clone(self);
        let opening = tokio::spawn(async move {
            let _turn = served.turn.lock().await;
            match served.state() {
                State::Open(open) => return Ok(open),
                State::Failed(at) if at.elapsed() < RETRY => return Err(Unavailable),
                State::Retired => return Err(Unavailable),
                State::Closed | State::Failed(_) => {}
            }
            let _place = served.common.opening.acquire().await.map_err(|_| Unavailable)?;
            let span = tracing::error_span!("school", school = &*served.settings.name);
            // A migration does not leave its thread.
            let (opened, runtime) = (Arc::clone(&served), Handle::current());
            let work = opened_in(opened, span.clone(), runtime);
            let opened = tokio::task::spawn_blocking(work).await.map_err(|_| Unavailable)?;
            let (state, answer) = match opened {
                Ok(open) => {
                    let open = Arc::new(open);
                    (State::Open(Arc::clone(&open)), Ok(open))
                }
                Err(error) => {
                    span.in_scope(|| tracing::error!("this school cannot be served: {error:#}"));
                    (State::Failed(Instant::now()), Err(Unavailable))
                }
            };
            *served.state.write().unwrap_or_else(PoisonError::into_inner) = state;
            answer
        });
        opening.await.map_err(|_| Unavailable)?
    }

    async fn open(&self, span: &Span) -> anyhow::Result<OpenSchool> {
        let SchoolSettings { public_url, database, sign_on, new_school, .. } = &self.settings;
        if let Location::File(file) = database {
            let known = self.common.known.lock().unwrap_or_else(PoisonError::into_inner);
            ensure!(file.exists() || !known.contains(file), "{database} is gone");
        }
        let providers = sign_on.as_deref().map(SignOnSettings::read).transpose()?;
        let ways = Ways {
            providers: Providers::new(providers.unwrap_or_default())?,
            proxy: self.common.proxy.clone(),
        };
        // Somebody else decides who comes here, so it is no trial.
        let has_ways = !ways.providers.is_empty() || ways.proxy.is_some();
        let options = MigrateOptions { new_school: *new_school, ..MigrateOptions::default() };
        let front = Front { public_url: Some(public_url.clone()), tls: self.common.limits.tls };
        check_front(&front)?;
        let (clock, metrics) = (self.common.clock.clone(), self.metrics.clone());
        let school = if self.common.read_only {
            School::open_read_only(database, clock, front, metrics, ways).await
        } else {
            School::open_with(database, clock, front, metrics, &options, ways).await
        }
        .with_context(|| database.to_string())?;
        if self.common.stay_closed || has_ways {
            school.app.access.stay_closed();
        }
        if let Location::File(file) = database {
            self.common.known.lock().unwrap_or_else(PoisonError::into_inner).insert(file.clone());
        }
        school.go_on().await;
        let limits = RequestLimits { public_url: Some(public_url.clone()), ..self.common.limits.clone() };
        Ok(OpenSchool {
            router: OnceLock::new(),
            limits,
            span: span.clone(),
            app: school.app.clone(),
            school: Mutex::new(Some(school)),
            opened: Instant::now(),
            asked: Mutex::default(),
        })
    }
}

/// Opens a school on the thread that calls it.
fn opened_in(
    served: Arc<Served>,
    span: Span,
    runtime: Handle,
) -> impl FnOnce() -> anyhow::Result<OpenSchool> + Send {
    move || runtime.block_on(served.open(&span).instrument(span.clone()))
}

impl OpenSchool {
    /// What answers its requests.
    pub(super) fn router(&self) -> &Router {
        self.router.get_or_init(|| {
            // Not for a school that is only opened to go on with what was interrupted.
            self.app.prepare_searches();
            router::router(self.app.clone(), &self.limits)
        })
    }

    fn is_idle(&self) -> bool {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.map_or(self.opened.elapsed() >= LOOK, |asked| asked.elapsed() >= IDLE)
    }

    async fn close(&self) {
        let school = self.school.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(school) = school else { return };
        if tokio::time::timeout(LAST_COMMITS, school.close()).await.is_err() {
            self.span.in_scope(|| {
                tracing::error!("closed before all accepted changes were committed: the database is blocked");
            });
        }
    }
}
