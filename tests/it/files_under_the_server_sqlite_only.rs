//! What somebody does to the files of a database while a server has them open. A server that goes on writing to files that
//! have lost their names loses what it confirms.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::school::{Client, Database, Process, Reply, School, matricula};

const STUDENTS: &str = "/api/v1/students";

fn file(database: &Database, ending: &str) -> PathBuf {
    database.folder().join(format!("school.db{ending}"))
}

async fn adds_ben(school: &School) -> Reply {
    school.post(STUDENTS, json!({"name": "Ben", "email": "ben@example.edu"})).await
}

#[tokio::test]
async fn a_file_that_is_moved_or_deleted_is_noticed_and_noticed_when_it_is_back() {
    for ending in ["", "-wal", "-shm"] {
        let database = Database::file();
        let school = School::open_at(&database).await;
        school.student("Ana").await;
        school.get("/readyz").await.is_ok();
        let (here, elsewhere) = (file(&database, ending), file(&database, "-elsewhere"));

        fs::rename(&here, &elsewhere).unwrap();

        let problem = adds_ben(&school).await.is_refused(503, "overloaded");
        assert!(problem["detail"].as_str().unwrap().contains("nothing was changed"), "{ending}: {problem}");
        let unready = school.get("/readyz").await.is_refused(503, "overloaded");
        let told = format!("school.db{ending} was moved or deleted under the server");
        assert!(unready["detail"].as_str().unwrap().contains(&told), "{unready}");
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
async fn what_was_confirmed_outlives_its_log_and_nothing_is_confirmed_after() {
    let database = Database::file();
    let mut server = Process::serve(&database).await;
    let client = Client::new(server.address);
    let student =
        |name: &str| client.ask("POST", STUDENTS).json(&json!({"name": name, "email": "a@example.edu"}));
    student("Ana").await.is_created();

    fs::remove_file(file(&database, "-wal")).unwrap();
    // As a reader does that is opened only now.
    fs::File::create(file(&database, "-wal")).unwrap();

    student("Ben").await.is_refused(503, "overloaded");
    server.kill();
    // What kill -9 leaves; the server had the rest in memory.
    let _ = fs::remove_file(file(&database, "-shm"));
    assert_eq!(database.other_program().column("select name from students"), ["Ana"]);
    let check = matricula().arg("check").arg("--database").arg(database.argument()).output().unwrap();
    assert!(check.status.success(), "{check:?}");
}

#[tokio::test]
async fn a_log_that_somebody_shortens_is_noticed() {
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
async fn what_the_engine_itself_does_with_its_log_is_no_trouble() {
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
async fn a_backup_that_takes_the_place_of_the_file_is_not_mixed_with_the_log_of_what_was_there() {
    // It is noticed by a request, or at the end.
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
