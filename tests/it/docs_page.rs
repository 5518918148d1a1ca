//! The API reference in a browser.

use crate::school::{Browser, Look, School};

#[tokio::test]
async fn the_reference_shows_every_operation_and_loads_nothing_from_elsewhere() {
    let document = serde_json::to_value(matricula::server::router::document()).unwrap();
    let school = School::open().await;
    let browser = Browser::open(&school).await;
    browser.goto("/docs/").await;
    browser.waits_for_text("Programs can do everything that these pages do.").await;
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            browser.waits_for_text(operation["summary"].as_str().unwrap()).await;
        }
    }
    browser.looks_right("docs").await;
    let frame = "const of = (css, name) => getComputedStyle(document.querySelector(css))[name];
        return [of('.opblock-summary-path', 'fontFamily').split(',')[0], of('.opblock', 'backgroundColor') == of('header', 'backgroundColor')]";
    assert_eq!(
        browser.run(frame).await,
        serde_json::json!(["Inter", true]),
        "the reference looks like the pages"
    );
    browser.has_no_complaints().await;
    browser.loads_nothing_from_elsewhere().await;
}

#[tokio::test]
async fn an_operation_is_opened_and_carried_out_by_everyone() {
    for look in Look::BOTH {
        let school = School::open().await;
        school.student("Ana").await.enrolls_in(&school.course("Algebra").await).await.is_created();
        let page = Browser::with_look(&school, look).await;
        page.goto("/docs/").await;
        page.click_text("GET /api /v1 /students /{student_id} /courses List the courses of a student").await;
        page.waits_for_text("In order of enrollment").await;
        page.click_text("Execute").await;
        page.waits_for_text("For 'student_id': Required field is not provided.").await;
        page.looks_right("docs-refused").await;
        page.type_into("student_id", "1").await;
        page.click_text("Execute").await;
        page.waits_for_text("Server response").await;
        page.waits_for_text("\"name\": \"Algebra\"").await;
        page.click_text("Schema").await;
        page.waits_for_text("Expand all").await;
        page.looks_right("docs-executed").await;
        page.click_text("GET /api /v1 /students /{student_id} /courses List the courses of a student").await;
        page.click_text(
            "POST /api /v1 /students /{student_id} /courses Enroll a student in a course, or in several",
        )
        .await;
        page.waits_for("textarea[aria-label='Request body']").await;
        page.waits_for_path("/docs/#/enrollments/enroll").await;
        page.looks_right("docs-body").await;
        page.click_text("Authorize").await;
        page.waits_for_text("Available authorizations").await;
        page.looks_right("docs-token").await;
        page.type_into("Value:", "a token").await;
        page.press("Enter").await;
        page.waits_for_text("Authorized").await;
        page.looks_right("docs-token-given").await;
        page.has_no_complaints().await;
        page.loads_nothing_from_elsewhere().await;
    }
}

#[tokio::test]
async fn a_link_to_an_operation_opens_it() {
    let school = School::open().await;
    let page = Browser::open(&school).await;
    page.goto("/docs/#/enrollments/list_student_courses").await;
    page.waits_for_text("In order of enrollment").await;
}
