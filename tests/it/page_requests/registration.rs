//! The board, and the sample school.

use std::future::IntoFuture as _;

use serde_json::json;

use crate::school::School;

#[tokio::test]
async fn one_click_fills_an_empty_school_and_no_other() {
    let school = School::open().await;
    let [one, other] = [school.form("/sample", &[]), school.form("/sample", &[])];
    let (one, other) = tokio::join!(one.into_future(), other.into_future());
    assert_eq!([one.leads_to(), other.leads_to()], ["/courses", "/courses"]);
    let [students, courses] = ["students", "courses"].map(|rows| format!("/api/v1/{rows}"));
    assert_eq!(school.get(&students).await.ids().len(), 500);
    let listed = school.get(&courses).await.is_ok().json();
    let full = |course: &&serde_json::Value| course["seats"]["waitlisted"].as_i64() > Some(0);
    assert_eq!(listed.as_array().unwrap().len(), 40);
    assert!(listed.as_array().unwrap().iter().filter(full).count() > 3, "nobody waits: {listed}");
    school.form("/sample", &[]).await.leads_to();
    assert_eq!(school.get(&students).await.ids().len(), 500);
}

#[tokio::test]
async fn the_board_counts_what_happens_and_what_is_refused() {
    let school = School::open().await;
    let [algebra, _] = school.courses(["Algebra", "Botany"]).await;
    let board = async || school.page("/registration").await.is_page(200);
    assert!(board().await.contains("Enrollments per minute 0"));
    let [ana, ben, eve] = school.students(["Ana", "Ben", "Eve"]).await;
    let seats = json!({"capacity": 1, "waitlist_capacity": 1});
    school.put(&format!("{}/seats", algebra.url())).json(&seats).await.is_ok();
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    eve.enrolls_in(&algebra).await.is_refused(409, "waitlist-full");
    let shown = board().await;
    for expected in [
        "Enrollments per minute 1",
        "Waitlisted per minute 1",
        "Full courses 1 of 2",
        "Waiting for a seat 1",
        "The waitlist is full 1",
        "Algebra 1 of 1 1 of 1 1 waiting",
    ] {
        assert!(shown.contains(expected), "{expected:?} is not in {shown}");
    }
    ana.drops(&algebra).await.is(204);
    school.other_program_runs("insert into courses (id, name, level) values (99, 'Found', 'graduate')");
    school.patch(&algebra.url(), json!({"name": "Algebra I"})).await.is_ok();
    let shown = board().await;
    assert!(shown.contains("Drops per minute 1") && shown.contains("Enrollments per minute 2"), "{shown}");
    assert!(shown.contains("Waiting for a seat 0") && shown.contains("Algebra I 1 of 1 1 of 1"), "{shown}");
}

#[tokio::test]
async fn the_board_is_useful_with_many_courses_and_on_a_wall() {
    let school = School::open().await;
    let [algebra, botany, _] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    let [ana, ben, eve] = school.students(["Ana", "Ben", "Eve"]).await;
    for course in [&algebra, &botany] {
        course.seats(1, 5).await;
        ana.enrolls_in(course).await.is_created();
    }
    for (student, course) in [(&ben, &algebra), (&ben, &botany), (&eve, &botany)] {
        student.enrolls_in(course).await.is(202);
    }
    let opens = json!({"capacity": 40, "opens_at": "2026-12-01T08:00:00Z"});
    school.put("/api/v1/courses/3/seats").json(&opens).await.is_ok();
    let board = school.page("/registration").await;
    assert!(board.text().contains("<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>"));
    let board = board.is_page(200);
    for expected in
        ["Seats left 40", "Most wanted Botany 2 waiting Algebra 1 waiting", "40 left Opens 1 December 2026"]
    {
        assert!(board.contains(expected), "{expected:?} is not in {board}");
    }
    for number in 0..150 {
        school.course(&format!("Seminar {number}")).await;
    }
    let board = school.page("/registration").await.is_page(200);
    assert!(board.contains("Page 1 of 2, 153 courses Next page"), "{board}");
    let found = school.page("/registration?q=botany").await.is_page(200);
    assert!(found.contains("Botany 1 of 1") && !found.contains("Seminar"), "{found}");
    let wall = school.page("/registration?wall=true").await.is_page(200);
    assert!(wall.contains("Fewest seats left") && wall.matches("Seminar").count() < 12, "{wall}");
    let paused = school.page("/registration?still=true").await;
    assert!(!paused.text().contains("http-equiv"), "{}", paused.text());
}

#[tokio::test]
async fn the_board_shows_changes_live_until_the_server_stops() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    let mut feed = school.get("/registration/feed").listen().await;
    assert!(feed.hears("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    assert!(feed.hears("<dt>Enrollments per minute</dt><dd>1</dd>").await);
    let closing = tokio::spawn(school.close());
    assert!(!feed.hears("nothing more").await);
    closing.await.unwrap();
}

#[tokio::test]
async fn a_log_without_its_head_is_an_error_and_not_an_empty_log() {
    let school = School::open().await;
    school.student("Ana").await;
    school.other_program_runs("create table saved as select * from log_head; delete from log_head;");
    school.page("/registration").await.is_page(500);
    school
        .post("/api/v1/courses", json!({"name": "Algebra", "level": "graduate"}))
        .await
        .is_refused(500, "internal");
    school.other_program_runs("insert into log_head select * from saved; drop table saved;");
    school.page("/registration").await.is_page(200);
}

#[tokio::test]
async fn the_board_says_which_courses_students_were_refused_in() {
    let school = School::open().await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    let [ana, ben, eve] = school.students(["Ana", "Ben", "Eve"]).await;
    algebra.seats(1, 1).await;
    botany.seats(0, 0).await;
    let opens = json!({"opens_at": "2026-12-01T08:00:00Z"});
    school.patch(&chemistry.seats_url(), opens).await.is_ok();
    let board = async || school.page("/registration").await.is_page(200);
    assert!(board().await.contains("this server has refused nobody one in the last hour"));
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    // Eve taps as often as she likes.
    for _ in 0..3 {
        eve.enrolls_in(&algebra).await.is_refused(409, "waitlist-full");
        eve.enrolls_in(&botany).await.is_refused(409, "course-full");
    }
    ana.enrolls_in(&botany).await.is_refused(409, "course-full");
    // A batch and a swap ask for seats, too.
    let operations = json!([
        {"op": "drop", "student_id": ana.id, "course_id": chemistry.id},
        {"op": "enroll", "student_id": ben.id, "course_id": chemistry.id},
        {"op": "swap", "student_id": ana.id, "from": algebra.id, "to": botany.id},
        {"op": "enroll", "student_id": ben.id, "course_id": botany.id},
    ]);
    school.post("/api/v1/enrollments/batch", operations).await.is_ok();
    let closes = json!({"opens_at": null, "closes_at": "2026-08-01T08:00:00Z"});
    school.patch(&chemistry.seats_url(), closes).await.is_ok();
    eve.enrolls_in(&chemistry).await.is_refused(409, "registration-closed");
    let shown = board().await;
    for expected in [
        "Most wanted Botany 3 students refused in the last hour: full",
        "Algebra 1 waiting 1 student refused in the last hour: waitlist full",
        "Chemistry 2 students refused in the last hour: 1 not open yet, 1 closed",
        "Refusals are those of this server.",
    ] {
        assert!(shown.contains(expected), "{expected:?} is not in {shown}");
    }
}
