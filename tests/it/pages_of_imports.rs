//! Imports of files in a browser.

use std::fs;
use std::path::PathBuf;

use regex::Regex;
use serde_json::Value;

use crate::import_cases::folder;
use crate::imports_api::zip;
use crate::school::{Browser, Look, School};
use crate::sign_in::form;

/// A file of this name.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

async fn students(school: &School) -> Vec<Value> {
    school.get("/api/v1/students").await.is_ok().json().as_array().unwrap().clone()
}

#[tokio::test]
async fn files_are_brought_corrected_imported_and_undone() {
    for look in Look::BOTH {
        let school = School::open().await;
        let files = Files::new();
        let sheet = files.write(
        "autumn.csv",
        "Number;Rufname;Name;E-mail\n0042;Zoe;Zoë Martin;zoe@example.edu\n0043;Ana;Ana García;ana@example.edu\n1E+5;B;Ben;b@example.edu\n",
    );
        let page = Browser::with_look(&school, look).await;
        page.goto("/").await;
        page.opens_from_menu("Imports").await;
        page.waits_for_text("No files have been imported in the last 30 days.").await;
        page.looks_right("imports-none").await;
        page.type_into("#files", &sheet).await;
        page.click_text("Preview").await;
        page.waits_for_text("Nothing has changed yet. The refused rows are left out.").await;
        page.waits_for_text("is a number in scientific notation").await;
        page.looks_right("import-planned").await;
        assert_eq!(students(&school).await.len(), 0);
        let link = page.attribute("a[download]", "href").await.unwrap();
        let file = school.get(&link).await.is_ok();
        assert_eq!(file.header("content-disposition"), "attachment; filename=\"import-1-refused.csv\"");
        assert!(
            file.text().starts_with(
                "\u{feff}file,line,what,student,course,column,effect\r\nautumn.csv,4,,,,Number,"
            ),
            "{}",
            file.text()
        );

        // The other column is the name.
        page.type_into("Read Name as", "not read").await;
        page.type_into("Read Rufname as", "name").await;
        page.click_text("Read the files again").await;
        page.waits_for("select[name='column:0:Rufname'] option[value='name'][selected]").await;
        page.goto("/imports/1?show=new").await;
        page.waits_for_text("name Zoe").await;
        page.looks_right("import-planned-rows").await;

        page.click_text("Import 2 changes").await;
        page.waits_for_text("Undo this import").await;
        let names: Vec<_> = students(&school).await.iter().map(|student| student["name"].clone()).collect();
        assert_eq!(names, ["Zoe", "Ana"]);
        page.looks_right("import-done").await;

        page.click_text("Undo this import").await;
        page.waits_for_text("Everything was undone.").await;
        page.looks_right("import-undone").await;
        assert_eq!(students(&school).await.len(), 0);
        page.click_text("All imports").await;
        page.waits_for_text("undone").await;
        page.looks_right("imports-undone").await;
        page.has_no_complaints().await;
    }
}

#[tokio::test]
async fn a_page_for_signing_in_is_refused_and_says_what_to_do() {
    for look in Look::BOTH {
        let school = School::open().await;
        let page = Browser::with_look(&school, look).await.without_scripts().await;
        page.goto("/imports").await;
        page.type_into("#files", folder("31").join("login.csv").to_str().unwrap()).await;
        page.click_text("Preview").await;
        page.waits_for_text("login.csv: This is an HTML page, not a table. Save it as CSV (UTF-8) or XLSX.")
            .await;
        page.waits_for_text("Nothing was imported.").await;
        page.looks_right("import-refused").await;
        page.expects_status(422);
        page.has_no_complaints().await;
    }
}

#[tokio::test]
async fn several_files_belong_together_and_the_second_time_nothing_is_left_to_do() {
    for look in Look::BOTH {
        let school = School::open().await;
        let files = Files::new();
        let names = [
            files.write("students.csv", "number,name,email\n1,Ana,ana@example.edu\n2,Ben,ben@example.edu\n"),
            files.write("courses.csv", "code,name,level\nMA1,Algebra,1\n"),
            files.write("enrollments.csv", "student,course\n1,MA1\n2,MA1\n"),
        ];
        let page = Browser::with_look(&school, look).await.without_scripts().await;
        for round in ["first", "second"] {
            page.goto("/imports").await;
            page.type_into("#files", &names.join("\n")).await;
            page.click_text("Preview").await;
            if round == "first" {
                page.looks_right("import-of-several").await;
                page.click_text("Import 5 changes").await;
                page.waits_for_text("Undo this import").await;
            } else {
                page.waits_for_text(
                    "There is nothing to import: the school already has everything in the files.",
                )
                .await;
                page.looks_right("import-of-nothing").await;
            }
        }
        let roster = school.get("/api/v1/courses/1/students").await.is_ok().json();
        assert_eq!(roster.as_array().unwrap().len(), 2);
        page.has_no_complaints().await;
    }
}

