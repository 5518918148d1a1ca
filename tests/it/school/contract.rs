//! Checks answers against the OpenAPI document.

use std::sync::LazyLock;

use serde_json::Value;

use super::Reply;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(matricula::server::router::document()).unwrap());

#[track_caller]
pub(super) fn check(method: &str, path: &str, reply: &Reply) {
    assert!(reply.headers.contains_key("x-request-id"), "every answer has a request id: {reply:?}");
    let Some(operation) = operation(method, path) else {
        return;
    };
    let response = &operation["responses"][reply.status.as_str()];
    assert!(response.is_object(), "{method} {path} does not document {}: {}", reply.status, reply.text());
    if reply.body.is_empty() || method == "HEAD" {
        return;
    }
    let media_type = reply.header("content-type");
    // Generators take an operation with two media types for a list or a text, so CSV stands in its words.
    let has_words = |word: &str| operation["description"].as_str().is_some_and(|text| text.contains(word));
    if media_type.starts_with("text/csv") && has_words("text/csv") {
        return;
    }
    let content = &response["content"][media_type];
    assert!(content.is_object(), "{method} {path} {} does not document {:?}", reply.status, reply.headers);
    if !reply.status.is_success() {
        let kind = reply.json()["type"].as_str().unwrap().replace("/problems/", "");
        assert!(content["examples"][&kind].is_object(), "{method} {path} does not document {kind}");
    }
}

fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let segments: Vec<_> = path.split('/').collect();
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let found = paths.iter().find(|(template, _)| {
        let template: Vec<_> = template.split('/').collect();
        template.len() == segments.len()
            && template
                .iter()
                .zip(&segments)
                .all(|(known, given)| known == given || (known.starts_with('{') && !given.is_empty()))
    });
    found.and_then(|(_, item)| item.get(&method))
}
