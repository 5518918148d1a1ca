//! Imports that another server has left, and old ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{STUDENTS, brings_a_school, school_in_a_zip, zip};
use crate::school::{Client, Database, Process, School, eventually};

/// Students who all take one course: `2 * STUDENTS + 1` steps.
const STUDENTS_IN_FILE: usize = 3_000;

fn large_school() -> Vec<u8> {
    let lines = |line: &dyn Fn(usize) -> String| (0..STUDENTS_IN_FILE).map(line).collect::<String>();
    zip(&[
        (
            "students.csv",
            &format!("number,name,email\n{}", lines(&|it| format!("{it},Name {it},{it}@example.edu\n"))),
        ),
        ("courses.csv", "code,name,level\nMA1,Algebra,1\n"),
        ("enrollments.csv", &format!("student,course\n{}", lines(&|it| format!("{it},MA1\n")))),
    ])
}

/// Sends a request that begins long work, and kills the server as soon as the work shows.
async fn is_killed_at_work(server: &mut Process, url: String, shows: impl AsyncFn(&Client) -> bool) {
    let client = Client::new(server.address);
    let request = tokio::spawn({
        let client = client.clone();
        async move { client.ask("POST", &url).send().await }
    });
    eventually("the work shows", async || shows(&client).await).await;
    server.kill();
    let _ = request.await.unwrap();
}

async fn total(server: &Client, path: &str) -> usize {
    let reply = server.ask("GET", &format!("{path}?limit=1")).await.is_ok();
    reply.header("x-total-count").parse().unwrap()
}

#[tokio::test]
async fn an_import_whose_server_was_killed_is_finished_by_the_next_one_and_nothing_is_done_twice() {
    let database = Database::new();
    let mut server = Process::serve(&database).await;
    let client = Client::new(server.address);
    let request = client.ask("POST", "/api/v1/imports").header("content-type", "application/zip");
    let import = request.body(large_school()).await.is_created().json();
    let url = format!("/api/v1/imports/{}", import["id"]);
    let steps = 2 * STUDENTS_IN_FILE + 1;
    assert_eq!(import["total"], steps);

    is_killed_at_work(&mut server, format!("{url}/apply"), async |client| {
        total(client, "/api/v1/students").await > 0
    })
    .await;
    assert_eq!(status(&database), ["applying"]);
    database.other_program().execute_batch(LONG_AGO).unwrap();
    let mut server = Process::serve(&database).await;
    let client = Client::new(server.address);
    let applied = ends(&client, &import).await;
    assert_eq!((&applied["status"], &applied["not_done"]), (&json!("applied"), &json!(0)), "{applied:#}");
    assert_eq!(applied["done"], steps);
    assert_eq!(total(&client, "/api/v1/students").await, STUDENTS_IN_FILE);
    assert_eq!(total(&client, "/api/v1/courses/1/students").await, STUDENTS_IN_FILE);
    // And one entry that says that it is done.
    assert_eq!(total(&client, "/api/v1/events").await, steps + 1);

    is_killed_at_work(&mut server, format!("{url}/undo"), async |client| {
        total(client, "/api/v1/courses/1/students").await < STUDENTS_IN_FILE
    })
    .await;
    assert_eq!(status(&database), ["undoing"]);
    database.other_program().execute_batch(LONG_AGO).unwrap();
    let server = Process::serve(&database).await;
    let client = Client::new(server.address);
    let undone = ends(&client, &import).await;
    assert_eq!((&undone["status"], &undone["remaining"]), (&json!("undone"), &json!(0)), "{undone:#}");
    assert_eq!(total(&client, "/api/v1/students").await, 0);
    assert_eq!(total(&client, "/api/v1/courses").await, 0);
    assert_eq!(total(&client, "/api/v1/events").await, 2 * (steps + 1));
}

fn status(database: &Database) -> Vec<String> {
    database.other_program().column("select status from matricula_imports")
}

/// The last sign of the server that was killed is from long ago.
const LONG_AGO: &str = "update matricula_imports set touched_at = '2020-01-01T00:00:00.000Z'";

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
        !["staging", "applying", "undoing"].iter().any(|running| status == *running)
    })
    .await;
    server.ask("GET", &url).await.is_ok().json()
}

#[tokio::test]
async fn a_server_that_goes_on_does_nothing_twice_and_says_what_is_not_done() {
    let school = School::open().await;
    let import = brings_a_school(&school).await;
    school.carries_out(&import).await;
    // Somebody has dropped Zoë on purpose; the server was killed before it wrote that it was done. What somebody has reversed
    // is not done once more.
    let students = school.all("/api/v1/students").await;
    let zoe = students.iter().find(|it| it["number"] == "0042").unwrap()["id"].clone();
    school.delete(&format!("/api/v1/students/{zoe}/courses/1")).await.is(204);
    let file = STANDARD.encode(school_in_a_zip());
    school.other_program_runs(&format!(
        "insert into matricula_import_files values (1, 0, 0, 'upload.zip', '{file}')"
    ));
    school.other_program_runs(ABANDONED);
    let log = school.all("/api/v1/events").await.len();
    let database = school.close().await;
    let process = Process::serve(&database).await;
    let server = Client::new(process.address);
    let applied = ends(&server, &import).await;
    assert_eq!((&applied["status"], &applied["not_done"]), (&json!("applied"), &json!(0)), "{applied:#}");
    let events = server.ask("GET", "/api/v1/events").await.is_ok().json();
    // Only its end is said once more, since the table says that it has none.
    assert_eq!(events.as_array().unwrap().len(), log + 1);
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
    let stopped = ends(&server, &import).await;
    assert_eq!((&stopped["status"], &stopped["done"]), (&json!("stopped"), &json!(0)), "{stopped:#}");
    let students = server.ask("GET", "/api/v1/students").await.is_ok().json();
    assert_eq!(students, json!([]));
}

