//! Triggers of other programs that write to `student_courses` while matricula writes: their rows are in the log like any
//! other. The audit of each closing school compares the log with the rows.

use serde_json::json;

use crate::other_programs::{enrollments_in_the_log, school};
use crate::school::School;

/// Creates a trigger that runs `statement` for each row after `event`, if `condition` holds.
fn trigger(school: &School, name: &str, event: &str, condition: &str, statement: &str) {
    school.other_program_runs(&if school.database().is_on_a_server() {
        format!(
            "create function {name}() returns trigger language plpgsql as $$ begin {statement}; return null; end $$;
             create trigger {name} after {event} for each row when ({condition}) execute function {name}()"
        )
    } else {
        format!("create trigger {name} after {event} when {condition} begin {statement}; end")
    });
}

#[tokio::test]
async fn a_new_student_is_enrolled_by_the_school() {
    let school = school().await;
    let enroll = "insert into student_courses (student_id, course_id) values (new.id, 1)";
    trigger(&school, "orientation", "insert on students", "true", enroll);
    let dan = school.post("/api/v1/students", json!({"name": "Dan", "email": "dan@example.edu"})).await;
    let dan = dan.is_created().json()["id"].as_i64().unwrap();
    school.put(&format!("/api/v1/students/{dan}/courses/2")).await.is_created();
    assert_eq!(
        enrollments_in_the_log(&school).await,
        [format!("enrollment.created {dan} 1 1 database"), format!("enrollment.created {dan} 2 2 anonymous")]
    );
    let log = school.log().await;
    assert_eq!(log[5..], ["student.created", "enrollment.created", "enrollment.created"]);
}

#[tokio::test]
async fn a_lab_comes_and_goes_with_its_course() {
    let school = school().await;
    let lab = "insert into student_courses (student_id, course_id) values (new.student_id, 2)";
    trigger(&school, "lab", "insert on student_courses", "new.course_id = 1", lab);
    let no_lab = "delete from student_courses where student_id = old.student_id and course_id = 2";
    trigger(&school, "no_lab", "delete on student_courses", "old.course_id = 1", no_lab);

    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.put("/api/v1/students/2/courses/1").await.is_created();
    assert_eq!(school.get("/api/v1/courses/2/students").await.is_ok().ids(), [1, 2]);
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    assert_eq!(school.get("/api/v1/courses/2/students").await.is_ok().ids(), [2]);
    school.delete("/api/v1/students/2?drop=true").await.is(204);

    let log: Vec<_> = enrollments_in_the_log(&school).await;
    let of_first: Vec<_> = log.iter().filter(|line| line.contains("d 1 ")).collect();
    assert_eq!(
        of_first,
        [
            "enrollment.created 1 1 1 anonymous",
            "enrollment.created 1 2 2 database",
            "enrollment.dropped 1 1 1 anonymous",
            "enrollment.dropped 1 2 2 database"
        ]
    );
}

#[tokio::test]
async fn rows_of_triggers_take_no_id_and_no_entry_of_a_large_batch() {
    let school = school().await;
    let lab = "insert into student_courses (student_id, course_id) values (new.student_id, 2)";
    trigger(&school, "lab", "insert on student_courses", "new.course_id = 1", lab);
    for number in 4..=20 {
        school.student(&format!("Student {number}")).await;
    }
    let operations: Vec<_> =
        (1..=20).map(|student| json!({"op": "enroll", "student_id": student, "course_id": 1})).collect();
    let results = school.post("/api/v1/enrollments/batch", json!(operations)).await.is_ok().json();
    for (result, id) in results.as_array().unwrap().iter().zip(1..) {
        assert_eq!(result["enrollment"]["id"], id);
    }
    let log = enrollments_in_the_log(&school).await;
    assert_eq!(log.len(), 40);
    assert!(log[..20].iter().all(|line| line.ends_with("anonymous")), "{log:?}");
    assert!(log[20..].iter().all(|line| line.ends_with("database")), "{log:?}");
}

#[tokio::test]
async fn a_row_that_a_trigger_takes_back_is_a_drop() {
    let school = school().await;
    let refuse = "delete from student_courses where id = new.id";
    trigger(&school, "not_botany", "insert on student_courses", "new.course_id = 2", refuse);
    school.put("/api/v1/students/1/courses/2").await.is_created();
    assert_eq!(school.get("/api/v1/students/1/courses").await.is_ok().json(), json!([]));
    assert_eq!(
        enrollments_in_the_log(&school).await,
        ["enrollment.created 1 2 1 anonymous", "enrollment.dropped 1 2 1 database"]
    );
}

#[tokio::test]
async fn a_trigger_that_moves_a_student_is_logged_as_another_enrollment() {
    let school = school().await;
    let move_away = "update student_courses set course_id = 2 where student_id = new.id and course_id = 1";
    trigger(&school, "renamed", "update on students", "new.name <> old.name", move_away);
    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.patch("/api/v1/students/1", json!({"name": "Anna"})).await.is_ok();
    assert_eq!(
        enrollments_in_the_log(&school).await[1..],
        ["enrollment.dropped 1 1 1 database", "enrollment.created 1 2 2 database"]
    );
}

#[tokio::test]
async fn a_seat_that_a_trigger_takes_is_counted() {
    let school = school().await;
    let enroll = "insert into student_courses (student_id, course_id) values (new.id, 1)";
    trigger(&school, "orientation", "insert on students", "true", enroll);
    school.put("/api/v1/students/1/courses/1").await.is_created();
    let seats = json!({"capacity": 2, "waitlist_capacity": 0, "opens_at": null, "closes_at": null});
    school.put("/api/v1/courses/1/seats").json(&seats).await.is_ok();
    school.post("/api/v1/students", json!({"name": "Dan", "email": "dan@example.edu"})).await.is_created();
    school.put("/api/v1/students/2/courses/1").await.is_refused(409, "course-full");
}
