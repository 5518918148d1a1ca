//! Rosters and the courses of a student at any time in the past.

use std::time::Duration;

use serde_json::{Value, json};

use crate::school::{School, errors};

const HOUR: Duration = Duration::from_hours(1);

async fn names(school: &School, path: &str) -> Vec<Value> {
    let list = school.get(path).await.is_ok();
    let rows = list.json().as_array().unwrap().clone();
    assert_eq!(list.header("x-total-count"), rows.len().to_string());
    rows.into_iter().map(|row| row["name"].clone()).collect()
}

#[tokio::test]
async fn a_roster_and_a_students_courses_are_shown_as_they_were() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    algebra.seats(1, 1).await;
    ana.enrolls_in(&algebra).await.is_created(); // 8:00
    ben.enrolls_in(&algebra).await.is(202);
    school.let_pass(HOUR);
    ana.enrolls_in(&botany).await.is_created(); // 9:00
    ana.drops(&algebra).await.is(204); // Ben moves up
    school.let_pass(HOUR);
    ana.enrolls_in(&algebra).await.is(202); // 10:00
    ben.drops(&algebra).await.is(204); // Ana moves up
    school.let_pass(HOUR);

    for (time, roster, of_ana) in [
        ("07:59:59.999Z", json!([]), json!([])),
        ("08:00:00Z", json!(["Ana"]), json!(["Algebra"])),
        ("08:59:59.999Z", json!(["Ana"]), json!(["Algebra"])),
        ("09:00:00Z", json!(["Ben"]), json!(["Botany"])),
        ("09:59:59.999Z", json!(["Ben"]), json!(["Botany"])),
        ("12:00:00%2B02:00", json!(["Ana"]), json!(["Botany", "Algebra"])),
        ("11:00:00Z", json!(["Ana"]), json!(["Botany", "Algebra"])),
    ] {
        let as_of = format!("as_of=2026-09-01T{time}");
        assert_eq!(
            json!(names(&school, &format!("{}?{as_of}", algebra.roster_url())).await),
            roster,
            "{time}"
        );
        assert_eq!(json!(names(&school, &format!("{}?{as_of}", ana.courses_url())).await), of_ana, "{time}");
    }
    let row =
        school.get(&format!("{}?as_of=2026-09-01T09:30:00Z", algebra.roster_url())).await.is_ok().json();
    assert_eq!(
        row,
        json!([{"id": ben.id, "name": "Ben", "email": "ben@example.edu", "enrolled_at": "2026-09-01T09:00:00.000Z"}])
    );
}

#[tokio::test]
async fn deleted_students_and_courses_are_in_the_past_without_a_name() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let algebra = school.course("Algebra").await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is_created();
    school.let_pass(HOUR);
    school.delete(&format!("{}?drop=true", ana.url())).await.is(204);

    let then =
        school.get(&format!("{}?as_of=2026-09-01T08:30:00Z", algebra.roster_url())).await.is_ok().json();
    assert_eq!(
        then[0],
        json!({"id": ana.id, "name": null, "email": null, "enrolled_at": "2026-09-01T08:00:00.000Z"})
    );
    assert_eq!(then[1]["name"], "Ben");
    assert_eq!(
        names(&school, &format!("{}?as_of=2026-09-01T08:30:00Z", ana.courses_url())).await,
        ["Algebra"]
    );
    assert_eq!(names(&school, &format!("{}?as_of=2026-09-01T09:00:00Z", ana.courses_url())).await, [""; 0]);
    school.get(&ana.courses_url()).await.is_refused(404, "student-not-found");

    school.delete(&format!("{}?drop=true", algebra.url())).await.is(204);
    let then = school.get(&format!("{}?as_of=2026-09-01T08:30:00Z", ben.courses_url())).await.is_ok().json();
    assert_eq!(then, json!([{"id": algebra.id, "name": null, "level": null}]));
    for never in ["/api/v1/students/99/courses", "/api/v1/courses/99/students"] {
        let problem = school.get(&format!("{never}?as_of=2026-09-01T08:30:00Z")).await.is(404);
        assert!(problem.json()["type"].as_str().unwrap().ends_with("-not-found"));
    }
}

