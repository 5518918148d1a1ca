//! Imports that another server has left, and old ones.

use serde_json::{Value, json};

use super::{STUDENTS, brings_a_school};
use crate::school::{Client, Process, School, eventually};

#[tokio::test]
async fn an_import_that_was_interrupted_is_finished_by_the_next_server() {
    let school = School::open().await;
    let import = brings_a_school(&school).await;
    // A server has added the students and was killed then.
    for (number, name, email) in
        [("0042", "Zoë Martin", "zoe@example.edu"), ("0043", "Ana García", "ana@example.edu")]
    {
        school
            .post("/api/v1/students", json!({"name": name, "email": email, "number": number}))
            .await
            .is_created();
    }
    school.other_program_runs(ABANDONED);
    let database = school.close().await;
    let process = Process::serve(&database).await;
    let server = Client::new(process.address);
    let url = format!("/api/v1/imports/{}", import["id"]);
    eventually("the import is applied", async || {
        server.ask("GET", &url).await.is_ok().json()["status"] == "applied"
    })
    .await;
    let applied = server.ask("GET", &url).await.is_ok().json();
    assert_eq!((&applied["not_done"], &applied["done"]), (&json!(0), &json!(5)), "{applied:#}");
    let students = server.ask("GET", "/api/v1/students").await.is_ok().json();
    assert_eq!(students.as_array().unwrap().len(), 2);
    let roster = server.ask("GET", "/api/v1/courses/1/students").await.is_ok().json();
    assert_eq!(roster.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn old_imports_are_deleted_with_their_files() {
    let school = School::open().await;
    let unused = school.plan(STUDENTS).await;
    let used = school.plan("number,name,email\n1,Ben,ben@example.edu\n").await;
    school.carries_out(&used).await;
    school.other_program_runs(
        "update matricula_imports set created_at = '2100-01-01T00:00:00.000Z' where status = 'applied'",
    );
    let database = school.close().await;
    let process = Process::serve(&database).await;
    let server = Client::new(process.address);
    eventually("the unused import is gone", async || {
        server.ask("GET", "/api/v1/imports").await.is_ok().json().as_array().unwrap().len() == 1
    })
    .await;
    server.ask("GET", &format!("/api/v1/imports/{}", unused["id"])).await.is_refused(404, "import-not-found");
    // A file goes as soon as it is carried out: it may have columns that are never read, such as passwords.
    for (table, rows) in [("matricula_import_files", "0"), ("matricula_import_rows", "1")] {
        let count = format!("select cast(count(*) as text) from {table}");
        assert_eq!(database.other_program().column(&count), [rows], "{table}");
    }
}

/// As another server would find it that takes over from one that was killed.
const ABANDONED: &str = "update matricula_imports set status = 'applying', touched_at = '2020-01-01T00:00:00.000Z', \
                         created_at = '2100-01-01T00:00:00.000Z', worked_by = 'anonymous', rights = \
                         'catalogue:read students:read rosters:read events:read students:write courses:write \
                         enrollments:write own-record:read own-enrollments:write own-rosters:read admin'";

async fn ends(server: &Client, import: &Value) -> Value {
    let url = format!("/api/v1/imports/{}", import["id"]);
    eventually("the import has an end", async || {
        let status = server.ask("GET", &url).await.is_ok().json()["status"].clone();
        status != "applying"
    })
    .await;
    server.ask("GET", &url).await.is_ok().json()
}

#[tokio::test]
async fn a_server_that_goes_on_does_nothing_twice_and_says_what_is_not_done() {
    let school = School::open().await;
    let import = brings_a_school(&school).await;
    school.carries_out(&import).await;
    // Somebody has dropped Zoë on purpose and deleted Ana's course of another name; the server was killed before it wrote that
    // it was done. What somebody has reversed is not done once more.
    let students = school.all("/api/v1/students").await;
    let zoe = students.iter().find(|it| it["number"] == "0042").unwrap()["id"].clone();
    school.delete(&format!("/api/v1/students/{zoe}/courses/1")).await.is(204);
    school.other_program_runs(
        "insert into matricula_import_files values (1, 0, 0, 'students.csv', \
         'bnVtYmVyLG5hbWUsZW1haWwKMDA0MixabywgQQo=')",
    );
    school.other_program_runs(ABANDONED);
    let log = school.all("/api/v1/events").await.len();
    let database = school.close().await;
    let process = Process::serve(&database).await;
    let server = Client::new(process.address);
    let applied = ends(&server, &import).await;
    assert_eq!((&applied["status"], &applied["not_done"]), (&json!("applied"), &json!(0)), "{applied:#}");
    let events = server.ask("GET", "/api/v1/events").await.is_ok().json();
    assert_eq!(events.as_array().unwrap().len(), log);
}

#[tokio::test]
async fn a_server_goes_on_only_for_somebody_who_still_may() {
    let school = School::open().await;
    let import = school.plan(STUDENTS).await;
    school.other_program_runs(ABANDONED);
    school.other_program_runs("update matricula_imports set worked_by = 'token:7'");
    let database = school.close().await;
    let process = Process::serve(&database).await;
    let server = Client::new(process.address);
    assert_eq!(ends(&server, &import).await["status"], "stopped");
    let students = server.ask("GET", "/api/v1/students").await.is_ok().json();
    assert_eq!(students, json!([]));
}
