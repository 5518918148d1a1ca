//! A wrong or stale account of somebody at a provider is put right: an admin unlinks it, or changes its name and address.

use serde_json::{Value, json};

use crate::school::{Client, Database};
use crate::sign_on::{Site, admin_token, serve};

fn amy() -> Value {
    json!({"sub": "amy", "name": "Amy", "email": "amy@example.edu"})
}

fn bob() -> Value {
    json!({"sub": "bob", "name": "Bob", "email": "bob@example.edu"})
}

impl Site {
    async fn student(&self, name: &str, email: &str) -> String {
        let body = json!({"name": name, "email": email});
        let created = self.ask("POST", "/api/v1/students").json(&body).await.is_created().json();
        format!("/api/v1/students/{}", created["id"])
    }

    async fn change_account(&self, id: &Value, change: Value) -> crate::school::Reply {
        self.ask("PATCH", &format!("/api/v1/accounts/{id}")).json(&change).await
    }

    async fn unlink(&self, id: &Value) -> crate::school::Reply {
        self.ask("DELETE", &format!("/api/v1/accounts/{id}/identities")).await
    }

    /// The page of whoever is not let in with these claims.
    async fn refuses(&self, claims: Value, reason: &str) {
        let page = self.signs_in(claims).await.1.is(403);
        assert!(page.text().contains(reason), "{reason}: {}", page.text());
    }
}

/// Amy's record has Bob's address, and Bob has signed in. Then her address is put right. Returns the account.
async fn bob_gets_the_account_of_amy(site: &Site) -> Value {
    let student = site.student("Amy", "bob@example.edu").await;
    let (mut browser, _) = site.signs_in(bob()).await;
    assert_eq!(browser.me().await["student_id"], 5);
    site.ask("PATCH", &student).json(&json!({"email": "amy@example.edu"})).await.is_ok();
    // It is still his: only the identifier counts.
    site.signs_in(bob()).await.1.is_ok();
    site.refuses(amy(), "already used with another sign-in").await;

    let id = site.accounts().await[0]["id"].clone();
    site.unlink(&id).await.is(204);
    browser.visit("/api/v1/me").await.1.is(401);
    let change = site.last_change().await;
    assert_eq!((&change["data"]["account_id"], &change["data"]["linked"]), (&id, &json!(false)));
    assert!(!change.to_string().contains("bob"));
    id
}

#[tokio::test]
async fn an_unlinked_account_goes_to_the_student_whose_it_is() {
    let site = Site::open("liar.mjs").await;
    let id = bob_gets_the_account_of_amy(&site).await;
    site.refuses(bob(), "No student and no account here has your e-mail address.").await;
    let (mut browser, _) = site.signs_in(amy()).await;
    let me = browser.me().await;
    assert_eq!((&me["actor"], &me["student_id"]), (&json!(format!("account:{id}")), &json!(5)));
    let account = site.accounts().await[0].clone();
    assert_eq!((&account["name"], &account["address"]), (&json!("Amy"), &json!("amy@example.edu")));
    site.refuses(bob(), "No student and no account here has your e-mail address.").await;

    site.student("Bob", "bob@example.edu").await;
    let (mut browser, _) = site.signs_in(bob()).await;
    assert_eq!(browser.me().await["student_id"], 6);
    assert_eq!(site.accounts().await[1]["address"], "bob@example.edu");
}

#[tokio::test]
async fn whoever_had_it_by_mistake_gets_the_address_back() {
    let site = Site::open("liar.mjs").await;
    let id = bob_gets_the_account_of_amy(&site).await;
    site.student("Bob", "bob@example.edu").await;
    let (mut browser, _) = site.signs_in(bob()).await;
    assert_eq!(browser.me().await["student_id"], 6);
    assert_eq!(site.accounts().await[1]["address"], "bob@example.edu");
    let (mut browser, _) = site.signs_in(amy()).await;
    assert_eq!(browser.me().await["actor"], json!(format!("account:{id}")));
    assert_eq!(site.accounts().await[0]["address"], "amy@example.edu");
}

