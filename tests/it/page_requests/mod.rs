//! The pages, requested as a browser would: their content, their forms and their errors.

mod catalogue;
mod courses;
mod external_ids;
mod forms;
mod groups;
mod my;
mod registration;
mod rosters;
mod students;

use regex::Regex;
use serde_json::json;

use crate::school::{Reply, RequestBuilder, School};

impl School {
    fn page(&self, path: &str) -> RequestBuilder {
        self.get(path).header("accept", "text/html,application/xhtml+xml")
    }

    /// A form as a browser sends it.
    fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let asking = self.client.ask("POST", path).header("accept", "text/html");
        asking.header("content-type", "application/x-www-form-urlencoded").body(body.finish())
    }
}

impl Reply {
    /// Asserts a page with this status, and returns the text that people read.
    #[track_caller]
    fn is_page(self, status: u16) -> String {
        let reply = self.is(status);
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        let main = reply.text().split_once("<main").unwrap().1.split_once("</main>").unwrap().0;
        let text = Regex::new("<[^>]*>").unwrap().replace_all(&main[main.find('>').unwrap() + 1..], " ");
        text.replace("&#39;", "'").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Asserts a redirect, and returns where it leads.
    #[track_caller]
    fn leads_to(self) -> String {
        self.is(303).header("location").to_owned()
    }

    /// The value of the first hidden field with this name.
    #[track_caller]
    fn hidden(&self, name: &str) -> String {
        let field = Regex::new(&format!("name=\"{name}\" value=\"([^\"]*)\"")).unwrap();
        field.captures(self.text()).unwrap_or_else(|| panic!("no {name} in {}", self.text()))[1].to_owned()
    }
}

#[tokio::test]
async fn the_root_page_leads_to_the_courses() {
    let school = School::open().await;
    assert_eq!(school.page("/").await.leads_to(), "/courses");
    let empty = school.page("/courses").await.is_page(200);
    assert!(empty.contains("No courses yet") && empty.contains("Load the sample school"), "{empty}");
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_are_not_stored() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let elsewhere = Regex::new(r#"(src|href|action)="[^/?#"]|<script>|<style|\sstyle=|\son[a-z]+="#).unwrap();
    for path in [
        "/courses".to_owned(),
        "/courses/new".to_owned(),
        format!("/courses/{}", algebra.id),
        format!("/courses/{}/roster", algebra.id),
        format!("/courses/{}/edit", algebra.id),
        format!("/courses/{}/delete", algebra.id),
        "/students".to_owned(),
        "/students/new".to_owned(),
        format!("/students/{}", ana.id),
        format!("/students/{}/edit", ana.id),
        format!("/students/{}/delete", ana.id),
        "/registration".to_owned(),
        "/problems/stale".to_owned(),
        "/nothing/here".to_owned(),
    ] {
        let reply = school.page(&path).await;
        let policy = reply.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"),
            "{path}: {policy}"
        );
        assert_eq!(reply.header("cache-control"), "private, no-store", "{path}");
        assert_eq!(reply.header("vary"), "accept, hx-request-type, authorization, cookie", "{path}");
        for line in reply.text().lines() {
            assert!(!elsewhere.is_match(line), "{path} has {line}");
        }
    }
}

#[tokio::test]
async fn assets_are_named_by_their_content_and_cached_for_good() {
    let school = School::open().await;
    let page = school.page("/courses").await.is_ok();
    let loaded = Regex::new(r#"(?:src|href)="(/assets/[^"]+)""#).unwrap();
    let mut weight = page.body.len();
    for asset in loaded.captures_iter(page.text()) {
        let reply = school.get(&asset[1]).await.is_ok();
        assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable");
        assert!(
            ["text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml", "font/woff2"]
                .contains(&reply.header("content-type"))
        );
        weight += reply.body.len();
    }
    assert!(weight < 120_000, "a page and its assets have {weight} bytes");
    school.get("/assets/style.0000000000000000.css").await.is_refused(404, "not-found");
}

#[tokio::test]
async fn pages_are_compressed_on_request_and_the_live_feed_is_not() {
    let school = School::open().await;
    school.course("Algebra").await;
    let compressed = school.page("/courses").header("accept-encoding", "gzip, br").await.is_ok();
    assert_eq!(compressed.header("content-encoding"), "gzip");
    assert!(compressed.body.len() * 2 < school.page("/courses").await.is_ok().body.len());
    let mut feed = school.get("/registration/feed").header("accept-encoding", "gzip").listen().await;
    assert!(feed.hears("Algebra").await, "the feed is compressed");
}

#[tokio::test]
async fn people_get_problems_as_pages_and_programs_as_json() {
    let school = School::open().await;
    school.get("/courses/7").await.is_refused(404, "course-not-found");
    let text = school.page("/courses/7").await.is_page(404);
    assert!(
        text.starts_with(
            "There is no such course There is no course 7. This course is not here. It may have been deleted since you opened \
             the page or saved the link. Courses Students Request "
        ),
        "{text}"
    );
    assert!(school.page("/students/0").await.is_page(404).contains("an id is a whole number from 1"));
    assert!(school.page("/nowhere").await.is_page(404).contains("There is no page at this address."));
    assert!(school.page("/courses?sort=size").await.is_page(400).contains("must be one of"));
    // The API answers in JSON, whatever the client accepts.
    school.page("/api/v1/courses/7").await.is_refused(404, "course-not-found");
}

#[tokio::test]
async fn markup_in_a_name_is_text_on_every_page() {
    let school = School::open().await;
    let name = "<script>alert(1)</script>\"'&";
    let course = school.post("/api/v1/courses", json!({"name": name, "level": name})).await.is_created();
    let student = json!({"name": name, "email": "a@example.edu"});
    let student = school.post("/api/v1/students", student).await.is_created().json()["id"].to_string();
    let course = course.json()["id"].to_string();
    school.form(&format!("/students/{student}/courses"), &[("course_id", &course)]).await.leads_to();
    for path in [
        "/courses".to_owned(),
        format!("/courses?q={}", "%3Cscript%3E"),
        format!("/courses/{course}"),
        format!("/courses/{course}/edit"),
        format!("/courses/{course}/delete"),
        format!("/students/{student}?q=alert&enrolled={course}"),
        format!("/students/{student}/edit"),
        "/registration".to_owned(),
    ] {
        let reply = school.page(&path).await.is_ok();
        assert!(reply.text().contains("alert(1)"), "{path} does not show the name");
        assert!(!reply.text().contains("<script>") && !reply.text().contains("\"\"'"), "{path}");
    }
}

#[tokio::test]
async fn htmx_gets_only_the_part_that_changes() {
    let school = School::open().await;
    school.courses(["Algebra", "Botany"]).await;
    let part = school.page("/courses?q=bot").header("hx-request-type", "partial").await.is_ok();
    assert!(part.text().trim_start().starts_with("<div id=\"rows\""), "{}", part.text());
    assert!(part.text().contains("Botany") && !part.text().contains("Algebra"));
    let found = "<hx-partial hx-target=\"#found\">1 course <a href=\"/seat-changes/new?q=bot\">Change its seats…</a></hx-partial>";
    assert!(part.text().contains(found), "{}", part.text());
    let wrong = format!("/courses?q={}", "a".repeat(300));
    let problem = school.page(&wrong).header("hx-request-type", "partial").await.is(400);
    assert_eq!(problem.header("hx-retarget"), "#main");
}
