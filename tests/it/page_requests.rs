//! The pages as a browser asks for them, without one: what they are made of, what a form does, what is refused.

use std::future::IntoFuture as _;
use std::time::Duration;

use regex::Regex;
use serde_json::json;

use crate::school::{Asking, Reply, School, errors};

impl School {
    fn page(&self, path: &str) -> Asking {
        self.get(path).header("accept", "text/html,application/xhtml+xml")
    }

    /// A form as a browser sends it.
    fn form(&self, path: &str, fields: &[(&str, &str)]) -> Asking {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let asking = self.client.ask("POST", path).header("accept", "text/html");
        asking.header("content-type", "application/x-www-form-urlencoded").body(body.finish())
    }
}

impl Reply {
    /// A page with this status; what people read of it.
    #[track_caller]
    fn is_page(self, status: u16) -> String {
        let reply = self.is(status);
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        let main = reply.text().split_once("<main").unwrap().1.split_once("</main>").unwrap().0;
        let text = Regex::new("<[^>]*>").unwrap().replace_all(&main[main.find('>').unwrap() + 1..], " ");
        text.replace("&#39;", "'").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Where a form leads once it is done.
    #[track_caller]
    fn leads_to(self) -> String {
        self.is(303).header("location").to_owned()
    }

    /// The hidden field of a page's first form that has it.
    #[track_caller]
    fn hidden(&self, name: &str) -> String {
        let field = Regex::new(&format!("name=\"{name}\" value=\"([^\"]*)\"")).unwrap();
        field.captures(self.text()).unwrap_or_else(|| panic!("no {name} in {}", self.text()))[1].to_owned()
    }
}

#[tokio::test]
async fn the_front_door_leads_to_the_courses() {
    let school = School::open().await;
    assert_eq!(school.page("/").await.leads_to(), "/courses");
    let empty = school.page("/courses").await.is_page(200);
    assert!(empty.contains("No courses yet") && empty.contains("Load the sample school"), "{empty}");
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_are_kept_by_nobody() {
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
        assert_eq!(reply.header("vary"), "accept, hx-request-type", "{path}");
        for line in reply.text().lines() {
            assert!(!elsewhere.is_match(line), "{path} has {line}");
        }
    }
}

#[tokio::test]
async fn what_pages_load_is_named_by_its_content_and_kept_for_good() {
    let school = School::open().await;
    let page = school.page("/courses").await.is_ok();
    let loaded = Regex::new(r#"(?:src|href)="(/assets/[^"]+)""#).unwrap();
    let mut weight = page.body.len();
    for asset in loaded.captures_iter(page.text()) {
        let reply = school.get(&asset[1]).await.is_ok();
        assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable");
        assert!(
            ["text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"]
                .contains(&reply.header("content-type"))
        );
        weight += reply.body.len();
    }
    assert!(weight < 100_000, "all of a page weighs {weight} bytes");
    school.get("/assets/style.0000000000000000.css").await.is_refused(404, "not-found");
}

#[tokio::test]
async fn pages_are_sent_small_to_whoever_can_unpack_them_and_what_is_live_is_not_held_back() {
    let school = School::open().await;
    school.course("Algebra").await;
    let packed = school.page("/courses").header("accept-encoding", "gzip, br").await.is_ok();
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.len() * 2 < school.page("/courses").await.is_ok().body.len());
    let mut feed = school.get("/registration/feed").header("accept-encoding", "gzip").listen().await;
    assert!(feed.hears("Algebra").await, "the feed is packed");
}

#[tokio::test]
async fn people_are_told_problems_in_a_page_and_programs_in_json() {
    let school = School::open().await;
    school.get("/courses/7").await.is_refused(404, "course-not-found");
    let told = school.page("/courses/7").await.is_page(404);
    assert!(
        told.starts_with("404 There is no such course There is no course 7. What this means Request "),
        "{told}"
    );
    assert!(school.page("/students/0").await.is_page(404).contains("an id is a whole number from 1"));
    assert!(school.page("/nowhere").await.is_page(404).contains("There is nothing at this address"));
    assert!(school.page("/courses?sort=size").await.is_page(400).contains("unknown variant"));
    // Whoever asks the API is answered by the API.
    school.page("/api/v1/courses/7").await.is_refused(404, "course-not-found");
}

#[tokio::test]
async fn what_a_name_has_in_it_is_text_on_every_page() {
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
        assert!(reply.text().contains("alert(1)"), "{path} does not tell the name");
        assert!(!reply.text().contains("<script>") && !reply.text().contains("\"\"'"), "{path}");
    }
}

