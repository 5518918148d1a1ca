//! Routes outside the API: health, readiness, metrics, the OpenAPI document and its page.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRef, Path, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use utoipa_swagger_ui::Config;

use super::exposition::MetricsFormat;
use super::problem::{NotFound, Problem};
use super::routes::{Allow, Routes};
use crate::db::migrate::{HistoryError, SchemaState};
use crate::db::{Db, Standbys, migrate};
use crate::mapping;
use crate::metrics::Metrics;
use crate::registrar::{Registrar, Unready};

/// The path of the OpenAPI document, as JSON.
pub const OPENAPI: &str = "/api/v1/openapi.json";

/// The paths that monitoring reads.
const MONITORING: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The path of the page with the reference of the API. The files that it loads are below.
pub const REFERENCE: &str = "/docs/";

/// The files of Swagger UI that the reference loads.
const VIEWER: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

/// Whether a path is for monitoring, which is answered even when the server refuses everything else.
#[must_use]
pub fn is_health(path: &str) -> bool {
    MONITORING.contains(&path)
}

/// The routes, with `document` as the OpenAPI document.
#[must_use]
pub fn routes<S>(document: String) -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Db: FromRef<S>,
    Registrar: FromRef<S>,
    Metrics: FromRef<S>,
{
    Routes::new()
        .get(OPENAPI, Allow::Anyone, async move || ([(CONTENT_TYPE, "application/json")], document))
        .get("/healthz", Allow::Anyone, async || "ok\n")
        .get("/readyz", Allow::Anyone, ready)
        .get("/metrics", Allow::Anyone, metrics)
        .get("/docs", Allow::Anyone, async || Redirect::permanent(REFERENCE))
        .get("/docs/{*rest}", Allow::Anyone, async move |path: Result<Path<String>, PathRejection>| {
            reference_file(path.as_ref().map_or("", |Path(path)| path))
        })
}

/// A file of Swagger UI that the reference needs. Its page and its start are ours.
fn reference_file(path: &str) -> Result<Response, Problem> {
    let missing = || Problem::new::<NotFound>("The API reference has no such file.");
    let path = Some(path).filter(|path| VIEWER.contains(path)).ok_or_else(missing)?;
    let file = utoipa_swagger_ui::serve(path, Arc::new(Config::default()));
    let file = file.ok().flatten().ok_or_else(missing)?;
    let mut response = ([(CONTENT_TYPE, file.content_type)], file.bytes.into_owned()).into_response();
    if file.gzpipped {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

const READY: &str = "ready\n";
const READY_TO_READ: &str = "ready, read-only\n";
const READY_BUT_OLD: &str =
    "ready, but a newer version of matricula has migrated the database: upgrade this server\n";

/// Ready if the database answers, its schema is this program's or a newer one, and the last attempt to write succeeded.
/// A server that only reads writes nothing, and asks nothing about standbys.
/// A warning follows if it has standbys that need not confirm anything.
///
/// During an upgrade, servers of the version before go on until they are replaced: a migration only adds.
async fn ready(State(db): State<Db>, State(registrar): State<Registrar>) -> Result<String, Problem> {
    let mut answer = READY;
    match migrate::schema_state(&db).await {
        Ok(SchemaState::Current) => {}
        Err(HistoryError::Newer(_)) => answer = READY_BUT_OLD,
        Ok(SchemaState::None | SchemaState::Older) => {
            return Err(Problem::overloaded(
                "The schema of the database is older than this program: run `matricula migrate`.",
            ));
        }
        Err(error @ (HistoryError::Changed(_) | HistoryError::Gap(_))) => {
            return Err(Problem::overloaded(format!(
                "The database is not the one of this program: {error}."
            )));
        }
        Err(HistoryError::Db(error)) => {
            // Where somebody changed the files, the writer can say which one.
            let why = match registrar.can_write().await {
                Err(Unready::Failed(reason)) => reason,
                _ => error,
            };
            return Err(Problem::overloaded(format!("The database does not answer: {why}.")));
        }
    }
    mapping::verify(&db).await.map_err(|why| Problem::overloaded(format!("Nothing can be read: {why}.")))?;
    if registrar.is_read_only() {
        return Ok(if answer == READY { READY_TO_READ } else { answer }.to_owned());
    }
    let unready = |why| match why {
        Unready::Ahead(_) => {
            format!("Check the clock: {why}. Changes are still accepted, with the time of the last event.")
        }
        _ => format!("Nothing can be changed: {why}."),
    };
    registrar.can_write().await.map_err(|why| Problem::overloaded(unready(why)))?;
    Ok(match db.server_state().await.map(|state| state.map(|state| state.standbys)) {
        Ok(Some(standbys @ Standbys::Unconfirmed(_))) => format!("{answer}warning: {standbys}\n"),
        Ok(_) => answer.to_owned(),
        // It can be ready all the same.
        Err(error) => format!("{answer}warning: it is not known whether there are standbys: {error}\n"),
    })
}

async fn metrics(State(metrics): State<Metrics>, headers: HeaderMap) -> Response {
    MetricsFormat::accepted(&headers).respond(metrics.render())
}
