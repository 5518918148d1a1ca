//! Reads a JSON body into a draft and reports all invalid fields together.

use std::str::FromStr;
use std::sync::Arc;

use serde::Deserializer as _;
use serde_json::Value;
use serde_json::json;

use super::document::{Document, DocumentsVisitor, MAX_ITEMS};
use super::echo::excerpt;
use super::invalid::{MAX_ERRORS, invalid, invalid_of};
use super::problem::{MalformedJson, Problem};
use crate::clock::Stamp;
use crate::count::{thousands, to_i64};
use crate::registrar::MAX_ID;

/// A type that a body can be read into.
pub trait Draft: Sized {
    /// How many items are read of an array or an object in an object of the body; 0 if it has none. Further ones are
    /// discarded, so one more than are allowed shows that there are too many.
    const ITEMS_OF_OBJECTS: usize = 0;

    /// Takes the fields that it knows; errors are collected in `fields`. `None` if a field that it needs is invalid.
    fn read(fields: &mut Fields) -> Option<Self>;
}

/// Reads a whole body.
///
/// # Errors
/// `malformed-json` with the line and column, or `invalid-request` with all errors.
pub fn read<T: Draft>(body: &[u8], unwritable: &UnwritableFields) -> Result<T, Problem> {
    let document = Document::read(body, T::ITEMS_OF_OBJECTS).map_err(|error| malformed(&error))?;
    read_document(document, unwritable).map_err(|(errors, total)| invalid_of(errors, total))
}

/// Reads a body that is an array of 1 to `max` objects.
///
/// # Errors
/// As [`read`]; the pointers begin with the index in the array.
pub fn read_many<T: Draft>(body: &[u8], max: usize) -> Result<Vec<T>, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let documents = DocumentsVisitor { max };
    let documents = json.deserialize_any(documents).and_then(|documents| json.end().map(|()| documents));
    let documents = documents.map_err(|error| malformed(&error))?;
    let Some(documents) = documents.filter(|documents| (1..=max).contains(&documents.len())) else {
        let detail = format!("must be a JSON array of 1 to {} objects", thousands(to_i64(max)));
        return Err(invalid(vec![json!({"pointer": "", "detail": detail})]));
    };
    let mut drafts = Vec::with_capacity(documents.len());
    let (mut errors, mut total) = (Vec::new(), 0);
    for (index, document) in documents.into_iter().enumerate() {
        match read_document(document, &UnwritableFields::default()) {
            Ok(draft) => drafts.push(draft),
            Err((found, count)) => {
                total += count;
                let room = MAX_ERRORS.saturating_sub(errors.len());
                errors.extend(found.into_iter().take(room).map(|error| below(&index.to_string(), error)));
            }
        }
    }
    if total == 0 { Ok(drafts) } else { Err(invalid_of(errors, total)) }
}

/// Reads members that come from a form.
///
/// # Errors
/// Every invalid field, with what is wrong with it.
pub fn read_members<T: Draft>(
    members: Vec<(String, Value)>,
    unwritable: &UnwritableFields,
) -> Result<T, Vec<(String, String)>> {
    read_document(Document::Object(members, 0), unwritable).map_err(|(errors, _)| {
        errors
            .iter()
            .map(|error| (member(error, "pointer").trim_start_matches('/'), member(error, "detail")))
            .map(|(field, detail)| (field.to_owned(), detail.to_owned()))
            .collect()
    })
}

/// An error in the member `name`, which is an object or the item of an array, as an error of the whole body.
fn below(name: &str, mut error: Value) -> Value {
    error["pointer"] = format!("/{name}{}", member(&error, "pointer")).into();
    error
}

/// A member of an error that [`read_document`] returned.
#[expect(clippy::expect_used, reason = "every error is made with these two texts")]
fn member<'a>(error: &'a Value, name: &str) -> &'a str {
    error[name].as_str().expect("an error has a pointer and a detail")
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new::<MalformedJson>(format!("The body is not JSON: {error}."))
        .with("line", error.line())
        .with("column", error.column())
}

/// The draft, or the first errors and the number of all errors.
fn read_document<T: Draft>(
    document: Document,
    unwritable: &UnwritableFields,
) -> Result<T, (Vec<Value>, usize)> {
    let Document::Object(members, extra) = document else {
        return Err((vec![json!({"pointer": "", "detail": "must be a JSON object"})], 1));
    };
    let unwritable = unwritable.clone();
    let mut fields = Fields { members, unwritable, known: Vec::new(), errors: Vec::new(), omitted: 0 };
    let draft = T::read(&mut fields);
    fields.reject_unknown();
    match draft {
        Some(draft) if fields.errors.is_empty() && extra == 0 => Ok(draft),
        _ => {
            let total = fields.errors.len() + fields.omitted + extra;
            Err((fields.errors, total))
        }
    }
}

/// The fields that cannot be written in this school, each with the name of its record's type: they cannot be required.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnwritableFields(pub Arc<[(&'static str, &'static str)]>);

/// The members of a body, which a draft takes one by one.
#[derive(Debug)]
pub struct Fields {
    members: Vec<(String, Value)>,
    unwritable: UnwritableFields,
    known: Vec<&'static str>,
    errors: Vec<Value>,
    omitted: usize,
}

impl Fields {
    /// Whether the field cannot be written in this school.
    #[must_use]
    pub fn is_unwritable(&self, record: &str, field: &str) -> bool {
        self.unwritable.0.contains(&(record, field))
    }

