//! Students and courses are found from every page, with a key and some letters.

use serde_json::json;

use crate::access::{WithToken as _, create};
use crate::school::{Browser, School};

async fn school() -> School {
    let school = School::open().await;
    for (name, number) in [("Ana Lopez", "0042"), ("José López", "0043"), ("Ben Okafor", "0044")] {
        let student = json!({"name": name, "email": "s@example.edu", "number": number});
        school.post("/api/v1/students", student).await.is_created();
    }
    for (name, code) in [("Logic 101", "PHIL-1"), ("Algebra", "MATH-1")] {
        let course = json!({"name": name, "level": "one", "code": code});
        school.post("/api/v1/courses", course).await.is_created();
    }
    school
}

#[tokio::test]
async fn a_key_some_letters_and_enter_lead_to_a_student_or_a_course() {
    let school = school().await;
    let page = Browser::open(&school).await;
    page.goto("/registration").await;
    page.press("/").await;
    page.waits_for_focus("Find a student or a course").await;
    for letter in ["l", "o", "p"] {
        page.press(letter).await;
    }
    page.waits_for_text("2 results").await;
    page.looks_right("find").await;
    let active = "input[role=combobox]";
    assert_eq!(page.attribute(active, "aria-activedescendant").await.as_deref(), Some("find-1"));
    page.press("ArrowDown").await;
    assert_eq!(page.attribute(active, "aria-activedescendant").await.as_deref(), Some("find-2"));
    page.press("Enter").await;
    page.waits_for_path("/students/2").await;

    // Anywhere, also in a field; a slash in a field is a slash.
    page.goto("/students").await;
    page.type_into("Search by name, e-mail or number", "a").await;
    page.press("/").await;
    assert_eq!(page.value("#q").await, "a/");
    page.press("Control+k").await;
    page.waits_for_focus("Find a student or a course").await;
    page.press("Escape").await;
    page.waits_for_focus("Search by name, e-mail or number").await;
    page.press("Control+k").await;
    for letter in "math".chars() {
        page.press(&letter.to_string()).await;
    }
    page.waits_for_text("1 result").await;
    page.press("Enter").await;
    page.waits_for_path("/courses/2").await;
    page.click_text("Find a student or a course").await;
    for letter in "xyz".chars() {
        page.press(&letter.to_string()).await;
    }
    page.waits_for_text("Nothing is found.").await;
    page.press("Enter").await;
    page.looks_right("find-nothing").await;

    // A key that opens a dialog can be turned off, for good.
    page.run("document.querySelector('dialog [type=checkbox]').click()").await;
    page.goto("/courses").await;
    page.press("/").await;
    assert_eq!(page.run("return document.querySelector('dialog').open").await, false);
    page.press("Control+k").await;
    page.waits_for_focus("Find a student or a course").await;
    page.has_no_complaints().await;
    page.loads_nothing_from_elsewhere().await;
}

#[tokio::test]
async fn the_dialog_fits_a_phone_and_dark_colors() {
    let school = school().await;
    let page = Browser::phone(&school).await.dark().await;
    page.goto("/courses").await;
    page.press("Control+k").await;
    page.waits_for_focus("Find a student or a course").await;
    for letter in ["l", "o"] {
        page.press(letter).await;
    }
    page.waits_for_text("3 results").await;
    page.looks_right("find").await;
    page.has_no_complaints().await;
}

#[tokio::test]
async fn nobody_finds_who_they_may_not_see() {
    let school = school().await;
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let ana = json!({"name": "ana", "role": "student", "student_id": 1});
    let ana = create(&school, Some(&admin), ana).await;
    let finds = async |token: &str, q: &str| {
        let page = school.get(&format!("/find?q={q}")).header("accept", "text/html").with_token(token);
        page.await.is_ok().text().to_owned()
    };
    assert!(finds(&admin, "lop").await.contains("href=\"/students/2\""));
    // A student finds courses, and no dialog.
    for q in ["lop", "ana", "0043", "2"] {
        assert!(!finds(&ana, q).await.contains("<a href=\"/students/2\""), "{q}");
    }
    let page = finds(&ana, "logic").await;
    assert!(page.contains("href=\"/courses/1\"") && !page.contains("<dialog"), "{page}");
}
