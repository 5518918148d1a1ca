//! `matricula import --mode full`: records that the files do not mention vanish, and records that they name in any way
//! stay.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::imports::{Files, import, seq};
use crate::school::School;

const PEOPLE: &str = "user_id,full_name,email,status\n";
const COURSES: &str = "course_id,short_name,long_name,status\n";
const ENROLLMENTS: &str = "course_id,user_id,role,status\n";

fn people(ids: impl IntoIterator<Item = usize>) -> String {
    ids.into_iter().fold(PEOPLE.to_owned(), |mut text, id| {
        writeln!(text, "s{id},Student {id},s{id}@example.edu,active").unwrap();
        text
    })
}

fn enrollments(course: &str, ids: impl IntoIterator<Item = usize>) -> String {
    ids.into_iter().fold(ENROLLMENTS.to_owned(), |mut text, id| {
        writeln!(text, "{course},s{id},student,active").unwrap();
        text
    })
}

/// A school with students s1 to s20, all of them in the course A, and the course B.
async fn school(files: &Files) -> School {
    let school = School::open().await;
    let set = [
        files.with("users.csv", &people(1..=20)),
        files.with("courses.csv", &format!("{COURSES}A,A,Algebra,active\nB,B,Botany,active\n")),
        files.with("enrollments.csv", &enrollments("A", 1..=20)),
    ];
    import(&school, &set, &[]).is_done();
    school
}

fn full(school: &School, paths: &[PathBuf]) -> crate::imports::Imported {
    import(school, paths, &["--mode", "full"])
}

fn held_back(report: &Value) -> Vec<(&str, u64, &str)> {
    let all = report["held_back"].as_array().unwrap().iter();
    all.map(|one| {
        (one["kind"].as_str().unwrap(), one["count"].as_u64().unwrap(), one["code"].as_str().unwrap())
    })
    .collect()
}

async fn count(school: &School, path: &str) -> usize {
    school.get(path).await.is_ok().json().as_array().unwrap().len()
}

#[tokio::test]
async fn unmentioned_records_vanish_with_everything_that_depends_on_them() {
    let files = Files::new();
    let school = school(&files).await;
    let set = [files.with("users.csv", &people(1..=18))];
    let log = seq(&school).await;
    let planned = import(&school, &set, &["--mode", "full", "--dry-run"]).is_done();
    assert_eq!(seq(&school).await, log);
    let listed = |report: &Value| -> Vec<String> {
        let all = report["vanishing"].as_array().unwrap().iter();
        let line = |one: &Value| format!("{} {} {}", one["record"], one["student"]["number"], one["cause"]);
        all.map(|one| line(one).replace('"', "")).collect()
    };
    let expected = [
        "student s19 not-in-files",
        "student s20 not-in-files",
        "enrollment s19 with-student",
        "enrollment s20 with-student",
    ];
    assert_eq!(listed(&planned), expected, "{planned:#}");
    assert_eq!(planned["vanishing"][2]["course"], json!({"id": 1, "code": "A", "name": "Algebra"}));
    // Courses and enrollments are of other kinds.
    assert_eq!(
        planned["would_vanish"],
        json!({"students": 2, "courses": 0, "enrollments": 2, "places_on_waitlists": 0})
    );
    assert_eq!(full(&school, &set).is_done()["counts"], planned["counts"]);
    assert_eq!((count(&school, "/api/v1/students").await, count(&school, "/api/v1/courses").await), (18, 2));
    let log = seq(&school).await;
    assert_eq!(full(&school, &set).is_done()["counts"]["would_vanish"], 0);
    assert_eq!(seq(&school).await, log, "the second time there is nothing to do");
}

#[tokio::test]
async fn much_needs_its_exact_number_and_a_wrong_number_is_always_refused() {
    let files = Files::new();
    let school = school(&files).await;
    let set = [files.with("users.csv", &people(1..=14))];
    let log = seq(&school).await;
    for confirm in [&[][..], &["--confirm", "6"], &["--confirm", "11"], &["--confirm", "0"]] {
        let options = [&["--mode", "full"], confirm].concat();
        let report = import(&school, &set, &options).is_refused();
        assert_eq!(
            (&report["error_code"], &report["to_confirm"]),
            (&json!("import-would-remove"), &json!(12))
        );
        let error = report["error"].as_str().unwrap();
        assert!(error.contains("12 students, courses and enrollments would vanish"), "{error}");
    }
    assert_eq!(seq(&school).await, log);
    assert_eq!(import(&school, &set, &["--mode", "full", "--dry-run"]).is_done()["to_confirm"], 12);
    import(&school, &set, &["--mode", "full", "--confirm", "12"]).is_done();
    assert_eq!(count(&school, "/api/v1/students").await, 14);
    // Little needs no number, but one that is given has to be right.
    let set = [files.with("users.csv", &people(1..=13))];
    import(&school, &set, &["--mode", "full", "--confirm", "1"]).is_refused();
    import(&school, &set, &["--mode", "full", "--dry-run", "--confirm", "1"]).is_refused();
    full(&school, &set).is_done();
    import(&school, &set, &["--mode", "full", "--confirm", "7"]).is_refused();
}