#[tokio::test]
async fn to_unlink_what_is_not_linked_changes_nothing() {
    let site = Site::open("liar.mjs").await;
    site.signs_in(json!({"sub": "ana", "email": "ana@example.edu"})).await.1.is_ok();
    let id = site.accounts().await[0]["id"].clone();
    site.unlink(&id).await.is(204);
    let last = site.last_change().await;
    site.unlink(&id).await.is(204);
    assert_eq!(site.last_change().await["seq"], last["seq"]);
    site.unlink(&json!(4000)).await.is_refused(404, "account-not-found");
    let (mut browser, _) = site.signs_in(json!({"sub": "ana", "email": "ana@example.edu"})).await;
    let (_, page) = browser.post(&format!("/accounts/{id}/unlink"), &[]).await;
    assert_eq!(page.status, 403);
}

#[tokio::test]
async fn the_page_shows_who_is_linked_and_unlinks() {
    let site = Site::open("liar.mjs").await;
    let ruth = json!({"name": "Ruth", "address": "ruth@example.edu", "role": "admin"});
    site.ask("POST", "/api/v1/accounts").json(&ruth).await.is_created();
    let (mut admin, _) = site.signs_in(json!({})).await;
    site.signs_in(json!({"sub": "ana", "email": "ana@example.edu", "name": "Ana"})).await.1.is_ok();
    let id = site.accounts().await[1]["id"].clone();
    let page = admin.visit("/accounts").await.1.is_ok();
    assert_eq!(page.text().matches("linked to <bdi>Campus account</bdi>").count(), 2, "{}", page.text());
    assert!(page.text().contains("aria-label=\"Unlink Ana\""), "{}", page.text());
    let page = admin.post(&format!("/accounts/{id}/unlink"), &[]).await.1.is_ok();
    assert!(!page.text().contains("Unlink Ana") && page.text().contains("Unlink Ruth"), "{}", page.text());

    let edit = format!("/accounts/{id}/edit");
    let page = admin.visit(&edit).await.1.is_ok();
    assert!(page.text().contains("value=\"ana@example.edu\""), "{}", page.text());
    let fields = |address| [("name", "Ana Maria"), ("address", address)];
    let page = admin.post(&edit, &fields("Ruth@example.edu")).await.1.is(409);
    assert!(page.text().contains("Another account has this address."), "{}", page.text());
    admin.post(&edit, &fields("nowhere")).await.1.is(422);
    let (address, page) = admin.post(&edit, &fields("ana.maria@example.edu")).await;
    assert!(
        address.ends_with("/accounts") && page.text().contains("<bdi>Ana Maria</bdi>"),
        "{}",
        page.text()
    );
    assert!(page.text().contains("<bdi>ana.maria@example.edu</bdi>"), "{}", page.text());
    admin.visit("/accounts/4000/edit").await.1.is(404);
}

#[tokio::test]
async fn the_address_of_somebody_who_left_can_be_freed() {
    let site = Site::open("liar.mjs").await;
    let old = json!({"name": "Ana Old", "address": "a.gray@example.edu", "role": "registrar"});
    let old = site.ask("POST", "/api/v1/accounts").json(&old).await.is_created().json();
    site.signs_in(json!({"sub": "old", "email": "a.gray@example.edu"})).await.1.is_ok();
    site.change_account(&old["id"], json!({"enabled": false})).await.is_ok();
    let new = json!({"sub": "new", "name": "Abe", "email": "a.gray@example.edu", "groups": ["faculty"]});
    site.refuses(new.clone(), "Your account is disabled.").await;

    let other = json!({"name": "Ruth", "address": "ruth@example.edu", "role": "registrar"});
    site.ask("POST", "/api/v1/accounts").json(&other).await.is_created();
    let taken = site.change_account(&old["id"], json!({"address": "RUTH@example.edu"})).await;
    taken.is_refused(409, "address-taken");
    site.change_account(&old["id"], json!({"address": "nowhere"})).await.is(400);
    site.change_account(&old["id"], json!({"name": "A\u{202e}"})).await.is(400);
    let change = json!({"name": "Ana Gray (left)", "address": "Left.Gray@example.edu"});
    let account = site.change_account(&old["id"], change).await.is_ok().json();
    assert_eq!(
        (&account["name"], &account["address"]),
        (&json!("Ana Gray (left)"), &json!("left.gray@example.edu"))
    );
    let entry = site.last_change().await;
    assert_eq!(entry["data"]["fields"], json!(["name", "address"]));
    assert!(!entry.to_string().to_lowercase().contains("gray"));

    let (mut browser, _) = site.signs_in(new).await;
    assert_eq!(browser.me().await["role"], "instructor");
    let accounts = site.accounts().await;
    assert_eq!(
        (&accounts[2]["name"], &accounts[2]["address"]),
        (&json!("Abe"), &json!("a.gray@example.edu"))
    );
    site.refuses(json!({"sub": "old"}), "Your account is disabled.").await;
}

