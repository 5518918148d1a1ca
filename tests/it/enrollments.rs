//! The association of a student and a course.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::school::{FIRST_DAY, School, errors};
use crate::students::IMPOSSIBLE;

#[tokio::test]
async fn a_student_enrolls_in_a_course() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);

    let reply = ana.enrolls_in(&algebra).await.is_created();

    assert_eq!(
        reply.json(),
        json!({"id": 1, "student_id": ana.id, "course_id": algebra.id, "enrolled_at": FIRST_DAY})
    );
    assert_eq!(reply.header("location"), ana.enrollment_url(&algebra));
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(school.get(reply.header("location")).await.is_ok().body, reply.body);
    assert_eq!(algebra.roster().await, ["Ana"]);
}

#[tokio::test]
async fn a_student_enrolls_in_a_course_once() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let enrollment = ana.enrolls_in(&algebra).await.is_created();
    school.let_pass(Duration::from_mins(1));

    let problem = ana.enrolls_in(&algebra).await.is_refused(409, "already-enrolled");

    assert_eq!(problem["enrollment"], enrollment.json());
    assert_eq!(problem["url"], ana.enrollment_url(&algebra));
    assert_eq!(algebra.roster().await, ["Ana"]);
    assert_eq!(school.log().await, ["student.created", "course.created", "enrollment.created"]);
}

#[tokio::test]
async fn a_put_of_an_enrollment_can_be_repeated() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);

    let first = ana.ensures_enrollment_in(&algebra).await.is_created();
    school.let_pass(Duration::from_mins(1));
    let second = ana.ensures_enrollment_in(&algebra).await.is_ok();

    assert_eq!(first.header("location"), ana.enrollment_url(&algebra));
    assert_eq!(first.body, second.body);
    assert_eq!(first.json()["enrolled_at"], FIRST_DAY);
    assert_eq!(school.log().await, ["student.created", "course.created", "enrollment.created"]);
}

#[tokio::test]
async fn one_of_64_clients_that_put_the_same_enrollment_creates_it() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);

    let replies = join_all((0..64).map(|_| ana.ensures_enrollment_in(&algebra).into_future())).await;

    let created: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(created.len(), 1);
    for reply in &replies {
        assert!([200, 201].contains(&reply.status.as_u16()), "{reply:?}");
        assert_eq!(reply.body, created[0].body);
    }
    assert_eq!(algebra.roster().await, ["Ana"]);
}

#[tokio::test]
async fn one_of_64_clients_that_enroll_the_same_student_succeeds_and_the_others_are_shown_its_enrollment() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);

    let replies = join_all((0..64).map(|_| ana.enrolls_in(&algebra).into_future())).await;

    let (created, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 201);
    assert_eq!(created.len(), 1);
    for reply in refused {
        assert_eq!(reply.is_refused(409, "already-enrolled")["enrollment"], created[0].json());
    }
}

