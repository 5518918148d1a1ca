//! Rules for every request: media types, sizes, problems, request ids; and the endpoints outside the API.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::school::{Database, RequestBuilder, School, errors};

const STUDENTS: &str = "/api/v1/students";

fn body(school: &School, kind: &str, body: impl Into<axum::body::Bytes>) -> RequestBuilder {
    school.client.ask("POST", STUDENTS).header("content-type", kind).body(body)
}

#[tokio::test]
async fn bodies_are_json_and_nothing_else() {
    let school = School::open().await;
    let ana = r#"{"name":"Ana","email":"ana@example.edu"}"#;
    for kind in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    ] {
        body(&school, kind, ana).await.is_created();
    }
    for kind in [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/merge-patch+json",
        "application/jsonl",
        "application/json; charset=latin1",
        "application",
        "",
    ] {
        body(&school, kind, ana).await.is_refused(415, "unsupported-media-type");
    }
    school.client.ask("POST", STUDENTS).body(ana).await.is_refused(415, "unsupported-media-type");
    school.client.ask("POST", STUDENTS).await.is_refused(415, "unsupported-media-type");
    let twice = body(&school, "application/json", ana).header("content-type", "application/json");
    twice.await.is_refused(415, "unsupported-media-type");
}

#[tokio::test]
async fn a_body_has_at_most_one_mebibyte() {
    let school = School::open().await;
    let mut ana = br#"{"name":"Ana","email":"ana@example.edu"}"#.to_vec();
    ana.resize(1 << 20, b' ');
    body(&school, "application/json", ana.clone()).await.is_created();
    ana.push(b' ');
    body(&school, "application/json", ana).await.is_refused(413, "payload-too-large");
}

#[tokio::test]
async fn malformed_json_is_refused_with_its_line_and_column() {
    let school = School::open().await;
    for (text, line, column) in [
        (&b""[..], 1, 0),
        (b"Ana", 1, 1),
        (b"{\"name\":\"Ana\",\n \"email\":}", 2, 10),
        (b"{\"name\":\"Ana\"} {}", 1, 16),
        (b"{'name':'Ana'}", 1, 2),
        (b"{\"name\":\"\xff\"}", 1, 10),
        (b"{\"name\":\"\\ud800\"}", 1, 16),
        (b"\xef\xbb\xbf{}", 1, 1),
        (b"{\"name\":NaN}", 1, 9),
        (b"{\"name\":1e999}", 1, 13),
    ] {
        let problem = body(&school, "application/json", text).await.is_refused(400, "malformed-json");
        let place = (problem["line"].as_u64().unwrap(), problem["column"].as_u64().unwrap());
        assert_eq!(place, (line, column), "{}", String::from_utf8_lossy(text));
    }
    body(&school, "application/json", "[".repeat(100_000)).await.is_refused(400, "malformed-json");
    assert!(school.log().await.is_empty());
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_everywhere() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let logic = school.course("Logic").await;
    ana.enrolls_in(&algebra).await.is_created();
    let course = json!({"name": "Algebra", "level": "b"});
    for asking in [
        school.get("/api/v1/students?colour=red"),
        school.post("/api/v1/students?colour=red", json!({"name": "Ben", "email": "ben@example.edu"})),
        school.get(&format!("{}?colour=red", ana.url())),
        school.patch(&format!("{}?colour=red", ana.url()), json!({"name": "Anna"})),
        school.delete(&format!("{}?colour=red", ana.url())),
        school.get("/api/v1/courses?colour=red"),
        school.post("/api/v1/courses?colour=red", course.clone()),
        school.get(&format!("{}?colour=red", algebra.url())),
        school.patch(&format!("{}?colour=red", algebra.url()), course),
        school.delete(&format!("{}?colour=red", algebra.url())),
        school.get(&format!("{}?colour=red", ana.courses_url())),
        school.get(&format!("{}?colour=red", algebra.roster_url())),
        school.post(&format!("{}?colour=red", ana.courses_url()), json!({"course_id": logic.id})),
        school.get(&format!("{}?colour=red", ana.enrollment_url(&algebra))),
        school.put(&format!("{}?colour=red", ana.enrollment_url(&logic))),
        school.delete(&format!("{}?colour=red", ana.enrollment_url(&algebra))),
        school.get("/api/v1/events?colour=red"),
    ] {
        let wrong = errors(&asking.await.is_refused(400, "invalid-request"));
        assert!(wrong[0].starts_with("colour: is not a known parameter; "), "{wrong:?}");
    }
    assert_eq!(school.log().await.len(), 4);
}

