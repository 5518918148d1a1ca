//! The OpenAPI 3.1 document: derived from the signatures of the handlers, then completed for each operation.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{OpenApi, Ref, RefOr, Required};
use utoipa::{IntoResponses, ToSchema};

use super::examples;
use super::extract::MAX_OBJECTS;
use super::problem::{KINDS, Kind, Scope};
use super::problem_schemas;
use super::refused::{Kinds, Refused};
use super::reply::{
    Admitted, Created, Current, Ensured, EventStream, Found, List, ListOrStream, NoContent, Resource,
    Restored, Results, StreamedArray,
};
use super::routes::Policy;
use super::schemas::{
    close_bodies, inline_values, name_variants, operations, remove_defaults, unwrap_optional_bodies,
};
use super::security::add_security;
use crate::registrar::{MAX_GROUP_NAME, MAX_ID, Outcome};

type Responses = BTreeMap<String, RefOr<Response>>;

/// Adds what follows from the structure of an operation: the ids in its path, conditional headers, and the problems
/// that every such request can cause. `kinds` are all kinds of problems.
pub fn complete(document: &mut OpenApi, policy: &Policy, kinds: impl Iterator<Item = &'static Kind>) {
    add_security(document, policy);
    inline_values(document);
    unwrap_optional_bodies(document);
    close_bodies(document);
    remove_defaults(document);
    for (path, item) in &mut document.paths.paths {
        if let Some(get) = &mut item.get {
            add_wanted_position(get);
        }
        for write in [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
        {
            add_idempotency_key(write);
            add_log_position(write);
        }
        for operation in operations(item) {
            complete_operation(path, operation);
        }
    }
    problem_schemas::complete(document, kinds);
    examples::complete(document);
    // Last, since the example of a list of operations is made of those of its variants.
    name_variants(document);
}

/// Documents `Idempotency-Key`, which every write accepts.
fn add_idempotency_key(operation: &mut Operation) {
    let schema = text_schema().min_length(Some(1)).max_length(Some(255)).pattern(Some(r"^[\x21-\x7e]+$"));
    let meaning = "A name for this request. If it is sent again within 24 hours, it is not carried out again and gets the same answer.";
    let key = parameter("Idempotency-Key", ParameterIn::Header, schema, meaning);
    operation.parameters.get_or_insert_default().push(RefOr::T(key));
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let replayed =
                header("`true` if this is the stored answer to an earlier request.", text_schema());
            response.headers.insert("Idempotency-Replayed".to_owned(), RefOr::T(replayed));
        }
    }
    add_problems(operation, Scope::Keyed);
}

/// Documents the header with which a read sees what was written before.
fn add_wanted_position(operation: &mut Operation) {
    // As text: clients send what they have received. Numbers of more digits than these are never reached.
    let schema = text_schema().pattern(Some("^[0-9]{1,15}$"));
    let meaning = "Wait up to a second until this server has seen this entry of the event log. For servers that read a standby; others have always seen it.";
    let wanted = parameter(SEQ_HEADER, ParameterIn::Header, schema, meaning);
    operation.parameters.get_or_insert_default().push(RefOr::T(wanted));
    add_problems(operation, Scope::Read);
}

/// Documents where the log ended after a write.
fn add_log_position(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let meaning =
                "The `seq` with which the event log ended then, to send with a read at another server.";
            let position = header(meaning, ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer)));
            response.headers.insert(SEQ_HEADER.to_owned(), RefOr::T(position));
        }
    }
    add_problems(operation, Scope::Write);
}

const SEQ_HEADER: &str = "X-Matricula-Seq";

fn add_problems(operation: &mut Operation, scope: Scope) {
    for kind in KINDS.iter().filter(|kind| kind.scope == scope) {
        add_problem(&mut operation.responses.responses, kind);
    }
}