#[tokio::test]
async fn rows_with_the_status_deleted_count_in_any_mode() {
    let files = Files::new();
    let school = school(&files).await;
    let text = enrollments("A", 1..=6).replace("active", "deleted");
    let set = [files.with("enrollments.csv", &text)];
    assert_eq!(import(&school, &set, &[]).is_refused()["to_confirm"], 6);
    import(&school, &set, &["--confirm", "6"]).is_done();
    assert_eq!(count(&school, "/api/v1/courses/1/students").await, 14);
}

#[tokio::test]
async fn files_of_changes_are_never_the_whole_truth() {
    let files = Files::new();
    let school = school(&files).await;
    let delta = [
        files.with("delta/manifest.csv", "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\nfile.enrollments,delta\n"),
        files.with("delta/enrollments.csv", "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\ne1,active,2026-09-01T00:00:00.000Z,A,s,s1,student\n"),
    ];
    let verbs = [files.with("flat.txt", "add, student, s1, A\n")];
    for set in [&delta[..], &verbs] {
        let report = full(&school, set).is_refused();
        assert_eq!(report["refused"]["code"], "not-the-whole-truth", "{report:#}");
        import(&school, set, &[]).is_done();
    }
    assert_eq!(count(&school, "/api/v1/courses/1/students").await, 20);
}