#[tokio::test]
async fn a_student_drops_a_course() {
    let school = School::open().await;
    let ([ana, ben], algebra) = (school.students(["Ana", "Ben"]).await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is_created();

    assert_eq!(ana.drops(&algebra).await.is(204).text(), "");

    let problem = ana.drops(&algebra).await.is_refused(404, "enrollment-not-found");
    assert_eq!((&problem["student_id"], &problem["course_id"]), (&json!(ana.id), &json!(algebra.id)));
    let problem = school.get(&ana.enrollment_url(&algebra)).await.is_refused(404, "enrollment-not-found");
    assert_eq!((&problem["student_id"], &problem["course_id"]), (&json!(ana.id), &json!(algebra.id)));
    assert_eq!(algebra.roster().await, ["Ben"]);
    assert_eq!(school.get(&ana.courses_url()).await.is_ok().text(), "[]");
}

#[tokio::test]
async fn a_student_who_drops_and_enrolls_again_has_a_new_id_and_is_last() {
    let school = School::open().await;
    let ([ana, ben], algebra) = (school.students(["Ana", "Ben"]).await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is_created();
    ben.drops(&algebra).await.is(204);
    ana.drops(&algebra).await.is(204);
    school.let_pass(Duration::from_hours(1));

    // The ids 1 and 2 are not used again, although their rows are gone.
    assert_eq!(ben.enrolls_in(&algebra).await.is_created().json()["id"], 3);
    let again = ana.enrolls_in(&algebra).await.is_created().json();

    assert_eq!((&again["id"], &again["enrolled_at"]), (&json!(4), &json!("2026-09-01T09:00:00.000Z")));
    assert_eq!(algebra.roster().await, ["Ben", "Ana"]);
}

#[tokio::test]
async fn lists_are_in_order_of_enrollment_and_empty_when_there_is_none() {
    let school = School::open().await;
    let ([ana, ben], [algebra, logic, music]) =
        (school.students(["Ana", "Ben"]).await, school.courses(["Algebra", "Logic", "Music"]).await);
    assert_eq!(school.get(&ana.courses_url()).await.is_ok().text(), "[]");
    assert_eq!(school.get(&music.roster_url()).await.is_ok().text(), "[]");
    for (student, course) in [(&ben, &music), (&ana, &music), (&ana, &algebra), (&ana, &logic)] {
        student.enrolls_in(course).await.is_created();
        school.let_pass(Duration::from_secs(1));
    }

    let courses = school.get(&ana.courses_url()).await.is_ok();
    let roster = school.get(&music.roster_url()).await.is_ok();

    assert_eq!(
        courses.json(),
        json!([
            {"id": music.id, "name": "Music", "level": "undergraduate"},
            {"id": algebra.id, "name": "Algebra", "level": "undergraduate"},
            {"id": logic.id, "name": "Logic", "level": "undergraduate"},
        ])
    );
    assert_eq!(courses.header("x-total-count"), "3");
    assert_eq!(
        roster.json(),
        json!([
            {"id": ben.id, "name": "Ben", "email": "ben@example.edu", "enrolled_at": FIRST_DAY},
            {"id": ana.id, "name": "Ana", "email": "ana@example.edu", "enrolled_at": "2026-09-01T08:00:01.000Z"},
        ])
    );
    assert_eq!(roster.header("x-total-count"), "2");
}

#[tokio::test]
async fn a_missing_student_course_or_enrollment_is_named() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    for id in IMPOSSIBLE.into_iter().chain(["99"]) {
        let nobody = format!("/api/v1/students/{id}/courses");
        for asking in [
            school.get(&nobody),
            school.post(&nobody, json!({"course_id": algebra.id})),
            school.put(&format!("{nobody}/{}", algebra.id)),
            school.get(&format!("{nobody}/{}", algebra.id)),
            school.delete(&format!("{nobody}/{}", algebra.id)),
        ] {
            asking.await.is_refused(404, "student-not-found");
        }
        let nothing = format!("{}/{id}", ana.courses_url());
        school.put(&nothing).await.is_refused(404, "course-not-found");
    }
    school.put("/api/v1/students/99/courses/99").await.is_refused(404, "student-not-found");
    let nothing = format!("{}/99", ana.courses_url());
    for asking in [school.get(&nothing), school.delete(&nothing)] {
        let problem = asking.await.is_refused(404, "enrollment-not-found");
        assert_eq!((&problem["student_id"], &problem["course_id"]), (&json!(ana.id), &json!(99)));
    }
    let problem = school.post(&ana.courses_url(), json!({"course_id": 99})).await;
    assert_eq!(problem.is_refused(404, "course-not-found")["course_id"], 99);
}

#[tokio::test]
async fn a_course_is_named_by_a_whole_number() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    for id in [
        "0",
        "-1",
        "9007199254740992",
        "9007199254740992.0",
        "1e300",
        "1.5",
        "\"0\"",
        "null",
        "true",
        "[1]",
        "{}",
    ] {
        let asking = school.client.ask("POST", &ana.courses_url()).header("content-type", "application/json");
        let problem =
            asking.body(format!(r#"{{"course_id":{id}}}"#)).await.is_refused(400, "invalid-request");
        assert_eq!(
            errors(&problem),
            ["/course_id: must be a whole number from 1 to 9,007,199,254,740,991"],
            "{id}"
        );
    }
    for (body, wrong) in [
        (json!({}), &["/course_id: is required"][..]),
        (
            json!({"courseId": 1}),
            &["/course_id: is required", "/courseId: is not a known field; did you mean `course_id`?"],
        ),
        (
            json!({"course_id": 1, "note": ""}),
            &["/note: is not a known field; the known ones are `course_id`, `wait`, `override`"],
        ),
        (json!([1]), &[": must be a JSON object"]),
    ] {
        let problem = school.post(&ana.courses_url(), body).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), wrong);
    }
    school.post(&ana.courses_url(), json!({"course_id": 9_007_199_254_740_991_i64})).await.is(404);

    // JSON has one kind of number: 1.0 is 1.
    let reply = school.post(&ana.courses_url(), json!({"course_id": 1.0})).await.is_created();
    assert_eq!(reply.json()["course_id"], algebra.id);
}

#[tokio::test]
async fn the_first_of_several_errors_decides() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    let garbage = "{".repeat(2 << 20);
    for student in ["99", "abc", "0"] {
        let url = format!("/api/v1/students/{student}/courses");
        let asking = |kind: &str, body: &str| {
            school.client.ask("POST", &url).header("content-type", kind).body(body.to_owned())
        };
        let json = "application/json";
        asking("text/plain", &garbage).await.is_refused(415, "unsupported-media-type");
        asking(json, &garbage).await.is_refused(413, "payload-too-large");
        asking(json, r#"{"course":"#).await.is_refused(400, "malformed-json");
        asking(json, r#"{"course":99}"#).await.is_refused(400, "invalid-request");
        asking(json, r#"{"course_id":99}"#).await.is_refused(404, "student-not-found");
    }
    school.post(&ana.courses_url(), json!({"course_id": 99})).await.is_refused(404, "course-not-found");
    ana.enrolls_in(&algebra).await.is_refused(409, "already-enrolled");
    assert_eq!(school.log().await.len(), 3);
}

#[tokio::test]
async fn students_and_courses_answer_the_same_with_and_without_associations() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let mut answers = Vec::new();
    for _ in 0..2 {
        for url in [&ana.url(), &algebra.url(), "/api/v1/students", "/api/v1/courses"] {
            let reply = school.get(url).await.is_ok();
            let headers =
                ["etag", "x-total-count", "content-type"].map(|name| reply.headers.get(name).cloned());
            answers.push((reply.body, headers));
        }
        ana.ensures_enrollment_in(&algebra).await;
    }
    assert_eq!(answers[..4], answers[4..]);
}
