//! `matricula import`: what files change, next to a running server.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::import_cases::folder;
use crate::school::{School, matricula};

/// What `matricula import --json` has printed, and whether it succeeded.
struct Imported {
    report: Value,
    succeeded: bool,
}

impl Imported {
    fn is_done(self) -> Value {
        assert!(self.succeeded, "{:#}", self.report);
        self.report
    }

    fn is_refused(self) -> Value {
        assert!(!self.succeeded, "{:#}", self.report);
        assert_eq!(self.report["applied"], false);
        self.report
    }
}

fn import(school: &School, paths: &[PathBuf], options: &[&str]) -> Imported {
    let mut command = matricula();
    command.arg("import").arg("--database").arg(school.database().argument()).arg("--json").args(options);
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
fn files(case: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder(case)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        !name.starts_with("expected") && name != "setup.json"
    });
    files.sort();
    files
}

/// The students, courses and enrollments, by the ids of the outside world.
async fn state(school: &School) -> Value {
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
fn lines(report: &Value) -> BTreeSet<u64> {
    report["refused_rows"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect()
}

/// The rows of the log.
async fn seq(school: &School) -> usize {
    school.get("/api/v1/events").await.is_ok().json().as_array().unwrap().len()
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
    let event = events.as_array().unwrap().last().unwrap();
    assert_eq!((seq(&school).await, &event["type"]), (log + 1, &json!("student.updated")));
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
async fn what_is_no_table_is_refused_and_a_full_import_of_nothing_too() {
    let school = School::open().await;
    let before = seq(&school).await;
    let file = |name: &str| vec![folder("31").join(name)];
    for name in ["login.csv", "book.csv", "unclosed.csv"] {
        let report = import(&school, &file(name), &[]).is_refused();
        assert!(report["files"][0]["refusal"]["detail"].is_string(), "{name}: {report:#}");
    }
    for name in ["empty.csv", "header-only.csv"] {
        import(&school, &file(name), &["--mode", "full"]).is_refused();
        assert_eq!(import(&school, &file(name), &[]).is_done()["counts"]["new"], 0, "{name}");
    }
    assert_eq!(seq(&school).await, before);
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_full_import_removes_what_is_not_mentioned_and_asks_where_that_is_much() {
    let school = School::open().await;
    let other = school.student("Not known outside").await;
    let folder = tempfile::tempdir().unwrap();
    let people = |count: usize| -> String {
        let rows = (0..count).map(|row| format!("s{row},Student {row},s{row}@example.edu\n"));
        format!("number,name,email\n{}", rows.collect::<String>())
    };
    let all = written(folder.path(), "all.csv", &people(20));
    import(&school, std::slice::from_ref(&all), &["--mode", "full"]).is_done();
    // A few vanish without a question.
    let fewer = written(folder.path(), "fewer.csv", &people(18));
    assert_eq!(import(&school, &[fewer], &["--mode", "full"]).is_done()["counts"]["would_vanish"], 2);
    let few = written(folder.path(), "few.csv", &people(8));
    let before = seq(&school).await;
    let refused =
        import(&school, std::slice::from_ref(&few), &["--mode", "full", "--confirm", "9"]).is_refused();
    assert_eq!(refused["counts"]["would_vanish"], 10);
    assert_eq!(seq(&school).await, before);
    import(&school, &[few], &["--mode", "full", "--confirm", "10"]).is_done();
    let left = school.get("/api/v1/students").await.is_ok().ids();
    assert!(left.len() == 9 && left.contains(&other.id), "{left:?}");
    // Who is on a refused row may be there.
    let damaged = written(
        folder.path(),
        "damaged.csv",
        "number,name,email\n=\"0042\",Eve,eve@example.edu\ns0,Student 0,s0@example.edu\n",
    );
    let report = import(&school, &[damaged], &["--mode", "full"]).is_done();
    assert_eq!(
        (&report["counts"]["would_vanish"], &report["held_back"]),
        (&json!(0), &json!(7)),
        "{report:#}"
    );
    // Bigger again: what was removed is new.
    assert_eq!(import(&school, &[all], &[]).is_done()["counts"]["new"], 12);
}
