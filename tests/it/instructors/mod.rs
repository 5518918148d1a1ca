//! Instructors see the rosters, waitlists and past of the courses that they are assigned to, and nothing else.

mod endings;
mod pages;

use std::time::Duration;

use serde_json::{Value, json};

use crate::access::{WithToken, create};
use crate::school::{Client, RequestBuilder, School};
use crate::sign_in::{PASSWORD, WithCookie, cookie, form, set_password};

/// A school with two courses, Algebra (1) and Botany (2): in each is one student who has dropped, one who is enrolled,
/// and one who waits. Nina and Omar are instructors, Nina of Algebra.
struct Staff {
    admin: String,
    registrar: String,
    nina: Instructor,
    omar: Instructor,
}

struct Instructor {
    id: i64,
    cookie: String,
}

impl Instructor {
    async fn create(school: &School, admin: &str, name: &str) -> Self {
        let address = format!("{}@example.edu", name.to_lowercase());
        let account = json!({"name": format!("{name} Teacher"), "address": address, "role": "instructor"});
        let created = school.post("/api/v1/accounts", account).with_token(admin).await.is_created().json();
        let (_, secret) = created["link"].as_str().unwrap().split_once("/set-password/").unwrap();
        let reply = set_password(school, &format!("/set-password/{secret}"), PASSWORD).await.is(303);
        Self { id: created["id"].as_i64().unwrap(), cookie: cookie(&reply) }
    }

    fn teaches(&self, course: i64) -> String {
        format!("/api/v1/courses/{course}/instructors/{}", self.id)
    }

    fn asks(&self, client: &Client, method: &str, path: &str) -> RequestBuilder {
        client.ask(method, path).with_cookie(&self.cookie).header("sec-fetch-site", "same-origin")
    }

    async fn reads(&self, school: &School, path: &str) -> Value {
        self.asks(&school.client, "GET", path).await.is_ok().json()
    }

    async fn may_not_read(&self, school: &School, path: &str) {
        self.asks(&school.client, "GET", path).await.is_refused(403, "forbidden");
    }

    async fn visits(&self, school: &School, path: &str) -> String {
        let request = self.asks(&school.client, "GET", path).header("accept", "text/html");
        request.await.is_ok().text().to_owned()
    }
}

/// The students of Algebra and of Botany: who dropped, who is enrolled, who waits.
const ALGEBRA: [&str; 3] = ["Ana", "Ben", "Cleo"];
const BOTANY: [&str; 3] = ["Dora", "Emil", "Fay"];

