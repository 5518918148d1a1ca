//! Undoing: as far as nobody has changed anything since.

use serde_json::{Value, json};

use super::{STUDENTS, brings_a_school, zip};
use crate::school::{School, matricula};

#[tokio::test]
async fn what_somebody_has_changed_since_is_not_undone() {
    let school = School::open().await;
    school
        .post("/api/v1/students", json!({"name": "Z", "email": "zoe@example.edu", "number": "0042"}))
        .await
        .is_created();
    let import = brings_a_school(&school).await;
    assert_eq!((&import["counts"]["new"], &import["counts"]["changed"]), (&json!(4), &json!(1)));
    school.carries_out(&import).await;
    let students = school.all("/api/v1/students").await;
    let course = school.all("/api/v1/courses").await[0].clone();
    let logic = school.course("Logic").await;
    // Ana, whom the import has added, takes another course by now. Zoë has left the course and is back in it.
    let ana = students.iter().find(|student| student["number"] == "0043").unwrap();
    let zoe = students.iter().find(|student| student["number"] == "0042").unwrap();
    school.put(&format!("/api/v1/students/{}/courses/{}", ana["id"], logic.id)).await.is_created();
    let seat = format!("/api/v1/students/{}/courses/{}", zoe["id"], course["id"]);
    school.delete(&seat).await.is(204);
    school.put(&seat).await.is_created();

    let undone = school.takes_back(&import).await;
    let remaining = school.rows_of(&import, "remaining").await;
    let codes: Vec<_> = remaining.iter().map(|row| (&row["record"], &row["code"])).collect();
    let (student, course_row, enrollment) = (json!("student"), json!("course"), json!("enrollment"));
    let since = json!("changed-since");
    assert_eq!(codes, [(&course_row, &since), (&student, &since), (&enrollment, &since)], "{remaining:#?}");
    assert_eq!(undone["remaining"], 3);
    // Zoë has her old name again.
    let students = school.all("/api/v1/students").await;
    assert_eq!(students.iter().find(|student| student["number"] == "0042").unwrap()["name"], "Z");
    school.get(&seat).await.is_ok();
    let ana_now = school.all(&format!("/api/v1/students/{}/courses", ana["id"])).await;
    assert_eq!(ana_now.len(), 1);
}

#[tokio::test]
async fn a_removal_cannot_be_undone_and_a_drop_can() {
    let school = School::open().await;
    let import = brings_a_school(&school).await;
    school.carries_out(&import).await;
    let files = zip(&[
        (
            "users.csv",
            "user_id,login_id,full_name,email,status\n0043,ana,Ana García,ana@example.edu,deleted\n",
        ),
        ("enrollments.csv", "course_id,user_id,role,status\nMA1,0042,student,deleted\n"),
    ]);
    let request = school.ask("POST", "/api/v1/imports").header("content-type", "application/zip");
    let removal = request.body(files).await.is_created().json();
    assert_eq!(removal["counts"]["would_vanish"], 3, "{removal:#}");
    school.carries_out(&removal).await;
    assert_eq!(school.all("/api/v1/students").await.len(), 1);
    let undone = school.takes_back(&removal).await;
    // Ana does not come back, nor does the enrollment that ended with her.
    let remaining = school.rows_of(&removal, "remaining").await;
    let remaining: Vec<_> =
        remaining.iter().map(|row| (&row["record"], &row["cause"], &row["code"])).collect();
    let (student, enrollment) = (json!("student"), json!("enrollment"));
    let (by_row, with_student, deleted) = (json!("row"), json!("with-student"), json!("deleted"));
    assert_eq!(remaining, [(&student, &by_row, &deleted), (&enrollment, &with_student, &deleted)]);
    assert_eq!(undone["remaining"], 2);
    let zoe = school.all("/api/v1/students").await[0].clone();
    assert_eq!(school.all(&format!("/api/v1/students/{}/courses", zoe["id"])).await.len(), 1);
}

