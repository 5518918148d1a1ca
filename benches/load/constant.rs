//! The same accept loop and limits, with handlers that answer a constant of the same size.

use std::io::Write;

use anyhow::Result;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::routing::get;
use matricula::http::limits::{self, Limits};
use matricula::http::server::Server;
use matricula::metrics::Metrics;

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<()> {
    const COURSES: &str = concat!(
        r#"[{"id":17,"name":"Linguistics 117","level":"undergraduate"},"#,
        r#"{"id":203,"name":"Statistics 303","level":"introductory"},"#,
        r#"{"id":350,"name":"World Literature 450","level":"graduate"},"#,
        r#"{"id":611,"name":"Economics 711","level":"undergraduate"}]"#
    );
    const JSON: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];
    const ENROLLMENT: &str =
        r#"{"id":400017,"student_id":51234,"course_id":1007,"enrolled_at":"2026-09-01T08:00:00.000Z"}"#;
    let routes = Router::new().route(
        "/api/v1/students/{student_id}/courses",
        get(move || async move { (JSON, COURSES) })
            .post(move |_: axum::body::Bytes| async move { (StatusCode::CREATED, JSON, ENROLLMENT) }),
    );
    let server = Server::bind(&[([127, 0, 0, 1], 0).into()]).await?;
    let mut out = std::io::stdout();
    writeln!(out, "listens on http://{}", server.local_addr())?;
    out.flush()?;
    server
        .serve(limits::apply(routes, &Limits::default(), &Metrics::default()), std::future::pending())
        .await;
    Ok(())
}
