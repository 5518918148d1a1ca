//! The registration board, and enrolling beyond the limits of a course, in a browser.

use serde_json::json;

use crate::school::{Browser, Look, School};

#[tokio::test]
async fn the_board_shows_how_seats_fill_without_loading_again() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, eve] = school.students(["Ana", "Ben", "Eve"]).await;
    let seats = json!({"capacity": 1, "waitlist_capacity": 1});
    school.put(&format!("{}/seats", algebra.url())).json(&seats).await.is_ok();
    let page = Browser::open(&school).await;
    page.goto("/registration").await;
    page.waits_for_text("0 of 1").await;
    page.run("window.isStill = true").await;
    ana.enrolls_in(&algebra).await.is_created();
    page.waits_for_text("1 of 1").await;
    ben.enrolls_in(&algebra).await.is(202);
    eve.enrolls_in(&algebra).await.is_refused(409, "waitlist-full");
    page.waits_for_text("1 waiting").await;
    page.waits_for_text("The waitlist is full 1").await;
    assert_eq!(page.run("return window.isStill").await, true, "the page was not loaded again");
    assert_eq!(page.attribute("#live meter", "value").await.as_deref(), Some("1"));
    page.looks_right("registration-live").await;
    page.has_no_complaints().await;
    page.loads_nothing_from_elsewhere().await;
}

#[tokio::test]
async fn the_board_says_since_when_its_connection_is_lost() {
    let school = School::open().await;
    school.course("Algebra").await;
    let page = Browser::open(&school).await.in_zone("America/Chicago").await;
    page.goto("/registration?wall=true").await;
    // The clock of the board is that of the server.
    page.waits_for_text("3:00:0").await;
    page.waits_for_text("Fewest seats left").await;
    assert!(!page.text("main").await.contains("Connection lost"));
    page.looks_right("wall").await;
    page.has_no_complaints().await;
    school.close().await;
    page.waits_for_text("Connection lost since").await;
}

#[tokio::test]
async fn staff_enrolls_a_student_anyway_with_a_reason() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben, eve] = school.students(["Ana", "Ben", "Eve"]).await;
    ana.enrolls_in(&algebra).await.is_created();
    algebra.seats(1, 0).await;
    let closed = json!({"capacity": 9, "closes_at": "2026-08-01T08:00:00Z"});
    school.put(&botany.seats_url()).json(&closed).await.is_ok();
    for (student, look, with_scripts) in [(&ben, Look::DESK, true), (&eve, Look::PHONE.dark(), false)] {
        let page = Browser::with_look(&school, look).await;
        let page = if with_scripts { page } else { page.without_scripts().await };
        page.goto(&format!("/students/{}?q=a", student.id)).await;
        page.waits_for_text("Full").await;
        page.looks_right("override-offered").await;
        page.click_text("Enroll anyway… in Algebra").await;
        page.type_into("Reason", "  ").await;
        page.click_text("Enroll with this reason").await;
        page.waits_for_text("Reason is required.").await;
        page.expects_status(422);
        page.looks_right("override-refused").await;
        page.type_into("Reason", "two\u{202e}faced").await;
        page.click_text("Enroll with this reason").await;
        page.waits_for_text("Reason must not have the character U+202E").await;
        page.type_into("Reason", "senior, approved by the dean").await;
        page.click_text("Enroll with this reason").await;
        page.waits_for_text("Enrolled in Algebra.").await;
        page.waits_for_text("enrolled in Algebra, with an override: “senior, approved by the dean”").await;
        // The search is gone after a success, as after an ordinary enrollment.
        page.goto(&format!("/students/{}?q=botany", student.id)).await;
        page.waits_for_text("Closed").await;
        page.click_text("Enroll anyway… in Botany").await;
        page.type_into("Reason", "late arrival").await;
        page.click_text("Enroll with this reason").await;
        page.waits_for_text("Enrolled in Botany.").await;
        page.has_no_complaints().await;
    }
    let page = Browser::open(&school).await;
    page.goto(&format!("/courses/{}", algebra.id)).await;
    page.waits_for_text("3 of 1").await;
    page.waits_for_text("Eve enrolled, with an override: “senior, approved by the dean”").await;
    page.looks_right("override-course").await;
    page.has_no_complaints().await;
}

#[tokio::test]
async fn staff_gives_a_seat_to_a_student_who_waits() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, eve] = school.students(["Ana", "Ben", "Eve"]).await;
    ana.enrolls_in(&algebra).await.is_created();
    algebra.seats(1, 5).await;
    ben.enrolls_in(&algebra).await.is(202);
    let board = Browser::open(&school).await;
    board.goto("/registration").await;
    board.waits_for_text("1 waiting").await;
    let page = Browser::open(&school).await;
    page.goto(&format!("/students/{}?q=algebra", eve.id)).await;
    page.click_text("Join waitlist of Algebra (1 waiting)").await;
    page.waits_for_text("Algebra is full: the student is on the waitlist.").await;
    board.waits_for_text("2 waiting").await;
    page.goto(&format!("/students/{}", eve.id)).await;
    page.looks_right("override-waiting").await;
    page.click_text("Enroll anyway… in Algebra").await;
    page.waits_for_path(&format!("/students/{}?waits={}", eve.id, algebra.id)).await;
    page.click_text("Enroll anyway…").await;
    page.type_into("Reason", "graduates in May").await;
    page.looks_right("override-waits").await;
    page.click_text("Enroll with this reason").await;
    page.waits_for_text("Enrolled in Algebra.").await;
    assert_eq!(
        (algebra.roster().await, algebra.waitlist().await),
        (vec!["Ana".to_owned(), "Eve".to_owned()], vec!["Ben".to_owned()])
    );
    board.waits_for_text("2 of 1").await;
    board.waits_for_text("1 waiting").await;
    page.has_no_complaints().await;
    board.has_no_complaints().await;
}
