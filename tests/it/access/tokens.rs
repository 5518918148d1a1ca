//! Tokens begin, end, and say what their holder may do.

use serde_json::{Value, json};

use super::{WithToken as _, create, school};
use crate::school::{Database, School};

#[tokio::test]
async fn the_first_token_ends_the_open_mode() {
    let school = School::open().await;
    let me = school.get("/api/v1/me").await.is_ok().json();
    assert_eq!((&me["actor"], &me["role"]), (&json!("anonymous"), &json!(null)));
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;

    for path in
        ["/api/v1/students", "/api/v1/courses", "/api/v1/me", "/api/v1/events", "/students", "/courses"]
    {
        let refused = school.get(path).await;
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        refused.is_refused(401, "unauthorized");
    }
    for path in ["/healthz", "/metrics", "/api/v1/openapi.json", "/problems/forbidden"] {
        school.get(path).await.is_ok();
    }
    let me = school.get("/api/v1/me").with_token(&admin).await.is_ok().json();
    assert_eq!((&me["role"], &me["student_id"]), (&json!("admin"), &json!(null)));
    assert!(me["actor"].as_str().unwrap().starts_with("token:"), "{me}");
}

#[tokio::test]
async fn credentials_that_are_not_those_of_a_token_are_refused() {
    let (school, tokens) = school().await;
    let other = if tokens.admin.ends_with('A') { "E" } else { "A" };
    let altered = format!("{}{other}", &tokens.admin[..46]);
    for credentials in
        ["Bearer", "Bearer ", "Bearer mtr_", "Bearer nonsense", "Basic YTpi", &format!("Bearer {altered}")]
    {
        school
            .get("/api/v1/courses")
            .header("authorization", credentials)
            .await
            .is_refused(401, "unauthorized");
    }
    school.get("/api/v1/courses").header("authorization", &format!("bearer {}", tokens.admin)).await.is_ok();
    let twice = school.get("/api/v1/courses").with_token(&tokens.admin).with_token(&tokens.registrar).await;
    twice.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn a_token_ends_when_it_is_revoked_or_expires() {
    let (school, tokens) = school().await;
    let list = school.get("/api/v1/tokens").with_token(&tokens.admin).await.is_ok().json();
    let registrar = &list[1];
    assert_eq!((&registrar["role"], &registrar["token"]), (&json!("registrar"), &Value::Null));
    let path = format!("/api/v1/tokens/{}", registrar["id"]);
    school.get("/api/v1/students").with_token(&tokens.registrar).await.is_ok();
    school.delete(&path).with_token(&tokens.registrar).await.is_refused(403, "forbidden");
    school.delete(&path).with_token(&tokens.admin).await.is(204);
    school.get("/api/v1/students").with_token(&tokens.registrar).await.is_refused(401, "unauthorized");
    school.delete(&path).with_token(&tokens.admin).await.is_refused(404, "token-not-found");

    let body = json!({"name": "short", "role": "registrar", "expires_at": "2026-09-01T09:00:00Z"});
    let short = create(&school, Some(&tokens.admin), body).await;
    school.get("/api/v1/students").with_token(&short).await.is_ok();
    school.let_pass(std::time::Duration::from_hours(2));
    school.get("/api/v1/students").with_token(&short).await.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn another_server_obeys_a_revocation() {
    let (school, tokens) = school().await;
    let other = School::open_at(school.database()).await;
    other.get("/api/v1/students").with_token(&tokens.registrar).await.is_ok();
    let list = school.get("/api/v1/tokens").with_token(&tokens.admin).await.is_ok().json();
    school.delete(&format!("/api/v1/tokens/{}", list[1]["id"])).with_token(&tokens.admin).await.is(204);
    let revoked = std::time::Instant::now();
    while other.get("/api/v1/students").with_token(&tokens.registrar).await.status != 401 {
        assert!(revoked.elapsed() < std::time::Duration::from_secs(5));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn no_secret_is_in_the_database() {
    let (school, tokens) = school().await;
    let database = school.close().await;
    let other = database.other_program();
    let dump = dump(&database, &other);
    for token in [&tokens.admin, &tokens.registrar, &tokens.students[0]] {
        assert!(!dump.contains(&token[4..]), "a token is stored");
    }
    assert!(dump.contains("token.created"));
}

/// All rows of our tables about access and of the log.
fn dump(_: &Database, other: &crate::school::OtherProgram) -> String {
    let tokens = other.column("select name || role || scopes || hash || created_at from matricula_tokens");
    let events = other.column("select type || coalesce(actor, '') || data from events");
    let answers = other.column("select answer from idempotency_keys");
    [tokens, events, answers].concat().concat()
}

#[tokio::test]
async fn a_token_ends_with_its_student_and_nobody_with_the_same_id_inherits_it() {
    let (school, tokens) = school().await;
    school.get("/api/v1/students/1").with_token(&tokens.students[0]).await.is_ok();
    school.delete("/api/v1/students/1?drop=true").with_token(&tokens.admin).await.is(204);
    school.other_program_runs("insert into students (id, name, email) values (1, 'Zed', 'zed@example.edu')");
    school.get("/api/v1/students/1").with_token(&tokens.admin).await.is_ok();
    for path in ["/api/v1/students/1", "/api/v1/me", "/api/v1/courses"] {
        school.get(path).with_token(&tokens.students[0]).await.is_refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_token_may_have_fewer_rights_than_its_role() {
    let (school, tokens) = school().await;
    let body = json!({"name": "rosters", "role": "registrar", "scopes": ["rosters:read", "catalogue:read"]});
    let rosters = create(&school, Some(&tokens.admin), body).await;
    school.get("/api/v1/courses/1/students").with_token(&rosters).await.is_ok();
    let refused = school.get("/api/v1/students").with_token(&rosters).await;
    // As RFC 6750 has it.
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"students:read\"";
    assert_eq!(refused.header("www-authenticate"), challenge);
    let problem = refused.is_refused(403, "forbidden");
    assert_eq!(problem["detail"], "You have no right to do this: it needs the scope `students:read`.");
    school.put("/api/v1/students/1/courses/2").with_token(&rosters).await.is_refused(403, "forbidden");
    let refused = [
        (json!({"name": "x", "role": "registrar", "scopes": ["admin"]}), "/scopes"),
        (json!({"name": "x", "role": "registrar", "scopes": []}), "/scopes"),
        (json!({"name": "x", "role": "registrar", "scopes": ["everything"]}), "/scopes"),
        (json!({"name": "x", "role": "dean"}), "/role"),
        (json!({"role": "registrar"}), "/name"),
    ];
    for (body, pointer) in refused {
        let problem = school.post("/api/v1/tokens", body).with_token(&tokens.admin).await;
        let problem = problem.is_refused(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let absent = json!({"name": "x", "role": "student", "student_id": 77});
    school
        .post("/api/v1/tokens", absent)
        .with_token(&tokens.admin)
        .await
        .is_refused(404, "student-not-found");
}

#[tokio::test]
async fn the_first_token_or_account_is_an_admins() {
    let school = School::open().await;
    school.student("Ana").await;
    for body in [
        json!({"name": "x", "role": "registrar"}),
        json!({"name": "x", "role": "student", "student_id": 1}),
        json!({"name": "x", "role": "admin", "scopes": ["students:read"]}),
    ] {
        school.post("/api/v1/tokens", body).await.is_refused(409, "first-not-admin");
    }
    let account = json!({"name": "x", "address": "x@example.edu", "role": "registrar"});
    school.post("/api/v1/accounts", account).await.is_refused(409, "first-not-admin");
    let past = json!({"name": "x", "role": "admin", "expires_at": "2026-01-01T00:00:00Z"});
    let problem = school.post("/api/v1/tokens", past).await.is_refused(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/expires_at");
    school.get("/api/v1/students").await.is_ok();
}

#[tokio::test]
async fn a_request_that_arrived_before_a_revocation_is_judged_after_it() {
    let (school, tokens) = school().await;
    let body = r#"{"name": "Eve", "email": "eve@example.edu"}"#;
    let mut raw = school.connects().await;
    let head = format!(
        "POST /api/v1/students HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        tokens.registrar,
        body.len()
    );
    raw.sends(&head).await;
    // The gate lets it pass; the rest of the body is still to come.
    raw.sends(&body[..10]).await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let list = school.get("/api/v1/tokens").with_token(&tokens.admin).await.is_ok().json();
    school.delete(&format!("/api/v1/tokens/{}", list[1]["id"])).with_token(&tokens.admin).await.is(204);
    raw.sends(&body[10..]).await;
    assert_eq!(raw.rest().await.status(), 401);
    let students = school.get("/api/v1/students").with_token(&tokens.admin).await.is_ok();
    assert_eq!(students.ids(), [1, 2]);
}

#[tokio::test]
async fn of_many_first_tokens_at_once_one_is_created() {
    let school = School::open().await;
    let create = || school.post("/api/v1/tokens", json!({"name": "first", "role": "admin"}));
    let replies = futures_util::future::join_all((0..6).map(|_| async { create().await.status })).await;
    assert_eq!(replies.iter().filter(|status| **status == 201).count(), 1, "{replies:?}");
    assert!(replies.iter().all(|status| *status == 201 || *status == 401), "{replies:?}");
}

#[tokio::test]
async fn two_admins_cannot_revoke_each_other_at_once() {
    let (school, tokens) = school().await;
    let other = create(&school, Some(&tokens.admin), json!({"name": "other", "role": "admin"})).await;
    let list = school.get("/api/v1/tokens").with_token(&tokens.admin).await.is_ok().json();
    let list = list.as_array().unwrap();
    let (first, second) = (&list[0]["id"], &list[list.len() - 1]["id"]);
    let (one, two) = tokio::join!(
        async { school.delete(&format!("/api/v1/tokens/{first}")).with_token(&other).await.status },
        async { school.delete(&format!("/api/v1/tokens/{second}")).with_token(&tokens.admin).await.status },
    );
    let mut statuses = [one, two];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 401]);
}

#[tokio::test]
async fn a_stream_ends_with_the_right_to_read_it() {
    let (school, tokens) = school().await;
    let stream = school
        .get("/api/v1/events?after=0")
        .with_token(&tokens.registrar)
        .header("accept", "text/event-stream");
    let mut stream = stream.listen().await;
    assert_eq!(stream.seqs(3).await, [1, 2, 3]);
    let list = school.get("/api/v1/tokens").with_token(&tokens.admin).await.is_ok().json();
    school.delete(&format!("/api/v1/tokens/{}", list[1]["id"])).with_token(&tokens.admin).await.is(204);
    let ends = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(5), ends).await.expect("the stream ends");
}

#[tokio::test]
async fn a_school_that_was_closed_stays_closed_whatever_happens_to_its_tokens() {
    let (school, _) = school().await;
    school.other_program_runs(
        "delete from matricula_tokens; update matricula_access set version = version + 1",
    );
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    school.get("/api/v1/students").await.is_refused(401, "unauthorized");
    let database = school.close().await;
    let school = School::open_at(&database).await;
    school.get("/api/v1/students").await.is_refused(401, "unauthorized");
}
