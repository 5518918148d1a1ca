//! Seats, the waitlist and the registration window.

use std::time::Duration;

use serde_json::json;

use crate::school::{School, errors};

const HOUR: Duration = Duration::from_hours(1);
/// An hour less a millisecond.
const ALMOST_AN_HOUR: Duration = Duration::from_millis(3_599_999);

#[tokio::test]
async fn a_course_without_limits_takes_everybody_and_says_so() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let algebra = school.course("Algebra").await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is_created();
    let none = json!({"capacity": null, "waitlist_capacity": 0, "opens_at": null, "closes_at": null, "waitlist_closes_at": null, "drop_until": null, "group_opens_at": {}, "enrolled": 2, "waitlisted": 0});
    assert_eq!(school.get(&algebra.seats_url()).await.is_ok().json(), none);
    assert!(school.get(&algebra.url()).await.is_ok().json().get("seats").is_none());
    school.delete(&algebra.seats_url()).await.is(204);
    assert!(!school.log().await.contains(&"seats.removed".to_owned()));
}

#[tokio::test]
async fn a_full_course_refuses_and_says_how_full_it_is() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let algebra = school.course("Algebra").await;
    let set = algebra.seats(1, 0).await;
    assert_eq!(
        set,
        json!({"capacity": 1, "waitlist_capacity": 0, "opens_at": null, "closes_at": null, "waitlist_closes_at": null, "drop_until": null, "group_opens_at": {}, "enrolled": 0, "waitlisted": 0})
    );
    ana.enrolls_in(&algebra).await.is_created();

    for refused in [ben.enrolls_in(&algebra).await, ben.ensures_enrollment_in(&algebra).await] {
        let problem = refused.is_refused(409, "course-full");
        assert_eq!((&problem["capacity"], &problem["enrolled"]), (&json!(1), &json!(1)));
        assert_eq!(problem["detail"], format!("Course {} is full: 1 of 1 seats are taken.", algebra.id));
    }

    ana.enrolls_in(&algebra).await.is_refused(409, "already-enrolled");
    assert_eq!(algebra.roster().await, ["Ana"]);
    assert!(ana.drops(&algebra).await.is(204).body.is_empty());
    ben.enrolls_in(&algebra).await.is_created();
}

#[tokio::test]
async fn a_course_shows_how_full_it_is_wherever_it_is_shown() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    algebra.seats(30, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    let seats = json!({"capacity": 30, "enrolled": 1, "waitlisted": 0});
    assert_eq!(school.get(&algebra.url()).await.is_ok().json()["seats"], seats);
    let changed = school.patch(&algebra.url(), json!({"level": "graduate"})).await.is_ok();
    assert_eq!(changed.json()["seats"], seats);
    for list in ["/api/v1/courses", "/api/v1/courses?sort=name", "/api/v1/courses?q=a&limit=1"] {
        let list = school.get(list).await.is_ok().json();
        assert_eq!(list[0]["seats"], seats);
        assert!(list.as_array().unwrap().iter().skip(1).all(|course| course.get("seats").is_none()));
    }
    // The list of a student's courses does not show seats.
    let courses = school.get(&ana.courses_url()).await.is_ok().json();
    assert_eq!(courses, json!([{"id": algebra.id, "name": "Algebra", "level": "graduate"}]));
    assert_ne!(botany.id, algebra.id);
}

#[tokio::test]
async fn enrollments_do_not_prevent_changes_to_a_course() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let algebra = school.course("Algebra").await;
    algebra.seats(30, 0).await;
    let read = school.get(&algebra.url()).await.is_ok();
    let tag = read.header("etag").to_owned();
    school.get(&algebra.url()).header("if-none-match", &tag).await.is(304);

    ana.enrolls_in(&algebra).await.is_created();

    // The answer is different now, but the course has not changed.
    school.get(&algebra.url()).header("if-none-match", &tag).await.is_ok();
    let changed =
        school.patch(&algebra.url(), json!({"level": "graduate"})).header("if-match", &tag).await.is_ok();
    assert_eq!(changed.header("etag"), school.get(&algebra.url()).await.is_ok().header("etag"));
    school
        .patch(&algebra.url(), json!({"level": "one"}))
        .header("if-match", &tag)
        .await
        .is_refused(412, "stale");
}

