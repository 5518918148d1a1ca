//! A request with an Idempotency-Key is carried out once, however often it is sent.

use std::time::Duration;

use serde_json::json;

use crate::school::{RequestBuilder, School, errors, eventually};

const STUDENTS: &str = "/api/v1/students";

/// Makes the same request again each time.
type Request<'a> = Box<dyn Fn() -> RequestBuilder + 'a>;

fn ben(school: &School) -> RequestBuilder {
    school.post(STUDENTS, json!({"name": "Ben", "email": "ben@example.edu"}))
}

#[tokio::test]
async fn a_request_that_is_sent_again_gets_the_same_answer_and_is_done_once() {
    let school = School::open().await;
    let first = ben(&school).header("idempotency-key", "a-key").await.is_created();
    assert!(!first.headers.contains_key("idempotency-replayed"));
    school.let_pass(Duration::from_hours(23));

    let again = ben(&school).header("idempotency-key", "a-key").await.is_created();

    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.body, first.body);
    for header in ["location", "etag"] {
        assert_eq!(again.header(header), first.header(header));
    }
    assert_eq!(school.log().await, ["student.created"]);
    // Without a key, or under another, it is another request.
    ben(&school).await.is_created();
    ben(&school).header("idempotency-key", "another-key").await.is_created();
    assert_eq!(school.log().await.len(), 3);
}

#[tokio::test]
async fn every_answer_is_repeated_whatever_has_happened_since() {
    let school = School::open().await;
    let [ana, cleo] = school.students(["Ana", "Cleo"]).await;
    let algebra = school.course("Algebra").await;
    algebra.seats(1, 1).await;
    let enrolled = ana.enrolls_in(&algebra).header("idempotency-key", "1").await.is_created();
    let waits = cleo.enrolls_in(&algebra).header("idempotency-key", "2").await.is(202);
    let refused =
        ana.enrolls_in(&algebra).header("idempotency-key", "3").await.is_refused(409, "already-enrolled");
    ana.drops(&algebra).await.is(204);
    let before = school.log().await.len();

    let again = ana.enrolls_in(&algebra).header("idempotency-key", "1").await.is_created();
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &enrolled.body));
    let again = cleo.enrolls_in(&algebra).header("idempotency-key", "2").await.is(202);
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &waits.body));
    let mut again =
        ana.enrolls_in(&algebra).header("idempotency-key", "3").await.is_refused(409, "already-enrolled");
    again["instance"] = refused["instance"].clone();
    assert_eq!(again, refused);
    assert_eq!(school.log().await.len(), before);
}

#[tokio::test]
async fn writes_of_every_method_are_repeated() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let [algebra, logic] = school.courses(["Algebra", "Logic"]).await;
    logic.seats(0, 5).await;
    let seats = |course: &str| format!("/api/v1/courses/{course}/seats");
    let (algebra_seats, logic_seats) = (seats("1"), seats("2"));
    let capacity =
        |path: &str, capacity: i64| school.client.ask("PUT", path).json(&json!({"capacity": capacity}));
    // After each of them, something else happens that would change its answer.
    let requests: Vec<(&str, Request<'_>, u16, RequestBuilder)> = vec![
        (
            "put-seat",
            Box::new(|| school.put(&ana.enrollment_url(&algebra))),
            201,
            school.delete(&ana.enrollment_url(&algebra)),
        ),
        ("put-place", Box::new(|| school.put(&ben.enrollment_url(&logic))), 202, capacity(&logic_seats, 3)),
        (
            "drop",
            Box::new(|| school.delete(&ben.enrollment_url(&logic))),
            204,
            school.put(&ben.enrollment_url(&logic)),
        ),
        ("put-seats", Box::new(|| capacity(&algebra_seats, 9)), 200, capacity(&algebra_seats, 1)),
        (
            "patch-seats",
            Box::new(|| school.patch(&algebra_seats, json!({"capacity": 7}))),
            200,
            capacity(&algebra_seats, 2),
        ),
        ("no-seats", Box::new(|| school.delete(&algebra_seats)), 204, capacity(&algebra_seats, 4)),
        (
            "patch",
            Box::new(|| school.patch(&ana.url(), json!({"name": "Anna"}))),
            200,
            school.patch(&ana.url(), json!({"name": "Ana Li"})),
        ),
        (
            "rules",
            Box::new(|| school.put("/api/v1/rules").json(&json!({"course_limit": 5}))),
            200,
            school.put("/api/v1/rules").json(&json!({"course_limit": null})),
        ),
        (
            "group",
            Box::new(|| school.put("/api/v1/groups/Seniors").json(&json!({"course_limit": 3}))),
            200,
            school.put("/api/v1/groups/Seniors").json(&json!({"course_limit": 4})),
        ),
        (
            "join",
            Box::new(|| school.put("/api/v1/groups/Seniors/students/1")),
            204,
            school.delete("/api/v1/groups/Seniors/students/1"),
        ),
        ("delete", Box::new(|| school.delete(&algebra.url())), 204, school.get(&logic.url())),
    ];
    let mut answers = Vec::new();
    for (key, request, status, then) in requests {
        let first = request().header("idempotency-key", key).await.is(status);
        assert!(!first.headers.contains_key("idempotency-replayed"), "{key}");
        assert!(then.await.status.is_success(), "{key}");
        answers.push((key, request, first));
    }
    let before = school.log().await;
    for (key, request, first) in &answers {
        let again = request().header("idempotency-key", key).await.is(first.status.as_u16());
        assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &first.body), "{key}");
        assert_eq!(again.headers.get("etag"), first.headers.get("etag"), "{key}");
    }
    assert_eq!(school.log().await, before, "nothing was done twice");
}