#[tokio::test]
async fn a_past_roster_is_paged_like_any_list() {
    let school = School::open().await;
    let students = school.students(["Ana", "Ben", "Cleo", "Dan", "Elif"]).await;
    let algebra = school.course("Algebra").await;
    for student in &students {
        student.enrolls_in(&algebra).await.is_created();
    }
    school.let_pass(HOUR);
    students[1].drops(&algebra).await.is(204);
    let mut page =
        school.get(&format!("{}?as_of=2026-09-01T08:30:00Z&limit=2", algebra.roster_url())).await.is_ok();
    let mut ids = page.ids();
    while let Some(next) = page.next_page().map(str::to_owned) {
        assert_eq!(page.header("x-total-count"), "5");
        page = school.client.ask("GET", &next).await.is_ok();
        ids.extend(page.ids());
    }
    assert_eq!(ids, students.map(|student| student.id));
}

#[tokio::test]
async fn found_enrollments_count_from_their_adoption_on() {
    let school = School::open_found(
        "create table students (id integer primary key, name text, email text);
         create table courses (id integer primary key, name text, level text);
         create table student_courses (id integer primary key, student_id integer, course_id integer);
         insert into students values (1, 'Ana', 'ana@example.edu');
         insert into courses values (1, 'Algebra', 'b');
         insert into student_courses values (5, 1, 1);",
    )
    .await;
    assert_eq!(names(&school, "/api/v1/courses/1/students?as_of=2026-09-01T07:59:59.999Z").await, [""; 0]);
    assert_eq!(names(&school, "/api/v1/courses/1/students?as_of=2026-09-01T08:00:00Z").await, ["Ana"]);
}

#[tokio::test]
async fn an_invalid_time_is_refused() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    for time in ["yesterday", "2026-09-01", "2026-09-01T08:00:00", "-002026-09-01T08:00:00Z", ""] {
        let problem = school
            .get(&format!("{}?as_of={time}", ana.courses_url()))
            .await
            .is_refused(400, "invalid-request");
        let expected = "as_of: must be a time with an offset, like 2026-09-01T08:00:00Z (RFC 3339)";
        assert_eq!(errors(&problem), [expected], "{time}");
    }
    // A form or a query decodes a plus as a blank.
    let url = format!("{}?as_of=2026-09-01T08:00:00", ana.courses_url());
    let problem = school.get(&format!("{url}+02:00")).await.is_refused(400, "invalid-request");
    let expected = "as_of: must be a time with an offset, like 2026-09-01T08:00:00Z (RFC 3339); in an address, a `+` is a blank: write `%2B` for it";
    assert_eq!(errors(&problem), [expected]);
    school.get(&format!("{url}%2B02:00")).await.is_ok();
}

#[tokio::test]
async fn the_future_is_refused_and_says_what_time_it_is() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    let roster = algebra.roster_url();
    for path in [
        roster.clone(),
        ana.courses_url(),
        format!("{roster}.csv"),
        format!("{roster}.xlsx"),
        "/api/v1/exports/enrollments.csv".to_owned(),
        "/api/v1/exports/enrollments.xlsx".to_owned(),
    ] {
        // Clocks differ a little.
        for time in ["2026-09-01T08:00:00Z", "2026-09-01T08:00:05Z", "2026-09-01T10:00:05%2B02:00"] {
            school.get(&format!("{path}?as_of={time}")).await.is_ok();
        }
        for time in ["2026-09-01T08:00:05.001Z", "2026-09-01T08:00:05-01:00", "9999-12-31T23:59:59Z"] {
            let problem =
                school.get(&format!("{path}?as_of={time}")).await.is_refused(400, "invalid-request");
            let expected = "as_of: is in the future: it is 2026-09-01T08:00:00.000Z now";
            assert_eq!(errors(&problem), [expected], "{path} {time}");
        }
    }
    // The query is looked at before the ids.
    school
        .get("/api/v1/courses/99/students?as_of=2999-01-01T00:00:00Z")
        .await
        .is_refused(400, "invalid-request");
}
