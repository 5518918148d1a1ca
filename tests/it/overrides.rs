//! Staff enrolls a student beyond the limits of a course, with a reason.

use std::time::Duration;

use serde_json::{Value, json};

use crate::access::{WithToken as _, create};
use crate::school::{Course, RequestBuilder, School, Student, errors, eventually};
use crate::sign_in::{self, PASSWORD, WithCookie as _, cookie, form, set_password};

const REASON: &str = "senior, approved by the dean";

impl Course {
    /// The body of a request that enrolls a student in this course by an override.
    fn with_override(&self, reason: &str) -> Value {
        json!({"course_id": self.id, "override": {"reason": reason}})
    }
}

impl School {
    fn overrides(&self, student: &Student, course: &Course) -> RequestBuilder {
        self.post(&student.courses_url(), course.with_override(REASON))
    }

    /// The data of all enrollments in the log, oldest first.
    async fn data_of_enrollments(&self) -> Vec<Value> {
        let log = self.get("/api/v1/events?type=enrollment.created").await.is_ok().json();
        log.as_array().unwrap().iter().map(|entry| entry["data"].clone()).collect()
    }
}

#[tokio::test]
async fn a_student_gets_a_seat_in_a_full_course_and_those_who_wait_keep_their_places() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    algebra.seats(1, 2).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    cleo.enrolls_in(&algebra).await.is(202);
    dan.enrolls_in(&algebra).await.is_refused(409, "waitlist-full");

    let created = school.overrides(&dan, &algebra).await.is_created();

    assert_eq!(created.header("location"), dan.enrollment_url(&algebra));
    assert_eq!(school.get(&dan.enrollment_url(&algebra)).await.is_ok().body, created.body);
    assert_eq!(algebra.roster().await, ["Ana", "Dan"]);
    assert_eq!(algebra.waitlist().await, ["Ben", "Cleo"]);
    let seats = school.get(&algebra.seats_url()).await.is_ok().json();
    assert_eq!(
        (&seats["capacity"], &seats["enrolled"], &seats["waitlisted"]),
        (&json!(1), &json!(2), &json!(2))
    );
    let seats = school.get(&algebra.url()).await.is_ok().json()["seats"].clone();
    assert_eq!(seats, json!({"capacity": 1, "enrolled": 2, "waitlisted": 2}));
    assert_eq!(school.data_of_enrollments().await, [json!({}), json!({"override": {"reason": REASON}})]);

    // The course is over-full until a second student leaves.
    ana.drops(&algebra).await.is(204);
    assert_eq!((algebra.roster().await, algebra.waitlist().await.len()), (vec!["Dan".to_owned()], 2));
    dan.drops(&algebra).await.is(204);
    assert_eq!(
        (algebra.roster().await, algebra.waitlist().await),
        (vec!["Ben".to_owned()], vec!["Cleo".to_owned()])
    );
}

#[tokio::test]
async fn a_student_who_waits_gets_the_seat_and_leaves_the_waitlist_in_one_event() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    algebra.seats(1, 3).await;
    ana.enrolls_in(&algebra).await.is_created();
    for waiting in [&ben, &cleo, &dan] {
        waiting.enrolls_in(&algebra).await.is(202);
    }
    let before = school.log().await.len();

    school.overrides(&cleo, &algebra).await.is_created();

    assert_eq!(school.log().await[before..], ["enrollment.created"]);
    assert_eq!(
        school.data_of_enrollments().await[1],
        json!({"override": {"reason": REASON}, "from_waitlist": true})
    );
    assert_eq!(algebra.roster().await, ["Ana", "Cleo"]);
    assert_eq!(algebra.waitlist().await, ["Ben", "Dan"]);
    school.overrides(&cleo, &algebra).await.is_refused(409, "already-enrolled");
    // One who has left can wait again, behind the others.
    cleo.drops(&algebra).await.is(204);
    cleo.enrolls_in(&algebra).await.is(202);
    assert_eq!(algebra.waitlist().await, ["Ben", "Dan", "Cleo"]);
    school.delete(&algebra.seats_url()).await.is(204);
    assert_eq!(algebra.roster().await, ["Ana", "Ben", "Dan", "Cleo"]);
}

