//! A found table may have computed columns, which are read and never written.

use serde_json::json;

use crate::school::{Database, School};

const FOUND: &str = "create table students (id integer primary key, email text,
        name text generated always as ('Student ' || email) stored);
    create table courses (id integer primary key, level text,
        name text generated always as ('Course ' || level) stored);
    insert into students (id, email) values (1, 'ana@example.edu');
    insert into courses (id, level) values (1, 'one');";

#[tokio::test]
async fn a_computed_column_is_not_written_and_is_answered_as_computed() {
    let school = School::open_found(FOUND).await;
    let body = json!({"name": "Ben", "email": "ben@example.edu"});
    let created = school.post("/api/v1/students", body).await.is_created();
    assert_eq!(created.json()["name"], "Student ben@example.edu");
    assert_eq!(school.get(created.header("location")).await.is_ok().json(), created.json());
    let changed = school.patch("/api/v1/students/1", json!({"email": "anna@example.edu"})).await.is_ok();
    assert_eq!(
        changed.json(),
        json!({"id": 1, "name": "Student anna@example.edu", "email": "anna@example.edu"})
    );

    let created =
        school.post("/api/v1/courses", json!({"name": "Botany", "level": "two"})).await.is_created();
    assert_eq!(created.json()["name"], "Course two");
    let changed = school.patch("/api/v1/courses/1", json!({"level": "three"})).await.is_ok();
    assert_eq!(changed.json()["name"], "Course three");
}

#[tokio::test]
async fn changing_a_computed_column_is_refused_with_the_field() {
    let school = School::open_found(FOUND).await;
    for url in ["/api/v1/students/1", "/api/v1/courses/1"] {
        let same = school.get(url).await.is_ok().json()["name"].clone();
        let problem = school.patch(url, json!({"name": "Other"})).await.is_refused(409, "read-only-field");
        assert_eq!(problem["pointer"], "/name");
        assert_eq!(problem["detail"], "The database computes name, so it cannot be set.");
        school.patch(url, json!({"name": same})).await.is_ok();
    }
    assert_eq!(school.log().await, [""; 0]);
}

#[tokio::test]
async fn the_migration_says_what_cannot_be_written() {
    let database = Database::new();
    database.runs(FOUND);
    let report =
        matricula::adoption::migrate(database.location(), &matricula::clock::Clock::System).await.unwrap();
    let remarks = report.found.join("\n");
    assert!(
        remarks.contains("students.name is computed by the table: it cannot be set or changed"),
        "{remarks}"
    );
    assert!(
        remarks.contains("courses.name is computed by the table: it cannot be set or changed"),
        "{remarks}"
    );
}

#[tokio::test]
async fn a_column_that_becomes_computed_is_noticed() {
    let school = School::open_found(
        "create table students (id integer primary key, name text, email text);
         create table courses (id integer primary key, name text, level text);",
    )
    .await;
    school.student("Ana").await;
    school.other_program_runs(
        "alter table students rename column name to given_name;
         alter table students add column name text generated always as ('Dr. ' || given_name);"
            .replace(");", if school.database().is_on_a_server() { ") stored;" } else { ") virtual;" })
            .as_str(),
    );
    let body = json!({"name": "Ben", "email": "ben@example.edu"});
    let created = school.post("/api/v1/students", body).await.is_created();
    assert_eq!(created.json()["name"], json!(null));
}

#[tokio::test]
async fn a_column_that_is_no_longer_computed_is_written_again() {
    let school = School::open_found(FOUND).await;
    let body = json!({"name": "Ben", "email": "ben@example.edu"});
    school.post("/api/v1/students", body.clone()).await.is_created();
    school.other_program_runs(
        "alter table students drop column name; alter table students add column name text",
    );
    assert_eq!(school.post("/api/v1/students", body).await.is_created().json()["name"], "Ben");
    let changed = school.patch("/api/v1/students/1", json!({"name": "Ana"})).await.is_ok();
    assert_eq!(changed.json()["name"], "Ana");
}
