//! The examples of bodies in the OpenAPI document, taken from the schemas.

use serde_json::Value;
use utoipa::openapi::content::Content;
use utoipa::openapi::schema::{AllOf, Array, ArrayItems, Components, Object, OneOf, Schema};
use utoipa::openapi::{OpenApi, Ref, RefOr};

use super::schemas::operations;

/// Adds an example to each body, of a request or of an answer, whose schema has one.
pub(super) fn complete(document: &mut OpenApi) {
    let Some(components) = &document.components else { return };
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let responses = operation.responses.responses.values_mut().filter_map(|response| match response {
            RefOr::T(response) => Some(response.content.values_mut()),
            RefOr::Ref(_) => None,
        });
        let request = operation.request_body.iter_mut().filter_map(|body| match body {
            RefOr::T(body) => Some(body.content.values_mut()),
            RefOr::Ref(_) => None,
        });
        for content in responses.flatten().chain(request.flatten()) {
            let RefOr::T(Content { schema: Some(schema), example, examples, .. }) = content else { continue };
            if example.is_none() && examples.is_empty() {
                *example = example_of(schema, components);
            }
        }
    }
}

fn example_of(schema: &RefOr<Schema>, components: &Components) -> Option<Value> {
    let (own, examples) = match schema {
        RefOr::Ref(reference) => return example_of(target(reference, components)?, components),
        RefOr::T(
            Schema::Object(Object { example, examples, .. })
            | Schema::Array(Array { example, examples, .. })
            | Schema::OneOf(OneOf { example, examples, .. })
            | Schema::AllOf(AllOf { example, examples, .. }),
        ) => (example, examples),
        RefOr::T(_) => return None,
    };
    own.clone().or_else(|| examples.first().cloned()).or_else(|| match schema {
        RefOr::T(Schema::Array(Array { items: ArrayItems::RefOrSchema(items), .. })) => {
            Some(Value::Array(examples_of_items(items, components)))
        }
        RefOr::T(Schema::OneOf(one)) => one.items.iter().find_map(|item| example_of(item, components)),
        _ => None,
    })
}

/// One item, or one of each kind of items.
fn examples_of_items(items: &RefOr<Schema>, components: &Components) -> Vec<Value> {
    let items_schema = match items {
        RefOr::Ref(reference) => target(reference, components),
        RefOr::T(_) => Some(items),
    };
    match items_schema {
        Some(RefOr::T(Schema::OneOf(one))) => {
            one.items.iter().filter_map(|item| example_of(item, components)).collect()
        }
        _ => example_of(items, components).into_iter().collect(),
    }
}

fn target<'a>(reference: &Ref, components: &'a Components) -> Option<&'a RefOr<Schema>> {
    components.schemas.get(reference.ref_location.rsplit('/').next()?)
}
