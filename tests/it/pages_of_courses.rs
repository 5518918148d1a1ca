//! What a registrar does with courses in a browser.

use std::time::Duration;

use serde_json::json;

use crate::school::{Browser, Look, School};

#[tokio::test]
async fn a_course_is_added_changed_and_deleted() {
    for look in Look::BOTH {
        let school = School::open().await;
        let page = Browser::with_look(&school, look).await;
        page.goto("/").await;
        page.waits_for_text("No courses yet").await;
        page.click_text("Add a course").await;
        page.type_into("Level", "undergraduate").await;
        page.click_text("Add").await;
        page.waits_for_text("Name must not be empty.").await;
        page.waits_for_focus("Name").await;
        assert_eq!(page.value("#level").await, "undergraduate");
        page.looks_right("course-refused").await;
        page.expects_status(422);

        page.type_into("Name", "Algebra").await;
        page.press("Enter").await;
        page.waits_for_path("/courses/1?saved=added").await;
        page.waits_for_text("The course is added.").await;
        assert_eq!(page.title().await, "Algebra – matricula");
        page.click_text("Edit").await;
        page.type_into("Name", "Linear Algebra").await;
        page.click_text("Save").await;
        page.waits_for_text("Linear Algebra").await;
        page.waits_for_text("Saved. Name: Linear Algebra.").await;
        page.waits_for_text("The course was changed: name").await;
        page.looks_right("course-changed").await;

        page.click_text("Delete").await;
        page.waits_for_text("No students are enrolled.").await;
        page.looks_right("course-deleting").await;
        page.click_text("Cancel").await;
        page.waits_for_path("/courses/1").await;
        page.click_text("Delete").await;
        page.click_text("Delete Linear Algebra").await;
        page.waits_for_path("/courses?deleted=1").await;
        page.waits_for_text("The course is deleted.").await;
        page.looks_right("course-deleted").await;
        page.waits_for_text("No courses yet").await;
        page.has_no_complaints().await;
        page.loads_nothing_from_elsewhere().await;
    }
}

#[tokio::test]
async fn courses_are_found_while_typing_and_sorted_by_a_click() {
    for look in Look::BOTH {
        let school = School::open().await;
        school.courses(["Botany", "Algebra", "Analysis"]).await;
        let page = Browser::with_look(&school, look).await;
        page.goto("/courses").await;
        page.waits_for_text("3 courses").await;
        page.type_into("Search by name, level or code", "al").await;
        page.waits_for_text("2 courses").await;
        page.waits_for_path("/courses?q=al&sort=name&order=asc").await;
        assert!(!page.text("#rows").await.contains("Botany"));
        page.looks_right("courses-found").await;
        page.waits_for_focus("Search by name, level or code").await;
        assert!(page.text("#rows tbody tr:first-child").await.contains("Algebra"));
        page.click_text("Name").await;
        page.waits_for_path("/courses?sort=name&order=desc&q=al").await;
        assert!(page.text("#rows tbody tr:first-child").await.contains("Analysis"));
        page.type_into("Search by name, level or code", "zoology").await;
        page.waits_for_text("No course has “zoology” in its name, level or code.").await;
        page.looks_right("courses-not-found").await;
        page.has_no_complaints().await;
        page.loads_nothing_from_elsewhere().await;
    }
}

#[tokio::test]
async fn seats_are_limited_and_times_are_in_the_time_zone_of_the_browser() {
    for look in Look::BOTH {
        let school = School::open().await;
        let algebra = school.course("Algebra").await;
        let page = Browser::with_look(&school, look).await.in_zone("Asia/Kathmandu").await;
        page.goto(&format!("/courses/{}", algebra.id)).await;
        page.type_into("Capacity", "many").await;
        page.click_text("Save seats").await;
        page.waits_for_text("Capacity must be a whole number from 0 to 1,000,000.").await;
        page.looks_right("seats-refused-in-course").await;
        page.expects_status(422);
        page.waits_for_focus("Capacity").await;
        page.type_into("Capacity", "30").await;
        page.type_into("Places on the waitlist", "5").await;
        // As the date picker of the browser fills it in.
        page.run("const it = document.getElementById('opens_at'); it.value = '2026-09-01T13:45'; it.dispatchEvent(new Event('input'))").await;
        page.click_text("Save seats").await;
        page.waits_for_text("The seats are saved.").await;
        page.waits_for_text("0 of 30").await;
        page.looks_right("seats-saved").await;
        // An incomplete time is not taken for an empty one.
        page.run("const it = document.getElementById('opens_at'); it.focus()").await;
        page.press("Delete").await;
        page.click_text("Save seats").await;
        page.waits_for_focus("Registration opens").await;
        page.goto(&format!("/courses/{}", algebra.id)).await;
        let seats = school.get(&format!("/api/v1/courses/{}/seats", algebra.id)).await.is_ok().json();
        assert_eq!(seats["opens_at"], "2026-09-01T08:00:00.000Z", "Kathmandu is 5:45 ahead");
        assert_eq!(page.value("#opens_at").await, "2026-09-01T13:45");
        let time = page.find("#history ~ ol time").await;
        assert_eq!(time.attribute("datetime").await.as_deref(), Some("2026-09-01T08:00:00.000Z"));
        assert_eq!(time.attribute("title").await.as_deref(), Some("1 September 2026, 08:00 UTC"));
        assert!(time.text().await.contains("1:45"), "{}", time.text().await);
        page.has_no_complaints().await;
    }
}