#[tokio::test]
async fn a_key_of_any_method_names_one_request() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let url = ana.enrollment_url(&algebra);
    school.put(&url).header("idempotency-key", "a-key").await.is_created();
    for other in [
        school.delete(&url),
        school.post(&format!("{url}/restore"), json!({})),
        school.put(&url).json(&json!({"wait": false})),
        school.patch(&ana.url(), json!({"name": "Anna"})),
    ] {
        other.header("idempotency-key", "a-key").await.is_refused(422, "idempotency-key-reused");
    }
    let refused = school.delete(&url).header("idempotency-key", "two words").await;
    refused.is_refused(400, "invalid-request");
    assert_eq!(school.log().await, ["student.created", "course.created", "enrollment.created"]);
}

#[tokio::test]
async fn a_stored_answer_comes_before_if_match() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let etag = school.get(&ana.url()).await.is_ok().header("etag").to_owned();
    let change = || {
        let change = school.patch(&ana.url(), json!({"name": "Anna"}));
        change.header("if-match", &etag).header("idempotency-key", "change")
    };
    let changed = change().await.is_ok();
    // The tag is stale by now, as it is for every client whose first answer was lost.
    let again = change().await.is_ok();
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &changed.body));
    let delete = |etag: &str, key: &str| {
        school.delete(&ana.url()).header("if-match", etag).header("idempotency-key", key)
    };
    delete(&etag, "delete").await.is_refused(412, "stale");
    // A refusal is an answer too.
    let again = delete(changed.header("etag"), "delete").await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    again.is_refused(412, "stale");
    for _ in 0..2 {
        delete(changed.header("etag"), "delete again").await.is(400);
        delete(changed.header("etag"), "delete-again").await.is(204);
    }
    assert_eq!(school.log().await, ["student.created", "student.updated", "student.deleted"]);
}

#[tokio::test]
async fn a_key_names_one_request() {
    let school = School::open().await;
    ben(&school).header("idempotency-key", "a-key").await.is_created();
    let other_body = school.post(STUDENTS, json!({"name": "Cleo", "email": "cleo@example.edu"}));
    other_body.header("idempotency-key", "a-key").await.is_refused(422, "idempotency-key-reused");
    let other_path = school.post("/api/v1/courses", json!({"name": "Logic", "level": "one"}));
    other_path.header("idempotency-key", "a-key").await.is_refused(422, "idempotency-key-reused");
    assert_eq!(school.log().await, ["student.created"]);
}

#[tokio::test]
async fn a_day_later_the_key_is_free_and_forgotten() {
    let school = School::open().await;
    ben(&school).header("idempotency-key", "a-key").await.is_created();
    ben(&school).header("idempotency-key", "an-old-key").await.is_created();
    school.let_pass(Duration::from_hours(24));
    let again = ben(&school).header("idempotency-key", "a-key").await.is_created();
    assert!(!again.headers.contains_key("idempotency-replayed"));
    assert_eq!(school.log().await.len(), 3);
    assert_eq!(school.other_program().column("select key from idempotency_keys"), ["a-key"]);
}

