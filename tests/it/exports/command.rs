//! `matricula export`.

use std::fs;

use super::{a_difficult_school, export, exported};
use crate::school::{Database, School, matricula};

fn refusal(database: &Database, options: &[&str]) -> String {
    let output = export(database, options);
    assert!(!output.status.success(), "{options:?}");
    assert!(output.stdout.is_empty(), "{options:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_file_appears_when_it_is_complete() {
    let school = a_difficult_school().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (options, name) in [
        (["students"].as_slice(), "students.csv"),
        (&["enrollments"], "enrollments.xlsx"),
        (&["roster", "--course", "1"], "roster.csv"),
        (&["oneroster"], "oneroster.zip"),
    ] {
        let file = path(name);
        let output = export(school.database(), &[options, &["-o", &file]].concat());
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        let same =
            if name.ends_with("xlsx") { vec!["enrollments", "--format", "xlsx"] } else { options.to_vec() };
        assert!(fs::read(&file).unwrap() == exported(school.database(), &same), "{name}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "and nothing else");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_not_there() {
    let school = a_difficult_school().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roster.csv");
    let file = file.to_str().unwrap();
    fs::write(file, "before").unwrap();
    let refused = refusal(school.database(), &["roster", "--course", "99", "-o", file]);
    assert!(refused.contains("99"), "{refused}");
    assert_eq!(fs::read_to_string(file).unwrap(), "before");
    let refused = refusal(school.database(), &["students", "-o", "/dev/full"]);
    assert!(refused.contains("the export is not complete"), "{refused}");
    // Nothing may be written to a file.
    let command = format!(
        "ulimit -f 0; exec '{}' export --database \"$1\" students -o '{file}'",
        matricula().get_program().to_str().unwrap()
    );
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &command, "sh"]).arg(school.database().argument()).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(fs::read_to_string(file).unwrap(), "before");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no part of it is left");
}

#[tokio::test]
async fn options_that_do_not_fit_together_are_refused() {
    let school = School::open().await;
    for (options, expected) in [
        (["roster"].as_slice(), "--course says of which course"),
        (&["students", "--course", "1"], "--course is for a roster or a waitlist"),
        (&["students", "--as-of", "2026-09-01T08:00:00Z"], "--as-of is for enrollments and rosters"),
        (&["canvas", "--format", "csv"], "--format is for tables"),
        (&["students", "--format", "xlsx", "--bom"], "--bom and --for are for CSV"),
        (&["oneroster", "--for", "machine"], "--bom and --for are for CSV"),
        (&["teachers"], "possible values"),
    ] {
        let refused = refusal(school.database(), options);
        assert!(refused.contains(expected), "{options:?}: {refused}");
    }
}

#[tokio::test]
async fn an_export_creates_and_migrates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("school.db");
    let mut command = matricula();
    let output = command.arg("export").arg("--database").arg(&file).arg("students").output().unwrap();
    assert!(!output.status.success() && !file.exists(), "{output:?}");
    let database = Database::new();
    database.runs(
        "create table students (id integer primary key, name text not null, email text not null);
         create table courses (id integer primary key, name text not null, level text not null)",
    );
    assert!(refusal(&database, &["students"]).contains("run `matricula migrate` first"));
}

#[tokio::test]
async fn the_future_is_not_exported() {
    let school = a_difficult_school().await;
    for options in [&["enrollments"][..], &["roster", "--course", "1"]] {
        let refused = refusal(school.database(), &[options, &["--as-of", "2999-01-01T00:00:00Z"]].concat());
        assert!(refused.contains("--as-of 2999-01-01T00:00:00.000Z is in the future: it is 2"), "{refused}");
    }
}
