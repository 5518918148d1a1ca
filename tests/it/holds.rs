//! Holds: a student who has one does not enroll, and reads why.

use serde_json::{Value, json};

use crate::access::{WithToken as _, create};
use crate::school::{Reply, RequestBuilder, School, Student};

const FEES: &str = "Library fees: 12 euros are open. Ask at the library.";

impl School {
    fn place_hold(&self, student: &Student, reason: &str) -> RequestBuilder {
        self.post(&holds_url(student), json!({"reason": reason}))
    }

    async fn release(&self, hold: &Value) -> Reply {
        let (student, id) = (&hold["student_id"], &hold["id"]);
        self.delete(&format!("/api/v1/students/{student}/holds/{id}")).await
    }
}

fn holds_url(student: &Student) -> String {
    format!("{}/holds", student.url())
}

#[tokio::test]
async fn a_student_on_hold_does_not_enroll_and_reads_why() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let ana = school.student("Ana").await;
    ana.enrolls_in(&botany).await.is_created();

    let placed = school.place_hold(&ana, FEES).await.is_created();

    let hold = placed.json();
    assert_eq!(placed.header("location"), format!("{}/{}", holds_url(&ana), hold["id"]));
    assert_eq!(school.get(placed.header("location")).await.is_ok().json(), hold);
    let other = school.student("Ben").await;
    let of_other = format!("{}/{}", holds_url(&other), hold["id"]);
    school.get(&of_other).await.is_refused(404, "hold-not-found");
    assert_eq!((&hold["student_id"], &hold["reason"]), (&json!(ana.id), &json!(FEES)));
    assert_eq!(school.get(&holds_url(&ana)).await.is_ok().json(), json!([hold]));
    let refused = ana.enrolls_in(&algebra).await.is_refused(409, "student-on-hold");
    assert_eq!((&refused["student_id"], &refused["holds"]), (&json!(ana.id), &json!([hold])));
    assert_eq!(refused["detail"], format!("Student {} is on hold: {FEES}", ana.id));
    ana.ensures_enrollment_in(&algebra).await.is_refused(409, "student-on-hold");
    // What the student has stays, and may be dropped.
    assert_eq!(botany.roster().await, ["Ana"]);
    ana.drops(&botany).await.is(204);
    // Staff may go beyond it.
    let anyway = json!({"course_id": botany.id, "override": {"reason": "the fees are paid tomorrow"}});
    school.post(&ana.courses_url(), anyway).await.is_created();

    school.release(&hold).await.is(204);

    ana.enrolls_in(&algebra).await.is_created();
    assert_eq!(school.get(&holds_url(&ana)).await.is_ok().json(), json!([]));
    school.release(&hold).await.is_refused(404, "hold-not-found");
    let log = school.get("/api/v1/events?type=hold.placed").await.is_ok().json();
    assert_eq!((&log[0]["student_id"], &log[0]["data"]), (&json!(ana.id), &json!({"reason": FEES})));
    let log = school.get("/api/v1/events?type=hold.released").await.is_ok().json();
    assert_eq!((&log[0]["student_id"], &log[0]["data"]), (&json!(ana.id), &json!({"hold_id": hold["id"]})));
}

#[tokio::test]
async fn seats_that_come_free_pass_a_student_on_hold_until_the_last_one_is_released() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    algebra.seats(1, 3).await;
    ana.enrolls_in(&algebra).await.is_created();
    for waiting in [&ben, &cleo] {
        waiting.enrolls_in(&algebra).await.is(202);
    }
    let first = school.place_hold(&ben, FEES).await.is_created().json();
    let second = school.place_hold(&ben, "The proof of residence is missing.").await.is_created().json();

    ana.drops(&algebra).await.is(204);

    assert_eq!(
        (algebra.roster().await, algebra.waitlist().await),
        (vec!["Cleo".to_owned()], vec!["Ben".to_owned()])
    );
    // With nobody else waiting, a seat stays free for whoever comes.
    cleo.drops(&algebra).await.is(204);
    assert_eq!((algebra.roster().await.len(), algebra.waitlist().await), (0, vec!["Ben".to_owned()]));
    dan.enrolls_in(&algebra).await.is_created();
    dan.drops(&algebra).await.is(204);

    school.release(&first).await.is(204);
    assert_eq!(algebra.roster().await.len(), 0);
    school.release(&second).await.is(204);

    assert_eq!((algebra.roster().await, algebra.waitlist().await.len()), (vec!["Ben".to_owned()], 0));
}

#[tokio::test]
async fn a_student_on_hold_keeps_the_place_and_moves_up_after_the_release() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    algebra.seats(1, 3).await;
    ana.enrolls_in(&algebra).await.is_created();
    for waiting in [&ben, &cleo] {
        waiting.enrolls_in(&algebra).await.is(202);
    }
    let hold = school.place_hold(&ben, FEES).await.is_created().json();
    // The hold is no reason to refuse what the student has already.
    ben.enrolls_in(&algebra).await.is_refused(409, "already-waitlisted");

    // The course is full when the hold is released, so the student waits on.
    school.release(&hold).await.is(204);
    assert_eq!(algebra.waitlist().await, ["Ben", "Cleo"]);
    ana.drops(&algebra).await.is(204);

    assert_eq!(
        (algebra.roster().await, algebra.waitlist().await),
        (vec!["Ben".to_owned()], vec!["Cleo".to_owned()])
    );
}

