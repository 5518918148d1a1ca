//! The commands of the program: their output and exit codes.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::school::{Client, Database, Process, matricula};

fn run(arguments: &[&str]) -> Output {
    finished(matricula().args(arguments))
}

fn finished(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn on(database: impl AsRef<OsStr>, arguments: &[&str]) -> Output {
    finished(matricula().args(arguments).arg("--database").arg(database.as_ref()))
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Asserts exit code 1 and one line on standard error, which contains these words.
#[track_caller]
fn fails_saying(output: &Output, words: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(line.starts_with("matricula: ") && line.contains(words), "{line:?} does not say {words:?}");
    assert_eq!(line.trim_end().lines().count(), 1, "one line: {line:?}");
}

#[test]
fn help_names_every_command_and_setting() {
    let help = succeeds(&run(&["--help"]));
    for word in [
        "serve",
        "migrate",
        "check",
        "backup",
        "restore",
        "sample",
        "openapi",
        "--database",
        "--listen",
        "MATRICULA_DATABASE",
    ] {
        assert!(help.contains(word), "the help does not name {word}:\n{help}");
    }
    for command in ["serve", "migrate", "check", "backup", "restore", "sample", "openapi"] {
        assert!(succeeds(&run(&[command, "--help"])).contains("Usage: matricula"), "{command}");
    }
}

#[test]
fn openapi_prints_the_document_that_is_served() {
    let printed: Value = serde_json::from_str(&succeeds(&run(&["openapi"]))).unwrap();
    assert_eq!(printed["openapi"], "3.1.0");
    assert_eq!(printed, serde_json::to_value(matricula::server::router::document()).unwrap());
}

#[test]
fn the_same_seed_makes_the_same_school_and_check_agrees_with_it() {
    let rosters = [Database::new(), Database::new()].map(|database| {
        let path = database.argument();
        let printed = succeeds(&on(path, &["sample", "--students", "60", "--courses", "8", "--seed", "7"]));
        assert!(printed.starts_with("added 60 students, 8 courses and "), "{printed}");
        assert!(succeeds(&on(path, &["check"])).starts_with("ok: "));
        database.other_program().column(
            "select s.name || s.email || c.name from student_courses sc join students s on s.id = student_id \
             join courses c on c.id = course_id order by sc.id",
        )
    });
    assert!(rosters[0].len() > 150);
    assert_eq!(rosters[0], rosters[1]);
}

#[test]
fn check_reports_every_broken_promise() {
    for (promise, damage) in [
        ("the log has no gap", "delete from events where seq = 5"),
        ("the log ends at its head", "update log_head set last_seq = last_seq + 1"),
        ("the log's times never go back", "update events set at = '1999-01-01T00:00:00.000Z' where seq = 9"),
        ("every enrollment is in the log", "update student_courses set course_id = 999 where id = 3"),
        (
            "every enrollment in the log that was not dropped exists",
            "delete from student_courses where id = 3",
        ),
        ("no enrollment id is above the last one assigned", "update log_head set last_enrollment_id = 2"),
        (
            "every course has the limits recorded in the log",
            "delete from course_seats; insert into course_seats (course_id, waitlist_capacity) values (1, 77)",
        ),
        ("every enrollment id is used once", "update events set enrollment_id = 1 where enrollment_id = 2"),
    ] {
        let database = Database::new();
        succeeds(&on(database.argument(), &["sample", "--students", "20", "--courses", "5"]));
        // Without the triggers, as by a batch with a bug.
        database.runs(&format!(
            "pragma foreign_keys = off; update log_head set in_batch = -1; {damage}; update log_head set in_batch = 0"
        ));

        let output = on(database.argument(), &["check"]);

        assert_eq!(output.status.code(), Some(1), "{damage}");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains(&format!("BROKEN: {promise}")), "{damage}: {printed}");
    }
}

#[test]
fn check_does_not_create_a_missing_file_sqlite_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nothing.db");
    fails_saying(&on(&path, &["check"]), "nothing.db");
    assert!(!path.exists());
    rusqlite::Connection::open(&path).unwrap().execute_batch("create table other (id)").unwrap();
    fails_saying(&on(&path, &["check"]), "run `matricula migrate` first");
}

#[test]
fn a_file_that_cannot_be_served_is_reported_in_one_line_sqlite_only() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(
        at("letter.txt"),
        "Dear registrar, this is no database, and it is long enough to be sure of it.",
    )
    .unwrap();
    fails_saying(&on(at("letter.txt"), &["serve", "--listen", "127.0.0.1:0"]), "letter.txt");
    fails_saying(&on(folder.path(), &["serve", "--listen", "127.0.0.1:0"]), "directory");
    fails_saying(&on(at("no/such/folder.db"), &["serve", "--listen", "127.0.0.1:0"]), "folder.db");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails_saying(
        &on(at("school.db"), &["serve", "--listen", &address]),
        "another program already listens there",
    );
}

#[test]
fn serve_is_closed_to_other_machines_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("school.db");
    fails_saying(&on(&path, &["serve", "--listen", "0.0.0.0:0"]), "--allow-unauthenticated");
    assert!(!path.exists(), "nothing is created before the refusal");
}

#[tokio::test]
async fn without_a_command_the_program_serves_a_new_file_and_ends_well_on_sigterm_sqlite_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = matricula();
    command.current_dir(folder.path()).env("MATRICULA_LISTEN", "127.0.0.1:0").env("MATRICULA_LOG", "error");
    let server = Process::start(command).await;
    assert!(server.line.starts_with("matricula listens on http://127.0.0.1:"), "{}", server.line);
    let client = Client::new(server.address);
    let ana = json!({"name": "Ana", "email": "ana@example.edu"});
    client.ask("POST", "/api/v1/students").json(&ana).await.is_created();

    assert!(server.terminate().await.success());

    let database = folder.path().join("matricula.db");
    assert!(succeeds(&on(&database, &["check"])).starts_with("ok: "));
    let found = rusqlite::Connection::open(database).unwrap();
    let name: String = found.query_row("select name from students", [], |row| row.get(0)).unwrap();
    assert_eq!(name, "Ana");
}

#[tokio::test]
async fn the_log_output_names_requests_and_no_people() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = matricula();
    let log = folder.path().join("log");
    command
        .current_dir(folder.path())
        .args(["--listen", "127.0.0.1:0"])
        .stderr(fs::File::create(&log).unwrap());
    let server = Process::start(command).await;
    let client = Client::new(server.address);
    let ana = json!({"name": "Ana Secret", "email": "secret@example.edu"});
    let reply = client.ask("POST", "/api/v1/students").json(&ana).header("x-request-id", "request-42").await;
    assert_eq!(reply.header("x-request-id"), "request-42");
    client.ask("GET", "/api/v1/students?q=secret").await.is_ok();
    assert!(server.terminate().await.success());

    let text = fs::read_to_string(log).unwrap();
    assert!(!text.to_lowercase().contains("secret"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["request_id"] == "request-42").unwrap();
    assert_eq!(line["method"], "POST");
    assert_eq!(line["route"], "/api/v1/students");
    assert_eq!(line["status"], 201);
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
}