#[tokio::test]
async fn a_form_that_is_sent_twice_is_done_once() {
    let school = School::open().await;
    let blank = school.page("/courses/new").await.is_ok();
    let key = blank.hidden("idempotency_key");
    let fields = [("idempotency_key", key.as_str()), ("name", "Algebra"), ("level", "graduate")];
    let [one, other] =
        [school.form("/courses/new", &fields).await, school.form("/courses/new", &fields).await];
    assert_eq!(one.leads_to(), other.leads_to());
    assert_eq!(school.get("/api/v1/courses").await.ids().len(), 1);
    // The same key for something else is a mistake, and is told so.
    let other = [("idempotency_key", key.as_str()), ("name", "Botany"), ("level", "graduate")];
    assert!(school.form("/courses/new", &other).await.is_page(422).contains("was used for another"));
    assert_ne!(school.page("/courses/new").await.hidden("idempotency_key"), key);
}

#[tokio::test]
async fn a_form_is_refused_in_the_words_of_the_api_and_keeps_what_was_typed() {
    let school = School::open().await;
    for (path, api, fields) in [
        ("/courses/new", "/api/v1/courses", [("name", " "), ("level", "undergraduate")]),
        ("/courses/new", "/api/v1/courses", [("name", "Tab\there"), ("level", "")]),
        ("/students/new", "/api/v1/students", [("name", "Zoë"), ("email", "zoe at home")]),
    ] {
        let body = json!({fields[0].0: fields[0].1, fields[1].0: fields[1].1});
        let told = school.post(api, body).await.is_refused(400, "invalid-request");
        let page = school.form(path, &fields).await;
        for (name, typed) in fields {
            assert!(page.text().contains(&format!("name=\"{name}\" type=\"")), "{}", page.text());
            assert!(page.text().contains(&format!("value=\"{typed}\"")), "{typed:?} is lost");
        }
        let page = page.is_page(422);
        for error in errors(&told) {
            let detail = error.split_once(": ").unwrap().1;
            assert!(page.contains(detail), "{detail:?} is not in {page}");
        }
    }
    assert_eq!(school.log().await, [""; 0]);
}

#[tokio::test]
async fn seats_are_set_by_a_form() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let path = format!("/courses/{}/seats", algebra.id);
    let fields = |capacity, opens| {
        [("capacity", capacity), ("waitlist_capacity", "5"), ("opens_at", opens), ("closes_at", "")]
    };
    let leads = school.form(&path, &fields("30", "2026-09-01T10:00:00+02:00")).await.leads_to();
    assert!(school.page(&leads).await.is_page(200).contains("The seats are saved."));
    let seats = format!("/api/v1/courses/{}/seats", algebra.id);
    let told = school.get(&seats).await.is_ok().json();
    assert_eq!(told["capacity"], 30);
    assert_eq!(told["opens_at"], "2026-09-01T08:00:00.000Z");
    school.form(&path, &fields("", "")).await.leads_to();
    assert_eq!(school.get(&seats).await.is_ok().json()["capacity"], json!(null));
    let refused = school.form(&path, &fields("many", "tomorrow")).await;
    assert!(refused.text().contains("value=\"tomorrow\""));
    let refused = refused.is_page(422);
    assert!(refused.contains("Capacity must be a whole number from 0 to 1000000."), "{refused}");
    assert!(refused.contains("Registration opens must be a time with its offset"), "{refused}");
}

