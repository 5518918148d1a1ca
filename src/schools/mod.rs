//! Many schools in one process: each request goes to the school of its host. Schools share nothing but the process.

mod exposition;
mod served;
pub mod settings;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use self::served::{Common, Condition, LOOK, Served, Unavailable};
use self::settings::{FoundSchools, SchoolsError};
use crate::access::proxy::TrustedProxy;
use crate::clock::Clock;
use crate::count::to_i64;
use crate::http::exposition::MetricsFormat;
use crate::http::held_body::HeldBody;
use crate::http::host::named_host;
use crate::http::limits::{self, RequestLimits};
use crate::http::problem::Problem;
use crate::metrics::Metrics;
use crate::pages;

/// How often to look whether schools were added or removed, and which nobody asks for.
const STEP: Duration = Duration::from_secs(1);
/// How often to look after schools that nobody asks for: other programs may have changed something there.
const ROUND: Duration = Duration::from_hours(1);
/// Schools that are looked at together: each open school takes some megabytes of memory.
const LOOKED_AT: usize = 8;
/// Schools that are opened at the same time: enough that some whose database does not answer leave room for others.
const OPENING: usize = 64;

/// How all schools of a server are served.
#[derive(Debug)]
pub struct SchoolsOptions {
    /// The clock.
    pub clock: Clock,
    /// The limits of requests. The address of each school takes the place of `public_url`.
    pub limits: RequestLimits,
    /// The metrics of the server itself.
    pub metrics: Metrics,
    /// A proxy that signs people in, and names them in a header.
    pub proxy: Option<TrustedProxy>,
    /// Whether nobody gets in without an account or a token, even where there is none yet.
    pub stay_closed: bool,
    /// Whether schools are only read.
    pub read_only: bool,
    /// The counter of lines of log output that were dropped.
    pub log_dropped: Counter,
}

/// The schools of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Schools(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    common: Arc<Common>,
    /// Of the server itself.
    metrics: Metrics,
    served: RwLock<Directory>,
}

/// The schools that are served.
#[derive(Clone, Debug, Default)]
struct Directory {
    by_name: BTreeMap<Arc<str>, Arc<Served>>,
    by_host: HashMap<String, Arc<Served>>,
}

