//! What `matricula check` proves, shown by logs that break it.

use matricula::audit::audit;
use matricula::db::Db;
use serde_json::json;

use crate::school::{Database, FIRST_DAY, School, matricula};

/// What the audit of a database finds once another program has run these statements.
async fn found_after(database: &Database, sql: &str) -> Vec<(String, Vec<String>)> {
    database.runs(&sql.replace("DAY", FIRST_DAY));
    let audit = audit(&Db::open(database.location()).unwrap()).await.unwrap();
    audit.findings.into_iter().map(|finding| (finding.promise.to_owned(), finding.rows)).collect()
}

/// Ana has the one seat in Algebra, Ben and Cleo wait; the log has ten entries.
async fn school_with_a_waitlist() -> Database {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    cleo.enrolls_in(&algebra).await.is(202);
    school.close().await
}

#[tokio::test]
async fn a_seat_that_was_sold_twice_is_found_at_its_place_in_the_log() {
    let database = school_with_a_waitlist().await;
    let found = found_after(
        &database,
        "insert into students (id, name, email) values (4, 'Dan', 'dan@example.edu');
         insert into student_courses (id, student_id, course_id, enrolled_at) values (2, 4, 1, 'DAY');
         insert into events (seq, at, type, student_id, course_id, enrollment_id, data)
             values (9, 'DAY', 'enrollment.created', 4, 1, 2, '{}');
         update log_head set last_seq = 9, last_enrollment_id = 2;",
    )
    .await;
    let oversold = "seq 9: student 4 got a seat in course 1, of which 1 of 1 were taken";
    assert!(
        found.contains(&("no seat was ever sold twice, at any seq".to_owned(), vec![oversold.to_owned()])),
        "{found:?}"
    );
    // It stays on record, though the student has left again.
    let found = found_after(
        &database,
        "delete from student_courses where id = 2;
         insert into events (seq, at, type, student_id, course_id, enrollment_id, data)
             values (10, 'DAY', 'enrollment.dropped', 4, 1, 2, '{}');
         update log_head set last_seq = 10;",
    )
    .await;
    assert_eq!(found[0].1, [oversold]);
}

#[tokio::test]
async fn whoever_was_passed_on_a_waitlist_is_found() {
    let database = school_with_a_waitlist().await;
    let found = found_after(
        &database,
        "update student_courses set student_id = 3, id = 2;
         delete from waitlist where student_id = 3;
         insert into events (seq, at, type, student_id, course_id, enrollment_id, data)
             values (9, 'DAY', 'enrollment.dropped', 1, 1, 1, '{}'), (10, 'DAY', 'waitlist.promoted', 3, 1, 2, '{}');
         update student_courses set enrolled_at = 'DAY';
         update log_head set last_seq = 10, last_enrollment_id = 2;",
    )
    .await;
    let passed = vec!["student 2 waits for course 1 since seq 7 and was passed".to_owned()];
    assert_eq!(found, [("nobody was ever passed on a waitlist".to_owned(), passed)]);
}

#[tokio::test]
async fn an_id_that_was_given_twice_is_found() {
    let database = school_with_a_waitlist().await;
    let found = found_after(
        &database,
        "insert into events (seq, at, type, student_id, data) values (9, 'DAY', 'student.created', 2, '{}');
         update log_head set last_seq = 9;",
    )
    .await;
    assert_eq!(
        found,
        [("the id of a student or a course is given once".to_owned(), vec!["student 2 at seq 9".to_owned()])]
    );
}

#[tokio::test]
async fn an_id_that_an_earlier_version_gave_twice_is_no_finding_for_ever() {
    let database = school_with_a_waitlist().await;
    let found = found_after(
        &database,
        "insert into events (seq, at, type, student_id, data) values (9, 'DAY', 'student.created', 2, '{}');
         update log_head set last_seq = 9;
         update events set batch = null;",
    )
    .await;
    assert_eq!(found, []);
}

#[tokio::test]
async fn a_log_that_is_ahead_of_the_clock_is_a_line_of_its_own() {
    let school = School::open().await;
    school.clock.set("2100-01-01T00:00:00Z".parse().unwrap());
    school.student("From the future").await;
    let database = school.close().await;
    let output = matricula().arg("check").arg("--database").arg(database.argument()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("warning: the log is "), "{said}");
    let page = "docs/operate/monitoring.md";
    assert!(
        said.contains(&format!(" days ahead of the clock: see \"A wrong clock\" in {page}\nok: ")),
        "{said}"
    );
    assert!(output.status.success());
    // The remedy on that page ends it.
    let page = include_str!("../../docs/operate/monitoring.md");
    let (_, remedy) = page.split_once("## A wrong clock").unwrap();
    let (_, remedy) = remedy.split_once("```sql\n").unwrap();
    let (remedy, _) = remedy.split_once("```").unwrap();
    database.runs(&remedy.replace("2026-09-01T08:00:00.000Z", FIRST_DAY));
    let output = matricula().arg("check").arg("--database").arg(database.argument()).output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "ok: 0 enrollments agree with the 1 events in the log\n"
    );
}

#[tokio::test]
async fn a_hundred_changes_in_any_order_break_no_promise() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let names: Vec<String> = (0..20).map(|number| format!("Student {number}")).collect();
    let mut students = Vec::new();
    for name in &names {
        students.push(school.student(name).await);
    }
    for capacity in [3, 1, 5, 0, 8] {
        school
            .put(&algebra.seats_url())
            .json(&json!({"capacity": capacity, "waitlist_capacity": 10}))
            .await
            .is_ok();
        for student in &students {
            student.enrolls_in(&algebra).await;
        }
        for student in students.iter().step_by(3) {
            student.drops(&algebra).await;
        }
    }
}
