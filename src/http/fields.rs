//! Reading a JSON body into domain words: every field that is wrong is told, all at once.

use std::str::FromStr;

use serde::Deserializer as _;
use serde_json::Value;
use serde_json::json;

use super::document::{Document, DocumentsVisitor};
use super::echo::excerpt;
use super::invalid::{TOLD, invalid, invalid_of};
use super::problem::{MalformedJson, Problem};
use crate::clock::Time;
use crate::registrar::MAX_ID;

/// What a body is read into.
pub trait Draft: Sized {
    /// Takes what it knows; the errors gather in `fields`. `None` when one of them is in the way.
    fn read(fields: &mut Fields) -> Option<Self>;
}

/// Reads a whole body.
///
/// # Errors
/// `malformed-json` with the place, or `invalid-request` with all errors.
pub fn read<T: Draft>(body: &[u8]) -> Result<T, Problem> {
    let document = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    read_document(document).map_err(|(errors, total)| invalid_of(errors, total))
}

/// Reads a body that is an array of at most `most` objects, and of one at least.
///
/// # Errors
/// As [`read`]; the pointers begin with the place in the array.
pub fn read_many<T: Draft>(body: &[u8], most: usize) -> Result<Vec<T>, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let documents = DocumentsVisitor { most };
    let documents = json.deserialize_any(documents).and_then(|documents| json.end().map(|()| documents));
    let documents = documents.map_err(|error| malformed(&error))?;
    let Some(documents) = documents.filter(|documents| (1..=most).contains(&documents.len())) else {
        let detail = format!("must be a JSON array of 1 to {most} objects");
        return Err(invalid(vec![json!({"pointer": "", "detail": detail})]));
    };
    let mut drafts = Vec::with_capacity(documents.len());
    let (mut errors, mut total) = (Vec::new(), 0);
    for (place, document) in documents.into_iter().enumerate() {
        match read_document(document) {
            Ok(draft) => drafts.push(draft),
            Err((found, count)) => {
                total += count;
                errors.extend(found.into_iter().take(TOLD.saturating_sub(errors.len())).map(|mut error| {
                    error["pointer"] = format!("/{place}{}", member(&error, "pointer")).into();
                    error
                }));
            }
        }
    }
    if total == 0 { Ok(drafts) } else { Err(invalid_of(errors, total)) }
}

/// Reads members that did not come as JSON.
///
/// # Errors
/// Every field that is wrong, and what is wrong with it.
pub fn read_members<T: Draft>(members: Vec<(String, Value)>) -> Result<T, Vec<(String, String)>> {
    read_document(Document::Object(members, 0)).map_err(|(errors, _)| {
        errors
            .iter()
            .map(|error| (member(error, "pointer").trim_start_matches('/'), member(error, "detail")))
            .map(|(field, detail)| (field.to_owned(), detail.to_owned()))
            .collect()
    })
}

/// A member of an error that [`read_document`] found.
#[expect(clippy::expect_used, reason = "it makes every error of these two texts")]
fn member<'a>(error: &'a Value, name: &str) -> &'a str {
    error[name].as_str().expect("an error has a pointer and a detail")
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new::<MalformedJson>(format!("The body is not JSON: {error}."))
        .with("line", error.line())
        .with("column", error.column())
}

/// The draft, or what is wrong with it and how much that is in all.
fn read_document<T: Draft>(document: Document) -> Result<T, (Vec<Value>, usize)> {
    let Document::Object(members, further) = document else {
        return Err((vec![json!({"pointer": "", "detail": "must be a JSON object"})], 1));
    };
    let mut fields = Fields { members, known: Vec::new(), errors: Vec::new(), untold: 0 };
    let draft = T::read(&mut fields);
    fields.refuse_unknown();
    match draft {
        Some(draft) if fields.errors.is_empty() && further == 0 => Ok(draft),
        _ => {
            let total = fields.errors.len() + fields.untold + further;
            Err((fields.errors, total))
        }
    }
}

