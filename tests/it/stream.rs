//! The log as a stream: every listener gets every event once, in order.

use serde_json::json;

use crate::school::{Process, School, errors};

const EVENTS: &str = "/api/v1/events";

#[tokio::test]
async fn a_listener_gets_past_and_new_events() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let mut listener = school.get(&format!("{EVENTS}?after=0")).listen().await;
    let event = listener.next().await.unwrap();
    assert_eq!(event, school.get(EVENTS).await.is_ok().json()[0]);

    let algebra = school.course("Algebra").await;
    ana.enrolls_in(&algebra).await.is_created();
    assert_eq!(listener.next().await.unwrap()["type"], "course.created");
    let event = listener.next().await.unwrap();
    assert_eq!(event, school.get(&format!("{EVENTS}?after=2")).await.is_ok().json()[0]);
    assert_eq!((&event["type"], &event["student_id"]), (&json!("enrollment.created"), &json!(ana.id)));
}

/// For clients that cannot choose what they accept.
#[tokio::test]
async fn the_stream_has_an_address_of_its_own() {
    let school = School::open().await;
    let [_, ben] = school.students(["Ana", "Ben"]).await;
    let stream = "/api/v1/events/stream";
    let mut listener = school.get(&format!("{stream}?after=1")).listen().await;
    assert_eq!(listener.next().await.unwrap()["student_id"], ben.id);
    let mut listener = school.get(stream).header("last-event-id", "1").listen().await;
    assert_eq!(listener.seqs(1).await, [2]);
    let problem = school.get(&format!("{stream}?limit=5")).await.is_refused(400, "invalid-request");
    assert!(errors(&problem)[0].starts_with("limit: is not a known parameter"), "{problem}");
}

#[tokio::test]
async fn a_client_that_does_not_prefer_the_stream_gets_the_list() {
    let school = School::open().await;
    school.student("Ana").await;
    for accepted in [
        "application/json, text/event-stream;q=0",
        "application/json, text/event-stream;q=0.1",
        "text/event-stream, application/json",
    ] {
        let list = school.get(EVENTS).header("accept", accepted).await.is_ok();
        assert_eq!(list.json()[0]["type"], "student.created", "{accepted}");
    }
}

#[tokio::test]
async fn a_listener_that_does_not_say_where_to_begin_gets_what_happens_from_now_on() {
    let school = School::open().await;
    school.students(["Ana", "Ben"]).await;
    let mut listener = school.get(EVENTS).listen().await;
    // It is told where it begins, so that it misses nothing if it is cut off before the first event.
    assert!(listener.hears("retry: 1000\nid: 2\n\n").await);
    school.student("Cleo").await;
    assert_eq!(listener.seqs(1).await, [3]);
    let mut again = school.get(EVENTS).header("last-event-id", "2").listen().await;
    assert_eq!(again.seqs(1).await, [3]);
    // The list begins at the beginning.
    assert_eq!(school.get(EVENTS).await.is_ok().header("x-total-count"), "3");
}

#[tokio::test]
async fn a_listener_that_was_cut_off_continues_where_it_was() {
    let school = School::open().await;
    school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    let mut listener = school.get(&format!("{EVENTS}?after=0")).listen().await;
    assert_eq!(listener.seqs(2).await, [1, 2]);
    drop(listener);
    // The header, which a browser sends by itself when it reconnects, wins over `after` in the address.
    let mut listener = school.get(&format!("{EVENTS}?after=0")).header("last-event-id", "2").listen().await;
    assert_eq!(listener.seqs(2).await, [3, 4]);
    let mut listener = school.get(&format!("{EVENTS}?after=3")).listen().await;
    assert_eq!(listener.seqs(1).await, [4]);
    school.student("Elif").await;
    assert_eq!(listener.seqs(1).await, [5]);
}

#[tokio::test]
async fn a_listener_that_is_far_behind_misses_nothing() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let mut early = school.get(&format!("{EVENTS}?after=0")).listen().await;
    // More events than are sent at a time, while a listener is connected and does not read.
    for _ in 0..600 {
        ana.enrolls_in(&algebra).await.is_created();
        ana.drops(&algebra).await.is(204);
    }
    let all: Vec<i64> = (1..=1202).collect();
    assert_eq!(early.seqs(1202).await, all);
    let mut late = school.get(&format!("{EVENTS}?after=0")).listen().await;
    assert_eq!(late.seqs(1202).await, all);
}

#[tokio::test]
async fn a_listener_may_filter() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let algebra = school.course("Algebra").await;
    ana.enrolls_in(&algebra).await.is_created();
    let mut of_ben = school.get(&format!("{EVENTS}?after=0&student_id={}", ben.id)).listen().await;
    let mut drops =
        school.get(&format!("{EVENTS}?course_id={}&type=enrollment.dropped", algebra.id)).listen().await;
    let mut of_others = school.get(&format!("{EVENTS}?actor=token:57")).listen().await;
    let mut since = school.get(&format!("{EVENTS}?since=2026-09-01T00:00:00Z")).listen().await;
    ben.enrolls_in(&algebra).await.is_created();
    ana.drops(&algebra).await.is(204);
    ben.drops(&algebra).await.is(204);
    assert_eq!(of_ben.seqs(3).await, [2, 5, 7]);
    assert_eq!(drops.seqs(2).await, [6, 7]);
    assert_eq!(since.seqs(7).await, [1, 2, 3, 4, 5, 6, 7]);
    school.let_pass(std::time::Duration::from_hours(1));
    let mut later = school.get(&format!("{EVENTS}?after=1&since=2026-09-01T08:30:00Z")).listen().await;
    ana.enrolls_in(&algebra).await.is_created();
    assert_eq!(later.seqs(1).await, [8]);
    school.close().await;
    assert_eq!(of_others.next().await, None);
}

#[tokio::test]
async fn a_listener_gets_the_events_of_other_servers_too() {
    let school = School::open().await;
    let mut listener = school.get(EVENTS).listen().await;
    let other = Process::serve(school.database()).await;
    let body = json!({"name": "Ana", "email": "ana@example.edu"});
    let client = crate::school::Client::new(other.address);
    for _ in 0..3 {
        client.ask("POST", "/api/v1/students").json(&body).await.is_created();
    }
    assert_eq!(listener.seqs(3).await, [1, 2, 3]);
    school.student("Ben").await;
    assert_eq!(listener.seqs(1).await, [4]);
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams() {
    let school = School::open().await;
    school.student("Ana").await;
    let mut listener = school.get(&format!("{EVENTS}?after=0")).listen().await;
    assert_eq!(listener.seqs(1).await, [1]);
    school.close().await;
    assert_eq!(listener.next().await, None);
}

#[tokio::test]
async fn a_stream_has_no_pages() {
    let school = School::open().await;
    let stream = |path: &str| school.get(path).header("accept", "text/html, text/event-stream;q=0.9");
    let problem = stream(&format!("{EVENTS}?limit=5")).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["limit: is not allowed for a stream, which has no pages"]);
    let problem = stream(&format!("{EVENTS}?after=1&total=3")).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["total: is not allowed for a stream, which has no pages"]);
    let problem = stream(&format!("{EVENTS}?until=2026-09-01T08:00:00Z")).await;
    let problem = problem.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["until: is not allowed for a stream, which does not end"]);
    let problem = stream(EVENTS).header("last-event-id", "x").await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["Last-Event-ID: must be a whole number from 0 to 9,007,199,254,740,991"]);
}
