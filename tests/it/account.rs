//! What people do with their own account: see and end their sessions, change the password.

use std::time::Duration;

use crate::school::{Browser, Look, Reply, School};
use crate::sign_in::{PASSWORD, WithCookie, account, cookie, form, school, set_password, sign_in};

const NEW_PASSWORD: &str = "eight loud lanterns";

/// The page of one's own account.
async fn page(school: &School, session: &str) -> String {
    school.get("/account").with_cookie(session).await.is_ok().text().to_owned()
}

/// The names of the sessions on a page, in its order.
fn sessions(page: &str) -> Vec<String> {
    let forms = page.split("action=\"/account/sessions/").skip(1);
    forms.map(|form| form[..16].to_owned()).collect()
}

async fn ends(school: &School, by: &str, session: &str) -> Reply {
    let path = format!("/account/sessions/{session}/end");
    form(school.ask("POST", &path), &[]).with_cookie(by).await
}

async fn changes_password(school: &School, session: &str, present: &str, new: &str) -> Reply {
    let fields = [("username", "ruth@example.edu"), ("present", present), ("password", new)];
    form(school.ask("POST", "/account/password"), &fields).with_cookie(session).await
}

#[tokio::test]
async fn people_see_their_sessions_and_end_each_of_them() {
    let (school, first) = school().await;
    school.let_pass(Duration::from_mins(10));
    let second = cookie(&sign_in(&school, "ruth@example.edu", PASSWORD).await.is(303));
    let shown = page(&school, &second).await;
    let names = sessions(&shown);
    assert_eq!(names.len(), 2, "{shown}");
    let (own, _) = shown.split_once("this browser").unwrap();
    assert!(sessions(own).is_empty(), "the one that was used last is this one, and comes first: {shown}");
    assert!(
        shown.contains("2026-09-01T08:00:00.000Z") && shown.contains("2026-09-01T08:10:00.000Z"),
        "{shown}"
    );
    // The name is a part of the hash, and nothing on the page is the whole of it, or the secret.
    let secret = |session: &str| session.split_once('=').unwrap().1.to_owned();
    assert!(!shown.contains(&secret(&first)) && !shown.contains(&secret(&second)));
    for hash in school.database().other_program().column("select hash from matricula_sessions") {
        assert!(names.contains(&hash[..16].to_owned()) && !shown.contains(&hash[..17]), "{hash}: {shown}");
    }

    let other = &names[1];
    for wrong in ["0123456789abcdef", &other.to_uppercase(), &other[..15], "%27%20or%201=1--"] {
        let status = ends(&school, &second, wrong).await.status;
        assert!(status == 303 || status == 404, "{wrong}: {status}");
    }
    school.get("/api/v1/me").with_cookie(&first).await.is_ok();
    assert_eq!(ends(&school, &second, other).await.is(303).header("location"), "/account");
    school.get("/api/v1/me").with_cookie(&first).await.is_refused(401, "unauthorized");
    assert_eq!(sessions(&page(&school, &second).await), names[..1]);

    // This one: the cookie goes too.
    let out = ends(&school, &second, &names[0]).await.is(303);
    assert_eq!(out.header("location"), "/sign-in");
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    school.get("/api/v1/me").with_cookie(&second).await.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn nobody_ends_the_session_of_somebody_else() {
    let (school, ruth) = school().await;
    let ben =
        [("name", "Ben Office"), ("address", "ben@example.edu"), ("role", "registrar"), ("student", "")];
    let link = account(&school, Some(&ruth), &ben).await;
    let ben = cookie(&set_password(&school, &link, PASSWORD).await.is(303));
    let of_ben = sessions(&page(&school, &ben).await);
    let of_ruth = sessions(&page(&school, &ruth).await);
    assert_eq!((of_ben.len(), of_ruth.len()), (1, 1));
    assert_ne!(of_ben, of_ruth);
    ends(&school, &ben, &of_ruth[0]).await.is(303);
    ends(&school, &ruth, &of_ben[0]).await.is(303);
    for session in [&ben, &ruth] {
        school.get("/api/v1/me").with_cookie(session).await.is_ok();
    }
    // Nor a page of another site.
    let path = format!("/account/sessions/{}/end", of_ruth[0]);
    let forged = school.ask("POST", &path).with_cookie(&ruth).header("sec-fetch-site", "cross-site");
    forged.header("content-type", "application/x-www-form-urlencoded").body(String::new()).await.is(403);
}

#[tokio::test]
async fn another_server_obeys_the_end_of_a_session() {
    let (school, first) = school().await;
    let second = cookie(&sign_in(&school, "ruth@example.edu", PASSWORD).await.is(303));
    let other = School::open_at(school.database()).await;
    other.get("/api/v1/me").with_cookie(&first).await.is_ok();
    let of_first = page(&school, &first).await;
    let (_, own) = of_first.split_once("this browser").unwrap();
    ends(&school, &second, &sessions(own)[0]).await.is(303);
    crate::school::eventually("the other server knows", async || {
        other.get("/api/v1/me").with_cookie(&first).await.status == 401
    })
    .await;
}

#[tokio::test]
async fn a_changed_password_ends_all_sessions_and_opens_a_new_one() {
    let (school, first) = school().await;
    let second = cookie(&sign_in(&school, "ruth@example.edu", PASSWORD).await.is(303));
    let changed = changes_password(&school, &second, PASSWORD, NEW_PASSWORD).await.is(303);
    assert_eq!(changed.header("location"), "/account?changed=password");
    let third = cookie(&changed);
    for ended in [&first, &second] {
        school.get("/api/v1/me").with_cookie(ended).await.is_refused(401, "unauthorized");
    }
    let done = school.get("/account?changed=password").with_cookie(&third).await.is_ok();
    assert!(done.text().contains("Your password has been changed"));
    assert_eq!(sessions(done.text()).len(), 1);
    sign_in(&school, "ruth@example.edu", PASSWORD).await.is(422);
    sign_in(&school, "ruth@example.edu", NEW_PASSWORD).await.is(303);

    let log = school.get("/api/v1/events?type=account.changed").with_cookie(&third).await.is_ok().json();
    let last = log.as_array().unwrap().last().unwrap();
    let me = school.get("/api/v1/me").with_cookie(&third).await.is_ok().json();
    assert_eq!(last["actor"], me["actor"]);
    let id: i64 = me["actor"].as_str().unwrap().trim_start_matches("account:").parse().unwrap();
    assert_eq!(last["data"], serde_json::json!({"account_id": id, "password": "set"}));
}

#[tokio::test]
async fn a_new_password_needs_the_present_one_and_obeys_the_rules() {
    let (school, session) = school().await;
    for (present, new, reason) in [
        (PASSWORD, "short", "at least 12"),
        (PASSWORD, "I am ruth@example.edu", "must not"),
        ("not the right one", NEW_PASSWORD, "not your present password"),
        ("", NEW_PASSWORD, "not your present password"),
    ] {
        let page = changes_password(&school, &session, present, new).await.is(422);
        assert!(page.text().contains(reason), "{present} {new}: {}", page.text());
        assert!(!page.text().contains(NEW_PASSWORD) && !page.text().contains(PASSWORD));
    }
    let empty = form(school.ask("POST", "/account/password"), &[("present", PASSWORD)]);
    empty.with_cookie(&session).await.is(422);
    sign_in(&school, "ruth@example.edu", PASSWORD).await.is(303);
    school.get("/api/v1/me").with_cookie(&session).await.is_ok();
}

#[tokio::test]
async fn a_stolen_session_is_no_way_to_guess_the_password() {
    let (school, session) = school().await;
    for _ in 0..5 {
        changes_password(&school, &session, "not the right one", NEW_PASSWORD).await.is(422);
    }
    let throttled = changes_password(&school, &session, PASSWORD, NEW_PASSWORD).await.is(429);
    assert!(throttled.header("retry-after").parse::<u64>().unwrap() > 0);
    assert!(throttled.text().contains("Too many attempts"));
    // It is the same account for both, so a guess at one is a guess at the other.
    sign_in(&school, "ruth@example.edu", PASSWORD).await.is(429);
    school.let_pass(Duration::from_mins(20));
    changes_password(&school, &session, PASSWORD, NEW_PASSWORD).await.is(303);
}

#[tokio::test]
async fn of_two_changes_at_once_one_counts() {
    let (school, session) = school().await;
    let (one, two) = tokio::join!(
        changes_password(&school, &session, PASSWORD, NEW_PASSWORD),
        changes_password(&school, &session, PASSWORD, "nine purple lanterns"),
    );
    let has_changed = |reply: &Reply| reply.status == 303 && reply.header("location").contains("changed");
    assert!(has_changed(&one) != has_changed(&two), "{one:?} {two:?}");
    let (new, old) = if has_changed(&one) {
        (NEW_PASSWORD, "nine purple lanterns")
    } else {
        ("nine purple lanterns", NEW_PASSWORD)
    };
    sign_in(&school, "ruth@example.edu", old).await.is(422);
    sign_in(&school, "ruth@example.edu", new).await.is(303);
}

#[tokio::test]
async fn every_page_of_somebody_who_has_signed_in_has_the_button_to_sign_out() {
    let (school, session) = school().await;
    for path in
        ["/courses", "/students", "/students/1", "/courses/1", "/registration", "/accounts", "/account"]
    {
        let page = school.get(path).with_cookie(&session).await.is_ok();
        assert_eq!(page.text().matches("action=\"/sign-out\"").count(), 1, "{path}");
    }
    let page = school.get("/sign-in").await.is_ok();
    assert!(!page.text().contains("/sign-out"));
}

#[tokio::test]
async fn a_program_has_no_account() {
    let (school, session) = school().await;
    let body = serde_json::json!({"name": "office", "role": "admin"});
    let created = school.post("/api/v1/tokens", body).header("sec-fetch-site", "same-origin");
    let token = created.with_cookie(&session).await.is_created().json()["token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    school.get("/account").header("authorization", &bearer).await.is(303);
    let fields = [("present", PASSWORD), ("password", NEW_PASSWORD)];
    form(school.ask("POST", "/account/password"), &fields).header("authorization", &bearer).await.is(403);
    form(school.ask("POST", "/account/sessions/0123456789abcdef/end"), &[])
        .header("authorization", &bearer)
        .await
        .is(403);
}

#[tokio::test]
async fn in_a_browser_people_change_their_password_end_a_session_and_sign_out() {
    let (school, _) = school().await;
    for (look, [old, new]) in Look::BOTH.into_iter().zip([[PASSWORD, NEW_PASSWORD], [NEW_PASSWORD, PASSWORD]])
    {
        let page = Browser::with_look(&school, look).await;
        page.goto("/sign-in?next=/account").await;
        page.type_into("E-mail address", "ruth@example.edu").await;
        page.type_into("Password", old).await;
        page.press("Enter").await;
        page.waits_for_text("Where you are signed in").await;
        page.looks_right("account").await;
        page.type_into("Present password", "not the right one").await;
        page.type_into("New password", new).await;
        page.press("Enter").await;
        page.waits_for_text("This is not your present password.").await;
        page.expects_status(422);
        page.type_into("Present password", old).await;
        page.type_into("New password", new).await;
        page.press("Enter").await;
        page.waits_for_text("Your password has been changed.").await;
        assert_eq!(page.find_all("main td form").await.len(), 1);
        page.goto("/tokens").await;
        page.looks_right("account-tokens").await;
        page.click_text("Sign out").await;
        page.waits_for_path("/sign-in").await;
        page.goto("/account").await;
        page.waits_for_path("/sign-in?next=%2Faccount").await;
        page.has_no_complaints().await;
        page.loads_nothing_from_elsewhere().await;
    }
}

#[tokio::test]
async fn a_double_click_on_change_password_ends_on_my_account() {
    let (school, session) = school().await;
    let (first, second) = tokio::join!(
        changes_password(&school, &session, PASSWORD, NEW_PASSWORD),
        changes_password(&school, &session, PASSWORD, NEW_PASSWORD)
    );
    for reply in [first, second] {
        assert!(reply.is(303).header("location").starts_with("/account"));
    }
    sign_in(&school, "ruth@example.edu", NEW_PASSWORD).await.is(303);
}

#[tokio::test]
async fn of_a_form_with_a_password_nothing_is_stored_and_the_new_one_has_to_be_new() {
    let (school, session) = school().await;
    let same = changes_password(&school, &session, PASSWORD, PASSWORD).await.is(422);
    assert!(same.text().contains("The new password is the present one."), "{}", same.text());
    let fields = [("present", PASSWORD), ("password", NEW_PASSWORD), ("idempotency_key", "once")];
    let asked = form(school.ask("POST", "/account/password"), &fields).header("idempotency-key", "once");
    asked.with_cookie(&session).await.is(303);
    let keys =
        school.database().other_program().column("select key from idempotency_keys where key like '%once%'");
    assert_eq!(keys, [""; 0]);
}