#[tokio::test]
async fn a_restored_place_of_a_student_on_hold_is_passed_over() {
    for restarts in [false, true] {
        let mut school = School::open().await;
        let algebra = school.course("Algebra").await;
        let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
        algebra.seats(1, 3).await;
        ana.enrolls_in(&algebra).await.is_created();
        ben.enrolls_in(&algebra).await.is(202);
        ben.drops(&algebra).await.is(204);
        cleo.enrolls_in(&algebra).await.is(202);
        let hold = school.place_hold(&ben, FEES).await.is_created().json();
        school.ask("POST", &format!("{}/restore", ben.enrollment_url(&algebra))).await.is_created();
        assert_eq!(algebra.waitlist().await, ["Ben", "Cleo"]);

        if restarts {
            // A server that starts reads the waitlist from its table.
            school = School::open_at(&school.close().await).await;
        }
        school.delete(&ana.enrollment_url(&algebra)).await.is(204);

        let names = async |url: String| {
            let list = school.get(&url).await.is_ok().json();
            list.as_array().unwrap().iter().map(|row| row["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(algebra.roster_url()).await, ["Cleo"]);
        assert_eq!(names(algebra.waitlist_url()).await, ["Ben"]);
        school.release(&hold).await.is(204);
        assert_eq!(names(algebra.waitlist_url()).await, ["Ben"]);
    }
}

#[tokio::test]
async fn a_student_on_hold_waits_for_a_course_without_limits_and_may_leave_it_or_get_a_seat() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    algebra.seats(1, 3).await;
    ana.enrolls_in(&algebra).await.is_created();
    for waiting in [&ben, &cleo] {
        waiting.enrolls_in(&algebra).await.is(202);
        school.place_hold(waiting, FEES).await.is_created();
    }
    school.delete(&algebra.seats_url()).await.is(204);
    assert_eq!(algebra.waitlist().await, ["Ben", "Cleo"]);

    ben.drops(&algebra).await.is(204);
    let anyway = json!({"course_id": algebra.id, "override": {"reason": "the fees are paid tomorrow"}});
    school.post(&cleo.courses_url(), anyway).await.is_created();

    assert_eq!(
        (algebra.roster().await, algebra.waitlist().await.len()),
        (vec!["Ana".to_owned(), "Cleo".to_owned()], 0)
    );
}

#[tokio::test]
async fn holds_go_with_the_student() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    school.place_hold(&ana, FEES).await.is_created();

    school.delete(&ana.url()).await.is(204);

    school.get(&holds_url(&ana)).await.is_refused(404, "student-not-found");
    assert_eq!(school.other_program().column("select reason from matricula_holds"), [""; 0]);
}

#[tokio::test]
async fn a_hold_of_a_student_who_does_not_exist_is_not_released() {
    let school = School::open().await;
    school.delete("/api/v1/students/99/holds/1").await.is_refused(404, "student-not-found");
}

#[tokio::test]
async fn students_see_their_own_holds_and_change_none() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let hold = school.place_hold(&ana, FEES).await.is_created().json();
    school.place_hold(&ben, "Something private").await.is_created();
    let algebra = school.course("Algebra").await;
    let admin = create(&school, None, json!({"name": "Admin", "role": "admin"})).await;
    let student = json!({"name": "Ana", "role": "student", "student_id": ana.id});
    let token = create(&school, Some(&admin), student).await;

    let own = school.get(&holds_url(&ana)).with_token(&token).await.is_ok().json();
    assert_eq!(own, json!([hold]));
    school.get(&holds_url(&ben)).with_token(&token).await.is_refused(404, "student-not-found");
    school.place_hold(&ana, FEES).with_token(&token).await.is_refused(403, "forbidden");
    let url = format!("{}/{}", holds_url(&ana), hold["id"]);
    school.delete(&url).with_token(&token).await.is_refused(403, "forbidden");
    let refused = ana.enrolls_in(&algebra).with_token(&token).await.is_refused(409, "student-on-hold");
    assert_eq!(refused["holds"][0]["reason"], FEES);
}

#[tokio::test]
async fn a_hold_needs_a_reason() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    for body in
        [json!({}), json!({"reason": " "}), json!({"reason": null}), json!({"reason": "x".repeat(501)})]
    {
        school.post(&holds_url(&ana), body).await.is_refused(400, "invalid-request");
    }
    assert_eq!(school.get(&holds_url(&ana)).await.is_ok().json(), json!([]));
    school
        .post("/api/v1/students/99/holds", json!({"reason": FEES}))
        .await
        .is_refused(404, "student-not-found");
}
