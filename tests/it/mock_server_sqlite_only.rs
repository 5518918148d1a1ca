//! A mock server that others make from the document: for the same requests, its answers have the status and the shape of
//! those of the service.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::clients::tool;
use crate::school::{Client, Reply, School};

/// Prism, in a process of its own; killed when dropped.
struct Mock {
    child: Child,
    client: Client,
}

impl Mock {
    /// Answers with the examples of the document.
    fn start(document: &Path) -> Self {
        let mut prism = tool("node_modules/.bin/prism");
        let mut child = prism
            .args(["mock", "--host", "127.0.0.1", "--port", "0"])
            .arg(document)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address =
            lines.find_map(|line| line.split_once("listening on http://").map(|(_, end)| end.to_owned()));
        // It writes a few lines for each request, and stops when nobody reads them.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.unwrap().trim().parse().unwrap();
        Self { child, client: Client::new(address) }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who answers: the service or the mock.
struct Both {
    school: School,
    mock: Mock,
}

impl Both {
    /// Sends a request to both, with its answer from the service.
    async fn answer(&self, method: &str, path: &str, body: Option<&Value>, status: u16) {
        let body = body.map(Value::to_string);
        let real = self.school.ask(method, path);
        let real = match &body {
            Some(body) => real.header("content-type", "application/json").body(body.clone()).await,
            None => real.await,
        };
        let real = real.is(status);
        let shown = body_of(&real);
        let slug = shown["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/"));
        let mut mocked = self.mock.client.ask(method, path).header("authorization", "Bearer mtr_any");
        // It knows no students and no courses, so it has to be told which of the answers to give (RFC 7240).
        if status != 200 {
            let example = slug.map(|slug| format!(", example={slug}")).unwrap_or_default();
            mocked = mocked.header("prefer", &format!("code={status}{example}"));
        }
        if let Some(body) = body {
            mocked = mocked.header("content-type", "application/json").body(body);
        }
        let mocked = mocked.await.is(status);
        let example = body_of(&mocked);
        assert!(
            have_one_shape(&example, &shown) && example.is_null() == shown.is_null(),
            "{method} {path} {status}: {example} instead of {shown}"
        );
        if !shown.is_null() {
            assert_eq!(
                mocked.header("content-type"),
                real.header("content-type"),
                "{method} {path} {status}"
            );
        }
    }
}

/// Null if there is none.
fn body_of(reply: &Reply) -> Value {
    if reply.body.is_empty() { Value::Null } else { reply.json() }
}

/// Whether two values are of the same kind and have the same members; of arrays, their first items. Null is of the kind
/// of any value: whether a record has a time or none is no matter of shape.
fn have_one_shape(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Array(one), Value::Array(other)) => match (one.first(), other.first()) {
            (Some(one), Some(other)) => have_one_shape(one, other),
            (first, second) => first.is_none() && second.is_none(),
        },
        (Value::Object(one), Value::Object(other)) => {
            let has_twin = |(name, value): (&String, &Value)| {
                other.get(name).is_some_and(|twin| have_one_shape(value, twin))
            };
            one.len() == other.len() && one.iter().all(has_twin)
        }
        (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

#[tokio::test]
async fn a_mock_made_from_the_document_answers_as_the_service_does() {
    let school = School::open().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("openapi.json");
    std::fs::write(&path, school.get("/api/v1/openapi.json").await.is_ok().text()).unwrap();
    let both = Both { school, mock: Mock::start(&path) };

    let zoe = json!({"number": "0042817", "name": "Zoë Martin", "email": "zoe@example.edu"});
    let biology = json!({"code": "BIO-101", "name": "Biology 101", "level": "1"});
    let seats =
        json!({"capacity": 1, "waitlist_capacity": 1, "group_opens_at": {"Seniors": "2020-09-01T08:00:00Z"}});
    let course_1 = json!({"course_id": 1});
    for (method, path, body, status) in [
        ("POST", "/api/v1/students", Some(&zoe), 201),
        ("POST", "/api/v1/students", Some(&zoe), 409),
        ("GET", "/api/v1/students", None, 200),
        ("GET", "/api/v1/students/1", None, 200),
        ("GET", "/api/v1/students/9", None, 404),
        ("PATCH", "/api/v1/students/1", Some(&json!({"name": "Zoë"})), 200),
        (
            "POST",
            "/api/v1/students",
            Some(&json!({"name": "Ben", "email": "ben@example.edu", "number": "2"})),
            201,
        ),
        (
            "POST",
            "/api/v1/students",
            Some(&json!({"name": "Eve", "email": "eve@example.edu", "number": "3"})),
            201,
        ),
        ("POST", "/api/v1/courses", Some(&biology), 201),
        ("GET", "/api/v1/courses/9", None, 404),
        ("PUT", "/api/v1/groups/Seniors", Some(&json!({"course_limit": 5})), 200),
        ("PUT", "/api/v1/courses/1/seats", Some(&seats), 200),
        ("POST", "/api/v1/students/1/courses", Some(&course_1), 201),
        ("POST", "/api/v1/students/1/courses", Some(&course_1), 409),
        ("POST", "/api/v1/students/2/courses", Some(&course_1), 202),
        ("POST", "/api/v1/students/2/courses", Some(&course_1), 409),
        ("POST", "/api/v1/students/3/courses", Some(&course_1), 409),
        ("POST", "/api/v1/students/3/courses", Some(&json!({"course_id": 1, "wait": false})), 409),
        ("PUT", "/api/v1/students/1/courses/1", Some(&json!({"wait": false})), 200),
        ("GET", "/api/v1/students/1/courses", None, 200),
        ("GET", "/api/v1/students/1/courses/1", None, 200),
        ("GET", "/api/v1/students/2/courses/1", None, 404),
        ("GET", "/api/v1/courses/1/students", None, 200),
        ("GET", "/api/v1/courses/1/waitlist", None, 200),
        ("GET", "/api/v1/courses/1/seats", None, 200),
        ("POST", "/api/v1/students/3/holds", Some(&json!({"reason": "Library fees"})), 201),
        ("GET", "/api/v1/students/3/holds", None, 200),
        ("POST", "/api/v1/students/3/courses", Some(&course_1), 409),
        ("DELETE", "/api/v1/students/1", None, 409),
        ("DELETE", "/api/v1/students/1/courses/1", None, 204),
        ("POST", "/api/v1/students/1/courses/1/restore", None, 201),
        ("GET", "/api/v1/groups/Seniors", None, 200),
        ("GET", "/api/v1/groups/juniors", None, 404),
        ("PUT", "/api/v1/rules", Some(&json!({"course_limit": 6})), 200),
        ("GET", "/api/v1/me", None, 200),
    ] {
        both.answer(method, path, body, status).await;
    }
}
