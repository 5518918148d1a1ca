//! Other programs write the same rows at the same time: their commits are neither undone nor overlooked.

use serde_json::json;

use crate::school::{OtherProgram, Reply, RequestBuilder, School, eventually};

/// Tables that another program created.
const FOUND: &str = "create table students (id integer primary key, name text, email text);
    create table courses (id integer primary key, name text, level text);
    insert into students (id, name, email) values (1, 'Ana', 'ana@example.edu');
    insert into courses (id, name, level) values (1, 'Algebra', 'undergraduate');";

/// Sends a request, and lets another program commit once the request waits for its lock.
async fn while_locked(school: &School, other: &OtherProgram, request: RequestBuilder) -> Reply {
    tokio::join!(request.into_future(), commits(school, other)).0
}

/// Commits once a request waits for a lock. A file is locked as a whole, so there a request waits whenever it arrives.
async fn commits(school: &School, other: &OtherProgram) {
    let onlooker = school.other_program();
    let lock_waits = "select count(*) from pg_stat_activity \
                      where datname = current_database() and wait_event_type = 'Lock'";
    eventually("a request waits for a lock", async || {
        !school.database().is_on_a_server() || onlooker.column(lock_waits) != ["0"]
    })
    .await;
    other.execute_batch("commit").unwrap();
}

#[tokio::test]
async fn a_change_that_another_program_is_about_to_commit_is_not_undone() {
    let school = School::open_found(FOUND).await;
    for (table, column, url, body) in [
        ("students", "name", "/api/v1/students/1", json!({"email": "new@example.edu"})),
        ("courses", "name", "/api/v1/courses/1", json!({"level": "graduate"})),
    ] {
        let other = school.other_program();
        other.execute_batch(&format!("begin; update {table} set {column} = 'Changed' where id = 1")).unwrap();
        let reply = while_locked(&school, &other, school.patch(url, body.clone())).await.is_ok();
        assert_eq!(reply.json()["name"], "Changed", "{table}");
        let (field, value) = body.as_object().unwrap().iter().next().unwrap();
        assert_eq!(reply.json()[field], *value);
        assert_eq!(school.get(url).await.is_ok().json(), reply.json());
    }
}

#[tokio::test]
async fn a_version_is_compared_with_what_another_program_has_committed_by_then() {
    let school = School::open_found(FOUND).await;
    for (table, url, body) in [
        ("students", "/api/v1/students/1", json!({"email": "new@example.edu"})),
        ("courses", "/api/v1/courses/1", json!({"level": "graduate"})),
    ] {
        let seen = school.get(url).await.is_ok().header("etag").to_owned();
        for (name, request) in [("Once", school.patch(url, body.clone())), ("Twice", school.delete(url))] {
            let other = school.other_program();
            other.execute_batch(&format!("begin; update {table} set name = '{name}' where id = 1")).unwrap();
            let request = request.header("if-match", &seen);
            while_locked(&school, &other, request).await.is_refused(412, "stale");
            assert_eq!(school.get(url).await.is_ok().json()["name"], name);
        }
    }
    assert_eq!(school.log().await, [""; 0]);
}

#[tokio::test]
async fn several_changes_of_a_batch_see_what_another_program_has_committed() {
    let school = School::open_found(FOUND).await;
    school.other_program_runs(
        "insert into students values (2, 'Ben', ''), (3, 'Cleo', ''), (4, 'Dan', ''), (5, 'Eve', '')",
    );
    let other = school.other_program();
    other.execute_batch("begin; update students set name = 'Changed'").unwrap();
    let changes = (1..=5).map(|id| {
        school.patch(&format!("/api/v1/students/{id}"), json!({"email": "same@example.edu"})).into_future()
    });
    let changes = futures_util::future::join_all(changes);
    for reply in tokio::join!(changes, commits(&school, &other)).0 {
        assert_eq!(reply.is_ok().json()["name"], "Changed");
    }
}

#[tokio::test]
async fn fields_that_a_request_does_not_name_keep_their_bytes_sqlite_only() {
    let school = School::open_found(FOUND).await;
    school.other_program_runs(
        "update students set name = cast(x'4A6F73E9' as text); update courses set name = x'416C67'",
    );
    school.patch("/api/v1/students/1", json!({"email": "jose@example.edu"})).await.is_ok();
    school.patch("/api/v1/courses/1", json!({"level": "graduate"})).await.is_ok();
    let bytes = |table: &str| {
        school.other_program().column(&format!("select typeof(name) || ' ' || hex(name) from {table}"))
    };
    assert_eq!(bytes("students"), ["text 4A6F73E9"]);
    assert_eq!(bytes("courses"), ["blob 416C67"]);
}

#[tokio::test]
async fn changes_of_different_columns_in_one_batch_are_all_written() {
    let school = School::open_found(FOUND).await;
    let other = school.other_program();
    other.execute_batch("begin immediate").unwrap();
    // While the other program holds the lock, the changes gather and share a commit.
    let url = "/api/v1/students/1";
    let changes = [
        json!({"name": "Anna"}),
        json!({"email": "anna@example.edu"}),
        json!({"name": "Anne", "email": "anne@example.edu"}),
        json!({"name": "Annie"}),
    ]
    .map(|body| school.patch(url, body).into_future());
    let release = async {
        tokio::task::yield_now().await;
        other.execute_batch("commit").unwrap();
    };
    let (replies, ()) = tokio::join!(futures_util::future::join_all(changes), release);
    for reply in replies {
        reply.is_ok();
    }
    let now = school.get(url).await.is_ok().json();
    assert_eq!((&now["name"], &now["email"]), (&json!("Annie"), &json!("anne@example.edu")));
}