#[tokio::test]
async fn a_plan_that_does_not_hold_any_more_says_so() {
    for look in Look::BOTH {
        let school = School::open().await;
        let page = Browser::with_look(&school, look).await;
        let files = Files::new();
        let sheet = files.write("students.csv", "number,name,email\n1,Ana,ana@example.edu\n");
        page.goto("/imports").await;
        page.type_into("#files", &sheet).await;
        page.click_text("Preview").await;
        page.waits_for_text("Nothing has changed yet.").await;
        let other = serde_json::json!({"name": "Ann", "email": "ann@example.edu", "number": "1"});
        school.post("/api/v1/students", other).await.is_created();
        page.click_text("Import 1 change").await;
        page.waits_for_text("The data have changed since the plan was made.").await;
        page.looks_right("import-outdated").await;
        page.expects_status(409);
        // Reading the files again makes a new plan.
        page.click_text("Read the files again").await;
        page.waits_for_text("name: Ann → Ana").await;
        page.looks_right("import-planned-again").await;
        page.click_text("Import 1 change").await;
        page.waits_for_text("Undo this import").await;
        assert_eq!(students(&school).await[0]["name"], "Ana");
    }
}

/// The fields of the form with the columns, as a browser sends them.
fn columns_of(page: &str) -> Vec<(String, String)> {
    let select = Regex::new(r#"(?s)<select name="(column:[^"]+)".*?</select>"#).unwrap();
    let selected = Regex::new(r#"value="([^"]*)" selected"#).unwrap();
    let value = |select: &str| selected.captures(select).map_or(String::new(), |value| value[1].to_owned());
    select.captures_iter(page).map(|found| (found[1].to_owned(), value(&found[0]))).collect()
}

#[tokio::test]
async fn columns_are_corrected_in_one_file_and_stay_as_they_are_without_a_correction() {
    let school = School::open().await;
    // Headings of one file mean something else in another.
    let files: [(&str, &str); 3] = [
        ("users.csv", "user_id,login_id,full_name,email,status\n1,a,Ana,ana@example.edu,active\n"),
        ("courses.csv", "course_id,short_name,long_name,status\nMA1,MA1,Algebra,active\n"),
        ("enrollments.csv", "course_id,user_id,role,status\nMA1,1,student,active\n"),
    ];
    let request = school.ask("POST", "/api/v1/imports").header("content-type", "application/zip");
    let import = request.body(zip(&files)).await.is_created().json();
    let columns = columns_of(school.get("/imports/1").await.is_ok().text());
    assert_eq!(columns.len(), 13, "{columns:#?}");
    let send = async |columns: &[(String, String)]| {
        let fields: Vec<_> = columns.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        form(school.ask("POST", "/imports/1/columns"), &fields).await.is(303);
        school.get("/api/v1/imports/1").await.is_ok().json()
    };
    assert_eq!(send(&columns).await, import);
    let corrected = columns.into_iter().map(|(name, value)| match name.as_str() {
        "column:1:long_name" => (name, String::new()),
        _ => (name, value),
    });
    let corrected: Vec<_> = corrected.collect();
    let settings = send(&corrected).await["settings"].clone();
    let correction = serde_json::json!([{"file": "courses.csv", "heading": "long_name", "meaning": null}]);
    assert_eq!(settings["corrections"], correction);
}

#[tokio::test]
async fn a_refused_file_keeps_what_was_chosen_and_its_columns_can_be_explained() {
    for (look, scripts) in [(Look::DESK, true), (Look::PHONE.dark(), false)] {
        let school = School::open().await;
        let files = Files::new();
        let sheet = files.write("hallgatok.csv", "Azonosito;Nev;Level\n0042;Zoe Martin;zoe@example.edu\n");
        let page = Browser::with_look(&school, look).await;
        let page = if scripts { page } else { page.without_scripts().await };
        page.goto("/imports").await;
        page.type_into("#files", &sheet).await;
        page.type_into("Contents", "students").await;
        page.type_into("Encoding of text files", "Central Europe (Windows-1250)").await;
        page.type_into("Reason to enroll beyond limits", "the dean").await;
        page.click_text("Preview").await;
        page.waits_for_text("There is no column for an id or an e-mail address, nor for a name.").await;
        page.waits_for_text("Nothing was imported.").await;
        page.waits_for("#kind option[value=students][selected]").await;
        page.waits_for("#encoding option[value='windows-1250'][selected]").await;
        page.waits_for("#override[value='the dean']").await;
        page.looks_right("import-columns").await;

        page.type_into("Azonosito", "student number").await;
        page.type_into("Nev", "name").await;
        page.type_into("Level", "e-mail").await;
        if !scripts {
            page.type_into("#files", &sheet).await;
        }
        page.click_text("Preview").await;
        page.click_text("Import 1 change").await;
        page.waits_for_text("Undo this import").await;
        assert_eq!(students(&school).await[0]["number"], "0042");
        page.expects_status(422);
        page.has_no_complaints().await;
    }
}
