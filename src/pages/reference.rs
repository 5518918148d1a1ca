//! The reference of the API, with which people also try it out.

use askama::Template;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::IntoResponse;

use super::kit::{Frame, Rendered};
use crate::http::extract::NoQuery;
use crate::http::routes::{Allow, Routes};
use crate::http::system::REFERENCE;
use crate::state::{App, AppState};

/// Swagger UI uses inline styles and `data:` images; its scripts are files of this server.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The route of this page.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new().get(REFERENCE, Allow::Visitors, show)
}

#[derive(Template)]
#[template(path = "reference.html")]
struct ReferencePage {
    frame: Frame,
}

async fn show(app: App, _: NoQuery) -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Rendered(ReferencePage { frame: Frame::new(&app, "") }))
}