#[tokio::test]
async fn the_registration_window_does_not_bind_an_override() {
    let school = School::open().await;
    let [early, late] = school.courses(["Early", "Late"]).await;
    let ana = school.student("Ana").await;
    for (course, window, refusal) in [
        (&early, json!({"capacity": 9, "opens_at": "2026-10-01T08:00:00Z"}), "registration-not-open"),
        (&late, json!({"capacity": 9, "closes_at": "2026-08-01T08:00:00Z"}), "registration-closed"),
    ] {
        school.put(&course.seats_url()).json(&window).await.is_ok();
        ana.enrolls_in(course).await.is_refused(409, refusal);
        school.overrides(&ana, course).await.is_created();
        school.overrides(&ana, course).await.is_refused(409, "already-enrolled");
    }
    assert_eq!(ana.courses().await, ["Early", "Late"]);
}

#[tokio::test]
async fn an_override_that_was_not_needed_is_in_the_log_and_null_is_none() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let padded = algebra.with_override(&format!("  {REASON}\t"));
    school.post(&ana.courses_url(), padded).await.is_created();
    let none = json!({"course_id": algebra.id, "override": null});
    school.post(&ben.courses_url(), none).await.is_created();
    assert_eq!(school.data_of_enrollments().await, [json!({"override": {"reason": REASON}}), json!({})]);

    botany.seats(0, 0).await;
    let none = json!({"course_id": botany.id, "override": null});
    school.post(&ben.courses_url(), none).await.is_refused(409, "course-full");
    let url = "/api/v1/students/99/courses";
    school.post(url, algebra.with_override(REASON)).await.is_refused(404, "student-not-found");
    let nothing = json!({"course_id": 99, "override": {"reason": REASON}});
    school.post(&ana.courses_url(), nothing).await.is_refused(404, "course-not-found");
}

#[tokio::test]
async fn an_override_needs_a_reason_of_at_most_500_visible_characters() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let post = |body: Value| school.post(&ana.courses_url(), body);
    let with = |r#override: Value| post(json!({"course_id": algebra.id, "override": r#override}));
    for none in [json!({}), json!({"reason": null}), json!({"reason": ""}), json!({"reason": " \t\n "})] {
        let problem = with(none).await.is_refused(400, "override-needs-reason");
        assert_eq!(problem["pointer"], "/override/reason");
    }
    let reason = |reason: Value| json!({"reason": reason});
    for (r#override, error) in [
        (json!("the dean"), "/override: must be an object or null"),
        (json!(["the dean"]), "/override: must be an object or null"),
        (json!(true), "/override: must be an object or null"),
        (reason(json!(7)), "/override/reason: must be a text"),
        (reason(json!({"by": "the dean"})), "/override/reason: must be a text"),
        (reason(json!("a".repeat(501))), "/override/reason: must have at most 500 characters, not 501"),
        (reason(json!("two\nlines")), "/override/reason: must not have control characters"),
        (
            reason(json!("the \u{202e}dean")),
            "/override/reason: must not have the character U+202E, which changes the direction of text",
        ),
        (
            json!({"reason": REASON, "by": 1}),
            "/override/by: is not a known field; the known ones are `reason`",
        ),
        (json!({"raeson": REASON}), "/override/raeson: is not a known field; did you mean `reason`?"),
    ] {
        let problem = with(r#override).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), [error]);
    }
    // Everything that is wrong is reported at once.
    let problem = post(json!({"override": {"reason": 7}})).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["/course_id: is required", "/override/reason: must be a text"]);
    let many: serde_json::Map<_, _> = (0..40).map(|n| (format!("field{n}"), json!(n))).collect();
    let problem = with(many.into()).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["/override: has too many members"]);
    let twice = format!(r#"{{"course_id":{},"override":{{"reason":"one","reason":"two"}}}}"#, algebra.id);
    let asking = school.ask("POST", &ana.courses_url()).header("content-type", "application/json");
    asking.body(twice).await.is_refused(400, "malformed-json");
    assert_eq!(algebra.roster().await, [""; 0]);

    let longest = "ü".repeat(500);
    post(algebra.with_override(&longest)).await.is_created();
    assert_eq!(school.data_of_enrollments().await, [json!({"override": {"reason": longest}})]);
}

