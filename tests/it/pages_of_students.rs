//! What registrars and students do on the pages of students in a browser.

use serde_json::json;

use crate::school::{Browser, Look, School};

#[tokio::test]
async fn a_student_is_added_changed_and_deleted() {
    for look in Look::BOTH {
        let school = School::open().await;
        let algebra = school.course("Algebra").await;
        let page = Browser::with_look(&school, look).await;
        page.goto("/students").await;
        page.click_text("Add a student").await;
        page.type_into("Name", "Zoë Martin").await;
        page.type_into("E-mail", "zoe at home").await;
        page.click_text("Add").await;
        page.waits_for_text("E-mail must be an e-mail address").await;
        page.looks_right("student-refused").await;
        page.expects_status(422);
        assert_eq!(page.value("#name").await, "Zoë Martin");
        page.type_into("E-mail", "zoe@example.edu").await;
        page.click_text("Add").await;
        page.waits_for_path("/students/1?saved=added").await;
        page.looks_right("student-added").await;
        let enroll = json!({"course_id": algebra.id});
        school.post("/api/v1/students/1/courses", enroll).await.is_created();
        page.click_text("Delete").await;
        page.waits_for_text("The student will be dropped from 1 course.").await;
        page.looks_right("student-deleting").await;
        page.click_text("Delete Zoë Martin").await;
        page.waits_for_text("The student is deleted.").await;
        page.waits_for_text("No students yet").await;
        page.looks_right("student-deleted").await;
        assert_eq!(algebra.roster().await, [""; 0]);
        page.has_no_complaints().await;
        page.loads_nothing_from_elsewhere().await;
    }
}

#[tokio::test]
async fn a_student_enrolls_by_part_of_a_name_drops_and_undoes_it() {
    for look in Look::BOTH {
        let school = School::open().await;
        let [algebra, _] = school.courses(["Algebra", "Botany"]).await;
        let ana = school.student("Ana").await;
        let page = Browser::with_look(&school, look).await;
        page.goto(&format!("/students/{}", ana.id)).await;
        page.waits_for_text("No courses.").await;
        page.looks_right("student-without-courses").await;
        page.type_into("Course name", "alg").await;
        page.click_text("Enroll in Algebra").await;
        page.waits_for_text("Enrolled in Algebra.").await;
        assert_eq!(ana.courses().await, ["Algebra"]);
        // By keyboard, the focus is in the search after enrolling, and in the list after a drop.
        page.waits_for_focus("Course name").await;
        page.type_into("Course name", "bot").await;
        page.click_text("Enroll in Botany").await;
        page.waits_for_text("Enrolled in Botany.").await;
        page.looks_right("student-enrolled").await;
        page.click_text("Drop Botany").await;
        page.waits_for_text("Dropped Botany.").await;
        page.waits_for_focus("Courses").await;
        page.click_text("Drop Algebra").await;
        page.waits_for_text("Dropped Algebra.").await;
        page.waits_for_focus("Course name").await;
        assert_eq!(ana.courses().await, [""; 0]);
        page.looks_right("student-dropped").await;
        page.click_text("Undo").await;
        page.waits_for_text("Enrolled in Algebra as before.").await;
        assert_eq!(algebra.roster().await, ["Ana"]);
        page.waits_for_text("dropped Algebra").await;
        page.type_into("Course name", "zoology").await;
        page.waits_for_text("No course has “zoology” in its name, level or code.").await;
        page.looks_right("student-finds-nothing").await;
        page.has_no_complaints().await;
        page.loads_nothing_from_elsewhere().await;
    }
}

#[tokio::test]
async fn a_drop_that_gives_the_seat_away_asks_first_and_can_be_undone() {
    for look in Look::BOTH {
        let school = School::open().await;
        let algebra = school.course("Algebra").await;
        let [ana, ben] = school.students(["Ana", "Ben"]).await;
        let limits = json!({"capacity": 1, "waitlist_capacity": 5, "drop_until": "2026-09-01T09:00:00Z"});
        school.put(&algebra.seats_url()).json(&limits).await.is_ok();
        ana.enrolls_in(&algebra).await.is_created();
        ben.enrolls_in(&algebra).await.is(202);
        let page = Browser::with_look(&school, look).await;
        page.goto(&format!("/students/{}", ana.id)).await;
        page.click_text("Drop Algebra").await;
        page.waits_for_text("the first of them gets the seat at once").await;
        page.looks_right("drop-asks").await;
        page.click_text("Cancel").await;
        page.waits_for_path(&format!("/students/{}", ana.id)).await;
        // After the deadline it also asks why.
        school.let_pass(std::time::Duration::from_hours(1));
        page.click_text("Drop Algebra").await;
        page.type_into("Reason", "medical withdrawal").await;
        page.looks_right("drop-asks-why").await;
        page.click_text("Drop Algebra").await;
        page.waits_for_text("if you undo this, the course has more students than seats").await;
        page.looks_right("drop-done").await;
        assert_eq!(algebra.roster().await, ["Ben"]);
        page.click_text("Undo").await;
        page.waits_for_text("Enrolled in Algebra as before.").await;
        assert_eq!(algebra.roster().await, ["Ana", "Ben"]);
        page.has_no_complaints().await;
        page.loads_nothing_from_elsewhere().await;
    }
}

#[tokio::test]
async fn a_student_who_gets_no_seat_sees_why_or_waits() {
    for look in Look::BOTH {
        let school = School::open().await;
        let [full, closed] = school.courses(["Full Course", "Closed Course"]).await;
        let [ana, ben] = school.students(["Ana", "Ben"]).await;
        let limits = json!({"capacity": 1, "waitlist_capacity": 1});
        school.put(&format!("{}/seats", full.url())).json(&limits).await.is_ok();
        let limits = json!({"capacity": 9, "closes_at": "2026-08-01T08:00:00Z"});
        school.put(&format!("{}/seats", closed.url())).json(&limits).await.is_ok();
        ana.enrolls_in(&full).await.is_created();
        let page = Browser::with_look(&school, look).await.in_zone("Asia/Kathmandu").await;
        page.goto(&format!("/students/{}?q=course", ben.id)).await;
        page.waits_for_text("Closed Aug 1, 1:45 PM GMT+5:45").await;
        page.looks_right("student-without-seat").await;
        page.click_text("Join waitlist of Full Course").await;
        page.waits_for_text("Full Course is full: the student is on the waitlist.").await;
        page.waits_for_text("waiting, place 1").await;
        page.looks_right("student-on-waitlist").await;
        page.click_text("Leave the waitlist of Full Course").await;
        page.waits_for_text("Left the waitlist of Full Course.").await;
        page.has_no_complaints().await;
    }
}

#[tokio::test]
async fn a_change_by_somebody_else_is_not_lost() {
    for look in Look::BOTH {
        let school = School::open().await;
        let ana = school.student("Ana").await;
        let page = Browser::with_look(&school, look).await;
        page.goto(&format!("/students/{}/edit", ana.id)).await;
        page.type_into("Name", "Ana Costa").await;
        school.patch(&ana.url(), json!({"email": "costa@example.edu"})).await.is_ok();
        page.click_text("Save").await;
        page.waits_for_text("Somebody has changed this since you opened it.").await;
        page.waits_for_text("costa@example.edu").await;
        assert_eq!(page.value("#name").await, "Ana Costa");
        page.looks_right("student-changed").await;
        page.expects_status(412);
        page.has_no_complaints().await;
    }
}
