//! `matricula import`: what files change, next to a running server.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::import_cases::folder;
use crate::school::{School, matricula};

/// What `matricula import --json` has printed, and whether it succeeded.
pub(crate) struct Imported {
    report: Value,
    succeeded: bool,
}

impl Imported {
    pub(crate) fn is_done(self) -> Value {
        assert!(self.succeeded, "{:#}", self.report);
        self.report
    }

    pub(crate) fn is_refused_in_part(self) -> Value {
        assert!(!self.succeeded, "{:#}", self.report);
        assert_eq!(self.report["applied"], true);
        self.report
    }

    pub(crate) fn is_refused(self) -> Value {
        assert!(!self.succeeded, "{:#}", self.report);
        assert_eq!(self.report["applied"], false);
        self.report
    }
}

pub(crate) fn import(school: &School, paths: &[PathBuf], options: &[&str]) -> Imported {
    let mut command = matricula();
    command
        .arg("import")
        .arg("--database")
        .arg(school.database().argument())
        .args(["--json", "--yes"])
        .args(options);
    let output = command.args(paths).output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {} {}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    Imported { report, succeeded: output.status.success() }
}

/// The files of a case, in the order of their names.
pub(crate) fn files(case: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder(case)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        !name.starts_with("expected") && name != "setup.json"
    });
    files.sort();
    files
}

/// The students, courses and enrollments, by the ids of the outside world.
pub(crate) async fn state(school: &School) -> Value {
    let students = school.get("/api/v1/students").await.is_ok().json();
    let courses = school.get("/api/v1/courses").await.is_ok().json();
    let id = |row: &Value, field: &str, other: &str| {
        row[field].as_str().or_else(|| row[other].as_str()).unwrap_or_default().to_owned()
    };
    let mut enrolled = BTreeSet::new();
    for student in students.as_array().unwrap() {
        let taken = school.get(&format!("/api/v1/students/{}/courses", student["id"])).await.is_ok().json();
        for course in taken.as_array().unwrap() {
            enrolled.insert([id(student, "number", "email"), id(course, "code", "name")]);
        }
    }
    let by_id = |rows: &Value, field: &str, other: &str| {
        let rows = rows.as_array().unwrap().iter();
        Value::Object(rows.map(|row| (id(row, field, other), row["name"].clone())).collect::<Map<_, _>>())
    };
    json!({
        "students": by_id(&students, "number", "email"),
        "courses": by_id(&courses, "code", "name"),
        "enrolled": enrolled,
    })
}

fn sorted(pairs: &Value) -> BTreeSet<String> {
    pairs.as_array().unwrap().iter().map(Value::to_string).collect()
}

