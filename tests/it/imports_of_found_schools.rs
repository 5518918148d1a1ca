//! `matricula import` into tables that another program has made: values that these cannot hold are not planned.

use serde_json::{Value, json};

use crate::imports::{Files, codes, import, seq};
use crate::mapping::migrate;
use crate::school::{Database, School};

/// The ignored columns of a file, with the reasons.
fn ignored(report: &Value, file: usize) -> Vec<(&str, &str)> {
    let columns = report["files"][file]["ignored"].as_array().unwrap().iter();
    columns.map(|column| (column["heading"].as_str().unwrap(), column["why"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn computed_columns_are_ignored_and_never_change() {
    let found = "create table students (id integer primary key, email text,
            name text generated always as ('Student ' || email) stored);
        create table courses (id integer primary key, name text, level integer);
        insert into students (id, email) values (1, 'ana@example.edu');
        insert into courses values (1, 'Algebra', 2);";
    let (school, files) = (School::open_found(found).await, Files::new());
    school.patch("/api/v1/students/1", json!({"number": "s1"})).await.is_ok();
    school.patch("/api/v1/courses/1", json!({"code": "A"})).await.is_ok();
    let set = [
        files.with("courses.csv", "code,name,level\nA,Algebra,2\nB,Botany,3\n"),
        files.with(
            "students.csv",
            "number,first name,last name,email\ns1,Ana,Lin,ana@example.edu\ns2,Bo,Ek,bo@example.edu\n",
        ),
    ];
    let report = import(&school, &set, &[]).is_done();
    let why = "the school's table computes it";
    assert_eq!(ignored(&report, 1), [("first name", why), ("last name", why)], "{report:#}");
    assert_eq!((ignored(&report, 0).len(), &report["counts"]["new"]), (0, &json!(2)), "{report:#}");
    assert_eq!(report["counts"]["unchanged"], 2, "{report:#}");
    let log = seq(&school).await;
    assert_eq!(import(&school, &set, &[]).is_done()["counts"]["unchanged"], 4);
    assert_eq!(seq(&school).await, log);

    // A column of whole numbers does not hold these.
    let set = [files.with("courses.csv", "code,name,level\nA,Algebra,02\nB,Botany,second\n")];
    let report = import(&school, &set, &[]).is_done();
    assert_eq!(ignored(&report, 0)[0].0, "level", "{report:#}");
    assert_eq!((&report["counts"]["unchanged"], codes(&report).len()), (&json!(2), 0), "{report:#}");
    assert_eq!(seq(&school).await, log);
    assert_eq!(school.get("/api/v1/courses/1").await.is_ok().json()["level"], "2");
}

/// A school whose badges are whole numbers, with this expression for the number.
async fn mapped(number: &str) -> School {
    let database = Database::new();
    let tables = "create table person (id integer primary key, first text, last text, badge integer, roll varchar(20));
        create table class (id integer primary key, title text);
        insert into person values (1, 'Ada', 'Lin', 42, 'r1'), (2, 'Bo', 'Ek', null, 'r2'), (3, 'Cy', 'Ode', 43, 'r2');
        insert into class values (1, 'Algebra');";
    database.other_program().execute_batch(tables).unwrap();
    let mapping = format!(
        "[students]\ntable = 'person'\nid = 'id'\nname = \"first || ' ' || last\"\nnumber = '{number}'\n\
         [courses]\ntable = 'class'\nid = 'id'\nname = 'title'"
    );
    migrate(&database, &mapping).await.unwrap();
    School::open_at(&database).await
}

#[tokio::test]
async fn expressions_and_fields_that_are_not_there_are_ignored_with_the_reason() {
    let (school, files) = (mapped("roll").await, Files::new());
    let text = "number,name,email\nr1,Somebody Else,ada@example.edu\nr9,Di,di@example.edu\n";
    let report = import(&school, &[files.with("students.csv", text)], &[]).is_done();
    let expected = [("name", "the school's table computes it"), ("email", "the school has no column for it")];
    assert_eq!(ignored(&report, 0), expected, "{report:#}");
    assert_eq!(
        (&report["counts"]["new"], &report["counts"]["unchanged"], &report["plan_changed"]),
        (&json!(1), &json!(1), &json!([])),
        "{report:#}"
    );
    let text = "code,name,level\nA,Astronomy,one\n";
    let report = import(&school, &[files.with("courses.csv", text)], &[]).is_done();
    assert_eq!(ignored(&report, 0), [("level", "the school has no column for it")], "{report:#}");
    assert_eq!(report["counts"]["new"], 1, "{report:#}");
}

#[tokio::test]
async fn nobody_is_added_under_a_number_that_the_school_does_not_keep() {
    let (school, files) = (mapped("badge").await, Files::new());
    let text = "number,name\n42,Ada\n0042,Ada\n77,Di\n";
    let report = import(&school, &[files.with("students.csv", text)], &[]).is_done();
    assert_eq!(codes(&report), ["read-only-field", "read-only-field"], "{report:#}");
    assert_eq!(
        (&report["counts"]["unchanged"], &report["counts"]["new"]),
        (&json!(1), &json!(0)),
        "{report:#}"
    );
    assert_eq!(school.get("/api/v1/students").await.is_ok().ids(), [1, 2, 3]);
}

#[tokio::test]
async fn a_number_that_two_students_have_names_neither_and_both_stay() {
    let (school, files) = (mapped("roll").await, Files::new());
    let text = "number,name\nr2,Bo Ek\n";
    let report = import(&school, &[files.with("students.csv", text)], &[]).is_done();
    assert_eq!(codes(&report), ["id-not-unique"], "{report:#}");
    let text = "number,name\nr1,Ada Lin\n";
    let report = import(&school, &[files.with("students.csv", text)], &["--mode", "full"]).is_done();
    let held_back = &report["held_back"][0];
    assert_eq!((&held_back["code"], &held_back["count"]), (&json!("not-nameable"), &json!(2)), "{report:#}");
    assert_eq!(report["counts"]["would_vanish"], 0, "{report:#}");
    assert_eq!(school.get("/api/v1/students").await.is_ok().ids(), [1, 2, 3]);
}

#[tokio::test]
async fn nobody_is_added_by_an_address_that_the_school_does_not_keep() {
    let (school, files) = (mapped("roll").await, Files::new());
    let text = "name,email\nAda Lin,ada@example.edu\nDi Poe,di@example.edu\n";
    let report = import(&school, &[files.with("students.csv", text)], &[]).is_done();
    assert_eq!(codes(&report), ["read-only-field", "read-only-field"], "{report:#}");
    assert_eq!(school.get("/api/v1/students").await.is_ok().ids(), [1, 2, 3]);
}

#[tokio::test]
async fn nobody_is_added_next_to_somebody_of_the_same_name_without_an_address() {
    let found = "create table students (id integer primary key, name text, email text);
        create table courses (id integer primary key, name text, level text);
        insert into students values (1, 'Ada Lin', null), (2, 'Bo Ek', '');";
    let (school, files) = (School::open_found(found).await, Files::new());
    for (text, code) in [
        ("name,email\nAda Lin,ada@example.edu\nBo Ek,bo@example.edu\n", "student-without-address"),
        (
            "number,name,email\ns1,Ada Lin,ada@example.edu\ns2,Bo Ek,bo@example.edu\n",
            "student-without-number",
        ),
    ] {
        let report = import(&school, &[files.with("students.csv", text)], &[]).is_done();
        assert_eq!(codes(&report), [code, code], "{report:#}");
    }
    assert_eq!(school.get("/api/v1/students").await.is_ok().ids(), [1, 2]);
}