/// The members of a body, as they are taken one by one.
#[derive(Debug)]
pub struct Fields {
    members: Vec<(String, Value)>,
    known: Vec<&'static str>,
    errors: Vec<Value>,
    untold: usize,
}

impl Fields {
    /// A field that must be there.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let Some(value) = self.take(name) else {
            self.refuse(name, "is required");
            return None;
        };
        self.parsed(name, parse(&value))
    }

    /// A field that may be left out (`Some(None)`), but not be null: that would remove what is required (RFC 7396).
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match self.take(name) {
            Some(value) => self.parsed(name, parse(&value)).map(Some),
            None => Some(None),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        let place = self.members.iter().position(|(member, _)| member == name)?;
        let (_, value) = self.members.remove(place);
        if self.members.iter().any(|(member, _)| member == name) {
            self.refuse(name, "is there more than once");
            self.members.retain(|(member, _)| member != name);
        }
        Some(value)
    }

    fn parsed<T>(&mut self, name: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|detail| self.refuse(name, &detail)).ok()
    }

    /// Says what is wrong with a field.
    pub fn refuse(&mut self, name: &str, detail: &str) {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        self.errors.push(json!({"pointer": pointer, "detail": detail}));
    }

    fn refuse_unknown(&mut self) {
        let mut unknown = std::mem::take(&mut self.members);
        self.untold = unknown.len().saturating_sub(TOLD);
        unknown.truncate(TOLD);
        for (name, _) in unknown {
            let detail = match nearest(&name, &self.known) {
                Some(known) => format!("is not a known field; did you mean `{known}`?"),
                None => format!("is not a known field; known are {}", list(&self.known)),
            };
            self.refuse(&excerpt(&name), &detail);
        }
    }
}

/// A text by the rule `allowed`.
///
/// # Errors
/// What is wrong with it.
pub fn text(value: &Value, allowed: impl FnOnce(&str) -> Result<String, String>) -> Result<String, String> {
    match value {
        Value::String(text) => allowed(text),
        Value::Null => Err("must not be null".to_owned()),
        _ => Err("must be a text".to_owned()),
    }
}

/// An id: a whole number from 1 to 2^53 − 1.
///
/// # Errors
/// What is wrong with it.
pub fn id(value: &Value) -> Result<i64, String> {
    number(value, 1, MAX_ID)
}

/// A whole number from `least` to `most`; JSON Schema's `integer` has `7.0` too.
///
/// # Errors
/// What is wrong with it.
pub fn number(value: &Value, least: i64, most: i64) -> Result<i64, String> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let integral =
        |float: f64| (float.fract() == 0.0 && float.abs() <= MAX_ID as f64).then_some(float as i64);
    let number = value.as_i64().or_else(|| value.as_f64().and_then(integral));
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

/// A time of RFC 3339 with its offset, as it is stored: UTC, milliseconds.
///
/// # Errors
/// What is wrong with it.
pub fn time(value: &Value) -> Result<String, String> {
    text(value, |text| Time::from_str(text).map(|time| time.0))
}

/// What may be null.
///
/// # Errors
/// What `parse` says of what is not null.
pub fn nullable<T>(
    value: &Value,
    parse: impl FnOnce(&Value) -> Result<T, String>,
) -> Result<Option<T>, String> {
    if value.is_null() { Ok(None) } else { parse(value).map(Some) }
}

/// The known name that `name` was perhaps meant to be.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let (length, lower) = (name.chars().count(), name.to_lowercase());
    let close = |candidate: &str| 1 + candidate.len() / 3;
    known
        .iter()
        .copied()
        // No distance is less than the difference in length: a name of a megabyte is not compared at all.
        .filter(|candidate| candidate.len().abs_diff(length) <= close(candidate))
        .map(|candidate| (strsim::damerau_levenshtein(&lower, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= close(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

pub(super) fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
