//! Changes of very many courses: others write in between, and a server that is killed leaves nothing half done.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{numbers, url};
use crate::school::{Client, Database, Process, School, eventually};

const COURSES: usize = 2_000;

/// A school with very many courses.
async fn large_school(client: &Client) {
    let mut file = "code,name,level\n".to_owned();
    for number in 0..COURSES {
        writeln!(file, "C{number},Course {number},1").unwrap();
    }
    let brings = client.ask("POST", "/api/v1/imports").header("content-type", "text/csv").body(file);
    let import = brings.await.is_created().json();
    client.ask("POST", &format!("/api/v1/imports/{}/apply", import["id"])).await.is_ok();
    eventually("the courses are there", async || total(client, "/api/v1/courses").await == COURSES).await;
}

async fn total(client: &Client, path: &str) -> usize {
    let reply =
        client.ask("GET", &format!("{path}{}limit=1", if path.contains('?') { "&" } else { "?" })).await;
    reply.is_ok().header("x-total-count").parse().unwrap()
}

async fn ends(client: &Client, change: &Value) -> Value {
    let mut last = Value::Null;
    eventually("the work ends", async || {
        last = client.ask("GET", &url(change)).await.is_ok().json();
        last["status"] != "applying" && last["status"] != "undoing"
    })
    .await;
    last
}

async fn plans(client: &Client, seats: Value) -> Value {
    client.ask("POST", "/api/v1/seat-changes").json(&json!({"seats": seats})).await.is_created().json()
}

#[tokio::test]
async fn very_many_courses_change_in_commits_between_which_others_write() {
    let school = School::open().await;
    large_school(&school.client).await;
    let before = total(&school.client, "/api/v1/events").await;
    let change = plans(&school.client, json!({"capacity": 30, "waitlist_capacity": 5})).await;
    assert_eq!(change["counts"]["changed"], COURSES);
    let path = format!("{}/apply", url(&change));
    let (applied, added) = tokio::join!(school.ask("POST", &path), school.student("Late"));
    applied.is_ok();
    let applied = ends(&school.client, &change).await;
    assert_eq!(applied["status"], "applied");
    assert_eq!(numbers(&applied, ["done", "not_done"]), [2_000, 0]);
    assert_eq!(total(&school.client, "/api/v1/events?type=seats.set").await, COURSES);
    assert_eq!(total(&school.client, "/api/v1/events").await, before + COURSES + 1);
    school.get(&added.url()).await.is_ok();

    school.undoes(&change).await;
    assert_eq!(numbers(&ends(&school.client, &change).await, ["undone", "remaining"]), [2_000, 0]);
    assert_eq!(total(&school.client, "/api/v1/events?type=seats.removed").await, COURSES);
}

#[tokio::test]
async fn a_change_whose_server_was_killed_is_finished_by_the_next_one_and_nothing_is_done_twice() {
    let database = Database::new();
    let mut server = Process::serve(&database).await;
    let client = Client::new(server.address);
    large_school(&client).await;
    let change = plans(&client, json!({"capacity": 30})).await;
    let request = tokio::spawn({
        let (client, path) = (client.clone(), format!("{}/apply", url(&change)));
        async move { client.ask("POST", &path).send().await }
    });
    eventually("the work shows", async || total(&client, "/api/v1/events?type=seats.set").await > 0).await;
    server.kill();
    let _ = request.await.unwrap();

    let other = database.other_program();
    let status = other.column("select status from matricula_seat_changes");
    assert!(["applying", "applied"].contains(&status[0].as_str()), "{status:?}");
    other.execute_batch(LONG_AGO).unwrap();
    let server = Process::serve(&database).await;
    let client = Client::new(server.address);
    let applied = ends(&client, &change).await;
    assert_eq!(applied["status"], "applied");
    assert_eq!(numbers(&applied, ["done", "not_done"]), [2_000, 0]);
    assert_eq!(total(&client, "/api/v1/events?type=seats.set").await, COURSES);
    server.terminate().await;
}

#[tokio::test]
async fn a_change_whose_server_was_killed_before_its_first_commit_is_made_only_as_it_was_shown() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let change = school.plans(Value::Null, json!({"capacity": 30})).await;
    school.other_program_runs(
        "update matricula_seat_changes set status = 'applying', worker = 'gone', touched_at = '2020-01-01T00:00:00.000Z', \
         created_at = '2100-01-01T00:00:00.000Z', worked_by = 'anonymous', rights = 'catalogue:read courses:write admin'",
    );
    algebra.seats(5, 0).await;
    let database = school.close().await;
    let server = Process::serve(&database).await;
    let client = Client::new(server.address);

    assert_eq!(ends(&client, &change).await["status"], "planned");

    let seats = client.ask("GET", &botany.seats_url()).await.is_ok().json();
    assert_eq!(seats["capacity"], Value::Null);
    server.terminate().await;
}

/// The last sign of the server that was killed is from long ago.
const LONG_AGO: &str = "update matricula_seat_changes set touched_at = '2020-01-01T00:00:00.000Z'";

#[tokio::test]
async fn old_changes_are_deleted_with_their_courses() {
    let school = School::open().await;
    school.course("Algebra").await;
    let unused = school.plans(Value::Null, json!({"capacity": 1})).await;
    let used = school.plans(Value::Null, json!({"capacity": 2})).await;
    school.applies(&used).await;
    school.other_program_runs(
        "update matricula_seat_changes set created_at = '2100-01-01T00:00:00.000Z' where status = 'applied'",
    );
    let database = school.close().await;
    let process = Process::serve(&database).await;
    let server = Client::new(process.address);
    eventually("the unused change is gone", async || total(&server, "/api/v1/seat-changes").await == 1).await;
    server.ask("GET", &url(&unused)).await.is_refused(404, "seat-change-not-found");
    let count = "select cast(count(*) as text) from matricula_seat_change_courses";
    assert_eq!(database.other_program().column(count), ["1"]);
}