#[tokio::test]
async fn an_operation_of_a_batch_can_have_an_override() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.seats(0, 0).await;
    let enroll = |student: &Student, r#override: Value| json!({"op": "enroll", "student_id": student.id, "course_id": algebra.id, "override": r#override});
    let batch = json!([enroll(&ana, json!({"reason": REASON})), enroll(&ben, Value::Null)]);
    let results = school.post("/api/v1/enrollments/batch", batch).await.is_ok().json();
    assert_eq!((&results[0]["status"], &results[1]["status"]), (&json!(201), &json!(409)));
    assert_eq!(school.data_of_enrollments().await, [json!({"override": {"reason": REASON}})]);
    let blank = school.post("/api/v1/enrollments/batch", json!([enroll(&ben, json!({"reason": " "}))])).await;
    assert_eq!(errors(&blank.is_refused(400, "invalid-request")), ["/0/override/reason: must say why"]);
    let swap = json!([{"op": "swap", "student_id": 1, "from": 1, "to": 2, "override": {"reason": REASON}}]);
    let refused = school.post("/api/v1/enrollments/batch", swap).await;
    assert_eq!(
        errors(&refused.is_refused(400, "invalid-request")),
        ["/0/override: is not a known field; the known ones are `op`, `student_id`, `from`, `to`"]
    );
}

#[tokio::test]
async fn only_those_who_enroll_any_student_override() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    algebra.seats(0, 0).await;
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let token = async |body: Value| create(&school, Some(&admin), body).await;
    let student = token(json!({"name": "ana", "role": "student", "student_id": ana.id})).await;
    let instructor = token(json!({"name": "teacher", "role": "instructor"})).await;
    let registrar = token(json!({"name": "office", "role": "registrar"})).await;
    let enrolls = json!({"name": "enrolls", "role": "registrar", "scopes": ["enrollments:write"]});
    let enrolls = token(enrolls).await;
    let reads = json!({"name": "reads", "role": "registrar", "scopes": ["students:read", "students:write"]});
    let reads = token(reads).await;
    for by in [&student, &instructor, &reads] {
        // Whoever may not override does not learn who exists, nor whether the reason is good.
        for path in [&ana.courses_url(), &ben.courses_url(), "/api/v1/students/99/courses"] {
            for reason in [json!(REASON), json!("")] {
                let body = json!({"course_id": algebra.id, "override": {"reason": reason}});
                school.post(path, body).with_token(by).await.is_refused(403, "forbidden");
            }
        }
    }
    ana.enrolls_in(&algebra).with_token(&student).await.is_refused(409, "course-full");
    for (by, student) in [(&admin, &ana), (&registrar, &ben), (&enrolls, &cleo)] {
        school.overrides(student, &algebra).with_token(by).await.is_created();
    }
    let log = school.get("/api/v1/events?type=enrollment.created").with_token(&admin).await.is_ok().json();
    for entry in log.as_array().unwrap() {
        assert_eq!(entry["data"], json!({"override": {"reason": REASON}}));
    }
    assert_eq!(log.as_array().unwrap().len(), 3);
    // A student gives the seat up like any other.
    let url = ana.enrollment_url(&algebra);
    school.delete(&url).with_token(&student).await.is(204);
}

