//! Routes outside the API: health, readiness, metrics, the OpenAPI document and its page.

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::{Config, SwaggerUi, Url};

use super::problem::{NotFound, Problem};
use super::routes::{Allow, Routes};
use crate::db::{Db, migrate};
use crate::mapping;
use crate::metrics::Metrics;
use crate::registrar::{Registrar, Unready};

/// The path of the OpenAPI document, as JSON.
pub const OPENAPI: &str = "/api/v1/openapi.json";

/// The paths that monitoring reads.
const MONITORING: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Swagger UI uses inline styles and `data:` images; its scripts are files of this server.
const REFERENCE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

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
    let docs = SwaggerUi::new("/docs")
        .config(Config::new([Url::new("matricula", OPENAPI)]).validator_url("none").try_it_out_enabled(true));
    Routes::new()
        .get(OPENAPI, Allow::Anyone, async move || ([(CONTENT_TYPE, "application/json")], document))
        .get("/healthz", Allow::Anyone, async || "ok\n")
        .get("/readyz", Allow::Anyone, ready)
        .get("/metrics", Allow::Anyone, metrics)
        .library(
            Router::from(docs).layer(map_response(reference)),
            &["/docs", "/docs/", "/docs/{*rest}"],
            Allow::Anyone,
        )
}

/// Adds to Swagger UI's own routes what they lack: problems for 404, and a content security policy.
async fn reference(mut response: Response) -> Response {
    if response.status() == StatusCode::NOT_FOUND {
        return Problem::new::<NotFound>("The API reference has no such file.").into_response();
    }
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, REFERENCE_POLICY);
    response
}

/// Ready if the database answers, its schema is this program's, and the last attempt to write succeeded.
async fn ready(State(db): State<Db>, State(registrar): State<Registrar>) -> Result<&'static str, Problem> {
    match migrate::is_current(&db).await {
        Ok(true) => {}
        Ok(false) => {
            return Err(Problem::overloaded(
                "The schema of the database is not the one of this program: run `matricula migrate`.",
            ));
        }
        Err(error) => {
            // Where somebody changed the files, the writer can say which one.
            let why = match registrar.can_write().await {
                Err(Unready::Failed(reason)) => reason,
                _ => error,
            };
            return Err(Problem::overloaded(format!("The database does not answer: {why}.")));
        }
    }
    mapping::verify(&db).await.map_err(|why| Problem::overloaded(format!("Nothing can be read: {why}.")))?;
    let unready = |why| match why {
        Unready::Ahead(_) => {
            format!("Check the clock: {why}. Changes are still accepted, with the time of the last event.")
        }
        _ => format!("Nothing can be changed: {why}."),
    };
    registrar.can_write().await.map_err(|why| Problem::overloaded(unready(why)))?;
    Ok("ready\n")
}

async fn metrics(State(metrics): State<Metrics>) -> Response {
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], metrics.render())
        .into_response()
}
