//! The seats of many courses, changed in a browser.

use serde_json::{Value, json};

use crate::access::{WithToken as _, create};
use crate::school::{Browser, Course, School};
use crate::sign_in::form;

async fn capacity(school: &School, course: &Course) -> Value {
    school.get(&course.seats_url()).await.is_ok().json()["capacity"].clone()
}

/// Two courses with `Bio` in their names, of which one is full with a student waiting, and another one.
async fn school() -> (School, [Course; 3]) {
    let school = School::open().await;
    let [biology, botany, logic] = school.courses(["Biology 101", "Biology 102", "Logic"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    biology.seats(1, 5).await;
    ana.enrolls_in(&biology).await.is_created();
    ben.enrolls_in(&biology).await.is(202);
    let opens = json!({"opens_at": "2026-10-01T08:00:00Z"});
    school.patch(&botany.seats_url(), opens).await.is_ok();
    (school, [biology, botany, logic])
}

#[tokio::test]
async fn the_seats_of_the_courses_of_a_list_are_changed_and_put_back() {
    let (school, [biology, botany, logic]) = school().await;
    let page = Browser::open(&school).await.in_zone("America/Chicago").await;
    page.goto("/courses").await;
    page.waits_for_text("3 courses Change the seats of these 3 courses…").await;
    page.type_into("#q", "bio").await;
    page.waits_for_text("2 courses Change the seats of these 2 courses…").await;
    page.looks_right("courses").await;
    page.click_text("Change the seats of these 2 courses…").await;
    page.waits_for_text("For courses that match “bio”").await;
    page.looks_right("seats-new").await;

    // Nothing filled in, then too much.
    page.expects_status(422);
    page.click_text("Preview").await;
    page.waits_for_text("Fill in what is to change.").await;
    page.type_into("#capacity", "40").await;
    page.click_text("No limit").await;
    page.click_text("Preview").await;
    page.waits_for_text("Write a number or tick the box below, not both.").await;
    page.waits_for_text("For courses that match “bio”").await;
    page.looks_right("seats-refused").await;
    page.click_text("No limit").await;
    page.type_into("#waitlist_capacity", "8").await;
    page.click_text("Preview").await;

    page.waits_for_text(
        "Nothing has changed yet. As things stand, 1 student moves up from a waitlist at once.",
    )
    .await;
    page.waits_for_text("Seats: 1 → becomes 40").await;
    page.waits_for_text("Waitlist: 5 → becomes 8").await;
    page.waits_for_text("1 student moves up from the waitlist.").await;
    page.looks_right("seats-preview").await;
    assert_eq!(capacity(&school, &biology).await, 1);

    page.click_text("Apply to 2 courses").await;
    page.waits_for_text("2 courses have changed").await;
    page.waits_for_text("1 student has moved up from a waitlist.").await;
    page.waits_for_text("Students who moved up keep their seats.").await;
    page.looks_right("seats-applied").await;
    assert_eq!([capacity(&school, &biology).await, capacity(&school, &botany).await], [json!(40), json!(40)]);
    assert_eq!(capacity(&school, &logic).await, Value::Null);
    assert_eq!(biology.roster().await, ["Ana", "Ben"]);

    botany.seats(7, 0).await;
    page.click_text("Undo this change").await;
    page.waits_for_text("1 course is as before. 1 course stays as somebody else has changed it since.").await;
    page.waits_for_text("Somebody has changed the seats since.").await;
    page.looks_right("seats-undone").await;
    assert_eq!([capacity(&school, &biology).await, capacity(&school, &botany).await], [json!(1), json!(7)]);

    page.click_text("All changes").await;
    page.waits_for_text("Courses that match “bio”").await;
    page.waits_for_text("undone").await;
    page.looks_right("seats-list").await;
    page.goto(&format!("/courses/{}", biology.id)).await;
    page.waits_for_text("Seats were put back: 1 seat, a waitlist of 5").await;
    page.waits_for_text("Seats were set, with those of other courses: 40 seats, a waitlist of 8").await;
    page.has_no_complaints().await;
}

#[tokio::test]
async fn a_preview_that_does_not_hold_any_more_is_made_again() {
    let (school, [biology, ..]) = school().await;
    let page = Browser::open(&school).await.in_zone("America/Chicago").await;
    page.goto("/seat-changes").await;
    page.waits_for_text("have not been changed at once in the last 30 days").await;
    page.looks_right("seats-none").await;
    page.goto("/seat-changes/new?waiting=true").await;
    page.waits_for_text("Change the seats of 1 course").await;
    page.type_into("#capacity", "3").await;
    page.type_into("Registration closes", "2026-09-20T10:00").await;
    page.click_text("Preview").await;
    page.waits_for_text("Apply to 1 course").await;
    let times = page.attribute(".changes time", "datetime").await;
    assert_eq!(times.as_deref(), Some("2026-09-20T15:00:00.000Z"), "the time in Chicago");
    page.waits_for_text("Closes: stays open → becomes Sep 20").await;
    biology.seats(2, 5).await;
    page.expects_status(409);
    page.click_text("Apply to 1 course").await;
    page.waits_for_text("Courses or seats have changed since the preview was made. Nothing was changed")
        .await;
    page.looks_right("seats-outdated").await;
    page.click_text("New preview").await;
    page.waits_for_text("No course matches now.").await;
    page.has_no_complaints().await;
}

#[tokio::test]
async fn it_works_with_a_thumb_and_without_scripts() {
    let (school, [biology, botany, _]) = school().await;
    school.put("/api/v1/groups/Seniors").json(&json!({"course_limit": null})).await.is_ok();
    let page = Browser::phone(&school).await.without_scripts().await.dark().await;
    page.goto("/courses?q=bio").await;
    page.looks_right("courses").await;
    page.click_text("Change the seats of these 2 courses…").await;
    page.waits_for_text("Another opening for a group").await;
    page.looks_right("seats-new").await;
    page.type_into("#capacity", "0").await;
    page.type_into("#closes_at", "2026-09-20T08:00:00Z").await;
    page.type_into("#group", "Seniors").await;
    page.type_into("#group_opens_at", "2026-09-02T08:00:00Z").await;
    page.click_text("Preview").await;
    page.waits_for_text("Not possible").await;
    page.waits_for_text("1 student more than seats. Nobody is dropped.").await;
    page.looks_right("seats-preview").await;
    page.goto("/seat-changes/1?show=refused").await;
    page.waits_for_text("Registration would close before it opens.").await;
    page.looks_right("seats-refused").await;
    page.click_text("Apply to 1 course").await;
    page.waits_for_text("1 course has changed").await;
    page.looks_right("seats-applied").await;
    assert_eq!(
        [capacity(&school, &biology).await, capacity(&school, &botany).await],
        [json!(0), Value::Null]
    );
    page.click_text("Undo this change").await;
    page.waits_for_text("1 course is as before.").await;
    page.looks_right("seats-undone").await;
    page.click_text("All changes").await;
    page.waits_for_text("undone").await;
    page.looks_right("seats-list").await;
}

#[tokio::test]
async fn a_repeated_tap_does_nothing_twice() {
    let (school, _) = school().await;
    let fields = [("idempotency_key", "form-1"), ("q", "bio"), ("capacity", "9"), ("opens_at", "")];
    let send = || form(school.ask("POST", "/seat-changes"), &fields);
    let (one, other) = tokio::join!(send(), send());
    let page = one.is(303).header("location").to_owned();
    assert_eq!(other.is(303).header("location"), page);
    for _ in 0..2 {
        let applied = form(school.ask("POST", &format!("{page}/apply")), &[]).await.is(303);
        assert_eq!(applied.header("location"), page);
    }
    assert_eq!(school.log().await.iter().filter(|kind| *kind == "seats.set").count(), 4);
    for path in ["apply", "undo", "preview"] {
        school.get(&format!("{page}/{path}")).await.is(303);
    }
    let again = [("idempotency_key", "form-2")];
    let again = || form(school.ask("POST", &format!("{page}/preview")), &again);
    let first = again().await.is(303);
    assert_ne!(first.header("location"), page);
    assert_eq!(again().await.is(303).header("location"), first.header("location"));
    school.get("/seat-changes/9").header("accept", "text/html").await.is(404);
}

#[tokio::test]
async fn only_who_changes_courses_is_offered_it() {
    let (school, _) = school().await;
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let scopes = json!({"name": "x", "role": "registrar", "scopes": ["catalogue:read", "students:read"]});
    let reader = create(&school, Some(&admin), scopes).await;
    let list = |token: &str| school.get("/courses").with_token(token).header("accept", "text/html");
    assert!(list(&admin).await.is_ok().text().contains("/seat-changes/new"));
    assert!(!list(&reader).await.is_ok().text().contains("/seat-changes/new"));
    for path in ["/seat-changes", "/seat-changes/new", "/seat-changes/1"] {
        school.get(path).with_token(&reader).header("accept", "text/html").await.is(403);
    }
}
