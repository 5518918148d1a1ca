//! What every handler is given.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use crate::db::Db;
use crate::events::feed::Feed;
use crate::http::paging::LinkBase;
use crate::metrics::Metrics;
use crate::registrar::Registrar;
use crate::registration::Board;
use crate::shares::Client;
use crate::students::Roll;

/// What every handler is given. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The reading side of the database, for this client.
    pub db: Db,
    /// Whose request is answered; `None` outside of requests.
    pub client: Option<Client>,
    services: Arc<Services>,
}

/// What is the same for all requests.
#[derive(Debug)]
pub struct Services {
    /// The way to change anything.
    pub registrar: Registrar,
    /// The log as it grows.
    pub feed: Feed,
    /// How full every course is.
    pub board: Board,
    /// All students, to search in.
    pub roll: Roll,
    /// What is counted.
    pub metrics: Metrics,
    /// Where clients find this server.
    pub public_url: LinkBase,
}

impl App {
    /// For no client yet.
    #[must_use]
    pub fn new(db: Db, services: Services) -> Self {
        Self { db, client: None, services: Arc::new(services) }
    }
}

impl Deref for App {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

/// For the client whose request it is.
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
