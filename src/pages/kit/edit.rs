//! The pages on which a record is added, changed or deleted.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::filters;
use super::form::{Filled, Form, Typed, key_after, new_key};
use super::page::{Refused, Shown};
use crate::http::problem::Problem;
use crate::registrar::{Caller, Refusal, Version};

/// A field of a form.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As the API calls it.
    pub name: &'static str,
    /// As people call it.
    pub label: &'static str,
    /// The `type` of its input.
    pub kind: &'static str,
    /// What may stand in it, where that is not plain.
    pub hint: &'static str,
}

impl Field {
    /// Whether a browser sends this when the input showed `shown` and nobody touched it: it takes line breaks out of
    /// single-line inputs, and the blanks around an address too (HTML Standard, value sanitization).
    fn came_back(&self, shown: &str, sent: &str) -> bool {
        let line = shown.replace(['\r', '\n'], "").replace('\0', "\u{fffd}");
        if self.kind == "email" { line.trim_ascii() == sent } else { line == sent }
    }
}

/// A record that is added or changed.
#[derive(Debug, Template)]
#[template(path = "edit.html")]
pub struct EditPage {
    /// Which part of the site it belongs to.
    pub here: &'static str,
    /// What is done.
    pub heading: &'static str,
    /// To what, where it is there already.
    pub name: Option<String>,
    /// Where the form goes.
    pub action: String,
    /// Where to leave it to.
    pub back: String,
    /// What is to be filled in.
    pub fields: &'static [Field],
    /// What stands in the fields.
    pub typed: Typed,
    /// The record as it is, where there is one.
    pub present: Option<Typed>,
    /// The version that is changed: what was shown, until it is shown what it has become.
    pub version: Option<String>,
    /// Why it was not done.
    pub refusal: Option<String>,
    /// Whether that is because somebody else has changed it.
    pub is_stale: bool,
    /// Names the form.
    pub key: String,
}

impl EditPage {
    /// A form for a record that is not there yet.
    #[must_use]
    pub fn new(
        heading: &'static str,
        path: &'static str,
        here: &'static str,
        fields: &'static [Field],
    ) -> Self {
        Self {
            here,
            heading,
            name: None,
            action: path.to_owned(),
            back: format!("/{here}"),
            fields,
            typed: Typed::default(),
            present: None,
            version: None,
            refusal: None,
            is_stale: false,
            key: new_key(),
        }
    }

    /// The form without the fields that came back as this page shows them. Where it was made from another version of the
    /// record it is stale, or was sent twice: such fields must not hide that.
    #[must_use]
    pub fn changes<T: Filled>(&self, form: Form<T>) -> Form<T> {
        form.without_unchanged(|name, sent| {
            let field = self.fields.iter().find(|field| field.name == name);
            field.is_some_and(|field| field.came_back(self.typed.value(name), sent))
        })
    }

    /// The form as it was sent.
    #[must_use]
    pub fn with<T>(self, form: &Form<T>) -> Self {
        Self { typed: form.typed.clone(), version: form.seen.clone(), ..self }
    }

    /// That one of the fields is wrong.
    #[must_use]
    pub fn unreadable(self) -> Response {
        Refused(StatusCode::UNPROCESSABLE_ENTITY, self).into_response()
    }

    /// That it was not done, and why. What was typed is still there; `present` is the version that the record has.
    #[must_use]
    pub fn refused(self, refusal: Refusal, caller: &Caller, present: Option<Version>) -> Response {
        let (is_stale, key) = (matches!(refusal, Refusal::Stale(_)), key_after(&refusal, caller));
        // Whoever is shown what has changed meanwhile may replace it.
        let version = if is_stale { present.map(version_field) } else { self.version };
        let problem = Problem::from(refusal);
        let refusal = Some(problem.detail().to_owned());
        Refused(problem.status(), Self { version, refusal, is_stale, key, ..self }).into_response()
    }
}

/// A record that is deleted, once it is confirmed.
#[derive(Debug, Template)]
#[template(path = "delete.html")]
pub struct DeletePage {
    /// Which part of the site it belongs to.
    pub here: &'static str,
    /// What it is called.
    pub name: String,
    /// Its page.
    pub back: String,
    /// Enrollments that end with it.
    pub enrolled: i64,
    /// Places on waitlists that end with it.
    pub waitlisted: i64,
    /// The version that is shown.
    pub version: Version,
    /// Why it was not done.
    pub refusal: Option<String>,
    /// Names the form.
    pub key: String,
}

impl DeletePage {
    /// That it was not done, and why.
    #[must_use]
    pub fn refused(self, refusal: Refusal, caller: &Caller) -> Response {
        let told = match refusal {
            Refusal::HasEnrollments { .. } => Some("Somebody has enrolled since you looked."),
            Refusal::Stale(_) => Some("Somebody has changed this since you looked."),
            _ => None,
        };
        let key = key_after(&refusal, caller);
        let problem = Problem::from(refusal);
        let refusal = Some(told.unwrap_or(problem.detail()).to_owned());
        Refused(problem.status(), Self { refusal, key, ..self }).into_response()
    }
}

/// A version as the hidden field of a form holds it.
#[must_use]
pub fn version_field(version: Version) -> String {
    format!("{:016x}", version.0)
}

/// As [`Shown`], for a form.
impl IntoResponse for EditPage {
    fn into_response(self) -> Response {
        Shown(self).into_response()
    }
}

impl IntoResponse for DeletePage {
    fn into_response(self) -> Response {
        Shown(self).into_response()
    }
}
