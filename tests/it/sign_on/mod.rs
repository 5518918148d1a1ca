//! People sign in at a provider of their school (`OpenID` Connect), or at a proxy.

mod site;
mod visitor;

pub(crate) use self::site::{CLIENT_SECRET, Site, admin_token, serve};
use self::site::{SETTINGS, people};
pub(crate) use self::visitor::{Visitor, leaves};

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::school::{Client, Database, IdentityProvider, RequestBuilder, matricula};

#[tokio::test]
async fn groups_give_roles_and_the_role_follows_them() {
    let site = Site::open("server.mjs").await;
    let page = site.browser().visit("/sign-in?next=/courses").await.1.is_ok();
    assert!(page.text().contains("href=\"/sign-in/campus?next=%2Fcourses\">Sign in with Campus account<"));

    let mut ruth = site.browser();
    let (address, page) = ruth.signs_in_as("ruth").await;
    assert!(address.ends_with("/api/v1/me"), "{address} {}", page.text());
    let me = page.is_ok().json();
    assert_eq!((&me["role"], &me["student_id"]), (&json!("registrar"), &Value::Null));
    ruth.visit("/api/v1/students").await.1.is_ok();
    ruth.visit("/api/v1/tokens").await.1.is(403);

    let accounts = site.ask("GET", "/api/v1/accounts").await.is_ok().json();
    assert_eq!((&accounts[0]["name"], &accounts[0]["address"]), (&json!("Ruth"), &json!("ruth@example.edu")));
    let created = site.ask("GET", "/api/v1/events?type=account.created").await.is_ok().json();
    assert_eq!(created[0]["actor"], "sign-on");
    assert_eq!(created[0]["data"]["provider"], json!(site.provider.issuer));
    assert!(!created.to_string().contains("ruth@"));

    // Again, it is the same account.
    let mut again = site.browser();
    again.signs_in_as("ruth").await.1.is_ok();
    assert_eq!(again.me().await["actor"], me["actor"]);
    assert_eq!(site.ask("GET", "/api/v1/accounts").await.is_ok().json().as_array().unwrap().len(), 1);

    // The groups of the provider count, not what an admin of this server has changed.
    let url = format!("/api/v1/accounts/{}", accounts[0]["id"]);
    site.ask("PATCH", &url).json(&json!({"role": "admin"})).await.is_ok();
    let mut third = site.browser();
    third.signs_in_as("ruth").await.1.is_ok();
    assert_eq!(third.me().await["role"], "registrar");
    assert_eq!(ruth.me().await["role"], "registrar");

    site.ask("PATCH", &url).json(&json!({"enabled": false})).await.is_ok();
    let refused = site.browser().signs_in_as("ruth").await.1.is(403);
    assert!(refused.text().contains("Your account is disabled."), "{}", refused.text());
    ruth.visit("/api/v1/students").await.1.is(401);
}