#[tokio::test]
async fn an_unknown_address_is_answered_with_a_problem() {
    let school = School::open().await;
    school.student("Ana").await;
    for path in [
        "/api",
        "/api/v1/student",
        "/api/v2/students",
        "/api/v1/students/",
        "/api/v1/students/1/",
        "/api/v1/students/1/teachers",
        "/API/v1/students",
        "/problems/nothing",
        "/problems/%FF",
        "/docs/nothing.js",
        "/healthz/x",
        "/healthz/",
        "/api/v1/nothing/",
        "/%FF",
        "/..%2f..%2fetc/passwd",
    ] {
        school.get(path).await.is_refused(404, "not-found");
        let reply = school.client.ask("HEAD", path).await.is(404);
        assert_eq!((reply.text(), reply.header("content-type")), ("", "application/problem+json"), "{path}");
    }
}

#[tokio::test]
async fn an_address_with_a_slash_at_its_end_is_refused_with_the_one_that_was_meant() {
    let school = School::open().await;
    for path in ["/api/v1/students", "/api/v1/students/1/courses/7", "/api/v1/openapi.json", "/metrics"] {
        for asking in [school.get(&format!("{path}/")), school.post(&format!("{path}/?limit=1"), json!({}))] {
            let problem = asking.await.is_refused(404, "not-found");
            assert_eq!(
                problem["detail"],
                format!("This address is written without a slash at its end: {path}")
            );
        }
    }
    for path in ["/api/v1/student/", "/api/v1/students//", "/api/v1/students//courses/"] {
        let problem = school.get(path).await.is_refused(404, "not-found");
        assert_eq!(problem["detail"], "Nothing has this address. /docs lists all addresses of the API.");
    }
}

#[tokio::test]
async fn a_method_that_is_not_allowed_is_refused_with_those_that_are() {
    let school = School::open().await;
    for (path, allowed) in [
        (STUDENTS, &["GET", "HEAD", "POST"][..]),
        ("/api/v1/students/1", &["DELETE", "GET", "HEAD", "PATCH", "PUT"]),
        ("/api/v1/courses", &["GET", "HEAD", "POST"]),
        ("/api/v1/courses/1", &["DELETE", "GET", "HEAD", "PATCH", "PUT"]),
        ("/api/v1/students/1/courses", &["GET", "HEAD", "POST", "PUT"]),
        ("/api/v1/students/1/waitlists", &["GET", "HEAD"]),
        ("/api/v1/students/1/courses/1", &["DELETE", "GET", "HEAD", "PUT"]),
        ("/api/v1/courses/1/students", &["GET", "HEAD"]),
        ("/api/v1/events", &["GET", "HEAD"]),
        ("/api/v1/openapi.json", &["GET", "HEAD"]),
        ("/healthz", &["GET", "HEAD"]),
        ("/readyz", &["GET", "HEAD"]),
        ("/metrics", &["GET", "HEAD"]),
        ("/docs/", &["GET", "HEAD"]),
        ("/problems/stale", &["GET", "HEAD"]),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if allowed.contains(&method) {
                continue;
            }
            let reply = school.client.ask(method, path).await;
            let mut listed: Vec<_> =
                reply.header("allow").split(',').map(|name| name.trim().to_owned()).collect();
            listed.sort();
            assert_eq!(listed, allowed, "{method} {path}");
            reply.is_refused(405, "method-not-allowed");
        }
    }
}

#[tokio::test]
async fn the_id_of_a_request_is_in_its_answer_its_problem_and_the_log() {
    let school = School::open().await;
    let ana = json!({"name": "Ana", "email": "ana@example.edu"});

    let added = school.post(STUDENTS, ana.clone()).header("x-request-id", "register-2026/09:1").await;
    let refused = school.get("/api/v1/students/9").header("x-request-id", "look-up").await;
    let unnamed = school.post(STUDENTS, ana.clone()).header("x-request-id", "Ana <ana@example.edu>").await;

    assert_eq!(added.header("x-request-id"), "register-2026/09:1");
    assert_eq!(refused.is_refused(404, "student-not-found")["instance"], "look-up");
    let given = unnamed.header("x-request-id");
    assert!(!given.contains('@') && !given.is_empty(), "{given}");
    let log = school.get("/api/v1/events").await.is_ok().json();
    assert_eq!((&log[0]["request_id"], &log[1]["request_id"]), (&json!("register-2026/09:1"), &json!(given)));
}

