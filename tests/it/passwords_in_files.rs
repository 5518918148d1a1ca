//! Passwords in files are never anywhere: not in the database, not in answers, pages and reports.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::import_cases::copies::holds;
use crate::imports::{Files, import};
use crate::imports_api::zip;
use crate::school::School;
use crate::sign_in::form;

const SECRET: &str = "Hunter-2!";
/// A student, and one who is refused, with the text after the password.
const FILE: &str = "username,password,firstname,lastname,email\nana,Hunter-2!,Ana,Roy,ana@example.edu\n\
                    1E+9,Hunter-2!,Ben,Day,ben@example.edu\ncy,Hunter-2!,Cy,D, oe,cy@example.edu\n";

fn workbook() -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, line) in (0..).zip(FILE.lines()) {
        for (column, cell) in (0..).zip(line.split(',')) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

fn forms() -> [(&'static str, Vec<u8>); 4] {
    [
        ("users.csv", FILE.into()),
        ("utf-16.csv", format!("\u{feff}{FILE}").encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("users.zip", zip(&[("users.csv", FILE), ("notes.md", "Ana: Hunter-2!")])),
        ("users.xlsx", workbook()),
    ]
}

/// The tables of the database with the text of all of their rows, and on SQLite the files themselves.
fn everything(school: &School) -> Vec<Vec<u8>> {
    let other = school.other_program();
    let mut found = Vec::new();
    if school.database().is_on_a_server() {
        for table in
            other.column("select table_name from information_schema.tables where table_schema = 'public'")
        {
            found.extend(
                other
                    .column(&format!("select cast(t as text) from {table} t"))
                    .into_iter()
                    .map(String::into_bytes),
            );
        }
    } else {
        for file in std::fs::read_dir(school.database().folder()).unwrap() {
            let path = file.unwrap().path();
            found.extend(path.is_file().then(|| std::fs::read(&path).unwrap()));
        }
    }
    assert!(found.iter().any(|part| holds(part, "ana@example.edu")));
    // Files are kept in parts as text; these are small enough for one.
    let kept = other.column("select content from matricula_import_files");
    found.extend(kept.iter().map(|content| STANDARD.decode(content).unwrap()));
    found
}

fn is_nowhere(school: &School) {
    for part in everything(school) {
        assert!(!holds(&part, SECRET), "{}", String::from_utf8_lossy(&part));
    }
}

#[tokio::test]
async fn a_password_in_a_file_is_never_in_the_database_or_in_an_answer() {
    let school = School::open().await;
    for (name, bytes) in forms() {
        let upload = school
            .ask("POST", &format!("/api/v1/imports?name={name}"))
            .header("content-type", "application/octet-stream");
        let planned = upload.body(bytes).await.is_created();
        assert!(!planned.text().contains(SECRET), "{name}");
        let import: Value = planned.json();
        is_nowhere(&school);
        let url = format!("/api/v1/imports/{}", import["id"]);
        for path in [
            url.clone(),
            format!("{url}/rows"),
            format!("/imports/{}", import["id"]),
            format!("/imports/{}/rows.csv", import["id"]),
        ] {
            assert!(!school.get(&path).await.is_ok().text().contains(SECRET), "{name} {path}");
        }
        // It is read again from what is kept: the plan is the same.
        school.ask("POST", &format!("{url}/apply")).await.is_ok();
        is_nowhere(&school);
        school.ask("POST", &format!("{url}/undo")).await.is_ok();
        assert_eq!(school.all("/api/v1/students").await.len(), 0, "{name}");
    }
    assert!(!school.get("/api/v1/events").await.is_ok().text().contains(SECRET));
}

#[tokio::test]
async fn the_command_line_never_shows_or_keeps_a_password() {
    let (school, files) = (School::open().await, Files::new());
    for (name, bytes) in forms() {
        let report = import(&school, &[files.with(name, &bytes)], &[]).is_done();
        assert!(!report.to_string().contains(SECRET), "{name}: {report:#}");
        is_nowhere(&school);
    }
}

#[tokio::test]
async fn a_column_that_is_called_a_password_later_is_removed_from_what_is_kept() {
    let school = School::open().await;
    let file = "number,name,Initialen,email\n1,Ana,Hunter-2!,ana@example.edu\n";
    school.plan(file).await;
    let kept = || {
        let found = school.other_program().column("select content from matricula_import_files");
        STANDARD.decode(&found[0]).unwrap()
    };
    assert!(holds(&kept(), SECRET));
    form(school.ask("POST", "/imports/1/columns"), &[("column:0:Initialen", "password")]).await.is(303);
    assert!(!holds(&kept(), SECRET));
    let import = school.get("/api/v1/imports/1").await.is_ok().json();
    assert_eq!(import["files"][0]["ignored"][0]["is_password"], true, "{import:#}");
    school.carries_out(&import).await;
    assert_eq!(school.all("/api/v1/students").await.len(), 1);
}