fn complete_operation(path: &str, operation: &mut Operation) {
    let mut parameters = Vec::new();
    for name in path.split(['{', '}']).skip(1).step_by(2) {
        let (schema, meaning) = match name {
            "group" => (name_schema(), "The name of the group, exactly as it is written."),
            _ => (id_schema(), "The id."),
        };
        parameters.push(parameter(name, ParameterIn::Path, schema, meaning));
    }
    if operation.responses.responses.contains_key("412") {
        let meaning = "Carry out the request only if the current `ETag` is one of these (RFC 9110).";
        parameters.push(parameter("If-Match", ParameterIn::Header, text_schema(), meaning));
    }
    if operation.responses.responses.contains_key("304") {
        let meaning = "Answer 304 if the current `ETag` is one of these (RFC 9110).";
        parameters.push(parameter("If-None-Match", ParameterIn::Header, text_schema(), meaning));
    }
    if streams(operation) {
        let meaning = "For a stream: the last `seq` that was received. It takes precedence over `after`.";
        parameters.push(parameter("Last-Event-ID", ParameterIn::Header, text_schema(), meaning));
    }
    let name = "X-Request-Id";
    parameters.push(parameter(
        name,
        ParameterIn::Header,
        text_schema(),
        "An id for this request. It is sent back and stored in the event log.",
    ));
    operation.parameters.get_or_insert_default().extend(parameters.into_iter().map(RefOr::T));

    if let Some(RefOr::T(body)) = &mut operation.request_body {
        for content in body.content.values_mut() {
            if let RefOr::T(Content { schema: Some(RefOr::T(Schema::Array(array))), .. }) = content {
                (array.min_items, array.max_items) = (Some(1), Some(MAX_OBJECTS));
            }
        }
    }
    let has_body = operation.request_body.is_some();
    for kind in KINDS.iter().filter(|kind| match kind.scope {
        Scope::Any => true,
        Scope::Body => has_body,
        Scope::Signature | Scope::Keyed | Scope::Read | Scope::Write | Scope::Unrouted => false,
    }) {
        add_problem(&mut operation.responses.responses, kind);
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let id =
                header("The id of the request, which is also in the server's log output.", text_schema());
            response.headers.insert(name.to_owned(), RefOr::T(id));
        }
    }
}

fn streams(operation: &Operation) -> bool {
    let response = operation.responses.responses.get("200");
    matches!(response, Some(RefOr::T(response)) if response.content.contains_key("text/event-stream"))
}

fn parameter(name: &str, place: ParameterIn, schema: ObjectBuilder, meaning: &str) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(meaning))
        .schema(Some(schema))
        .build()
}

fn header(meaning: &str, schema: ObjectBuilder) -> utoipa::openapi::Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(meaning)).build()
}

fn text_schema() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

/// A name as a part of the path.
fn name_schema() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .min_length(Some(1))
        .max_length(Some(MAX_GROUP_NAME))
}

fn id_schema() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(1))
        .maximum(Some(MAX_ID))
}

fn add_problem(responses: &mut Responses, kind: &Kind) {
    let response = responses.entry(kind.status.to_string()).or_insert_with(|| RefOr::T(Response::new("")));
    let RefOr::T(response) = response else { return };
    problem_schemas::add_to(response, kind);
    if kind.is_retryable() {
        response
            .headers
            .insert("Retry-After".to_owned(), RefOr::T(header("Seconds to wait.", text_schema())));
    }
}

fn answer<T: ToSchema + Resource>(
    status: &str,
    meaning: &str,
    headers: &[(&str, &str)],
) -> (String, RefOr<Response>) {
    let version = T::VERSIONED.then_some(ETAG);
    let headers: Vec<_> = headers.iter().copied().chain(version).collect();
    with_schema(status, meaning, &headers, schema_of::<T>())
}

fn schema_of<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

fn array_of<T: ToSchema>() -> RefOr<Schema> {
    RefOr::T(ArrayBuilder::new().items(schema_of::<T>()).build().into())
}

fn with_schema(
    status: &str,
    meaning: &str,
    headers: &[(&str, &str)],
    schema: RefOr<Schema>,
) -> (String, RefOr<Response>) {
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let mut response = ResponseBuilder::new().description(meaning).content("application/json", content);
    for (name, meaning) in headers {
        response = response.header(*name, header(meaning, text_schema()));
    }
    (status.to_owned(), RefOr::T(response.build()))
}

const ETAG: (&str, &str) = ("ETag", "The version, for If-Match and If-None-Match.");
const LOCATION: (&str, &str) = ("Location", "The address of the resource.");

/// `Idempotency-Replayed` is documented for every write: see [`add_idempotency_key`].
impl<R: IntoResponses> IntoResponses for Outcome<R> {
    fn responses() -> Responses {
        R::responses()
    }
}

