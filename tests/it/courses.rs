//! Courses: a name and a level.

use serde_json::json;

use crate::school::{School, errors};
use crate::students::IMPOSSIBLE;

const COURSES: &str = "/api/v1/courses";

#[tokio::test]
async fn a_course_is_added_and_read_again() {
    let school = School::open().await;

    let added = school.post(COURSES, json!({"level": " Máster ", "name": "Álgebra"})).await.is_created();

    assert_eq!(added.text(), r#"{"id":1,"name":"Álgebra","level":"Máster"}"#);
    assert_eq!(added.header("location"), "/api/v1/courses/1");
    assert_eq!(added.header("content-type"), "application/json");
    let read = school.get(added.header("location")).await.is_ok();
    assert_eq!((&read.body, read.header("etag")), (&added.body, added.header("etag")));
    let list = school.get(COURSES).await.is_ok();
    assert_eq!((list.json(), list.header("x-total-count")), (json!([added.json()]), "1"));
    assert_eq!(school.log().await, ["course.created"]);
}

#[tokio::test]
async fn all_errors_of_a_course_are_reported_at_once() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let long = "x".repeat(256);
    for (body, wrong) in [
        (json!({"name": "", "level": 1}), &["/name: must not be empty", "/level: must be a text"][..]),
        (
            json!({"name": "a\tb", "level": long}),
            &["/name: must not have control characters", "/level: must have at most 255 characters, not 256"],
        ),
        (json!({"name": null, "level": null}), &["/name: must not be null", "/level: must not be null"]),
        (
            json!({"name": "A", "level": "b", "levle": "b", "seats": 3}),
            &[
                "/levle: is not a known field; did you mean `level`?",
                "/seats: is not a known field; the known ones are `name`, `level`, `code`",
            ],
        ),
        (json!([{"name": "A", "level": "b"}]), &[": must be a JSON object"]),
    ] {
        let problem = school.post(COURSES, body.clone()).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), wrong);
        let problem = school.patch(&algebra.url(), body).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), wrong);
    }
    let problem = school.post(COURSES, json!({})).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["/name: is required", "/level: is required"]);
    let twice = school.client.ask("PATCH", &algebra.url()).header("content-type", "application/json");
    let problem = twice.body(r#"{"level":"a","level":"a"}"#).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["/level: is given more than once"]);
    assert_eq!(school.log().await, ["course.created"]);
}

#[tokio::test]
async fn a_patch_changes_only_what_it_names_and_leaves_no_trace_if_nothing_changes() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let before = school.get(&algebra.url()).await.is_ok();
    for patch in [json!({}), json!({"name": " Algebra "}), json!({"level": "undergraduate"})] {
        let reply = school.patch(&algebra.url(), patch).await.is_ok();
        assert_eq!((&reply.body, reply.header("etag")), (&before.body, before.header("etag")));
    }
    assert_eq!(school.log().await, ["course.created"]);

    let changed = school.patch(&algebra.url(), json!({"level": "graduate"})).await.is_ok();

    assert_eq!(changed.json(), json!({"id": algebra.id, "name": "Algebra", "level": "graduate"}));
    let read = school.get(&algebra.url()).await.is_ok();
    assert_eq!((&read.body, read.header("etag")), (&changed.body, changed.header("etag")));
    assert_ne!(changed.header("etag"), before.header("etag"));
    assert_eq!(school.log().await, ["course.created", "course.updated"]);
}

#[tokio::test]
async fn a_course_that_changed_since_is_neither_changed_nor_deleted() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let seen = school.get(&algebra.url()).await.is_ok().header("etag").to_owned();
    school.get(&algebra.url()).header("if-none-match", &seen).await.is(304);
    let changed = school.patch(&algebra.url(), json!({"name": "Álgebra"})).header("if-match", &seen).await;
    let present = changed.is_ok().header("etag").to_owned();
    school.get(&algebra.url()).header("if-none-match", &seen).await.is_ok();

    let refused = school.patch(&algebra.url(), json!({"name": "A"})).header("if-match", &seen).await;
    assert_eq!(refused.is_refused(412, "stale")["etag"], present.as_str());
    let refused = school.delete(&format!("{}?drop=true", algebra.url())).header("if-match", &seen).await;
    assert_eq!(refused.is_refused(412, "stale")["etag"], present.as_str());

    school.delete(&algebra.url()).header("if-match", &present).await.is(204);
    assert_eq!(school.log().await, ["course.created", "course.updated", "course.deleted"]);
}

#[tokio::test]
async fn a_course_with_students_is_deleted_only_if_they_are_dropped_with_it() {
    let school = School::open().await;
    let ([ana, ben], [algebra, logic]) =
        (school.students(["Ana", "Ben"]).await, school.courses(["Algebra", "Logic"]).await);
    for (student, course) in [(&ben, &algebra), (&ana, &algebra), (&ana, &logic)] {
        student.enrolls_in(course).await.is_created();
    }
    let before = school.log().await.len();

    let problem = school.delete(&algebra.url()).await.is_refused(409, "has-enrollments");
    assert_eq!((&problem["enrolled"], &problem["waitlisted"]), (&json!(2), &json!(0)));
    let problem = school.delete(&format!("{}?dropp=true", algebra.url())).await;
    let problem = problem.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["dropp: is not a known parameter; did you mean `drop`?"]);
    assert_eq!(algebra.roster().await, ["Ben", "Ana"]);

    school.delete(&format!("{}?drop=true", algebra.url())).await.is(204);

    assert_eq!(school.log().await[before..], ["enrollment.dropped", "enrollment.dropped", "course.deleted"]);
    assert_eq!((ana.courses().await, ben.courses().await), (vec!["Logic".to_owned()], vec![]));
    school.get(&algebra.roster_url()).await.is_refused(404, "course-not-found");
    assert!(school.course("Analysis").await.id > logic.id, "an id is never used twice");
}

#[tokio::test]
async fn no_course_has_an_impossible_id() {
    let school = School::open().await;
    school.course("Algebra").await;
    for id in IMPOSSIBLE.into_iter().chain(["99", "9007199254740991"]) {
        let url = format!("{COURSES}/{id}");
        for asking in [
            school.get(&url),
            school.patch(&url, json!({"name": "B"})),
            school.delete(&url),
            school.get(&format!("{url}/students")),
        ] {
            let problem = asking.await.is_refused(404, "course-not-found");
            let named = &problem["course_id"];
            assert!(named.is_i64() || named.is_string(), "the id that was not found: {problem}");
        }
        school.patch(&url, json!({"level": 1})).await.is_refused(400, "invalid-request");
    }
}
