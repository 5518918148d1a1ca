//! The form for the seats of a course.

use axum::http::StatusCode;

use super::kit::Typed;
use super::kit::edit::version_field;
use super::kit::form::{key_after, new_key};
use crate::http::problem::Problem;
use crate::registrar::{Caller, CourseId, Limits, Refusal, Seats, Version};
use crate::seats::store;
use crate::state::App;

/// The form for the seats of a course.
#[derive(Debug)]
pub(super) struct SeatsForm {
    /// What stands in it.
    pub typed: Typed,
    /// The version of the limits that are changed: what was shown, until it is shown what they have become.
    pub version: Option<String>,
    /// Why it was not done.
    pub refusal: Option<String>,
    /// Names the form.
    pub key: String,
}

impl SeatsForm {
    /// The form with the limits as they are.
    #[must_use]
    pub(super) fn of(seats: &Seats) -> Self {
        let time = |time: &Option<String>| time.clone().unwrap_or_default();
        let typed = Typed::with([
            ("capacity", seats.capacity.map_or_else(String::new, |capacity| capacity.to_string())),
            ("waitlist_capacity", seats.waitlist_capacity.to_string()),
            ("opens_at", time(&seats.opens_at)),
            ("closes_at", time(&seats.closes_at)),
        ]);
        Self { typed, version: Some(version_of(seats)), refusal: None, key: new_key() }
    }

    /// The form as it was sent, with why it was not done.
    pub(super) async fn refused(
        self,
        app: &App,
        id: CourseId,
        refusal: Refusal,
        caller: &Caller,
    ) -> Result<(StatusCode, Self), Problem> {
        let (is_stale, key) = (matches!(refusal, Refusal::Stale(_)), key_after(&refusal, caller));
        let problem = Problem::from(refusal);
        let status = problem.status();
        if !is_stale {
            return Ok((status, Self { refusal: Some(problem.detail().to_owned()), key, ..self }));
        }
        let seats = store::find(&app.db, id).await?.ok_or(Refusal::CourseNotFound(id))?;
        let now = told(&seats.limits());
        let refusal = format!(
            "Somebody has changed the seats since you looked. They are now: {now}. Save to replace that."
        );
        Ok((status, Self { version: Some(version_of(&seats)), refusal: Some(refusal), key, ..self }))
    }
}

/// Limits in words; times as stored.
#[must_use]
pub(super) fn told(limits: &Limits) -> String {
    let seats = match limits.capacity {
        None => "no limit".to_owned(),
        Some(1) => "1 seat".to_owned(),
        Some(seats) => format!("{seats} seats"),
    };
    let mut told = vec![seats];
    if limits.waitlist_capacity > 0 {
        told.push(format!("a waitlist of {}", limits.waitlist_capacity));
    }
    told.extend(limits.opens_at.iter().map(|opens| format!("from {opens}")));
    told.extend(limits.closes_at.iter().map(|closes| format!("until {closes}")));
    told.join(", ")
}

fn version_of(seats: &Seats) -> String {
    version_field(Version::from_record(&seats.limits()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_as_far_as_they_limit() {
        let limits = |capacity, waitlist_capacity, closes_at: Option<&str>| Limits {
            capacity,
            waitlist_capacity,
            closes_at: closes_at.map(str::to_owned),
            ..Limits::default()
        };
        let all = [limits(None, 0, None), limits(Some(1), 0, Some("noon")), limits(Some(30), 5, None)];
        let all = all.map(|limits| told(&limits));
        assert_eq!(all, ["no limit", "1 seat, until noon", "30 seats, a waitlist of 5"]);
    }
}
