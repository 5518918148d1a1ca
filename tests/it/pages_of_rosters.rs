//! What the office does with the students of a course in a browser.

use serde_json::json;

use crate::school::{Browser, Look, School};

#[tokio::test]
async fn students_are_enrolled_and_dropped_by_keyboard() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, _, _] = school.students(["Ana", "Ben", "Eve"]).await;
    algebra.seats(2, 2).await;
    ana.enrolls_in(&algebra).await.is_created();
    for look in Look::BOTH {
        let page = Browser::with_look(&school, look).await;
        page.goto(&format!("/courses/{}", algebra.id)).await;
        page.type_into("Name, number or e-mail", "be").await;
        page.click_text("Enroll Ben").await;
        page.waits_for_text("Ben is enrolled.").await;
        page.waits_for_focus("Name, number or e-mail").await;
        page.type_into("Name, number or e-mail", "eve").await;
        page.waits_for_text("Join waitlist").await;
        page.looks_right("course-waitlist").await;
        page.click_text("Join waitlist for Eve").await;
        page.waits_for_text("The course is full: Eve is on the waitlist.").await;
        page.click_text("Remove Eve from the waitlist").await;
        page.waits_for_text("Eve is no longer on the waitlist.").await;
        page.click_text("Drop Ben").await;
        page.waits_for_text("Ben is dropped.").await;
        page.waits_for_focus("Students on the roster").await;
        page.click_text("Undo").await;
        page.waits_for_text("Ben is enrolled.").await;
        page.click_text("Drop Ben").await;
        page.waits_for_text("Ben is dropped.").await;
        assert_eq!(algebra.roster().await, ["Ana"]);
        page.has_no_complaints().await;
        page.loads_nothing_from_elsewhere().await;
    }
}

#[tokio::test]
async fn a_list_is_pasted_without_scripts() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    school.students(["Ana", "Ben"]).await;
    let page = Browser::phone(&school).await.without_scripts().await;
    page.goto(&format!("/courses/{}", algebra.id)).await;
    page.click_text("Paste a list…").await;
    page.type_into("Students, one per line", "Ana Nobody").await;
    page.click_text("Enroll all").await;
    page.waits_for_text("Ana Nobody Nobody has this number, address or name.").await;
    page.click_text("Close").await;
    page.click_text("Paste a list…").await;
    page.type_into("Students, one per line", "ben").await;
    page.click_text("Enroll all").await;
    page.waits_for_text("Ben enrolled").await;
    page.looks_right("course-pasted").await;
    assert_eq!(algebra.roster().await, ["Ben"]);
    page.has_no_complaints().await;
}

#[tokio::test]
async fn a_roster_is_sorted_copied_and_printed_with_room_for_signatures() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [zoe, ana] = school.students(["zoe", "Ana"]).await;
    for student in [&zoe, &ana] {
        student.enrolls_in(&algebra).await.is_created();
    }
    school.patch(&ana.url(), json!({"number": "0042"})).await.is_ok();
    let page = Browser::open(&school).await.prints().await;
    page.goto(&format!("/courses/{}", algebra.id)).await;
    assert!(page.text("#roster").await.contains("Roster"));
    page.goto(&format!("/courses/{}/roster?sort=name", algebra.id)).await;
    page.waits_for_text("Printed Sep 1, 2026").await;
    page.waits_for_text("No. Name Number Signature 1 Ana 0042 2 zoe").await;
    assert!(!page.text("main").await.contains('@'), "addresses are printed");
    page.picture("roster-signed-printed").await;
    let page = Browser::open(&school).await;
    page.goto(&format!("/courses/{}", algebra.id)).await;
    page.click_text("A–Z").await;
    page.waits_for_path(&format!("/courses/{}?sort=name", algebra.id)).await;
    assert!(page.text("[aria-label='Students on the roster'] tbody tr:first-child").await.contains("Ana"));
    page.click_text("E-mail addresses").await;
    page.click_text("Copy").await;
    page.waits_for_text("Copied").await;
    assert_eq!(page.value("#addresses-text").await, "ana@example.edu, zoe@example.edu");
    page.has_no_complaints().await;
}

#[tokio::test]
async fn a_roster_is_searched_as_people_type() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    for student in school.students(["Zoë Núñez", "Ana Nunez", "Ben Smith"]).await {
        student.enrolls_in(&algebra).await.is_created();
    }
    let rows = "[aria-label='Students on the roster'] tbody";
    for path in [format!("/courses/{}", algebra.id), format!("/courses/{}/roster", algebra.id)] {
        for page in [Browser::open(&school).await, Browser::phone(&school).await] {
            page.goto(&format!("{path}?sort=name")).await;
            // While somebody types, with a script.
            page.type_into("#q", "nunez,").await;
            page.waits_for_path(&format!("{path}?q=nunez%2C&sort=name")).await;
            let found = page.text(rows).await;
            let (ana, zoe) = (found.find("Ana"), found.find("Zoë"));
            assert!(ana < zoe && ana.is_some() && !found.contains("Ben"), "{found}");
            // As a link, and as a form without a script.
            page.goto(&format!("{path}?q=zoe")).await;
            page.waits_for_text("1 student found for “zoe”").await;
            page.goto(&format!("{path}?q=nobody")).await;
            page.waits_for_text("0 students found for “nobody”").await;
            page.goto(&format!("{path}?q=")).await;
            assert!(page.text(rows).await.contains("Ben"));
            page.has_no_complaints().await;
        }
    }
    let today = format!("/courses/{}/roster?as_of=2026-09-01&q=smith", algebra.id);
    let past = school.get(&today).await.is_ok();
    assert!(past.text().contains("Ben Smith") && !past.text().contains("Ana Nunez"));
}

#[tokio::test]
async fn times_of_the_history_stand_beside_their_text_and_bars_on_their_line() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let opens = json!({"capacity": 30, "waitlist_capacity": 9, "opens_at": "2026-09-01T08:00:00Z", "closes_at": "2026-12-01T08:00:00Z"});
    school.put(&algebra.seats_url()).json(&opens).await.is_ok();
    for page in [Browser::open(&school).await, Browser::phone(&school).await] {
        page.goto(&format!("/courses/{}", algebra.id)).await;
        page.waits_for_text("Seats were set: 30 seats").await;
        let overlaps = "const boxes = [...document.querySelectorAll('.timeline li')].map(item =>
                [item.querySelector('time'), item.querySelector('span')].map(part => part.getBoundingClientRect()));
            return boxes.filter(([time, text]) =>
                time.right > text.left && text.right > time.left && time.bottom > text.top + 1 && text.bottom > time.top + 1).length";
        assert_eq!(page.run(overlaps).await, 0, "a time is printed over its text");
        let off = "const bar = document.querySelector('meter').getBoundingClientRect();
            const count = document.querySelector('.seats .count').getBoundingClientRect();
            return Math.abs(bar.top + bar.height / 2 - count.top - count.height / 2)";
        let off = page.run(off).await.as_f64().unwrap();
        assert!(off <= 1.0, "the bar is {off} pixels off");
    }
}
