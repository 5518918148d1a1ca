//! Problems as people see them: the one that they met, and what its kind means.

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::filters;
use super::page::{Refused, Shown, with_policy};
use crate::http::problem::{Kind, NotFound, Problem};
use crate::problems;

/// Where the kinds are explained.
pub const ROUTE: &str = "/problems/{slug}";

#[derive(Template)]
#[template(path = "kind.html")]
struct KindPage {
    here: &'static str,
    kind: &'static Kind,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    here: &'static str,
    kind: &'static Kind,
    detail: &'a str,
    /// The request's id, which the server's log has too.
    request_id: Option<&'a str>,
}

/// Where htmx has asked for a part of a page, all of the page makes way for what is the matter.
const INSTEAD: [(HeaderName, HeaderValue); 3] = [
    (HeaderName::from_static("hx-retarget"), HeaderValue::from_static("#main")),
    (HeaderName::from_static("hx-reselect"), HeaderValue::from_static("#main")),
    (HeaderName::from_static("hx-reswap"), HeaderValue::from_static("outerHTML")),
];

/// A problem, for whoever met it with a browser.
#[must_use]
pub fn page(problem: &Problem, request_id: Option<&str>) -> Response {
    let page = ProblemPage { here: "", kind: problem.kind(), detail: problem.detail(), request_id };
    let mut response = (INSTEAD, Refused(problem.status(), page)).into_response();
    if problem.is_retryable() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    with_policy(response)
}

/// What a kind of problem means.
///
/// # Errors
/// `not-found` where there is no such kind.
pub async fn kind(slug: Result<Path<String>, PathRejection>) -> Result<impl IntoResponse, Problem> {
    let kind = slug.ok().and_then(|Path(slug)| problems::all().find(|kind| kind.slug == slug));
    let kind = kind.ok_or_else(|| Problem::new::<NotFound>("There is no problem of this name."))?;
    Ok(Shown(KindPage { here: "", kind }))
}

/// What stands between backticks is code: pieces of a text, and whether they are.
fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split('`').enumerate().map(|(place, piece)| (place % 2 == 1, piece))
}
