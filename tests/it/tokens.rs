//! The page of tokens, and when they were used.

use std::time::Duration;

use serde_json::{Value, json};

use crate::school::{Database, Reply, School, eventually, matricula};
use crate::sign_in::{PASSWORD, WithCookie, account, cookie, form, school, set_password};

async fn creates(school: &School, session: &str, fields: &[(&str, &str)]) -> Reply {
    form(school.ask("POST", "/tokens"), fields).with_cookie(session).await
}

/// The secret on a page.
fn secret(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("<code class=\"secret\">")?;
    rest.split_once('<').map(|(secret, _)| secret.to_owned())
}

async fn tokens(school: &School, session: &str) -> Vec<Value> {
    school.get("/api/v1/tokens").with_cookie(session).await.is_ok().json().as_array().unwrap().clone()
}

#[tokio::test]
async fn an_admin_creates_a_token_that_is_shown_once_and_revokes_it() {
    let (school, session) = school().await;
    let fields = [
        ("idempotency_key", "form-1"),
        ("name", "Learning platform"),
        ("role", "registrar"),
        ("rosters:read", "on"),
        ("catalogue:read", "on"),
        ("student", ""),
        ("days", "90"),
    ];
    let page = creates(&school, &session, &fields).await.is_ok().text().to_owned();
    let token = secret(&page).unwrap();
    assert!(token.starts_with("mtr_") && token.len() == 47, "{page}");
    // Sent again, as after a reload: no second token, and no secret.
    let again = creates(&school, &session, &fields).await.is_ok();
    assert_eq!(secret(again.text()), None);
    assert!(again.text().contains("has been created already"), "{}", again.text());
    assert!(!school.get("/tokens").with_cookie(&session).await.is_ok().text().contains(&token));

    let listed = tokens(&school, &session).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["scopes"], json!(["catalogue:read", "rosters:read"]));
    assert_eq!(listed[0]["expires_at"], "2026-11-30T08:00:00.000Z");
    let bearer = format!("Bearer {token}");
    let ask = |path: &'static str| school.get(path).header("authorization", &bearer);
    ask("/api/v1/courses/1/students").await.is_ok();
    ask("/api/v1/students").await.is_refused(403, "forbidden");

    let revoke = format!("/tokens/{}/revoke", listed[0]["id"]);
    let question = school.get(&revoke).with_cookie(&session).await.is_ok();
    assert!(question.text().contains("Revoke <bdi>Learning platform</bdi>?"), "{}", question.text());
    ask("/api/v1/courses/1/students").await.is_ok();
    form(school.ask("POST", &revoke), &[]).with_cookie(&session).await.is(303);
    ask("/api/v1/courses/1/students").await.is_refused(401, "unauthorized");
    school.get(&revoke).with_cookie(&session).await.is(404);
    assert!(tokens(&school, &session).await.is_empty());
}

#[tokio::test]
async fn a_form_for_a_token_that_is_wrong_comes_back_with_the_reason() {
    let (school, session) = school().await;
    let wrong = [
        (&[("name", ""), ("role", "registrar")][..], "Name"),
        (&[("name", "x"), ("role", "registrar"), ("admin", "on")], "among those of the role registrar"),
        (&[("name", "x"), ("role", "registrar"), ("student", "1")], "only for the role student"),
        (&[("name", "x"), ("role", "registrar"), ("days", "0")], "Expires in days"),
    ];
    for (fields, reason) in wrong {
        let page = creates(&school, &session, fields).await.is(422);
        assert!(page.text().contains(reason), "{reason}: {}", page.text());
    }
    let absent = [("name", "x"), ("role", "student"), ("student", "77")];
    let page = creates(&school, &session, &absent).await.is(422);
    assert!(page.text().contains("Nobody has this number or address."), "{}", page.text());
    assert!(tokens(&school, &session).await.is_empty());
}

#[tokio::test]
async fn the_page_of_an_open_school_says_that_the_first_token_closes_it() {
    let school = School::open().await;
    let page = school.get("/tokens").await.is_ok();
    assert!(page.text().contains("The first token closes this school"), "{}", page.text());
    let first = form(school.ask("POST", "/tokens"), &[("name", "x"), ("role", "admin")]).await.is_ok();
    let bearer = format!("Bearer {}", secret(first.text()).unwrap());
    school.get("/tokens").await.is_refused(401, "unauthorized");
    let page = school.get("/tokens").header("authorization", &bearer).await.is_ok();
    assert!(!page.text().contains("closes this school"));
    // Without it, nobody could grant any more.
    let id = school.get("/api/v1/tokens").header("authorization", &bearer).await.is_ok().ids()[0];
    let revoke = form(school.ask("POST", &format!("/tokens/{id}/revoke")), &[]);
    let page = revoke.header("authorization", &bearer).await.is(409);
    assert!(page.text().contains("only admin"), "{}", page.text());
}

