//! What is in a backup, and when there is none.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{backup_of_two, check, column, fails_saying, names, path, run, runs, school_of_two, succeeds};
use crate::school::{Client, Database, Process, School, matricula};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_during_a_rush_has_everything_that_was_confirmed_before_it_began() {
    let (database, folder) = (Database::file(), tempfile::tempdir().unwrap());
    let sample = ["sample", "--students", "200", "--courses", "20", "--without-seats", "--database"];
    assert!(matricula().args(sample).arg(database.argument()).output().unwrap().status.success());
    let server = Process::serve(&database).await;
    let (confirmed, is_over) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..8_i64)
        .map(|number| {
            let (confirmed, is_over) = (Arc::clone(&confirmed), Arc::clone(&is_over));
            let client = Client::new(server.address);
            tokio::spawn(async move {
                let pairs = (1..=200_i64).filter(|student| student % 8 == number);
                for (student, course) in
                    pairs.flat_map(|student| (1..=20_i64).map(move |course| (student, course)))
                {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    let url = format!("/api/v1/students/{student}/courses");
                    let reply = client.ask("POST", &url).json(&json!({"course_id": course})).await;
                    // The sample has enrolled some of them.
                    assert!([201, 409].contains(&reply.status.as_u16()), "{reply:?}");
                    confirmed.lock().unwrap().insert(format!("{student} {course}"));
                }
            })
        })
        .collect();

    for number in 0..3 {
        let before = confirmed.lock().unwrap().clone();
        let copy = folder.path().join(format!("{number}.db"));
        let (from, to) = (database.argument().clone(), copy.clone());
        let printed = tokio::task::spawn_blocking(move || succeeds(&run("backup", from, to))).await.unwrap();
        assert!(printed.starts_with("ok: ") && printed.contains("\ncopied "), "{printed}");
        let copied: BTreeSet<_> =
            column(&copy, "select student_id || ' ' || course_id from student_courses").into_iter().collect();
        assert_eq!(before.difference(&copied).collect::<Vec<_>>(), [""; 0]);
        succeeds(&check(&copy));
        let mut live = matricula();
        live.arg("check").arg("--database").arg(database.argument()).arg("--against").arg(&copy);
        let compared = succeeds(&live.output().unwrap());
        assert!(compared.contains("\nok: the log begins with all "), "{compared}");
    }

    is_over.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    assert!(server.terminate().await.success());
    assert_eq!(names(folder.path()), ["0.db", "1.db", "2.db"]);
}

#[tokio::test]
async fn everything_of_every_program_is_in_the_copy() {
    let database = Database::file();
    database.runs(
        "create table student (student_id integer primary key, name text);
         create table course (id integer primary key, title text);
         insert into student values (7, 'Ana'); insert into course values (9, 'Algebra');
         create table visits (student integer, page text);
         insert into visits values (7, 'a'), (7, 'b'), (7, 'c'); delete from visits where page = 'b';
         create table tickets (id integer primary key autoincrement); insert into tickets values (41);
         delete from tickets;
         create view pages as select page from visits;
         create index visits_by_page on visits (page);
         create trigger counted after insert on visits begin update visits set page = 'seen' where page = 'new'; end;
         pragma user_version = 12; pragma application_id = 34;",
    );
    let adopted =
        matricula().args(["adopt", "--yes", "--database"]).arg(database.argument()).output().unwrap();
    assert!(adopted.status.success(), "{adopted:?}");
    let school = School::open_at(&database).await;
    school.post("/api/v1/students/7/courses", json!({"course_id": 9})).await.is_created();
    let ben = school.post("/api/v1/students", json!({"name": "Ben"})).await.is_created();
    let ben = ben.json()["id"].as_i64().unwrap();
    school.delete(&format!("/api/v1/students/{ben}")).await.is(204);
    let copy = database.folder().join("copy.db");

    succeeds(&run("backup", database.argument(), &copy));

    for sql in [
        "select sql from sqlite_schema where sql is not null order by type, name",
        "select rowid || page from visits order by rowid",
        "select name || seq from sqlite_sequence order by name",
        "select seq || type || data from events order by seq",
        "select mapping from matricula_mapping",
    ] {
        assert_eq!(column(&copy, sql), column(&path(&database), sql), "{sql}");
    }
    for (pragma, value) in
        [("user_version", "12"), ("application_id", "34"), ("page_size", "4096"), ("journal_mode", "delete")]
    {
        assert_eq!(column(&copy, &format!("pragma {pragma}")), [value], "{pragma}");
    }
    drop(school);
    // The copy is served as the original is; the id of a deleted student is not given out again.
    let copy = Database::at(copy.into_os_string().into_string().unwrap());
    let school = School::open_at(&copy).await;
    assert_eq!(school.get("/api/v1/students/7/courses").await.is_ok().json()[0]["name"], "Algebra");
    let cleo = school.post("/api/v1/students", json!({"name": "Cleo"})).await.is_created();
    assert_eq!(cleo.json()["id"], ben + 1);
    school.other_program_runs("insert into visits values (7, 'new')");
    assert_eq!(school.other_program().column("select page from visits where page = 'seen'"), ["seen"]);
}

#[tokio::test]
async fn a_copy_is_one_file_that_only_its_owner_can_read() {
    let copy = backup_of_two().await;
    assert_eq!(names(copy.folder()), ["school.db"]);
    assert_eq!(fs::metadata(path(&copy)).unwrap().permissions().mode() & 0o777, 0o600);
    succeeds(&check(&path(&copy)));
    assert_eq!(names(copy.folder()), ["school.db"]);
}

