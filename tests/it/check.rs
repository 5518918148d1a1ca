//! What `matricula check` verifies, shown with logs that break it.

use matricula::audit::audit;
use matricula::db::Db;
use serde_json::json;

use crate::school::{Database, FIRST_DAY, School, eventually, matricula};

/// The findings of the audit after these statements have been run without the triggers, as by a batch with a bug.
async fn found_after(database: &Database, sql: &str) -> Vec<(String, Vec<String>)> {
    let sql = sql.replace("DAY", FIRST_DAY);
    database.runs(&format!(
        "update log_head set in_batch = -1; {};
         update log_head set in_batch = 0",
        sql.trim_end_matches(';')
    ));
    let audit = audit(&Db::open(database.location()).unwrap()).await.unwrap();
    audit.findings.into_iter().map(|finding| (finding.promise.to_owned(), finding.rows)).collect()
}

/// Ana has the one seat in Algebra, Ben and Cleo wait; the log has eight entries.
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
    let oversold = "seq 9: student 4 got a seat in course 1 when 1 of 1 seats were taken";
    assert!(
        found.contains(&("no seat was ever given out twice".to_owned(), vec![oversold.to_owned()])),
        "{found:?}"
    );
    // It is still found after the student has dropped the course.
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
async fn a_student_who_was_passed_over_on_a_waitlist_is_found() {
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
    let passed = vec!["student 2 has waited for course 1 since seq 7 and was passed over".to_owned()];
    assert_eq!(found, [("no student was ever passed over on a waitlist".to_owned(), passed)]);
}

#[tokio::test]
async fn only_who_is_on_hold_may_be_passed_over() {
    for (released, findings) in [(10, 1), (13, 0)] {
        let database = school_with_a_waitlist().await;
        let holds = format!(
            "insert into events (seq, at, type, student_id, data) values (9, 'DAY', 'hold.placed', 2, '{{\"reason\":\"fees\"}}'),
             ({released}, 'DAY', 'hold.released', 2, '{{\"hold_id\":9}}');"
        );
        let found = found_after(
            &database,
            &format!(
                "{holds}
                 update student_courses set student_id = 3, id = 2;
                 delete from waitlist where student_id = 3;
                 insert into events (seq, at, type, student_id, course_id, enrollment_id, data)
                     values (11, 'DAY', 'enrollment.dropped', 1, 1, 1, '{{}}'), (12, 'DAY', 'waitlist.promoted', 3, 1, 2, '{{}}');
                 update student_courses set enrolled_at = 'DAY';
                 update log_head set last_seq = 13, last_enrollment_id = 2;"
            ),
        )
        .await;
        let promise = "no student was ever passed over on a waitlist";
        assert_eq!(found.iter().filter(|(found, _)| found == promise).count(), findings, "{found:?}");
    }
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
        [(
            "every id of a student or a course is used once".to_owned(),
            vec!["student 2 at seq 9".to_owned()]
        )]
    );
}

#[tokio::test]
async fn an_id_that_an_earlier_version_used_twice_is_not_a_finding() {
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
async fn a_log_that_is_ahead_of_the_clock_has_a_line_of_its_own() {
    let school = School::open().await;
    school.clock.set("2100-01-01T00:00:00Z".parse().unwrap());
    school.student("From the future").await;
    let database = school.close().await;
    let output = matricula().arg("check").arg("--database").arg(database.argument()).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let (ahead, rest) = printed.strip_prefix("warning: the log is ").unwrap().split_once(' ').unwrap();
    assert!((70..80).contains(&ahead.parse::<i64>().unwrap()), "{printed}");
    assert!(
        rest.starts_with(
            "years ahead of the clock: see \"A wrong clock\" in docs/operate/monitoring.md\nok: "
        ),
        "{printed}"
    );
    assert!(output.status.success());
    // The remedy on that page removes the warning.
    let page = include_str!("../../docs/operate/monitoring.md");
    let (_, remedy) = page.split_once("## A wrong clock").unwrap();
    let (_, remedy) = remedy.split_once("```sql\n").unwrap();
    let (remedy, _) = remedy.split_once("```").unwrap();
    database.runs(&remedy.replace("2026-09-01T08:00:00.000Z", FIRST_DAY));
    let output = matricula().arg("check").arg("--database").arg(database.argument()).output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "ok: 0 enrollments agree with the 1 event in the log\n"
    );
}

