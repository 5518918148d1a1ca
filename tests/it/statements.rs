//! Every statement of a running server as an engine runs it, in one file for each engine, to be read whole. Those of
//! `matricula check` stand whole in their source.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, pipe};

use serde_json::{Value, json};

use crate::school::{Client, Database, Process, eventually, matricula};

/// Logs statements, one JSON object per line.
const LOG: [&str; 4] = ["--log", "matricula::sql=trace", "--log-format", "json"];

#[tokio::test]
async fn every_statement_is_the_one_that_was_agreed_on() {
    let database = Database::new();
    let (logged, stderr) = pipe().unwrap();
    let reader = std::thread::spawn(move || statements(BufReader::new(logged).lines().map(Result::unwrap)));
    let mut command = matricula();
    command.arg("--database").arg(database.argument()).args(["--listen", "127.0.0.1:0"]).args(LOG);
    command.stderr(stderr);
    let server = Process::start(command).await;
    let client = Client::new(server.address);
    add_and_list(&client, &database).await;
    read_everything(&client).await;
    fail_to_sign_in(&client).await;
    delete_everything(&client, &database).await;
    export_everything(&client).await;
    let admin = read_as_a_program(&client).await;
    read_as_a_student(&client, &admin).await;
    assert!(server.terminate().await.success());
    let found = reader.join().unwrap();

    let engine = if database.is_on_a_server() { "statements_on_postgres" } else { "statements_on_sqlite" };
    let text: Vec<_> = found.iter().map(|statement| wrapped(statement)).collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(engine, text.join("\n\n"));
    });
}

/// The statements in log output.
fn statements(lines: impl Iterator<Item = String>) -> BTreeSet<String> {
    let statement = |line: String| {
        let entry: Value = serde_json::from_str(&line).unwrap();
        (entry["target"] == "matricula::sql").then(|| entry["sql"].as_str().unwrap().to_owned())
    };
    lines.filter_map(statement).collect()
}

/// The statement in lines of at most 120 columns, where its words allow it.
fn wrapped(statement: &str) -> String {
    let mut lines = vec![String::new()];
    for word in statement.split_whitespace() {
        let width = lines.last().map_or(0, |line| line.len() + word.len() + 1);
        if width > 120 {
            lines.push("   ".to_owned());
        }
        let line = lines.last_mut().unwrap();
        line.push_str(if line.is_empty() { "" } else { " " });
        line.push_str(word);
    }
    lines.join("\n")
}

async fn add_and_list(client: &Client, database: &Database) {
    let post = async |path: &str, body: Value| client.ask("POST", path).json(&body).await;
    let get = async |path: &str| client.ask("GET", path).await.is_ok();
    let (students, courses) = ("/api/v1/students", "/api/v1/courses");
    for number in 1..=6 {
        let student = json!({"name": format!("Student {number}"), "email": "s@example.edu"});
        post(students, student).await.is_created();
        post(courses, json!({"name": format!("Course {number}"), "level": "graduate"})).await.is_created();
    }
    // A column of another program, whose values are kept.
    database.runs("alter table student_courses add column note text");
    client
        .ask("PUT", "/api/v1/courses/1/seats")
        .json(&json!({"capacity": 1, "waitlist_capacity": 9}))
        .await
        .is_ok();
    for (student, course) in [(1, 1), (2, 1), (3, 1), (1, 2), (4, 2)] {
        let path = format!("{students}/{student}/courses");
        let reply = client.ask("POST", &path).header("idempotency-key", &format!("{student}-{course}"));
        assert!(reply.json(&json!({"course_id": course})).await.status.is_success());
    }
    for mode in ["", "?mode=all"] {
        let operations: Vec<_> =
            (1..=6).map(|student| json!({"op": "enroll", "student_id": student, "course_id": 3})).collect();
        post(&format!("/api/v1/enrollments/batch{mode}"), json!(operations)).await.is_ok();
    }
    for (list, field) in [(students, "number"), (courses, "code")] {
        for (record, value) in [(1, json!("01")), (2, json!("02")), (2, json!(null))] {
            client.ask("PATCH", &format!("{list}/{record}")).json(&json!({ field: value })).await.is_ok();
        }
        for sort in ["id", "name", if list == students { "email" } else { "level" }] {
            for order in ["asc", "desc"] {
                get(&format!("{list}?{field}=01&sort={sort}&order={order}&limit=2")).await;
            }
        }
    }
    for list in [
        "students?email=s@example.edu&limit=1",
        "students?name=Eve",
        "students?enrolled=true",
        "students?enrolled=false",
        "students/1?include=courses",
        "students/1/waitlists",
        "courses?name=Course+1",
        "courses?level=graduate",
    ] {
        get(&format!("/api/v1/{list}")).await;
    }
    for list in [students, courses] {
        let text = if list == students { "email" } else { "level" };
        for sort in ["id", "name", text] {
            for order in ["asc", "desc"] {
                for q in ["", "&q=e"] {
                    let page = get(&format!("{list}?sort={sort}&order={order}&limit=2{q}")).await;
                    let next = page.next_page().unwrap().to_owned();
                    get(next.split_once("/api").map(|(_, path)| format!("/api{path}")).unwrap().as_str())
                        .await;
                }
            }
        }
    }
}

