//! The past belongs to a person, not to a number: no id is used twice, and if another program uses one again, history
//! stops at the deletion.

use serde_json::json;

use crate::school::{School, eventually};

/// As most programs create them: SQLite uses the highest id again once its row is gone.
const FOUND: &str = "create table students (id integer primary key, name text, email text);
    create table courses (id integer primary key, name text, level text);
    insert into students (id, name, email) values (1, 'Ana', 'ana@example.edu'), (2, 'Ben', 'ben@example.edu');
    insert into courses (id, name, level) values (1, 'Algebra', 'one'), (2, 'Botany', 'one');";

#[tokio::test]
async fn the_id_of_a_deleted_student_or_course_is_not_used_again() {
    let school = School::open_found(FOUND).await;
    for student in [1, 2] {
        school.put(&format!("/api/v1/students/{student}/courses/2")).await.is_created();
    }
    school.delete("/api/v1/students/2?drop=true").await.is(204);
    school.delete("/api/v1/courses/2?drop=true").await.is(204);
    let [cleo, chemistry] = [school.student("Cleo").await.id, school.course("Chemistry").await.id];
    assert!(cleo > 2 && chemistry > 2, "{cleo} {chemistry}");
    // Nor is an id that another program has used, as long as its row exists.
    school.other_program_runs("insert into students (id, name, email) values (50, 'Dan', 'dan@example.edu')");
    assert!(school.student("Eve").await.id > 50);
}

#[tokio::test]
async fn an_enrollment_that_another_program_inserts_keeps_nobody_out() {
    let school = School::open().await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    let algebra = school.course("Algebra").await;
    ana.enrolls_in(&algebra).await.is_created();
    // It has the id that would be next.
    school.other_program_runs(
        "insert into student_courses (id, student_id, course_id, enrolled_at) values (2, 2, 1, '2026-09-01T08:00:00.000Z')",
    );
    assert_eq!(cleo.enrolls_in(&algebra).await.is_created().json()["id"], 3);
    assert_eq!(algebra.roster().await, ["Ana", "Ben", "Cleo"]);
    ben.drops(&algebra).await.is(204);
    assert_eq!(ben.enrolls_in(&algebra).await.is_created().json()["id"], 4);
}

#[tokio::test]
async fn a_sequence_that_is_behind_the_ids_of_its_table_catches_up() {
    let school = School::open_found(FOUND).await;
    school.put("/api/v1/students/1/courses/1").await.is_created();
    let other = school.other_program();
    // A program that chooses ids itself does not advance the sequence of a server.
    other
        .execute_batch("insert into students (id, name, email) values (500, 'Dan', 'dan@example.edu')")
        .unwrap();
    school.put("/api/v1/students/500/courses/1").await.is_created();
    school.delete("/api/v1/students/500?drop=true").await.is(204);
    assert!(school.student("Eve").await.id > 500);
    other
        .execute_batch("insert into students (id, name, email) values (900, 'Flo', 'flo@example.edu')")
        .unwrap();
    assert!(school.student("Gus").await.id > 900);
}

#[tokio::test]
async fn a_past_roster_does_not_name_the_student_who_has_the_id_now() {
    let school = School::open_found(FOUND).await;
    school.put("/api/v1/students/2/courses/1").await.is_created();
    school.let_pass(std::time::Duration::from_hours(1));
    let before = "2026-09-01T08:30:00Z";
    school.delete("/api/v1/students/2?drop=true").await.is(204);
    school.other_program_runs(
        "insert into students (id, name, email) values (2, 'Stranger', 'stranger@example.edu')",
    );

    let roster = school.get(&format!("/api/v1/courses/1/students?as_of={before}")).await.is_ok();
    assert_eq!(roster.json()[0]["id"], 2);
    assert_eq!((&roster.json()[0]["name"], &roster.json()[0]["email"]), (&json!(null), &json!(null)));
    // The courses of the student before her are not hers.
    let courses = school.get(&format!("/api/v1/students/2/courses?as_of={before}")).await.is_ok();
    assert_eq!(courses.json(), json!([]));
    // From her own enrollment on, her name is shown.
    school.put("/api/v1/students/2/courses/1").await.is_created();
    let roster = school.get("/api/v1/courses/1/students?as_of=2026-09-01T09:00:00Z").await.is_ok();
    assert_eq!(roster.json()[0]["name"], "Stranger");
    let courses = school.get("/api/v1/students/2/courses?as_of=2026-09-01T09:00:00Z").await.is_ok();
    assert_eq!(courses.ids(), [1]);
}

#[tokio::test]
async fn a_course_with_the_id_of_a_deleted_one_begins_without_its_past() {
    let school = School::open_found(FOUND).await;
    school.put("/api/v1/students/1/courses/2").await.is_created();
    school.let_pass(std::time::Duration::from_hours(1));
    let before = "2026-09-01T08:30:00Z";
    school.delete("/api/v1/courses/2?drop=true").await.is(204);
    school.other_program_runs("insert into courses (id, name, level) values (2, 'Zoology', 'two')");

    assert_eq!(
        school.get(&format!("/api/v1/courses/2/students?as_of={before}")).await.is_ok().json(),
        json!([])
    );
    let courses = school.get(&format!("/api/v1/students/1/courses?as_of={before}")).await.is_ok();
    assert_eq!((&courses.json()[0]["id"], &courses.json()[0]["name"]), (&json!(2), &json!(null)));
}