#[tokio::test]
async fn the_last_use_of_a_token_is_written_down_every_few_minutes() {
    let (school, session) = school().await;
    let page = creates(&school, &session, &[("name", "x"), ("role", "registrar")]).await.is_ok();
    let bearer = format!("Bearer {}", secret(page.text()).unwrap());
    assert_eq!(tokens(&school, &session).await[0]["used_at"], Value::Null);
    assert!(school.get("/tokens").with_cookie(&session).await.is_ok().text().contains("<td>never</td>"));
    let uses = async || school.get("/api/v1/courses").header("authorization", &bearer).await.is_ok();
    let is = async |time: &'static str| {
        eventually(time, async || tokens(&school, &session).await[0]["used_at"] == time).await;
    };
    uses().await;
    is("2026-09-01T08:00:00.000Z").await;
    school.let_pass(Duration::from_mins(4));
    uses().await;
    school.let_pass(Duration::from_mins(2));
    uses().await;
    // Not 08:04.
    is("2026-09-01T08:06:00.000Z").await;
    let page = school.get("/tokens").with_cookie(&session).await.is_ok();
    assert!(page.text().contains("2026-09-01T08:06:00.000Z"), "{}", page.text());
}

#[tokio::test]
async fn the_command_line_lists_when_a_token_was_used() {
    let database = Database::new();
    let run = |arguments: &[&str]| {
        let output =
            matricula().arg("token").args(arguments).arg("--database").arg(database.argument()).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    run(&["create", "--name", "office", "--role", "admin"]);
    assert!(run(&["list"]).trim_end().ends_with("never used"));
    database
        .runs("insert into matricula_token_uses select id, '2026-09-01T08:00:00.000Z' from matricula_tokens");
    assert!(run(&["list"]).trim_end().ends_with("used 2026-09-01T08:00:00.000Z"));
}

#[tokio::test]
async fn only_students_accounts_and_tokens_belong_to_a_student() {
    let (school, session) = school().await;
    let ask = |request: crate::school::RequestBuilder| {
        request.with_cookie(&session).header("sec-fetch-site", "same-origin")
    };
    let create = async |path: &str, body: Value| ask(school.post(path, body)).await;
    for (path, role, student) in [
        ("/api/v1/tokens", "registrar", json!(1)),
        ("/api/v1/tokens", "admin", json!(1)),
        ("/api/v1/accounts", "instructor", json!(1)),
        ("/api/v1/accounts", "student", Value::Null),
    ] {
        let mut body = json!({"name": "x", "role": role, "student_id": student});
        if path.ends_with("accounts") {
            body["address"] = json!("x@example.edu");
        }
        let problem = create(path, body).await.is_refused(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/student_id", "{path} {role}: {problem}");
    }
    // On the page.
    let zoe = [("name", "Zoe"), ("address", "zoe@example.edu"), ("role", "registrar"), ("student", "1")];
    let page = form(school.ask("POST", "/accounts"), &zoe).with_cookie(&session).await.is(422);
    assert!(page.text().contains("only for the role student"), "{}", page.text());
    // A change of the role.
    let ana = [("name", "Ana"), ("address", "ana@example.edu"), ("role", "student"), ("student", "1")];
    let link = account(&school, Some(&session), &ana).await;
    let of_ana = cookie(&set_password(&school, &link, PASSWORD).await.is(303));
    let accounts = ask(school.get("/api/v1/accounts")).await.is_ok().json();
    for (id, role) in [(&accounts[1]["id"], "registrar"), (&accounts[0]["id"], "student")] {
        let change = ask(school.patch(&format!("/api/v1/accounts/{id}"), json!({"role": role}))).await;
        change.is_refused(409, "role-conflict");
    }
    let me = school.get("/api/v1/me").with_cookie(&of_ana).await.is_ok().json();
    assert_eq!((&me["role"], &me["student_id"]), (&json!("student"), &json!(1)));
    // On the command line.
    let database = school.database().argument();
    for arguments in [
        &["token", "create", "--name", "x", "--role", "registrar", "--student", "1", "--database"][..],
        &["account", "add", "--role", "registrar", "--student", "1", "X", "x@example.edu", "--database"],
    ] {
        let output = matricula().args(arguments).arg(database).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains("with the role student belong"), "{stderr}");
    }
}
