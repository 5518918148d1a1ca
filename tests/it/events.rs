//! The log: what happened, in order.

use std::time::Duration;

use serde_json::{Value, json};

use crate::school::{FIRST_DAY, School, errors};

const EVENTS: &str = "/api/v1/events";

/// One change of each type; their request ids are `change-1`, `change-2` and so on.
async fn school_with_every_event() -> School {
    let school = School::open_found(
        "create table students (id integer primary key, name text, email text);
         create table courses (id integer primary key, name text, level text);
         create table student_courses (id integer primary key, student_id integer, course_id integer);
         insert into students values (1, 'Ana', 'ana@example.edu');
         insert into courses values (1, 'Algebra', 'b');
         insert into student_courses values (5, 1, 1);",
    )
    .await;
    let student = json!({"name": "Ben", "email": "ben@example.edu"});
    for (number, asking) in [
        school.post("/api/v1/students", student),
        school.post("/api/v1/courses", json!({"name": "Logic", "level": "b"})),
        school.put("/api/v1/students/2/courses/2"),
        school.patch("/api/v1/students/2", json!({"email": "b@example.edu", "name": "Benjamin"})),
        school.patch("/api/v1/courses/2", json!({"level": "secret"})),
        school.delete("/api/v1/students/2/courses/2"),
        school.put("/api/v1/students/2/courses/1"),
        school.delete("/api/v1/courses/2"),
        school.delete("/api/v1/students/2?drop=true"),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = asking.header("x-request-id", &format!("change-{}", number + 1)).await;
        assert!(reply.status.is_success(), "{reply:?}");
    }
    school
}

async fn seqs(school: &School, query: &str) -> Vec<i64> {
    let list = school.get(&format!("{EVENTS}?{query}")).await.is_ok().json();
    list.as_array().unwrap().iter().map(|event| event["seq"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn every_change_has_one_event_with_the_request_that_made_it_and_nothing_personal() {
    let school = school_with_every_event().await;

    let log = school.get(EVENTS).await.is_ok();

    let events = log.json();
    let members = ["seq", "type", "student_id", "course_id", "enrollment_id", "request_id", "data"];
    let lines = events.as_array().unwrap().iter().map(|event| json!(members.map(|member| &event[member])));
    assert_eq!(
        lines.collect::<Value>(),
        json!([
            [1, "enrollment.adopted", 1, 1, 5, null, {}],
            [2, "student.created", 2, null, null, "change-1", {}],
            [3, "course.created", null, 2, null, "change-2", {}],
            [4, "enrollment.created", 2, 2, 6, "change-3", {}],
            [5, "student.updated", 2, null, null, "change-4", {"changed": ["name", "email"]}],
            [6, "course.updated", null, 2, null, "change-5", {"changed": ["level"]}],
            [7, "enrollment.dropped", 2, 2, 6, "change-6", {}],
            [8, "enrollment.created", 2, 1, 7, "change-7", {}],
            [9, "course.deleted", null, 2, null, "change-8", {}],
            [10, "enrollment.dropped", 2, 1, 7, "change-9", {}],
            [11, "student.deleted", 2, null, null, "change-9", {}],
        ])
    );
    for event in events.as_array().unwrap() {
        let actor = if event["seq"] == 1 { json!("migration") } else { json!("anonymous") };
        assert_eq!((&event["at"], &event["actor"]), (&json!(FIRST_DAY), &actor));
    }
    assert_eq!(log.header("x-total-count"), "11");
    for personal in ["Ben", "ben@", "example.edu", "Logic", "secret"] {
        assert!(!log.text().contains(personal), "{personal} in {}", log.text());
    }
}

#[tokio::test]
async fn the_log_is_filtered_by_student_course_and_type() {
    let school = school_with_every_event().await;
    for (filter, expected) in [
        ("", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11][..]),
        ("student_id=2", &[2, 4, 5, 7, 8, 10, 11]),
        ("course_id=2", &[3, 4, 6, 7, 9]),
        ("type=enrollment.created", &[4, 8]),
        ("student_id=2&type=enrollment.created", &[4, 8]),
        ("course_id=1&type=enrollment.created", &[8]),
        ("student_id=2&course_id=2", &[4, 7]),
        ("student_id=2&course_id=2&type=enrollment.dropped", &[7]),
        ("student_id=99", &[]),
        ("type=enrollment.adopted", &[1]),
        ("actor=migration", &[1]),
        ("actor=anonymous&type=enrollment.dropped", &[7, 10]),
        ("actor=anonymous&course_id=1", &[8, 10]),
        ("actor=anonymous&student_id=2&course_id=1&type=enrollment.created", &[8]),
        ("actor=token:57", &[]),
        ("since=2026-09-01T08:00:00Z", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        ("since=2026-09-01T08:00:00.001Z", &[]),
        ("until=2026-09-01T08:00:00Z&actor=anonymous", &[]),
        ("until=2026-09-01T10:00:00.001%2B02:00&student_id=2&type=enrollment.created", &[4, 8]),
    ] {
        let list = school.get(&format!("{EVENTS}?{filter}")).await.is_ok();
        assert_eq!(list.header("x-total-count"), expected.len().to_string(), "{filter}");
        for after in [0, 4, 7, 11, 9_007_199_254_740_991_i64] {
            let later: Vec<_> = expected.iter().copied().filter(|seq| *seq > after).collect();
            assert_eq!(seqs(&school, &format!("{filter}&after={after}")).await, later, "{filter} {after}");
        }
    }
}

#[tokio::test]
async fn windows_of_time_that_meet_have_every_entry_once() {
    let school = School::open().await;
    let mut times = vec![school.clock_time()];
    for count in [3, 1, 0, 4, 2] {
        for _ in 0..count {
            school.student("Ana").await;
        }
        school.let_pass(Duration::from_mins(1));
        times.push(school.clock_time());
    }
    let mut found = Vec::new();
    for window in times.windows(2) {
        let window = format!("since={}&until={}", window[0], window[1]);
        let list = school.get(&format!("{EVENTS}?{window}&limit=2")).await.is_ok();
        let all = seqs(&school, &window).await;
        assert_eq!(list.header("x-total-count"), all.len().to_string());
        // The next page is of the same window.
        if let Some(next) = list.next_page() {
            let next = school.get(next).await.is_ok();
            assert_eq!(next.header("x-total-count"), all.len().to_string());
            assert_eq!(next.json()[0]["seq"], all[2]);
        }
        found.push(all);
    }
    assert_eq!(found, [&[1, 2, 3][..], &[4], &[], &[5, 6, 7, 8], &[9, 10]]);
    assert_eq!(seqs(&school, &format!("since={}&after=6", times[3])).await, [7, 8, 9, 10]);
    assert_eq!(seqs(&school, &format!("since={}&after=2", times[3])).await, [5, 6, 7, 8, 9, 10]);
    assert_eq!(seqs(&school, &format!("until={}", times[5])).await.len(), 10);
    assert_eq!(seqs(&school, "since=2999-01-01T00:00:00Z").await, [0; 0]);
    for (query, wrong) in [
        ("since=2026-09-01", "since: must be a time with an offset, like 2026-09-01T08:00:00Z (RFC 3339)"),
        (
            "actor=Ana",
            "actor: must be `token:` or `account:` with an id, or one of `anonymous`, `cli`, `sign-on`, `sample`, `database`, `migration`",
        ),
    ] {
        let problem = school.get(&format!("{EVENTS}?{query}")).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), [wrong]);
    }
}

#[tokio::test]
async fn a_page_of_the_log_links_to_the_next_by_its_last_seq() {
    let school = school_with_every_event().await;

    let first = school.get(&format!("{EVENTS}?limit=4&student_id=2")).await.is_ok();

    let next = format!("http://{}{EVENTS}?limit=4&student_id=2&total=7&after=7", school.address);
    assert_eq!(first.next_page(), Some(next.as_str()));
    let second = school.get(&next).await.is_ok();
    assert_eq!((second.next_page(), second.header("x-total-count")), (None, "7"));
    assert_eq!(seqs(&school, "limit=4&student_id=2&after=7").await, [8, 10, 11]);
    // A client that continues after the last `seq` it has seen misses nothing.
    assert_eq!(seqs(&school, "after=11").await, [0; 0]);
    school.student("Cleo").await;
    assert_eq!(seqs(&school, "after=11").await, [12]);
}

#[tokio::test]
async fn a_long_log_is_complete_and_in_order() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    for _ in 0..300 {
        ana.ensures_enrollment_in(&algebra).await.is_created();
        ana.drops(&algebra).await.is(204);
    }
    assert_eq!(seqs(&school, "").await, (1..=602).collect::<Vec<_>>());
    assert_eq!(seqs(&school, "student_id=1").await.len(), 601);
}

