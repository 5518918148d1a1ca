//! Where a backup is restored, and where not.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use matricula::adoption::{MigrateOptions, dry_run};
use matricula::clock::Clock;
use serde_json::json;

use super::{backup_of_two, check, column, fails_saying, names, path, run, runs, school_of_two, succeeds};
use crate::school::{Client, Database, Process, School, matricula};

const OF_TWO: &str = "ok: 2 enrollments agree with the 5 events in the log\n";

fn restored(target: &Database, backup: &Database) -> String {
    let shown = |database: &Database| path(database).display().to_string();
    format!("{OF_TWO}restored {} from {}\n", shown(target), shown(backup))
}

#[tokio::test]
async fn a_backup_is_restored_where_no_file_is() {
    let (backup, target) = (backup_of_two().await, Database::file());
    assert_eq!(succeeds(&run("restore", target.argument(), backup.argument())), restored(&target, &backup));
    assert_eq!(names(target.folder()), ["school.db"]);
    assert_eq!(fs::metadata(path(&target)).unwrap().permissions().mode() & 0o777, 0o600);
    // After the header, in which SQLite counts changes.
    assert_eq!(fs::read(path(&target)).unwrap()[100..], fs::read(path(&backup)).unwrap()[100..]);
    let school = School::open_at(&target).await;
    let cleo = school.student("Cleo").await;
    assert_eq!((cleo.id, school.log().await.len()), (3, 6));
}