impl Schools {
    /// Reads the file or the folder that lists the schools. Nothing is opened yet.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: PathBuf, options: SchoolsOptions) -> Result<Self, SchoolsError> {
        let SchoolsOptions { clock, limits, metrics, proxy, stay_closed, read_only, log_dropped } = options;
        let found = settings::read(&path)?;
        let opening = Semaphore::new(OPENING);
        let common = Arc::new(Common {
            clock,
            limits,
            proxy,
            stay_closed,
            read_only,
            log_dropped,
            traces: metrics.traces.clone(),
            known: Mutex::default(),
            opening,
        });
        let schools = Self(Arc::new(Inner { path, common, metrics, served: RwLock::default() }));
        schools.take(&found);
        Ok(schools)
    }

    /// The number of schools.
    #[must_use]
    pub fn count(&self) -> i64 {
        to_i64(self.directory().by_name.len())
    }

    /// Answers each request by the school of its host.
    pub fn router(&self) -> Router {
        let doors = Doors::new(self);
        let schools = self.clone();
        Router::new().fallback(async move |request: Request| schools.answer(request, &doors).await)
    }

    /// Looks after the schools: opens each in turn, adds and removes schools as the list says, closes those that nobody
    /// asks for.
    pub async fn look_after(self) {
        let mut last = None;
        let mut round_began: Option<Instant> = None;
        loop {
            if round_began.is_none_or(|began| began.elapsed() >= ROUND) {
                round_began = Some(Instant::now());
                tokio::spawn(self.clone().look_at(self.all()));
            }
            for served in self.all() {
                tokio::spawn(async move { served.close_if_idle().await });
            }
            tokio::time::sleep(STEP).await;
            let path = self.0.path.clone();
            let Ok(found) = tokio::task::spawn_blocking(move || settings::read(&path)).await else {
                continue;
            };
            if last.as_ref() != Some(&found) {
                match &found {
                    Ok(found) => _ = tokio::spawn(self.clone().look_at(self.take(found))),
                    Err(error) => {
                        tracing::error!(%error, "the list of schools cannot be read: they stay as they are");
                    }
                }
                last = Some(found);
            }
        }
    }

    /// Ends the streams of all clients, which would never end by themselves.
    pub fn end_streams(&self) {
        self.all().iter().for_each(|served| served.end_streams());
    }

    /// Closes all schools.
    pub async fn close(&self) {
        let closing = self.all().into_iter().map(|served| async move { served.retire().await });
        closing.collect::<JoinSet<()>>().join_all().await;
    }

    fn directory(&self) -> Directory {
        self.0.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn all(&self) -> Vec<Arc<Served>> {
        self.directory().by_name.into_values().collect()
    }

    async fn look_at(self, schools: Vec<Arc<Served>>) {
        for some in schools.chunks(LOOKED_AT) {
            for served in some {
                served.look().await;
            }
            tokio::time::sleep(LOOK).await;
            for served in some {
                served.close_if_idle().await;
            }
        }
    }

    /// Serves what was found from now on; returns the schools that are new. A school whose settings are wrong by now stays
    /// as it was.
    fn take(&self, found: &FoundSchools) -> Vec<Arc<Served>> {
        for (name, why) in &found.broken {
            tracing::error!(school = &**name, "the settings of this school cannot be used: {why}");
        }
        let mut directory = self.0.served.write().unwrap_or_else(PoisonError::into_inner);
        let (mut next, mut new) = (Directory::default(), Vec::new());
        for (name, settings) in &found.schools {
            let before = directory.by_name.remove(name);
            let served = match before {
                Some(served) if served.settings == *settings => served,
                before => {
                    let served = Arc::new(Served::new(settings.clone(), Arc::clone(&self.0.common)));
                    let turn = served.hold_back();
                    if let Some(before) = before {
                        tokio::spawn(async move {
                            before.retire().await;
                            drop(turn);
                        });
                    }
                    tracing::info!(school = &**name, "serving this school");
                    new.push(Arc::clone(&served));
                    served
                }
            };
            next.by_name.insert(Arc::clone(name), served);
        }
        for (name, served) in std::mem::take(&mut directory.by_name) {
            let is_as_it_was = found.broken.contains_key(&name)
                && !found.schools.values().any(|other| other.conflicts_with(&served.settings));
            if is_as_it_was {
                next.by_name.insert(name, served);
            } else {
                tracing::info!(school = &*name, "this school is no longer served");
                tokio::spawn(async move { served.retire().await });
            }
        }
        next.by_host =
            next.by_name.values().map(|served| (served.settings.host.clone(), Arc::clone(served))).collect();
        *directory = next;
        new
    }

    async fn answer(self, request: Request, doors: &Doors) -> Response {
        let host = named_host(&request);
        let served = host.as_ref().and_then(|host| {
            self.0.served.read().unwrap_or_else(PoisonError::into_inner).by_host.get(host).cloned()
        });
        let Some(served) = served else {
            let is_machine = host.is_some_and(|host| host.parse::<IpAddr>().is_ok() || host == "localhost");
            let door = if is_machine { &doors.operators } else { &doors.strangers };
            return ask(door, request).await;
        };
        match served.enter().await {
            Ok(open) => {
                let response = ask(open.router(), request).instrument(open.span.clone()).await;
                // It stays open until the response has been sent.
                response.map(|body| Body::new(HeldBody::new(body, open)))
            }
            Err(Unavailable) => ask(&doors.unavailable, request).await,
        }
    }

    /// The metrics of the server and of all schools, in the `OpenMetrics` text format.
    fn exposition(&self) -> String {
        let all = self.all();
        let count = |condition| all.iter().filter(|served| served.condition() == condition).count();
        let conditions = format!(
            "# HELP matricula_schools Schools by what they do.\n# TYPE matricula_schools gauge\n\
             matricula_schools{{state=\"open\"}} {}\nmatricula_schools{{state=\"closed\"}} {}\n\
             matricula_schools{{state=\"failed\"}} {}\n",
            count(Condition::Open),
            count(Condition::Closed),
            count(Condition::Failed)
        );
        let of_schools = all.iter().map(|served| served.metrics.render());
        exposition::merge([conditions, self.0.metrics.render()].into_iter().chain(of_schools))
    }
}

/// What answers requests that are for no school that can be served.
#[derive(Clone, Debug)]
struct Doors {
    /// Monitoring, by IP address.
    operators: Router,
    /// Requests for a host that no school has.
    strangers: Router,
    /// Requests for a school that cannot be opened.
    unavailable: Router,
}

impl Doors {
    fn new(schools: &Schools) -> Self {
        let limits = &schools.0.common.limits;
        let (metrics, page) = (&schools.0.metrics, pages::kit::problems::page);
        let any_host = RequestLimits { any_host: true, ..limits.clone() };
        let rendered = schools.clone();
        let operators = async move |request: Request| match request.uri().path() {
            "/healthz" => "ok\n".into_response(),
            "/readyz" => "ready\n".into_response(),
            "/metrics" => MetricsFormat::accepted(request.headers()).respond(rendered.exposition()),
            _ => no_school().into_response(),
        };
        let unavailable = async || {
            Problem::overloaded("This school cannot be reached at present. Try again in a few seconds.")
        };
        Self {
            operators: limits::apply(Router::new().fallback(operators), &any_host, metrics, page),
            strangers: limits::apply(Router::new().fallback(async || no_school()), &any_host, metrics, page),
            unavailable: limits::apply(Router::new().fallback(unavailable), &any_host, metrics, page),
        }
    }
}

fn no_school() -> Problem {
    Problem::forbidden(
        "No school of this server has this host. Each school is reached at the host of its own address; a proxy has to pass \
        on the Host header.",
    )
}

async fn ask(router: &Router, request: Request) -> Response {
    let answered: Result<Response, std::convert::Infallible> = router.clone().oneshot(request).await;
    match answered {
        Ok(response) => response,
    }
}