#[tokio::test]
async fn seats_that_somebody_else_has_set_meanwhile_are_shown_before_they_are_replaced() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let seats = format!("{}/seats", algebra.url());
    school.put(&seats).json(&json!({"capacity": 30})).await.is_ok();
    let seen = school.page(&format!("/courses/{}", algebra.id)).await.is_ok().hidden("if_match");
    school.put(&seats).json(&json!({"capacity": 40, "waitlist_capacity": 5})).await.is_ok();
    let path = format!("/courses/{}/seats", algebra.id);
    let fields = |seen| {
        let limits = [("capacity", "30"), ("waitlist_capacity", "0"), ("opens_at", ""), ("closes_at", "")];
        [vec![("if_match", seen)], limits.to_vec()].concat()
    };
    let told = school.form(&path, &fields(seen.as_str())).await;
    let now = told.hidden("if_match");
    assert!(told.text().contains("value=\"30\""));
    assert!(told.is_page(412).contains("They are now: 40 seats, a waitlist of 5. Save to replace that."));
    school.form(&path, &fields(now.as_str())).await.leads_to();
    assert_eq!(school.get(&seats).await.is_ok().json()["capacity"], 30);
}

#[tokio::test]
async fn what_has_changed_meanwhile_is_shown_before_it_is_replaced() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let path = format!("/courses/{}/edit", algebra.id);
    let seen = school.page(&path).await.is_ok().hidden("if_match");
    school.patch(&algebra.url(), json!({"name": "Linear Algebra"})).await.is_ok();
    let fields = |seen| [("if_match", seen), ("name", "Algebra I"), ("level", "undergraduate")];
    let told = school.form(&path, &fields(seen.as_str())).await;
    let now = told.hidden("if_match");
    assert!(told.text().contains("value=\"Algebra I\""));
    assert!(told.is_page(412).contains("It is now: Name Linear Algebra Level undergraduate"));
    school.form(&path, &fields(now.as_str())).await.leads_to();
    assert_eq!(school.get(&algebra.url()).await.is_ok().json()["name"], "Algebra I");
}

#[tokio::test]
async fn a_mistake_in_a_form_does_not_make_it_know_what_was_never_shown() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let path = format!("/courses/{}/edit", algebra.id);
    let seen = school.page(&path).await.is_ok().hidden("if_match");
    school.patch(&algebra.url(), json!({"level": "graduate"})).await.is_ok();
    let fields = |name| [("if_match", seen.as_str()), ("name", name), ("level", "undergraduate")];
    let mistaken = school.form(&path, &fields("")).await.is(422);
    assert_eq!(mistaken.hidden("if_match"), seen);
    assert!(school.form(&path, &fields("Algebra I")).await.is_page(412).contains("It is now"));
    let unreadable = [("if_match", "any"), ("name", "Algebra I"), ("level", "undergraduate")];
    school.form(&path, &unreadable).await.is(412);
    assert_eq!(school.get(&algebra.url()).await.is_ok().json()["level"], "graduate");
}

#[tokio::test]
async fn nobody_is_dropped_by_a_deletion_that_did_not_speak_of_them() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let path = format!("/courses/{}/delete", algebra.id);
    let page = school.page(&path).await.is_ok();
    let version = page.hidden("if_match");
    assert!(
        !page.text().contains("name=\"drop\"") && page.is_page(200).contains("Nothing else goes with it.")
    );
    ana.enrolls_in(&algebra).await.is_created();
    let told = school.form(&path, &[("if_match", &version)]).await;
    assert_eq!(told.hidden("drop"), "true");
    let key = told.hidden("idempotency_key");
    let told = told.is_page(409);
    assert!(told.contains("Somebody has enrolled since you looked. This ends 1 enrollment."), "{told}");
    let fields = [("idempotency_key", key.as_str()), ("if_match", &version), ("drop", "true")];
    // The second of two clicks is told the same.
    assert_eq!(school.form(&path, &fields).await.leads_to(), "/courses");
    assert_eq!(school.form(&path, &fields).await.leads_to(), "/courses");
    assert_eq!(ana.courses().await, [""; 0]);
}

