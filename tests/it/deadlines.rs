//! Waitlists end, and so does the time to drop a course.

use std::time::Duration;

use serde_json::{Value, json};

use crate::access::{WithToken as _, create};
use crate::school::{Course, School, errors};

const HOUR: Duration = Duration::from_hours(1);

impl Course {
    /// Seats and a waitlist of 9, with further limits. The school opens at 08:00.
    async fn limits(&self, school: &School, capacity: i64, more: Value) -> Value {
        let mut limits = json!({"capacity": capacity, "waitlist_capacity": 9});
        limits.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        school.put(&self.seats_url()).json(&limits).await.is_ok().json()
    }
}

#[tokio::test]
async fn a_waitlist_does_not_move_up_after_registration_has_closed() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    algebra.limits(&school, 1, json!({"closes_at": "2026-09-01T09:00:00Z"})).await;
    ana.enrolls_in(&algebra).await.is_created();
    for waits in [&ben, &cleo] {
        waits.enrolls_in(&algebra).await.is(202);
    }
    school.let_pass(HOUR);

    ana.drops(&algebra).await.is(204);
    assert_eq!((algebra.roster().await.len(), algebra.waitlist().await.len()), (0, 2));
    // Nor do more seats move it.
    let limits = algebra.limits(&school, 2, json!({"closes_at": "2026-09-01T09:00:00Z"})).await;
    assert_eq!((&limits["enrolled"], &limits["waitlisted"]), (&json!(0), &json!(2)));
    ben.enrolls_in(&algebra).await.is_refused(409, "registration-closed");

    // It goes on when registration is open again.
    algebra.limits(&school, 2, json!({"closes_at": "2026-09-01T12:00:00Z"})).await;
    assert_eq!(
        (algebra.roster().await, algebra.waitlist().await.len()),
        (vec!["Ben".into(), "Cleo".into()], 0)
    );
}

#[tokio::test]
async fn a_waitlist_can_move_up_longer_than_registration_is_open() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let times = json!({"closes_at": "2026-09-01T09:00:00Z", "waitlist_closes_at": "2026-09-01T10:00:00Z"});
    let limits = algebra.limits(&school, 1, times).await;
    assert_eq!(limits["waitlist_closes_at"], "2026-09-01T10:00:00.000Z");
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    school.let_pass(HOUR);
    ana.drops(&algebra).await.is(204);
    assert_eq!(algebra.roster().await, ["Ben"]);
}

#[tokio::test]
async fn after_a_waitlist_has_ended_a_free_seat_is_for_whoever_comes() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    for course in [&algebra, &botany] {
        course.limits(&school, 1, json!({"waitlist_closes_at": "2026-09-01T09:00:00Z"})).await;
        ana.enrolls_in(course).await.is_created();
        for waits in [&ben, &cleo] {
            waits.enrolls_in(course).await.is(202);
        }
    }
    school.let_pass(HOUR);
    // Nobody joins a waitlist that does not move up any more.
    dan.enrolls_in(&algebra).await.is_refused(409, "course-full");
    ben.enrolls_in(&algebra).await.is_refused(409, "already-waitlisted");
    ana.drops(&algebra).await.is(204);
    ana.drops(&botany).await.is(204);

    dan.enrolls_in(&algebra).await.is_created();
    assert_eq!((algebra.roster().await, algebra.waitlist().await.len()), (vec!["Dan".into()], 2));
    // Also for those who have waited, in any order.
    cleo.enrolls_in(&botany).await.is_created();
    assert_eq!((botany.roster().await, botany.waitlist().await), (vec!["Cleo".into()], vec!["Ben".into()]));
}

#[tokio::test]
async fn a_place_on_a_waitlist_that_has_ended_becomes_a_seat_at_the_limit_of_courses() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.limits(&school, 1, json!({"waitlist_closes_at": "2026-09-01T09:00:00Z"})).await;
    school.put("/api/v1/rules").json(&json!({"course_limit": 1})).await.is_ok();
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    school.let_pass(HOUR);
    ana.drops(&algebra).await.is(204);

    // The place counts as a course already, so the seat is not one more.
    ben.enrolls_in(&algebra).await.is_created();
    assert_eq!((algebra.roster().await, algebra.waitlist().await.len()), (vec!["Ben".to_owned()], 0));
}

#[tokio::test]
async fn before_registration_opens_only_staff_drops_a_student_also_with_a_deadline() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    let times = json!({"opens_at": "2026-09-01T09:00:00Z", "drop_until": "2026-09-01T10:00:00Z"});
    algebra.limits(&school, 9, times).await;
    let anyway = || json!({"course_id": algebra.id, "override": {"reason": "the dean"}});
    school.post(&ana.courses_url(), anyway()).await.is_created();
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let body = json!({"name": "ana", "role": "student", "student_id": ana.id});
    let student = create(&school, Some(&admin), body).await;
    let drops = |token: &str| school.delete(&ana.enrollment_url(&algebra)).with_token(token);

    drops(&student).await.is_refused(409, "registration-not-open");
    drops(&admin).await.is(204);
    school.post(&ana.courses_url(), anyway()).with_token(&admin).await.is_created();
    school.let_pass(HOUR);
    drops(&student).await.is(204);
}

