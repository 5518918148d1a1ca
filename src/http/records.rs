//! Bodies that add or change a record: read, checked and described by its [`RecordField`]s.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::fields::{self, Draft, Fields};
use super::invalid::invalid;
use super::problem::Problem;
use crate::registrar::{FieldValues, MAX_TEXT, Record, RecordField, TextKind, VISIBLE_TEXT};

/// A record to add: all its fields.
#[derive(Debug)]
pub struct NewRecord<R>(pub FieldValues<R>);

/// The fields of a record to change; those that are left out do not change.
#[derive(Debug)]
pub struct RecordChange<R>(pub FieldValues<R>, pub RepeatedId);

/// A record as it is to be: all its fields. One that is left out, and may be, has no value afterwards.
#[derive(Debug)]
pub struct ReplacedRecord<R>(pub FieldValues<R>, pub RepeatedId);

/// The id of a record in its own body, as admin kits send it.
#[derive(Debug)]
pub struct RepeatedId(Option<i64>);

impl RepeatedId {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.tolerated("id", fields::id).map(Self)
    }

    /// Refuses an id that is not the one in the address.
    ///
    /// # Errors
    /// `invalid-request`.
    pub fn ensure(&self, id: i64) -> Result<(), Problem> {
        if self.0.is_none_or(|repeated| repeated == id) {
            return Ok(());
        }
        let detail = format!("must be {id}, the id in the address, or be left out");
        Err(invalid(vec![json!({"pointer": "/id", "detail": detail})]))
    }
}

impl<R: Record> Draft for NewRecord<R> {
    fn read(fields: &mut Fields) -> Option<Self> {
        let read = |field: &RecordField| {
            let value = if field.is_optional() || fields.is_unwritable(R::NAME, field.name) {
                fields.optional(field.name, parse(field))?
            } else {
                Some(fields.required(field.name, parse(field))?)
            };
            Some(value.map(|value| (field.name, value)))
        };
        // All of them, so that every error is reported.
        let values: Vec<_> = R::FIELDS.iter().map(read).collect();
        let values = values.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Self(FieldValues::new(values.into_iter().flatten())))
    }
}

impl<R: Record> Draft for RecordChange<R> {
    fn read(fields: &mut Fields) -> Option<Self> {
        let read = |field: &RecordField| {
            let value = fields.optional(field.name, parse(field))?;
            Some(value.map(|value| (field.name, value)))
        };
        let values: Vec<_> = R::FIELDS.iter().map(read).collect();
        let id = RepeatedId::read(fields);
        let values = values.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Self(FieldValues::new(values.into_iter().flatten()), id?))
    }
}

impl<R: Record> Draft for ReplacedRecord<R> {
    fn read(fields: &mut Fields) -> Option<Self> {
        let read = |field: &RecordField| {
            let value = if fields.is_unwritable(R::NAME, field.name) {
                // A school may not have the field: then null is its value.
                let parse = parse(field);
                let value = |value: &Value| if value.is_null() { Ok(None) } else { parse(value) };
                fields.optional(field.name, value)?
            } else if field.is_optional() {
                Some(fields.optional(field.name, parse(field))?.flatten())
            } else {
                Some(fields.required(field.name, parse(field))?)
            };
            Some(value.map(|value| (field.name, value)))
        };
        let values: Vec<_> = R::FIELDS.iter().map(read).collect();
        let id = RepeatedId::read(fields);
        let values = values.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Self(FieldValues::new(values.into_iter().flatten()), id?))
    }
}

/// `None` for the null of an optional field.
fn parse(field: &RecordField) -> impl Fn(&Value) -> Result<Option<String>, String> + use<> {
    let (kind, is_optional) = (field.kind, field.is_optional());
    move |value| {
        let text = |value: &Value| fields::text(value, |text| kind.parse(text));
        if is_optional { fields::nullable(value, text) } else { text(value).map(Some) }
    }
}

impl<R: Record> ToSchema for NewRecord<R> {
    fn name() -> Cow<'static, str> {
        format!("New{}", R::NAME).into()
    }
}

impl<R: Record> PartialSchema for NewRecord<R> {
    fn schema() -> RefOr<Schema> {
        let example = R::FIELDS.iter().map(|field| (field.name.to_owned(), field.examples[0].into()));
        let required = R::FIELDS.iter().filter(|field| !field.is_optional());
        let object = required.fold(with_fields::<R>(), |object, field| object.required(field.name));
        object
            .description(Some(format!("A {} to add.", R::NAME.to_lowercase())))
            .examples([Value::Object(example.collect())])
            .into()
    }
}

impl<R: Record> ToSchema for ReplacedRecord<R> {
    fn name() -> Cow<'static, str> {
        format!("Replaced{}", R::NAME).into()
    }
}

impl<R: Record> PartialSchema for ReplacedRecord<R> {
    fn schema() -> RefOr<Schema> {
        let example = R::FIELDS.iter().map(|field| (field.name.to_owned(), field.examples[1].into()));
        let required = R::FIELDS.iter().filter(|field| !field.is_optional());
        let object = required.fold(with_fields::<R>(), |object, field| object.required(field.name));
        object
            .description(Some(format!("A {} as it is to be.", R::NAME.to_lowercase())))
            .examples([Value::Object(example.collect())])
            .into()
    }
}

impl<R: Record> ToSchema for RecordChange<R> {
    fn name() -> Cow<'static, str> {
        format!("{}Change", R::NAME).into()
    }
}

impl<R: Record> PartialSchema for RecordChange<R> {
    fn schema() -> RefOr<Schema> {
        let last = R::FIELDS
            .iter()
            .rfind(|field| !field.is_optional())
            .map(|field| (field.name.to_owned(), field.examples[1].into()));
        with_fields::<R>()
            .description(Some(format!("The fields of a {} to change.", R::NAME.to_lowercase())))
            .examples([Value::Object(Map::from_iter(last))])
            .into()
    }
}

/// An object with the fields of the record.
fn with_fields<R: Record>() -> ObjectBuilder {
    R::FIELDS.iter().fold(ObjectBuilder::new().schema_type(Type::Object), |object, field| {
        let text = ObjectBuilder::new()
            .schema_type(if field.is_optional() {
                SchemaType::from_iter([Type::String, Type::Null])
            } else {
                Type::String.into()
            })
            .description(Some(if field.is_optional() {
                "Trimmed, otherwise kept as written; unique. Null for none."
            } else {
                "Trimmed; no control characters."
            }))
            .min_length(Some(1))
            .max_length(Some(MAX_TEXT));
        let text = match field.kind {
            TextKind::Plain | TextKind::ExternalId => text.pattern(Some(VISIBLE_TEXT)),
            TextKind::Email => text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Email))),
        };
        object.property(field.name, text)
    })
}
