//! The problems in the OpenAPI document: a schema and an example for each kind; and for each status of an operation,
//! the kinds that it can mean.

use std::collections::HashSet;

use serde_json::{Value, json};
use utoipa::PartialSchema;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::{Discriminator, OneOfBuilder, Schema};
use utoipa::openapi::{OpenApi, Ref, RefOr, Response};

use super::members::{OPERATIONS_WITH_RESULTS, RESULTS};
use super::problem::{Kind, ProblemBody, Scope};
use super::schemas::{capitalized, constant, operations};

const MEDIA_TYPE: &str = "application/problem+json";

/// Adds a kind of problem to those that a response can be.
pub(super) fn add_to(response: &mut Response, kind: &Kind) {
    if !response.description.is_empty() {
        response.description.push(' ');
    }
    let sentence = format!("`{}`: {}.", kind.slug, kind.title);
    response.description.push_str(&sentence);
    let content = response.content.entry(MEDIA_TYPE.to_owned());
    if let RefOr::T(content) = content.or_insert_with(|| RefOr::T(ContentBuilder::new().build())) {
        let example = Ref::new(format!("#/components/examples/{}", kind.slug));
        content.examples.insert(kind.slug.to_owned(), RefOr::Ref(example));
    }
}

/// Adds the schemas and examples of `kinds`, and to each response a schema for those that it has examples of.
pub(super) fn complete(document: &mut OpenApi, kinds: impl Iterator<Item = &'static Kind>) {
    let kinds: Vec<_> = kinds.filter(|kind| kind.scope != Scope::Unrouted).collect();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        for response in operation.responses.responses.values_mut() {
            let RefOr::T(response) = response else { continue };
            if let Some(RefOr::T(Content { schema, examples, .. })) = response.content.get_mut(MEDIA_TYPE) {
                *schema = Some(one_of(kinds.iter().copied().filter(|kind| examples.contains_key(kind.slug))));
            }
        }
    }
    let of_several = kinds_of_several(document);
    let Some(components) = &mut document.components else { return };
    // Where a problem stands in another answer, such as the result of a batch, it can be of any kind.
    components.schemas.insert("Problem".to_owned(), one_of(kinds.iter().copied()));
    for kind in kinds {
        components.schemas.insert(name(kind), schema(kind, of_several.contains(kind.slug)));
        let example = ExampleBuilder::new().summary(kind.title).value(Some(example(kind)));
        components.examples.insert(kind.slug.to_owned(), example.into());
    }
}

/// A schema for these kinds: of one, or of one of several, which differ in `type`.
fn one_of(kinds: impl Iterator<Item = &'static Kind>) -> RefOr<Schema> {
    let mut discriminator = Discriminator::new("type");
    let mut references: Vec<_> = kinds
        .map(|kind| {
            let reference = Ref::from_schema_name(name(kind));
            discriminator.mapping.insert(address(kind), reference.ref_location.clone());
            RefOr::Ref(reference)
        })
        .collect();
    if references.len() == 1 {
        return references.remove(0);
    }
    let one = references.into_iter().fold(OneOfBuilder::new(), OneOfBuilder::item);
    one.discriminator(Some(discriminator)).into()
}

/// The name of the schema: `CourseFullProblem` of `course-full`.
fn name(kind: &Kind) -> String {
    kind.slug.split('-').map(capitalized).collect::<String>() + "Problem"
}

fn address(kind: &Kind) -> String {
    format!("/problems/{}", kind.slug)
}

/// The kinds of problems of requests that can name several courses.
fn kinds_of_several(document: &mut OpenApi) -> HashSet<String> {
    let operations = document.paths.paths.values_mut().flat_map(operations);
    let several = operations.filter(|operation| {
        operation.operation_id.as_deref().is_some_and(|id| OPERATIONS_WITH_RESULTS.contains(&id))
    });
    let responses = several.flat_map(|operation| operation.responses.responses.values());
    let contents = responses.filter_map(|response| match response {
        RefOr::T(response) => response.content.get(MEDIA_TYPE),
        RefOr::Ref(_) => None,
    });
    let examples = contents.filter_map(|content| match content {
        RefOr::T(content) => Some(content.examples.keys()),
        RefOr::Ref(_) => None,
    });
    examples.flatten().cloned().collect()
}

fn schema(kind: &Kind, is_of_several: bool) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = ProblemBody::schema() else { return ProblemBody::schema() };
    object.description = Some(kind.meaning.to_owned());
    for (member, value) in [("type", json!(address(kind))), ("status", json!(kind.status))] {
        if let Some(RefOr::T(Schema::Object(of_kind))) = object.properties.get_mut(member) {
            *of_kind = constant(of_kind, value);
        }
    }
    let of_several = (is_of_several && kind.scope == Scope::Signature).then_some(&RESULTS);
    for member in kind.members.iter().chain(of_several) {
        object.properties.insert(member.name.to_owned(), member.described());
        if member.is_required {
            object.required.push(member.name.to_owned());
        }
    }
    RefOr::T(Schema::Object(object))
}

fn example(kind: &Kind) -> Value {
    let mut example = json!({
        "type": address(kind),
        "title": kind.title,
        "status": kind.status,
        "detail": kind.meaning,
        "instance": "5f0c1d2e3a4b5c6d-7",
    });
    for member in kind.members {
        example[member.name] = (member.example)();
    }
    example
}