#[tokio::test]
async fn a_log_that_ends_on_the_last_possible_day_is_reported_too() {
    let database = school_with_a_waitlist().await;
    for day in ["9999-12-30", "9999-12-31"] {
        database.runs(&format!("update log_head set last_at = '{day}T08:00:00.000Z'"));
        let output = matricula().arg("check").arg("--database").arg(database.argument()).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains("warning: the log is 7973 years ahead of the clock"), "{printed}");
    }
}

#[tokio::test]
async fn limits_that_differ_from_the_log_are_found() {
    let log = "the log says 1 seat, 5 places on the waitlist";
    for (change, found) in [
        ("update course_seats set capacity = 30", "course 1 has 30 seats, 5 places on the waitlist"),
        ("update course_seats set waitlist_capacity = 9", "course 1 has 1 seat, 9 places on the waitlist"),
        (
            "update course_seats set closes_at = 'DAY'",
            "course 1 has 1 seat, 5 places on the waitlist, closes DAY",
        ),
        ("delete from course_seats", "course 1 has no limits"),
    ] {
        let database = school_with_a_waitlist().await;
        let promise = "every course has the limits recorded in the log".to_owned();
        let row = format!("{found}; {log}").replace("DAY", FIRST_DAY);
        assert!(found_after(&database, change).await.contains(&(promise, vec![row])), "{change}");
    }
    for data in ["{}", r#"{"capacity": "1", "waitlist_capacity": 5}"#, r#"{"capacity": 1}"#] {
        let database = school_with_a_waitlist().await;
        let found =
            found_after(&database, &format!("update events set data = '{data}' where type = 'seats.set'"))
                .await;
        let (promise, rows) = &found[0];
        assert_eq!(promise, "every entry that sets limits can be read", "{data}");
        assert!(rows.len() == 1 && rows[0].starts_with("seq "), "{rows:?}");
    }
    let database = school_with_a_waitlist().await;
    let found = found_after(
        &database,
        "insert into courses (id, name, level) values (2, 'Botany', 'one');
         insert into course_seats (course_id, capacity, waitlist_capacity) values (2, 1, 0)",
    )
    .await;
    assert_eq!(found[0].1, ["course 2 has 1 seat, 0 places on the waitlist; the log says no limits"]);
}

#[tokio::test]
async fn impossible_entries_in_the_log_are_found() {
    let entry = "insert into events (seq, at, type, student_id, course_id, enrollment_id, data) values";
    for (promise, row, change) in [
        (
            "no student is enrolled in a course and on its waitlist",
            "student 1 and course 1",
            format!(
                "{entry} (9, 'DAY', 'waitlist.joined', 1, 1, null, '{{}}');
                insert into waitlist (student_id, course_id, joined_seq, joined_at) values (1, 1, 9, 'DAY')"
            ),
        ),
        (
            "every drop ends an enrollment that had begun",
            "seq 9: enrollment without an id",
            format!("{entry} (9, 'DAY', 'enrollment.dropped', 2, 1, null, '{{}}')"),
        ),
        (
            "every drop ends an enrollment that had begun",
            "seq 9: enrollment 1",
            format!("{entry} (9, 'DAY', 'enrollment.dropped', 2, 1, 1, '{{}}')"),
        ),
        (
            "only students on a waitlist leave it or move up",
            "seq 9: student 1 left the waitlist of course 1",
            format!("{entry} (9, 'DAY', 'waitlist.left', 1, 1, null, '{{}}')"),
        ),
        (
            "only students on a waitlist leave it or move up",
            "seq 9: student 1 moved up in course 1",
            format!("{entry} (9, 'DAY', 'waitlist.promoted', 1, 1, 7, '{{}}')"),
        ),
    ] {
        let database = school_with_a_waitlist().await;
        let found = found_after(&database, &format!("{change}; update log_head set last_seq = 9")).await;
        assert!(found.contains(&(promise.to_owned(), vec![row.to_owned()])), "{promise}: {found:?}");
    }
}

#[tokio::test]
async fn a_table_that_is_missing_is_found() {
    let database = school_with_a_waitlist().await;
    let found = found_after(&database, "drop table kept_columns").await;
    assert_eq!(found, [("every table of matricula exists".to_owned(), vec!["kept_columns".to_owned()])]);
}

