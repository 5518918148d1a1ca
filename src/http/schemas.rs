//! Adjusts the schemas of the OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::schema::{
    AdditionalProperties, Array, ArrayItems, Discriminator, Object, OneOf, Schema, SchemaType, Type,
};
use utoipa::openapi::{OpenApi, Ref, RefOr, Required};

/// Replaces references to ids, times and other single values by their schemas, so that the document shows their limits
/// where they are used.
pub(super) fn inline_values(document: &mut OpenApi) {
    let Some(components) = &mut document.components else { return };
    let is_value = |_: &String, schema: &mut RefOr<Schema>| {
        matches!(schema, RefOr::T(Schema::Object(object))
            if object.properties.is_empty() && object.enum_values.is_none()
                && matches!(object.schema_type, SchemaType::Type(Type::Integer | Type::String)))
    };
    let values: BTreeMap<_, _> = components
        .schemas
        .extract_if(.., is_value)
        .filter_map(|(name, schema)| match schema {
            RefOr::T(Schema::Object(object)) => Some((Ref::from_schema_name(name).ref_location, object)),
            _ => None,
        })
        .collect();
    for object in components.schemas.values_mut().flat_map(objects) {
        object.properties.values_mut().for_each(|property| inline_value(property, &values));
    }
    let operations = document.paths.paths.values_mut().flat_map(operations);
    for parameter in operations.flat_map(|operation| operation.parameters.iter_mut().flatten()) {
        if let RefOr::T(Parameter { schema: Some(schema), .. }) = parameter {
            inline_value(schema, &values);
        }
    }
}

/// `values` by their `$ref`.
fn inline_value(schema: &mut RefOr<Schema>, values: &BTreeMap<String, Object>) {
    let (reference, is_nullable) = match schema {
        RefOr::Ref(reference) => (&*reference, false),
        // `Option` of a value: the value or null.
        RefOr::T(Schema::OneOf(OneOf { items, .. })) => match items.as_slice() {
            [RefOr::Ref(reference), RefOr::T(_)] | [RefOr::T(_), RefOr::Ref(reference)] => (reference, true),
            _ => return,
        },
        RefOr::T(_) => return,
    };
    let Some(mut value) = values.get(&reference.ref_location).cloned() else { return };
    value.description = Some(reference.description.clone()).filter(|description| !description.is_empty());
    if is_nullable && let SchemaType::Type(plain) = value.schema_type {
        value.schema_type = SchemaType::Array(vec![plain, Type::Null]);
    }
    *schema = RefOr::T(Schema::Object(value));
}

/// Makes bodies optional that are described as one or null.
pub(super) fn unwrap_optional_bodies(document: &mut OpenApi) {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let Some(RefOr::T(body)) = &mut operation.request_body else { continue };
        let schemas = body.content.values_mut().filter_map(|content| match content {
            RefOr::T(content) => content.schema.as_mut(),
            RefOr::Ref(_) => None,
        });
        for schema in schemas {
            let RefOr::T(Schema::OneOf(one)) = &*schema else { continue };
            let reference = one.items.iter().find(|item| matches!(item, RefOr::Ref(_))).cloned();
            if let Some(reference) = reference {
                *schema = reference;
                body.required = Some(Required::False);
            }
        }
    }
}

/// Bodies get `additionalProperties: false`, since unknown fields are refused.
pub(super) fn close_bodies(document: &mut OpenApi) {
    let bodies = document.paths.paths.values_mut().flat_map(operations).filter_map(|operation| {
        let Some(RefOr::T(body)) = &operation.request_body else { return None };
        let schemas = body.content.values().filter_map(|content| match content {
            RefOr::T(content) => content.schema.as_ref(),
            RefOr::Ref(_) => None,
        });
        let refs = schemas.filter_map(|schema| match schema {
            RefOr::Ref(reference) => Some(&reference.ref_location),
            RefOr::T(Schema::Array(Array { items: ArrayItems::RefOrSchema(items), .. })) => match &**items {
                RefOr::Ref(reference) => Some(&reference.ref_location),
                RefOr::T(_) => None,
            },
            RefOr::T(_) => None,
        });
        Some(refs.cloned().collect::<Vec<_>>())
    });
    let bodies: BTreeSet<_> = bodies.flatten().collect();
    for (name, schema) in document.components.iter_mut().flat_map(|components| &mut components.schemas) {
        if bodies.contains(&Ref::from_schema_name(name).ref_location) {
            for object in objects(schema) {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
}

/// Gives a schema of its own to each object that a body may be, where a member has another value in each: generated
/// clients have names for them instead of numbers. `NewOperation` with `op: enroll` is an `EnrollOperation`.
pub(super) fn name_variants(document: &mut OpenApi) {
    let Some(components) = &mut document.components else { return };
    let mut named = Vec::new();
    for (whole, schema) in &mut components.schemas {
        let RefOr::T(Schema::OneOf(one)) = schema else { continue };
        let mut discriminator = None;
        for item in &mut one.items {
            let RefOr::T(Schema::Object(object)) = item else { continue };
            let Some((member, value)) = make_tag_constant(object) else { continue };
            let name = format!("{}{}", capitalized(&value), whole.trim_start_matches("New"));
            let reference = Ref::from_schema_name(&name);
            let discriminator = discriminator.get_or_insert_with(|| Discriminator::new(member));
            discriminator.mapping.insert(value, reference.ref_location.clone());
            named.push((name, std::mem::replace(item, RefOr::Ref(reference))));
        }
        one.discriminator = one.discriminator.take().or(discriminator);
    }
    components.schemas.extend(named);
}

/// The member that has only one value, which becomes a constant, and its value.
fn make_tag_constant(object: &mut Object) -> Option<(String, String)> {
    object.properties.iter_mut().find_map(|(name, property)| {
        let RefOr::T(Schema::Object(tag)) = property else { return None };
        let [Value::String(value)] = tag.enum_values.as_deref()? else { return None };
        let value = value.clone();
        *tag = constant(tag, Value::String(value.clone()));
        Some((name.clone(), value))
    })
}

/// A schema of the same type and description for one value only.
pub(super) fn constant(schema: &Object, value: Value) -> Object {
    let mut constant = Object::with_type(schema.schema_type.clone());
    constant.description.clone_from(&schema.description);
    // utoipa has no field for `const`; an extension is a field of any name.
    constant.extensions = Some(Extensions::from_iter([("const", value)]));
    constant
}

/// The word with a capital.
pub(super) fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}

/// Removes defaults of fields. That of most is null, also where null is not allowed; the others are in words, since
/// openapi-typescript takes a field with a default for one that is always there.
pub(super) fn remove_defaults(document: &mut OpenApi) {
    let Some(components) = &mut document.components else { return };
    for property in
        components.schemas.values_mut().flat_map(objects).flat_map(|object| object.properties.values_mut())
    {
        if let RefOr::T(Schema::Object(Object { default, .. }) | Schema::Array(Array { default, .. })) =
            property
        {
            *default = None;
        }
    }
}

/// The object that a schema is, or those that it may be.
fn objects(schema: &mut RefOr<Schema>) -> Vec<&mut Object> {
    match schema {
        RefOr::T(Schema::Object(object)) => vec![object],
        RefOr::T(Schema::OneOf(one)) => one.items.iter_mut().flat_map(objects).collect(),
        RefOr::T(_) | RefOr::Ref(_) => Vec::new(),
    }
}

/// The operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}
