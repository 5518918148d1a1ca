//! Groups and holds in a browser: at a desk, and on a phone without scripts.

use serde_json::json;

use crate::school::{Browser, Look, School, Student};

/// The browsers of the staff.
async fn browsers(school: &School) -> [Browser; 2] {
    let [desk, phone] = Look::BOTH;
    [
        Browser::with_look(school, desk).await.in_zone("America/Chicago").await,
        Browser::with_look(school, phone).await.without_scripts().await,
    ]
}

#[tokio::test]
async fn a_group_is_added_filled_from_a_list_and_deleted() {
    let school = School::open().await;
    for (name, number) in [("Ana García", "0042"), ("Ben Ito", "0043"), ("Cleo Brown", "0044")] {
        let student = json!({"name": name, "email": "one@example.edu", "number": number});
        school.post("/api/v1/students", student).await.is_created();
    }
    for page in browsers(&school).await {
        page.goto("/groups").await;
        page.waits_for_text("There are no groups.").await;
        page.looks_right("groups-none").await;
        page.type_into("Name", "Seniors").await;
        page.type_into("Courses at most", "eight").await;
        page.click_text("Save group").await;
        page.waits_for_text("must be a whole number").await;
        page.expects_status(422);
        assert_eq!(page.value("#name").await, "Seniors");
        page.type_into("Courses at most", "8").await;
        page.click_text("Save group").await;
        page.waits_for_text("The group is saved.").await;
        page.click_text("Seniors").await;
        page.waits_for_text("each in 8 courses at most").await;
        page.type_into("Students, one per line", "0042\nben ito\nNobody").await;
        page.click_text("Add all").await;
        page.waits_for_text("Ben Ito 0043 in the group").await;
        page.waits_for_text("2 students").await;
        page.looks_right("group-filled").await;
        page.click_text("Remove Ana García").await;
        page.waits_for_text("1 student,").await;
        page.goto("/groups").await;
        page.looks_right("groups").await;
        page.click_text("Seniors").await;
        page.click_text("Delete").await;
        page.waits_for_text("1 student leaves it").await;
        page.looks_right("group-delete").await;
        page.click_text("Delete the group").await;
        page.waits_for_text("There are no groups.").await;
        page.has_no_complaints().await;
        page.loads_nothing_from_elsewhere().await;
    }
}

#[tokio::test]
async fn a_course_opens_for_a_group_at_a_time_of_its_own() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let limit = json!({"course_limit": null});
    school.ask("PUT", "/api/v1/groups/Seniors").json(&limit).await.is_ok();
    for page in browsers(&school).await {
        page.goto(&format!("/courses/{}", algebra.id)).await;
        page.waits_for_text("The course opens for all students at the same time.").await;
        page.click_text("Save time").await;
        page.waits_for_text("Choose a group.").await;
        page.expects_status(422);
        page.looks_right("openings-refused").await;
        page.type_into("Group", "Seniors").await;
        // Without scripts, the time is written in UTC.
        let time = if page.runs_scripts() { "2027-01-08T08:00" } else { "2027-01-08T08:00:00Z" };
        page.type_into("Opens for the group", time).await;
        page.click_text("Save time").await;
        page.waits_for_text("The time for the group is saved.").await;
        page.waits_for_text("Seniors opens").await;
        page.looks_right("openings").await;
        page.click_text("Remove the time for Seniors").await;
        page.waits_for_text("The course opens for all students at the same time.").await;
        page.has_no_complaints().await;
    }
}

#[tokio::test]
async fn a_student_on_hold_enrolls_only_with_a_reason_of_staff() {
    let school = School::open().await;
    let limit = json!({"course_limit": null});
    school.ask("PUT", "/api/v1/groups/Seniors").json(&limit).await.is_ok();
    let algebra = school.course("Algebra").await;
    let students: [Student; 2] = school.students(["Ana", "Ben"]).await;
    for (page, student) in browsers(&school).await.into_iter().zip(students) {
        page.goto(&format!("/students/{}", student.id)).await;
        page.type_into("Add to a group", "Seniors").await;
        page.click_text("Add to group").await;
        page.waits_for_text("The student is added to the group.").await;
        page.click_text("Place a hold…").await;
        page.type_into("Reason", "Library fees: please see the desk in room 12.").await;
        page.click_text("Place hold").await;
        page.waits_for_text("On hold since").await;
        page.type_into("Course name", "alg").await;
        page.looks_right("student-on-hold").await;
        page.goto(&format!("/students/{}?q=algebra", student.id)).await;
        page.click_text("Enroll anyway… in Algebra").await;
        page.click_text("Enroll with this reason").await;
        page.waits_for_text("Reason is required.").await;
        page.expects_status(422);
        page.looks_right("hold-refuses").await;
        assert_eq!(student.courses().await, [""; 0]);
        page.goto(&format!("/students/{}", student.id)).await;
        page.click_text("Release the hold: Library fees: please see the desk in room 12.").await;
        page.waits_for_text("The hold is released.").await;
        page.click_text("Remove from the group Seniors").await;
        page.waits_for_text("The student is no longer in the group.").await;
        page.goto(&format!("/students/{}?q=algebra", student.id)).await;
        page.click_text("Enroll in Algebra").await;
        page.waits_for_text("Enrolled in Algebra.").await;
        page.has_no_complaints().await;
    }
    assert_eq!(algebra.roster().await.len(), 2);
}
