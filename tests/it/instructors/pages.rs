//! Instructors in a browser.

use serde_json::json;

use super::{Staff, names, school};
use crate::access::WithToken as _;
use crate::school::{Browser, Look, School};
use crate::sign_in::PASSWORD;

/// The path of the link with which a new account sets its password.
async fn link(school: &School, admin: &str, name: &str, role: &str) -> String {
    let account = json!({"name": name, "address": format!("{role}@example.edu"), "role": role});
    let created = school.post("/api/v1/accounts", account).with_token(admin).await.is_created().json();
    let (_, secret) = created["link"].as_str().unwrap().split_once("/set-password/").unwrap();
    format!("/set-password/{secret}")
}

async fn sign_in(page: &Browser, link: &str) {
    page.goto(link).await;
    page.type_into("New password", PASSWORD).await;
    page.click_text("Set password and sign in").await;
    page.waits_for_text("Sign out").await;
}

#[tokio::test]
async fn a_registrar_adds_and_removes_an_instructor_on_the_page_of_the_course() {
    let (school, Staff { admin, nina, omar, .. }) = school().await;
    let link = link(&school, &admin, "Ruth Office", "registrar").await;
    for (look, with_scripts) in [(Look::DESK, true), (Look::PHONE.dark(), false)] {
        let page = Browser::with_look(&school, look).await;
        let page = if with_scripts { page } else { page.without_scripts().await };
        if with_scripts {
            sign_in(&page, &link).await;
        } else {
            page.goto("/sign-in").await;
            page.type_into("E-mail address", "registrar@example.edu").await;
            page.type_into("Password", PASSWORD).await;
            page.click_text("Sign in").await;
            page.waits_for_text("Sign out").await;
        }
        page.goto("/courses/1").await;
        page.waits_for_text("Nina Teacher").await;
        page.click_text("Add instructor").await;
        page.waits_for_text("Choose an instructor.").await;
        page.expects_status(422);
        page.goto("/courses/1").await;
        let option = page.find(&format!("#account_id option[value='{}']", omar.id)).await;
        assert_eq!(option.text().await, "Omar Teacher");
        page.type_into("Add an instructor", "Omar").await;
        page.click_text("Add instructor").await;
        page.waits_for_path("/courses/1?saved=instructor").await;
        page.waits_for_text("The instructor is added.").await;
        assert!(page.text("[aria-labelledby=instructors]").await.contains("Omar Teacher"));
        assert_eq!(names(&omar.reads(&school, "/api/v1/courses/1/students").await), ["Ben"]);
        page.looks_right("course-instructors").await;
        page.click_text("Remove Omar Teacher").await;
        page.waits_for_path("/courses/1?saved=no-instructor").await;
        page.waits_for_text("The instructor is removed.").await;
        omar.may_not_read(&school, "/api/v1/courses/1/students").await;
        page.has_no_complaints().await;
    }
    assert_eq!(names(&nina.reads(&school, "/api/v1/courses/1/students").await), ["Ben"]);
}

#[tokio::test]
async fn the_pages_of_an_instructor_are_accessible() {
    let (school, Staff { admin, registrar, .. }) = school().await;
    let link = link(&school, &admin, "Pia Teacher", "instructor").await;
    let page = Browser::phone(&school).await;
    sign_in(&page, &link).await;
    let accounts = school.get("/api/v1/accounts").with_token(&admin).await.is_ok().json();
    let id = &accounts.as_array().unwrap().last().unwrap()["id"];
    let path = format!("/api/v1/courses/1/instructors/{id}");
    school.put(&path).with_token(&registrar).await.is(204);
    page.goto("/courses").await;
    page.waits_for_text("Your courses").await;
    page.looks_right("courses-of-an-instructor").await;
    page.click_text("Algebra").await;
    page.waits_for_text("Ben").await;
    page.looks_right("course-of-an-instructor").await;
    page.click_text("Print the roster").await;
    page.waits_for_text("course 1 · 1 student").await;
    page.looks_right("roster-of-an-instructor").await;
    page.has_no_complaints().await;
}
