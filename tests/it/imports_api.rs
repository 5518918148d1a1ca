//! Imports by the API: a plan that changes nothing, exactly the plan, and back again.

use serde_json::{Value, json};

use crate::import_cases::folder;
use crate::school::{Client, Process, Reply, RequestBuilder, School, eventually, matricula};

const STUDENTS: &str =
    "number,name,email\n0042,Zoë Martin,zoe@example.edu\n0043,Ana García,ana@example.edu\n";

impl School {
    fn brings(&self, query: &str, file: impl Into<axum::body::Bytes>) -> RequestBuilder {
        self.ask("POST", &format!("/api/v1/imports?name=s.csv{query}"))
            .header("content-type", "text/csv")
            .body(file)
    }

    async fn plan(&self, file: &str) -> Value {
        self.brings("", file.to_owned()).await.is_created().json()
    }

    async fn carries_out(&self, import: &Value) -> Value {
        let url = format!("/api/v1/imports/{}/apply", import["id"]);
        let applied = self.ask("POST", &url).await.is_ok().json();
        assert_eq!(applied["status"], "applied", "{applied:#}");
        applied
    }

    async fn takes_back(&self, import: &Value) -> Value {
        let url = format!("/api/v1/imports/{}/undo", import["id"]);
        let undone = self.ask("POST", &url).await.is_ok().json();
        assert_eq!(undone["status"], "undone", "{undone:#}");
        undone
    }

    async fn rows_of(&self, import: &Value, status: &str) -> Vec<Value> {
        let url = format!("/api/v1/imports/{}/rows?status={status}", import["id"]);
        self.get(&url).await.is_ok().json().as_array().unwrap().clone()
    }

