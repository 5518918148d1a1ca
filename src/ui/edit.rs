//! The pages on which a record is added, changed or deleted.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::filters;
use super::form::{Typed, new_key};
use super::page::{Refused, Shown};
use crate::http::problem::Problem;
use crate::registrar::{Refusal, Version};

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

/// A record that is added or changed.
#[derive(Debug, Template)]
#[template(path = "edit.html")]
pub struct EditPage {
    /// Which part of the site it belongs to.
    pub here: &'static str,
    /// What is done.
    pub heading: String,
    /// Where the form goes.
    pub action: String,
    /// Where to leave it to.
    pub back: String,
    /// What is to be filled in.
    pub fields: &'static [Field],
    /// What stands in the fields.
    pub typed: Typed,
    /// The record as it is, where there is one.
    pub present: Option<(Typed, Version)>,
    /// Why it was not done.
    pub refusal: Option<Refusal>,
    /// Names the form.
    pub key: String,
}

impl EditPage {
    /// A form for a record that is not there yet.
    #[must_use]
    pub fn new(heading: &str, path: &'static str, here: &'static str, fields: &'static [Field]) -> Self {
        Self {
            here,
            heading: heading.to_owned(),
            action: path.to_owned(),
            back: format!("/{here}"),
            fields,
            typed: Typed::default(),
            present: None,
            refusal: None,
            key: new_key(),
        }
    }

    /// A form with what was typed.
    #[must_use]
    pub fn with(self, typed: Typed) -> Self {
        Self { typed, ..self }
    }

    /// That one of the fields is wrong.
    #[must_use]
    pub fn unreadable(self) -> Response {
        Refused(StatusCode::UNPROCESSABLE_ENTITY, self).into_response()
    }

    /// That it was not done, and why. What was typed is still there.
    #[must_use]
    pub fn refused(self, refusal: Refusal) -> Response {
        let status = Problem::from(refusal.clone()).status();
        Refused(status, Self { refusal: Some(refusal), ..self }).into_response()
    }

    fn is_stale(&self) -> bool {
        matches!(self.refusal, Some(Refusal::Stale(_)))
    }

    /// The version that the next try is about: whoever sees what has changed meanwhile may replace it.
    fn version(&self) -> Option<String> {
        self.present.as_ref().map(|(_, version)| version_field(*version))
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
    pub refusal: Option<Refusal>,
    /// Names the form.
    pub key: String,
}

impl DeletePage {
    /// That it was not done, and why.
    #[must_use]
    pub fn refused(self, refusal: Refusal) -> Response {
        let status = Problem::from(refusal.clone()).status();
        Refused(status, Self { refusal: Some(refusal), ..self }).into_response()
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