#[tokio::test]
async fn changes_that_other_programs_may_make_are_notes_and_break_no_promise() {
    let check = |database: &Database| {
        let output = matricula().arg("check").arg("--database").arg(database.argument()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let database = school_with_a_waitlist().await;
    database.runs("pragma foreign_keys = off; delete from students where id in (1, 2)");
    let printed = check(&database);
    assert!(
        printed.contains("a running server drops them (2 rows)\n  enrollment 1: there is no student 1\n"),
        "{printed}"
    );
    let (_, to_log) = printed.split_once("a running server adds this to the log (2 rows)\n").unwrap();
    assert!(to_log.contains("  student 1\n") && to_log.contains("  student 2\n"), "{printed}");
    // A running server does so.
    let school = School::open_at(&database).await;
    eventually("the deletions are logged", async || school.log().await.len() >= 13).await;
    let database = school.close().await;
    assert_eq!(check(&database), "ok: 1 enrollment agrees with the 13 events in the log\n");
    database.runs("insert into students (id, name, email) values (1, 'Zoe', 'zoe@example.edu')");
    let printed = check(&database);
    assert!(printed.starts_with("note: ids of deleted students or courses that another program gave to new rows (1 row)\n  student 1, deleted at seq "), "{printed}");
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

/// As [`school_with_a_waitlist`], but Cleo and Dan have seats beyond the capacity by overrides; Cleo had waited.
async fn school_with_overrides() -> Database {
    let school = School::open_at(&school_with_a_waitlist().await).await;
    school.student("Dan").await;
    for student in [3, 4] {
        let body = json!({"course_id": 1, "override": {"reason": "the dean"}});
        school.post(&format!("/api/v1/students/{student}/courses"), body).await.is_created();
    }
    school.close().await
}

#[tokio::test]
async fn a_course_that_is_over_full_by_overrides_is_in_order_but_not_one_with_a_further_seat() {
    let database = school_with_overrides().await;
    assert_eq!(found_after(&database, "").await, []);
    let output = matricula().arg("check").arg("--database").arg(database.argument()).output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "ok: 3 enrollments agree with the 11 events in the log\n"
    );
    let found = found_after(
        &database,
        "insert into students (id, name, email) values (5, 'Eve', 'eve@example.edu');
         insert into student_courses (id, student_id, course_id, enrolled_at) values (4, 5, 1, 'DAY');
         insert into events (seq, at, type, student_id, course_id, enrollment_id, data)
             values (12, 'DAY', 'enrollment.created', 5, 1, 4, '{}');
         update log_head set last_seq = 12, last_enrollment_id = 4;",
    )
    .await;
    let oversold = "seq 12: student 5 got a seat in course 1 when 3 of 1 seats were taken";
    assert_eq!(found[0], ("no seat was ever given out twice".to_owned(), vec![oversold.to_owned()]));
}

#[tokio::test]
async fn a_seat_that_was_promoted_into_an_over_full_course_is_found() {
    let database = school_with_overrides().await;
    let found = found_after(
        &database,
        "delete from student_courses where id = 1;
         delete from waitlist where student_id = 2;
         insert into student_courses (id, student_id, course_id, enrolled_at) values (4, 2, 1, 'DAY');
         insert into events (seq, at, type, student_id, course_id, enrollment_id, data)
             values (12, 'DAY', 'enrollment.dropped', 1, 1, 1, '{}'), (13, 'DAY', 'waitlist.promoted', 2, 1, 4, '{}');
         update log_head set last_seq = 13, last_enrollment_id = 4;",
    )
    .await;
    let oversold = "seq 13: student 2 got a seat in course 1 when 2 of 1 seats were taken";
    assert_eq!(found, [("no seat was ever given out twice".to_owned(), vec![oversold.to_owned()])]);
}

#[tokio::test]
async fn an_override_that_forgets_the_waitlist_is_found() {
    let database = school_with_overrides().await;
    let found =
        found_after(&database, "update events set data = '{\"override\":{\"reason\":\"\"}}' where seq = 10")
            .await;
    assert_eq!(
        found,
        [(
            "every student who joined a waitlist is on it, has left or has moved up".to_owned(),
            vec!["student 3 for course 1".to_owned()]
        )]
    );
}
