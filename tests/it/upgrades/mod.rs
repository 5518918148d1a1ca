//! Upgrades: databases of earlier versions, servers that run meanwhile, and migrations that are refused.

use std::fs;
use std::path::Path;
use std::process::Output;

use matricula::adoption;
use matricula::clock::Clock;
use serde_json::{Value, json};

use crate::history_of_migrations::database_of_build;
use crate::school::{Database, School, matricula};

fn run(command: &[&str], database: &Database) -> Output {
    matricula().args(command).arg("--database").arg(database.argument()).output().unwrap()
}

/// Asserts exit code 1 and one line on standard error, and returns it.
#[track_caller]
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    line
}

/// What a migration of a later version may do: it only adds.
const NEXT_MIGRATION: &str = "create table matricula_terms (id integer primary key, name text);
    alter table events add column term bigint;
    alter table student_courses add column term bigint;
    alter table waitlist add column term bigint not null default 0;
    create index events_term on events (term);
    insert into matricula_migrations values (99, 'terms', '', '1');";

#[tokio::test]
async fn the_database_of_every_earlier_version_is_upgraded_and_served() {
    // The first that had a log.
    for version in 4..=25 {
        let database = database_of_build(version).await;
        database.runs(
            "insert into students (id, name, email) values (1, 'Ana', 'ana@example.edu'), (2, 'Ben', '');
             insert into courses (id, name, level) values (1, 'Algebra', 'graduate'), (2, 'Botany', '');
             insert into student_courses (id, student_id, course_id, enrolled_at)
                 values (1, 1, 1, '2026-08-01T08:00:00.000Z');",
        );
        // Later versions log this by triggers.
        if database.other_program().column("select seq from events").is_empty() {
            database.runs(
                "insert into events (seq, at, type, student_id, course_id, enrollment_id, data)
                     values (1, '2026-08-01T08:00:00.000Z', 'enrollment.created', 1, 1, 1, '{}');
                 update log_head set last_seq = 1, last_enrollment_id = 1, last_at = '2026-08-01T08:00:00.000Z';",
            );
        }
        let migrated = adoption::migrate(database.location(), &Clock::System).await.unwrap();
        assert_eq!(migrated.applied.len(), 26 - version);

        let school = School::open_at(&database).await;

        let courses = school.get("/api/v1/students/1/courses").await.is_ok();
        assert_eq!(courses.json()[0]["name"], "Algebra", "version {version}");
        school.post("/api/v1/students/2/courses", json!({"course_id": 1})).await.is_created();
        school.delete("/api/v1/students/1/courses/1").await.is(204);
        let log = school.log().await;
        assert_eq!(
            log,
            ["enrollment.created", "enrollment.created", "enrollment.dropped"],
            "version {version}"
        );
        assert!(run(&["check"], &database).status.success(), "version {version}");
    }
}

/// The dumps were made by `make.py` next to them, with the program that had 23 migrations.
#[tokio::test]
async fn a_school_with_something_of_everything_is_upgraded_as_it_is() {
    let database = Database::new();
    let engine = if database.is_on_a_server() { "postgres" } else { "sqlite" };
    let dump =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/upgrades/23-migrations.{engine}.sql"));
    let dump = fs::read_to_string(dump).unwrap();
    database.other_program().execute_batch(&dump).unwrap();
    let head =
        |line: usize, beginning: &str| dump.lines().nth(line).unwrap().strip_prefix(beginning).unwrap();
    let (checked, token) = (head(0, "-- "), format!("Bearer {}", head(1, "-- token ")));

    assert!(run(&["migrate"], &database).status.success());

    let check = run(&["check"], &database);
    assert!(String::from_utf8_lossy(&check.stdout).contains(checked), "{check:?}");
    let school = School::open_at(&database).await;
    let names = async |path: &str| {
        let reply = school.get(&format!("/api/v1/{path}")).header("authorization", &token).await.is_ok();
        let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
        reply.json().as_array().unwrap().iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names("students").await, ["Ana", "Ben", "Cleo", "Dan", "Élan O’Brien", "Gus"]);
    assert_eq!(names("courses").await, ["Algebra", "Botany", "Chemistry", "Drawing"]);
    assert_eq!(names("courses/1/students").await, ["Ben", "Cleo"]);
    assert_eq!(names("groups").await, ["Seniors"]);
    assert_eq!(names("students?number=007").await, ["Gus"]);
    assert_eq!(names("accounts").await, ["Ruth"]);
    for (path, part) in [
        ("courses/1/waitlist", "Dan"),
        ("courses/2/seats", "2099-01-01T08:00:00.000Z"),
        ("students/4/holds", "fees"),
        ("seat-changes/1", "\"done\""),
        ("imports/1", "\"done\""),
        ("rules", "4"),
    ] {
        let reply = school.get(&format!("/api/v1/{path}")).header("authorization", &token).await.is_ok();
        assert!(reply.text().contains(part), "{path}: {}", reply.text());
    }
    let post = |student: i64, course: i64| {
        let enroll =
            school.post(&format!("/api/v1/students/{student}/courses"), json!({"course_id": course}));
        enroll.header("authorization", &token)
    };
    post(1, 4).await.is_created();
    let problem = post(4, 4).await.is_refused(409, "student-on-hold");
    assert!(problem["detail"].as_str().unwrap().contains("fees"), "{problem}");
}

