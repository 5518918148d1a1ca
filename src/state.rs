//! What every handler is given.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;

use crate::db::Db;
use crate::events::feed::Feed;
use crate::http::paging::LinkBase;
use crate::metrics::Metrics;
use crate::registrar::Registrar;
use crate::registration::Board;
use crate::students::Roll;

/// What every handler is given. Cheap to clone: it is, several times a request.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// What there is to give.
#[derive(Debug)]
pub struct Parts {
    /// The reading side of the database.
    pub db: Db,
    /// The way to change anything.
    pub registrar: Registrar,
    /// The log as it grows.
    pub feed: Feed,
    /// How full every course is.
    pub board: Board,
    /// All students, for those who look for one.
    pub roll: Roll,
    /// What is counted.
    pub metrics: Metrics,
    /// Where clients find this server.
    pub public_url: LinkBase,
}

impl From<Parts> for App {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
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
