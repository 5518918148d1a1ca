//! The OpenAPI document, the interactive reference and the pages of problems.

use std::collections::BTreeSet;

use matricula::http::problem::Scope;
use matricula::problems;
use regex::Regex;
use serde_json::{Value, json};

use crate::school::School;

/// Every operation of the document: its path, its method and its description.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let items = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |entry| (path, entry)));
    items.map(|(path, (method, operation))| (path.as_str(), method.as_str(), operation)).collect()
}

async fn document() -> Value {
    let school = School::open().await;
    let reply = school.get("/api/v1/openapi.json").await.is_ok();
    assert_eq!(reply.header("content-type"), "application/json");
    reply.json()
}

#[tokio::test]
async fn the_document_is_the_one_in_the_snapshot() {
    let document = document().await;
    assert_eq!(document, serde_json::to_value(matricula::server::router::document()).unwrap());
    insta::with_settings!({ sort_maps => true, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_json_snapshot!("openapi", document);
    });
}

/// The schema that a reference leads to.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

#[tokio::test]
async fn no_body_takes_the_name_of_a_column_that_is_not_in_its_schema() {
    let school = School::open().await;
    let columns = if school.database().is_on_a_server() {
        "select distinct column_name::text from information_schema.columns where table_schema = 'public'"
    } else {
        "select distinct c.name from sqlite_master t join pragma_table_info(t.name) c where t.type = 'table'"
    };
    let columns = school.other_program().column(columns);
    assert!(columns.len() > 60 && columns.contains(&"person_id".to_owned()), "{columns:?}");
    let document = school.get("/api/v1/openapi.json").await.is_ok().json();
    let log = school.get("/api/v1/events").await.is_ok().json();
    let (mut bodies, parameter) = (0, Regex::new(r"\{[^}]*\}").unwrap());
    for (path, method, operation) in operations(&document) {
        let content = operation["requestBody"]["content"].as_object();
        let Some((media_type, content)) = content.and_then(|content| content.iter().next()) else { continue };
        // A file has no fields.
        if media_type != "application/json" {
            continue;
        }
        let schema = resolved(&document, &content["schema"]);
        let is_array = schema["items"].is_object();
        let record = if is_array { resolved(&document, &schema["items"]) } else { schema };
        let kinds = record["oneOf"].as_array().map_or(std::slice::from_ref(record), Vec::as_slice);
        let known: BTreeSet<_> = kinds
            .iter()
            .flat_map(|kind| resolved(&document, kind)["properties"].as_object().unwrap().keys().cloned())
            .collect();
        let address = parameter.replace_all(path, "1").into_owned();
        // Admin kits send a whole record back; its id has to be the one in the address.
        let is_record = path.ends_with("/students/{student_id}") || path.ends_with("/courses/{course_id}");
        for column in columns.iter().filter(|column| !known.contains(*column)) {
            if is_record && column == "id" {
                continue;
            }
            let body = json!({column: 1});
            let body = if is_array { json!([body]) } else { body };
            let request = school.ask(&method.to_uppercase(), &address).header("content-type", media_type);
            let refused = request.body(body.to_string()).await.is_refused(400, "invalid-request");
            let names =
                |error: &Value| error["pointer"].as_str().is_some_and(|pointer| pointer.ends_with(column));
            assert!(
                refused["errors"].as_array().unwrap().iter().any(names),
                "{method} {path} {column}: {refused}"
            );
        }
        bodies += 1;
    }
    assert!(bodies >= 10, "only {bodies} operations have bodies");
    assert_eq!(school.get("/api/v1/events").await.is_ok().json(), log);
}

#[tokio::test]
async fn every_operation_says_what_it_does_and_what_it_answers() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    let (mut names, form) = (BTreeSet::new(), Regex::new("^[a-z]+(_[a-z]+)*$").unwrap());
    for (path, method, operation) in operations(&document) {
        let text = |member: &str| operation[member].as_str().unwrap_or_default().to_owned();
        assert!(!text("summary").is_empty(), "{method} {path} has no summary");
        let name = text("operationId");
        assert!(form.is_match(&name), "{name} of {method} {path} is not the name of a function");
        assert!(names.insert(name), "{method} {path} has the operationId of another");
        assert!(operation["tags"].is_array(), "{method} {path} has no tags");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert_ne!(response["description"], "", "{method} {path} {status}");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{method} {path} {status}");
            for (header, needed) in [("Location", "201"), ("Retry-After", "429"), ("Retry-After", "503")] {
                assert!(
                    status != needed || response["headers"][header].is_object(),
                    "{method} {path} {status}"
                );
            }
        }
        for parameter in operation["parameters"].as_array().unwrap() {
            assert!(parameter["schema"].is_object(), "{method} {path} {parameter}");
            assert!(
                !parameter["description"].as_str().unwrap_or_default().is_empty(),
                "{method} {path} {parameter}"
            );
        }
    }
    assert_eq!(names.len(), 87);
}

