//! The answer to a request that says something wrong: `invalid-request`, with every error.

use serde_json::Value;

use super::echo::excerpt_of;
use super::problem::{InvalidRequest, Problem};

/// Errors that are told of one request: a body of nothing but unknown fields would be answered with eight times its
/// size.
pub(super) const TOLD: usize = 100;

/// Characters of a place in a body, the place in an array and the slashes included.
const LONGEST_PLACE: usize = 80;

/// `invalid-request` with these errors.
#[must_use]
pub fn invalid(errors: Vec<Value>) -> Problem {
    let total = errors.len();
    invalid_of(errors, total)
}

/// Characters of what is told of one error: a list of what is known may be long, what is wrong is not.
const LONGEST_DETAIL: usize = 600;

/// `invalid-request` with the first of so many errors. A name or a value that was sent is told as far as it takes to
/// recognize it: a body of one unknown field would be answered with its own size.
pub(super) fn invalid_of(mut errors: Vec<Value>, total: usize) -> Problem {
    errors.truncate(TOLD);
    for error in &mut errors {
        for (member, most) in
            [("pointer", LONGEST_PLACE), ("parameter", LONGEST_PLACE), ("detail", LONGEST_DETAIL)]
        {
            if let Some(Value::String(text)) = error.get_mut(member) {
                *text = excerpt_of(text, most).into_owned();
            }
        }
    }
    let detail = match errors.as_slice() {
        [one] => format!(
            "{}: {}.",
            one.get("parameter")
                .or(one.get("pointer"))
                .and_then(Value::as_str)
                .filter(|at| !at.is_empty())
                .unwrap_or("The body"),
            one["detail"].as_str().unwrap_or("is not allowed")
        ),
        told if told.len() == total => {
            format!("{total} things are wrong with this request; `errors` lists them.")
        }
        _ => format!("{total} things are wrong with this request; `errors` lists the first {TOLD}."),
    };
    Problem::new::<InvalidRequest>(detail).with("errors", errors)
}
