//! What is recorded next to the log: sign-ins, and lists of students that programs have read.

use std::time::Duration;

use matricula::access::passwords::Password;
use matricula::clock::Clock;
use serde_json::{Value, json};

use crate::school::{Reply, RequestBuilder, School, eventually};

const PASSWORD: &str = "seven quiet lanterns";
const RUTH: &str = "ruth@example.edu";

/// A form as a browser sends it from a page of this server.
fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .header("accept", "text/html")
        .body(body.finish())
}

fn cookie(reply: &Reply) -> String {
    reply.header("set-cookie").split(';').next().unwrap().to_owned()
}

trait As {
    fn by(self, who: &str) -> Self;
}

impl As for RequestBuilder {
    /// The request with this cookie or this token.
    fn by(self, who: &str) -> Self {
        match who.strip_prefix("mtr_") {
            Some(_) => self.header("authorization", &format!("Bearer {who}")),
            None => self.header("cookie", who),
        }
    }
}

/// Creates an account on the page, sets its password, and returns the cookie of its session.
async fn account(school: &School, admin: Option<&str>, name: &str, role: &str, student: &str) -> String {
    let address = format!("{}@example.edu", name.to_lowercase());
    let fields = [("name", name), ("address", &address), ("role", role), ("student_id", student)];
    let request = form(school.ask("POST", "/accounts"), &fields);
    let page = match admin {
        Some(admin) => request.by(admin).await,
        None => request.await,
    };
    let (_, link) = page.text().split_once("/set-password/").unwrap_or_else(|| panic!("{page:?}"));
    let link = format!("/set-password/{}", &link[..43]);
    cookie(&form(school.ask("POST", &link), &[("password", PASSWORD)]).await.is(303))
}

async fn token(school: &School, admin: &str, body: Value) -> String {
    let created = school.post("/api/v1/tokens", body).by(admin).header("sec-fetch-site", "same-origin").await;
    created.is_created().json()["token"].as_str().unwrap().to_owned()
}

async fn sign_in(school: &School, address: &str, password: &str) -> Reply {
    form(school.ask("POST", "/sign-in"), &[("address", address), ("password", password)]).await
}

/// A school with the students 1 and 2, both in the course 1, and the cookie of its admin, Ruth.
async fn school() -> (School, String) {
    let school = School::open().await;
    school.students(["Ana", "Ben"]).await;
    school.courses(["Algebra", "Botany"]).await;
    let admin = account(&school, None, "Ruth", "admin", "").await;
    (school, admin)
}

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

#[tokio::test]
async fn pages_show_staff_by_name_to_staff_and_as_the_office_to_students() {
    let (school, admin) = school().await;
    let student = account(&school, Some(&admin), "Ana", "student", "1").await;
    let program = token(&school, &admin, json!({"name": "Scheduler", "role": "registrar"})).await;
    let same_site = |request: RequestBuilder| request.header("sec-fetch-site", "same-origin");
    same_site(school.put("/api/v1/students/1/courses/1")).by(&admin).await.is_created();
    school.put("/api/v1/students/1/courses/2").by(&program).await.is_created();
    same_site(school.delete("/api/v1/students/1/courses/2")).by(&student).await.is(204);

    let page = school.get("/students/1").by(&admin).await.is_ok();
    for who in ["Ruth", "the program Scheduler", "Ana"] {
        assert!(page.text().contains(&format!("by <bdi>{who}</bdi>")), "{who}: {}", page.text());
    }
    let page = school.get("/courses/1").by(&admin).await.is_ok();
    assert!(page.text().contains("by <bdi>Ruth</bdi>"), "{}", page.text());
    let page = school.get("/students/1").by(&student).await.is_ok();
    for who in ["the office", "another program", "you"] {
        assert!(page.text().contains(&format!("by <bdi>{who}</bdi>")), "{who}: {}", page.text());
    }
    assert!(!page.text().contains("Ruth") && !page.text().contains("Scheduler"), "{}", page.text());
}

/// A closed school with the tokens of a program that reads everything, and of the student 1.
async fn school_with_programs() -> (School, String, String, String) {
    let (school, admin) = school().await;
    let program = token(&school, &admin, json!({"name": "Mirror", "role": "registrar"})).await;
    let ana = token(&school, &admin, json!({"name": "App", "role": "student", "student_id": 1})).await;
    (school, admin, program, ana)
}