#[tokio::test]
async fn a_course_shows_its_roster_its_waitlist_and_its_roster_on_a_day() {
    for look in Look::BOTH {
        let school = School::open().await;
        let algebra = school.course("Algebra").await;
        let [ana, ben, eve] = school.students(["Ana", "Ben", "Eve"]).await;
        ana.enrolls_in(&algebra).await.is_created();
        school.let_pass(Duration::from_hours(48));
        ana.drops(&algebra).await.is(204);
        let seats = json!({"capacity": 1, "waitlist_capacity": 5});
        school.put(&format!("{}/seats", algebra.url())).json(&seats).await.is_ok();
        ben.enrolls_in(&algebra).await.is_created();
        eve.enrolls_in(&algebra).await.is(202);
        let page = Browser::with_look(&school, look).await;
        page.goto(&format!("/courses/{}", algebra.id)).await;
        page.waits_for_text("1 waiting").await;
        assert!(page.text("[aria-label='Students on the roster']").await.contains("Ben"));
        assert!(page.text("[aria-labelledby=waitlist]").await.contains("Eve"));
        page.find("svg.plot polyline").await;
        page.looks_right("course-full").await;
        page.run("document.getElementById('as_of').value = '2026-09-02'").await;
        page.click_text("Show").await;
        page.waits_for_text("As of the end of Sep 2, 2026: 1 student.").await;
        let then = page.text("[aria-label='Students on the roster']").await;
        assert!(then.contains("Ana") && !then.contains("Ben"), "{then}");
        page.looks_right("course-of-a-day").await;
        page.click_text("Print the roster").await;
        page.waits_for_text("1 student, as of the end of Sep 2, 2026").await;
        page.has_no_complaints().await;
        page.loads_nothing_from_elsewhere().await;
    }
}

#[tokio::test]
async fn a_day_ends_in_the_time_zone_of_the_browser() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    ana.enrolls_in(&algebra).await.is_created();
    // 20:00 of the same day in Los Angeles, the next morning in UTC.
    school.let_pass(Duration::from_hours(19));
    ben.enrolls_in(&algebra).await.is_created();
    let page = Browser::open(&school).await.in_zone("America/Los_Angeles").await;
    page.goto(&format!("/courses/{}", algebra.id)).await;
    page.run("document.getElementById('as_of').value = '2026-09-01'").await;
    page.click_text("Show").await;
    page.waits_for_text("As of today, Sep 1, 2026, 8:00 PM: 2 students.").await;
    page.click_text("Print the roster").await;
    page.waits_for_text("2 students, as of today").await;
    page.has_no_complaints().await;
}

#[tokio::test]
async fn a_double_click_adds_one_course() {
    let school = School::open().await;
    let page = Browser::open(&school).await;
    page.goto("/courses/new").await;
    page.type_into("Name", "Algebra").await;
    page.type_into("Level", "graduate").await;
    // Two submissions of the same form, the second before the first is answered.
    page.run("const form = document.querySelector('main form'); form.submit(); form.submit()").await;
    page.waits_for_path("/courses/1?saved=added").await;
    assert_eq!(school.get("/api/v1/courses").await.ids(), [1]);
    page.has_no_complaints().await;
}

#[tokio::test]
async fn one_click_loads_the_sample_school() {
    for look in Look::BOTH {
        let school = School::open().await;
        let page = Browser::with_look(&school, look).await;
        page.goto("/students").await;
        page.click_text("Load the sample school").await;
        page.waits_for_text("40 courses").await;
        page.looks_right("sample-courses").await;
        page.opens_from_menu("Students").await;
        page.waits_for_text("500 students").await;
        page.click_text("Next page").await;
        page.waits_for_text("First page").await;
        page.looks_right("sample-students").await;
        page.has_no_complaints().await;
        page.loads_nothing_from_elsewhere().await;
    }
}