#[tokio::test]
async fn a_student_who_was_deleted_and_added_again_gets_the_new_account() {
    let site = Site::open("liar.mjs").await;
    let ana = json!({"sub": "ana", "email": "ana@example.edu"});
    site.signs_in(ana.clone()).await.1.is_ok();
    site.ask("DELETE", "/api/v1/students/1").await.is(204);
    site.refuses(ana.clone(), "The student of your account was deleted.").await;
    site.student("Ana", "ana@example.edu").await;
    let (mut browser, _) = site.signs_in(ana.clone()).await;
    assert_eq!(browser.me().await["student_id"], 5);
    let accounts = site.accounts().await;
    assert_eq!(accounts[1]["address"], "ana@example.edu");
    assert_ne!(accounts[0]["address"], "ana@example.edu");
    site.signs_in(ana.clone()).await.1.is_ok();
    assert_eq!(site.accounts().await.len(), 2);

    // Whom an admin has shut out does not come in again that way.
    site.change_account(&accounts[1]["id"], json!({"enabled": false})).await.is_ok();
    site.ask("DELETE", "/api/v1/students/5").await.is(204);
    site.student("Ana", "ana@example.edu").await;
    site.refuses(ana.clone(), "Your account is disabled.").await;
    site.unlink(&accounts[1]["id"]).await.is(204);
    site.refuses(ana, "Your account is disabled.").await;
}

#[tokio::test]
async fn a_deleted_student_at_a_proxy_gets_the_new_account_too() {
    let database = Database::new();
    let token = admin_token(&database);
    let flags = ["--trust-user-header", "X-Remote-User", "--trusted-proxy", "127.0.0.1"];
    let process = serve(&database, &flags).await;
    let client = Client::new(process.address);
    let admin = |method: &str, path: &str| {
        client.ask(method, path).header("authorization", &format!("Bearer {token}"))
    };
    let me = async || client.ask("GET", "/api/v1/me").header("X-Remote-User", "ana@example.edu").await;
    let body = json!({"name": "Ana", "email": "ana@example.edu"});
    admin("POST", "/api/v1/students").json(&body).await.is_created();
    assert_eq!(me().await.is_ok().json()["student_id"], 1);
    admin("DELETE", "/api/v1/students/1").await.is(204);
    me().await.is_refused(403, "forbidden");
    admin("POST", "/api/v1/students").json(&body).await.is_created();
    let ana = me().await.is_ok().json();
    assert_eq!(ana["student_id"], 2);
    // Unlinked, it is found again by the same name.
    let id = ana["actor"].as_str().unwrap().strip_prefix("account:").unwrap().to_owned();
    admin("DELETE", &format!("/api/v1/accounts/{id}/identities")).await.is(204);
    assert_eq!(me().await.is_ok().json()["actor"], ana["actor"]);
    let page = admin("GET", "/accounts").header("accept", "text/html").await.is_ok();
    assert!(page.text().contains("linked to <bdi>the proxy</bdi>"), "{}", page.text());
}