#[tokio::test]
async fn a_refused_change_has_no_event() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    ana.enrolls_in(&algebra).await.is_refused(409, "already-enrolled");
    ana.ensures_enrollment_in(&algebra).await.is_ok();
    school.delete(&ana.url()).await.is_refused(409, "has-enrollments");
    school.put("/api/v1/students/99/courses/1").await.is_refused(404, "student-not-found");
    assert_eq!(school.log().await, ["student.created", "course.created", "enrollment.created"]);
}

#[tokio::test]
async fn times_never_go_back_even_when_the_clock_does() {
    let school = School::open().await;
    school.student("Ana").await;
    school.clock.set("2025-01-01T00:00:00Z".parse().unwrap());
    school.student("Ben").await;
    let log = school.get(EVENTS).await.is_ok().json();
    assert_eq!((&log[0]["at"], &log[1]["at"]), (&json!(FIRST_DAY), &json!(FIRST_DAY)));
}

#[tokio::test]
async fn all_bad_parameters_of_the_log_are_reported_at_once() {
    let school = School::open().await;
    let number = "must be a whole number from 0 to 9,007,199,254,740,991";
    let id = "must be a whole number from 1 to 9,007,199,254,740,991";
    for (query, wrong) in [
        ("after=-1&student_id=a", vec![format!("after: {number}"), format!("student_id: {id}")]),
        ("after=&course_id=9007199254740992", vec![format!("after: {number}"), format!("course_id: {id}")]),
        ("student_id=0&course_id=0", vec![format!("student_id: {id}"), format!("course_id: {id}")]),
        ("type=%FF", vec!["type: is not UTF-8 after percent-decoding".to_owned()]),
        ("limit=0", vec!["limit: must be a whole number from 1 to 10,000".to_owned()]),
        ("student=1", vec!["student: is not a known parameter; did you mean `student_id`?".to_owned()]),
        ("after=1&after=2", vec!["after: is given more than once".to_owned()]),
    ] {
        let problem = school.get(&format!("{EVENTS}?{query}")).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), wrong, "{query}");
    }
    let problem = school.get(&format!("{EVENTS}?type=student.enrolled")).await;
    let wrong = errors(&problem.is_refused(400, "invalid-request"));
    assert!(wrong[0].starts_with("type: must be one of student.created, "), "{wrong:?}");
}