#[tokio::test]
async fn every_reference_in_the_document_has_a_target() {
    let document = document().await;
    let text = document.to_string();
    let references = Regex::new(r##""\$ref":"#(/[^"]+)""##).unwrap();
    let references: Vec<_> = references.captures_iter(&text).map(|found| found[1].to_owned()).collect();
    assert!(references.len() > 20);
    for reference in references {
        assert!(document.pointer(&reference).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn every_problem_is_documented_and_has_a_page() {
    let school = School::open().await;
    let document = school.get("/api/v1/openapi.json").await.is_ok().json();
    for kind in problems::all() {
        let documented = operations(&document).into_iter().any(|(_, _, operation)| {
            let content =
                &operation["responses"][kind.status.to_string()]["content"]["application/problem+json"];
            content["examples"][kind.slug]["$ref"] == format!("#/components/examples/{}", kind.slug)
        });
        assert_eq!(documented, kind.scope != Scope::Unrouted, "{}", kind.slug);
        let page = school.get(&format!("/problems/{}", kind.slug)).await.is_ok();
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        for part in [kind.title, kind.slug, &kind.status.to_string()] {
            assert!(page.text().contains(part), "{part} in {}", page.text());
        }
        assert!(!page.text().contains("{{"), "{}", page.text());
    }
}

/// The schemas of which a refusal is one.
fn alternatives(schema: &Value) -> Vec<&Value> {
    schema["oneOf"].as_array().map_or_else(|| vec![schema], |all| all.iter().collect())
}

#[tokio::test]
async fn every_refusal_has_the_schema_of_its_kind_with_an_example_that_has_its_members() {
    let document = document().await;
    let mut kinds = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let Some(content) = response["content"].get("application/problem+json") else { continue };
            let examples = content["examples"].as_object().unwrap();
            let schemas = alternatives(&content["schema"]);
            assert_eq!(schemas.len(), examples.len(), "{method} {path} {status}");
            let mut described = BTreeSet::new();
            for schema in schemas {
                let schema = resolved(&document, schema);
                let slug = schema["properties"]["type"]["const"].as_str().unwrap();
                let slug = slug.strip_prefix("/problems/").unwrap();
                assert_eq!(schema["properties"]["status"]["const"].to_string(), *status, "{slug}");
                let example = &resolved(&document, &examples[slug])["value"];
                let members: BTreeSet<_> = example.as_object().unwrap().keys().collect();
                // Only requests with several courses have results.
                let known =
                    schema["properties"].as_object().unwrap().keys().filter(|name| *name != "results");
                assert_eq!(members, known.collect(), "{slug}");
                described.insert(slug.to_owned());
            }
            kinds.extend(described);
        }
    }
    let documented = problems::all().filter(|kind| kind.scope != Scope::Unrouted);
    assert_eq!(kinds, documented.map(|kind| kind.slug.to_owned()).collect());
}

#[tokio::test]
async fn a_problem_in_another_answer_can_be_of_any_kind() {
    let document = document().await;
    let result = resolved(&document, &json!({"$ref": "#/components/schemas/OperationResult"})).clone();
    let any = resolved(&document, &result["properties"]["problem"]);
    let documented = problems::all().filter(|kind| kind.scope != Scope::Unrouted);
    assert_eq!(alternatives(any).len(), documented.count());
    assert_eq!(any["discriminator"]["propertyName"], "type");
}

#[tokio::test]
async fn every_body_that_is_not_binary_has_an_example() {
    let document = document().await;
    for (path, method, operation) in operations(&document) {
        let answers = operation["responses"].as_object().unwrap().values();
        for body in answers.chain(operation.get("requestBody")) {
            for (media_type, content) in body["content"].as_object().into_iter().flatten() {
                let has_one = content.get("example").is_some() || content.get("examples").is_some();
                assert_eq!(has_one, content["schema"]["format"] != "binary", "{method} {path} {media_type}");
            }
        }
    }
}

/// Clients that are generated from an answer with two media types take it for one or the other.
#[tokio::test]
async fn every_answer_has_one_media_type() {
    let document = document().await;
    for (path, method, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let media_types = response["content"].as_object().map_or(0, serde_json::Map::len);
            assert!(media_types <= 1, "{method} {path} {status}");
        }
    }
}

#[tokio::test]
async fn the_interactive_reference_needs_no_network() {
    let school = School::open().await;
    let moved = school.get("/docs").await;
    assert!(moved.status.is_redirection(), "{moved:?}");
    assert_eq!(moved.header("location"), "/docs/");

    let page = school.get("/docs/").await.is_ok();

    assert!(page.header("content-type").starts_with("text/html"));
    let resources = Regex::new(r#"(?:src|href)\s*=\s*["']([^"']+)"#).unwrap();
    let resources: Vec<_> = resources.captures_iter(page.text()).map(|found| found[1].to_owned()).collect();
    assert!(resources.len() >= 3, "{resources:?}");
    for resource in resources.iter().filter(|resource| resource.contains('.')) {
        assert!(!resource.contains("//"), "{resource} is elsewhere");
        assert!(!school.get(resource).await.is_ok().body.is_empty());
    }
    assert!(page.text().contains("data-document=\"/api/v1/openapi.json\""), "{page:?}");
    // Swagger UI's own page and start are not served.
    for file in ["index.html", "swagger-initializer.js", "swagger-ui.js.map"] {
        school.get(&format!("/docs/{file}")).await.is(404);
    }
}