#[tokio::test]
async fn requests_for_another_host_or_from_another_site_are_refused() {
    let school = School::open().await;
    let ana = json!({"name": "Ana", "email": "ana@example.edu"});
    school.get(STUDENTS).header("host", "evil.example").await.is_refused(403, "forbidden");
    let foreign = school.post(STUDENTS, ana.clone()).header("sec-fetch-site", "cross-site");
    foreign.await.is_refused(403, "forbidden");
    let foreign = school.post(STUDENTS, ana).header("origin", "https://evil.example");
    foreign.await.is_refused(403, "forbidden");
    let unreadable = school.get(STUDENTS).header("host", "a b").await;
    unreadable.is_refused(400, "invalid-request");
    assert!(school.log().await.is_empty());
}

#[tokio::test]
async fn a_failure_of_the_database_reveals_nothing_internal() {
    let school = School::open().await;
    let ana = json!({"name": "Ana", "email": "ana@example.edu"});
    school.other_program_runs("alter table log_head rename to lost_head");

    let write = school.post(STUDENTS, ana.clone()).await.is_refused(500, "internal");
    let read = school.get("/api/v1/events?after=0").await.is_refused(500, "internal");

    for problem in [write, read] {
        assert!(!problem.to_string().contains("head"), "{problem}");
    }
    school.other_program_runs("alter table lost_head rename to log_head");
    school.post(STUDENTS, ana).await.is_created();
}

#[tokio::test]
async fn a_server_that_stops_refuses_writes_and_goes_on_reading() {
    let school = School::open().await;
    school.registrar.stop();
    // The Registrar notices it between two batches.
    let mut added = 0;
    let refused = loop {
        let reply = school.post(STUDENTS, json!({"name": "Ana", "email": "a@example.edu"})).await;
        if reply.status != 201 {
            break reply;
        }
        added += 1;
    };
    assert_eq!(refused.header("retry-after"), "1");
    refused.is_refused(503, "overloaded");
    assert_eq!(school.get(STUDENTS).await.is_ok().ids().len(), added);
}

#[tokio::test]
async fn a_change_confirmed_by_one_server_is_seen_by_every_server_of_the_database() {
    let database = Database::new();
    let (here, there) = (School::open_at(&database).await, School::open_at(&database).await);
    for _ in 0..20 {
        let ana = here.student("Ana").await;
        let algebra = there.course("Algebra").await;
        there.put(&ana.enrollment_url(&algebra)).await.is_created();
        ana.enrolls_in(&algebra).await.is_refused(409, "already-enrolled");
        assert_eq!(algebra.roster().await, ["Ana"]);
        assert_eq!(ana.courses().await, ["Algebra"]);
        there.get(&ana.url()).await.is_ok();
    }
}

#[tokio::test]
async fn reads_are_answered_while_another_program_writes_and_writes_once_it_is_done() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let other = school.other_program();
    other.execute_batch("begin immediate; update students set name = 'Anna'").unwrap();
    let waiting = tokio::spawn(ana.enrolls_in(&algebra).into_future());

    assert_eq!(school.get(&ana.url()).await.is_ok().json()["name"], "Ana");
    assert_eq!(school.get(&ana.courses_url()).await.is_ok().text(), "[]");
    assert!(!waiting.is_finished());
    other.execute_batch("commit").unwrap();

    waiting.await.unwrap().is_created();
    assert_eq!(algebra.roster().await, ["Anna"]);
}

#[tokio::test]
async fn changes_by_another_program_are_seen_at_once() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let seen = school.get(&ana.url()).await.is_ok().header("etag").to_owned();
    school.other_program_runs(
        "insert into students (id, name, email) values (70, 'Zoë', 'zoe@example.edu');
         update students set name = 'Anna' where id = 1;",
    );
    school.put("/api/v1/students/70/courses/1").await.is_created();
    ana.enrolls_in(&algebra).await.is_created();
    assert_eq!(algebra.roster().await, ["Zoë", "Anna"]);
    let stale = school.patch(&ana.url(), json!({"email": "a@example.edu"})).header("if-match", &seen).await;
    stale.is_refused(412, "stale");

    // The other program does not enforce foreign keys, as is the default in SQLite.
    school.other_program_runs("pragma foreign_keys = off; delete from students where id = 70");
    assert_eq!(algebra.roster().await, ["Anna"]);
    school.get("/api/v1/students/70/courses").await.is_refused(404, "student-not-found");
    school.put("/api/v1/students/70/courses/1").await.is_refused(404, "student-not-found");
    // The rows it left behind are removed by the first request to change them.
    school.delete("/api/v1/students/70/courses/1").await.is_refused(404, "student-not-found");
    let events = school.get("/api/v1/events?student_id=70").await.is_ok().json();
    let last: Vec<_> =
        events.as_array().unwrap()[1..].iter().map(|event| (&event["type"], &event["actor"])).collect();
    assert_eq!(json!(last), json!([["enrollment.dropped", "database"], ["student.deleted", "database"]]));
}