async fn read_everything(client: &Client) {
    let get = async |path: &str| client.ask("GET", path).await.is_ok();
    let log = "/api/v1/events";
    for filter in [
        "",
        "student_id=1",
        "course_id=1",
        "type=seats.set",
        "student_id=1&course_id=1",
        "student_id=1&type=enrollment.created",
        "course_id=1&type=enrollment.created",
        "student_id=1&course_id=1&type=enrollment.created",
        "actor=anonymous",
        "since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z",
        "student_id=1&course_id=1&type=enrollment.created&actor=anonymous&since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z",
    ] {
        get(&format!("{log}?{filter}")).await;
    }
    let mut stream =
        client.ask("GET", &format!("{log}?after=0")).header("accept", "text/event-stream").listen().await;
    stream.next().await.unwrap();
    for path in [
        "/api/v1/students/1",
        "/api/v1/courses/1",
        "/api/v1/students/1/courses",
        "/api/v1/courses/1/students",
        "/api/v1/courses/1/waitlist",
        "/api/v1/courses/1/seats",
        "/api/v1/students/1/courses/1",
        "/api/v1/students/1/courses?as_of=2020-01-01T00:00:00Z",
        "/api/v1/courses/1/students?as_of=2020-01-01T00:00:00Z",
        "/api/v1/students/1/disclosures",
        "/api/v1/students/1/disclosures?limit=1&order=desc",
        "/api/v1/sign-ins",
        "/api/v1/sign-ins?account_id=1&order=desc",
        "/api/v1/sign-ins?outcome=failed",
        "/sign-ins",
        "/readyz",
        "/metrics",
        "/courses",
        "/students",
        "/students?q=e",
        "/courses?q=e",
        "/students/1",
        "/students/2?q=course",
        "/courses/1",
        "/courses/1?as_of=2020-01-01&until=2020-01-01T23:59:59Z",
        "/courses/1/roster",
        "/courses/1/edit",
        "/students/1/edit",
        "/students/1/delete",
        "/courses/1/delete",
        "/registration",
        "/students/2?waits=1",
        "/students/1?enrolled=2",
    ] {
        get(path).await;
    }
    for (path, change) in [
        ("/students/1", json!({"name": "Ana"})),
        ("/students/1", json!({"email": "a@example.edu"})),
        ("/students/1", json!({"name": "Eve", "email": "e@example.edu"})),
        ("/courses/1", json!({"name": "Algebra"})),
        ("/courses/1", json!({"level": "b"})),
        ("/courses/1", json!({"name": "Logic", "level": "c"})),
    ] {
        client.ask("PATCH", &format!("/api/v1{path}")).json(&change).await.is_ok();
    }
}

async fn export_everything(client: &Client) {
    for file in [
        "enrollments.csv",
        "enrollments.csv?as_of=2020-01-01T00:00:00Z",
        "waitlists.csv",
        "canvas.zip",
        "oneroster.zip",
    ] {
        client.ask("GET", &format!("/api/v1/exports/{file}")).await.is_ok();
    }
}

/// A sign-in that fails, which is recorded at the latest when the server stops.
async fn fail_to_sign_in(client: &Client) {
    let form = client.ask("POST", "/sign-in").header("content-type", "application/x-www-form-urlencoded");
    form.body("address=nobody@example.edu&password=nothing".to_owned()).await.is(422);
}

/// A token closes the school; what it reads is recorded at the latest when the server stops.
/// Returns the token of an admin, which closes the school.
async fn read_as_a_program(client: &Client) -> String {
    let token = client.ask("POST", "/api/v1/tokens").json(&json!({"name": "Mirror", "role": "admin"}));
    let secret = token.await.is_created().json()["token"].as_str().unwrap().to_owned();
    let list = client.ask("GET", "/api/v1/students").header("authorization", &format!("Bearer {secret}"));
    list.await.is_ok();
    secret
}

async fn read_as_a_student(client: &Client, admin: &str) {
    let by = |token: &str, method: &str, path: &str| {
        client.ask(method, path).header("authorization", &format!("Bearer {token}"))
    };
    let full = json!({"capacity": 0, "waitlist_capacity": 1});
    by(admin, "PUT", "/api/v1/courses/1/seats").json(&full).await.is_ok();
    by(admin, "PUT", "/api/v1/students/5/courses/1").await;
    let token = json!({"name": "Phone", "role": "student", "student_id": 5});
    let token = by(admin, "POST", "/api/v1/tokens").json(&token).await.is_created().json();
    by(token["token"].as_str().unwrap(), "GET", "/my").header("accept", "text/html").await.is_ok();
}

async fn delete_everything(client: &Client, database: &Database) {
    let get = async |path: &str| client.ask("GET", path).await.is_ok();
    // Drops, with saved columns that come back.
    for (method, path) in [
        ("DELETE", "/students/1/courses/2"),
        ("PUT", "/students/1/courses/2"),
        ("DELETE", "/students/3/courses/1"),
        ("DELETE", "/students/1/courses/1"),
        ("DELETE", "/students/4?drop=true"),
        ("DELETE", "/courses/3?drop=true"),
        ("DELETE", "/courses/1/seats"),
    ] {
        let reply = client.ask(method, &format!("/api/v1{path}")).await;
        assert!(reply.status.is_success(), "{method} {path} {reply:?}");
    }
    for path in ["students/4/courses", "courses/3/students", "students/999/courses", "courses/999/students"] {
        let reply = client.ask("GET", &format!("/api/v1/{path}?as_of=2020-01-01T00:00:00Z")).await;
        assert!(matches!(reply.status.as_u16(), 200 | 404), "{reply:?}");
    }
    // Rows that another program deletes. No request is about course 6, so only the search for such rows finds it.
    database.runs(
        "pragma foreign_keys = off; delete from students where id = 2; delete from courses where id in (2, 6)",
    );
    for path in ["/students/2/courses/1", "/students/1/courses/2"] {
        client.ask("PUT", &format!("/api/v1{path}")).await.is(404);
    }
    eventually("the deletions are logged", async || {
        let reply = get("/api/v1/events").await;
        let log = reply.text();
        log.contains("student.deleted\",\"student_id\":2")
            && log.contains("course.deleted\",\"student_id\":null,\"course_id\":6")
    })
    .await;
}
