//! A server says that it is ready when it is, and only then: the last attempt to write decides.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use matricula::clock::Clock;
use serde_json::{Value, json};

use crate::adoption_of_servers_postgres_only::found::Found;
use crate::school::{Client, Database, OtherProgram, Process, Reply, School, eventually, matricula};

const STUDENTS: &str = "/api/v1/students";

fn ana() -> Value {
    json!({"name": "Ana", "email": "ana@example.edu"})
}

/// Waits for an answer with this status; the server attempts a write once a second.
async fn readiness(client: &Client, status: u16) -> Reply {
    let mut reply = None;
    eventually(&format!("/readyz answers {status}"), async || {
        reply.insert(client.ask("GET", "/readyz").await).status.as_u16() == status
    })
    .await;
    reply.unwrap()
}

#[tokio::test]
async fn a_program_that_locks_the_database_for_long_makes_it_unready_until_it_lets_go() {
    let school = School::open().await;
    let other = school.other_program();
    other.execute_batch("begin immediate").unwrap();

    let unready = readiness(&school.client, 503).await;
    assert_eq!(unready.header("retry-after"), "1");
    assert!(
        unready.is_refused(503, "overloaded")["detail"].as_str().unwrap().contains("Nothing can be changed")
    );
    school.get("/healthz").await.is_ok();

    drop(other);
    readiness(&school.client, 200).await;
}

#[tokio::test]
async fn frequent_checks_cost_no_more_than_one_write_a_second() {
    let school = School::open().await;
    let other = school.other_program();
    let mut versions = HashSet::new();
    for _ in 0..200 {
        school.get("/readyz").await.is_ok();
        versions.insert(version(&school, &other));
    }
    assert!(versions.len() < 20, "it wrote for every request");
}

/// A value that changes with every commit to the head of the log.
fn version(school: &School, other: &OtherProgram) -> String {
    if school.database().is_on_a_server() {
        return other.column("select cast(xmin as text) from log_head").remove(0);
    }
    fs::metadata(school.database().folder().join("school.db-wal")).unwrap().len().to_string()
}

const GRANTS: &str = "grant create on schema public to registrar";

#[tokio::test]
async fn a_right_that_is_revoked_is_reported_until_it_is_granted_again_postgres_only() {
    let found = Found::by_owner("", GRANTS);
    let school = found.opens().await;
    school.post(STUDENTS, ana()).await.is_created();
    readiness(&school.client, 200).await;

    found.owner_runs("revoke insert on events from registrar");
    school.post(STUDENTS, ana()).await.is_refused(503, "overloaded");
    let unready = school.get("/readyz").await.is_refused(503, "overloaded");
    assert!(unready["detail"].as_str().unwrap().contains("permission denied for table events"), "{unready}");

    found.owner_runs("grant insert on events to registrar");
    school.post(STUDENTS, ana()).await.is_created();
    school.get("/readyz").await.is_ok();
}

#[tokio::test]
async fn an_idle_server_notices_failures_and_recovers_by_itself_postgres_only() {
    let found = Found::by_owner("", GRANTS);
    let school = found.opens().await;
    for (take, give, what) in [
        (
            "revoke delete on waitlist from registrar",
            "grant delete on waitlist to registrar",
            "delete on waitlist",
        ),
        (
            "revoke update on students from registrar",
            "grant update on students to registrar",
            "update on students",
        ),
    ] {
        found.owner_runs(take);
        let unready = readiness(&school.client, 503).await.is_refused(503, "overloaded");
        assert!(unready["detail"].as_str().unwrap().contains(what), "{unready}");
        found.owner_runs(give);
        readiness(&school.client, 200).await;
    }
}

#[tokio::test]
async fn a_right_that_the_role_never_had_on_found_tables_does_not_make_it_unready_postgres_only() {
    let found = Found::by_owner(
        "create table students (id bigint primary key, name text, email text);
         create table courses (id bigint primary key, name text, level text);
         insert into students values (1, 'Ana', 'ana@example.edu'); insert into courses values (7, 'Algebra', 'one');",
        &format!("{GRANTS}; grant select, references on students, courses to registrar"),
    );
    let school = found.opens().await;
    // The two share a batch; a right that is missing on one table does not fail the other command.
    let (refused, enrolled) = tokio::join!(
        school.post(STUDENTS, ana()).into_future(),
        school.post("/api/v1/students/1/courses", json!({"course_id": 7})).into_future(),
    );
    refused.is_refused(503, "overloaded");
    enrolled.is_created();
    readiness(&school.client, 200).await;
}