    async fn all(&self, path: &str) -> Vec<Value> {
        self.get(path).await.is_ok().json().as_array().unwrap().clone()
    }
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Two students, a course and their enrollments.
fn school_in_a_zip() -> Vec<u8> {
    zip(&[
        ("students.csv", STUDENTS),
        ("courses.csv", "code,name,level\nMA1,Algebra,1\n"),
        ("enrollments.csv", "student,course\n0042,MA1\n0043,MA1\n"),
    ])
}

async fn brings_a_school(school: &School) -> Value {
    let request = school.ask("POST", "/api/v1/imports").header("content-type", "application/zip");
    request.body(school_in_a_zip()).await.is_created().json()
}

#[tokio::test]
async fn a_plan_changes_nothing_and_is_carried_out_and_undone_as_it_says() {
    let school = School::open().await;
    let log = school.log().await;
    let reply: Reply = school
        .ask("POST", "/api/v1/imports")
        .header("content-type", "application/zip")
        .body(school_in_a_zip())
        .await
        .is_created();
    let import = reply.json();
    assert_eq!(reply.header("location"), format!("/api/v1/imports/{}", import["id"]));
    assert_eq!((&import["status"], &import["total"]), (&json!("planned"), &json!(5)), "{import:#}");
    assert_eq!(import["counts"]["new"], 5);
    assert_eq!(school.log().await, log);
    assert_eq!(school.all("/api/v1/students").await, Vec::<Value>::new());

    let applied = school.carries_out(&import).await;
    assert_eq!((&applied["done"], &applied["not_done"]), (&json!(5), &json!(0)));
    assert_eq!(school.all("/api/v1/students").await.len(), 2);
    let events = school.all("/api/v1/events").await;
    assert_eq!(events.len(), 5);
    let rows = school.rows_of(&import, "new").await;
    for event in &events {
        assert_eq!(event["data"]["import"], import["id"], "{event:#}");
        let row = rows.iter().find(|row| row["row"] == event["data"]["row"]).unwrap();
        let record = event["type"].as_str().unwrap().split('.').next().unwrap();
        assert_eq!(row["record"], record, "{row:#}");
    }
    // Once more is the same answer, and nothing happens.
    assert_eq!(school.carries_out(&import).await, applied);
    assert_eq!(school.all("/api/v1/events").await.len(), 5);

    let undone = school.takes_back(&import).await;
    assert_eq!(undone["remaining"], 0, "{undone:#}");
    for path in ["/api/v1/students", "/api/v1/courses"] {
        assert_eq!(school.all(path).await, Vec::<Value>::new());
    }
    let events = school.all("/api/v1/events").await;
    assert_eq!(events.len(), 10);
    assert!(events[5..].iter().all(|event| event["data"]["undone_import"] == import["id"]));
    assert_eq!(school.takes_back(&import).await, undone);
    let again = school.ask("POST", &format!("/api/v1/imports/{}/apply", import["id"])).await;
    again.is_refused(409, "import-state");
    assert_eq!(school.all("/api/v1/imports").await, [undone]);
}

#[tokio::test]
async fn a_plan_that_does_not_hold_any_more_is_not_carried_out() {
    let school = School::open().await;
    let import = school.plan(STUDENTS).await;
    school
        .post("/api/v1/students", json!({"name": "Zoë", "email": "z@example.edu", "number": "0042"}))
        .await
        .is_created();
    let refused = school.ask("POST", &format!("/api/v1/imports/{}/apply", import["id"])).await;
    refused.is_refused(409, "plan-changed");
    assert_eq!(school.all("/api/v1/students").await.len(), 1);
    // Something that has nothing to do with it does not matter.
    let import = school.plan(STUDENTS).await;
    school.student("Ben").await;
    school.carries_out(&import).await;
    assert_eq!(school.all("/api/v1/students").await.len(), 3);
}

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
    assert_eq!(undone["remaining"], 1);
    assert_eq!(school.rows_of(&removal, "remaining").await[0]["code"], "deleted");
    let zoe = school.all("/api/v1/students").await[0].clone();
    assert_eq!(school.all(&format!("/api/v1/students/{}/courses", zoe["id"])).await.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_no_table_is_refused_and_leaves_nothing_behind() {
    let school = School::open().await;
    let page = std::fs::read(folder("31").join("login.csv")).unwrap();
    let refused = school.brings("", page).await.is_refused(422, "files-refused");
    assert_eq!(refused["files"][0]["name"], "s.csv");
    assert_eq!(school.all("/api/v1/imports").await, Vec::<Value>::new());
    school.brings("&encoding=klingon", STUDENTS).await.is_refused(400, "invalid-request");
    school.brings("&kind=teachers", STUDENTS).await.is_refused(400, "invalid-request");
    school
        .ask("POST", "/api/v1/imports")
        .header("content-type", "application/json")
        .body(STUDENTS)
        .await
        .is_refused(415, "unsupported-media-type");
    school.get("/api/v1/imports/7").await.is_refused(404, "import-not-found");
    school.get("/api/v1/imports/x").await.is_refused(404, "import-not-found");
    school.ask("POST", "/api/v1/imports/7/apply").await.is_refused(404, "import-not-found");
    school.ask("POST", "/api/v1/imports/7/undo").await.is_refused(404, "import-not-found");
}

#[tokio::test]
async fn the_charset_of_the_request_counts_where_the_file_does_not_say_it() {
    let school = School::open().await;
    let file = b"number,name,email\n1,Jos\xe9,jose@example.edu\n".to_vec();
    let request = school.ask("POST", "/api/v1/imports?kind=students");
    let import = request
        .header("content-type", "text/csv; charset=\"windows-1252\"")
        .body(file)
        .await
        .is_created()
        .json();
    assert_eq!(import["files"][0]["encoding_guessed"], false);
    school.carries_out(&import).await;
    assert_eq!(school.all("/api/v1/students").await[0]["name"], "José");
}

#[tokio::test]
async fn rows_are_read_in_pages_by_what_they_do() {
    let school = School::open().await;
    let rows: Vec<_> = (0..1_234).map(|row| format!("{row:05},Student {row},s{row}@example.edu\n")).collect();
    let rows = rows.concat();
    let import = school.plan(&format!("number,name,email\n1E+9,Ben,ben@example.edu\n{rows}")).await;
    assert_eq!(
        import["rows"],
        json!({"refused": 1, "changed": 0, "vanishing": 0, "new": 1234, "unchanged": 0})
    );
    let all = school.all(&format!("/api/v1/imports/{}/rows", import["id"])).await;
    assert_eq!(all.len(), 1_235);
    assert!(all.iter().zip(0..).all(|(row, number)| row["row"] == number));
    assert_eq!((&all[0]["line"], &all[0]["column"]), (&json!(2), &json!("number")), "{:#}", all[0]);
    let mut url = format!("/api/v1/imports/{}/rows?status=new&limit=500", import["id"]);
    let mut pages = Vec::new();
    loop {
        let page = school.get(&url).await.is_ok();
        assert_eq!(page.header("x-total-count"), "1234");
        pages.push(page.json().as_array().unwrap().clone());
        let Some(next) = page.next_page() else { break };
        url = next.to_owned();
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [500, 500, 234]);
    assert_eq!(pages.concat(), all[1..]);
    let other = format!("/api/v1/imports/{}/rows?limit=1&after=bm9uZQ", import["id"]);
    school.get(&other).await.is_refused(400, "invalid-request");
}

#[tokio::test]
async fn a_request_that_is_sent_twice_makes_one_import() {
    let school = School::open().await;
    let send = |file: &'static str| school.brings("", file).header("idempotency-key", "autumn");
    let first = send(STUDENTS).await.is_created().json();
    assert_eq!(send(STUDENTS).await.is_created().json(), first);
    send("number,name,email\n1,Ben,ben@example.edu\n").await.is_refused(422, "idempotency-key-reused");
    assert_eq!(school.all("/api/v1/imports").await.len(), 1);
}

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
async fn many_who_leave_with_their_enrollments_are_the_same_plan_each_time() {
    let school = School::open().await;
    let numbers: Vec<_> = (0..60).map(|number| format!("s{number}")).collect();
    let lines = |line: &dyn Fn(&String) -> String| numbers.iter().map(line).collect::<Vec<_>>().concat();
    let files = zip(&[
        (
            "students.csv",
            &format!("number,name,email\n{}", lines(&|it| format!("{it},Name {it},{it}@example.edu\n"))),
        ),
        ("courses.csv", "code,name,level\nMA1,Algebra,1\n"),
        ("enrollments.csv", &format!("student,course\n{}", lines(&|it| format!("{it},MA1\n")))),
    ]);
    let request = school.ask("POST", "/api/v1/imports").header("content-type", "application/zip");
    let import = request.body(files).await.is_created().json();
    school.carries_out(&import).await;
    let file = format!(
        "user_id,login_id,full_name,email,status\n{}",
        lines(&|it| format!("{it},{it},Name {it},{it}@example.edu,deleted\n"))
    );
    let removal = school.plan(&file).await;
    assert_eq!(removal["confirm"], 120, "{removal:#}");
    let url = format!("/api/v1/imports/{}/apply", removal["id"]);
    let refused = school.ask("POST", &url).await.is_refused(409, "import-would-remove");
    assert_eq!(refused["confirm"], 120);
    school.ask("POST", &format!("{url}?confirm=119")).await.is_refused(409, "import-would-remove");
    let applied = school.ask("POST", &format!("{url}?confirm=120")).await.is_ok().json();
    assert_eq!((&applied["status"], &applied["not_done"]), (&json!("applied"), &json!(0)), "{applied:#}");
    assert_eq!(school.all("/api/v1/students").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_number_that_has_moved_to_somebody_else_is_another_plan() {
    let school = School::open().await;
    let import = brings_a_school(&school).await;
    school.carries_out(&import).await;
    let drop = "course_id,user_id,role,status\nMA1,0042,student,deleted\n";
    let removal = school.plan(drop).await;
    let students = school.all("/api/v1/students").await;
    let id = |number: &str| students.iter().find(|it| it["number"] == number).unwrap()["id"].clone();
    let (zoe, ana) = (id("0042"), id("0043"));
    for (id, number) in [(&zoe, json!(null)), (&ana, json!("0042"))] {
        school.patch(&format!("/api/v1/students/{id}"), json!({"number": number})).await.is_ok();
    }
    let refused = school.ask("POST", &format!("/api/v1/imports/{}/apply", removal["id"])).await;
    refused.is_refused(409, "plan-changed");
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