#[tokio::test]
async fn after_the_deadline_only_staff_drops_a_student_and_says_why() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    let times = json!({"closes_at": "2026-09-01T09:00:00Z", "drop_until": "2026-09-01T10:00:00Z"});
    algebra.limits(&school, 9, times).await;
    ana.enrolls_in(&algebra).await.is_created();
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let token = async |body: Value| create(&school, Some(&admin), body).await;
    let student = token(json!({"name": "ana", "role": "student", "student_id": ana.id})).await;
    let registrar = token(json!({"name": "office", "role": "registrar"})).await;
    let url = ana.enrollment_url(&algebra);
    let (plain, with_reason) = (url.clone(), format!("{url}?override_reason=medical+withdrawal"));

    // Students drop until the deadline, although registration has closed before.
    school.let_pass(HOUR);
    school.delete(&plain).with_token(&student).await.is(204);
    let restore = school.post(&format!("{url}/restore"), Value::Null);
    restore.with_token(&registrar).await.is_created();
    school.let_pass(HOUR);
    let problem = school.delete(&plain).with_token(&student).await.is_refused(409, "drop-deadline-passed");
    assert_eq!(problem["drop_until"], "2026-09-01T10:00:00.000Z");
    school.delete(&with_reason).with_token(&student).await.is_refused(403, "forbidden");
    school.delete(&plain).with_token(&registrar).await.is_refused(409, "drop-deadline-passed");
    let blank = format!("{url}?override_reason=+");
    school.delete(&blank).with_token(&registrar).await.is_refused(400, "invalid-request");

    // A body would not be read: better refused than passed over.
    let in_a_body = school.delete(&plain).json(&json!({"override": {"reason": "medical withdrawal"}}));
    in_a_body.with_token(&registrar).await.is_refused(400, "invalid-request");

    school.delete(&with_reason).with_token(&registrar).await.is(204);
    let log =
        school.get("/api/v1/events?type=enrollment.dropped").with_token(&registrar).await.is_ok().json();
    assert_eq!(log[1]["data"], json!({"override": {"reason": "medical withdrawal"}}));
}

#[tokio::test]
async fn a_deadline_does_not_keep_anybody_on_a_waitlist_or_a_deleted_student_in_a_course() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.limits(&school, 1, json!({"drop_until": "2026-09-01T09:00:00Z"})).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    school.let_pass(HOUR);
    ana.drops(&algebra).await.is_refused(409, "drop-deadline-passed");
    ben.drops(&algebra).await.is(204);
    school.delete(&format!("{}?drop=true", ana.url())).await.is(204);
    assert_eq!(algebra.roster().await, [""; 0]);
}

#[tokio::test]
async fn a_student_leaves_a_waitlist_at_any_time() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let times = json!({"closes_at": "2026-09-01T09:00:00Z", "drop_until": "2026-09-01T09:00:00Z"});
    algebra.limits(&school, 1, times).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let body = json!({"name": "ben", "role": "student", "student_id": ben.id});
    let student = create(&school, Some(&admin), body).await;
    school.let_pass(HOUR);
    school.delete(&ben.enrollment_url(&algebra)).with_token(&student).await.is(204);
}

#[tokio::test]
async fn patch_changes_the_limits_that_it_names() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let times = json!({"opens_at": "2026-09-01T08:00:00Z", "closes_at": "2026-09-02T08:00:00Z"});
    algebra.limits(&school, 1, times).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    let patch = async |body: Value| school.patch(&algebra.seats_url(), body).await;

    let changed = patch(json!({"capacity": 2})).await.is_ok().json();
    assert_eq!(
        changed,
        json!({"capacity": 2, "waitlist_capacity": 9, "opens_at": "2026-09-01T08:00:00.000Z",
            "closes_at": "2026-09-02T08:00:00.000Z", "waitlist_closes_at": null, "drop_until": null,
            "group_opens_at": {}, "enrolled": 2, "waitlisted": 0})
    );
    let changed = patch(json!({"capacity": null, "drop_until": "2026-09-03T08:00:00Z"})).await.is_ok().json();
    assert_eq!(
        (&changed["capacity"], &changed["drop_until"]),
        (&json!(null), &json!("2026-09-03T08:00:00.000Z"))
    );
    let before = school.log().await.len();
    patch(json!({})).await.is_ok();
    assert_eq!(school.log().await.len(), before, "nothing is named");

    // With the limits that stay, the window would end before it begins.
    let refused = patch(json!({"opens_at": "2026-09-02T09:00:00Z"})).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&refused), ["/closes_at: must be after registration opens"]);
    let refused = patch(json!({"waitlist_capacity": null})).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&refused), ["/waitlist_capacity: must be a whole number from 0 to 1,000,000"]);
    school
        .patch("/api/v1/courses/99/seats", json!({"capacity": 1}))
        .await
        .is_refused(404, "course-not-found");

    // A course without limits gets those that are named.
    school.delete(&algebra.seats_url()).await.is(204);
    let first = patch(json!({"waitlist_capacity": 3})).await.is_ok().json();
    assert_eq!((&first["capacity"], &first["waitlist_capacity"]), (&json!(null), &json!(3)));
}