#[tokio::test]
async fn a_wrong_account_that_is_disabled_does_not_shut_out_the_student() {
    let site = Site::open("liar.mjs").await;
    let student = site.student("Amy", "bob@example.edu").await;
    site.signs_in(bob()).await.1.is_ok();
    site.ask("PATCH", &student).json(&json!({"email": "amy@example.edu"})).await.is_ok();
    let wrong = site.accounts().await[0]["id"].clone();
    site.change_account(&wrong, json!({"enabled": false})).await.is_ok();
    let (mut browser, _) = site.signs_in(amy()).await;
    assert_eq!(browser.me().await["student_id"], 5);
    site.refuses(bob(), "Your account is disabled.").await;

    // One that an admin has made for a student, next to a disabled one, is the student's.
    for (address, enabled) in [("first@example.edu", false), ("second@example.edu", true)] {
        let account = json!({"name": "Ana", "address": address, "role": "student", "student_id": 1});
        let account = site.ask("POST", "/api/v1/accounts").json(&account).await.is_created().json();
        site.change_account(&account["id"], json!({"enabled": enabled})).await.is_ok();
    }
    site.signs_in(json!({"sub": "ana", "email": "ana@example.edu"})).await.1.is_ok();
}

#[tokio::test]
async fn whom_an_admin_has_shut_out_is_not_let_in_by_matching_anew() {
    let site = Site::open("liar.mjs").await;
    // An account with a password, at another address; its owner has never come from the provider.
    let account = json!({"name": "Ben", "address": "b@example.com", "role": "student", "student_id": 2});
    let account = site.ask("POST", "/api/v1/accounts").json(&account).await.is_created().json();
    site.change_account(&account["id"], json!({"enabled": false})).await.is_ok();
    site.refuses(json!({"sub": "ben", "email": "ben@example.edu"}), "Your account is disabled.").await;

    // One from the provider, which is unlinked after that; also with another identifier.
    let ana = json!({"sub": "ana", "email": "ana@example.edu"});
    site.signs_in(ana.clone()).await.1.is_ok();
    let id = site.accounts().await[1]["id"].clone();
    site.change_account(&id, json!({"enabled": false})).await.is_ok();
    site.refuses(ana.clone(), "Your account is disabled.").await;
    site.refuses(json!({"sub": "ana2", "email": "ana@example.edu"}), "Your account is disabled.").await;
    site.unlink(&id).await.is(204);
    site.refuses(ana, "Your account is disabled.").await;

    // And one of staff without an address.
    let office = json!({"sub": "k2", "email": null, "groups": ["office"]});
    site.signs_in(office.clone()).await.1.is_ok();
    let id = site.accounts().await[2]["id"].clone();
    site.change_account(&id, json!({"enabled": false})).await.is_ok();
    site.unlink(&id).await.is(204);
    site.refuses(office.clone(), "Your account is disabled.").await;
    site.change_account(&id, json!({"enabled": true})).await.is_ok();
    let (mut browser, _) = site.signs_in(office).await;
    assert_eq!(browser.me().await["actor"], json!(format!("account:{id}")));
}

#[tokio::test]
async fn an_account_of_staff_that_is_linked_again_follows_the_groups_as_before() {
    let site = Site::open("liar.mjs").await;
    let with = |groups: Value| json!({"sub": "kim", "email": "kim@example.edu", "groups": groups});
    site.signs_in(with(json!(["office"]))).await.1.is_ok();
    let id = site.accounts().await[0]["id"].clone();
    site.unlink(&id).await.is(204);
    site.refuses(with(json!([])), "Your groups give you no role here.").await;
    site.signs_in(with(json!(["faculty"]))).await.1.is_ok();
    assert_eq!(site.accounts().await[0]["role"], "instructor");
    site.refuses(with(json!([])), "Your groups give you no role here.").await;
    assert_ne!(site.accounts().await[0]["disabled_at"], Value::Null);
}
