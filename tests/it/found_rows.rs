//! Rows of other programs that matricula would have refused: they are served, listed and counted as they are.

use serde_json::{Value, json};

use crate::lists::{LAX, pages, rows};
use crate::school::School;

#[tokio::test]
async fn a_null_that_another_program_wrote_is_served_and_can_be_replaced() {
    let school = School::open_found(LAX).await;
    school.other_program_runs(
        "insert into students values (7, null, null); insert into courses values (3, null, 'b');",
    );

    let student = school.get("/api/v1/students/7").await.is_ok();
    assert_eq!(student.json(), json!({"id": 7, "name": null, "email": null}));
    school.put("/api/v1/students/7/courses/3").await.is_created();
    let courses = school.get("/api/v1/students/7/courses").await.is_ok();
    assert_eq!(courses.json(), json!([{"id": 3, "name": null, "level": "b"}]));
    assert_eq!(school.get("/api/v1/courses/3/students").await.is_ok().json()[0]["name"], Value::Null);
    assert_eq!(school.get("/api/v1/students?q=a").await.is_ok().text(), "[]");

    let tag = student.header("etag");
    let named = school.patch("/api/v1/students/7", json!({"name": "Ana"})).header("if-match", tag).await;
    assert_eq!(named.is_ok().json(), json!({"id": 7, "name": "Ana", "email": null}));
}

#[tokio::test]
async fn rows_that_our_rules_would_refuse_are_served_as_they_are() {
    let school = School::open_found(LAX).await;
    let long = "x".repeat(3000);
    school.other_program_runs(&format!(
        "insert into students values (1, '{long}', 'nobody'), (2, '', 'a'||char(10)||'b')"
    ));

    let list = school.get("/api/v1/students?sort=email&order=desc").await.is_ok();

    let strange = json!([{"id": 1, "name": long, "email": "nobody"}, {"id": 2, "name": "", "email": "a\nb"}]);
    assert_eq!(list.json(), strange);
    school.patch("/api/v1/students/1", json!({"email": "x@example.edu"})).await.is_ok();
}

#[tokio::test]
async fn ids_below_one_that_another_program_inserted_are_listed_and_counted_alike() {
    let school = School::open().await;
    school.students(["Ana", "Ben"]).await;
    for id in [-9_007_199_254_740_991_i64, -5, 0] {
        school
            .other_program_runs(&format!("insert into students (id, name, email) values ({id}, 'Neg', 'n')"));
        school
            .other_program_runs(&format!("insert into courses (id, name, level) values ({id}, 'Neg', 'n')"));
    }

    for (list, expected) in [("students", 5), ("courses", 3)] {
        for query in ["sort=id", "sort=id&order=desc", "sort=name", "q=n"] {
            let address = format!("/api/v1/{list}?{query}");
            let complete = school.get(&address).await.is_ok();
            assert_eq!(complete.header("x-total-count"), expected.to_string(), "{address}");
            assert_eq!(complete.json().as_array().unwrap().len(), expected, "{address}");
            let pages = pages(&school, &format!("{address}&limit=1")).await;
            assert_eq!(rows(&pages), *complete.json().as_array().unwrap(), "{address}");
        }
    }
}