#[tokio::test]
async fn a_second_request_is_refused_while_the_first_is_under_way() {
    let school = School::open().await;
    let other = school.other_program();
    other.execute_batch("begin immediate").unwrap();
    let first = tokio::spawn(ben(&school).header("idempotency-key", "a-key").into_future());
    let second = loop {
        let second = ben(&school).header("idempotency-key", "a-key");
        // Until the first request has arrived, this one may take its place.
        match tokio::time::timeout(Duration::from_millis(100), second.into_future()).await {
            Ok(reply) => break reply,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(second.header("retry-after"), "1");
    second.is_refused(409, "idempotency-key-in-use");
    drop(other);
    first.await.unwrap();
    ben(&school).header("idempotency-key", "a-key").await.is_created();
    assert_eq!(school.log().await, ["student.created"]);
}

#[tokio::test]
async fn an_invalid_key_is_refused() {
    let school = School::open().await;
    for key in ["", "two words", &"x".repeat(256), "cl\u{e9}"] {
        let value = axum::http::HeaderValue::from_bytes(key.as_bytes()).unwrap();
        let problem =
            ben(&school).header_value("idempotency-key", value).await.is_refused(400, "invalid-request");
        assert_eq!(
            errors(&problem),
            ["Idempotency-Key: must be a single value of 1 to 255 visible ASCII characters"]
        );
    }
    let twice = ben(&school).header("idempotency-key", "one").header("idempotency-key", "two");
    twice.await.is_refused(400, "invalid-request");
    ben(&school).header("idempotency-key", &"x".repeat(255)).await.is_created();
    assert_eq!(school.log().await, ["student.created"]);
}

#[tokio::test]
async fn a_stored_answer_that_cannot_be_read_does_not_affect_other_requests() {
    let school = School::open().await;
    ben(&school).header("idempotency-key", "a-key").await.is_created();
    school.other_program_runs("update idempotency_keys set answer = '{\"Ok\":{\"Unheard\":1}}'");
    let other = school.other_program();
    other.execute_batch("begin immediate").unwrap();
    // While the other program holds the lock, they gather and share a commit.
    let others = (0..5).map(|_| ben(&school).into_future());
    let asked = futures_util::future::join(
        ben(&school).header("idempotency-key", "a-key").into_future(),
        futures_util::future::join_all(others),
    );
    let release = async {
        tokio::task::yield_now().await;
        drop(other);
    };
    let ((own, others), ()) = tokio::join!(asked, release);
    for other in others {
        other.is_created();
    }
    own.is_refused(409, "idempotency-answer-not-kept");
    assert_eq!(school.log().await.len(), 6, "nothing is done twice");
}

#[tokio::test]
async fn stored_answers_about_a_student_are_deleted_with_the_student() {
    let school = School::open().await;
    let created = ben(&school).header("idempotency-key", "created").await.is_created();
    let url = created.header("location").to_owned();
    let change =
        || school.patch(&url, json!({"email": "b@example.edu"})).header("idempotency-key", "changed");
    change().await.is_ok();
    let stored = || school.other_program().column("select answer from idempotency_keys").concat();
    assert!(stored().contains("Ben"));
    school.delete(&url).await.is(204);
    assert!(!stored().contains("Ben") && !stored().contains("example.edu"), "{}", stored());
    // The key still counts as used.
    ben(&school).header("idempotency-key", "created").await.is_refused(409, "idempotency-answer-not-kept");
    assert_eq!(school.log().await.iter().filter(|kind| *kind == "student.created").count(), 1);
}

#[tokio::test]
async fn an_enrollment_that_ended_with_the_student_is_not_confirmed_again() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let enroll = || ana.enrolls_in(&algebra).header("idempotency-key", "enroll");
    enroll().await.is_created();
    let enroll_again = || ana.enrolls_in(&algebra).header("idempotency-key", "enroll-again");
    enroll_again().await.is_refused(409, "already-enrolled");
    let all = json!({"course_ids": [algebra.id]});
    let set = || school.put(&ana.courses_url()).json(&all).header("idempotency-key", "set");
    set().await.is_ok();
    let several = || school.post(&ana.courses_url(), all.clone()).header("idempotency-key", "several");
    several().await.is_refused(409, "already-enrolled");
    let logic = school.course("Logic").await;
    let drop =
        || school.delete(&format!("{}/{}", ana.courses_url(), logic.id)).header("idempotency-key", "drop");
    drop().await.is_refused(404, "enrollment-not-found");
    school.delete(&format!("{}?drop=true", ana.url())).await.is(204);
    for again in [enroll(), enroll_again(), set(), several(), drop()] {
        again.await.is_refused(409, "idempotency-answer-not-kept");
    }
}

#[tokio::test]
async fn expired_answers_are_swept_even_if_nobody_sends_a_key() {
    let school = School::open().await;
    let keys = |school: &School| school.other_program().column("select key from idempotency_keys");
    ben(&school).header("idempotency-key", "a-key").await.is_created();
    school.let_pass(Duration::from_hours(25));
    // They are swept by a change without a key,
    ben(&school).await.is_created();
    eventually("the answer is deleted", async || keys(&school).is_empty()).await;
    school.clock.set(crate::school::FIRST_DAY.parse().unwrap());
    ben(&school).header("idempotency-key", "another").await.is_created();
    let database = school.close().await;
    database.runs("update idempotency_keys set answered_at = '2026-08-30T08:00:00.000Z'");
    // and when the school opens.
    let school = School::open_at(&database).await;
    eventually("the answer is deleted", async || keys(&school).is_empty()).await;
}
