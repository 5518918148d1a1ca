//! What students do on their own pages in a browser, mostly on a phone.

use serde_json::json;

use crate::school::{Browser, School};
use crate::sign_in::{PASSWORD, WithCookie as _, account, school};

/// A school with the courses Algebra, which is full and has a waitlist, Botany, which opens in a second, and Chemistry. Ana
/// has an account; Ben has a seat in Algebra. Returns the cookie of the office and the link to set Ana's password.
async fn open_school() -> (School, String, String) {
    let (school, admin) = school().await;
    let by_office = |method: &str, path: &str| {
        school.ask(method, path).with_cookie(&admin).header("sec-fetch-site", "same-origin")
    };
    for name in ["Botany", "Chemistry"] {
        let course = json!({"name": name, "level": "undergraduate"});
        by_office("POST", "/api/v1/courses").json(&course).await.is_created();
    }
    for (course, limits) in [
        (1, json!({"capacity": 1, "waitlist_capacity": 5})),
        (2, json!({"capacity": null, "opens_at": "2026-09-01T08:00:01Z"})),
        (3, json!({"capacity": 30, "drop_until": "2026-09-15T08:00:00Z"})),
    ] {
        by_office("PUT", &format!("/api/v1/courses/{course}/seats")).json(&limits).await.is_ok();
    }
    by_office("PUT", "/api/v1/students/2/courses/1").await.is_created();
    let ana = [("name", "Ana"), ("address", "ana@example.edu"), ("role", "student"), ("student", "1")];
    let link = account(&school, Some(&admin), &ana).await;
    (school, admin, link)
}

async fn sets_password(page: &Browser, link: &str) {
    page.goto(link).await;
    page.type_into("New password", PASSWORD).await;
    page.click_text("Set password and sign in").await;
}

/// The pages as they look for a student who has something on each.
const PAGES: [(&str, &str); 9] = [
    ("my-courses", "/my"),
    ("my-catalogue", "/courses"),
    ("my-course-full", "/courses/1"),
    ("my-course-opens", "/courses/2"),
    ("my-course-taken", "/courses/3"),
    ("my-drop", "/my/courses/3/drop"),
    ("my-swap", "/my/courses/1/swap"),
    ("my-record", "/my/record"),
    ("my-account", "/account"),
];

/// Controls that are less than 44 pixels high, too small for a thumb.
const SMALL: &str = "
    const controls = 'button, .button, .tabs a, select, input:not([type=checkbox], [type=hidden])';
    const all = [...document.querySelectorAll(controls)];
    const shown = all.filter(control => control.checkVisibility() && control.getBoundingClientRect().height < 44);
    return shown.map(control => control.outerHTML);";

#[tokio::test]
async fn a_student_enrolls_waits_swaps_and_drops_with_one_thumb() {
    let (school, _, link) = open_school().await;
    let page = Browser::phone(&school).await.in_zone("America/Chicago").await;
    sets_password(&page, &link).await;
    page.waits_for_text("You take no courses yet.").await;
    page.looks_right("my-empty").await;
    page.click_text("Courses").await;
    page.waits_for_path("/courses").await;
    page.type_into("Search by name, level or code", "chem").await;
    page.waits_for_text("1 course").await;
    page.click_text("Enroll in Chemistry").await;
    page.waits_for_text("You are enrolled in Chemistry").await;
    page.waits_for_text("Tue, Sep 1, 2026, 3:00:00 AM CDT").await;
    page.waits_for_text("You can drop it until Sep 15, 3:00 AM CDT").await;
    page.looks_right("my-confirmation").await;
    page.click_text("More courses").await;
    page.click_text("Join waitlist of Algebra").await;
    page.waits_for_text("You are on the waitlist of Algebra").await;
    page.waits_for_text("You are 1st in line now.").await;
    page.click_text("My courses").await;
    page.waits_for_text("1st in line").await;
    page.click_text("Drop Chemistry").await;
    page.waits_for_text("Drop Chemistry?").await;
    page.click_text("Keep it").await;
    page.click_text("Leave the waitlist of Algebra").await;
    page.waits_for_text("If you come back later, you start at the end.").await;
    page.click_text("Leave the waitlist").await;
    page.waits_for_text("You left the waitlist of Algebra").await;
    school.let_pass(std::time::Duration::from_secs(1));
    page.goto("/courses/2").await;
    page.click_text("Swap for one of my courses…").await;
    page.click_text("Give up Chemistry").await;
    page.waits_for_text("Chemistry, which you gave up").await;
    page.goto("/my/courses/2/drop").await;
    page.click_text("Drop Botany").await;
    page.waits_for_text("You dropped Botany").await;
    page.has_no_complaints().await;
    page.loads_nothing_from_elsewhere().await;
}