    /// Whether a field that is not taken yet is present.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(member, _)| member == name)
    }

    /// Takes a field that must be present.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let Some(value) = self.take(name) else {
            self.add_error(name, "is required");
            return None;
        };
        self.parsed(name, parse(&value))
    }

    /// Takes a field that may be left out (`Some(None)`), but not be null: that would remove a required field (RFC
    /// 7396).
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

    /// Takes a field that clients may send, but that messages about unknown fields do not suggest.
    pub fn tolerated<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let value = self.optional(name, parse);
        self.known.retain(|known| *known != name);
        value
    }

    /// Takes a field that is an object with fields of its own; `Some(None)` if it is left out or null.
    pub fn optional_object<T: Draft>(&mut self, name: &'static str) -> Option<Option<T>> {
        let document = match self.take(name) {
            None | Some(Value::Null) => return Some(None),
            Some(Value::Object(members)) if members.len() < MAX_ITEMS => {
                Document::Object(members.into_iter().collect(), 0)
            }
            Some(Value::Object(_)) => {
                self.add_error(name, "has too many members");
                return None;
            }
            Some(_) => {
                self.add_error(name, "must be an object or null");
                return None;
            }
        };
        match read_document(document, &self.unwritable) {
            Ok(draft) => Some(Some(draft)),
            Err((errors, total)) => {
                self.omitted += total - errors.len();
                self.errors.extend(errors.into_iter().map(|error| below(name, error)));
                None
            }
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        let index = self.members.iter().position(|(member, _)| member == name)?;
        let (_, value) = self.members.remove(index);
        if self.members.iter().any(|(member, _)| member == name) {
            self.add_error(name, "is given more than once");
            self.members.retain(|(member, _)| member != name);
        }
        Some(value)
    }

    fn parsed<T>(&mut self, name: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|detail| self.add_error(name, &detail)).ok()
    }

    /// Adds an error about a field.
    pub fn add_error(&mut self, name: &str, detail: &str) {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        self.errors.push(json!({"pointer": pointer, "detail": detail}));
    }

    fn reject_unknown(&mut self) {
        let mut unknown = std::mem::take(&mut self.members);
        self.omitted += unknown.len().saturating_sub(MAX_ERRORS);
        unknown.truncate(MAX_ERRORS);
        for (name, _) in unknown {
            let detail = match nearest(&name, &self.known) {
                Some(known) => format!("is not a known field; did you mean `{known}`?"),
                None => format!("is not a known field; the known ones are {}", list(&self.known)),
            };
            self.add_error(&excerpt(&name), &detail);
        }
    }
}

/// A text, checked and converted by `parse`.
///
/// # Errors
/// If the value is invalid: the reason, worded for the client.
pub fn text<T>(value: &Value, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, String> {
    match value {
        Value::String(text) => parse(text),
        Value::Null => Err("must not be null".to_owned()),
        _ => Err("must be a text".to_owned()),
    }
}

/// An id: a whole number from 1 to 2^53 − 1.
///
/// # Errors
/// If the value is invalid: the reason, worded for the client.
pub fn id(value: &Value) -> Result<i64, String> {
    number(value, 1, MAX_ID)
}

/// A whole number from `min` to `max`; `7.0` is one, as in JSON Schema.
///
/// # Errors
/// If the value is invalid: the reason, worded for the client.
pub fn number(value: &Value, min: i64, max: i64) -> Result<i64, String> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let integral =
        |float: f64| (float.fract() == 0.0 && float.abs() <= MAX_ID as f64).then_some(float as i64);
    let number = value.as_i64().or_else(|| value.as_f64().and_then(integral));
    let is_allowed = |number: &i64| (min..=max).contains(number);
    number.filter(is_allowed).ok_or_else(|| {
        match value.as_str().and_then(|text| text.parse().ok()).filter(is_allowed) {
            Some(quoted) => format!("must be a number: write {quoted} without quotes"),
            None => format!("must be a whole number from {} to {}", thousands(min), thousands(max)),
        }
    })
}

/// `true` or `false`.
///
/// # Errors
/// If the value is another one.
pub fn boolean(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be `true` or `false`".to_owned())
}

/// A time (RFC 3339, with an offset), converted to the form in which it is stored: UTC, milliseconds.
///
/// # Errors
/// If the value is invalid: the reason, worded for the client.
pub fn time(value: &Value) -> Result<Stamp, String> {
    text(value, Stamp::from_str)
}

/// A value that may be null.
///
/// # Errors
/// The error of `parse`, for a value that is not null.
pub fn nullable<T>(
    value: &Value,
    parse: impl FnOnce(&Value) -> Result<T, String>,
) -> Result<Option<T>, String> {
    if value.is_null() { Ok(None) } else { parse(value).map(Some) }
}

/// The known name that is most similar to `name`, if one is similar enough to suggest it.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let (length, lower) = (name.chars().count(), name.to_lowercase());
    let max_distance = |candidate: &str| 1 + candidate.len() / 3;
    known
        .iter()
        .copied()
        // The distance is at least the difference in length, so a name of a megabyte is never compared.
        .filter(|candidate| candidate.len().abs_diff(length) <= max_distance(candidate))
        .map(|candidate| (strsim::damerau_levenshtein(&lower, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= max_distance(candidate))
        // Two mistakes in a short name seldom include its first letter: `page` is not meant to be `name`.
        .filter(|(distance, candidate)| *distance <= 1 || candidate.chars().next() == lower.chars().next())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

pub(super) fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