#[tokio::test]
async fn a_backup_takes_the_place_of_a_school_that_is_empty_and_the_file_keeps_its_rights() {
    let (backup, target) = (backup_of_two().await, Database::file());
    School::open_at(&target).await.close().await;
    fs::set_permissions(path(&target), fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(path(&target)).unwrap();
    // What a program that copies the file all the time keeps in it.
    runs(&path(&target), "create table _litestream_seq (id, seq); insert into _litestream_seq values (1, 2)");

    assert_eq!(succeeds(&run("restore", target.argument(), backup.argument())), restored(&target, &backup));

    let after = fs::metadata(path(&target)).unwrap();
    assert_eq!((after.ino(), after.permissions().mode() & 0o777), (before.ino(), 0o640));
    assert_eq!(names(target.folder()), ["school.db"]);
    let school = School::open_at(&target).await;
    assert_eq!(school.log().await.len(), 5);
}

#[tokio::test]
async fn an_empty_file_counts_as_an_empty_school() {
    let (backup, target) = (backup_of_two().await, Database::file());
    fs::write(path(&target), "").unwrap();
    succeeds(&run("restore", target.argument(), backup.argument()));
    assert_eq!(succeeds(&check(&path(&target))), OF_TWO);
}

#[tokio::test]
async fn a_school_that_is_not_empty_is_not_replaced() {
    let backup = backup_of_two().await;
    for (sql, filled) in [
        ("insert into students (name, email) values ('Cleo', '')", "students"),
        ("insert into courses (name, level) values ('Botany', '')", "courses"),
        ("create table notes (note); insert into notes values ('mine')", "notes"),
    ] {
        let target = Database::file();
        School::open_at(&target).await.close().await;
        runs(&path(&target), sql);
        let before = fs::read(path(&target)).unwrap();
        let output = run("restore", target.argument(), backup.argument());
        fails_saying(&output, &format!("is not empty: it has rows in {filled}. Nothing was restored."));
        assert_eq!(fs::read(path(&target)).unwrap(), before);
        assert_eq!(
            succeeds(&check(&path(&target))),
            "ok: 0 enrollments agree with the 0 events in the log\n"
        );
    }
    // Nor is how another program keeps its data changed.
    let target = Database::file();
    runs(
        &path(&target),
        "pragma journal_mode = wal; create table notes (note); insert into notes values ('mine')",
    );
    fails_saying(&run("restore", target.argument(), backup.argument()), "it has rows in notes");
    assert_eq!(column(&path(&target), "pragma journal_mode"), ["wal"]);
    // An account is in the log.
    let target = Database::file();
    let account = ["account", "add", "--role", "admin", "Ruth", "ruth@example.edu", "--database"];
    assert!(matricula().args(account).arg(target.argument()).output().unwrap().status.success());
    fails_saying(&run("restore", target.argument(), backup.argument()), "it has rows in events");
    let another = school_of_two().await;
    fails_saying(&run("restore", another.argument(), another.argument()), "is the database itself");
}

#[tokio::test]
async fn nothing_is_restored_while_a_server_runs_even_if_its_file_was_moved_away() {
    let (backup, target) = (backup_of_two().await, Database::file());
    let server = Process::serve(&target).await;
    let client = Client::new(server.address);
    fails_saying(&run("restore", target.argument(), backup.argument()), "is in use by another program");
    client
        .ask("POST", "/api/v1/students")
        .json(&json!({"name": "Dan", "email": "d@example.edu"}))
        .await
        .is_created();

    let moved = target.folder().join("moved.db");
    fs::rename(path(&target), &moved).unwrap();
    fails_saying(&run("restore", target.argument(), backup.argument()), "but another program still uses it");
    fs::rename(&moved, path(&target)).unwrap();

    client.ask("GET", "/readyz").await.is_ok();
    assert!(server.terminate().await.success());
    assert_eq!(column(&path(&target), "select name from students"), ["Dan"]);
}

#[tokio::test]
async fn the_log_of_the_database_before_is_put_away_and_not_applied() {
    let (backup, target) = (backup_of_two().await, Database::file());
    let mut server = Process::serve(&target).await;
    let client = Client::new(server.address);
    client
        .ask("POST", "/api/v1/students")
        .json(&json!({"name": "Dan", "email": "d@example.edu"}))
        .await
        .is_created();
    server.kill();
    let moved = target.folder().join("moved.db");
    fs::rename(path(&target), &moved).unwrap();
    assert_eq!(names(target.folder()), ["moved.db", "school.db-shm", "school.db-wal"]);

    let printed = succeeds(&run("restore", target.argument(), backup.argument()));

    assert!(
        printed.contains("it belongs to the database that was there before, and may have its last changes"),
        "{printed}"
    );
    assert_eq!(names(target.folder()), ["moved.db", "school.db", "school.db-wal.1"]);
    assert_eq!(succeeds(&check(&path(&target))), OF_TWO);
    // Nothing of the old one is lost.
    fs::rename(target.folder().join("school.db-wal.1"), target.folder().join("moved.db-wal")).unwrap();
    assert_eq!(column(&moved, "select name from students"), ["Dan"]);
}

#[tokio::test]
async fn only_a_sound_school_is_restored() {
    let target = Database::file();
    let newer = backup_of_two().await;
    runs(&path(&newer), "insert into matricula_migrations values (99, 'terms', '', '1')");
    fails_saying(
        &run("restore", target.argument(), newer.argument()),
        "a newer version of matricula has migrated it (this is version",
    );
    let broken = backup_of_two().await;
    runs(
        &path(&broken),
        "update log_head set in_batch = -1; delete from events where seq = 2; update log_head set in_batch = 0",
    );
    fails_saying(&run("restore", target.argument(), broken.argument()), "was not restored: 1 check failed");
    let other = Database::file();
    other.runs("create table student (id integer primary key)");
    fails_saying(&run("restore", target.argument(), other.argument()), "is not a school of matricula");
    let letter = target.folder().join("letter.txt");
    fs::write(&letter, "Dear registrar, this is no database, and it is long enough to be sure of it.")
        .unwrap();
    fails_saying(&run("restore", target.argument(), &letter), "it is not an SQLite database");
    fails_saying(&run("restore", target.argument(), "missing.db"), "the file does not exist");
    fails_saying(&run("restore", "postgres://ana:secret@db/school", broken.argument()), "`pg_restore`");
    assert_eq!(names(target.folder()), ["letter.txt"]);
}

#[tokio::test]
async fn a_backup_of_an_earlier_version_is_restored_and_then_migrated() {
    let (older, target) = (Database::file(), Database::file());
    let script = dry_run(older.location(), &Clock::System, &MigrateOptions::default()).await.unwrap();
    for statements in &script.statements[..22] {
        runs(&path(&older), statements);
    }
    let school = Database::file();
    School::open_at(&school).await.close().await;
    let row = "select version || ', ''' || name || ''', '''', ''' || checksum || '''' from matricula_migrations where version < 23";
    runs(
        &path(&older),
        "create table matricula_migrations (version bigint primary key, name varchar(255), applied_on varchar(255), checksum varchar(255))",
    );
    for row in column(&path(&school), row) {
        runs(&path(&older), &format!("insert into matricula_migrations values ({row})"));
    }

    let printed = succeeds(&run("restore", target.argument(), older.argument()));

    assert!(printed.contains("its schema is older than this program: `matricula serve`"), "{printed}");
    let school = School::open_at(&target).await;
    school.student("Ana").await;
}