#[tokio::test]
async fn a_student_is_found_by_a_verified_address_or_by_the_id() {
    let site = Site::open("server.mjs").await;
    for (person, student) in [("ana", 1), ("ben", 2)] {
        let mut browser = site.browser();
        let me = browser.signs_in_as(person).await.1.is_ok().json();
        assert_eq!((&me["role"], &me["student_id"]), (&json!("student"), &json!(student)), "{person}");
        browser.visit(&format!("/api/v1/students/{student}")).await.1.is_ok();
        browser.visit(&format!("/api/v1/students/{}", 3 - student)).await.1.is(404);
    }
    for (person, reason) in [
        ("zoe", "No student and no account here has your e-mail address."),
        ("cara", "More than one student here could be you."),
        ("ana2", "The account here that could be yours is already used with another sign-in."),
        ("mallory", "No student and no account here has your e-mail address."),
        ("eve", "More than one student here could be you."),
    ] {
        let mut browser = site.browser();
        let (_, page) = browser.signs_in_as(person).await;
        let page = page.is(403);
        assert!(page.text().contains(reason), "{person}: {}", page.text());
        assert!(page.text().contains("Tell the registrar’s office") && page.text().contains(person));
        browser.visit("/api/v1/me").await.1.is(401);
    }
    assert_eq!(site.ask("GET", "/api/v1/accounts").await.is_ok().json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_successor_of_a_deleted_student_gets_nothing() {
    let site = Site::open("server.mjs").await;
    site.browser().signs_in_as("ana").await.1.is_ok();
    site.ask("DELETE", "/api/v1/students/1").await.is(204);
    site.database.runs("insert into students (id, name, email) values (1, 'Ann', 'other@example.edu')");
    let page = site.browser().signs_in_as("ana").await.1.is(403);
    assert!(page.text().contains("The student of your account was deleted."), "{}", page.text());
}

#[tokio::test]
async fn an_account_that_an_admin_has_made_is_linked_and_keeps_its_role() {
    let site = Site::open("server.mjs").await;
    let body = json!({"name": "Zoe Admin", "address": "Zoe@Example.edu", "role": "admin"});
    let account = site.ask("POST", "/api/v1/accounts").json(&body).await.is_created().json();
    let mut zoe = site.browser();
    zoe.signs_in_as("zoe").await.1.is_ok();
    let me = zoe.me().await;
    assert_eq!((&me["role"], &me["actor"]), (&json!("admin"), &json!(format!("account:{}", account["id"]))));
    // Whoever has no other way in is still an admin who can sign in.
    let tokens = site.ask("GET", "/api/v1/tokens").await.is_ok().json();
    site.ask("DELETE", &format!("/api/v1/tokens/{}", tokens[0]["id"])).await.is(204);
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_found_at_once() {
    let mut site = Site::open("server.mjs").await;
    site.browser().signs_in_as("ruth").await.1.is_ok();
    site.provider.rotates_its_key();
    site.browser().signs_in_as("ruth").await.1.is_ok();
}

#[tokio::test]
async fn an_attempt_belongs_to_one_browser_and_one_session() {
    let site = Site::open("liar.mjs").await;
    let comes_back = |state: &str, code: &str| format!("/sign-in/campus/callback?code={code}&state={state}");

    let mut ruth = site.browser();
    let (state, nonce) = leaves(&mut ruth).await;
    let back = comes_back(&state, &format!("honest~{nonce}"));
    // Another browser, with an attempt of its own or without one.
    let mut other = site.browser();
    other.visit(&back).await.1.is(403);
    let (own_state, _) = leaves(&mut other).await;
    other.visit(&back).await.1.is(403);
    // The code of somebody else's attempt has another nonce.
    other.visit(&comes_back(&own_state, &format!("honest~{nonce}"))).await.1.is(403);
    other.visit("/api/v1/me").await.1.is(401);

    let cookies = ruth.cookies.clone();
    ruth.visit(&back).await.1.is_ok();
    assert_eq!(ruth.me().await["role"], "registrar");
    // The same address again, even with the cookie of the attempt.
    ruth.visit(&back).await.1.is(403);
    let mut replayed = Visitor { cookies, ..site.browser() };
    let page = replayed.visit(&back).await.1.is(403);
    assert!(page.text().contains("has signed in already"), "{}", page.text());
    replayed.visit("/api/v1/me").await.1.is(401);

    for wrong in [
        "/sign-in/campus/callback".to_owned(),
        "/sign-in/campus/callback?code=honest".to_owned(),
        format!("/sign-in/campus/callback?code=a&code=b&state={state}"),
        "/sign-in/elsewhere/callback?code=a&state=b".to_owned(),
        "/sign-in/elsewhere".to_owned(),
    ] {
        let status = site.browser().visit(&wrong).await.1.status;
        assert!(status == 403 || status == 404, "{wrong}: {status}");
    }
}

#[tokio::test]
async fn what_the_provider_has_not_signed_for_this_attempt_is_not_believed() {
    let site = Site::open("liar.mjs").await;
    for lie in [
        "other-audience",
        "several-audiences",
        "other-issuer",
        "other-nonce",
        "no-nonce",
        "expired",
        "not-signed",
        "signed-with-the-clients-secret",
        "signed-by-somebody-else",
        "signed-with-an-unknown-key",
        "changed-after-signing",
        "other-access-token",
        "no-id-token",
        "refused",
        "endless",
        "elsewhere",
        "address-not-verified",
        "verified-by-omission",
        "address-elsewhere",
        "look-alike-address",
        "two-kinds-of-student",
        "no-identifier",
        "long-identifier",
    ] {
        let mut browser = site.browser();
        let (state, nonce) = leaves(&mut browser).await;
        let address = format!("/sign-in/campus/callback?code={lie}~{nonce}&state={state}");
        let (_, page) = browser.visit(&address).await;
        let expected = if ["endless", "elsewhere"].contains(&lie) { 502 } else { 403 };
        assert_eq!(page.status, expected, "{lie}: {}", page.text());
        browser.visit("/api/v1/me").await.1.is(401);
    }
    let mut browser = site.browser();
    let (state, nonce) = leaves(&mut browser).await;
    let back = format!("/sign-in/campus/callback?code=honest~{nonce}&state={state}");
    browser.visit(&format!("{back}&iss=https%3A%2F%2Flogin.example.com")).await.1.is(403);
    let denied = format!("/sign-in/campus/callback?error=access_denied&state={state}");
    let page = browser.visit(&denied).await.1.is(403);
    assert!(page.text().contains("Campus account did not sign you in."), "{}", page.text());
    assert_eq!(site.ask("GET", "/api/v1/accounts").await.is_ok().json(), json!([]));
    browser.visit(&format!("{back}&session_state=unknown")).await.1.is_ok();
}

#[tokio::test]
async fn an_address_gives_nobody_more_than_its_owner_has() {
    let site = Site::open("liar.mjs").await;
    // A student without an account yet, whose record has the address of a parent, who is an admin.
    for (name, email) in [("Kim", "cara.kim@example.edu"), ("Child", "parent@example.edu")] {
        site.ask("POST", "/api/v1/students").json(&json!({"name": name, "email": email})).await.is_created();
    }
    let parent = json!({"name": "Parent", "address": "parent@example.edu", "role": "admin"});
    site.ask("POST", "/api/v1/accounts").json(&parent).await.is_created();
    let mut child = site.browser();
    child.comes_back("a-child").await.is_ok();
    let me = child.me().await;
    assert_eq!((&me["role"], &me["student_id"]), (&json!("student"), &json!(6)));

    // Without an address that counts, the groups give the role, and no address is taken from anybody.
    let mut office = site.browser();
    office.comes_back("no-address").await.is_ok();
    assert_eq!(office.me().await["role"], "registrar");
    let accounts = site.ask("GET", "/api/v1/accounts").await.is_ok().json();
    assert_eq!(accounts[2]["address"], json!(format!("new at {}", site.provider.issuer)));
    office.visit("/account").await.1.is_ok();
}

#[tokio::test]
async fn an_address_that_looks_alike_is_another_one() {
    let site = Site::open("liar.mjs").await;
    // With the Kelvin sign, which is a k in lower case.
    for email in ["cara.\u{212a}im@example.edu"; 3] {
        site.ask("POST", "/api/v1/students").json(&json!({"name": "Kim", "email": email})).await.is_created();
    }
    let kim = json!({"name": "Kim", "email": "Cara.Kim@example.edu"});
    site.ask("POST", "/api/v1/students").json(&kim).await.is_created();
    let claims = |subject: &str| json!({"sub": subject, "email": "cara.kim@example.edu"});
    let (mut browser, page) = site.signs_in(claims("kim")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(browser.me().await["student_id"], 8);

    // Two who have the address itself are two, however many look alike.
    site.ask("DELETE", "/api/v1/students/8").await.is(204);
    for _ in 0..2 {
        site.ask("POST", "/api/v1/students").json(&kim).await.is_created();
    }
    let page = site.signs_in(claims("another")).await.1.is(403);
    assert!(page.text().contains("More than one student here could be you."), "{}", page.text());
}

#[tokio::test]
async fn a_name_from_a_provider_is_as_names_are_here() {
    let site = Site::open("liar.mjs").await;
    let long = "s".repeat(255);
    for claims in [
        json!({"sub": "a", "name": " \u{200b}\u{202e}Ru\u{7}th\u{2028} \u{200d}Office ", "groups": ["office"]}),
        json!({"sub": long, "name": "\u{202e}\u{200b}", "email": null, "groups": ["office"]}),
    ] {
        site.signs_in(claims).await.1.is_ok();
    }
    let accounts = site.accounts().await;
    assert_eq!(accounts[0]["name"], "Ruth Office");
    assert_eq!(accounts[1]["name"], json!(long));
    for account in accounts {
        let name = json!({"name": account["name"]});
        site.ask("PATCH", &format!("/api/v1/accounts/{}", account["id"])).json(&name).await.is_ok();
    }
}

#[tokio::test]
async fn who_has_no_address_and_no_password_is_told_so() {
    let site = Site::open("liar.mjs").await;
    let claims = json!({"sub": "k2", "email": null, "groups": ["office"]});
    let (mut browser, _) = site.signs_in(claims).await;
    let page = browser.visit("/account").await.1.is_ok();
    assert!(page.text().contains("<dd>none: you sign in at your provider</dd>"), "{}", page.text());
    assert!(!page.text().contains("k2 at"), "{}", page.text());
    let fields = [("present", "some old password"), ("password", "seven quiet lanterns")];
    let page = browser.post("/account/password", &fields).await.1.is(409);
    assert!(page.text().contains("Your account has no password"), "{}", page.text());
    browser.visit("/account").await.1.is_ok();

    // Of somebody else at the same provider, who has a student's number alone.
    site.signs_in(json!({"sub": "ben", "email": null, "student_number": "1"})).await.1.is_ok();
    let page = site.signs_in(json!({"sub": "eve", "email": null, "student_number": "1"})).await.1.is(403);
    assert!(page.text().contains("could be yours is already used") && !page.text().contains("your e-mail"));
}

#[tokio::test]
async fn without_the_provider_the_server_runs_and_says_what_is_wrong() {
    let site = Site::open("server.mjs").await;
    let Site { process, database, admin, provider } = site;
    drop(provider);
    let browser = Client::new(process.address);
    let page = browser.ask("GET", "/sign-in/campus").header("accept", "text/html").await.is(502);
    assert!(page.text().contains("Campus account cannot be reached"), "{}", page.text());
    browser.ask("GET", "/api/v1/me").header("authorization", &format!("Bearer {admin}")).await.is_ok();
    drop(database);
}

#[tokio::test]
async fn nobody_is_let_in_before_the_first_account() {
    let database = Database::new();
    let provider = IdentityProvider::start("server.mjs", &people());
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("sign-on.toml");
    let content = SETTINGS.replace("ISSUER", &provider.issuer);
    std::fs::write(&settings, &content).unwrap();
    std::fs::write(folder.path().join("campus.secret"), "a secret of the tests").unwrap();
    let process = serve(&database, &["--sign-on", settings.to_str().unwrap()]).await;
    let client = Client::new(process.address);
    client.ask("GET", "/api/v1/students").await.is_refused(401, "unauthorized");
    let mut ruth = Visitor { client, home: format!("http://{}", process.address), cookies: BTreeMap::new() };
    let page = ruth.signs_in_as("ruth").await.1.is(409);
    assert!(page.text().contains("has to be an admin’s"), "{}", page.text());
}

#[tokio::test]
async fn a_trusted_proxy_names_the_person() {
    let database = Database::new();
    let token = admin_token(&database);
    let process =
        serve(&database, &["--trust-user-header", "X-Remote-User", "--trusted-proxy", "127.0.0.1"]).await;
    let client = Client::new(process.address);
    let admin = |request: RequestBuilder| request.header("authorization", &format!("Bearer {token}"));
    let through = |request: RequestBuilder, user: &str| request.header("X-Remote-User", user);
    let body = json!({"name": "Ana", "email": "ana@example.edu"});
    admin(client.ask("POST", "/api/v1/students")).json(&body).await.is_created();
    let body = json!({"name": "Ruth", "address": "ruth@example.edu", "role": "registrar"});
    let account = admin(client.ask("POST", "/api/v1/accounts")).json(&body).await.is_created().json();

    let me = async |user: &str| through(client.ask("GET", "/api/v1/me"), user).await;
    assert_eq!(me("ruth@example.edu").await.is_ok().json()["role"], "registrar");
    let ana = me("Ana@example.edu").await.is_ok().json();
    assert_eq!((&ana["role"], &ana["student_id"]), (&json!("student"), &json!(1)));
    let page = me("zoe@example.edu").await.is_refused(403, "forbidden");
    assert!(page["detail"].as_str().unwrap().contains("you have signed in as zoe@example.edu"));
    client.ask("GET", "/api/v1/me").await.is_refused(401, "unauthorized");
    // In another case, and with a token of the proxy's own.
    assert_eq!(me("ANA@EXAMPLE.EDU").await.is_ok().json()["actor"], ana["actor"]);
    let passed_on =
        client.ask("GET", "/api/v1/me").header("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.");
    through(passed_on, "ana@example.edu").await.is_ok();
    // The name of somebody whom the server remembers is no token.
    let known = "katherine.jones@school.edu";
    let body = json!({"name": "Katherine", "address": known, "role": "admin"});
    admin(client.ask("POST", "/api/v1/accounts")).json(&body).await.is_created();
    me(known).await.is_ok();
    let forged = format!("mtr_{}", BASE64.encode(format!("proxy {known}")));
    let forged = client.ask("GET", "/api/v1/me").header("authorization", &format!("Bearer {forged}"));
    forged.await.is_refused(401, "unauthorized");
    let twice = through(client.ask("GET", "/api/v1/me"), "ana@example.edu");
    through(twice, "ruth@example.edu").await.is_refused(401, "unauthorized");

    // A page of another site cannot write with somebody's session at the proxy.
    let course = json!({"name": "Algebra", "level": "1"});
    let write = || through(client.ask("POST", "/api/v1/courses"), "ruth@example.edu").json(&course);
    write().await.is_refused(403, "forbidden");
    write().header("sec-fetch-site", "cross-site").await.is_refused(403, "forbidden");
    write().header("sec-fetch-site", "same-origin").await.is_created();

    // The rights end at once.
    let url = format!("/api/v1/accounts/{}", account["id"]);
    admin(client.ask("PATCH", &url)).json(&json!({"enabled": false})).await.is_ok();
    let refused = me("ruth@example.edu").await.is_refused(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("Your account is disabled."));
}

#[tokio::test]
async fn the_header_of_everybody_else_is_nothing() {
    let database = Database::new();
    let _token = admin_token(&database);
    let process = serve(
        &database,
        &["--trust-user-header", "X-Remote-User", "--trusted-proxy", "10.0.0.0/8,127.0.0.9"],
    )
    .await;
    let client = Client::new(process.address);
    let request = client.ask("GET", "/api/v1/me").header("X-Remote-User", "ruth@example.edu");
    request.await.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_refused_at_start() {
    let database = Database::new();
    for (flags, expected) in [
        (vec!["--trust-user-header", "X-Remote-User"], "--trust-user-header needs --trusted-proxy"),
        (vec!["--trusted-proxy", "10.0.0.1"], "--trusted-proxy needs --trust-user-header"),
        (vec!["--trust-user-header", "Cookie", "--trusted-proxy", "10.0.0.1"], "send this header themselves"),
        (vec!["--trusted-proxy", "proxy.example.edu"], "it must be an address or a network"),
        (vec!["--sign-on", "/nowhere/sign-on.toml"], "cannot read /nowhere/sign-on.toml"),
    ] {
        let mut command = matricula();
        command.arg("--database").arg(database.argument()).args(["--listen", "127.0.0.1:0"]).args(&flags);
        let output = command.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(expected), "{flags:?}: {error}");
    }
}

#[tokio::test]
async fn a_number_that_nobody_has_speaks_against_a_student_with_another_number() {
    let site = Site::open("liar.mjs").await;
    let claims = |number: &str| json!({"sub": number, "email": "ana@example.edu", "email_verified": true, "student_number": number});
    site.signs_in(claims("nobody has this")).await.1.is(403);
    let (mut ana, page) = site.signs_in(claims(" ")).await;
    page.is_ok();
    assert_eq!(ana.me().await["student_id"], 1);
    // Cara has no number that could be another one; her address is that of a second student, too.
    let cara =
        json!({"sub": "cara", "email": "shared@example.edu", "email_verified": true, "student_number": "7"});
    site.signs_in(cara).await.1.is(403);
}