#[tokio::test]
async fn a_course_is_not_deleted_with_students_whom_the_client_has_not_seen() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let algebra = school.course("Algebra").await;
    let without_limits = school.get(&algebra.url()).await.is_ok().header("etag").to_owned();
    algebra.seats(30, 0).await;
    ana.enrolls_in(&algebra).await.is_created();
    let with_ana = school.get(&algebra.url()).await.is_ok().header("etag").to_owned();
    ben.enrolls_in(&algebra).await.is_created();
    let delete = |tag: &str| school.delete(&format!("{}?drop=true", algebra.url())).header("if-match", tag);

    let present = school.get(&algebra.url()).await.is_ok().header("etag").to_owned();
    for tag in [&without_limits, &with_ana] {
        assert_eq!(delete(tag).await.is_refused(412, "stale")["etag"], present.as_str());
    }
    assert_eq!(algebra.roster().await, ["Ana", "Ben"]);
    delete(&present).await.is(204);
}

#[tokio::test]
async fn a_student_who_comes_too_late_is_waitlisted() {
    let school = School::open().await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    let algebra = school.course("Algebra").await;
    algebra.seats(1, 2).await;
    ana.enrolls_in(&algebra).await.is_created();

    let waits = ben.enrolls_in(&algebra).await.is(202).json();
    let first = json!({"status": "waitlisted", "student_id": ben.id, "course_id": algebra.id, "position": 1, "joined_at": "2026-09-01T08:00:00.000Z"});
    assert_eq!(waits, first);
    assert_eq!(cleo.ensures_enrollment_in(&algebra).await.is(202).json()["position"], 2);
    // Another PUT changes nothing; another POST is refused.
    assert_eq!(ben.ensures_enrollment_in(&algebra).await.is(202).json(), first);
    let problem = cleo.enrolls_in(&algebra).await.is_refused(409, "already-waitlisted");
    assert_eq!((&problem["position"], &problem["url"]), (&json!(2), &json!(cleo.enrollment_url(&algebra))));
    let problem = dan.enrolls_in(&algebra).await.is_refused(409, "waitlist-full");
    assert_eq!(problem["waitlist_capacity"], 2);

    assert_eq!(algebra.waitlist().await, ["Ben", "Cleo"]);
    let list = school.get(&algebra.waitlist_url()).await.is_ok();
    assert_eq!(list.header("x-total-count"), "2");
    assert_eq!(
        list.json()[1],
        json!({"position": 2, "student_id": cleo.id, "name": "Cleo", "email": "cleo@example.edu", "joined_at": "2026-09-01T08:00:00.000Z"})
    );
    let problem = school.get(&ben.enrollment_url(&algebra)).await.is_refused(404, "enrollment-not-found");
    assert_eq!(problem["waitlisted"], json!({"position": 1, "joined_at": "2026-09-01T08:00:00.000Z"}));
    assert_eq!(ben.courses().await, [""; 0]);
    assert_eq!(
        school.get(&algebra.url()).await.is_ok().json()["seats"],
        json!({"capacity": 1, "enrolled": 1, "waitlisted": 2})
    );
}

