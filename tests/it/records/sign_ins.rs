//! Sign-ins.

use std::time::Duration;

use matricula::access::passwords::Password;
use matricula::clock::Clock;
use serde_json::Value;

use super::{As as _, PASSWORD, RUTH, account, cookie, form, school, sign_in};
use crate::school::{School, eventually};

/// The record of sign-ins, one line for each entry.
async fn record(school: &School, admin: &str, query: &str) -> Vec<String> {
    let entries = school.get(&format!("/api/v1/sign-ins{query}")).by(admin).await.is_ok().json();
    let line = |entry: &Value| {
        let text = |field: &str| entry[field].as_str().unwrap_or("-").to_owned();
        format!("{} {} {} {}", text("account_name"), text("outcome"), text("way"), entry["times"])
    };
    entries.as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn each_outcome_of_a_sign_in_is_recorded() {
    let (school, admin) = school().await;
    // With the session, in one transaction: it is there at once.
    assert_eq!(record(&school, &admin, "").await, ["Ruth signed-in link 1"]);
    let second = cookie(&sign_in(&school, RUTH, PASSWORD).await.is(303));
    assert_eq!(record(&school, &admin, "").await[1..], ["Ruth signed-in password 1"]);
    form(school.ask("POST", "/sign-out"), &[]).by(&second).await.is(303);
    assert_eq!(record(&school, &admin, "").await[2..], ["Ruth signed-out - 1"]);

    // Failures are counted, one entry a minute.
    for _ in 0..5 {
        sign_in(&school, RUTH, "not the right one").await.is(422);
    }
    sign_in(&school, "nobody@example.edu", "not the right one").await.is(422);
    for _ in 0..3 {
        sign_in(&school, RUTH, PASSWORD).await.is(429);
    }
    eventually("the failures are recorded", async || {
        let mut failures = record(&school, &admin, "").await.split_off(3);
        failures.sort();
        failures == ["- failed password 1", "Ruth failed password 5", "Ruth waiting password 3"]
    })
    .await;
    school.let_pass(Duration::from_mins(2));
    sign_in(&school, RUTH, "not the right one").await.is(422);
    eventually("a later failure is an entry of its own", async || {
        record(&school, &admin, "?outcome=failed").await.last().unwrap() == "Ruth failed password 1"
    })
    .await;
    form(school.ask("POST", "/account/sign-out-everywhere"), &[]).by(&admin).await.is(303);
    school.let_pass(Duration::from_mins(20));
    let admin = cookie(&sign_in(&school, RUTH, PASSWORD).await.is(303));
    assert_eq!(record(&school, &admin, "").await[7..], ["Ruth signed-out - 1", "Ruth signed-in password 1"]);
}

#[tokio::test]
async fn a_disabled_account_fails_as_itself_and_a_replaced_session_is_no_sign_out() {
    let (school, admin) = school().await;
    account(&school, Some(&admin), "Ben", "registrar", "").await;
    let accounts = school.get("/api/v1/accounts").by(&admin).await.is_ok().json();
    let disable = format!("/accounts/{}/disable", accounts[1]["id"]);
    form(school.ask("POST", &disable), &[]).by(&admin).await.is_ok();
    sign_in(&school, "ben@example.edu", PASSWORD).await.is(422);
    eventually("the failure is recorded", async || {
        record(&school, &admin, "?outcome=failed").await == ["Ben failed password 1"]
    })
    .await;
    let again = form(school.ask("POST", "/sign-in"), &[("address", RUTH), ("password", PASSWORD)]);
    let admin = cookie(&again.by(&admin).await.is(303));
    assert_eq!(record(&school, &admin, "?outcome=signed-out").await, [""; 0]);
}

#[tokio::test]
async fn what_happens_on_my_account_is_recorded_and_failures_hide_no_sign_in() {
    let (school, admin) = school().await;
    school.let_pass(Duration::from_mins(5));
    let second = cookie(&sign_in(&school, RUTH, PASSWORD).await.is(303));
    let page = school.get("/account").by(&second).await.is_ok();
    let (_, first) = page.text().rsplit_once("/account/sessions/").unwrap();
    let end = format!("/account/sessions/{}", &first[..first.find('"').unwrap()]);
    form(school.ask("POST", &end), &[]).by(&second).await.is(303);
    school.get("/api/v1/me").by(&admin).await.is_refused(401, "unauthorized");
    assert_eq!(record(&school, &second, "?outcome=signed-out").await, ["Ruth signed-out - 1"]);

    for status in [422, 422, 422, 422, 422, 429] {
        let fields = [("present", "not the right one"), ("password", "nine quiet lanterns")];
        form(school.ask("POST", "/account/password"), &fields).by(&second).await.is(status);
    }
    eventually("the failures are recorded", async || {
        let mut failures = record(&school, &second, "").await.split_off(3);
        failures.sort();
        failures == ["Ruth failed password 5", "Ruth waiting password 1"]
    })
    .await;
    let page = school.get("/account").by(&second).await.is_ok();
    let (sign_ins, failures) = page.text().split_once("Wrong passwords").unwrap();
    assert!(sign_ins.contains("signed in with a link") && failures.contains("failed"), "{}", page.text());
}

#[tokio::test]
async fn a_failure_is_recorded_when_the_server_stops_right_after_it_and_what_was_typed_is_nowhere() {
    let (school, _) = school().await;
    sign_in(&school, "my own secret passphrase", "typed into the wrong field").await.is(422);
    let database = school.close().await;
    let other = database.other_program();
    let dump = other.column(
        "select at || coalesce(account_id, 0) || outcome || coalesce(way, '') || coalesce(network, '') || times \
         from matricula_sign_ins order by id",
    );
    assert_eq!(dump.len(), 2, "{dump:?}");
    assert!(dump[1].ends_with("0failedpassword1"), "{dump:?}");
    let events = other.column("select type || coalesce(actor, '') || data from events").concat();
    assert!(!(dump.concat() + &events).contains("secret"), "{dump:?}");
}

#[tokio::test]
async fn a_sign_in_that_is_given_up_while_its_password_is_checked_has_failed() {
    let (school, _) = school().await;
    let database = school.close().await;
    let school = matricula::server::School::open(database.location(), Clock::System, None).await.unwrap();
    let attempt = || {
        let wrong = Password::new("not the right one".to_owned());
        Box::pin(school.app.sign_in.open_session(RUTH, wrong, None))
    };
    // When one is answered, the others are in the middle of it; dropping them is what hanging up does.
    let (answer, _, others) = futures_util::future::select_all((0..4).map(|_| attempt())).await;
    answer.unwrap_err();
    drop(others);
    school.close().await;
    let failed = "select times from matricula_sign_ins where outcome = 'failed' and times > 1";
    assert_eq!(database.other_program().column(failed).len(), 1);
}

#[tokio::test]
async fn a_failure_that_cannot_be_recorded_gets_the_same_answer_and_is_recorded_later() {
    let (school, admin) = school().await;
    school.other_program_runs("alter table matricula_sign_ins rename to hidden_sign_ins");
    sign_in(&school, RUTH, "not the right one").await.is(422);
    // No session without its record.
    let refused = sign_in(&school, RUTH, PASSWORD).await;
    assert!(refused.status.is_server_error(), "{refused:?}");
    school.other_program_runs("alter table hidden_sign_ins rename to matricula_sign_ins");
    eventually("the failures are recorded", async || {
        record(&school, &admin, "?outcome=failed").await == ["Ruth failed password 2"]
    })
    .await;
    sign_in(&school, RUTH, PASSWORD).await.is(303);
}

#[tokio::test]
async fn admins_read_and_filter_sign_ins_and_nobody_else_does() {
    let (school, admin) = school().await;
    let registrar = account(&school, Some(&admin), "Ben", "registrar", "").await;
    let student = account(&school, Some(&admin), "Ana", "student", "1").await;
    sign_in(&school, RUTH, PASSWORD).await.is(303);
    let accounts = school.get("/api/v1/accounts").by(&admin).await.is_ok().json();
    let ruth = format!("?account_id={}", accounts[0]["id"]);
    assert_eq!(record(&school, &admin, &ruth).await, ["Ruth signed-in link 1", "Ruth signed-in password 1"]);
    assert_eq!(record(&school, &admin, &format!("{ruth}&outcome=failed")).await, [""; 0]);
    let newest = record(&school, &admin, "?order=desc&limit=2").await;
    assert_eq!(newest, ["Ruth signed-in password 1", "Ana signed-in link 1"]);
    let first = school.get("/api/v1/sign-ins?limit=3").by(&admin).await.is_ok();
    assert_eq!(first.header("x-total-count"), "4");
    let next = first.next_page().unwrap().split_once("/api").unwrap().1.to_owned();
    let last = school.get(&format!("/api{next}")).by(&admin).await.is_ok();
    assert_eq!((last.json().as_array().unwrap().len(), last.next_page()), (1, None));
    for (query, parameter) in [("account_id=0", "account_id"), ("outcome=lucky", "outcome"), ("x=1", "x")] {
        let path = format!("/api/v1/sign-ins?{query}");
        let problem = school.get(&path).by(&admin).await.is_refused(400, "invalid-request");
        assert_eq!(problem["errors"][0]["parameter"], parameter);
    }
    for other in [&registrar, &student] {
        school.get("/api/v1/sign-ins").by(other).await.is_refused(403, "forbidden");
        school.get("/sign-ins").by(other).header("accept", "text/html").await.is(403);
    }

    let page = school.get("/sign-ins").by(&admin).await.is_ok();
    for words in
        ["Ana</bdi>", "signed in with a link", "New account with the role student:", "by <bdi>Ruth</bdi>"]
    {
        assert!(page.text().contains(words), "{words}: {}", page.text());
    }
    let page = school.get("/sign-ins?account_id=&outcome=failed").by(&admin).await.is_ok();
    assert!(page.text().contains("No sign-ins are recorded"), "{}", page.text());
    let accounts = school.get("/accounts").by(&admin).await.is_ok();
    assert!(accounts.text().contains("href=\"/sign-ins\""));
    let own = school.get("/account").by(&student).await.is_ok();
    assert!(own.text().contains("signed in with a link") && !own.text().contains("Ruth"), "{}", own.text());
}

#[tokio::test]
async fn the_network_is_recorded_and_not_that_of_a_proxy_on_this_machine() {
    let (school, _) = school().await;
    let database = school.close().await;
    let networks = "select coalesce(network, 'none') from matricula_sign_ins order by id";
    assert_eq!(database.other_program().column(networks), ["none"]);
    let school = matricula::server::School::open(database.location(), Clock::System, None).await.unwrap();
    for network in ["203.0.113.7", "2001:db8:1:2::"] {
        let from = Some(network.parse().unwrap());
        school.app.sign_in.open_session(RUTH, Password::new(PASSWORD.to_owned()), from).await.unwrap();
    }
    let wrong = Password::new("not the right one".to_owned());
    school.app.sign_in.open_session(RUTH, wrong, Some([203, 0, 113, 7].into())).await.unwrap_err();
    school.close().await;
    let found = database.other_program().column(networks);
    assert_eq!(found, ["none", "203.0.113.7", "2001:db8:1:2::/64", "203.0.113.7"]);
}

#[tokio::test]
async fn records_are_deleted_after_400_days() {
    let (school, _) = school().await;
    let ids = "select id from matricula_sign_ins";
    school.let_pass(Duration::from_hours(399 * 24));
    sign_in(&school, RUTH, PASSWORD).await.is(303);
    assert_eq!(school.other_program().column(ids).len(), 2);
    school.let_pass(Duration::from_hours(2 * 24));
    eventually("the old entry is gone", async || school.other_program().column(ids) == ["2"]).await;
}
