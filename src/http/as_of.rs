//! The parameter `as_of`: a time in the past.

use super::invalid::invalid;
use super::problem::Problem;
use crate::clock::{Clock, Stamp};

/// The time that `as_of` names, if there is one.
///
/// # Errors
/// `invalid-request` for a time in the future.
pub fn past<'a>(as_of: Option<&'a Stamp>, clock: &Clock) -> Result<Option<&'a Stamp>, Problem> {
    let refused = |detail: String| invalid(vec![serde_json::json!({"parameter": "as_of", "detail": detail})]);
    as_of.map_or(Ok(()), |time| clock.ensure_past(time)).map_err(|error| refused(error.to_string()))?;
    Ok(as_of)
}
