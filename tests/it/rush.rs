//! A small registration day, run by `matricula rush`. In a rush, no seat is sold twice.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::school::{Client, Database, Process, School, matricula};

async fn rush(server: &Process, more: &'static [&'static str]) -> Output {
    let url = format!("http://{}", server.address);
    let run = move || {
        let mut command = matricula();
        command
            .args(["rush", "--url", &url, "--minutes", "0.01", "--clients", "32"])
            .args(more)
            .output()
            .unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn output_text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn a_rush_is_proved_from_the_api_alone() {
    let database = Database::new();
    let server = Process::serve(&database).await;
    let output =
        rush(&server, &["--students", "200", "--courses", "8", "--seats", "10", "--waitlist", "3"]).await;
    let printed = output_text(&output);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("ok: no seat was given twice"), "{printed}");
    for answer in [" 201", " 202", " 204", " waitlist-full", "99.9th percentile"] {
        assert!(printed.contains(answer), "no {answer} in {printed}");
    }
    assert!(server.terminate().await.success());
}

#[tokio::test]
async fn a_server_that_loses_acknowledged_enrollments_is_detected() {
    let database = School::open().await.close().await;
    // Loses every tenth enrollment after it was inserted, without a word in the log.
    let lose = "update log_head set in_batch = -1 - in_batch; delete from student_courses where id = new.id;
        update log_head set in_batch = -1 - in_batch;";
    database.runs(&if database.is_on_a_server() {
        format!(
            "create function lose() returns trigger language plpgsql as 'begin {lose} return null; end';
             create trigger lose after insert on student_courses for each row when (new.id % 10 = 0)
             execute function lose();"
        )
    } else {
        format!("create trigger lose after insert on student_courses when new.id % 10 = 0 begin {lose} end;")
    });
    let server = Process::serve(&database).await;
    let output = rush(&server, &["--students", "60", "--courses", "4", "--seats", "10"]).await;
    let printed = output_text(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("the roster does not agree with the log"), "{printed}");
}

#[tokio::test]
async fn a_rush_or_a_sample_leaves_a_school_with_people_alone_unless_told() {
    let school = School::open().await;
    school.student("Ana").await;
    let database = school.close().await;
    let server = Process::serve(&database).await;
    let output = rush(&server, &["--students", "5", "--courses", "2"]).await;
    let printed = output_text(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("the school has students already"), "{printed}");
    let output = rush(&server, &["--students", "5", "--courses", "2", "--yes"]).await;
    assert!(output.status.success(), "{}", output_text(&output));
    assert!(server.terminate().await.success());
    let sample = |more: &[&str]| {
        let mut command = matricula();
        command.args(["sample", "--students", "5", "--courses", "4", "--database"]).arg(database.argument());
        command.args(more).output().unwrap()
    };
    let refused = output_text(&sample(&[]));
    assert!(refused.contains("the school has 6 students and 2 courses already"), "{refused}");
    let added = output_text(&sample(&["--yes"]));
    assert!(added.contains("added 5 students, 4 courses and"), "{added}");
}

#[tokio::test]
async fn a_rush_needs_a_server() {
    for (url, reason) in [
        ("http://127.0.0.1:9", "cannot reach 127.0.0.1:9"),
        ("https://127.0.0.1:9", "rush uses plain HTTP"),
        ("127.0.0.1", "rush uses plain HTTP"),
    ] {
        let output = matricula().args(["rush", "--url", url]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output_text(&output).contains(reason), "{}", output_text(&output));
    }
}

const CLIENTS: i64 = 64;

/// A client that enrolls one student in a few courses and drops some of them again, until `over` is set.
async fn want_seats(address: std::net::SocketAddr, student: i64, courses: Vec<i64>, over: Arc<AtomicBool>) {
    let client = Client::new(address);
    let mut chance = fastrand::Rng::with_seed(student.unsigned_abs());
    while !over.load(Ordering::SeqCst) {
        let course = courses[chance.usize(..courses.len())];
        let path = format!("/api/v1/students/{student}/courses");
        let asking = if chance.u8(..3) == 0 {
            client.ask("DELETE", &format!("{path}/{course}"))
        } else {
            client.ask("POST", &path).json(&json!({"course_id": course}))
        };
        if asking.send().await.is_err() {
            // The server is being killed.
            return;
        }
    }
}

/// Asserts that no course ever has more students than seats, on its roster and in the log; if nobody writes, both
/// agree.
async fn check_courses(client: &Client, courses: &[(i64, i64)], nobody_writes: bool) {
    for (course, capacity) in courses {
        let roster = client.ask("GET", &format!("/api/v1/courses/{course}/students")).await.is_ok().ids();
        assert!(
            i64::try_from(roster.len()).unwrap() <= *capacity,
            "course {course}: {roster:?} on {capacity}"
        );
        let log = client.ask("GET", &format!("/api/v1/events?course_id={course}")).await.is_ok().json();
        let mut enrolled = 0;
        for event in log.as_array().unwrap() {
            enrolled += match event["type"].as_str().unwrap() {
                "enrollment.created" | "waitlist.promoted" => 1,
                "enrollment.dropped" => -1,
                _ => 0,
            };
            assert!(enrolled <= *capacity, "seq {} of course {course} sells a seat twice", event["seq"]);
        }
        assert!(!nobody_writes || enrolled == i64::try_from(roster.len()).unwrap(), "{log} and {roster:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_seat_is_sold_twice_even_when_the_server_is_killed_in_the_middle() {
    let database = Database::new();
    let mut server = Process::serve(&database).await;
    let client = Client::new(server.address);
    for number in 1..=CLIENTS {
        let body = json!({"name": format!("Student {number}"), "email": "s@example.edu"});
        client.ask("POST", "/api/v1/students").json(&body).await.is_created();
    }
    let mut courses = Vec::new();
    for capacity in [1, 2, 3, 5, 8, 13, 30] {
        let body = json!({"name": format!("Course of {capacity}"), "level": "one"});
        let id = client.ask("POST", "/api/v1/courses").json(&body).await.is_created().json()["id"]
            .as_i64()
            .unwrap();
        let seats = json!({"capacity": capacity, "waitlist_capacity": capacity % 3});
        client.ask("PUT", &format!("/api/v1/courses/{id}/seats")).json(&seats).await.is_ok();
        courses.push((id, capacity));
    }
    let ids: Vec<i64> = courses.iter().map(|(id, _)| *id).collect();
    for _ in 0..4 {
        let over = Arc::new(AtomicBool::new(false));
        let wanting: Vec<_> = (1..=CLIENTS)
            .map(|student| tokio::spawn(want_seats(server.address, student, ids.clone(), Arc::clone(&over))))
            .collect();
        let client = Client::new(server.address);
        let seq = async || {
            let reply = client.ask("GET", "/api/v1/events?limit=1").await.is_ok();
            reply.header("x-total-count").parse::<i64>().unwrap()
        };
        let before = seq().await;
        while seq().await < before + 500 {
            check_courses(&client, &courses[..1], false).await;
        }
        server.kill();
        over.store(true, Ordering::SeqCst);
        for wanting in wanting {
            wanting.await.unwrap();
        }
        server = Process::serve(&database).await;
        check_courses(&Client::new(server.address), &courses, true).await;
    }
    assert!(server.terminate().await.success());
    let db = matricula::db::Db::open(database.location()).unwrap();
    assert_eq!(matricula::audit::audit(&db).await.unwrap().findings, []);
}
