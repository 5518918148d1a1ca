//! Somebody’s groups at the provider are taken away: the account has no role while that is so, except that of the last
//! admin.

use std::fs::{self, File};

use serde_json::{Value, json};

use crate::school::Reply;
use crate::sign_on::{Site, Visitor};

const PASSWORD: &str = "seven quiet lanterns";

fn kim(groups: &[&str]) -> Value {
    json!({"sub": "kim", "name": "Kim", "email": "kim@example.edu", "groups": groups})
}

impl Site {
    async fn gives_a_password(&self, id: &Value) -> Visitor {
        let page = self.ask("POST", &format!("/accounts/{id}/link"));
        let page = page.header("content-type", "application/x-www-form-urlencoded").body("").await.is_ok();
        let (_, link) = page.text().split_once("/set-password/").unwrap();
        let (link, _) = link.split_once('<').unwrap();
        let mut browser = self.browser();
        browser.post(&format!("/set-password/{link}"), &[("password", PASSWORD)]).await.1.is_ok();
        browser
    }

    async fn signs_in_with_the_password(&self) -> Reply {
        let fields = [("address", "kim@example.edu"), ("password", PASSWORD), ("next", "/api/v1/me")];
        self.browser().post("/sign-in", &fields).await.1
    }

    async fn is_shut_out(&self, groups: &[&str], reason: &str) {
        let page = self.signs_in(kim(groups)).await.1.is(403);
        assert!(page.text().contains(reason), "{}", page.text());
        self.signs_in_with_the_password().await.is(422);
    }

    async fn enables(&self, id: &Value, enabled: bool) {
        let change = json!({"enabled": enabled});
        self.ask("PATCH", &format!("/api/v1/accounts/{id}")).json(&change).await.is_ok();
    }
}

#[tokio::test]
async fn without_groups_the_password_gives_no_role_either() {
    let site = Site::open("liar.mjs").await;
    site.signs_in(kim(&["office"])).await.1.is_ok();
    let id = site.accounts().await[0]["id"].clone();
    let mut browser = site.gives_a_password(&id).await;
    site.signs_in_with_the_password().await.is_ok();
    assert_eq!(browser.me().await["role"], "registrar");

    site.is_shut_out(&[], "Your groups give you no role here.").await;
    browser.visit("/api/v1/me").await.1.is(401);
    let entry = site.last_change().await;
    assert_eq!((&entry["actor"], &entry["data"]["enabled"]), (&json!("sign-on"), &json!(false)));
    let page = site.ask("GET", "/accounts").header("accept", "text/html").await.is_ok();
    assert!(page.text().contains("disabled: no role by groups"), "{}", page.text());
    site.is_shut_out(&[], "Your groups give you no role here.").await;
    assert_eq!(site.last_change().await["seq"], entry["seq"]);

    // The groups come back.
    site.signs_in(kim(&["faculty"])).await.1.is_ok();
    let me = site.signs_in_with_the_password().await.is_ok().json();
    assert_eq!(me["role"], "instructor");
}

#[tokio::test]
async fn groups_do_not_undo_what_an_admin_has_disabled() {
    let site = Site::open("liar.mjs").await;
    site.signs_in(kim(&["office"])).await.1.is_ok();
    let id = site.accounts().await[0]["id"].clone();
    site.gives_a_password(&id).await;
    site.enables(&id, false).await;
    site.is_shut_out(&[], "Your account is disabled.").await;
    site.is_shut_out(&["office"], "Your account is disabled.").await;

    // Also if the groups had gone before.
    site.enables(&id, true).await;
    site.signs_in(kim(&[])).await.1.is(403);
    site.enables(&id, false).await;
    site.is_shut_out(&["office"], "Your account is disabled.").await;
    site.enables(&id, true).await;
    site.signs_in(kim(&["office"])).await.1.is_ok();
}

#[tokio::test]
async fn the_groups_do_not_take_the_role_of_the_last_admin() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let site = Site::open_with("liar.mjs", &["--log", "warn"], |command| {
        command.stderr(File::create(&log).unwrap());
    })
    .await;
    let token = site.ask("GET", "/api/v1/tokens").await.is_ok().json()[0]["id"].clone();
    let (mut browser, _) = site.signs_in(kim(&["admins"])).await;
    site.ask("DELETE", &format!("/api/v1/tokens/{token}")).await.is(204);
    for groups in [&[][..], &["office"]] {
        let (mut again, _) = site.signs_in(kim(groups)).await;
        assert_eq!(again.me().await["role"], "admin", "{groups:?}");
    }
    // Nor can the admin be unlinked, who has no other way in.
    let accounts = browser.visit("/api/v1/accounts").await.1.is_ok().json();
    let id = accounts[0]["id"].clone();
    let page = browser.post(&format!("/accounts/{id}/unlink"), &[]).await.1.is(409);
    assert!(page.text().contains("This is the only admin who can sign in."), "{}", page.text());

    // With another admin, the groups decide.
    let fields = [("name", "Ruth"), ("address", "ruth@example.com"), ("role", "admin"), ("student", "")];
    browser.post("/accounts", &fields).await.1.is_ok();
    let (mut again, _) = site.signs_in(kim(&["office"])).await;
    assert_eq!(again.me().await["role"], "registrar");
    assert!(site.process.terminate().await.success());
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("the only admin who can sign in") && !log.contains("kim"), "{log}");
}

#[tokio::test]
async fn an_admin_without_any_way_in_is_no_other_admin() {
    let site = Site::open("liar.mjs").await;
    let token = site.ask("GET", "/api/v1/tokens").await.is_ok().json()[0]["id"].clone();
    site.signs_in(kim(&["admins"])).await.1.is_ok();
    let (mut other, _) =
        site.signs_in(json!({"sub": "lee", "email": "lee@example.edu", "groups": ["admins"]})).await;
    let ids: Vec<_> = site.accounts().await.iter().map(|account| account["id"].clone()).collect();
    site.ask("DELETE", &format!("/api/v1/accounts/{}/identities", ids[0])).await.is(204);
    site.ask("DELETE", &format!("/api/v1/tokens/{token}")).await.is(204);
    // Kim could not sign in with anything that is known, so Lee stays.
    other.post(&format!("/accounts/{}/disable", ids[1]), &[]).await.1.is(409);
    other.post(&format!("/accounts/{}/unlink", ids[1]), &[]).await.1.is(409);
    site.signs_in(kim(&["admins"])).await.1.is_ok();
    other.post(&format!("/accounts/{}/unlink", ids[1]), &[]).await.1.is_ok();
    other.visit("/api/v1/me").await.1.is(401);
}