/// The lines of refused rows.
pub(crate) fn lines(report: &Value) -> BTreeSet<u64> {
    report["refused_rows"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect()
}

/// The rows of the log.
pub(crate) async fn seq(school: &School) -> usize {
    school.get("/api/v1/events").await.is_ok().json().as_array().unwrap().len()
}

/// Files that are written for a test.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn with(&self, name: &str, text: &(impl AsRef<[u8]> + ?Sized)) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

/// The codes of refused rows.
pub(crate) fn codes(report: &Value) -> Vec<&str> {
    report["refused_rows"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_case_ends_as_it_expects_and_changes_nothing_the_second_time() {
    let cases = folder("01").parent().unwrap().to_owned();
    let mut names: Vec<_> =
        fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut compared = 0;
    for case in names {
        let in_steps = ["28-again-and-renamed", "31-not-a-csv"].contains(&case.as_str());
        let Ok(expected) = fs::read_to_string(folder(&case).join("expected.json")) else { continue };
        if in_steps {
            continue;
        }
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let school = School::open().await;
        let before = seq(&school).await;
        let planned = import(&school, &files(&case), &["--dry-run"]);
        assert_eq!(seq(&school).await, before, "{case}: a dry run changes nothing");
        if !expected["file_refused"].is_null() {
            planned.is_refused();
            import(&school, &files(&case), &[]).is_refused();
            assert_eq!(seq(&school).await, before, "{case}");
            continue;
        }
        let planned = planned.is_done();
        let done = import(&school, &files(&case), &[]).is_done();
        assert_eq!(planned["counts"], done["counts"], "{case}: the real run does what the dry run said");
        if expected["state_after"].is_object() {
            let (found, wanted) = (state(&school).await, &expected["state_after"]);
            assert_eq!(found["students"], wanted["students"], "{case}: {done:#}");
            assert_eq!(found["courses"], wanted["courses"], "{case}");
            assert_eq!(sorted(&found["enrolled"]), sorted(&wanted["enrolled"]), "{case}");
        }
        let numbers = |name: &str| -> BTreeSet<u64> {
            expected[name].as_array().into_iter().flatten().map(|line| line.as_u64().unwrap()).collect()
        };
        let may_be = numbers("rows_may_be_refused");
        assert_eq!(&lines(&done) - &may_be, &numbers("rows_refused") - &may_be, "{case}: {done:#}");
        let after = seq(&school).await;
        let again = import(&school, &files(&case), &[]).is_done();
        assert_eq!(seq(&school).await, after, "{case}: {again:#}");
        compared += 1;
    }
    assert!(compared >= 12, "only {compared} cases were compared");
}

#[tokio::test]
async fn every_case_that_is_described_in_words_changes_nothing_the_second_time() {
    let cases = folder("01").parent().unwrap().to_owned();
    let names = fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path());
    let in_words = names.filter(|path| path.is_dir() && !path.join("expected.json").exists());
    let mut compared = 0;
    for path in in_words {
        let case = path.file_name().unwrap().to_str().unwrap();
        let school = School::open().await;
        let planned = import(&school, &files(case), &["--dry-run"]).is_done();
        let done = import(&school, &files(case), &[]).is_done();
        assert_eq!(planned["counts"], done["counts"], "{case}: the real run does what the dry run said");
        let after = seq(&school).await;
        let again = import(&school, &files(case), &[]).is_done();
        assert_eq!(seq(&school).await, after, "{case}: {again:#}");
        compared += 1;
    }
    assert!(compared >= 8, "only {compared} cases were compared");
}

#[tokio::test]
async fn a_renamed_student_is_updated_and_keeps_everything() {
    let school = School::open().await;
    let [first, second] = [0, 1].map(|file| vec![files("28")[file].clone()]);
    import(&school, &first, &[]).is_done();
    let before = school.get("/api/v1/students?number=s1").await.is_ok().json()[0].clone();
    let algebra = school.course("Algebra").await;
    school.put(&format!("/api/v1/students/{}/courses/{}", before["id"], algebra.id)).await.is_created();
    let log = seq(&school).await;
    assert_eq!(import(&school, &first, &[]).is_done()["counts"]["unchanged"], 2);
    assert_eq!(seq(&school).await, log, "the same file again is no event");
    assert_eq!(import(&school, &second, &[]).is_done()["counts"]["changed"], 1);
    let events = school.get("/api/v1/events").await.is_ok().json();
    let kinds: Vec<_> = events.as_array().unwrap()[log..].iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["student.updated", "import.applied"]);
    let after = school.get("/api/v1/students?number=s1").await.is_ok().json()[0].clone();
    assert_eq!((&after["id"], &after["name"]), (&before["id"], &json!("Ann Bole-Kent")));
    assert_eq!(
        school.get(&format!("/api/v1/students/{}/courses", after["id"])).await.is_ok().ids(),
        [algebra.id]
    );
}

#[tokio::test]
async fn more_rows_than_seats_wait_or_are_refused_and_the_plan_says_so() {
    let school = School::open().await;
    let courses = folder("29").join("courses.csv");
    import(&school, &[courses], &[]).is_done();
    let id = school.get("/api/v1/courses?code=C1").await.is_ok().json()[0]["id"].clone();
    let seats = json!({"capacity": 2, "waitlist_capacity": 1});
    school.put(&format!("/api/v1/courses/{id}/seats")).json(&seats).await.is_ok();
    for options in [["--dry-run"].as_slice(), &[]] {
        let report = import(&school, &files("29"), options).is_done();
        let counts = &report["counts"];
        assert_eq!((&counts["waiting"], &counts["refused"]), (&json!(1), &json!(1)), "{report:#}");
        let refused = &report["refused_rows"][0];
        assert_eq!((&refused["line"], &refused["code"]), (&json!(5), &json!("waitlist-full")), "{report:#}");
    }
    let counts = school.get(&format!("/api/v1/courses/{id}/seats")).await.is_ok().json();
    assert_eq!((&counts["enrolled"], &counts["waitlisted"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn files_that_are_not_tables_are_refused_and_files_without_rows_change_nothing() {
    let school = School::open().await;
    let before = seq(&school).await;
    let file = |name: &str| vec![folder("31").join(name)];
    for name in ["login.csv", "book.csv", "unclosed.csv"] {
        let report = import(&school, &file(name), &[]).is_refused();
        assert!(report["files"][0]["refusal"]["detail"].is_string(), "{name}: {report:#}");
    }
    for name in ["empty.csv", "header-only.csv"] {
        assert_eq!(import(&school, &file(name), &[]).is_done()["counts"]["new"], 0, "{name}");
        // Files without rows are not the whole truth about anything.
        import(&school, &file(name), &["--mode", "full"]).is_refused();
    }
    assert_eq!(seq(&school).await, before);
}

#[tokio::test]
async fn a_seat_that_the_files_free_is_for_the_next_in_the_files() {
    let school = School::open().await;
    let folder = Files::new();
    let file = |name: &str, text: &str| vec![folder.with(name, text)];
    let people = "user_id,full_name,email,status\n";
    import(&school, &file("a.csv", &format!("{people}s1,Ana,ana@example.edu,active\n")), &[]).is_done();
    let algebra =
        school.post("/api/v1/courses", json!({"name": "Algebra", "level": "one", "code": "A"})).await;
    let algebra = algebra.is_created().json()["id"].clone();
    school.put(&format!("/api/v1/courses/{algebra}/seats")).json(&json!({"capacity": 1})).await.is_ok();
    school.put(&format!("/api/v1/students/1/courses/{algebra}")).await.is_created();

    let both = [
        folder.with(
            "users.csv",
            &format!("{people}s1,Ana,ana@example.edu,deleted\ns2,Ben,ben@example.edu,active\n"),
        ),
        folder.with("enrollments.csv", "course_id,user_id,role,status\nA,s2,student,active\n"),
    ];
    let report = import(&school, &both, &[]).is_done();
    // Ana and her enrollment.
    assert_eq!(
        (&report["counts"]["would_vanish"], &report["counts"]["refused"]),
        (&json!(2), &json!(0)),
        "{report:#}"
    );
    let roster = school.get(&format!("/api/v1/courses/{algebra}/students")).await.is_ok().json();
    assert_eq!((roster.as_array().unwrap().len(), &roster[0]["number"]), (1, &json!("s2")));
    let log = seq(&school).await;
    import(&school, &both, &[]).is_done();
    assert_eq!(seq(&school).await, log);
}

#[tokio::test]
async fn existing_enrollments_need_no_open_registration() {
    let school = School::open().await;
    import(&school, &files("01"), &[]).is_done();
    let id = school.get("/api/v1/courses?code=0061").await.is_ok().json()[0]["id"].clone();
    let seats = json!({"capacity": 5, "closes_at": "2020-01-01T00:00:00Z"});
    school.put(&format!("/api/v1/courses/{id}/seats")).json(&seats).await.is_ok();
    let counts = import(&school, &files("01"), &[]).is_done()["counts"].clone();
    assert_eq!((&counts["refused"], &counts["unchanged"]), (&json!(0), &json!(8)));
}

#[tokio::test]
async fn a_row_that_the_table_refuses_does_not_stop_the_others() {
    let school = School::open().await;
    school.other_program_runs("create unique index one_address on students (email)");
    let folder = Files::new();
    let row = |row: usize| format!("s{row},Student {row},s{}@example.edu\n", if row == 7 { 3 } else { row });
    let text = format!("number,name,email\n{}", (0..600).map(row).collect::<String>());
    let report = import(&school, &[folder.with("s.csv", &text)], &[]).is_refused_in_part();
    let left = report["plan_changed"].as_array().unwrap();
    assert_eq!(
        (left.len(), &left[0]["line"], &left[0]["code"]),
        (1, &json!(9), &json!("row-refused")),
        "{report:#}"
    );
    assert_eq!(school.get("/api/v1/students").await.is_ok().ids().len(), 599);
}

#[tokio::test]
async fn standard_output_is_one_document_whatever_happens_and_nothing_happens_without_a_yes() {
    let school = School::open().await;
    let before = seq(&school).await;
    let missing = import(&school, &[PathBuf::from("nowhere.csv")], &[]).is_refused();
    assert!(missing["error"].as_str().unwrap().contains("cannot read nowhere.csv"), "{missing:#}");
    let mut command = matricula();
    command.arg("import").arg("--database").arg(school.database().argument()).arg("--json").args(files("01"));
    let unconfirmed = command.output().unwrap();
    let report: Value = serde_json::from_slice(&unconfirmed.stdout).unwrap();
    assert_eq!((&report["applied"], &report["counts"]["new"]), (&json!(false), &json!(8)), "{report:#}");
    assert!(report["error"].as_str().unwrap().contains("--yes") && !unconfirmed.status.success());
    assert_eq!(seq(&school).await, before);
}

#[tokio::test]
async fn a_dry_run_does_not_migrate() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("new.db");
    let mut command = matricula();
    command.arg("import").arg("--database").arg(&database).arg("--dry-run").args(files("01"));
    let output = command.output().unwrap();
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("matricula migrate")
    );
    assert!(!database.exists());
}

#[tokio::test]
async fn two_rows_about_one_student_are_one_too_many() {
    let school = School::open().await;
    let folder = Files::new();
    let known = folder.with("a.csv", "number,name,email\ns1,Zoe,zoe@example.edu\n");
    let by_address = folder.with("b.csv", "name,email\nZoey,zoe@example.edu\n");
    import(&school, std::slice::from_ref(&known), &[]).is_done();
    let log = seq(&school).await;
    let report = import(&school, &[known, by_address], &[]).is_done();
    assert_eq!(report["refused_rows"][0]["code"], "same-record", "{report:#}");
    assert_eq!(seq(&school).await, log);
}

#[tokio::test]
async fn with_many_courses_the_rows_of_each_are_carried_out_in_their_order() {
    let school = School::open().await;
    let folder = Files::new();
    let file = |name: &str, text: &str| vec![folder.with(name, text)];
    let courses: Vec<_> = (0..450).map(|course| format!("C{course},Course {course}\n")).collect();
    let courses = courses.concat();
    import(&school, &file("courses.csv", &format!("code,name\n{courses}")), &[]).is_done();
    let students = file("students.csv", "number,name\nA,Ana\nB,Ben\nC,Cleo\n");
    import(&school, &students, &[]).is_done();
    for code in ["C0", "C449"] {
        let id = school.get(&format!("/api/v1/courses?code={code}")).await.is_ok().json()[0]["id"].clone();
        let seats = json!({"capacity": 1, "waitlist_capacity": 5});
        school.put(&format!("/api/v1/courses/{id}/seats")).json(&seats).await.is_ok();
    }

    let all: Vec<_> = (0..450).rev().map(|course| format!("A,C{course}\n")).collect();
    let all = all.concat();
    let text = format!("student,course\nB,C449\nC,C449\n{all}C,C0\nB,C0\n");
    let report = import(&school, &file("enrollments.csv", &text), &[]).is_done();
    assert_eq!((&report["counts"]["new"], &report["counts"]["waiting"]), (&json!(454), &json!(4)));

    for (code, enrolled, waiting) in [("C0", "A", ["C", "B"]), ("C449", "B", ["C", "A"])] {
        let id = school.get(&format!("/api/v1/courses?code={code}")).await.is_ok().json()[0]["id"].clone();
        let numbers = async |list: &str| {
            let rows = school.get(&format!("/api/v1/courses/{id}/{list}")).await.is_ok().json();
            let numbers =
                rows.as_array().unwrap().iter().map(|row| row["number"].as_str().unwrap().to_owned());
            numbers.collect::<Vec<_>>()
        };
        assert_eq!(numbers("students").await, [enrolled], "{code}");
        assert_eq!(numbers("waitlist").await, waiting, "{code}");
    }
}