#[tokio::test]
async fn a_page_says_that_something_was_done_only_while_it_is_so() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    let told = async |what: &str| {
        school.page(&format!("/students/{}?{what}={}", ana.id, algebra.id)).await.is_page(200)
    };
    assert!(told("enrolled").await.contains("Enrolled in Algebra"));
    assert!(!told("dropped").await.contains("Dropped Algebra"));
    ana.drops(&algebra).await.is(204);
    assert!(!told("enrolled").await.contains("Enrolled in Algebra"));
    assert!(told("dropped").await.contains("Dropped Algebra . Undo"));
    assert!(told("left").await.contains("Left the waitlist of Algebra"));
}

#[tokio::test]
async fn who_enrolls_and_drops_by_forms_is_told_what_came_of_it() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let seats = json!({"capacity": 1, "waitlist_capacity": 1});
    school.put(&format!("{}/seats", algebra.url())).json(&seats).await.is_ok();
    let enroll = |student: &crate::school::Student, course: &crate::school::Course| {
        school.form(&format!("/students/{}/courses", student.id), &[("course_id", &course.id.to_string())])
    };
    let leads = enroll(&ana, &algebra).await.leads_to();
    assert!(school.page(&leads).await.is_page(200).contains("Enrolled in Algebra ."));
    let leads = enroll(&ben, &algebra).await.leads_to();
    let page = school.page(&leads).await.is_page(200);
    assert!(page.contains("Algebra is full: the student waits for a seat."), "{page}");
    assert!(page.contains("waits, place 1"), "{page}");
    assert!(enroll(&ana, &algebra).await.is_page(409).contains("is enrolled in course"));
    let drop = format!("/students/{}/courses/{}/drop", ana.id, algebra.id);
    let leads = school.form(&drop, &[]).await.leads_to();
    assert!(school.page(&leads).await.is_page(200).contains("The seat has gone to somebody who waited"));
    assert!(school.form(&drop, &[]).await.is_page(404).contains("is not enrolled"));
    assert!(
        school.form(&format!("/students/{}/courses", ana.id), &[]).await.is_page(400).contains("is required")
    );
    assert_eq!(botany.roster().await, [""; 0]);
    assert_eq!(algebra.roster().await, ["Ben"]);
    let history = school.page(&format!("/courses/{}", algebra.id)).await.is_page(200);
    for told in [
        "Ben got a seat from the waitlist",
        "Ana dropped the course",
        "Seats were set: 1 seat, a waitlist of 1",
    ] {
        assert!(history.contains(told), "{told} is not in {history}");
    }
}

#[tokio::test]
async fn a_roster_is_shown_as_it_was_at_the_end_of_a_day() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    ana.enrolls_in(&algebra).await.is_created();
    school.let_pass(Duration::from_hours(24));
    ana.drops(&algebra).await.is(204);
    ben.enrolls_in(&algebra).await.is_created();
    let path = format!("/courses/{}", algebra.id);
    let roster = async |path: String| {
        let page = school.page(&path).await.is_page(200);
        page.split("History").next().unwrap().to_owned()
    };
    for page in [path.clone(), format!("{path}/roster")] {
        let then = roster(format!("{page}?as_of=2026-09-01")).await;
        assert!(then.contains("Ana") && !then.contains("Ben"), "{then}");
        let now = roster(page).await;
        assert!(now.contains("Ben") && !now.contains("Ana "), "{now}");
    }
    assert!(roster(format!("{path}?as_of=2026-08-31")).await.contains("Nobody took this course then."));
    assert!(school.page(&format!("{path}?as_of=soon")).await.is_page(400).contains("must be a day"));
}