/// What concerns a student, one line for each entry.
async fn disclosed(school: &School, by: &str, student: i64) -> Vec<String> {
    let path = format!("/api/v1/students/{student}/disclosures");
    let entries = school.get(&path).by(by).await.is_ok().json();
    let line = |entry: &Value| {
        let course = entry["course_name"].as_str().map(|name| format!(" {name}")).unwrap_or_default();
        format!(
            "{} {}{course} {}",
            entry["program"].as_str().unwrap(),
            entry["list"].as_str().unwrap(),
            entry["rows"]
        )
    };
    entries.as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn a_student_sees_which_programs_have_read_lists_with_them() {
    let (school, admin, program, ana) = school_with_programs().await;
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    school.put("/api/v1/students/2/courses/2").by(&program).await.is_created();
    school.let_pass(Duration::from_mins(5));
    school.get("/api/v1/students").by(&program).await.is_ok();
    school.get("/api/v1/students?limit=1").by(&program).await.is_ok();
    school.get("/api/v1/students?q=nobody").by(&program).await.is_ok();
    school.get("/api/v1/courses/1/students").by(&program).await.is_ok();
    school.get("/api/v1/courses/2/students").by(&program).await.is_ok();
    school.get("/api/v1/events?student_id=2").by(&program).await.is_ok();
    // People, and what a program reads about its own student only, leave no record.
    school.get("/api/v1/students").by(&admin).await.is_ok();
    school.get("/api/v1/students").by(&ana).await.is_ok();
    school.get("/api/v1/students/1").by(&program).await.is_ok();

    let about_ana = ["Mirror roster Algebra 1", "Mirror students 3"];
    eventually("they are recorded", async || {
        let mut found = disclosed(&school, &ana, 1).await;
        found.sort();
        found == about_ana
    })
    .await;
    let mut about_ben = disclosed(&school, &admin, 2).await;
    about_ben.sort();
    assert_eq!(about_ben, ["Mirror events 2", "Mirror roster Botany 1", "Mirror students 3"]);
    for other in ["2", "77"] {
        let path = format!("/api/v1/students/{other}/disclosures");
        school.get(&path).by(&ana).await.is_refused(404, "student-not-found");
    }
    let page = school.get("/students/1").by(&ana).await.is_ok();
    for words in ["Who has read your record", "Mirror</bdi> read the roster of <bdi>Algebra", "(3 rows)"] {
        assert!(page.text().contains(words), "{words}: {}", page.text());
    }
    assert!(!page.text().contains("Botany</bdi> <span class=\"quiet\">("), "{}", page.text());
}

#[tokio::test]
async fn a_list_concerns_those_who_were_on_it_at_that_time() {
    let (school, admin, program, ana) = school_with_programs().await;
    let roster = async || school.get("/api/v1/courses/1/students").by(&program).await.is_ok();
    school.put("/api/v1/students/2/courses/1").by(&program).await.is_created();
    let begun = "2026-09-01T08:00:30Z";
    school.let_pass(Duration::from_mins(5));
    roster().await;
    school.let_pass(Duration::from_mins(5));
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    school.let_pass(Duration::from_mins(5));
    roster().await;
    school.let_pass(Duration::from_mins(5));
    school.delete("/api/v1/students/1/courses/1").by(&program).await.is(204);
    school.let_pass(Duration::from_mins(5));
    roster().await;
    school.get(&format!("/api/v1/courses/1/students?as_of={begun}")).by(&program).await.is_ok();
    school.get("/api/v1/courses/1/students?as_of=2026-09-01T08:15:30Z").by(&program).await.is_ok();
    // A student who is added later was in none of them.
    school.let_pass(Duration::from_mins(5));
    school.get("/api/v1/students").by(&program).await.is_ok();
    school.let_pass(Duration::from_mins(5));
    let eve = json!({"name": "Eve", "email": "eve@example.edu"});
    school.post("/api/v1/students", eve).by(&program).await.is_created();

    eventually("all are recorded", async || disclosed(&school, &admin, 2).await.len() == 6).await;
    let mut about_ana = disclosed(&school, &ana, 1).await;
    about_ana.sort();
    let both = "Mirror roster Algebra 2";
    assert_eq!(about_ana, [both, both, "Mirror students 2"]);
    assert_eq!(disclosed(&school, &admin, 3).await, [""; 0]);
}

#[tokio::test]
async fn waitlists_and_the_log_are_recorded_too_and_streams_as_they_are_sent() {
    let (school, admin, program, ana) = school_with_programs().await;
    let seats = json!({"capacity": 0, "waitlist_capacity": 5});
    school.ask("PUT", "/api/v1/courses/1/seats").json(&seats).by(&program).await.is_ok();
    school.put("/api/v1/students/1/courses/1").by(&program).await.is(202);
    school.let_pass(Duration::from_mins(5));
    school.get("/api/v1/courses/1/waitlist").by(&program).await.is_ok();
    school.get("/api/v1/events?course_id=1").by(&program).await.is_ok();
    school.get("/api/v1/events?type=course.created").by(&program).await.is_ok();
    let stream = school.get("/api/v1/events?type=waitlist.joined").by(&program);
    let mut listener = stream.listen().await;
    assert_eq!(listener.seqs(1).await.len(), 1);
    let expected = ["Mirror events 1", "Mirror events Algebra 1", "Mirror waitlist Algebra 1"];
    eventually("they are recorded", async || {
        let mut found = disclosed(&school, &ana, 1).await;
        found.sort();
        found == expected
    })
    .await;
    assert_eq!(disclosed(&school, &admin, 2).await, ["Mirror events 1"]);
}

#[tokio::test]
async fn a_program_that_reads_pages_leaves_a_record_too() {
    let (school, _, program, ana) = school_with_programs().await;
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    for path in ["/students", "/courses/1", "/courses/1/roster"] {
        school.get(path).by(&program).await.is_ok();
    }
    eventually("they are recorded", async || {
        let mut found = disclosed(&school, &ana, 1).await;
        found.sort();
        found == ["Mirror events Algebra 1", "Mirror roster Algebra 2", "Mirror students 2"]
    })
    .await;
}

#[tokio::test]
async fn a_roster_of_the_future_is_the_present_one() {
    let (school, admin, program, ana) = school_with_programs().await;
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    school.get("/api/v1/courses/1/students?as_of=2099-01-01T00:00:00Z").by(&program).await.is_ok();
    school.get("/courses/1/roster?as_of=2026-09-01").by(&program).await.is_ok();
    school.let_pass(Duration::from_mins(5));
    school.delete("/api/v1/students/1/courses/1").by(&program).await.is(204);
    school.put("/api/v1/students/2/courses/1").by(&program).await.is_created();
    eventually("it still concerns who was on it", async || {
        disclosed(&school, &ana, 1).await == ["Mirror roster Algebra 2"]
    })
    .await;
    assert_eq!(disclosed(&school, &admin, 2).await, [""; 0]);
}

#[tokio::test]
async fn what_refusals_and_totals_tell_is_recorded() {
    let (school, admin, program, ana) = school_with_programs().await;
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    let enrolls = token(
        &school,
        &admin,
        json!({"name": "Kiosk", "role": "registrar", "scopes": ["enrollments:write"]}),
    );
    let enrolls = enrolls.await;
    let enroll =
        |student: i64, course: i64| json!({"op": "enroll", "student_id": student, "course_id": course});
    let asked = json!([enroll(1, 1), enroll(2, 1), enroll(1, 99)]);
    school.post("/api/v1/enrollments/batch?mode=all", asked).by(&enrolls).await.is_ok();
    school.get("/api/v1/events?student_id=1&after=1000").by(&program).await.is_ok();
    eventually("both are recorded", async || {
        let mut found = disclosed(&school, &ana, 1).await;
        found.sort();
        found == ["Kiosk roster Algebra 2", "Mirror events 1"]
    })
    .await;
}

#[tokio::test]
async fn a_program_that_reads_without_end_fills_no_table_and_crowds_out_no_other() {
    let (school, admin, program, ana) = school_with_programs().await;
    let other = token(&school, &admin, json!({"name": "Mailer", "role": "registrar"})).await;
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    school.let_pass(Duration::from_hours(1));
    for second in 0..600 {
        let time = format!("2026-09-01T08:{:02}:{:02}Z", 10 + second / 60, second % 60);
        school.get(&format!("/api/v1/courses/1/students?as_of={time}")).by(&program).await.is_ok();
    }
    school.get("/api/v1/students").by(&other).await.is_ok();
    eventually("the rest counts as everybody's list", async || {
        let found = disclosed(&school, &ana, 1).await;
        let rest = found.contains(&"Mirror students 100".to_owned());
        rest && found.len() == 502 && found.contains(&"Mailer students 2".to_owned())
    })
    .await;
}

#[tokio::test]
async fn of_a_long_list_every_row_counts_and_a_stop_loses_nothing() {
    let (school, admin, program, _) = school_with_programs().await;
    let names: Vec<_> = (0..1200).map(|number| format!("('Student {number}', 's@example.edu')")).collect();
    school.other_program_runs(&format!("insert into students (name, email) values {}", names.join(", ")));
    let list = school.get("/api/v1/students").by(&program).await.is_ok();
    assert_eq!(list.ids().len(), 1202);
    let first = school.get("/api/v1/students?limit=700").by(&program).await.is_ok();
    assert_eq!(first.ids().len(), 700);
    drop(admin);
    let database = school.close().await;
    let sums = "select list_rows from (select sum(rows_sent) as list_rows from matricula_disclosures \
                where what = 'students') s";
    assert_eq!(database.other_program().column(sums), ["1902"]);
}