#[tokio::test]
async fn a_row_that_the_found_tables_reject_is_refused_alone() {
    let school = School::open_found(
        "create table students (id integer primary key, name text, email text unique, check (name <> 'Nobody'));
         create table courses (id integer primary key, name text, level text, credits integer not null);
         create table loans (id integer primary key, student_id integer references students (id));
         insert into students values (1, 'Ana', 'ana@example.edu'); insert into loans values (1, 1);",
    )
    .await;
    let course = school.post("/api/v1/courses", json!({"name": "Algebra", "level": "b"})).await;
    let problem = course.is_refused(409, "row-refused");
    assert!(problem["detail"].as_str().unwrap().contains("credits"), "{problem}");
    let other = school.other_program();
    // While the other program holds the lock, the requests gather and share a batch.
    other.execute_batch("begin immediate").unwrap();
    let add =
        |name: &str, email: &str| school.post(STUDENTS, json!({"name": name, "email": email})).into_future();
    let asked = join_all((0..24).map(|number| match number % 4 {
        0 => add("Copy", "ana@example.edu"),
        1 => add("Nobody", &format!("{number}@example.edu")),
        _ => add("New", &format!("{number}@example.edu")),
    }));
    let asked = tokio::spawn(asked);
    school.get(STUDENTS).await.is_ok();
    other.execute_batch("commit").unwrap();

    let mut new = String::new();
    for (number, reply) in asked.await.unwrap().into_iter().enumerate() {
        if number % 4 < 2 {
            let problem = reply.is_refused(409, "row-refused");
            assert!(!problem.to_string().contains("example.edu"), "nothing personal: {problem}");
        } else {
            reply.is_created().header("location").clone_into(&mut new);
        }
    }
    assert_eq!(school.log().await, ["student.created"; 12]);
    school.patch(&new, json!({"email": "ana@example.edu"})).await.is_refused(409, "row-refused");
    school.delete("/api/v1/students/1").await.is_refused(409, "row-refused");
    assert_eq!(school.get(STUDENTS).await.is_ok().header("x-total-count"), "13");
}

#[tokio::test]
async fn health_readiness_and_metrics_are_outside_the_api() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    assert_eq!(school.get("/healthz").await.is_ok().text(), "ok\n");
    assert_eq!(school.get("/readyz").await.is_ok().text(), "ready\n");
    school.get(&ana.url()).await.is_ok();

    let metrics = school.get("/metrics").await.is_ok();

    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(
        metrics.text().contains("\n# TYPE matricula_http_requests_total counter\n"),
        "{}",
        metrics.text()
    );
    let open_metrics = school.get("/metrics").header("accept", "application/openmetrics-text;version=1.0.0");
    let open_metrics = open_metrics.await.is_ok();
    assert!(open_metrics.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open_metrics.text().ends_with("# EOF\n") && !metrics.text().contains("# EOF"));
    for part in ["route=\"/api/v1/students/{student_id}\"", "method=\"POST\"", "status=\"201\"", "# TYPE "] {
        assert!(metrics.text().contains(part), "{part} in {}", metrics.text());
    }
    assert!(
        !metrics.text().contains(&format!("{}\"", ana.url())),
        "routes, not addresses: {}",
        metrics.text()
    );

    school.other_program_runs("alter table matricula_migrations rename to elsewhere");
    let unready = school.get("/readyz").await;
    assert_eq!(unready.header("retry-after"), "1");
    assert_ne!(unready.is_refused(503, "overloaded")["detail"], Value::Null);
    school.get("/healthz").await.is_ok();
    school.other_program_runs("alter table elsewhere rename to matricula_migrations");
    school.get("/readyz").await.is_ok();
}

#[tokio::test]
async fn the_first_hundred_of_ten_thousand_errors_are_listed_and_all_are_counted() {
    let school = School::open().await;
    let fields: serde_json::Map<_, _> = (0..10_000).map(|number| (format!("x{number}"), json!(0))).collect();
    let problem = school.post("/api/v1/courses", json!(fields)).await.is_refused(400, "invalid-request");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 100);
    let detail = "The request has 10002 errors; `errors` lists the first 100.";
    assert_eq!(problem["detail"], detail);
}
