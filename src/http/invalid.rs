//! The problem `invalid-request`, with every error in the request.

use serde_json::Value;

use super::echo::excerpt_of;
use super::problem::{InvalidRequest, Problem};

/// Errors that are reported for one request: the response to a body of unknown fields would otherwise have eight
/// times its size.
pub(super) const MAX_ERRORS: usize = 100;

/// Characters of a JSON pointer or a parameter name.
const MAX_PLACE: usize = 80;

/// `invalid-request` with these errors.
#[must_use]
pub fn invalid(errors: Vec<Value>) -> Problem {
    let total = errors.len();
    invalid_of(errors, total)
}

/// Characters of the message of one error; the longest lists all known parameters.
const MAX_DETAIL: usize = 600;

/// `invalid-request` with the first of `total` errors. Names and values that the client sent are shortened: the
/// response to a body of one unknown field would otherwise have its size.
pub(super) fn invalid_of(mut errors: Vec<Value>, total: usize) -> Problem {
    errors.truncate(MAX_ERRORS);
    for error in &mut errors {
        for (member, max) in [("pointer", MAX_PLACE), ("parameter", MAX_PLACE), ("detail", MAX_DETAIL)] {
            if let Some(Value::String(text)) = error.get_mut(member) {
                *text = excerpt_of(text, max).into_owned();
            }
        }
    }
    let detail = match errors.as_slice() {
        [one] => format!(
            "{} {}{}",
            match one.get("parameter").or(one.get("pointer")).and_then(Value::as_str) {
                None | Some("") if one.get("parameter").is_some() => "The query",
                None | Some("") => "The body",
                Some(place) => place,
            },
            one["detail"].as_str().unwrap_or("is not allowed"),
            if one["detail"].as_str().is_some_and(|detail| detail.ends_with('?')) { "" } else { "." },
        ),
        all if all.len() == total => {
            format!("The request has {total} errors; `errors` lists them.")
        }
        _ => format!("The request has {total} errors; `errors` lists the first {MAX_ERRORS}."),
    };
    Problem::new::<InvalidRequest>(detail).with("errors", errors)
}
