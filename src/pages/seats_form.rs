//! The form for the seats of a course.

use axum::http::StatusCode;

use super::kit::FormValues;
use super::kit::edit::version_field;
use super::kit::form::{new_key, retry_key};
use crate::clock::Stamp;
use crate::http::problem::Problem;
use crate::registrar::{Caller, CourseId, Limits, Refusal, Seats, Version};
use crate::seats::store;
use crate::state::App;

/// The form for the seats of a course.
#[derive(Debug)]
pub(super) struct SeatsForm {
    /// The values in the fields, and their errors.
    pub values: FormValues,
    /// The version of the limits that the form changes: the one that was shown. After a conflict, the current one.
    pub version: Option<String>,
    /// Why the form was refused.
    pub refusal: Option<String>,
    /// The idempotency key of the form.
    pub key: String,
}

impl SeatsForm {
    /// The form filled with the current limits.
    #[must_use]
    pub(super) fn new(seats: &Seats) -> Self {
        let time = |time: &Option<Stamp>| time.as_ref().map(Stamp::to_string).unwrap_or_default();
        let values = FormValues::new([
            ("capacity", seats.capacity.map_or_else(String::new, |capacity| capacity.to_string())),
            ("waitlist_capacity", seats.waitlist_capacity.to_string()),
            ("opens_at", time(&seats.opens_at)),
            ("closes_at", time(&seats.closes_at)),
            ("waitlist_closes_at", time(&seats.waitlist_closes_at)),
            ("drop_until", time(&seats.drop_until)),
        ]);
        Self { values, version: Some(limits_version(seats)), refusal: None, key: new_key() }
    }

    /// The form as it was sent, with the reason of the refusal and its status.
    pub(super) async fn refused(
        self,
        app: &App,
        id: CourseId,
        refusal: Refusal,
        caller: &Caller,
    ) -> Result<(StatusCode, Self), Problem> {
        let (is_stale, key) =
            (matches!(refusal, Refusal::Stale(_) | Refusal::StaleCourse { .. }), retry_key(&refusal, caller));
        let problem = Problem::from(refusal);
        let status = problem.status();
        if !is_stale {
            return Ok((status, Self { refusal: Some(problem.detail().to_owned()), key, ..self }));
        }
        let seats = store::find(&app.viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?;
        let now = limits_text(&seats.limits());
        let refusal = format!(
            "Somebody has changed the seats since you looked. They are now: {now}. Save to replace this."
        );
        Ok((status, Self { version: Some(limits_version(&seats)), refusal: Some(refusal), key, ..self }))
    }
}

/// Limits in words; times as stored.
#[must_use]
pub(super) fn limits_text(limits: &Limits) -> String {
    let seats = match limits.capacity {
        None => "no limit".to_owned(),
        Some(1) => "1 seat".to_owned(),
        Some(seats) => format!("{seats} seats"),
    };
    let mut parts = vec![seats];
    if limits.waitlist_capacity > 0 {
        parts.push(format!("a waitlist of {}", limits.waitlist_capacity));
    }
    parts.extend(limits.opens_at.iter().map(|opens| format!("opens {opens}")));
    parts.extend(
        limits.group_opens_at.iter().map(|(group, opens_at)| format!("opens {opens_at} for {group}")),
    );
    parts.extend(limits.closes_at.iter().map(|closes| format!("closes {closes}")));
    parts.extend(limits.waitlist_closes_at.iter().map(|end| format!("waitlist until {end}")));
    parts.extend(limits.drop_until.iter().map(|end| format!("drops until {end}")));
    parts.join(", ")
}

fn limits_version(seats: &Seats) -> String {
    version_field(Version::from_record(&seats.limits()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_in_words_leave_out_what_is_not_limited() {
        let limits = |capacity, waitlist_capacity, closes_at: Option<&str>| Limits {
            capacity,
            waitlist_capacity,
            closes_at: closes_at.map(|time| Stamp::from_stored(time.to_owned())),
            ..Limits::default()
        };
        let all = [limits(None, 0, None), limits(Some(1), 0, Some("noon")), limits(Some(30), 5, None)];
        let all = all.map(|limits| limits_text(&limits));
        assert_eq!(all, ["no limit", "1 seat, closes noon", "30 seats, a waitlist of 5"]);
    }
}