#[tokio::test]
async fn a_refused_row_holds_back_all_of_its_kind_and_only_that() {
    let files = Files::new();
    let school = school(&files).await;
    let of_people =
        files.with("users.csv", &format!("{}1.0,Student 20,s20@example.edu,active\n", people(1..=19)));
    let of_enrollments = files.with("enrollments.csv", &enrollments("A", 1..=19));
    let set = [of_people.clone(), of_enrollments];
    let report = full(&school, &set).is_done();
    assert_eq!(held_back(&report), [("students", 1, "rows-refused")], "{report:#}");
    assert_eq!(report["would_vanish"]["enrollments"], 1, "{report:#}");
    let detail = report["held_back"][0]["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("{}, line 21", of_people.display())), "{detail}");

    // Enrollments do not vanish either while it is not clear which student a row names, or what it says.
    for row in ["A,s99,student,active\n", "A,s19,student,semi\n", "C,s19,student,active\n"] {
        let text = format!("{}{row}", enrollments("A", 1..=18));
        let report = full(&school, &[files.with("enrollments.csv", &text)]).is_done();
        assert_eq!(held_back(&report), [("enrollments", 1, "rows-refused")], "{report:#}");
    }
    assert_eq!(count(&school, "/api/v1/courses/1/students").await, 19);
}

#[tokio::test]
async fn a_kind_without_rows_is_never_emptied() {
    let files = Files::new();
    let school = school(&files).await;
    let deleted = people(1..=2).replace("active", "deleted");
    let report = full(&school, &[files.with("users.csv", &deleted)]).is_done();
    assert_eq!(report["would_vanish"]["students"], 2, "{report:#}");
    assert_eq!((held_back(&report)[0].0, held_back(&report)[0].2), ("students", "no-rows"), "{report:#}");
    let all = files.with("users.csv", &people(3..=20));
    for (name, heading, kept) in
        [("courses.csv", COURSES, ("courses", 2)), ("enrollments.csv", ENROLLMENTS, ("enrollments", 18))]
    {
        let report = full(&school, &[all.clone(), files.with(name, heading)]).is_done();
        assert!(held_back(&report).contains(&(kept.0, kept.1, "no-rows")), "{report:#}");
        // Alone, it says nothing about anything.
        full(&school, &[files.with(name, heading)]).is_refused();
    }
    full(&school, &[files.with("users.csv", PEOPLE)]).is_refused();
}

#[tokio::test]
async fn records_that_the_files_name_in_any_way_stay() {
    let files = Files::new();
    let school = school(&files).await;
    // s19 teaches now, s20 is suspended, s18 observes B; A has sections, so that it is no course of the files any more.
    let mut of_people = people(1..=19);
    of_people.push_str("s20,Student 20,s20@example.edu,suspended\n");
    let mut of_enrollments = "section_id,course_id,user_id,role,status\n".to_owned();
    for id in 1..=17 {
        writeln!(of_enrollments, "{},A,s{id},student,active", 1 + id % 2).unwrap();
    }
    of_enrollments.push_str(",A,s19,teacher,active\n,B,s18,observer,active\n");
    let set = [
        files.with("users.csv", &of_people),
        files.with("courses.csv", &format!("{COURSES}A,A,Algebra,active\nX,X,Xenology,active\n")),
        files.with("sections.csv", "section_id,course_id,name,status\n1,A,One,active\n2,A,Two,active\n"),
        files.with("enrollments.csv", &of_enrollments),
    ];
    let planned = import(&school, &set, &["--mode", "full", "--dry-run"]).is_done();
    // The pair of s19 and A is named, although with another role.
    assert_eq!(
        planned["would_vanish"],
        json!({"students": 0, "courses": 0, "enrollments": 19, "places_on_waitlists": 0}),
        "{planned:#}"
    );
    import(&school, &set, &["--mode", "full", "--confirm", "19"]).is_done();
    assert_eq!(count(&school, "/api/v1/students").await, 20);
    assert_eq!(count(&school, "/api/v1/courses/1/students").await, 1);
}

#[tokio::test]
async fn records_that_files_cannot_name_stay_and_are_reported() {
    let files = Files::new();
    let school = school(&files).await;
    let (zoe, music) = (school.student("Zoe").await, school.course("Music").await);
    zoe.enrolls_in(&music).await.is_created();
    let set = [
        files.with("users.csv", &people(1..=20)),
        files.with("courses.csv", &format!("{COURSES}A,A,Algebra,active\n")),
        files.with("enrollments.csv", &enrollments("A", 1..=20)),
    ];
    let report = full(&school, &set).is_done();
    let expected =
        [("students", 1, "not-nameable"), ("courses", 1, "not-nameable"), ("enrollments", 1, "not-nameable")];
    assert_eq!(held_back(&report), expected, "{report:#}");
    assert_eq!(report["would_vanish"]["courses"], 1, "{report:#}");
    assert_eq!(zoe.courses().await, ["Music"]);
}

#[tokio::test]
async fn files_of_addresses_are_the_whole_truth_for_those_whose_address_is_their_own() {
    let files = Files::new();
    let school = School::open().await;
    let [ana, _, _] = school.students(["Ana", "Ben", "Cy"]).await;
    for _ in 0..2 {
        let body = json!({"name": "Twin", "email": "twins@example.edu"});
        school.post("/api/v1/students", body).await.is_created();
    }
    let set = [files.with("students.csv", "name,email\nAna,ANA@example.edu\nBen,ben@example.edu\n")];
    let report = full(&school, &set).is_done();
    assert_eq!(held_back(&report), [("students", 2, "not-nameable")], "{report:#}");
    assert_eq!(report["vanishing"][0]["student"]["name"], "Cy", "{report:#}");
    assert_eq!(school.get("/api/v1/students").await.is_ok().ids(), [1, 2, 4, 5]);
    assert_eq!(school.get(&ana.url()).await.is_ok().json()["email"], "ANA@example.edu");
}

#[tokio::test]
async fn a_sheet_that_is_not_read_holds_back_everything() {
    let files = Files::new();
    let school = school(&files).await;
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheets = [
        ("Notes", vec![["Ask"].as_slice(), &["Ben"]]),
        ("Students", vec![&["number", "name", "email"], &["s1", "Student 1", "s1@example.edu"]]),
    ];
    for (name, rows) in sheets {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        for (place, row) in (0..).zip(rows) {
            sheet.write_row(place, 0, row.iter().copied()).unwrap();
        }
    }
    let path = files.with("students.xlsx", "");
    book.save(&path).unwrap();
    let report = import(&school, &[path], &["--mode", "full"]).is_done();
    assert_eq!(held_back(&report), [("students", 19, "sheet-not-read")], "{report:#}");
    assert_eq!(count(&school, "/api/v1/students").await, 20);
}
