//! Backups and restores that are cut short: nothing half-made is left under the name.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{check, column, fails_saying, names, path, run, runs, school_of_two, succeeds};
use crate::school::{Database, eventually, matricula};

/// Ana, Ben, and so much of another program that copying takes a moment.
async fn large_school() -> Database {
    let database = school_of_two().await;
    runs(
        &path(&database),
        "create table photos (photo); with recursive n (i) as (select 1 union all select i + 1 from n where i < 60)
         insert into photos select randomblob(1000000) from n;",
    );
    database
}

fn started(command: &str, database: &Path, other: &Path) -> std::process::Child {
    let mut command_line = matricula();
    command_line.arg(command).arg("--database").arg(database).arg(other);
    command_line.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn is_partial(name: &str) -> bool {
    name.contains(".partial")
}

#[tokio::test]
async fn a_backup_that_is_asked_to_stop_leaves_nothing() {
    let database = large_school().await;
    for signal in ["INT", "TERM", "HUP"] {
        let copy = Database::file();
        let child = started("backup", &path(&database), &path(&copy));
        eventually("the backup has begun", async || !names(copy.folder()).is_empty()).await;
        let id = child.id().to_string();
        Command::new("sh").args(["-c", "kill -$1 $0", &id, signal]).status().unwrap();
        let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        // It may have been done by then.
        if output.status.success() {
            succeeds(&check(&path(&copy)));
            continue;
        }
        fails_saying(&output, "stopped; ");
        assert_eq!(names(copy.folder()), [""; 0], "{signal}");
    }
}

#[tokio::test]
async fn a_backup_that_is_killed_leaves_no_file_with_the_name() {
    let (database, copy) = (large_school().await, Database::file());
    let mut child = started("backup", &path(&database), &path(&copy));
    eventually("the backup has begun", async || !names(copy.folder()).is_empty()).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let left: Vec<_> = names(copy.folder()).into_iter().filter(|name| !is_partial(name)).collect();
    assert!(left.is_empty() || check(&path(&copy)).status.success(), "{left:?}");
    if left.is_empty() {
        succeeds(&run("backup", database.argument(), copy.argument()));
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_keeps_nothing() {
    let (database, copy) = (large_school().await, Database::file());
    // A limit on the size of files stands for a full disk: for the engine, both are a failed write.
    let script = "trap '' XFSZ; ulimit -S -f 20000; exec \"$0\" \"$@\"";
    let limited = |command: &str, database: &Path, other: &Path| {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(matricula().get_program()).arg(command).arg("--database");
        shell.arg(database).arg(other).output().unwrap()
    };
    let output = limited("backup", &path(&database), &path(&copy));
    fails_saying(&output, "its disk is full");
    assert_eq!(names(copy.folder()), [""; 0]);

    let backup = database.folder().join("backup.db");
    succeeds(&run("backup", database.argument(), &backup));
    fails_saying(&limited("restore", &path(&copy), &backup), "its disk is full");
    assert_eq!(names(copy.folder()), [""; 0]);
    // A school that is there, and empty, stays.
    matricula().args(["migrate", "--database"]).arg(copy.argument()).output().unwrap();
    fails_saying(&limited("restore", &path(&copy), &backup), "its disk is full");
    assert_eq!(succeeds(&check(&path(&copy))), "ok: 0 enrollments agree with the 0 events in the log\n");
}

#[tokio::test]
async fn after_a_killed_restore_the_database_is_empty_or_whole() {
    let database = large_school().await;
    for megabytes in [0, 5, 15, 30, 50] {
        let target = Database::file();
        matricula().args(["migrate", "--database"]).arg(target.argument()).output().unwrap();
        let mut child = started("restore", &path(&target), &path(&database));
        eventually("the restore has come so far", async || {
            let size = std::fs::metadata(path(&target)).unwrap().len();
            let has_begun = names(target.folder()).len() > 1 && size >= megabytes * 1_000_000;
            has_begun || child.try_wait().unwrap().is_some()
        })
        .await;
        let _ = child.kill();
        child.wait().unwrap();
        let at_once = check(&path(&target));
        if !at_once.status.success() {
            fails_saying(&at_once, "undoes what is half-done");
        }
        // As every program does that opens it for writing.
        column(&path(&target), "select count(*) from students");
        let printed = succeeds(&check(&path(&target)));
        let photos = column(&path(&target), "select count(*) from sqlite_schema where name = 'photos'");
        let expected = if photos == ["0"] { "ok: 0 enrollments" } else { "ok: 2 enrollments" };
        assert!(printed.starts_with(expected), "{printed}");
        if photos == ["0"] {
            succeeds(&run("restore", target.argument(), database.argument()));
        }
    }
}