#[tokio::test]
async fn a_waitlist_is_paged_without_losing_count() {
    let school = School::open().await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    let algebra = school.course("Algebra").await;
    algebra.seats(0, 10).await;
    for student in [&ben, &ana, &dan, &cleo] {
        student.enrolls_in(&algebra).await.is(202);
    }
    let first = school.get(&format!("{}?limit=2", algebra.waitlist_url())).await.is_ok();
    let rest = school.client.ask("GET", first.next_page().unwrap()).await.is_ok();
    let rows: Vec<_> = [first.json(), rest.json()]
        .iter()
        .flat_map(|page| page.as_array().unwrap().clone())
        .map(|row| (row["position"].as_i64().unwrap(), row["name"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(rows, [(1, "Ben".into()), (2, "Ana".into()), (3, "Dan".into()), (4, "Cleo".into())]);
    assert_eq!(rest.next_page(), None);
    school.get("/api/v1/courses/77/waitlist").await.is_refused(404, "course-not-found");
}

#[tokio::test]
async fn the_first_on_the_waitlist_gets_the_freed_seat() {
    let school = School::open().await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    let algebra = school.course("Algebra").await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    cleo.enrolls_in(&algebra).await.is(202);
    let before = school.log().await.len();

    school.let_pass(HOUR);
    ana.drops(&algebra).await.is(204);

    assert_eq!(school.log().await[before..], ["enrollment.dropped", "waitlist.promoted"]);
    assert_eq!(algebra.roster().await, ["Ben"]);
    assert_eq!(algebra.waitlist().await, ["Cleo"]);
    let enrollment = school.get(&ben.enrollment_url(&algebra)).await.is_ok().json();
    assert_eq!(enrollment["enrolled_at"], "2026-09-01T09:00:00.000Z");
    let promoted =
        school.get(&format!("/api/v1/events?student_id={}&type=waitlist.promoted", ben.id)).await.is_ok();
    assert_eq!(promoted.json()[0]["enrollment_id"], enrollment["id"]);

    // A student who leaves and comes back goes to the end.
    ana.enrolls_in(&algebra).await.is(202);
    ben.drops(&algebra).await.is(204);
    ben.enrolls_in(&algebra).await.is(202);
    assert_eq!(
        (algebra.roster().await, algebra.waitlist().await),
        (vec!["Cleo".into()], vec!["Ana".into(), "Ben".into()])
    );
}

#[tokio::test]
async fn leaving_the_waitlist_frees_no_seat() {
    let school = School::open().await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    let algebra = school.course("Algebra").await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    cleo.enrolls_in(&algebra).await.is(202);
    ben.drops(&algebra).await.is(204);
    ben.drops(&algebra).await.is_refused(404, "enrollment-not-found");
    assert_eq!((algebra.roster().await, algebra.waitlist().await), (vec!["Ana".into()], vec!["Cleo".into()]));
    assert_eq!(school.log().await.last().unwrap(), "waitlist.left");
}

#[tokio::test]
async fn more_seats_are_taken_in_order_and_fewer_drop_nobody() {
    let school = School::open().await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    let algebra = school.course("Algebra").await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    for student in [&ben, &cleo, &dan] {
        student.enrolls_in(&algebra).await.is(202);
    }

    let set = algebra.seats(3, 5).await;
    assert_eq!((&set["enrolled"], &set["waitlisted"]), (&json!(3), &json!(1)));
    assert_eq!(algebra.roster().await, ["Ana", "Ben", "Cleo"]);

    let set = algebra.seats(1, 5).await;
    assert_eq!((&set["capacity"], &set["enrolled"], &set["waitlisted"]), (&json!(1), &json!(3), &json!(1)));
    assert_eq!(algebra.roster().await, ["Ana", "Ben", "Cleo"]);
    // Over capacity: a drop makes room for nobody yet.
    ana.drops(&algebra).await.is(204);
    ben.drops(&algebra).await.is(204);
    assert_eq!((algebra.roster().await, algebra.waitlist().await), (vec!["Cleo".into()], vec!["Dan".into()]));
    cleo.drops(&algebra).await.is(204);
    assert_eq!((algebra.roster().await, algebra.waitlist().await), (vec!["Dan".into()], vec![]));
    let before = school.log().await.len();
    algebra.seats(1, 5).await;
    assert_eq!(school.log().await.len(), before, "setting the same limits again changes nothing");
}

#[tokio::test]
async fn without_a_limit_everybody_on_the_waitlist_gets_a_seat() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let algebra = school.course("Algebra").await;
    algebra.seats(0, 5).await;
    ana.enrolls_in(&algebra).await.is(202);
    ben.enrolls_in(&algebra).await.is(202);
    school.delete(&algebra.seats_url()).await.is(204);
    assert_eq!(
        (algebra.roster().await, algebra.waitlist().await),
        (vec!["Ana".into(), "Ben".into()], vec![])
    );
    assert_eq!(school.log().await[6..], ["seats.removed", "waitlist.promoted", "waitlist.promoted"]);
    assert!(school.get(&algebra.url()).await.is_ok().json().get("seats").is_none());
}

#[tokio::test]
async fn a_deleted_student_leaves_every_waitlist_and_frees_their_seats() {
    let school = School::open().await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    algebra.seats(1, 5).await;
    botany.seats(0, 5).await;
    for student in [&ana, &ben, &cleo] {
        student.enrolls_in(&algebra).await;
    }
    ana.enrolls_in(&botany).await.is(202);
    ben.enrolls_in(&botany).await.is(202);

    let problem = school.delete(&ana.url()).await.is_refused(409, "has-enrollments");
    assert_eq!((&problem["enrolled"], &problem["waitlisted"]), (&json!(1), &json!(1)));
    school.delete(&format!("{}?drop=true", ana.url())).await.is(204);

    assert_eq!((algebra.roster().await, algebra.waitlist().await), (vec!["Ben".into()], vec!["Cleo".into()]));
    assert_eq!(botany.waitlist().await, ["Ben"]);
    let problem = school.delete(&cleo.url()).await.is_refused(409, "has-enrollments");
    assert_eq!((&problem["enrolled"], &problem["waitlisted"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn the_seats_of_a_deleted_student_are_enrollments_of_their_own() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let courses = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    for course in &courses {
        course.seats(1, 5).await;
        ana.enrolls_in(course).await.is_created();
        ben.enrolls_in(course).await.is(202);
    }

    school.delete(&format!("{}?drop=true", ana.url())).await.is(204);

    let mut ids = Vec::new();
    for course in &courses {
        let enrollment = school.get(&ben.enrollment_url(course)).await.is_ok().json();
        ids.push(enrollment["id"].as_i64().unwrap());
    }
    assert_eq!(ids, [4, 5, 6]);
}

#[tokio::test]
async fn limits_that_stay_the_same_are_not_logged() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let first = algebra.seats(3, 5).await;
    assert_eq!(algebra.seats(3, 5).await, first);
    let changed = school.patch(&algebra.seats_url(), json!({"capacity": 3})).await.is_ok().json();
    assert_eq!(changed, first);
    assert_eq!(school.log().await, ["course.created", "seats.set"]);
}

#[tokio::test]
async fn deleting_a_course_drops_everybody() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let algebra = school.course("Algebra").await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    let before = school.log().await.len();
    school.delete(&algebra.url()).await.is_refused(409, "has-enrollments");
    school.delete(&format!("{}?drop=true", algebra.url())).await.is(204);
    assert_eq!(
        school.log().await[before..],
        ["waitlist.left", "enrollment.dropped", "seats.removed", "course.deleted"]
    );
    // Limits alone do not prevent a deletion.
    let botany = school.course("Botany").await;
    botany.seats(1, 0).await;
    school.delete(&botany.url()).await.is(204);
    school.get(&botany.seats_url()).await.is_refused(404, "course-not-found");
}

#[tokio::test]
async fn registration_is_open_from_its_opening_until_its_closing() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let algebra = school.course("Algebra").await;
    let window = json!({"capacity": null, "opens_at": "2026-09-01T11:00:00+02:00", "closes_at": "2026-09-01T10:00:00Z"});
    let set = school.put(&algebra.seats_url()).json(&window).await.is_ok().json();
    assert_eq!(set["opens_at"], "2026-09-01T09:00:00.000Z");

    school.let_pass(ALMOST_AN_HOUR);
    let problem = ana.enrolls_in(&algebra).await.is_refused(409, "registration-not-open");
    assert_eq!(problem["opens_at"], "2026-09-01T09:00:00.000Z");
    school.let_pass(Duration::from_millis(1));
    ana.enrolls_in(&algebra).await.is_created();
    school.let_pass(ALMOST_AN_HOUR);
    ana.enrolls_in(&algebra).await.is_refused(409, "already-enrolled");
    school.let_pass(Duration::from_millis(1));
    for refused in [ben.enrolls_in(&algebra).await, ana.ensures_enrollment_in(&algebra).await] {
        let problem = refused.is_refused(409, "registration-closed");
        assert_eq!(problem["closes_at"], "2026-09-01T10:00:00.000Z");
    }
    // Staff can drop a student at any time.
    ana.drops(&algebra).await.is(204);
}

#[tokio::test]
async fn all_errors_of_limits_are_reported_at_once() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let body = json!({"capacity": -1, "waitlist_capacity": null, "opens_at": "tomorrow", "closes_at": "2026-09-01", "seats": 3});
    let problem = school.put(&algebra.seats_url()).json(&body).await.is_refused(400, "invalid-request");
    assert_eq!(
        errors(&problem),
        [
            "/capacity: must be a whole number from 0 to 1,000,000",
            "/waitlist_capacity: must be a whole number from 0 to 1,000,000",
            "/opens_at: must be a time with an offset, like 2026-09-01T08:00:00Z (RFC 3339)",
            "/closes_at: must be a time with an offset, like 2026-09-01T08:00:00Z (RFC 3339)",
            "/seats: is not a known field; the known ones are `capacity`, `waitlist_capacity`, `opens_at`, `closes_at`, `waitlist_closes_at`, `drop_until`, `group_opens_at`",
        ]
    );
    let body =
        json!({"capacity": 1, "opens_at": "2026-09-02T00:00:00Z", "closes_at": "2026-09-02T01:00:00+01:00"});
    let problem = school.put(&algebra.seats_url()).json(&body).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["/closes_at: must be after registration opens"]);
    school.put(&algebra.seats_url()).json(&json!({})).await.is_refused(400, "invalid-request");
    school
        .put("/api/v1/courses/9/seats")
        .json(&json!({"capacity": 1}))
        .await
        .is_refused(404, "course-not-found");
    school.delete("/api/v1/courses/9/seats").await.is_refused(404, "course-not-found");
    assert_eq!(school.log().await, ["course.created"]);
}
