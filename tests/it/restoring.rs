//! What was dropped by mistake comes back exactly.

use serde_json::{Value, json};

use crate::access::{WithToken as _, create};
use crate::school::{Course, RequestBuilder, School, Student};

impl School {
    fn restores(&self, student: &Student, course: &Course) -> RequestBuilder {
        self.post(&format!("{}/restore", student.enrollment_url(course)), Value::Null)
    }
}

#[tokio::test]
async fn an_enrollment_comes_back_with_its_id_and_its_time_over_capacity_if_need_be() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    algebra.seats(1, 5).await;
    let enrolled = ana.enrolls_in(&algebra).await.is_created().json();
    school.let_pass(std::time::Duration::from_mins(1));
    for waits in [&ben, &cleo] {
        waits.enrolls_in(&algebra).await.is(202);
    }
    ana.drops(&algebra).await.is(204);
    assert_eq!(algebra.roster().await, ["Ben"]);
    let before = school.log().await.len();

    let restored = school.restores(&ana, &algebra).await.is_created();

    assert_eq!(restored.json(), enrolled);
    assert_eq!(restored.header("location"), ana.enrollment_url(&algebra));
    assert_eq!(school.get(&ana.enrollment_url(&algebra)).await.is_ok().json(), enrolled);
    assert_eq!(school.log().await[before..], ["enrollment.restored"]);
    // In the order of enrollment, as before the drop; Ben keeps the seat that he got.
    assert_eq!(
        (algebra.roster().await, algebra.waitlist().await),
        (vec!["Ana".into(), "Ben".into()], vec!["Cleo".into()])
    );
    // The course is over-full until one of them leaves.
    ben.drops(&algebra).await.is(204);
    assert_eq!(algebra.roster().await, ["Ana"]);
    ana.drops(&algebra).await.is(204);
    assert_eq!(algebra.roster().await, ["Cleo"]);
    assert_eq!(
        school.restores(&ana, &algebra).await.is_created().json(),
        enrolled,
        "as often as it is dropped"
    );
}

#[tokio::test]
async fn a_place_on_the_waitlist_comes_back_in_front_of_those_who_joined_later() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    algebra.seats(1, 2).await;
    ana.enrolls_in(&algebra).await.is_created();
    let waits = ben.enrolls_in(&algebra).await.is(202).json();
    cleo.enrolls_in(&algebra).await.is(202);
    ben.drops(&algebra).await.is(204);
    dan.enrolls_in(&algebra).await.is(202);
    assert_eq!(algebra.waitlist().await, ["Cleo", "Dan"]);
    let before = school.log().await.len();

    let reply = school.restores(&ben, &algebra).await.is_created();
    // A place has no address of its own.
    assert!(reply.headers.get("location").is_none());
    let restored = reply.json();
    assert_eq!(restored["status"], "waitlisted");

    assert_eq!((&restored["position"], &restored["joined_at"]), (&json!(1), &waits["joined_at"]));
    assert_eq!(school.log().await[before..], ["waitlist.restored"]);
    // One more than the waitlist has places.
    assert_eq!(algebra.waitlist().await, ["Ben", "Cleo", "Dan"]);
    ana.drops(&algebra).await.is(204);
    assert_eq!(
        (algebra.roster().await, algebra.waitlist().await),
        (vec!["Ben".into()], vec!["Cleo".into(), "Dan".into()])
    );
}

#[tokio::test]
async fn a_restored_place_is_a_seat_if_one_is_free() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.seats(1, 2).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    ben.drops(&algebra).await.is(204);
    ana.drops(&algebra).await.is(204);
    let before = school.log().await.len();
    let seat = school.restores(&ben, &algebra).await.is_created().json();
    assert_eq!(school.log().await[before..], ["waitlist.restored", "waitlist.promoted"]);
    assert_eq!(school.get(&ben.enrollment_url(&algebra)).await.is_ok().json(), seat);
    assert_eq!(algebra.waitlist().await, [""; 0]);
}

#[tokio::test]
async fn a_student_who_waits_again_gets_the_dropped_seat_back() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    algebra.seats(1, 5).await;
    let enrolled = ana.enrolls_in(&algebra).await.is_created().json();
    ben.enrolls_in(&algebra).await.is(202);
    ana.drops(&algebra).await.is(204);
    ana.enrolls_in(&algebra).await.is(202);
    cleo.enrolls_in(&algebra).await.is(202);
    assert_eq!(school.restores(&ana, &algebra).await.is_created().json(), enrolled);
    assert_eq!(algebra.waitlist().await, ["Cleo"]);
    let log = school.get("/api/v1/events?type=enrollment.restored").await.is_ok().json();
    assert_eq!(log[0]["data"], json!({"from_waitlist": true}));
}

#[tokio::test]
async fn there_is_nothing_to_restore_for_who_has_it_or_never_had_it() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    school.restores(&ana, &algebra).await.is_refused(409, "nothing-to-restore");
    ana.enrolls_in(&algebra).await.is_created();
    school.restores(&ana, &algebra).await.is_refused(409, "nothing-to-restore");
    ana.drops(&algebra).await.is(204);
    for (student, course) in [(&ana, &botany), (&ben, &algebra)] {
        school.restores(student, course).await.is_refused(409, "nothing-to-restore");
    }
    let post = |path: &str| school.post(path, Value::Null);
    post("/api/v1/students/99/courses/1/restore").await.is_refused(404, "student-not-found");
    post("/api/v1/students/1/courses/99/restore").await.is_refused(404, "course-not-found");
    assert_eq!(algebra.roster().await, [""; 0]);
}

