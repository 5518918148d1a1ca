//! The language of the tests: an open school, its students, its courses and its answers.
//!
//! Every answer is checked against the OpenAPI document. When a school is dropped, its audit must find nothing.

mod browser;
mod client;
mod command;
mod contract;
mod database;
mod identity_provider;
mod model;
mod people;
mod process;
mod raw;
mod wait;

use std::net::SocketAddr;
use std::time::Duration;

use matricula::audit::audit;
use matricula::clock::{Clock, ManualClock};
use matricula::http::limits::RequestLimits;
use matricula::http::server::{Bounds, Server};
use matricula::mapping;
use matricula::registrar::Registrar;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use self::browser::{Browser, Look};
pub(crate) use self::client::{Client, Reply, RequestBuilder, errors};
pub(crate) use self::command::{Command, ReleaseFirstHold, submit};
pub(crate) use self::database::{Database, OtherProgram};
pub(crate) use self::identity_provider::IdentityProvider;
pub(crate) use self::model::{Model, enrollments_by};
pub(crate) use self::people::{Course, Student};
pub(crate) use self::process::{Process, matricula};
pub(crate) use self::raw::{Raw, RawAnswer};
pub(crate) use self::wait::eventually;

/// The time when a test's school opens.
pub(crate) const FIRST_DAY: &str = "2026-09-01T08:00:00.000Z";

pub(crate) struct School {
    pub(crate) client: Client,
    pub(crate) clock: ManualClock,
    pub(crate) address: SocketAddr,
    pub(crate) registrar: Registrar,
    database: Database,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl School {
    /// A new school, served on a free loopback port.
    pub(crate) async fn open() -> Self {
        Self::open_at(&Database::new()).await
    }

    /// A school on this database, which is created if it does not exist.
    pub(crate) async fn open_at(database: &Database) -> Self {
        Self::open_in(database.clone(), RequestLimits::default(), Bounds::default()).await
    }

    /// A new school behind a proxy with this public URL.
    pub(crate) async fn open_behind(public_url: &str) -> Self {
        let public_url = Some(public_url.parse().unwrap());
        Self::open_with(RequestLimits { public_url, ..RequestLimits::default() }).await
    }

    /// A new school with other limits on requests.
    pub(crate) async fn open_with(limits: RequestLimits) -> Self {
        Self::open_in(Database::new(), limits, Bounds::default()).await
    }

    /// A new school with other limits on requests and other bounds of the server.
    pub(crate) async fn open_within(limits: RequestLimits, bounds: Bounds) -> Self {
        Self::open_in(Database::new(), limits, bounds).await
    }

    /// A school on a database that another program made with these statements.
    pub(crate) async fn open_found(sql: &str) -> Self {
        let database = Database::new();
        database.runs(sql);
        Self::open_in(database, RequestLimits::default(), Bounds::default()).await
    }

    async fn open_in(database: Database, limits: RequestLimits, bounds: Bounds) -> Self {
        let clock = ManualClock::default();
        clock.set(FIRST_DAY.parse().unwrap());
        let school = matricula::server::School::open(
            database.location(),
            Clock::Manual(clock.clone()),
            limits.public_url.clone(),
        )
        .await
        .unwrap();
        let server = Server::bind(&[([127, 0, 0, 1], 0).into()]).await.unwrap().with_bounds(bounds);
        let address = server.local_addr();
        let registrar = school.app.registrar.clone();
        let router = matricula::server::router::router(school.app.clone(), &limits);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let stop = async {
                stopped.await.unwrap_or_default();
                school.app.feed.close();
            };
            server.serve(router, stop).await;
            school.close().await;
        });
        let client = Client::new(address);
        Self { client, clock, address, registrar, database, stop: Some(stop), serving: Some(serving) }
    }

    /// Stops as on SIGTERM: everything accepted is answered and on disk.
    pub(crate) async fn close(mut self) -> Database {
        self.stop.take().unwrap().send(()).unwrap();
        self.serving.take().unwrap().await.unwrap();
        self.database.clone()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Runs statements in SQLite's dialect as another program, on a connection of its own.
    pub(crate) fn other_program_runs(&self, sql: &str) {
        self.database.runs(sql);
    }

    /// Another program's connection to the same database.
    pub(crate) fn other_program(&self) -> OtherProgram {
        self.database.other_program()
    }

    /// Advances the school's clock.
    pub(crate) fn let_pass(&self, time: Duration) {
        self.clock.set(Clock::Manual(self.clock.clone()).now() + time);
    }

    /// The time that the server has.
    pub(crate) fn clock_time(&self) -> String {
        Clock::Manual(self.clock.clone()).stamp().to_string()
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.ask(method, path)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.ask("GET", path)
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers write the body where they send it")]
    pub(crate) fn post(&self, path: &str, body: serde_json::Value) -> RequestBuilder {
        self.client.ask("POST", path).json(&body)
    }

    pub(crate) fn put(&self, path: &str) -> RequestBuilder {
        self.client.ask("PUT", path)
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers write the body where they send it")]
    pub(crate) fn patch(&self, path: &str, body: serde_json::Value) -> RequestBuilder {
        self.client.ask("PATCH", path).json(&body)
    }

    pub(crate) fn delete(&self, path: &str) -> RequestBuilder {
        self.client.ask("DELETE", path)
    }

    /// The types of the log's events, in order.
    pub(crate) async fn log(&self) -> Vec<String> {
        let events = self.get("/api/v1/events").await.is_ok();
        events
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for School {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // A thread of its own, because a drop cannot wait inside the test's runtime.
        let location = self.database.location().clone();
        let audit = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { audit(&mapping::open_db(&location).await.unwrap().0).await.unwrap() })
        });
        assert_eq!(audit.join().unwrap().findings, [], "the audit of the closing school");
    }
}
