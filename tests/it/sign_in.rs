//! People sign in with a password, on pages.

use std::time::Duration;

use matricula::http::limits::RequestLimits;
use serde_json::{Value, json};

use crate::school::{Database, Reply, RequestBuilder, School, matricula};

pub(crate) const PASSWORD: &str = "seven quiet lanterns";

/// A form as a browser sends it from a page of this server.
pub(crate) fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .header("accept", "text/html")
        .body(body.finish())
}

pub(crate) trait WithCookie {
    fn with_cookie(self, cookie: &str) -> Self;
}

impl WithCookie for RequestBuilder {
    fn with_cookie(self, cookie: &str) -> Self {
        self.header("cookie", cookie)
    }
}

/// The cookie of an answer, as a browser sends it back.
pub(crate) fn cookie(reply: &Reply) -> String {
    let set = reply.header("set-cookie");
    assert!(set.contains("; Path=/; HttpOnly; SameSite=Lax"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

/// Creates an account through the API and returns the path of its link.
pub(crate) async fn account(school: &School, admin: Option<&str>, fields: &[(&str, &str)]) -> String {
    let request = form(school.ask("POST", "/accounts"), fields);
    let page = match admin {
        Some(cookie) => request.with_cookie(cookie).await,
        None => request.await,
    };
    let text = page.is_ok().text().to_owned();
    let (_, link) = text.split_once("/set-password/").expect(&text);
    format!("/set-password/{}", &link[..43])
}

pub(crate) async fn set_password(school: &School, link: &str, password: &str) -> Reply {
    form(school.ask("POST", link), &[("password", password)]).await
}

pub(crate) async fn sign_in(school: &School, address: &str, password: &str) -> Reply {
    form(
        school.ask("POST", "/sign-in"),
        &[("address", address), ("password", password), ("next", "/account")],
    )
    .await
}

/// A school with the students 1 and 2, closed by the account of an admin, and the cookie of a session of theirs.
pub(crate) async fn school() -> (School, String) {
    let school = School::open().await;
    school.students(["Ana", "Ben"]).await;
    school.course("Algebra").await;
    let admin = [("name", "Ruth Admin"), ("address", "Ruth@example.edu"), ("role", "admin")];
    let link = account(&school, None, &admin).await;
    let signed_in = set_password(&school, &link, PASSWORD).await.is(303);
    let cookie = cookie(&signed_in);
    (school, cookie)
}

#[tokio::test]
async fn the_first_account_closes_the_school_and_its_owner_signs_in() {
    let (school, cookie) = school().await;
    school.get("/api/v1/students").await.is_refused(401, "unauthorized");
    let visit = school.get("/courses?page=2").header("accept", "text/html").await.is(303);
    assert_eq!(visit.header("location"), "/sign-in?next=%2Fcourses%3Fpage%3D2");
    let page = school.get("/courses").with_cookie(&cookie).await.is_ok();
    assert!(page.text().contains("My account") && !page.text().contains("This school is open"));
    let me = school.get("/api/v1/me").with_cookie(&cookie).await.is_ok().json();
    assert_eq!(me["role"], "admin");
    assert!(me["actor"].as_str().unwrap().starts_with("account:"), "{me}");

    // Signed out, the secret is worth nothing.
    let out = form(school.ask("POST", "/sign-out"), &[]).with_cookie(&cookie).await.is(303);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    school.get("/api/v1/me").with_cookie(&cookie).await.is_refused(401, "unauthorized");

    let signed_in = sign_in(&school, " ruth@EXAMPLE.edu ", PASSWORD).await.is(303);
    assert_eq!(signed_in.header("location"), "/account");
    let new = super::sign_in::cookie(&signed_in);
    assert_ne!(new, cookie);
    let page = school.get("/account").with_cookie(&new).await.is_ok();
    assert_eq!(page.text().matches("/end\"").count(), 1, "{}", page.text());
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_get_the_same_answer() {
    let (school, _) = school().await;
    let wrong = sign_in(&school, "ruth@example.edu", "not the right one").await.is(422);
    let unknown = sign_in(&school, "rath@example.edu", "not the right one").await.is(422);
    assert_eq!(wrong.text().replace("ruth@", "rath@"), unknown.text());
    assert!(wrong.text().contains("do not belong together"));
    for _ in 0..4 {
        sign_in(&school, "ruth@example.edu", "not the right one").await.is(422);
    }
    let throttled = sign_in(&school, "ruth@example.edu", PASSWORD).await.is(429);
    assert!(throttled.header("retry-after").parse::<u64>().unwrap() > 0);
    school.let_pass(Duration::from_mins(20));
    sign_in(&school, "ruth@example.edu", PASSWORD).await.is(303);
}

#[tokio::test]
async fn a_link_works_once_and_for_a_day_and_wants_a_good_password() {
    let (school, admin) = school().await;
    let ben =
        [("name", "Ben Office"), ("address", "ben@example.edu"), ("role", "registrar"), ("student", "")];
    let link = account(&school, Some(&admin), &ben).await;
    let page = school.get(&link).await.is_ok();
    assert!(page.text().contains("Ben Office"));
    for (weak, rule) in
        [("short", "at least 12"), ("aaaaaaaaaaaaaaaa", "repeat"), ("we are Ben Office", "must not")]
    {
        let page = set_password(&school, &link, weak).await.is(422);
        assert!(page.text().contains(rule) || page.text().contains("must not"), "{weak}: {}", page.text());
    }
    let first = set_password(&school, &link, PASSWORD).await.is(303);
    school.get(&link).await.is_refused(410, "link-ended");
    set_password(&school, &link, "eight loud lanterns").await.is(410);
    school.get("/api/v1/students").with_cookie(&cookie(&first)).await.is_ok();

    let again = account_link(&school, &admin, "Ben Office").await;
    school.let_pass(Duration::from_hours(25));
    school.get(&again).await.is_refused(410, "link-ended");
}

/// A new link for the account with this name.
async fn account_link(school: &School, admin: &str, name: &str) -> String {
    let accounts = school.get("/api/v1/accounts").with_cookie(admin).await.is_ok().json();
    let account = accounts.as_array().unwrap().iter().find(|account| account["name"] == name).unwrap();
    let path = format!("/accounts/{}/link", account["id"]);
    let page = form(school.ask("POST", &path), &[]).with_cookie(admin).await.is_ok();
    let (_, link) = page.text().split_once("/set-password/").unwrap();
    format!("/set-password/{}", &link[..43])
}

#[tokio::test]
async fn the_oldest_of_more_than_fifty_sessions_ends_at_once() {
    let (school, admin) = school().await;
    school.get("/api/v1/students").with_cookie(&admin).await.is_ok();
    school.let_pass(Duration::from_mins(1));
    for number in 1..50 {
        school.database().runs(&format!(
            "insert into matricula_sessions (hash, account_id, created_at, used_at, expires_at)
             select 'number {number}', account_id, created_at || '~', used_at, expires_at from matricula_sessions
             where hash not like 'number %'"
        ));
    }
    let latest = cookie(&sign_in(&school, "ruth@example.edu", PASSWORD).await.is(303));
    school.get("/api/v1/students").with_cookie(&admin).await.is_refused(401, "unauthorized");
    school.get("/api/v1/students").with_cookie(&latest).await.is_ok();
}

#[tokio::test]
async fn a_new_password_or_a_disabled_account_ends_every_session() {
    let (school, admin) = school().await;
    let ben =
        [("name", "Ben Office"), ("address", "ben@example.edu"), ("role", "registrar"), ("student", "")];
    let link = account(&school, Some(&admin), &ben).await;
    let first = cookie(&set_password(&school, &link, PASSWORD).await.is(303));
    let second = cookie(&sign_in(&school, "ben@example.edu", PASSWORD).await.is(303));
    for session in [&first, &second] {
        school.get("/api/v1/students").with_cookie(session).await.is_ok();
    }
    let link = account_link(&school, &admin, "Ben Office").await;
    let third = cookie(&set_password(&school, &link, "eight loud lanterns").await.is(303));
    for session in [&first, &second] {
        school.get("/api/v1/students").with_cookie(session).await.is_refused(401, "unauthorized");
    }
    school.get("/api/v1/students").with_cookie(&third).await.is_ok();
    sign_in(&school, "ben@example.edu", PASSWORD).await.is(422);

    let accounts = school.get("/api/v1/accounts").with_cookie(&admin).await.is_ok().json();
    let path = format!("/accounts/{}/disable", accounts[1]["id"]);
    form(school.ask("POST", &path), &[]).with_cookie(&admin).await.is_ok();
    school.get("/api/v1/students").with_cookie(&third).await.is_refused(401, "unauthorized");
    sign_in(&school, "ben@example.edu", "eight loud lanterns").await.is(422);

    // Sign out everywhere, by oneself.
    let other = cookie(&sign_in(&school, "ruth@example.edu", PASSWORD).await.is(303));
    form(school.ask("POST", "/account/sign-out-everywhere"), &[]).with_cookie(&other).await.is(303);
    school.get("/api/v1/me").with_cookie(&admin).await.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn a_session_ends_unused_after_half_a_day_and_in_any_case_after_two_weeks() {
    let (school, cookie) = school().await;
    for _ in 0..33 {
        school.let_pass(Duration::from_hours(10));
        school.get("/api/v1/me").with_cookie(&cookie).await.is_ok();
    }
    school.let_pass(Duration::from_hours(10));
    school.get("/api/v1/me").with_cookie(&cookie).await.is_refused(401, "unauthorized");
    let cookie = super::sign_in::cookie(&sign_in(&school, "ruth@example.edu", PASSWORD).await.is(303));
    school.let_pass(Duration::from_hours(13));
    school.get("/api/v1/me").with_cookie(&cookie).await.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn a_session_that_was_used_at_another_server_goes_on() {
    let (school, cookie) = school().await;
    school.get("/api/v1/me").with_cookie(&cookie).await.is_ok();
    school.let_pass(Duration::from_hours(13));
    // As another server writes it down; here the session is remembered as unused.
    let used = "update matricula_sessions set used_at = expires_at";
    school.other_program().execute_batch(used).unwrap();
    school.get("/api/v1/me").with_cookie(&cookie).await.is_ok();
}

#[tokio::test]
async fn a_write_with_a_session_needs_a_page_of_this_site() {
    let (school, cookie) = school().await;
    let write = || school.put("/api/v1/students/1/courses/1").with_cookie(&cookie);
    write().await.is_refused(403, "forbidden");
    write().header("sec-fetch-site", "cross-site").await.is_refused(403, "forbidden");
    write().header("origin", "https://evil.example").await.is_refused(403, "forbidden");
    write().header("sec-fetch-site", "same-origin").await.is_created();
    // Two cookies of this name: one of them may have been planted.
    school
        .get("/api/v1/me")
        .with_cookie(&format!("{cookie}; matricula=planted"))
        .await
        .is_refused(401, "unauthorized");
}

#[tokio::test]
async fn a_student_lands_on_their_own_page_and_enrolls_there() {
    let (school, admin) = school().await;
    let ana = [("name", "Ana"), ("address", "ana@example.edu"), ("role", "student"), ("student", "1")];
    let link = account(&school, Some(&admin), &ana).await;
    let cookie = cookie(&set_password(&school, &link, PASSWORD).await.is(303));
    let visit = |path: &str| school.get(path).with_cookie(&cookie).header("accept", "text/html");
    assert_eq!(visit("/").await.is(303).header("location"), "/my");
    assert_eq!(visit("/students/1").await.is(303).header("location"), "/my");
    let page = visit("/my").await.is_ok();
    assert!(page.text().contains("My courses") && !page.text().contains("/students"), "{}", page.text());
    let enroll = form(school.ask("POST", "/my/courses/1/enroll"), &[]);
    enroll.with_cookie(&cookie).await.is(303);
    let course = visit("/courses/1").await.is_ok();
    assert!(!course.text().contains("Roster") && !course.text().contains("Ana</bdi>"), "{}", course.text());
    visit("/students/2").await.is(404);
    form(school.ask("POST", "/students/2/courses"), &[("course_id", "1")]).with_cookie(&cookie).await.is(403);
    for path in ["/students", "/accounts", "/courses/1/roster", "/courses/new", "/students/1/edit"] {
        let refused = visit(path).await.is(403);
        assert!(refused.text().contains("Sign out"), "{}", refused.text());
    }
    let missing = visit("/courses/99").await.is(404);
    assert!(
        missing.text().contains("My courses") && !missing.text().contains("\"/students\""),
        "{}",
        missing.text()
    );
    let log = school.get("/api/v1/events?type=enrollment.created").with_cookie(&admin).await.is_ok().json();
    assert!(log[0]["actor"].as_str().unwrap().starts_with("account:"), "{log}");
}

#[tokio::test]
async fn behind_tls_the_cookie_belongs_to_this_host_alone() {
    let public_url = Some("https://courses.example.edu".parse().unwrap());
    let limits = RequestLimits { public_url, ..RequestLimits::default() };
    let school = School::open_with(limits).await;
    let admin = [("name", "Ruth"), ("address", "ruth@example.edu"), ("role", "admin")];
    let link = account(&school, None, &admin).await;
    let reply = set_password(&school, &link, PASSWORD).await.is(303);
    let set = reply.header("set-cookie");
    assert!(set.starts_with("__Host-matricula=") && set.contains("; Secure"), "{set}");
    school.get("/api/v1/me").with_cookie(&cookie(&reply)).await.is_ok();
    let plain = cookie(&reply).replace("__Host-", "");
    school.get("/api/v1/me").with_cookie(&plain).await.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn the_command_line_creates_the_first_account_next_to_a_server() {
    let school = School::open().await;
    let printed = matricula()
        .args(["account", "add", "--role", "admin", "Ruth Admin", "ruth@example.edu", "--database"])
        .arg(school.database().argument())
        .output()
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let (base, secret) = printed.trim_end().split_once("/set-password/").unwrap();
    assert_eq!((base, secret.len()), ("http://127.0.0.1:8080", 43));
    crate::school::eventually("the server is closed", async || school.get("/api/v1/me").await.status == 401)
        .await;
    // The command used the system's clock, which is ahead of the clock of this test.
    let reply = set_password(&school, &format!("/set-password/{secret}"), PASSWORD).await.is(303);
    let me = school.get("/api/v1/me").with_cookie(&cookie(&reply)).await.is_ok().json();
    assert_eq!(me["role"], "admin");
}

#[tokio::test]
async fn no_password_and_no_session_is_in_the_database() {
    let (school, cookie) = school().await;
    let database: Database = school.close().await;
    let other = database.other_program();
    let accounts = other.column("select name || address || coalesce(password, '') from matricula_accounts");
    let sessions = other.column("select hash || created_at from matricula_sessions");
    let events = other.column("select type || data from events");
    let dump = [accounts, sessions, events].concat().concat();
    assert!(dump.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "{dump}");
    let (_, secret) = cookie.split_once('=').unwrap();
    assert!(!dump.contains(PASSWORD) && !dump.contains(secret));
    let names: Value = json!(other.column("select data from events").concat());
    assert!(!names.to_string().contains("Ruth"), "{names}");
}

#[tokio::test]
async fn a_write_that_arrived_before_the_session_ended_is_judged_after_it() {
    let (school, cookie) = school().await;
    let body = r#"{"name": "Eve", "address": "eve@example.edu", "role": "admin"}"#;
    let mut raw = school.connects().await;
    let head = format!(
        "POST /api/v1/accounts HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    raw.sends(&head).await;
    raw.sends(&body[..10]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    form(school.ask("POST", "/account/sign-out-everywhere"), &[]).with_cookie(&cookie).await.is(303);
    raw.sends(&body[10..]).await;
    assert_eq!(raw.rest().await.status(), 401);
}

#[tokio::test]
async fn a_session_that_is_opened_while_the_password_changes_has_the_new_one() {
    let (school, admin) = school().await;
    let ben =
        [("name", "Ben Office"), ("address", "ben@example.edu"), ("role", "registrar"), ("student", "")];
    let link = account(&school, Some(&admin), &ben).await;
    set_password(&school, &link, PASSWORD).await.is(303);
    let link = account_link(&school, &admin, "Ben Office").await;
    let sign_ins = futures_util::future::join_all(
        (0..4).map(|_| async { sign_in(&school, "ben@example.edu", PASSWORD).await }),
    );
    let (sign_ins, _) = tokio::join!(sign_ins, set_password(&school, &link, "eight loud lanterns"));
    for reply in sign_ins.iter().filter(|reply| reply.status == 303) {
        school.get("/api/v1/me").with_cookie(&cookie(reply)).await.is_refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn signing_in_again_ends_the_session_of_the_browser() {
    let (school, first) = school().await;
    let fields = [("address", "ruth@example.edu"), ("password", PASSWORD), ("next", "/")];
    // Another cookie may be anything.
    let sent = format!("lang=é; {first}");
    let again = form(school.ask("POST", "/sign-in"), &fields)
        .header_value("cookie", axum::http::HeaderValue::from_bytes(sent.as_bytes()).unwrap())
        .await
        .is(303);
    school.get("/api/v1/me").with_cookie(&first).await.is_refused(401, "unauthorized");
    school.get("/api/v1/me").with_cookie(&cookie(&again)).await.is_ok();
}

#[tokio::test]
async fn a_site_of_cors_origin_writes_with_tokens_only() {
    let cors_origins = vec!["https://app.example.edu".parse().unwrap()];
    let school = School::open_with(RequestLimits { cors_origins, ..RequestLimits::default() }).await;
    let admin = [("name", "Ruth"), ("address", "ruth@example.edu"), ("role", "admin")];
    let link = account(&school, None, &admin).await;
    let cookie = cookie(&set_password(&school, &link, PASSWORD).await.is(303));
    let create = school.post("/api/v1/students", json!({"name": "Eve", "email": "eve@example.edu"}));
    let create = create.with_cookie(&cookie).header("origin", "https://app.example.edu");
    create.header("sec-fetch-site", "same-site").await.is_refused(403, "forbidden");
}

#[tokio::test]
async fn an_admin_who_never_set_a_password_does_not_count_as_the_other_one() {
    let (school, admin) = school().await;
    let sam = [("name", "Sam Admin"), ("address", "sam@example.edu"), ("role", "admin"), ("student", "")];
    account(&school, Some(&admin), &sam).await;
    let accounts = school.get("/api/v1/accounts").with_cookie(&admin).await.is_ok().json();
    let disable = format!("/accounts/{}/disable", accounts[0]["id"]);
    // While the link works, Sam can.
    school.let_pass(Duration::from_hours(11));
    school.get("/api/v1/me").with_cookie(&admin).await.is_ok();
    school.let_pass(Duration::from_hours(11));
    school.get("/api/v1/me").with_cookie(&admin).await.is_ok();
    school.let_pass(Duration::from_hours(11));
    let page = form(school.ask("POST", &disable), &[]).with_cookie(&admin).await.is(409);
    assert!(page.text().contains("only admin"), "{}", page.text());
}

#[tokio::test]
async fn an_account_belongs_to_the_student_with_the_typed_number_not_to_one_with_that_id() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    for (student, number) in [(&ana, &ben), (&ben, &ana)] {
        school.patch(&student.url(), json!({"number": number.id.to_string()})).await.is_ok();
    }
    let admin = [("name", "Ada"), ("address", "ada@example.edu"), ("role", "admin"), ("student", "")];
    let link = account(&school, None, &admin).await;
    let session = cookie(&set_password(&school, &link, PASSWORD).await.is(303));
    let number = ben.id.to_string();
    let fields =
        [("name", "Ana"), ("address", "ana@example.edu"), ("role", "student"), ("student", &*number)];
    let link = account(&school, Some(&session), &fields).await;
    let of_ana = cookie(&set_password(&school, &link, PASSWORD).await.is(303));
    let me = school.get("/api/v1/me").with_cookie(&of_ana).await.is_ok().json();
    assert_eq!(me["student_id"], json!(ana.id));
}
