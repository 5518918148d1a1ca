//! Lists of students that programs have read.

use std::time::Duration;

use serde_json::{Value, json};

use super::{As as _, school, token};
use crate::school::{School, eventually};

/// A closed school with the tokens of a program that reads everything, and of the student 1.
async fn school_with_programs() -> (School, String, String, String) {
    let (school, admin) = school().await;
    let program = token(&school, &admin, json!({"name": "Mirror", "role": "registrar"})).await;
    let ana = token(&school, &admin, json!({"name": "App", "role": "student", "student_id": 1})).await;
    (school, admin, program, ana)
}

/// What concerns a student, one line for each entry.
async fn disclosed(school: &School, by: &str, student: i64) -> Vec<String> {
    let path = format!("/api/v1/students/{student}/disclosures");
    let entries = school.get(&path).by(by).await.is_ok().json();
    let line = |entry: &Value| {
        let course = entry["course_name"].as_str().map(|name| format!(" {name}")).unwrap_or_default();
        format!(
            "{} {}{course} {}",
            entry["program"].as_str().unwrap(),
            entry["list"].as_str().unwrap(),
            entry["rows"]
        )
    };
    entries.as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn a_student_sees_which_programs_have_read_lists_with_them() {
    let (school, admin, program, ana) = school_with_programs().await;
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    school.put("/api/v1/students/2/courses/2").by(&program).await.is_created();
    school.let_pass(Duration::from_mins(5));
    school.get("/api/v1/students").by(&program).await.is_ok();
    school.get("/api/v1/students?limit=1").by(&program).await.is_ok();
    school.get("/api/v1/students?q=nobody").by(&program).await.is_ok();
    school.get("/api/v1/courses/1/students").by(&program).await.is_ok();
    school.get("/api/v1/courses/2/students").by(&program).await.is_ok();
    school.get("/api/v1/events?student_id=2").by(&program).await.is_ok();
    // People, and what a program reads about its own student only, leave no record.
    school.get("/api/v1/students").by(&admin).await.is_ok();
    school.get("/api/v1/students").by(&ana).await.is_ok();
    school.get("/api/v1/students/1").by(&program).await.is_ok();

    let about_ana = ["Mirror roster Algebra 1", "Mirror students 3"];
    eventually("they are recorded", async || {
        let mut found = disclosed(&school, &ana, 1).await;
        found.sort();
        found == about_ana
    })
    .await;
    let mut about_ben = disclosed(&school, &admin, 2).await;
    about_ben.sort();
    assert_eq!(about_ben, ["Mirror events 2", "Mirror roster Botany 1", "Mirror students 3"]);
    for other in ["2", "77"] {
        let path = format!("/api/v1/students/{other}/disclosures");
        school.get(&path).by(&ana).await.is_refused(404, "student-not-found");
    }
    let page = school.get("/my/record").by(&ana).await.is_ok();
    for words in ["Who has read your record", "Mirror</bdi> read the roster of <bdi>Algebra", "(3 rows)"] {
        assert!(page.text().contains(words), "{words}: {}", page.text());
    }
    assert!(!page.text().contains("Botany</bdi> <span class=\"quiet\">("), "{}", page.text());
}

#[tokio::test]
async fn a_list_concerns_those_who_were_on_it_at_that_time() {
    let (school, admin, program, ana) = school_with_programs().await;
    let roster = async || school.get("/api/v1/courses/1/students").by(&program).await.is_ok();
    school.put("/api/v1/students/2/courses/1").by(&program).await.is_created();
    let begun = "2026-09-01T08:00:30Z";
    school.let_pass(Duration::from_mins(5));
    roster().await;
    school.let_pass(Duration::from_mins(5));
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    school.let_pass(Duration::from_mins(5));
    roster().await;
    school.let_pass(Duration::from_mins(5));
    school.delete("/api/v1/students/1/courses/1").by(&program).await.is(204);
    school.let_pass(Duration::from_mins(5));
    roster().await;
    school.get(&format!("/api/v1/courses/1/students?as_of={begun}")).by(&program).await.is_ok();
    school.get("/api/v1/courses/1/students?as_of=2026-09-01T08:15:30Z").by(&program).await.is_ok();
    // A student who is added later was in none of them.
    school.let_pass(Duration::from_mins(5));
    school.get("/api/v1/students").by(&program).await.is_ok();
    school.let_pass(Duration::from_mins(5));
    let eve = json!({"name": "Eve", "email": "eve@example.edu"});
    school.post("/api/v1/students", eve).by(&program).await.is_created();

    eventually("all are recorded", async || disclosed(&school, &admin, 2).await.len() == 6).await;
    let mut about_ana = disclosed(&school, &ana, 1).await;
    about_ana.sort();
    let both = "Mirror roster Algebra 2";
    assert_eq!(about_ana, [both, both, "Mirror students 2"]);
    assert_eq!(disclosed(&school, &admin, 3).await, [""; 0]);
}

#[tokio::test]
async fn waitlists_and_the_log_are_recorded_too_and_streams_as_they_are_sent() {
    let (school, admin, program, ana) = school_with_programs().await;
    let seats = json!({"capacity": 0, "waitlist_capacity": 5});
    school.ask("PUT", "/api/v1/courses/1/seats").json(&seats).by(&program).await.is_ok();
    school.put("/api/v1/students/1/courses/1").by(&program).await.is(202);
    school.let_pass(Duration::from_mins(5));
    school.get("/api/v1/courses/1/waitlist").by(&program).await.is_ok();
    school.get("/api/v1/events?course_id=1").by(&program).await.is_ok();
    school.get("/api/v1/events?type=course.created").by(&program).await.is_ok();
    let stream = school.get("/api/v1/events?after=0&type=waitlist.joined").by(&program);
    let mut listener = stream.listen().await;
    assert_eq!(listener.seqs(1).await.len(), 1);
    let expected = ["Mirror events 1", "Mirror events Algebra 1", "Mirror waitlist Algebra 1"];
    eventually("they are recorded", async || {
        let mut found = disclosed(&school, &ana, 1).await;
        found.sort();
        found == expected
    })
    .await;
    assert_eq!(disclosed(&school, &admin, 2).await, ["Mirror events 1"]);
}

#[tokio::test]
async fn a_program_that_reads_pages_leaves_a_record_too() {
    let (school, _, program, ana) = school_with_programs().await;
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    for path in ["/students", "/courses/1", "/courses/1/roster"] {
        school.get(path).by(&program).await.is_ok();
    }
    eventually("they are recorded", async || {
        let mut found = disclosed(&school, &ana, 1).await;
        found.sort();
        found == ["Mirror events Algebra 1", "Mirror roster Algebra 2", "Mirror students 2"]
    })
    .await;
}

#[tokio::test]
async fn a_roster_a_moment_ahead_of_the_clock_is_the_present_one() {
    let (school, admin, program, ana) = school_with_programs().await;
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    school.get("/api/v1/courses/1/students?as_of=2026-09-01T08:00:04Z").by(&program).await.is_ok();
    school.get("/courses/1/roster?as_of=2026-09-01").by(&program).await.is_ok();
    school.let_pass(Duration::from_mins(5));
    school.delete("/api/v1/students/1/courses/1").by(&program).await.is(204);
    school.put("/api/v1/students/2/courses/1").by(&program).await.is_created();
    eventually("it still concerns who was on it", async || {
        disclosed(&school, &ana, 1).await == ["Mirror roster Algebra 2"]
    })
    .await;
    assert_eq!(disclosed(&school, &admin, 2).await, [""; 0]);
}

#[tokio::test]
async fn what_refusals_and_totals_tell_is_recorded() {
    let (school, admin, program, ana) = school_with_programs().await;
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    let enrolls = token(
        &school,
        &admin,
        json!({"name": "Kiosk", "role": "registrar", "scopes": ["enrollments:write"]}),
    );
    let enrolls = enrolls.await;
    let enroll =
        |student: i64, course: i64| json!({"op": "enroll", "student_id": student, "course_id": course});
    let asked = json!([enroll(1, 1), enroll(2, 1), enroll(1, 99)]);
    school.post("/api/v1/enrollments/batch?mode=all", asked).by(&enrolls).await.is_ok();
    school.get("/api/v1/events?student_id=1&after=1000").by(&program).await.is_ok();
    eventually("both are recorded", async || {
        let mut found = disclosed(&school, &ana, 1).await;
        found.sort();
        found == ["Kiosk roster Algebra 2", "Mirror events 1"]
    })
    .await;
}

#[tokio::test]
async fn a_program_that_reads_without_end_fills_no_table_and_crowds_out_no_other() {
    let (school, admin, program, ana) = school_with_programs().await;
    let other = token(&school, &admin, json!({"name": "Mailer", "role": "registrar"})).await;
    school.put("/api/v1/students/1/courses/1").by(&program).await.is_created();
    school.let_pass(Duration::from_hours(1));
    for second in 0..600 {
        let time = format!("2026-09-01T08:{:02}:{:02}Z", 10 + second / 60, second % 60);
        school.get(&format!("/api/v1/courses/1/students?as_of={time}")).by(&program).await.is_ok();
    }
    school.get("/api/v1/students").by(&other).await.is_ok();
    eventually("the rest counts as everybody's list", async || {
        let found = disclosed(&school, &ana, 1).await;
        let rest = found.contains(&"Mirror students 100".to_owned());
        rest && found.len() == 502 && found.contains(&"Mailer students 2".to_owned())
    })
    .await;
}

#[tokio::test]
async fn of_a_long_list_every_row_counts_and_a_stop_loses_nothing() {
    let (school, admin, program, _) = school_with_programs().await;
    let names: Vec<_> = (0..1200).map(|number| format!("('Student {number}', 's@example.edu')")).collect();
    school.other_program_runs(&format!("insert into students (name, email) values {}", names.join(", ")));
    let list = school.get("/api/v1/students").by(&program).await.is_ok();
    assert_eq!(list.ids().len(), 1202);
    let first = school.get("/api/v1/students?limit=700").by(&program).await.is_ok();
    assert_eq!(first.ids().len(), 700);
    drop(admin);
    let database = school.close().await;
    let sums = "select list_rows from (select sum(rows_sent) as list_rows from matricula_disclosures \
                where what = 'students') s";
    assert_eq!(database.other_program().column(sums), ["1902"]);
}
