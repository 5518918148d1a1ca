//! Exports.

mod api;
mod archives;
mod command;
mod round_trips;
mod strict;

use std::fs;
use std::io::{Cursor, Read as _};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::school::{Database, School, matricula};

/// The standard output of `matricula export`.
fn exported(database: &Database, options: &[&str]) -> Vec<u8> {
    let output = export(database, options);
    assert!(output.status.success(), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn export(database: &Database, options: &[&str]) -> std::process::Output {
    matricula().arg("export").arg("--database").arg(database.argument()).args(options).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Imports files with these names, all of whose rows have to be accepted.
fn import(school: &School, files: &[(&str, &[u8])]) {
    let report = report_of_import(school, files);
    assert!(report["applied"] == true && report["counts"]["refused"] == 0, "{report:#}");
}

/// Imports files with these names and returns what the command reports.
fn report_of_import(school: &School, files: &[(&str, &[u8])]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|(name, bytes)| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        })
        .collect();
    let mut command = matricula();
    command.arg("import").arg("--database").arg(school.database().argument()).args(["--json", "--yes"]);
    let output = command.args(paths).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The files of an archive, in their order.
fn unzipped(bytes: &[u8]) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let files = (0..archive.len()).map(|place| {
        let mut file = archive.by_index(place).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        (file.name().unwrap().into_owned(), text)
    });
    files.collect()
}

/// Adds a student, and returns the id.
async fn add_student(school: &School, name: &str, number: Option<&str>) -> i64 {
    let mut student = json!({"name": name, "email": "someone@example.edu"});
    if let Some(number) = number {
        student["number"] = number.into();
    }
    school.post("/api/v1/students", student).await.is_created().json()["id"].as_i64().unwrap()
}

/// Adds a course, and returns the id.
async fn add_course(school: &School, name: &str, code: Option<&str>) -> i64 {
    let mut course = json!({"name": name, "level": "graduate"});
    if let Some(code) = code {
        course["code"] = code.into();
    }
    school.post("/api/v1/courses", course).await.is_created().json()["id"].as_i64().unwrap()
}

async fn enroll(school: &School, student: i64, course: i64) {
    school.put(&format!("/api/v1/students/{student}/courses/{course}")).await.is_created();
}

/// A school with gaps in its ids, names that are difficult in files, and records without numbers and codes.
async fn a_difficult_school() -> School {
    let school = School::open().await;
    let gone = add_student(&school, "Gone", None).await;
    let names = [
        ("Zoë Martin", Some("0042")),
        ("=HYPERLINK(\"http://x\")", Some("02E800")),
        ("+1 555, \"Rob\"", Some("-7")),
        ("@SUM(A1)", Some("a,b")),
        ("'=x", Some("@home")),
        ("'tHooft", Some("#12")),
        ("-5", Some("say \"x\"")),
        ("Two  blanks", None),
        ("Jean\u{a0}Dupont \u{3000}\u{2003}Smith", Some("a b")),
        ("Madona", None),
        ("a;b|c", Some("sep=;")),
        ("مريم حداد", Some("m1a2b3c4d-1")),
        ("Ana de la Cruz", Some("0043")),
        ("12345.0", Some("0044")),
    ];
    let mut students = Vec::new();
    for (name, number) in names {
        students.push(add_student(&school, name, number).await);
    }
    school.delete(&format!("/api/v1/students/{gone}")).await.is(204);
    let mut courses = Vec::new();
    for (name, code) in [
        ("Logic, \"101\"", Some("MATH-101")),
        ("=1+1", Some("CS 101")),
        ("Drawing", None),
        ("Nobody's", Some("+EMPTY")),
    ] {
        courses.push(add_course(&school, name, code).await);
    }
    for (place, student) in students.iter().enumerate() {
        enroll(&school, *student, courses[place % 3]).await;
        if place % 4 == 0 {
            enroll(&school, *student, courses[(place + 1) % 3]).await;
        }
    }
    school
}

/// Groups whose names are difficult in cells; one is empty, and some students are in none or in several.
async fn difficult_groups(school: &School) {
    let students = school.get("/api/v1/students").await.is_ok().ids();
    let names = [
        "Seniors",
        "A;B",
        "a|b",
        "\"Honors\"",
        "5\" discs",
        "=1+1",
        "'x",
        "-",
        "Class, of 2027",
        "Größe",
        "Empty",
    ];
    for (place, name) in names.iter().enumerate() {
        let name =
            percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string();
        let group = format!("/api/v1/groups/{name}");
        school.put(&group).json(&json!({"course_limit": null})).await.is_ok();
        for student in students.iter().skip(place).step_by(3).take(if place == 10 { 0 } else { 5 }) {
            school.put(&format!("{group}/students/{student}")).await.is(204);
        }
    }
}