impl<T: ToSchema + Resource> IntoResponses for Found<T> {
    fn responses() -> Responses {
        [answer::<T>("200", "The current state.", &[])].into()
    }
}

impl<T: ToSchema + Resource> IntoResponses for Current<T> {
    fn responses() -> Responses {
        let unchanged =
            ResponseBuilder::new().description("The client already has the current state.").build();
        [answer::<T>("200", "The current state.", &[]), ("304".to_owned(), RefOr::T(unchanged))].into()
    }
}

impl<T: ToSchema + Resource> IntoResponses for Created<T> {
    fn responses() -> Responses {
        [answer::<T>("201", "Created and saved.", &[LOCATION])].into()
    }
}

impl<T: ToSchema + Resource, W: ToSchema, R: IntoResponses> IntoResponses for Admitted<T, W, R> {
    fn responses() -> Responses {
        let made = answer::<T>("201", "Created and saved.", &[LOCATION]);
        R::responses().into_iter().chain([made, waiting::<W>()]).collect()
    }
}

impl<T: ToSchema> IntoResponses for Results<T> {
    fn responses() -> Responses {
        [with_schema("200", "Done and saved: one result for each.", &[], array_of::<T>())].into()
    }
}

impl<T: ToSchema + Resource, W: ToSchema> IntoResponses for Restored<T, W> {
    fn responses() -> Responses {
        let location = ("Location", "The address of the enrollment, if it is one that is back.");
        let either = OneOfBuilder::new().item(schema_of::<T>()).item(schema_of::<W>()).build();
        let schema = RefOr::T(either.into());
        [with_schema(
            "201",
            "It is back, or the student is on the waitlist again, and saved.",
            &[location],
            schema,
        )]
        .into()
    }
}

impl<T: ToSchema + Resource, W: ToSchema> IntoResponses for Ensured<T, W> {
    fn responses() -> Responses {
        let made = answer::<T>("201", "Created and saved.", &[LOCATION]);
        [answer::<T>("200", "It already existed.", &[]), made, waiting::<W>()].into()
    }
}

fn waiting<W: ToSchema>() -> (String, RefOr<Response>) {
    with_schema("202", "On the waitlist, and saved.", &[], schema_of::<W>())
}

impl IntoResponses for NoContent {
    fn responses() -> Responses {
        let gone = ResponseBuilder::new().description("Done and saved.").build();
        [("204".to_owned(), RefOr::T(gone))].into()
    }
}

impl<T: ToSchema> IntoResponses for List<T> {
    fn responses() -> Responses {
        let headers = [
            (
                "X-Total-Count",
                "The number of rows that match on all pages. It is counted for the first page and repeated on the following ones.",
            ),
            ("Link", "The next page (RFC 8288), if there is one."),
            ("X-Next-Cursor", "The `after` of the next page, if there is one."),
        ];
        [with_schema("200", "The rows, `[]` if there are none.", &headers, array_of::<T>())].into()
    }
}

impl<T: ToSchema> IntoResponses for StreamedArray<T> {
    fn responses() -> Responses {
        [with_schema("200", "One result per operation, in the same order.", &[], array_of::<T>())].into()
    }
}

/// The stream is documented as an operation of its own: clients that are generated from an answer with two media types
/// take it for a list or a text.
impl<T: ToSchema> IntoResponses for ListOrStream<T> {
    fn responses() -> Responses {
        List::<T>::responses()
    }
}

impl IntoResponses for EventStream {
    fn responses() -> Responses {
        let example = "id: 12\ndata: {\"seq\":12,\"at\":\"2026-09-01T08:00:00.000Z\",\"type\":\"student.created\",\"student_id\":4,\"course_id\":null,\"enrollment_id\":null,\"actor\":\"account:3\",\"request_id\":\"5f0c1d2e3a4b5c6d-7\",\"data\":{}}\n\n";
        let events = ContentBuilder::new().schema(Some(text_schema())).example(Some(json!(example))).build();
        let response = ResponseBuilder::new()
            .description("Events as they happen, until the client closes the connection.")
            .content("text/event-stream", events);
        [("200".to_owned(), RefOr::T(response.build()))].into()
    }
}

impl<P: Kinds> IntoResponses for Refused<P> {
    fn responses() -> Responses {
        let mut responses = Responses::new();
        for kind in P::kinds() {
            add_problem(&mut responses, kind);
        }
        responses
    }
}