#[tokio::test]
async fn an_override_that_is_sent_again_with_its_key_happens_once() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    algebra.seats(0, 0).await;
    let asking = || school.overrides(&ana, &algebra).header("idempotency-key", "by-the-dean");
    let first = asking().await.is_created();
    school.let_pass(Duration::from_mins(1));

    let again = asking().await.is_created();

    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &first.body));
    assert_eq!(school.data_of_enrollments().await.len(), 1);
    let other = school.post(&ana.courses_url(), algebra.with_override("another reason"));
    other.header("idempotency-key", "by-the-dean").await.is_refused(422, "idempotency-key-reused");
}

#[tokio::test]
async fn those_who_read_the_waitlist_until_an_override_are_in_the_record_of_disclosures() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.seats(1, 1).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    school.let_pass(Duration::from_hours(1));
    school.overrides(&ben, &algebra).with_token(&admin).await.is_created();
    school.let_pass(Duration::from_hours(1));
    school.get(&algebra.waitlist_url()).with_token(&admin).await.is_ok();
    school.get(&algebra.roster_url()).with_token(&admin).await.is_ok();
    // The record is written a moment later, in the order of the reads.
    let lists = async || {
        let read = school.get(&format!("{}/disclosures", ben.url())).with_token(&admin).await.is_ok().json();
        read.as_array().unwrap().iter().map(|one| one["list"].clone()).collect::<Vec<_>>()
    };
    eventually("the roster is recorded", async || !lists().await.is_empty()).await;
    assert_eq!(lists().await, [json!("roster")]);
}

#[tokio::test]
async fn the_page_offers_no_override_to_a_student_and_shows_the_reason_to_those_who_see_students() {
    let (school, admin) = sign_in::school().await;
    let full = json!({"capacity": 0});
    let put = |path: &str| school.put(path).with_cookie(&admin).header("sec-fetch-site", "same-origin");
    put("/api/v1/courses/1/seats").json(&full).await.is_ok();
    let ana = [("name", "Ana"), ("address", "ana@example.edu"), ("role", "student"), ("student", "1")];
    let link = sign_in::account(&school, Some(&admin), &ana).await;
    let ana = cookie(&set_password(&school, &link, PASSWORD).await.is(303));
    let enroll = |path: &str, by: &str| form(school.ask("POST", path), &[("course_id", "1")]).with_cookie(by);
    let refused = enroll("/my/courses/1/enroll", &ana).await.is(409).text().to_owned();
    assert!(!refused.contains("Enroll anyway"), "{refused}");
    enroll("/students/1/courses", &ana).await.is(403);
    let refused = enroll("/students/1/courses", &admin).await.is(409).text().to_owned();
    assert!(refused.contains("is full.") && refused.contains("Enroll anyway"), "{refused}");
    let by_override = async |by: &str| {
        let request = form(school.ask("POST", "/students/1/courses/1/override"), &[("reason", REASON)]);
        request.with_cookie(by).await
    };
    by_override(&ana).await.is(403);
    assert_eq!(by_override(&admin).await.is(303).header("location"), "/students/1?enrolled=1");
    let again = by_override(&admin).await.is(409);
    assert!(!again.text().contains("Enroll anyway"), "{}", again.text());

    let nina = [("name", "Nina"), ("address", "nina@example.edu"), ("role", "instructor"), ("student", "")];
    let link = sign_in::account(&school, Some(&admin), &nina).await;
    let nina = cookie(&set_password(&school, &link, PASSWORD).await.is(303));
    let accounts = school.get("/api/v1/accounts").with_cookie(&admin).await.is_ok().ids();
    put(&format!("/api/v1/courses/1/instructors/{}", accounts.last().unwrap())).await.is(204);
    for (by, path, sees_reason) in [
        (&admin, "/students/1", true),
        (&admin, "/courses/1", true),
        (&ana, "/my/record", true),
        (&nina, "/courses/1", false),
    ] {
        let page = school.get(path).header("accept", "text/html").with_cookie(by).await.is_ok();
        assert!(page.text().contains(", with an override"), "{path}: {}", page.text());
        assert_eq!(page.text().contains(REASON), sees_reason, "{path}: {}", page.text());
    }
}
