//! The further members of problems: their names, schemas and examples for the OpenAPI document.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

use crate::registrar::MAX_ID;

/// A further member of the problems of one kind.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub meaning: &'static str,
    /// Whether every problem of the kind has it.
    pub is_required: bool,
    /// Its schema, without the meaning.
    pub schema: fn() -> RefOr<Schema>,
    /// An example.
    pub example: fn() -> Value,
}

/// The operations of requests that can name several courses.
pub(super) const OPERATIONS_WITH_RESULTS: [&str; 2] = ["enroll", "set_student_courses"];

/// A member of every problem with a request that names several courses.
pub(super) const RESULTS: Member = Member {
    name: "results",
    meaning: "What became of each course, if the request named several: with `course_ids`, or as a complete set.",
    is_required: false,
    schema: || ArrayBuilder::new().items(Ref::from_schema_name("CourseResult")).into(),
    example: || Value::Array(Vec::new()),
};

/// Whether a problem with members `given` has all that are required, and none that is not in the list.
pub(super) fn are_those_of(members: &[Member], given: &Map<String, Value>) -> bool {
    let is_known = |name: &String| members.iter().chain([&RESULTS]).any(|member| member.name == name);
    members.iter().all(|member| !member.is_required || given.contains_key(member.name))
        && given.keys().all(is_known)
}

/// What is wrong with one part of a request: a place in its body, or a parameter.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestError {
    /// A JSON pointer (RFC 6901) into the body; the empty one is the whole body.
    #[schema(nullable = false)]
    pub pointer: Option<String>,
    /// The name of a parameter or header; empty for the whole query.
    #[schema(nullable = false)]
    pub parameter: Option<String>,
    /// What is wrong with it.
    pub detail: String,
}

/// An id.
pub(crate) fn id() -> RefOr<Schema> {
    integer(1).maximum(Some(MAX_ID)).into()
}

/// The id that a request was about: a text if the request has no number there.
pub(crate) fn sent_id() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(SchemaType::Array(vec![Type::Integer, Type::String])).into()
}

/// A number from 0.
pub(crate) fn count() -> RefOr<Schema> {
    integer(0).into()
}

/// A number from 1.
pub(crate) fn ordinal() -> RefOr<Schema> {
    integer(1).into()
}

/// A text.
pub(crate) fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// A time.
pub(crate) fn time() -> RefOr<Schema> {
    let format = Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
    ObjectBuilder::new().schema_type(Type::String).format(format).into()
}

/// A time, or null.
pub(crate) fn time_or_null() -> RefOr<Schema> {
    let format = Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
    let kinds = SchemaType::Array(vec![Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(kinds).format(format).into()
}

/// A record that has a schema of its own.
pub(crate) fn record<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

/// A list of such records.
pub(crate) fn list_of<T: ToSchema>() -> RefOr<Schema> {
    ArrayBuilder::new().items(record::<T>()).into()
}

fn integer(minimum: i64) -> ObjectBuilder {
    let format = Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
    ObjectBuilder::new().schema_type(Type::Integer).format(format).minimum(Some(minimum))
}

impl Member {
    /// Its schema, with the meaning.
    pub(super) fn described(&self) -> RefOr<Schema> {
        let mut schema = (self.schema)();
        match &mut schema {
            RefOr::Ref(reference) => self.meaning.clone_into(&mut reference.description),
            RefOr::T(Schema::Object(object)) => object.description = Some(self.meaning.to_owned()),
            RefOr::T(Schema::Array(array)) => array.description = Some(self.meaning.to_owned()),
            RefOr::T(_) => {}
        }
        schema
    }
}
