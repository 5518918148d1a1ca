//! `matricula backup` and `matricula restore`: whole copies of a database file. (PostgreSQL has its own tools.)

mod interrupted;
mod making;
mod nightly;
mod restoring;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::school::{Database, School, matricula};

/// Runs a command on the database in this file.
fn run(command: &str, database: impl AsRef<OsStr>, other: impl AsRef<OsStr>) -> Output {
    matricula().arg(command).arg("--database").arg(database).arg(other).output().unwrap()
}

fn check(database: &Path) -> Output {
    matricula().arg("check").arg("--database").arg(database).output().unwrap()
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

/// The names of the files in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

fn path(database: &Database) -> PathBuf {
    database.argument().into()
}

/// Ana and Ben take Algebra; the log has five entries.
async fn school_of_two() -> Database {
    let school = School::open_at(&Database::file()).await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is_created();
    school.close().await
}

/// A backup of [`school_of_two`], in a folder of its own.
async fn backup_of_two() -> Database {
    let backup = Database::file();
    succeeds(&run("backup", school_of_two().await.argument(), backup.argument()));
    backup
}

/// The statement runs in this file as another program's.
fn runs(database: &Path, sql: &str) {
    rusqlite::Connection::open(database).unwrap().execute_batch(sql).unwrap();
}

/// The first column of a query in this file.
fn column(database: &Path, sql: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    rows.map(|value| match value.unwrap() {
        rusqlite::types::Value::Integer(value) => value.to_string(),
        rusqlite::types::Value::Text(value) => value,
        other => panic!("{other:?}"),
    })
    .collect()
}
