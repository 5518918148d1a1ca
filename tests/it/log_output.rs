//! The log output has no secrets and nothing of a person, whatever is logged.

use std::fs::{self, File};

use serde_json::json;

use crate::school::Database;
use crate::sign_on::{CLIENT_SECRET, Site, Visitor, leaves};

const NAME: &str = "Quetzalia Brontë";
const ADDRESS: &str = "quetzalia@students.example.edu";
const PASSWORD: &str = "seven quiet lanterns";
const WRONG_PASSWORD: &str = "my other password 77";
const TYPED_ADDRESS: &str = "somebody.else@example.com";

#[tokio::test]
async fn nothing_secret_and_nothing_personal_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let site = Site::open_with("liar.mjs", &["--log", "trace", "--log-format", "json"], |command| {
        command.stderr(File::create(&log).unwrap());
    })
    .await;

    registrar_works(&site).await;
    let mut secrets = vec![site.admin.clone(), CLIENT_SECRET.to_owned()];
    secrets.extend(person_signs_in_with_a_password(&site).await);
    secrets.extend(people_come_back_from_the_provider(&site).await);

    let Site { process, database, .. } = site;
    assert!(process.terminate().await.success());
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("matricula::sql") && log.contains("/sign-in/{provider}/callback"));
    let personal = [
        NAME,
        "Quetzalia",
        ADDRESS,
        PASSWORD,
        WRONG_PASSWORD,
        TYPED_ADDRESS,
        "Ruth Office",
        "ruth@example.edu",
    ];
    for text in personal.iter().copied().chain(secrets.iter().map(String::as_str)) {
        let line = log.lines().find(|line| line.contains(text));
        assert!(line.is_none(), "{text:?} is in the log: {line:?}");
    }
    unusable(&database, &secrets);
}

/// None of the secrets is in the database either.
fn unusable(database: &Database, secrets: &[String]) {
    let other = database.other_program();
    let stored = [
        other.column("select coalesce(password, '') || name || address from matricula_accounts"),
        other.column("select hash || name from matricula_tokens"),
        other.column("select hash from matricula_sessions"),
        other.column("select hash from matricula_links"),
        other.column("select state || session from matricula_used_states"),
        other.column("select provider || subject from matricula_identities"),
        other.column("select coalesce(data, '') || actor from events"),
        other.column("select key || coalesce(answer, '') from idempotency_keys"),
    ]
    .concat()
    .concat();
    assert!(stored.contains("account.created") || stored.contains("argon2id"), "{stored}");
    for secret in secrets {
        assert!(!stored.contains(secret.strip_prefix("mtr_").unwrap_or(secret)), "{secret} is stored");
    }
}

async fn registrar_works(site: &Site) {
    let student = json!({"name": NAME, "email": ADDRESS});
    let created = site.ask("POST", "/api/v1/students").json(&student).await.is_created().json();
    let url = format!("/api/v1/students/{}", created["id"]);
    site.ask("PATCH", &url).json(&json!({"name": format!("{NAME} II")})).await.is_ok();
    let misspelt = json!({"name": NAME, "mail": ADDRESS});
    site.ask("POST", "/api/v1/students").json(&misspelt).await.is(400);
    site.ask("POST", "/api/v1/students").header("content-type", "application/json").body(NAME).await.is(400);
    site.ask("GET", "/api/v1/students?q=Quetzalia").await.is_ok();
    site.ask("GET", "/students/Quetzalia").await.is(404);
    site.ask("GET", "/Quetzalia?q=Quetzalia").await.is(404);
    let course = json!({"name": "Algebra", "level": "1"});
    site.ask("POST", "/api/v1/courses").json(&course).await.is_created();
    site.ask("POST", &format!("{url}/courses")).json(&json!({"course_id": 1})).await.is_created();
    site.ask("POST", &format!("{url}/courses")).json(&json!({"course_id": 1})).await.is(409);
    site.ask("DELETE", &format!("{url}?drop=true")).await.is(204);
}

/// Returns the secrets of the link and of the session.
async fn person_signs_in_with_a_password(site: &Site) -> Vec<String> {
    let account = json!({"name": NAME, "address": ADDRESS, "role": "admin"});
    let created = site.ask("POST", "/api/v1/accounts").json(&account).await.is_created().json();
    let (_, link) = created["link"].as_str().unwrap().rsplit_once('/').unwrap();
    let mut browser = site.browser();
    browser.visit(&format!("/set-password/{link}")).await.1.is_ok();
    browser.post(&format!("/set-password/{link}"), &[("password", "too short")]).await.1.is(422);
    browser.post(&format!("/set-password/{link}"), &[("password", PASSWORD)]).await.1.is_ok();
    for (address, password) in [(ADDRESS, WRONG_PASSWORD), (TYPED_ADDRESS, WRONG_PASSWORD)] {
        site.browser().post("/sign-in", &[("address", address), ("password", password)]).await.1.is(422);
    }
    let mut again = site.browser();
    again.post("/sign-in", &[("address", ADDRESS), ("password", PASSWORD)]).await.1.is_ok();
    again.visit("/account").await.1.is_ok();
    [session(&browser), session(&again), vec![link.to_owned()]].concat()
}

/// Returns the secrets of the sessions, the codes and the states.
async fn people_come_back_from_the_provider(site: &Site) -> Vec<String> {
    let mut secrets = Vec::new();
    for lie in [
        "honest",
        "other-nonce",
        "signed-by-somebody-else",
        "no-id-token",
        "refused",
        "endless",
        "address-elsewhere",
    ] {
        let mut browser = site.browser();
        let (state, nonce) = leaves(&mut browser).await;
        let code = format!("{lie}~{nonce}");
        browser.visit(&format!("/sign-in/campus/callback?code={code}&state={state}")).await;
        secrets.extend(session(&browser));
        secrets.extend([state, nonce, code]);
    }
    secrets
}

/// The values of the cookies that the browser has.
fn session(browser: &Visitor) -> Vec<String> {
    browser
        .cookies
        .values()
        .flat_map(|value| value.split('.').map(str::to_owned))
        .filter(|part| part.len() > 20)
        .collect()
}
