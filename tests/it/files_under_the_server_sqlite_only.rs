//! Changes to the files of a database while a server has them open. A server that goes on writing to files that were
//! moved or deleted loses what it confirms.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::school::{Client, Database, Process, Reply, School, eventually, matricula};

const STUDENTS: &str = "/api/v1/students";

fn file(database: &Database, ending: &str) -> PathBuf {
    database.folder().join(format!("school.db{ending}"))
}

async fn adds_ben(school: &School) -> Reply {
    school.post(STUDENTS, json!({"name": "Ben", "email": "ben@example.edu"})).await
}

#[tokio::test]
async fn a_file_that_is_moved_or_deleted_is_noticed_and_so_is_its_return() {
    for ending in ["", "-wal", "-shm"] {
        let database = Database::file();
        let school = School::open_at(&database).await;
        school.student("Ana").await;
        school.get("/readyz").await.is_ok();
        let (here, elsewhere) = (file(&database, ending), file(&database, "-elsewhere"));

        fs::rename(&here, &elsewhere).unwrap();

        let problem = adds_ben(&school).await.is_refused(503, "overloaded");
        assert!(problem["detail"].as_str().unwrap().contains("Nothing was changed"), "{ending}: {problem}");
        let unready = school.get("/readyz").await.is_refused(503, "overloaded");
        let reason = format!("school.db{ending} was moved or deleted while the server was running");
        assert!(unready["detail"].as_str().unwrap().contains(&reason), "{unready}");
        school.get("/healthz").await.is_ok();

        fs::rename(&elsewhere, &here).unwrap();
        adds_ben(&school).await.is_created();
        school.get("/readyz").await.is_ok();
        assert_eq!(school.log().await.len(), 2);
    }
}

#[tokio::test]
async fn another_file_in_its_place_is_noticed() {
    for ending in ["", "-wal", "-shm"] {
        let database = Database::file();
        let school = School::open_at(&database).await;
        school.student("Ana").await;
        let (here, copy, original) =
            (file(&database, ending), file(&database, "-copy"), file(&database, "-original"));
        fs::copy(&here, &copy).unwrap();
        fs::rename(&here, &original).unwrap();
        fs::rename(&copy, &here).unwrap();

        adds_ben(&school).await.is_refused(503, "overloaded");
        school.get("/readyz").await.is_refused(503, "overloaded");

        fs::rename(&original, &here).unwrap();
        adds_ben(&school).await.is_created();
    }
}

#[tokio::test]
async fn confirmed_changes_survive_the_loss_of_the_wal_and_nothing_is_confirmed_after_it() {
    let database = Database::file();
    let mut server = Process::serve(&database).await;
    let client = Client::new(server.address);
    let student =
        |name: &str| client.ask("POST", STUDENTS).json(&json!({"name": name, "email": "a@example.edu"}));
    student("Ana").await.is_created();

    fs::remove_file(file(&database, "-wal")).unwrap();
    // As a reader would do that opens the database now.
    fs::File::create(file(&database, "-wal")).unwrap();

    student("Ben").await.is_refused(503, "overloaded");
    server.kill();
    // Only what is on disk counts after `kill -9`; this file is shared memory.
    let _ = fs::remove_file(file(&database, "-shm"));
    assert_eq!(database.other_program().column("select name from students"), ["Ana"]);
    let check = matricula().arg("check").arg("--database").arg(database.argument()).output().unwrap();
    assert!(check.status.success(), "{check:?}");
}

#[tokio::test]
async fn a_shortened_wal_is_noticed() {
    let database = Database::file();
    let mut server = Process::serve(&database).await;
    let client = Client::new(server.address);
    let ana = json!({"name": "Ana", "email": "ana@example.edu"});
    client.ask("POST", STUDENTS).json(&ana).await.is_created();

    fs::File::options().write(true).open(file(&database, "-wal")).unwrap().set_len(0).unwrap();

    client.ask("POST", STUDENTS).json(&ana).await.is_refused(503, "overloaded");
    let unready = client.ask("GET", "/readyz").await.is_refused(503, "overloaded");
    assert!(unready["detail"].as_str().unwrap().contains("school.db-wal was shortened"), "{unready}");
    server.kill();
}