#[tokio::test]
async fn an_import_that_is_stopped_later_says_how_much_of_it_was_done() {
    let school = School::open().await;
    let import = brings_a_school(&school).await;
    school.carries_out(&import).await;
    // It was killed after three students and courses, before it enrolled anybody.
    for student in school.all("/api/v1/students").await {
        school.delete(&format!("/api/v1/students/{}/courses/1", student["id"])).await.is(204);
    }
    forget_enrollments(&school);
    let file = STANDARD.encode(school_in_a_zip());
    school.other_program_runs(&format!(
        "insert into matricula_import_files values (1, 0, 0, 'upload.zip', '{file}')"
    ));
    school.other_program_runs(ABANDONED);
    school.other_program_runs("update matricula_imports set worked_by = 'token:7'");
    let database = school.close().await;
    let process = Process::serve(&database).await;
    let server = Client::new(process.address);
    let stopped = ends(&server, &import).await;
    assert_eq!((&stopped["status"], &stopped["done"]), (&json!("stopped"), &json!(3)), "{stopped:#}");
}

#[tokio::test]
async fn whoever_may_not_undo_any_more_leaves_an_import_as_it_is() {
    let school = School::open().await;
    let import = school.plan(STUDENTS).await;
    school.carries_out(&import).await;
    school.other_program_runs(&ABANDONED.replace("'applying'", "'undoing'"));
    school.other_program_runs("update matricula_imports set worked_by = 'token:7'");
    let database = school.close().await;
    let process = Process::serve(&database).await;
    let server = Client::new(process.address);
    let now = ends(&server, &import).await;
    assert_eq!(
        (&now["status"], &now["done"], &now["not_done"]),
        (&json!("applied"), &json!(2), &json!(0)),
        "{now:#}"
    );
    assert_eq!(total(&server, "/api/v1/students").await, 2);
}

#[tokio::test]
async fn files_whose_server_was_killed_while_it_read_them_again_are_read_by_the_next_one() {
    let school = School::open().await;
    let import = school.plan(STUDENTS).await;
    school.other_program_runs(&ABANDONED.replace("'applying'", "'staging'"));
    school.other_program_runs("delete from matricula_import_rows");
    let database = school.close().await;
    let process = Process::serve(&database).await;
    let server = Client::new(process.address);
    assert_eq!(ends(&server, &import).await["status"], "planned");
    let rows = server.ask("GET", &format!("/api/v1/imports/{}/rows", import["id"])).await.is_ok().json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    let applied = server.ask("POST", &format!("/api/v1/imports/{}/apply", import["id"])).await.is_ok().json();
    assert_eq!(applied["status"], "applied");
}

#[tokio::test]
async fn nobody_gets_the_courses_of_somebody_whose_number_they_have_by_now() {
    let school = School::open().await;
    let import = brings_a_school(&school).await;
    school.carries_out(&import).await;
    // As if the server had been killed before it enrolled anybody. Then Zoë's number goes to somebody else.
    let students = school.all("/api/v1/students").await;
    let id = |number: &str| students.iter().find(|it| it["number"] == number).unwrap()["id"].clone();
    let (zoe, ana) = (id("0042"), id("0043"));
    for student in [&zoe, &ana] {
        school.delete(&format!("/api/v1/students/{student}/courses/1")).await.is(204);
    }
    school.patch(&format!("/api/v1/students/{zoe}"), json!({"number": null})).await.is_ok();
    let lea = json!({"name": "Zoë Martin", "email": "zoe@example.edu", "number": "0042"});
    let lea = school.post("/api/v1/students", lea).await.is_created().json()["id"].clone();
    forget_enrollments(&school);
    let file = STANDARD.encode(school_in_a_zip());
    school.other_program_runs(&format!(
        "insert into matricula_import_files values (1, 0, 0, 'upload.zip', '{file}')"
    ));
    school.other_program_runs(ABANDONED);
    let database = school.close().await;
    let process = Process::serve(&database).await;
    let server = Client::new(process.address);
    let applied = ends(&server, &import).await;
    assert_eq!((&applied["status"], &applied["not_done"]), (&json!("applied"), &json!(1)), "{applied:#}");
    let rows = server.ask("GET", &format!("/api/v1/imports/{}/rows?status=not-done", import["id"])).await;
    assert_eq!(
        (&rows.json()[0]["student"], &rows.json()[0]["record"]),
        (&json!("0042"), &json!("enrollment"))
    );
    let courses =
        async |student: &Value| total(&server, &format!("/api/v1/students/{student}/courses")).await;
    assert_eq!((courses(&zoe).await, courses(&ana).await, courses(&lea).await), (0, 1, 0));
}

/// The log forgets that the import has enrolled anybody.
fn forget_enrollments(school: &School) {
    let last = "(select max(seq) from events where type in ('student.created', 'course.created') and data like '%import%')";
    school.other_program_runs(&format!("update matricula_import_entries set last_seq = {last}"));
    school.other_program_runs("delete from matricula_import_entries where last_seq < first_seq");
}

#[tokio::test]
async fn an_interrupted_import_says_so_until_a_server_goes_on() {
    let school = School::open().await;
    let import = school.plan(STUDENTS).await;
    let page = format!("/imports/{}", import["id"]);
    let stopped = "The server that worked on this has stopped.";
    assert!(!school.get(&page).await.is_ok().text().contains(stopped));
    school.other_program_runs(ABANDONED);
    assert!(school.get(&page).await.is_ok().text().contains(stopped));
    let import = school.get(&format!("/api/v1/imports/{}", import["id"])).await.is_ok().json();
    assert_eq!(import["last_active_at"], "2020-01-01T00:00:00.000Z");
}
