//! Memory for answers: what is told in one piece stays there until the client has taken it, and a client need not.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use hyper::body::Body as _;

use super::connections::Activity;
use super::problem::Problem;
use crate::shares::Full;

/// Bytes of an answer that are not counted: of most answers all.
const SHORT: u64 = 64 * 1024;

/// That an answer is counted already.
#[derive(Clone, Copy, Debug)]
struct Counted;

/// The answer, once there is memory for it until it has been taken; otherwise what there is too little of. Not for answers to
/// writes: what was done has to be told.
#[must_use]
pub fn until_taken(activity: &Activity, mut response: Response) -> Response {
    let length = response.body().size_hint().lower();
    if length <= SHORT || response.extensions().get::<Counted>().is_some() {
        return response;
    }
    if let Err(full) = activity.hold(usize::try_from(length).unwrap_or(usize::MAX)) {
        return no_memory(full).into_response();
    }
    response.extensions_mut().insert(Counted);
    response
}

/// What happens on the connection that a request came over, where its answer may be withheld.
#[must_use]
pub fn activity(request: &axum::extract::Request) -> Option<Arc<Activity>> {
    request.extensions().get::<Arc<Activity>>().filter(|_| request.method().is_safe()).cloned()
}

fn no_memory(full: Full) -> Problem {
    match full {
        Full::All => Problem::overloaded(
            "The answers that are being sent take all the memory that there is for them. Try again, or ask for less at a \
             time.",
        ),
        Full::Share => Problem::rate_limited(
            "Your other answers have not been read to their end, and take as much memory as one client may. Read them, or \
             ask for less at a time.",
        ),
    }
}