#[tokio::test]
async fn the_past_of_another_student_with_the_same_id_is_not_restored() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    ana.enrolls_in(&algebra).await.is_created();
    school.delete(&format!("{}?drop=true", ana.url())).await.is(204);
    // Another program gives the id to somebody else.
    school.other_program_runs("insert into students (id, name, email) values (1, 'Zoë', 'zoe@example.edu')");
    school.restores(&ana, &algebra).await.is_refused(409, "nothing-to-restore");
    ana.enrolls_in(&algebra).await.is_created();
    ana.drops(&algebra).await.is(204);
    let restored = school.restores(&ana, &algebra).await.is_created().json();
    assert_eq!(restored["id"], 2);
}

#[tokio::test]
async fn rosters_of_the_past_know_what_was_dropped_and_restored() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    let minute = || school.let_pass(std::time::Duration::from_mins(1));
    let enrolled = ana.enrolls_in(&algebra).await.is_created().json();
    for _ in 0..2 {
        minute();
        ana.drops(&algebra).await.is(204);
        minute();
        school.restores(&ana, &algebra).await.is_created();
    }
    for (time, is_there) in
        [("08:00", true), ("08:01", false), ("08:02", true), ("08:03", false), ("08:04", true)]
    {
        let url = format!("{}?as_of=2026-09-01T{time}:00Z", algebra.roster_url());
        let roster = school.get(&url).await.is_ok().json();
        assert_eq!(roster.as_array().unwrap().len(), usize::from(is_there), "{time}");
        let census = format!("/api/v1/exports/enrollments.csv?as_of=2026-09-01T{time}:00Z");
        let lines = school.get(&census).await.is_ok().text().lines().count();
        assert_eq!(lines, 1 + usize::from(is_there), "{time}");
        let courses = format!("{}?as_of=2026-09-01T{time}:00Z", ana.courses_url());
        assert_eq!(school.get(&courses).await.is_ok().ids().len(), usize::from(is_there), "{time}");
        if is_there {
            assert_eq!(roster[0]["enrolled_at"], enrolled["enrolled_at"]);
        }
    }
}

#[tokio::test]
async fn rows_that_other_programs_delete_and_replace_can_be_restored_too() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    let enrolled = ana.enrolls_in(&algebra).await.is_created().json();
    school.other_program_runs("delete from student_courses");
    assert_eq!(school.restores(&ana, &algebra).await.is_created().json(), enrolled);
    // The row that a program replaces is the restored one, which has been dropped before.
    school.other_program_runs(
        "delete from student_courses; insert into student_courses (student_id, course_id) values (1, 1)",
    );
    let again = school.get(&ana.enrollment_url(&algebra)).await.is_ok().json();
    assert_eq!(again["id"], 2);
    ana.drops(&algebra).await.is(204);
    assert_eq!(school.restores(&ana, &algebra).await.is_created().json(), again);
}

#[tokio::test]
async fn a_restored_row_that_is_replaced_is_logged_as_dropped_sqlite_only() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    ana.enrolls_in(&algebra).await.is_created();
    ana.drops(&algebra).await.is(204);
    school.restores(&ana, &algebra).await.is_created();
    let before = school.log().await.len();
    school.other_program_runs("insert or replace into student_courses (student_id, course_id) values (1, 1)");
    assert_eq!(school.log().await[before..], ["enrollment.dropped", "enrollment.created"]);
}

#[tokio::test]
async fn only_those_who_enroll_any_student_restore() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    ana.enrolls_in(&algebra).await.is_created();
    ana.drops(&algebra).await.is(204);
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let token = async |body: Value| create(&school, Some(&admin), body).await;
    let student = token(json!({"name": "ana", "role": "student", "student_id": ana.id})).await;
    let instructor = token(json!({"name": "teacher", "role": "instructor"})).await;
    for by in [&student, &instructor] {
        school.restores(&ana, &algebra).with_token(by).await.is_refused(403, "forbidden");
        let nobody = school.post("/api/v1/students/99/courses/1/restore", Value::Null);
        nobody.with_token(by).await.is_refused(403, "forbidden");
    }
    let registrar = token(json!({"name": "office", "role": "registrar"})).await;
    school.restores(&ana, &algebra).with_token(&registrar).await.is_created();
}

#[tokio::test]
async fn a_restoration_that_is_sent_again_is_done_once() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    ana.enrolls_in(&algebra).await.is_created();
    ana.drops(&algebra).await.is(204);
    let restore = || school.restores(&ana, &algebra).header("idempotency-key", "restore-ana");
    let first = restore().await.is_created();
    let again = restore().await.is_created();
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &first.body));
    // A late retry does not take back what somebody has done since.
    ana.drops(&algebra).await.is(204);
    restore().await.is_created();
    assert_eq!(algebra.roster().await, [""; 0]);
    let other = school.ask("POST", &format!("{}/restore", ana.enrollment_url(&algebra)));
    other
        .header("content-type", "application/json")
        .body("{\"id\":1}")
        .await
        .is_refused(400, "invalid-request");
}
