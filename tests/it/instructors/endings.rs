//! When an assignment ends, so does what the instructor sees.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Staff, names, school};
use crate::access::WithToken as _;
use crate::school::{School, eventually};

#[tokio::test]
async fn a_removal_counts_at_once_on_every_server() {
    let (school, Staff { registrar, nina, .. }) = school().await;
    let other = School::open_at(school.database()).await;
    let paths = ["/api/v1/courses/1/students", "/api/v1/courses/1/waitlist", "/api/v1/me/teaching"];
    for path in paths {
        for server in [&school, &other] {
            assert_eq!(nina.reads(server, path).await.as_array().unwrap().len(), 1, "{path}");
        }
    }
    school.delete(&nina.teaches(1)).with_token(&registrar).await.is(204);
    for path in paths {
        for server in [&school, &other] {
            match path {
                "/api/v1/me/teaching" => assert_eq!(nina.reads(server, path).await, json!([])),
                _ => nina.may_not_read(server, path).await,
            }
        }
    }
    other.put(&nina.teaches(1)).with_token(&registrar).await.is(204);
    assert_eq!(names(&nina.reads(&school, "/api/v1/courses/1/students").await), ["Ben"]);
}

#[tokio::test]
async fn with_another_role_the_assignment_counts_for_nothing() {
    let (school, Staff { admin, nina, .. }) = school().await;
    let account = format!("/api/v1/accounts/{}", nina.id);
    let change = async |change: Value| school.patch(&account, change).with_token(&admin).await.is_ok();
    change(json!({"role": "registrar"})).await;
    nina.asks(&school.client, "GET", "/api/v1/me/teaching").await.is_refused(403, "forbidden");
    // The assignment stays, and counts again with the role.
    change(json!({"role": "instructor"})).await;
    assert_eq!(names(&nina.reads(&school, "/api/v1/courses/1/students").await), ["Ben"]);
    change(json!({"enabled": false})).await;
    nina.asks(&school.client, "GET", "/api/v1/courses/1/students").await.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn a_later_course_with_the_same_id_does_not_get_the_instructors() {
    let (school, Staff { registrar, nina, .. }) = school().await;
    // By us, with a course that has students.
    school.delete("/api/v1/courses/1?drop=true").with_token(&registrar).await.is(204);
    assert_eq!(nina.reads(&school, "/api/v1/me/teaching").await, json!([]));
    school.other_program_runs("insert into courses (id, name, level) values (1, 'Chess', 'one')");
    school.put("/api/v1/students/1/courses/1").with_token(&registrar).await.is_created();
    nina.may_not_read(&school, "/api/v1/courses/1/students").await;
    // The past of the deleted course neither.
    let past = "/api/v1/courses/1/students?as_of=2026-09-01T08:30:00Z";
    nina.may_not_read(&school, past).await;

    // By another program, with foreign keys: in one breath.
    school.let_pass(Duration::from_hours(1));
    let drama = school.post("/api/v1/courses", json!({"name": "Drama", "level": "one"}));
    let drama = drama.with_token(&registrar).await.is_created().json();
    school.put(&nina.teaches(drama["id"].as_i64().unwrap())).with_token(&registrar).await.is(204);
    school.other_program_runs(&format!(
        "delete from courses where id = {0}; insert into courses (id, name, level) values ({0}, 'Ethics', 'one');",
        drama["id"]
    ));
    assert_eq!(nina.reads(&school, "/api/v1/me/teaching").await, json!([]));
}

#[tokio::test]
async fn a_course_that_another_program_deletes_without_foreign_keys_takes_its_instructors_with_it() {
    let (school, Staff { registrar, nina, .. }) = school().await;
    school.put(&nina.teaches(2)).with_token(&registrar).await.is(204);
    school.other_program_runs("pragma foreign_keys = off; delete from courses where id = 1");
    // At once, before anything was swept.
    assert_eq!(names(&nina.reads(&school, "/api/v1/me/teaching").await), ["Botany"]);
    for path in [
        "/api/v1/courses/1/students?as_of=2026-09-01T08:30:00Z",
        "/api/v1/courses/1/students?as_of=2026-09-01T08:30:00Z&limit=1",
    ] {
        nina.may_not_read(&school, path).await;
    }
    // A school looks for such rows when it opens.
    let database = school.close().await;
    let school = School::open_at(&database).await;
    let links = "select course_id || '' from matricula_instructors";
    eventually("the row is gone", async || school.other_program().column(links) == ["2"]).await;
    school.other_program_runs("insert into courses (id, name, level) values (1, 'Chess', 'one')");
    school.put("/api/v1/students/1/courses/1").with_token(&registrar).await.is_created();
    assert_eq!(names(&nina.reads(&school, "/api/v1/me/teaching").await), ["Botany"]);
    nina.may_not_read(&school, "/api/v1/courses/1/students").await;
}