#[tokio::test]
async fn what_was_deleted_is_not_in_the_copy() {
    let database = school_of_two().await;
    runs(
        &path(&database),
        "create table secrets (word); insert into secrets values ('swordfish'); delete from secrets",
    );
    let copy = database.folder().join("copy.db");
    succeeds(&run("backup", database.argument(), &copy));
    let has_word = |file| fs::read(file).unwrap().windows(9).any(|bytes| bytes == b"swordfish");
    assert!(!has_word(copy));
}

#[tokio::test]
async fn no_file_is_overwritten() {
    let (database, copy) = (school_of_two().await, backup_of_two().await);
    let before = fs::read(path(&copy)).unwrap();
    fails_saying(
        &run("backup", database.argument(), copy.argument()),
        "exists already; no file is overwritten",
    );
    fails_saying(&run("backup", database.argument(), database.argument()), "exists already");
    fails_saying(&run("backup", database.argument(), copy.folder()), "is a folder: name a file in it");
    assert_eq!(fs::read(path(&copy)).unwrap(), before);
    // SQLite would apply it to the copy.
    for ending in ["-wal", "-shm", "-journal"] {
        let left_over = copy.folder().join(format!("new.db{ending}"));
        fs::write(&left_over, "").unwrap();
        fails_saying(
            &run("backup", database.argument(), copy.folder().join("new.db")),
            "is left over from another",
        );
        fs::remove_file(left_over).unwrap();
    }
    assert_eq!(names(copy.folder()), ["school.db"]);
}

#[tokio::test]
async fn a_file_that_does_not_exist_is_not_created() {
    let (missing, copy) = (Database::file(), Database::file());
    fails_saying(&run("backup", missing.argument(), copy.argument()), "the file does not exist");
    let database = school_of_two().await;
    fails_saying(&run("backup", database.argument(), missing.folder().join("no/copy.db")), "cannot create");
    fails_saying(&run("backup", database.argument(), "/proc/copy.db"), "cannot create");
    assert_eq!((names(missing.folder()), names(copy.folder())), (Vec::new(), Vec::new()));
}

#[test]
fn a_server_is_backed_up_with_its_own_tools() {
    let copy = Database::file();
    let output = run("backup", "postgres://ana:secret@db/school", copy.argument());
    fails_saying(&output, "`pg_dump --format=custom`");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"));
}

#[tokio::test]
async fn a_school_whose_log_does_not_agree_is_copied_with_its_faults() {
    let (database, copy) = (school_of_two().await, Database::file());
    runs(
        &path(&database),
        "update log_head set in_batch = -1; delete from events where seq = 2; update log_head set in_batch = 0",
    );
    let output = run("backup", database.argument(), copy.argument());
    fails_saying(&output, "the copy is complete, but so are the faults of the database: 1 check failed");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("BROKEN: the log has no gap") && printed.contains("\ncopied "), "{printed}");
    assert_eq!(names(copy.folder()), ["school.db"]);
}

#[tokio::test]
async fn a_school_that_can_no_longer_be_read_is_copied_too() {
    let (database, copy) = (Database::file(), Database::file());
    database.runs(
        "create table student (student_id integer primary key, name text);
         create table course (id integer primary key, title text);",
    );
    let adopted =
        matricula().args(["adopt", "--yes", "--database"]).arg(database.argument()).output().unwrap();
    assert!(adopted.status.success(), "{adopted:?}");
    runs(&path(&database), "alter table student rename column name to full_name");
    let output = run("backup", database.argument(), copy.argument());
    fails_saying(&output, "the copy is complete, but so are the faults of the database: 1 check failed");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.starts_with("BROKEN: the tables can be read (1 row)\n"), "{printed}");
    assert_eq!(names(copy.folder()), ["school.db"]);
}

#[tokio::test]
async fn a_damaged_file_gives_no_copy() {
    let (database, copy) = (school_of_two().await, Database::file());
    let root = column(&path(&database), "select rootpage from sqlite_schema where name = 'student_courses'");
    let mut bytes = fs::read(path(&database)).unwrap();
    let at = (root[0].parse::<usize>().unwrap() - 1) * 2048;
    bytes[at..at + 2048].fill(7);
    fs::write(path(&database), bytes).unwrap();
    fails_saying(&run("backup", database.argument(), copy.argument()), "malformed");
    assert_eq!(names(copy.folder()), [""; 0]);
}

#[tokio::test]
async fn a_database_of_another_version_or_none_is_copied_too() {
    let other = Database::file();
    other.runs("create table student (id integer primary key); insert into student values (1)");
    let older = school_of_two().await;
    runs(
        &path(&older),
        "delete from matricula_migrations where version = (select max(version) from matricula_migrations)",
    );
    let newer = school_of_two().await;
    runs(&path(&newer), "insert into matricula_migrations values (99, 'terms', '', '1')");
    for (database, why) in [
        (other, "it is not a school yet"),
        (older, "its schema is older than this program"),
        (newer, "its schema is that of another version"),
    ] {
        let copy = Database::file();
        let printed = succeeds(&run("backup", database.argument(), copy.argument()));
        let checked = format!("ok: the file is intact; the log was not compared with the tables: {why}\n");
        assert!(printed.starts_with(&checked), "{printed}");
    }
}

#[tokio::test]
async fn a_name_that_is_not_utf_8_is_a_name() {
    let database = school_of_two().await;
    let copy = database.folder().join(OsStr::from_bytes(b"copy-\xff.db"));
    succeeds(&run("backup", database.argument(), &copy));
    succeeds(&check(&copy));
}
