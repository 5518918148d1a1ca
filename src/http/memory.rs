//! Limits the memory for large responses, which stay in memory until the client has read them.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use hyper::body::Body as _;

use super::connections::Activity;
use super::problem::Problem;
use crate::shares::QuotaError;

/// Responses up to this size, in bytes, are not counted; most are smaller.
const UNCOUNTED: u64 = 64 * 1024;

/// Marks a response that is counted already.
#[derive(Clone, Copy, Debug)]
struct Counted;

/// Reserves memory for a response until it has been sent; returns a problem instead if a limit is reached. Not for
/// responses to writes: their client has to learn the result.
#[must_use]
pub fn reserve(activity: &Activity, mut response: Response) -> Response {
    let length = response.body().size_hint().lower();
    if length <= UNCOUNTED || response.extensions().get::<Counted>().is_some() {
        return response;
    }
    if let Err(full) = activity.reserve_memory(usize::try_from(length).unwrap_or(usize::MAX)) {
        return no_memory(full).into_response();
    }
    response.extensions_mut().insert(Counted);
    response
}

/// The connection of a request, if its response may be replaced by a problem.
#[must_use]
pub fn activity(request: &axum::extract::Request) -> Option<Arc<Activity>> {
    request.extensions().get::<Arc<Activity>>().filter(|_| request.method().is_safe()).cloned()
}

fn no_memory(full: QuotaError) -> Problem {
    match full {
        QuotaError::Exhausted => Problem::overloaded(
            "All the memory for responses is in use. Try again, or ask for less at a time.",
        ),
        QuotaError::ClientShare => Problem::rate_limited(
            "Your other responses have not been read completely and use as much memory as one client may. Read them, or ask \
            for less at a time.",
        ),
    }
}
