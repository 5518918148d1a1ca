//! Pages that add, change or delete a record.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::filters;
use super::form::{Form, FormDraft, FormValues, new_key, retry_key};
use super::frame::Frame;
use super::page::{RefusedPage, Rendered};
use crate::http::problem::Problem;
use crate::registrar::{Caller, Course, Record as _, RecordField, Refusal, Student, TextKind, Version};

/// Whether `sent` is what a browser sends if the input showed `shown` and nobody edited it. Browsers remove line breaks
/// from single-line inputs, and also surrounding whitespace from e-mail inputs (HTML Standard, value sanitization).
fn is_unchanged(kind: TextKind, shown: &str, sent: &str) -> bool {
    let line = shown.replace(['\r', '\n'], "").replace('\0', "\u{fffd}");
    if kind == TextKind::Email { line.trim_ascii() == sent } else { line == sent }
}

/// The form to add or change a record.
#[derive(Debug, Template)]
#[template(path = "edit.html")]
pub struct EditPage {
    /// The frame; its section is `courses` or `students`.
    pub frame: Frame,
    /// What the form does, for the heading.
    pub heading: &'static str,
    /// The name of the record; `None` for a new one.
    pub name: Option<String>,
    /// The path that the form is posted to.
    pub action: String,
    /// The path of the Cancel link.
    pub back: String,
    /// The fields of the form.
    pub fields: Vec<&'static RecordField>,
    /// The values in the fields, and their errors.
    pub values: FormValues,
    /// The record as it is now; `None` for a new one.
    pub current: Option<FormValues>,
    /// The version that the form changes: the one that was shown. After a conflict, the current one.
    pub version: Option<String>,
    /// Why the form was refused.
    pub refusal: Option<String>,
    /// Whether it was refused because somebody else has changed the record.
    pub is_stale: bool,
    /// The idempotency key of the form.
    pub key: String,
}

impl EditPage {
    /// An empty form for a new record.
    #[must_use]
    pub fn new(heading: &'static str, path: String, frame: Frame, fields: Vec<&'static RecordField>) -> Self {
        let back = format!("/{}", frame.section);
        Self {
            frame,
            heading,
            name: None,
            action: path,
            back,
            fields,
            values: FormValues::default(),
            current: None,
            version: None,
            refusal: None,
            is_stale: false,
            key: new_key(),
        }
    }

    /// The form without the fields that still have the values that this page shows. A form that was made from another
    /// version of the record is stale or was sent twice; comparing with the current record does not hide that.
    #[must_use]
    pub fn changes<T: FormDraft>(&self, form: Form<T>) -> Form<T> {
        form.without_unchanged(|name, sent| {
            let field = self.fields.iter().find(|field| field.name == name);
            field.is_some_and(|field| is_unchanged(field.kind, self.values.value(name), sent))
        })
    }

    /// This page with the values and the version of a form that was sent.
    #[must_use]
    pub fn with_form<T>(self, form: &Form<T>) -> Self {
        Self { values: form.values.clone(), version: form.shown_version.clone(), ..self }
    }

    /// Response 422: a field is not valid.
    #[must_use]
    pub fn invalid(self) -> Response {
        RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, self).into_response()
    }

    /// The response to a refused form: the page with what was typed and the reason. `current` is the version that the
    /// record has now.
    #[must_use]
    pub fn refused(self, refusal: Refusal, caller: &Caller, current: Option<Version>) -> Response {
        let (is_stale, key) =
            (matches!(refusal, Refusal::Stale(_) | Refusal::StaleCourse { .. }), retry_key(&refusal, caller));
        let taken = match refusal {
            Refusal::NumberTaken(_) => Some((Student::EXTERNAL_ID, "Another student has this number")),
            Refusal::CodeTaken(_) => Some((Course::EXTERNAL_ID, "Another course has this code")),
            _ => None,
        };
        if let Some((field, error)) = taken {
            let values = self.values.with_error(field, error);
            return Self { values, key, ..self }.invalid();
        }
        // The page shows the current record, so saving again may replace it.
        let version = if is_stale { current.map(version_field) } else { self.version };
        let problem = Problem::from(refusal);
        let refusal = Some(problem.detail().to_owned());
        RefusedPage(problem.status(), Self { version, refusal, is_stale, key, ..self }).into_response()
    }
}

/// The page that asks before a record is deleted.
#[derive(Debug, Template)]
#[template(path = "delete.html")]
pub struct DeletePage {
    /// The frame; its section is `courses` or `students`.
    pub frame: Frame,
    /// The name of the record.
    pub name: String,
    /// The path of the record's page.
    pub back: String,
    /// Enrollments that end with the deletion.
    pub enrolled: i64,
    /// Waitlist places that end with the deletion.
    pub waitlisted: i64,
    /// The version that the page shows.
    pub version: Version,
    /// Why the deletion was refused.
    pub refusal: Option<String>,
    /// The idempotency key of the form.
    pub key: String,
}

impl DeletePage {
    /// The response to a refused deletion: the page with the reason.
    #[must_use]
    pub fn refused(self, refusal: Refusal, caller: &Caller) -> Response {
        let text = match refusal {
            Refusal::HasEnrollments { .. } => Some("Somebody has enrolled since you looked."),
            Refusal::Stale(_) | Refusal::StaleCourse { .. } => {
                Some("Somebody has changed this since you looked.")
            }
            _ => None,
        };
        let key = retry_key(&refusal, caller);
        let problem = Problem::from(refusal);
        let refusal = Some(text.unwrap_or(problem.detail()).to_owned());
        RefusedPage(problem.status(), Self { refusal, key, ..self }).into_response()
    }
}

/// A version as a form's hidden field has it: 16 hexadecimal digits.
#[must_use]
pub fn version_field(version: Version) -> String {
    format!("{:016x}", version.0)
}

impl IntoResponse for EditPage {
    fn into_response(self) -> Response {
        Rendered(self).into_response()
    }
}

impl IntoResponse for DeletePage {
    fn into_response(self) -> Response {
        Rendered(self).into_response()
    }
}
