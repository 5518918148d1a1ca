//! The upper limit: the same accept loop and router without layers, answering with constants of the usual sizes.

use std::io::Write as _;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::routing::get;
use matricula::http::limits::{self, RequestLimits};
use matricula::http::server::Server;
use matricula::metrics::Metrics;
use matricula::pages::kit::problems::page;

const COURSES: &str = concat!(
    r#"[{"id":17,"name":"Linguistics 117","level":"undergraduate"},"#,
    r#"{"id":203,"name":"Statistics 303","level":"introductory"},"#,
    r#"{"id":350,"name":"World Literature 450","level":"graduate"},"#,
    r#"{"id":611,"name":"Economics 711","level":"undergraduate"}]"#
);
const STUDENT: &str =
    r#"{"id":51234,"name":"Mariana Fernández","email":"mariana.fernandez.51234@example.edu"}"#;
const ENROLLMENT: &str =
    r#"{"id":400017,"student_id":51234,"course_id":1007,"enrolled_at":"2026-09-01T08:00:00.000Z"}"#;
const JSON: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];

/// Serves until it is stopped, with as many threads as the service.
pub(crate) fn serve(guarded: bool) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(answer(guarded))
}

#[expect(clippy::disallowed_methods, reason = "it measures the framework alone, and serves nobody")]
async fn answer(guarded: bool) -> Result<()> {
    let enroll = async |_: Bytes| (StatusCode::CREATED, JSON, ENROLLMENT);
    let routes = Router::new()
        .route("/api/v1/students/{student_id}", get(async || (JSON, STUDENT)))
        .route("/api/v1/students/{student_id}/courses", get(async || (JSON, COURSES)).post(enroll));
    let routes = if guarded {
        limits::apply(routes, &RequestLimits::default(), &Metrics::default(), page)
    } else {
        routes
    };
    let server = Server::bind(&[([127, 0, 0, 1], 0).into()]).await?;
    let mut out = std::io::stdout();
    writeln!(out, "listens on http://{}", server.local_addr())?;
    out.flush()?;
    server.serve(routes, std::future::pending()).await;
    Ok(())
}