async fn school() -> (School, Staff) {
    let school = School::open().await;
    let courses = school.courses(["Algebra", "Botany"]).await;
    for (course, names) in courses.iter().zip([ALGEBRA, BOTANY]) {
        let [past, present, waiting] = school.students(names).await;
        past.enrolls_in(course).await.is_created();
        school.let_pass(Duration::from_hours(1));
        past.drops(course).await.is(204);
        course.seats(1, 5).await;
        present.enrolls_in(course).await.is_created();
        waiting.enrolls_in(course).await.is(202);
    }
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let registrar = json!({"name": "registrar", "role": "registrar"});
    let registrar = create(&school, Some(&admin), registrar).await;
    let nina = Instructor::create(&school, &admin, "Nina").await;
    let omar = Instructor::create(&school, &admin, "Omar").await;
    school.put(&nina.teaches(1)).with_token(&registrar).await.is(204);
    (school, Staff { admin, registrar, nina, omar })
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_instructor_sees_the_roster_the_waitlist_and_the_past_of_their_course() {
    let (school, Staff { nina, .. }) = school().await;
    assert_eq!(names(&nina.reads(&school, "/api/v1/me/teaching").await), ["Algebra"]);
    assert_eq!(names(&nina.reads(&school, "/api/v1/courses/1/students").await), ["Ben"]);
    assert_eq!(names(&nina.reads(&school, "/api/v1/courses/1/waitlist").await), ["Cleo"]);
    let past = "/api/v1/courses/1/students?as_of=2026-09-01T08:30:00Z";
    assert_eq!(names(&nina.reads(&school, past).await), ["Ana"]);
    let head = nina.asks(&school.client, "HEAD", "/api/v1/courses/1/students?limit=1").await.is(200);
    assert_eq!(head.header("x-total-count"), "1");

    for (file, rows) in [
        ("students.csv", ",Ben,"),
        ("students.csv?as_of=2026-09-01T08:30:00Z", ",Ana,"),
        ("waitlist.csv", ",Cleo,"),
    ] {
        let file = nina.asks(&school.client, "GET", &format!("/api/v1/courses/1/{file}")).await.is_ok();
        assert_eq!((file.text().lines().count(), file.text().contains(rows)), (2, true), "{file:?}");
    }

    let page = nina.visits(&school, "/courses/1").await;
    for shown in ["Roster", "Ben", "Cleo", "Waitlist", "Enrollments over time", "dropped the course"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    // Nothing that they may not open or do.
    for hidden in ["href=\"/students", "/edit", "/delete", "Save seats", "id=\"instructors\""] {
        assert!(!page.contains(hidden), "{hidden}: {page}");
    }
    let roster = nina.visits(&school, "/courses/1/roster").await;
    assert!(roster.contains("Ben") && !roster.contains("/students"), "{roster}");
    let then = nina.visits(&school, "/courses/1?as_of=2026-09-01&until=2026-09-01T08:30:00Z").await;
    assert!(then.contains("1 student") && then.contains("Ana"), "{then}");
    let courses = nina.visits(&school, "/courses").await;
    let (_, own) = courses.split_once("Your courses").expect(&courses);
    assert!(own.contains("href=\"/courses/1\""), "{courses}");
}

#[tokio::test]
async fn an_instructor_sees_nothing_of_other_courses() {
    let (school, Staff { registrar, nina, omar, .. }) = school().await;
    // As an instructor of no course, or of a course without students.
    for course in [1, 2] {
        let who = if course == 1 { &omar } else { &nina };
        for path in [
            format!("/api/v1/courses/{course}/students"),
            format!("/api/v1/courses/{course}/students?limit=1"),
            format!("/api/v1/courses/{course}/students?as_of=2026-09-01T08:30:00Z"),
            format!("/api/v1/courses/{course}/students?as_of=2026-09-01T08:30:00Z&limit=1"),
            format!("/api/v1/courses/{course}/waitlist"),
            format!("/api/v1/courses/{course}/students.csv"),
            format!("/api/v1/courses/{course}/students.xlsx?as_of=2026-09-01T08:30:00Z"),
            format!("/api/v1/courses/{course}/waitlist.csv"),
            format!("/api/v1/courses/{course}/waitlist?limit=1"),
        ] {
            who.may_not_read(&school, &path).await;
            who.asks(&school.client, "HEAD", &path).await.is(403);
        }
        let course_page = format!("/courses/{course}");
        for path in [
            course_page.clone(),
            format!("{course_page}?as_of=2026-09-01&until=2026-09-01T08:30:00Z"),
            format!("{course_page}?before=99"),
        ] {
            let page = who.visits(&school, &path).await;
            for name in ALGEBRA.iter().chain(&BOTANY) {
                assert!(!page.contains(name), "{path}: {page}");
            }
            assert!(!page.contains("History") && !page.contains("over time"), "{path}: {page}");
        }
        for roster in ["roster", "roster?as_of=2026-09-01&until=2026-09-01T20:30:00Z"] {
            who.may_not_read(&school, &format!("{course_page}/{roster}")).await;
        }
    }
    // The cursor of somebody who sees the course.
    school.put("/api/v1/students/1/courses/2").with_token(&registrar).await.is(202);
    let first = school.get("/api/v1/courses/2/waitlist?limit=1").with_token(&registrar).await.is_ok();
    let next = first.next_page().unwrap().to_owned();
    let next = &next[next.find("/api").unwrap()..];
    nina.may_not_read(&school, next).await;
    // Lists of students and the log, by whatever search.
    for path in [
        "/api/v1/students",
        "/api/v1/students?q=ben",
        "/api/v1/students/2",
        "/api/v1/students/2/courses",
        "/api/v1/students/2/courses/1",
        "/api/v1/events?course_id=1",
        "/api/v1/events?type=enrollment.created&course_id=1",
        "/api/v1/me/courses",
        "/api/v1/courses/1/instructors",
        "/api/v1/accounts",
        "/students",
        "/students/2",
        "/students?q=ben",
    ] {
        nina.asks(&school.client, "GET", path).await.is_refused(403, "forbidden");
    }
    assert_eq!(nina.reads(&school, "/api/v1/courses?q=ben").await, json!([]));
    nina.asks(&school.client, "GET", "/api/v1/courses/9/students").await.is_refused(404, "course-not-found");
    assert_eq!(omar.reads(&school, "/api/v1/me/teaching").await, json!([]));
    assert!(!omar.visits(&school, "/courses").await.contains("Your courses"));
}

#[tokio::test]
async fn an_instructor_changes_nothing() {
    let (school, Staff { nina, omar, .. }) = school().await;
    let course = json!({"name": "Yoga", "level": "one"});
    let seats = json!({"capacity": 9});
    for (method, path, body) in [
        ("POST", "/api/v1/students", json!({"name": "Eve", "email": "eve@example.edu"})),
        ("PATCH", "/api/v1/students/1", json!({"name": "Eve"})),
        ("DELETE", "/api/v1/students/1", json!({})),
        ("POST", "/api/v1/courses", course),
        ("PATCH", "/api/v1/courses/1", json!({"name": "Yoga"})),
        ("DELETE", "/api/v1/courses/1?drop=true", json!({})),
        ("PUT", "/api/v1/courses/1/seats", seats),
        ("DELETE", "/api/v1/courses/1/seats", json!({})),
        ("POST", "/api/v1/students/1/courses", json!({"course_id": 1})),
        ("PUT", "/api/v1/students/1/courses/1", json!({})),
        ("DELETE", "/api/v1/students/2/courses/1", json!({})),
        ("POST", "/api/v1/enrollments/batch", json!([{"op": "drop", "student_id": 2, "course_id": 1}])),
        ("PUT", &nina.teaches(2), json!({})),
        ("PUT", &omar.teaches(1), json!({})),
        ("DELETE", &nina.teaches(1), json!({})),
        ("POST", "/api/v1/tokens", json!({"name": "x", "role": "admin"})),
    ] {
        nina.asks(&school.client, method, path).json(&body).await.is_refused(403, "forbidden");
    }
    for path in [
        "/courses/1/seats",
        "/courses/1/edit",
        "/courses/1/delete",
        "/courses/2/instructors",
        &format!("/courses/1/instructors/{}/remove", nina.id),
        "/students/2/courses/1/drop",
    ] {
        let fields = [("account_id", nina.id.to_string())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        form(school.ask("POST", path), &fields).with_cookie(&nina.cookie).await.is(403);
    }
}

#[tokio::test]
async fn a_registrar_assigns_and_removes_instructors() {
    let (school, Staff { admin, registrar, nina, omar }) = school().await;
    let by = |token: &str, method: &str, path: &str| school.ask(method, path).with_token(token);
    // Repeating it changes nothing.
    by(&registrar, "PUT", &nina.teaches(1)).await.is(204);
    by(&admin, "PUT", &omar.teaches(1)).await.is(204);
    let list = by(&registrar, "GET", "/api/v1/courses/1/instructors").await.is_ok();
    let teacher = |one: &Instructor, name: &str| json!({"account_id": one.id, "name": name});
    assert_eq!(list.json(), json!([teacher(&nina, "Nina Teacher"), teacher(&omar, "Omar Teacher")]));
    assert_eq!(list.header("x-total-count"), "2");
    assert_eq!(names(&omar.reads(&school, "/api/v1/courses/1/students").await), ["Ben"]);
    by(&registrar, "DELETE", &omar.teaches(1)).await.is(204);
    by(&registrar, "DELETE", &omar.teaches(1)).await.is_refused(404, "instructor-not-found");
    by(&registrar, "DELETE", &omar.teaches(9)).await.is_refused(404, "course-not-found");
    assert_eq!(by(&registrar, "GET", "/api/v1/courses/2/instructors").await.is_ok().json(), json!([]));
    by(&registrar, "GET", "/api/v1/courses/9/instructors").await.is_refused(404, "course-not-found");

    // Only enabled accounts of instructors.
    by(&registrar, "PUT", &nina.teaches(9)).await.is_refused(404, "course-not-found");
    for unknown in ["999", "0", "-1", "x", "+1"] {
        let path = format!("/api/v1/courses/1/instructors/{unknown}");
        by(&registrar, "PUT", &path).await.is_refused(404, "account-not-found");
    }
    let account = format!("/api/v1/accounts/{}", omar.id);
    for change in [json!({"role": "registrar"}), json!({"role": "instructor", "enabled": false})] {
        by(&admin, "PATCH", &account).json(&change).await.is_ok();
        by(&registrar, "PUT", &omar.teaches(2)).await.is_refused(409, "not-an-instructor");
    }

    let log = by(&registrar, "GET", "/api/v1/events?course_id=1").await.is_ok().json();
    let log = log
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["type"].as_str().unwrap().starts_with("instructor."));
    let log: Vec<_> = log.map(|entry| (entry["type"].clone(), entry["data"].clone())).collect();
    let data = |one: &Instructor| json!({"account_id": one.id});
    assert_eq!(
        log,
        [
            (json!("instructor.assigned"), data(&nina)),
            (json!("instructor.assigned"), data(&omar)),
            (json!("instructor.removed"), data(&omar))
        ]
    );
}

#[tokio::test]
async fn a_token_of_an_instructor_sees_no_roster() {
    let (school, Staff { admin, nina, .. }) = school().await;
    let token = create(&school, Some(&admin), json!({"name": "x", "role": "instructor"})).await;
    // Tokens and accounts are numbered together: none has the id of another.
    assert!(school.get("/api/v1/me").with_token(&token).await.is_ok().json()["actor"] != json!(nina.id));
    for path in ["/api/v1/courses/1/students", "/api/v1/courses/1/waitlist"] {
        school.get(path).with_token(&token).await.is_refused(403, "forbidden");
    }
    assert_eq!(school.get("/api/v1/me/teaching").with_token(&token).await.is_ok().json(), json!([]));
}

#[tokio::test]
async fn whatever_is_asked_at_once_the_list_agrees_with_the_log() {
    let (school, Staff { registrar, nina, omar, .. }) = school().await;
    let ask = async |number: u32| {
        let method = if number.is_multiple_of(3) { "DELETE" } else { "PUT" };
        let who = if number.is_multiple_of(2) { &nina } else { &omar };
        school.ask(method, &who.teaches(1)).with_token(&registrar).await.status.as_u16()
    };
    let replies = futures_util::future::join_all((0..40).map(ask)).await;
    assert!(replies.iter().all(|status| [204, 404].contains(status)), "{replies:?}");
    let log = school.get("/api/v1/events?course_id=1").with_token(&registrar).await.is_ok().json();
    let mut assigned = Vec::new();
    for entry in log.as_array().unwrap() {
        let id = &entry["data"]["account_id"];
        match entry["type"].as_str().unwrap() {
            "instructor.assigned" => {
                assert!(!assigned.contains(id), "{log}");
                assigned.push(id.clone());
            }
            "instructor.removed" => {
                assert!(assigned.contains(id), "{log}");
                assigned.retain(|other| other != id);
            }
            _ => {}
        }
    }
    let list = school.get("/api/v1/courses/1/instructors").with_token(&registrar).await.is_ok().json();
    let mut listed: Vec<_> = list.as_array().unwrap().iter().map(|one| one["account_id"].clone()).collect();
    listed.sort_by_key(Value::as_i64);
    assigned.sort_by_key(Value::as_i64);
    assert_eq!(listed, assigned);

    // A course that is deleted in the same commit leaves nothing.
    let (_, deleted) =
        tokio::join!(async { school.put(&omar.teaches(1)).with_token(&registrar).await.status }, async {
            school.delete("/api/v1/courses/1?drop=true").with_token(&registrar).await.is(204)
        },);
    drop(deleted);
    assert_eq!(school.other_program().column("select account_id || '' from matricula_instructors"), [""; 0]);
}