#[tokio::test]
async fn a_long_list_and_a_long_history_go_on() {
    let school = School::open().await;
    for number in 0..60 {
        school.course(&format!("Course {number}")).await;
    }
    let first = school.page("/courses?q=course&sort=name").await.is_ok();
    let next = Regex::new(r#"rel="next" href="([^"]+)""#).unwrap();
    let next = next.captures(first.text()).unwrap()[1].replace("&#38;", "&");
    let first = first.is_page(200);
    assert!(
        first.contains("60 courses") && first.contains("Course 0 ") && !first.contains("Course 9 "),
        "{first}"
    );
    let second = school.page(&next).await.is_page(200);
    assert!(second.contains("Course 9 ") && second.contains("First page"), "{second}");
    let ana = school.student("Ana").await;
    for number in 0..25 {
        school.patch(&ana.url(), json!({"name": format!("Ana {number}")})).await.is_ok();
    }
    let latest = school.page(&format!("/students/{}", ana.id)).await.is_ok();
    let earlier = Regex::new(r#"href="([^"]+before=\d+)#history""#).unwrap();
    let earlier = earlier.captures(latest.text()).unwrap()[1].to_owned();
    assert!(!latest.is_page(200).contains("was added"));
    assert!(school.page(&earlier).await.is_page(200).contains("was added"));
}

#[tokio::test]
async fn only_the_part_that_changes_is_sent_where_htmx_asks_for_it() {
    let school = School::open().await;
    school.courses(["Algebra", "Botany"]).await;
    let part = school.page("/courses?q=bot").header("hx-request-type", "partial").await.is_ok();
    assert!(part.text().trim_start().starts_with("<div id=\"rows\""), "{}", part.text());
    assert!(part.text().contains("Botany") && !part.text().contains("Algebra"));
    assert!(part.text().contains("<hx-partial hx-target=\"#found\">1 course</hx-partial>"));
    let wrong = format!("/courses?q={}", "a".repeat(300));
    let problem = school.page(&wrong).header("hx-request-type", "partial").await.is(400);
    assert_eq!(problem.header("hx-retarget"), "#main");
}

#[tokio::test]
async fn a_form_that_another_site_sends_is_refused_and_so_is_what_is_no_form() {
    let school = School::open().await;
    let fields = [("name", "Algebra"), ("level", "graduate")];
    let foreign = school.form("/courses/new", &fields).header("sec-fetch-site", "cross-site").await;
    assert!(foreign.is_page(403).contains("on behalf of a page of another site"));
    let json = school.post("/courses/new", json!({"name": "Algebra", "level": "graduate"})).await;
    json.is_refused(415, "unsupported-media-type");
    let many: Vec<_> = (0..200).map(|_| ("name", "Algebra")).collect();
    assert!(school.form("/courses/new", &many).await.is_page(400).contains("must have 100 fields at most"));
    let large = "a".repeat(2 * 1024 * 1024);
    assert!(school.form("/courses/new", &[("name", &large)]).await.is_page(413).contains("more than 1 MiB"));
    assert_eq!(school.log().await, [""; 0]);
}

#[tokio::test]
async fn one_click_fills_an_empty_school_and_no_other() {
    let school = School::open().await;
    let [one, other] = [school.form("/sample", &[]), school.form("/sample", &[])];
    let (one, other) = tokio::join!(one.into_future(), other.into_future());
    assert_eq!([one.leads_to(), other.leads_to()], ["/courses", "/courses"]);
    let [students, courses] = ["students", "courses"].map(|rows| format!("/api/v1/{rows}"));
    assert_eq!(school.get(&students).await.ids().len(), 500);
    let told = school.get(&courses).await.is_ok().json();
    let full = |course: &&serde_json::Value| course["seats"]["waitlisted"].as_i64() > Some(0);
    assert_eq!(told.as_array().unwrap().len(), 40);
    assert!(told.as_array().unwrap().iter().filter(full).count() > 3, "nobody waits: {told}");
    school.form("/sample", &[]).await.leads_to();
    assert_eq!(school.get(&students).await.ids().len(), 500);
}

#[tokio::test]
async fn the_board_counts_what_happens_and_what_is_refused() {
    let school = School::open().await;
    let [algebra, _] = school.courses(["Algebra", "Botany"]).await;
    let board = async || school.page("/registration").await.is_page(200);
    assert!(board().await.contains("Adds a minute 0"));
    let [ana, ben, eve] = school.students(["Ana", "Ben", "Eve"]).await;
    let seats = json!({"capacity": 1, "waitlist_capacity": 1});
    school.put(&format!("{}/seats", algebra.url())).json(&seats).await.is_ok();
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    eve.enrolls_in(&algebra).await.is_refused(409, "waitlist-full");
    let told = board().await;
    for told_once in [
        "Adds a minute 1",
        "To waitlists a minute 1",
        "Courses that are full 1 of 2",
        "Waiting for a seat 1",
        "The waitlist is full 1",
        "Algebra 1 of 1 1 of 1 1 waiting",
    ] {
        assert!(told.contains(told_once), "{told_once:?} is not in {told}");
    }
    ana.drops(&algebra).await.is(204);
    school.meanwhile("insert into courses (id, name, level) values (99, 'Found', 'graduate')");
    school.patch(&algebra.url(), json!({"name": "Algebra I"})).await.is_ok();
    let told = board().await;
    assert!(told.contains("Drops a minute 1") && told.contains("Adds a minute 2"), "{told}");
    assert!(told.contains("Waiting for a seat 0") && told.contains("Algebra I 1 of 1 1 of 1"), "{told}");
}

#[tokio::test]
async fn whoever_looks_at_the_board_is_told_what_changes_until_the_server_stops() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    let mut feed = school.get("/registration/feed").listen().await;
    assert!(feed.hears("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    assert!(feed.hears("<dt>Adds a minute</dt><dd>1</dd>").await);
    let closing = tokio::spawn(school.close());
    assert!(!feed.hears("nothing more").await);
    closing.await.unwrap();
}

#[tokio::test]
async fn students_are_looked_for_among_those_who_are_there_now() {
    let school = School::open().await;
    school.meanwhile("insert into students (id, name, email) values (70, 'ZOË Found', 'found@example.edu')");
    let found = async |q: &str| school.page(&format!("/students?q={q}")).await.is_page(200);
    assert!(found("zo%C3%AB").await.contains("ZOË Found"));
    let ana = school.student("Ana 100%").await;
    assert!(found("ANA").await.contains("Ana 100%"));
    assert!(found("0%25").await.contains("Ana 100%"));
    assert!(!found("a%25").await.contains("Ana"));
    school.patch(&ana.url(), json!({"name": "Beatrix"})).await.is_ok();
    assert!(found("beatrix").await.contains("Beatrix"));
    assert!(!found("ana+100").await.contains("Beatrix"));
    school.delete(&ana.url()).await.is(204);
    assert!(!found("beatrix").await.contains("Beatrix"));
    // Who is shown is read again: nobody is shown under a name that they no longer have.
    school.meanwhile("update students set name = 'Zoë Lost' where id = 70");
    assert!(found("zo%C3%AB").await.contains("Zoë Lost"));
    school.meanwhile("delete from students where id = 70");
    assert!(!found("zo%C3%AB").await.contains("Zoë Lost"));
}

#[tokio::test]
async fn a_list_by_name_shows_everybody_once_in_both_directions() {
    let school = School::open().await;
    for number in 0..120 {
        // Four of a name.
        school.student(&format!("Student {:02}", number * 7 % 30)).await;
    }
    let rows = Regex::new(r#"href="/students/(\d+)""#).unwrap();
    let next = Regex::new(r#"rel="next" href="([^"]+)""#).unwrap();
    let shown = async |first: &str| {
        let (mut shown, mut path) = (Vec::new(), Some(first.to_owned()));
        while let Some(asked) = path.take() {
            let page = school.page(&asked).await.is_ok();
            assert!(page.text().contains("120 students"), "{}", page.text());
            shown.extend(rows.captures_iter(page.text()).map(|row| row[1].parse::<i64>().unwrap()));
            path = next.captures(page.text()).map(|next| next[1].replace("&#38;", "&"));
        }
        shown
    };
    let api = school.get("/api/v1/students?sort=name").await.ids();
    assert_eq!(api.len(), 120);
    assert_eq!(shown("/students?sort=name").await, api);
    assert_eq!(shown("/students?sort=name&q=student").await, api);
    let reversed: Vec<_> = api.into_iter().rev().collect();
    assert_eq!(shown("/students?sort=name&order=desc").await, reversed);
}
