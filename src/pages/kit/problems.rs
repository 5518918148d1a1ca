//! Problem pages for people: one for the problem that occurred, and one that explains a kind of problem.

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::RETRY_AFTER;
use axum::http::{Extensions, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::filters;
use super::frame::Frame;
use super::page::{RefusedPage, Rendered, with_page_headers};
use super::problem_words::for_people;
use crate::http::problem::{Kind, NotFound, Problem, ProblemKind as _};
use crate::problems;

/// The route of the pages that explain kinds of problems.
pub const ROUTE: &str = "/problems/{slug}";

#[derive(Template)]
#[template(path = "kind.html")]
struct KindPage {
    frame: Frame,
    kind: &'static Kind,
    /// The meaning for people.
    words: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    kind: &'static Kind,
    detail: &'a str,
    /// What people can do about it.
    words: Option<&'static str>,
    /// The request's id, which is also in the log output.
    request_id: Option<&'a str>,
}

/// Makes htmx replace the whole page with the problem, even if it asked for a part.
const REPLACE_WHOLE_PAGE: [(HeaderName, HeaderValue); 3] = [
    (HeaderName::from_static("hx-retarget"), HeaderValue::from_static("#main")),
    (HeaderName::from_static("hx-reselect"), HeaderValue::from_static("#main")),
    (HeaderName::from_static("hx-reswap"), HeaderValue::from_static("outerHTML")),
];

/// What a page says at an address that has none.
const UNKNOWN_ADDRESS: &str =
    "There is no page at this address. It may be mistyped, or what was here may have been deleted.";

/// The page for a problem, with its status.
#[must_use]
pub fn page(problem: &Problem, request_id: Option<&str>, response: &Extensions) -> Response {
    let kind = problem.kind();
    let page = ProblemPage {
        frame: Frame::of_problem(response.get()),
        kind,
        // The detail of an unknown address is about the API.
        detail: if kind.slug == NotFound::KIND.slug { UNKNOWN_ADDRESS } else { problem.detail() },
        words: for_people(kind).filter(|_| kind.slug != NotFound::KIND.slug),
        request_id,
    };
    let mut response = (REPLACE_WHOLE_PAGE, RefusedPage(problem.status(), page)).into_response();
    if kind.is_retryable() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    with_page_headers(response)
}

/// Explains a kind of problem.
///
/// # Errors
/// `not-found` if there is no such kind.
pub async fn kind(slug: Result<Path<String>, PathRejection>) -> Result<impl IntoResponse, Problem> {
    let kind = slug.ok().and_then(|Path(slug)| problems::all().find(|kind| kind.slug == slug));
    let kind = kind.ok_or_else(|| Problem::new::<NotFound>("There is no problem with this name."))?;
    Ok(Rendered(KindPage { frame: Frame::of_problem(None), kind, words: for_people(kind) }))
}

/// Splits a text at its backticks; returns each piece and whether it is code.
fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split('`').enumerate().map(|(index, piece)| (index % 2 == 1, piece))
}