#[tokio::test]
async fn every_page_of_a_student_fits_a_phone_a_thumb_and_dark_colors() {
    let (school, _, link) = open_school().await;
    let phone = Browser::phone(&school).await;
    sets_password(&phone, &link).await;
    phone.waits_for_text("You take no courses yet.").await;
    phone.goto("/courses/3").await;
    phone.click_text("Enroll in Chemistry").await;
    phone.waits_for_text("You are enrolled in Chemistry").await;
    for (name, path) in PAGES {
        phone.goto(path).await;
        assert_eq!(phone.run(SMALL).await, json!([]), "{path}");
        phone.looks_right(name).await;
    }
    phone.has_no_complaints().await;
    phone.loads_nothing_from_elsewhere().await;
}

#[tokio::test]
async fn the_place_in_line_moves_and_the_countdown_ends_while_the_page_is_open() {
    let (school, admin, link) = open_school().await;
    let by_office = |method: &str, path: &str| {
        school.ask(method, path).with_cookie(&admin).header("sec-fetch-site", "same-origin")
    };
    let cleo = json!({"name": "Cleo", "email": "cleo@example.edu"});
    by_office("POST", "/api/v1/students").json(&cleo).await.is_created();
    for student in [3, 1] {
        by_office("PUT", &format!("/api/v1/students/{student}/courses/1")).await.is(202);
    }
    let page = Browser::phone(&school).await;
    sets_password(&page, &link).await;
    page.waits_for_text("2nd in line").await;
    page.waits_for_text("Opens next for you").await;
    // The time comes for which the page counts down.
    school.let_pass(std::time::Duration::from_secs(1));
    page.waits_for_text("2 courses have a free seat for you").await;
    assert_eq!(page.run("return document.querySelectorAll('.opening').length").await, 0);
    // Somebody leaves, and the student looks at the phone again.
    by_office("DELETE", "/api/v1/students/3/courses/1").await.is(204);
    page.run("document.dispatchEvent(new Event('visibilitychange'))").await;
    page.waits_for_text("1st in line was 2nd on").await;
    page.has_no_complaints().await;
    // A tap that was too early: the page that says so becomes the one with the button, and sends nothing again.
    let soon = json!({"opens_at": "2026-09-01T08:00:02Z"});
    by_office("PATCH", "/api/v1/courses/3/seats").json(&soon).await.is_ok();
    let early = "const form = document.createElement('form');
        [form.method, form.action] = ['post', '/my/courses/3/enroll'];
        document.body.append(form);
        form.submit();";
    page.run(early).await;
    page.waits_for_text("Registration for Chemistry opens for you at").await;
    page.expects_status(409);
    school.let_pass(std::time::Duration::from_secs(1));
    page.waits_for_path("/courses/3").await;
    page.click_text("Enroll in Chemistry").await;
    page.waits_for_text("You are enrolled in Chemistry").await;
    page.has_no_complaints().await;
}

#[tokio::test]
async fn the_pages_of_a_student_work_without_scripts() {
    let (school, _, link) = open_school().await;
    let page = Browser::phone(&school).await.without_scripts().await;
    sets_password(&page, &link).await;
    page.waits_for_text("Opens next for you").await;
    page.waits_for_text("1 September 2026, 08:00 UTC").await;
    page.click_text("Courses with free seats").await;
    page.waits_for_text("1 course").await;
    page.click_text("Enroll in Chemistry").await;
    page.waits_for_text("You are enrolled in Chemistry").await;
    page.waits_for_text("1 September 2026, 08:00 UTC by you").await;
    page.click_text("More courses").await;
    page.type_into("Search by name, level or code", "algebra").await;
    page.click_text("Search").await;
    page.click_text("Join waitlist of Algebra").await;
    page.waits_for_text("You are 1st in line now.").await;
    page.click_text("My courses").await;
    page.waits_for_text("Look again").await;
    page.click_text("Leave the waitlist of Algebra").await;
    page.click_text("Leave the waitlist").await;
    page.waits_for_text("You left the waitlist of Algebra").await;
    page.has_no_complaints().await;
    page.loads_nothing_from_elsewhere().await;
}
