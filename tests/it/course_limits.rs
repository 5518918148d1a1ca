//! The limit of courses of a student, by the rules of the school and by groups.

use serde_json::json;

use crate::school::{Course, School};

impl School {
    async fn limits_courses(&self, limit: Option<i64>) {
        let rules = json!({"course_limit": limit});
        let reply = self.ask("PUT", "/api/v1/rules").json(&rules).await.is_ok().json();
        assert_eq!((reply, self.get("/api/v1/rules").await.is_ok().json()), (rules.clone(), rules));
    }
}

#[tokio::test]
async fn a_student_has_no_more_courses_than_the_limit() {
    let school = School::open().await;
    let [algebra, botany, chemistry, drawing, english] =
        school.courses(["Algebra", "Botany", "Chemistry", "Drawing", "English"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    botany.seats(1, 5).await;
    ben.enrolls_in(&botany).await.is_created();
    school.limits_courses(Some(2)).await;
    ana.enrolls_in(&algebra).await.is_created();
    // A place in line counts, so that moving up never goes beyond the limit.
    ana.enrolls_in(&botany).await.is(202);

    let refused = ana.enrolls_in(&chemistry).await.is_refused(409, "course-limit-reached");

    assert_eq!((&refused["courses"], &refused["course_limit"]), (&json!(2), &json!(2)));
    // What is there already is no further course.
    ana.ensures_enrollment_in(&algebra).await.is_ok();
    ana.ensures_enrollment_in(&botany).await.is(202);
    // One course for another is possible, and so is going beyond the limit with a reason.
    let swap = json!([{"op": "swap", "student_id": ana.id, "from": algebra.id, "to": chemistry.id}]);
    let swapped = school.post("/api/v1/enrollments/batch", swap).await.is_ok().json();
    assert_eq!(swapped[0]["status"], 201);
    ben.drops(&botany).await.is(204);
    assert_eq!(ana.courses().await, ["Chemistry", "Botany"]);
    ana.enrolls_in(&algebra).await.is_refused(409, "course-limit-reached");
    let anyway = json!({"course_id": algebra.id, "override": {"reason": "the dean"}});
    school.post(&ana.courses_url(), anyway).await.is_created();
    // A lower limit takes nothing away, and does not keep a student above it from one course for another.
    school.limits_courses(Some(1)).await;
    assert_eq!(ana.courses().await, ["Chemistry", "Botany", "Algebra"]);
    let swap = json!([{"op": "swap", "student_id": ana.id, "from": algebra.id, "to": drawing.id}]);
    let swapped = school.post("/api/v1/enrollments/batch", swap).await.is_ok().json();
    assert_eq!(swapped[0]["status"], 201);
    assert_eq!(ana.courses().await, ["Chemistry", "Botany", "Drawing"]);
    // Nor does it with all or nothing, where the held seat is given up first. That seat is nobody's way to one more course.
    let all = "/api/v1/enrollments/batch?mode=all";
    let swap = |from: &Course, to: &Course| json!({"op": "swap", "student_id": ana.id, "from": from.id, "to": to.id});
    school.post(all, json!([swap(&drawing, &algebra)])).await.is_ok();
    school.limits_courses(Some(3)).await;
    let more = json!({"op": "enroll", "student_id": ana.id, "course_id": english.id});
    for operations in [json!([more, swap(&algebra, &drawing)]), json!([swap(&algebra, &drawing), more])] {
        let refused = school.post(all, operations).await.is_ok().json();
        let of_more = refused.as_array().unwrap().iter().find(|done| done["status"] == 409).unwrap();
        assert_eq!(of_more["problem"]["type"], "/problems/course-limit-reached", "{refused}");
    }
    assert_eq!(ana.courses().await, ["Chemistry", "Botany", "Algebra"]);
    school.limits_courses(None).await;
    ben.enrolls_in(&algebra).await.is_created();
}

#[tokio::test]
async fn a_seat_that_a_swap_gave_up_counts_only_until_the_swap_is_done() {
    let school = School::open().await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    let ana = school.student("Ana").await;
    school.limits_courses(Some(2)).await;
    ana.enrolls_in(&algebra).await.is_created();
    let operations = json!([
        {"op": "swap", "student_id": ana.id, "from": algebra.id, "to": botany.id},
        {"op": "enroll", "student_id": ana.id, "course_id": chemistry.id},
    ]);
    let done = school.post("/api/v1/enrollments/batch?mode=all", operations).await.is_ok().json();
    assert_eq!((&done[0]["status"], &done[1]["status"]), (&json!(201), &json!(201)), "{done}");
    assert_eq!(ana.courses().await, ["Botany", "Chemistry"]);
}

#[tokio::test]
async fn rules_that_stay_the_same_are_not_logged() {
    let school = School::open().await;
    for limit in [Some(2), Some(2), None, None] {
        school.limits_courses(limit).await;
    }
    assert_eq!(school.log().await, ["rules.set", "rules.set"]);
}

#[tokio::test]
async fn members_of_a_group_have_its_limit_of_courses_and_of_several_groups_the_lowest() {
    let school = School::open().await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    let ana = school.student("Ana").await;
    school.limits_courses(Some(1)).await;
    ana.enrolls_in(&algebra).await.is_created();
    school.sets_group("Honors", &json!({"course_limit": 3})).await.is_ok();
    school.joins(&ana, "Honors").await.is(204);
    ana.enrolls_in(&botany).await.is_created();
    school.sets_group("Probation", &json!({"course_limit": 2})).await.is_ok();
    school.joins(&ana, "Probation").await.is(204);
    let refused = ana.enrolls_in(&chemistry).await.is_refused(409, "course-limit-reached");
    assert_eq!(refused["course_limit"], 2);
    // All operations of a batch count, in order; with all or nothing, a drop makes room first.
    let batch = json!([
        {"op": "enroll", "student_id": ana.id, "course_id": chemistry.id},
        {"op": "drop", "student_id": ana.id, "course_id": algebra.id},
    ]);
    let done = school.post("/api/v1/enrollments/batch?mode=all", batch).await.is_ok().json();
    assert_eq!((&done[0]["status"], &done[1]["status"]), (&json!(201), &json!(204)));
    for body in [json!({"course_limit": 1001}), json!({"course_limit": -1}), json!({"course_limit": "2"})] {
        school.sets_group("Honors", &body).await.is_refused(400, "invalid-request");
        school.ask("PUT", "/api/v1/rules").json(&body).await.is_refused(400, "invalid-request");
    }
}