#[tokio::test]
async fn a_server_goes_on_after_a_newer_version_has_migrated_the_database() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    assert_eq!(school.get("/readyz").await.is_ok().text(), "ready\n");

    school.other_program_runs(NEXT_MIGRATION);

    ben.enrolls_in(&algebra).await.is(202);
    ana.drops(&algebra).await.is(204);
    let cleo = school.student("Cleo").await;
    school.delete(&cleo.url()).await.is(204);
    assert_eq!(school.get(&ben.courses_url()).await.is_ok().json()[0]["name"], "Algebra");
    assert_eq!(school.log().await.last().unwrap(), "student.deleted");
    school.get("/api/v1/students?q=ben").await.is_ok();
    assert_eq!(
        school.get("/readyz").await.is_ok().text(),
        "ready, but a newer version of matricula has migrated the database: upgrade this server\n"
    );
}

#[tokio::test]
async fn an_older_version_does_not_start_on_a_newer_database_and_says_why() {
    let database = School::open().await.close().await;
    database.runs(NEXT_MIGRATION);
    let reason = concat!(
        "a newer version of matricula has migrated it (this is version ",
        env!("CARGO_PKG_VERSION"),
        ", which does not know V99__terms): use the newer version, or restore a backup\n"
    );
    for command in [
        &["serve", "--listen", "127.0.0.1:0", "--log", "off"][..],
        &["migrate"],
        &["check"],
        &["export", "students"],
    ] {
        let line = refusal(&run(command, &database));
        assert!(line.ends_with(reason), "{command:?}: {line}");
    }
}

#[tokio::test]
async fn while_a_migration_runs_reads_are_answered_and_writes_wait() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let migration = school.other_program();
    migration.execute_batch("begin immediate; alter table waitlist add column term bigint").unwrap();

    let (client, url) = (school.client.clone(), ana.courses_url());
    let waits = tokio::spawn(async move { client.ask("POST", &url).json(&json!({"course_id": 1})).await });
    school.get(&ana.url()).await.is_ok();
    assert_eq!(school.get(&ana.courses_url()).await.is_ok().json(), json!([]));
    assert!(!waits.is_finished());
    migration.execute_batch("commit").unwrap();

    waits.await.unwrap().is_created();
    assert_eq!(school.get(&ana.courses_url()).await.is_ok().json()[0]["id"], algebra.id);
}

#[tokio::test]
async fn a_migration_that_is_refused_changes_nothing_and_the_server_goes_on() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    ana.enrolls_in(&algebra).await.is_created();
    let other = school.other_program();
    let history = "select version || name || checksum from matricula_migrations order by version";
    let whole = other.column(history);
    // Its last migration finds tables with the names of its own.
    other
        .execute_batch("create table kept as select * from matricula_migrations where version >= 22")
        .unwrap();
    other.execute_batch("delete from matricula_migrations where version >= 22").unwrap();

    let refused = run(&["migrate"], school.database());

    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let reason = String::from_utf8_lossy(&refused.stderr);
    assert!(reason.contains("nothing in it was changed") && reason.contains("matricula_groups"), "{reason}");
    assert_eq!(other.column(history), whole[..21]);
    ben.enrolls_in(&algebra).await.is_created();
    ana.drops(&algebra).await.is(204);
    other.execute_batch("insert into matricula_migrations select * from kept; drop table kept").unwrap();
    school.get("/readyz").await.is_ok();
    assert!(run(&["check"], school.database()).status.success());
}