#[tokio::test]
async fn a_deleted_student_keeps_their_past_until_another_student_has_the_id() {
    let school = School::open_found(FOUND).await;
    school.put("/api/v1/students/2/courses/1").await.is_created();
    school.let_pass(std::time::Duration::from_hours(1));
    school.delete("/api/v1/students/2?drop=true").await.is(204);
    let first = "/api/v1/students/2/courses?as_of=2026-09-01T08:30:00Z";
    assert_eq!(school.get(first).await.is_ok().ids(), [1]);
    // A second student with the same id, deleted as well.
    school.other_program_runs(
        "insert into students (id, name, email) values (2, 'Stranger', 'stranger@example.edu')",
    );
    school.put("/api/v1/students/2/courses/2").await.is_created();
    school.let_pass(std::time::Duration::from_hours(1));
    school.delete("/api/v1/students/2?drop=true").await.is(204);
    assert_eq!(school.get(first).await.is_ok().json(), json!([]));
    assert_eq!(school.get("/api/v1/students/2/courses?as_of=2026-09-01T09:30:00Z").await.is_ok().ids(), [2]);
}

#[tokio::test]
async fn the_pages_show_nobody_the_history_of_somebody_else() {
    let school = School::open_found(FOUND).await;
    school.put("/api/v1/students/2/courses/1").await.is_created();
    school.put("/api/v1/students/1/courses/2").await.is_created();
    school.delete("/api/v1/students/2?drop=true").await.is(204);
    school.delete("/api/v1/courses/2?drop=true").await.is(204);
    school.other_program_runs(
        "insert into students (id, name, email) values (2, 'Stranger', 'stranger@example.edu');
         insert into courses (id, name, level) values (2, 'Zoology', 'two')",
    );
    let history =
        |text: &str| text.split_once("History").map(|(_, history)| history.to_owned()).unwrap_or_default();
    let text = school.get("/students/2").header("accept", "text/html").await.is_ok().text().to_owned();
    assert!(!history(&text).contains("Algebra"), "{text}");
    // Nor does the page of the course or the other student show the new name.
    let text = school.get("/courses/1").header("accept", "text/html").await.is_ok().text().to_owned();
    assert!(!history(&text).contains("Stranger"), "{text}");
    let text = school.get("/students/1").header("accept", "text/html").await.is_ok().text().to_owned();
    assert!(!history(&text).contains("Zoology"), "{text}");
}

#[tokio::test]
async fn a_student_with_the_id_of_a_deleted_one_inherits_nothing() {
    let found = format!(
        "{FOUND} create table student_courses (id integer primary key, student_id integer, course_id integer, grade text);
         insert into student_courses (id, student_id, course_id, grade) values (1, 2, 1, 'A'), (2, 1, 2, 'B');"
    );
    let school = School::open_found(&found).await;
    school.delete("/api/v1/students/2/courses/1").await.is(204);
    school.delete("/api/v1/students/1/courses/2").await.is(204);
    let database = school.close().await;
    // No foreign key prevents that, on a server either.
    database.runs("delete from students where id = 2; delete from courses where id = 2");
    let school = School::open_at(&database).await;
    // A school looks for deleted rows when it opens.
    let mut log = Vec::new();
    eventually("the deletions are logged", async || {
        log = school.log().await;
        log.len() >= 6
    })
    .await;
    log[4..].sort();
    assert_eq!(log[4..], ["course.deleted", "student.deleted"]);
    school.other_program_runs(
        "insert into students (id, name, email) values (2, 'Stranger', 'stranger@example.edu');
         insert into courses (id, name, level) values (2, 'Zoology', 'two')",
    );
    for path in ["/api/v1/students/2/courses/1", "/api/v1/students/1/courses/2"] {
        school.put(path).await.is_created();
    }
    let grades = school.other_program().column("select coalesce(grade, '-') from student_courses");
    assert_eq!(grades, ["-", "-"]);
    let history = school.get("/students/2").header("accept", "text/html").await.is_ok().text().to_owned();
    assert!(!history.contains("Dropped"), "{history}");
}

#[tokio::test]
async fn one_id_far_above_the_others_keeps_nobody_out() {
    let school = School::open_found(FOUND).await;
    // A program may use ids of its own, from another range.
    school.other_program_runs(
        "insert into students (id, name, email) values (2026000001, 'Dan', 'dan@example.edu')",
    );
    school.put("/api/v1/students/2026000001/courses/1").await.is_created();
    let [cleo, eve] = [school.student("Cleo").await.id, school.student("Eve").await.id];
    assert!(cleo > 2 && eve > cleo, "{cleo} {eve}");
}