#[tokio::test]
async fn an_import_of_the_command_line_is_listed_and_can_be_undone() {
    let school = School::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("students.csv");
    std::fs::write(&file, STUDENTS).unwrap();
    let mut command = matricula();
    command
        .arg("import")
        .arg("--database")
        .arg(school.database().argument())
        .args(["--yes", "--json"])
        .arg(&file);
    let output = command.output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let imports = school.all("/api/v1/imports").await;
    assert_eq!((&imports[0]["id"], &imports[0]["actor"]), (&report["id"], &json!("cli")));
    assert_eq!(imports[0]["status"], "applied");
    assert_eq!(school.takes_back(&imports[0]).await["remaining"], 0);
    assert_eq!(school.all("/api/v1/students").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_course_that_was_given_seats_since_is_not_undone() {
    let school = School::open().await;
    let import = school.brings("&kind=courses", "code,name,level\nMA1,Algebra,1\n").await.is_created().json();
    school.carries_out(&import).await;
    let course = school.all("/api/v1/courses").await[0].clone();
    let seats = json!({"capacity": 5, "waitlist_capacity": 0});
    school.put(&format!("/api/v1/courses/{}/seats", course["id"])).json(&seats).await.is_ok();
    assert_eq!(school.takes_back(&import).await["remaining"], 1);
    assert_eq!(school.all("/api/v1/courses").await.len(), 1);
}

#[tokio::test]
async fn dropped_enrollments_and_places_come_back_exactly() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let students = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    algebra.seats(2, 9).await;
    for (student, status) in students.iter().zip([201, 201, 202, 202]) {
        student.enrolls_in(&algebra).await.is(status);
        school.let_pass(std::time::Duration::from_mins(1));
    }
    school.patch(&algebra.url(), json!({"code": "MA1"})).await.is_ok();
    for (student, number) in students.iter().zip(["1", "2", "3", "4"]) {
        school.patch(&student.url(), json!({"number": number})).await.is_ok();
    }
    let before = [
        school.get(&algebra.roster_url()).await.text().to_owned(),
        school.get(&algebra.waitlist_url()).await.text().to_owned(),
    ];
    let removal = school
        .plan("student,course,status\n1,MA1,deleted\n2,MA1,deleted\n3,MA1,deleted\n4,MA1,deleted\n")
        .await;
    school.carries_out(&removal).await;
    assert_eq!((algebra.roster().await.len(), algebra.waitlist().await.len()), (0, 0));

    let undone = school.takes_back(&removal).await;
    assert_eq!(undone["remaining"], 0);
    let after = [
        school.get(&algebra.roster_url()).await.text().to_owned(),
        school.get(&algebra.waitlist_url()).await.text().to_owned(),
    ];
    assert_eq!(after, before);
}

#[tokio::test]
async fn who_moved_up_into_a_freed_seat_keeps_it_and_is_listed() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let students = school.students(["Ana", "Ben", "Cleo"]).await;
    algebra.seats(1, 9).await;
    for (student, status) in students.iter().zip([201, 202, 202]) {
        student.enrolls_in(&algebra).await.is(status);
    }
    school.patch(&algebra.url(), json!({"code": "MA1"})).await.is_ok();
    for (student, number) in students.iter().zip(["1", "2", "3"]) {
        school.patch(&student.url(), json!({"number": number})).await.is_ok();
    }
    let removal = school.plan("student,course,status\n1,MA1,deleted\n").await;
    assert_eq!(removal["counts"]["promoted"], 1);
    school.carries_out(&removal).await;
    assert_eq!(algebra.roster().await, ["Ben"]);

    let undone = school.takes_back(&removal).await;
    assert_eq!(algebra.roster().await, ["Ana", "Ben"]);
    assert_eq!(undone["remaining"], 1);
    let remaining = school.rows_of(&removal, "remaining").await;
    let said =
        ["student", "course", "record", "code", "detail"].map(|field| remaining[0][field].as_str().unwrap());
    assert_eq!(
        said,
        [
            "2",
            "MA1",
            "enrollment",
            "moved-up",
            "The student moved up from the waitlist when the import freed a seat, and keeps it."
        ]
    );
}

#[tokio::test]
async fn what_somebody_has_restored_since_stays() {
    let school = School::open().await;
    let import = brings_a_school(&school).await;
    school.carries_out(&import).await;
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    school.post("/api/v1/students/1/courses/1/restore", Value::Null).await.is_created();

    school.takes_back(&import).await;
    let remaining = school.rows_of(&import, "remaining").await;
    let enrollment = remaining.iter().find(|row| row["record"] == "enrollment").unwrap();
    assert_eq!((&enrollment["student"], &enrollment["code"]), (&json!("0042"), &json!("changed-since")));
    school.get("/api/v1/students/1/courses/1").await.is_ok();
}

#[tokio::test]
async fn a_student_who_has_got_a_seat_from_the_waitlist_since_is_left() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.seats(1, 9).await;
    ana.enrolls_in(&algebra).await.is_created();
    school.patch(&algebra.url(), json!({"code": "MA1"})).await.is_ok();
    school.patch(&ben.url(), json!({"number": "2"})).await.is_ok();
    let import = school.plan("student,course\n2,MA1\n").await;
    school.carries_out(&import).await;
    ana.drops(&algebra).await.is(204);
    let undone = school.takes_back(&import).await;
    assert_eq!(undone["remaining"], 1);
    assert_eq!(algebra.roster().await, ["Ben"]);
}
