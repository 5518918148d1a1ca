//! The shared state of all handlers.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use crate::db::Db;
use crate::events::feed::Feed;
use crate::http::fields::UnwritableFields;
use crate::http::paging::LinkBase;
use crate::mapping::{RecordTable, SchoolTables};
use crate::metrics::Metrics;
use crate::registrar::{Course, Record, Registrar, Student};
use crate::registration::Board;
use crate::shares::Client;
use crate::students::Roll;

/// The state that handlers receive. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// Reads from the database, within this client's share.
    pub db: Db,
    /// The client that sent the request; `None` outside of requests.
    pub client: Option<Client>,
    services: Arc<Services>,
}

/// The services that all requests share.
#[derive(Debug)]
pub struct Services {
    /// Carries out all changes.
    pub registrar: Registrar,
    /// Streams new entries of the event log.
    pub feed: Feed,
    /// The live view of how full each course is.
    pub board: Board,
    /// The search index of all students.
    pub roll: Roll,
    /// The metrics.
    pub metrics: Metrics,
    /// The tables of the students and courses.
    pub tables: SchoolTables,
    /// The start of links to this server.
    pub public_url: LinkBase,
}

impl App {
    /// The state without a client.
    #[must_use]
    pub fn new(db: Db, services: Services) -> Self {
        Self { db, client: None, services: Arc::new(services) }
    }

    /// The fields of students and courses that cannot be written.
    #[must_use]
    pub fn unwritable_fields(&self) -> UnwritableFields {
        let fields = unwritable::<Student>(&self.tables.students);
        UnwritableFields(fields.chain(unwritable::<Course>(&self.tables.courses)).collect())
    }
}

fn unwritable<R: Record>(table: &RecordTable) -> impl Iterator<Item = (&'static str, &'static str)> {
    let fields = R::FIELDS.iter().filter(|field| table.column(field.name).is_none());
    fields.map(|field| (R::NAME, field.name))
}

impl Deref for App {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

/// The state for the client that sent the request.
impl FromRequestParts<App> for App {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let client = parts.extensions.get::<Client>().copied();
        Ok(Self { db: app.db.for_client(client), client, services: Arc::clone(&app.services) })
    }
}

impl FromRef<App> for Db {
    fn from_ref(app: &App) -> Self {
        app.db.clone()
    }
}

impl FromRef<App> for Registrar {
    fn from_ref(app: &App) -> Self {
        app.registrar.clone()
    }
}

impl FromRef<App> for Metrics {
    fn from_ref(app: &App) -> Self {
        app.metrics.clone()
    }
}

impl FromRef<App> for LinkBase {
    fn from_ref(app: &App) -> Self {
        app.public_url.clone()
    }
}