#[tokio::test]
async fn serve_refuses_to_start_without_the_rights_that_it_needs_and_names_them_postgres_only() {
    let found = Found::by_owner("", GRANTS);
    drop(found.opens().await);
    found.owner_runs(
        "revoke insert, update on course_seats from registrar; revoke delete on waitlist from registrar",
    );
    let error = matricula::server::School::open(found.location(), Clock::System, None).await.unwrap_err();
    let message = format!("{error:#}");
    assert!(
        message.contains("no right to delete on waitlist, insert on course_seats, update on course_seats"),
        "{message}"
    );
}

#[tokio::test]
async fn a_right_that_is_missing_is_in_the_log_output_and_does_not_fill_it_postgres_only() {
    let found = Found::by_owner("", GRANTS);
    let log = found.database().folder().join("log");
    let mut command = matricula();
    command.arg("--database").arg(found.database().argument());
    command.args(["--listen", "127.0.0.1:0", "--log", "error,matricula::access=off"]);
    command.stderr(fs::File::create(&log).unwrap());
    let server = Process::start(command).await;
    let client = Client::new(server.address);
    found.owner_runs("revoke insert on events from registrar");
    for _ in 0..50 {
        client.ask("POST", STUDENTS).json(&ana()).await.is_refused(503, "overloaded");
    }
    assert!(server.terminate().await.success());
    let lines = fs::read_to_string(log).unwrap();
    assert!(lines.contains("permission denied for table events"), "{lines}");
    assert!(!lines.contains("Ana") && lines.lines().count() <= 5, "{lines}");
}

/// The program as a user other than root, because root ignores the permissions of files. `copy` is the program where
/// that user can reach it.
fn as_nobody(copy: &Path, database: &Path) -> Command {
    let mut command = Command::new(copy);
    command.args(["serve", "--listen", "127.0.0.1:0", "--database"]).arg(database).current_dir("/");
    // A program that measures its coverage would complain that it cannot write the result.
    command.env_clear().env("LLVM_PROFILE_FILE", "/dev/null");
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        command.uid(65_534).gid(65_534);
    }
    command
}

#[tokio::test]
async fn serve_refuses_to_start_on_a_file_or_folder_that_it_may_not_write_sqlite_only() {
    let database = Database::file();
    drop(School::open_at(&database).await.close().await);
    let (folder, file) = (database.folder(), database.folder().join("school.db"));
    let copy = folder.join("matricula");
    fs::copy(matricula().get_program(), &copy).unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for (of_folder, of_file, message) in [
        (0o777, 0o444, format!("this user may not write to the file {}", file.display())),
        (0o555, 0o666, format!("this user may not write to the folder {}", folder.display())),
    ] {
        // Earlier connections have left these files, empty.
        for ending in ["-wal", "-shm"] {
            let _ = fs::remove_file(folder.join(format!("school.db{ending}")));
        }
        mode(folder, of_folder);
        mode(&file, of_file);
        let output = as_nobody(&copy, &file).output().unwrap();
        mode(folder, 0o777);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(&message), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[tokio::test]
async fn a_server_with_a_full_disk_is_unready_until_there_is_room_sqlite_only() {
    let database = Database::file();
    // For the program, a file that may not grow is like a full disk.
    let limited = "trap '' XFSZ; ulimit -S -f 480; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.env_clear().args(["-c", limited, env!("CARGO_BIN_EXE_matricula")]).arg("--database");
    command.arg(database.argument()).args(["--listen", "127.0.0.1:0", "--log", "off"]);
    let server = Process::start(command).await;
    let client = Client::new(server.address);
    let (mut added, full) = (0, add_until_full(&client).await);
    added += full;
    let unready = client.ask("GET", "/readyz").await.is_refused(503, "overloaded");
    assert!(unready["detail"].as_str().unwrap().contains("full"), "{unready}");

    let raised =
        Command::new("prlimit").args(["--fsize=unlimited", "--pid", &server.id().to_string()]).status();
    assert!(raised.unwrap().success());
    client.ask("POST", STUDENTS).json(&ana()).await.is_created();
    client.ask("GET", "/readyz").await.is_ok();
    let listed = client.ask("GET", "/api/v1/students?limit=1").await.is_ok();
    assert_eq!(listed.header("x-total-count"), (added + 1).to_string());
}

/// Adds students until there is no room, and returns how many fit.
async fn add_until_full(client: &Client) -> usize {
    for added in 0..10_000 {
        let reply = client.ask("POST", STUDENTS).json(&ana()).await;
        if reply.status == 503 {
            return added;
        }
        reply.is_created();
    }
    panic!("the disk did not fill up");
}