#[tokio::test]
async fn checkpoints_of_the_engine_raise_no_alarm() {
    let database = Database::file();
    let school = School::open_at(&database).await;
    for round in 0..5 {
        school.student(&format!("Student {round}")).await;
        let other = rusqlite::Connection::open(file(&database, "")).unwrap();
        for mode in ["passive", "full", "restart", "truncate"] {
            other.query_row(&format!("pragma wal_checkpoint({mode})"), [], |_| Ok(())).unwrap();
            school.student(&format!("Student {round} {mode}")).await;
        }
        other.execute_batch("create table if not exists theirs (id); insert into theirs values (1)").unwrap();
        drop(other);
        school.student("Last").await;
        school.get("/readyz").await.is_ok();
    }
}

#[tokio::test]
async fn a_backup_that_replaces_the_file_is_not_mixed_with_the_wal_of_the_old_file() {
    // It is noticed by a request, or when the server stops.
    for is_asked in [true, false] {
        let database = Database::file();
        let school = School::open_at(&database).await;
        school.student("Ana").await;
        school.close().await;
        let (here, backup, replaced) =
            (file(&database, ""), file(&database, "-backup"), file(&database, "-replaced"));
        fs::copy(&here, &backup).unwrap();
        let school = School::open_at(&database).await;
        for number in 0..40 {
            school.student(&format!("Student {number}")).await;
        }
        fs::rename(&here, &replaced).unwrap();
        fs::rename(&backup, &here).unwrap();
        if is_asked {
            adds_ben(&school).await.is_refused(503, "overloaded");
        }
        school.close().await;

        let students = |path: &std::path::Path| {
            let opened = rusqlite::Connection::open(path).unwrap();
            let sound: String = opened.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(sound, "ok");
            opened.query_row("select count(*) from students", [], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!(students(&here), 1, "the backup");
        assert_eq!(students(&replaced), 41, "what was confirmed");
    }
}

/// A server whose database has a hundred students.
async fn server_with_a_hundred_students() -> (Database, Process, Client) {
    let database = Database::file();
    let server = Process::serve(&database).await;
    let client = Client::new(server.address);
    for number in 0..100 {
        add(&client, number).await.is_created();
    }
    (database, server, client)
}

async fn add(client: &Client, number: usize) -> Reply {
    let student = json!({"name": format!("Student {number}"), "email": "a@example.edu"});
    client.ask("POST", STUDENTS).json(&student).await
}

/// Waits until the server has nothing left to copy to the file: it may take a change during a step for its own.
async fn checkpoints_are_done(database: &Database) {
    let other = rusqlite::Connection::open(file(database, "")).unwrap();
    let left = || {
        let pages = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?);
        other.query_row("pragma wal_checkpoint(noop)", [], pages).unwrap()
    };
    eventually("the checkpoints are done", async || left() < 30).await;
}

/// A change to the database file, given some content.
type Change<'a> = &'a dyn Fn(&fs::File, &[u8]) -> std::io::Result<()>;

#[tokio::test]
async fn changed_content_of_the_database_file_is_noticed() {
    let shorten = |file: &fs::File, _: &[u8]| file.set_len(8192);
    let zero = |file: &fs::File, before: &[u8]| file.write_all_at(&vec![0; before.len()], 0);
    let replace = |file: &fs::File, other: &[u8]| {
        file.set_len(0)?;
        file.write_all_at(other, 0)
    };
    let another_school = {
        let database = Database::file();
        School::open_at(&database).await.close().await;
        fs::read(file(&database, "")).unwrap()
    };
    let changes: [(Change, Option<&[u8]>, &str); 4] = [
        (&shorten, None, "shortened"),
        (&zero, None, "overwritten"),
        (&replace, None, "overwritten"),
        (&replace, Some(&another_school), "overwritten"),
    ];
    for (change, content, damage) in changes {
        let (database, mut server, client) = server_with_a_hundred_students().await;
        let backup = fs::read(file(&database, "")).unwrap();
        for number in 100..140 {
            add(&client, number).await.is_created();
        }
        client.ask("GET", "/readyz").await.is_ok();
        checkpoints_are_done(&database).await;

        let here = fs::File::options().write(true).open(file(&database, "")).unwrap();
        change(&here, content.unwrap_or(&backup)).unwrap();

        let problem = add(&client, 140).await.is_refused(503, "overloaded");
        assert!(problem["detail"].as_str().unwrap().contains("Nothing was changed"), "{problem}");
        let unready = client.ask("GET", "/readyz").await.is_refused(503, "overloaded");
        let detail = unready["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("school.db was {damage}")), "{unready}");
        client.ask("GET", "/healthz").await.is_ok();
        server.kill();
    }
}

#[tokio::test]
async fn an_older_copy_is_noticed_also_after_a_checkpoint_by_another_program() {
    let (database, mut server, client) = server_with_a_hundred_students().await;
    let checkpoint = || {
        let other = database.other_program();
        other.execute_batch("pragma wal_checkpoint(truncate)").unwrap();
    };
    checkpoint();
    let backup = fs::read(file(&database, "")).unwrap();
    for number in 100..103 {
        add(&client, number).await.is_created();
    }
    checkpoint();

    fs::write(file(&database, ""), backup).unwrap();

    add(&client, 103).await.is_refused(503, "overloaded");
    let unready = client.ask("GET", "/readyz").await.is_refused(503, "overloaded");
    assert!(unready["detail"].as_str().unwrap().contains("by an older copy"), "{unready}");
    server.kill();
}

#[tokio::test]
async fn restored_content_of_the_database_file_is_noticed() {
    let (database, _server, client) = server_with_a_hundred_students().await;
    // Until the checkpoints after the last commits are over.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = fs::read(file(&database, "")).unwrap();
    let changed = fs::File::options().write(true).open(file(&database, "")).unwrap();
    changed.set_len(4096).unwrap();
    add(&client, 100).await.is_refused(503, "overloaded");
    changed.write_all_at(&before, 0).unwrap();
    add(&client, 101).await.is_created();
    client.ask("GET", "/readyz").await.is_ok();
}

#[tokio::test]
async fn changes_by_other_programs_through_the_engine_raise_no_alarm() {
    let database = Database::file();
    let school = School::open_at(&database).await;
    let here = file(&database, "");
    let is_over = Arc::new(AtomicBool::new(false));
    let others = ["passive", "truncate"].map(|mode| {
        let (here, is_over) = (here.clone(), Arc::clone(&is_over));
        std::thread::spawn(move || {
            let other = rusqlite::Connection::open(here).unwrap();
            other.busy_timeout(Duration::from_secs(1)).unwrap();
            while !is_over.load(Ordering::Relaxed) {
                // Grows and shrinks the file.
                let _ = other.execute_batch(&format!(
                    "create table {mode} as with recursive n (i) as (select 1 union all select i + 1 from n where i < 300)
                         select randomblob(1000) as blob from n;
                     pragma wal_checkpoint({mode}); drop table {mode}; vacuum; pragma wal_checkpoint({mode});"
                ));
                let _ = other.execute_batch(&format!("drop table if exists {mode}"));
                std::thread::sleep(Duration::from_millis(100));
            }
        })
    });
    for number in 0..20 {
        // Blocks checkpoints halfway.
        let reader = rusqlite::Connection::open(&here).unwrap();
        reader.execute_batch("begin").unwrap();
        let _ = reader.query_row("select count(*) from students", [], |_| Ok(()));
        let student = json!({"name": format!("Student {number}"), "email": "a@example.edu"});
        let added = school.post(STUDENTS, student).await.text().to_owned();
        drop(reader);
        let ready = school.get("/readyz").await.text().to_owned();
        for text in [added, ready] {
            assert!(
                !text.contains("does not answer") && !text.contains("while the server was running"),
                "{text}"
            );
        }
    }
    is_over.store(true, Ordering::Relaxed);
    tokio::task::spawn_blocking(|| others.map(|other| other.join().unwrap())).await.unwrap();
    school.student("Last").await;
    school.get("/readyz").await.is_ok();
}
