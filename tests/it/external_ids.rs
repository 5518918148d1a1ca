//! Numbers of students and codes of courses: the ids of the outside world, unique and exactly as they were written.

use serde_json::{Value, json};

use crate::access::{WithToken as _, create};
use crate::school::{Reply, RequestBuilder, School, eventually};

const STUDENTS: &str = "/api/v1/students";
const COURSES: &str = "/api/v1/courses";

fn add(school: &School, name: &str, number: &str) -> RequestBuilder {
    school.post(STUDENTS, json!({"name": name, "email": "s@example.edu", "number": number}))
}

fn url(reply: &Reply) -> String {
    reply.header("location").to_owned()
}

#[tokio::test]
async fn a_number_is_kept_as_it_is_written() {
    let school = School::open().await;
    for (sent, kept) in
        [("0042", "0042"), ("42", "42"), ("02E800", "02E800"), ("02e800", "02e800"), ("  é 1 ", "é 1")]
    {
        let created = add(&school, "Ana", sent).await.is_created();
        assert_eq!(created.json()["number"], kept);
        assert_eq!(school.get(&url(&created)).await.is_ok().json()["number"], kept);
        let found = school.get(&format!("{STUDENTS}?number={}", urlencoded(kept))).await.is_ok();
        assert_eq!(found.ids(), [created.json()["id"].as_i64().unwrap()], "{kept}");
        assert_eq!(found.header("x-total-count"), "1");
    }
    let course = json!({"name": "Algebra", "level": "one", "code": "MATH-101"});
    let created = school.post(COURSES, course).await.is_created();
    assert_eq!(created.json()["code"], "MATH-101");
    assert_eq!(school.get(&format!("{COURSES}?code=MATH-101")).await.is_ok().ids(), [1]);
    assert_eq!(school.get(&format!("{COURSES}?code=math-101")).await.is_ok().ids(), [0; 0]);
    assert_eq!(school.get(&format!("{STUDENTS}?number=042")).await.is_ok().ids(), [0; 0]);
    // Neither in the log, which outlives the student.
    assert!(!school.get("/api/v1/events").await.is_ok().text().contains("02E800"));
}

fn urlencoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn it_is_left_out_where_there_is_none_and_null_means_none() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    assert_eq!(
        school.get(&ana.url()).await.is_ok().json(),
        json!({"id": 1, "name": "Ana", "email": "ana@example.edu"})
    );
    let body = json!({"name": "Ben", "email": "b@example.edu", "number": null});
    assert_eq!(school.post(STUDENTS, body).await.is_created().json().get("number"), None);
    for (number, why) in [
        (json!(""), "must not be empty"),
        (json!("x".repeat(256)), "must have at most 255 characters, not 256"),
        (json!("a\tb"), "must not have control characters"),
        (json!(42), "must be a text"),
    ] {
        let refused = school.patch(&ana.url(), json!({"number": number})).await;
        assert!(refused.is_refused(400, "invalid-request")["errors"][0]["detail"] == why);
    }
}

#[tokio::test]
async fn one_that_is_taken_is_refused_with_the_record_that_has_it() {
    let school = School::open().await;
    let ana = url(&add(&school, "Ana", "0042").await.is_created());
    let refused = add(&school, "Ben", "0042").await.is_refused(409, "number-taken");
    assert_eq!((&refused["url"], &refused["detail"]), (&json!(ana), &json!("Student 1 has this number.")));
    let ben = school.student("Ben").await;
    let refused = school.patch(&ben.url(), json!({"number": "0042"})).await.is_refused(409, "number-taken");
    assert_eq!(refused["url"], ana);
    // Setting it again changes nothing.
    school.patch(&ana, json!({"number": "0042"})).await.is_ok();
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    school.patch(&algebra.url(), json!({"code": "X"})).await.is_ok();
    let refused = school.patch(&botany.url(), json!({"code": "X"})).await.is_refused(409, "number-taken");
    assert_eq!(refused["url"], algebra.url());
    assert_eq!(
        school.log().await,
        ["student.created", "student.created", "course.created", "course.created", "course.updated"]
    );
}

#[tokio::test]
async fn of_requests_that_come_together_only_one_gets_it() {
    let school = School::open().await;
    let requests = (0..40).map(|n| {
        let request = add(&school, &format!("Student {n}"), &format!("{}", n % 4));
        tokio::spawn(async move { request.await })
    });
    let mut taken = Vec::new();
    let mut created = 0;
    for request in requests.collect::<Vec<_>>() {
        let reply = request.await.unwrap();
        if reply.status == 201 {
            created += 1;
        } else {
            taken.push(reply.is_refused(409, "number-taken"));
        }
    }
    assert_eq!((created, taken.len()), (4, 36));
    // Also in a batch whose students have no ids yet.
    for problem in taken {
        school.get(problem["url"].as_str().unwrap()).await.is_ok();
    }
}

#[tokio::test]
async fn it_can_be_changed_removed_and_given_to_another() {
    let school = School::open().await;
    let ana = url(&add(&school, "Ana", "1").await.is_created());
    let ben = url(&add(&school, "Ben", "2").await.is_created());
    let patch =
        async |path: &str, number: Value| school.patch(path, json!({"number": number})).await.is_ok().json();
    assert_eq!(patch(&ana, json!("3")).await["number"], "3");
    assert_eq!(patch(&ben, json!("1")).await["number"], "1");
    assert_eq!(patch(&ana, json!(null)).await.get("number"), None);
    assert_eq!(patch(&ben, json!("3")).await["number"], "3");
    school.delete(&ben).await.is(204);
    assert_eq!(patch(&ana, json!("3")).await["number"], "3");
    let last = school.get("/api/v1/events?after=6").await.is_ok().json();
    assert_eq!(
        (&last[1]["type"], &last[1]["data"]),
        (&json!("student.updated"), &json!({"changed": ["number"]}))
    );
    assert!(!last.to_string().contains("\"3\""));
}

#[tokio::test]
async fn a_change_changes_the_version() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let without = school.get(&ana.url()).await.is_ok().header("etag").to_owned();
    let with = school.patch(&ana.url(), json!({"number": "7"})).header("if-match", &without).await.is_ok();
    let with = with.header("etag").to_owned();
    assert_ne!(with, without);
    school.get(&ana.url()).header("if-none-match", &with).await.is(304);
    let stale = school.patch(&ana.url(), json!({"number": "8"})).header("if-match", &without).await;
    assert_eq!(stale.is_refused(412, "stale")["etag"], with);
    school.patch(&ana.url(), json!({"name": "Anna"})).header("if-match", &with).await.is_ok();
    school.delete(&ana.url()).header("if-match", &with).await.is_refused(412, "stale");
    let again = school.patch(&ana.url(), json!({"number": null, "name": "Ana"})).await.is_ok();
    assert_eq!(again.header("etag"), without);
}

#[tokio::test]
async fn every_list_of_people_and_courses_shows_it() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    for (course, code) in [(&algebra, "A1"), (&botany, "B1")] {
        school.patch(&course.url(), json!({"code": code})).await.is_ok();
    }
    algebra.seats(1, 5).await;
    add(&school, "Ana", "001").await.is_created();
    add(&school, "Ben", "002").await.is_created();
    for student in [1, 2] {
        school.put(&format!("{STUDENTS}/{student}/courses/1")).await;
    }
    let get = async |path: &str| school.get(path).await.is_ok().json();
    let past = "as_of=2026-09-01T08:00:00Z";
    for (path, field, value) in [
        (STUDENTS.to_owned(), "number", "001"),
        (format!("{STUDENTS}?sort=name&limit=1"), "number", "001"),
        (format!("{COURSES}/1/students"), "number", "001"),
        (format!("{COURSES}/1/students?{past}"), "number", "001"),
        (format!("{COURSES}/1/waitlist"), "number", "002"),
        (COURSES.to_owned(), "code", "A1"),
        (format!("{STUDENTS}/1/courses"), "code", "A1"),
        (format!("{STUDENTS}/1/courses?{past}"), "code", "A1"),
    ] {
        assert_eq!(get(&path).await[0][field], value, "{path}");
    }
    assert_eq!(get(&algebra.url()).await["code"], "A1");
    let changed = school.patch(&algebra.url(), json!({"level": "two"})).await.is_ok().json();
    assert_eq!((&changed["code"], &changed["seats"]["capacity"]), (&json!("A1"), &json!(1)));
}

#[tokio::test]
async fn a_search_finds_a_part_of_it_and_puts_the_one_that_is_typed_first() {
    let school = School::open().await;
    for (name, number) in [("Zoe 10", "x"), ("Yan", "910"), ("Xia", "10"), ("Wim", "0010"), ("Vic", "ab10")] {
        add(&school, name, number).await.is_created();
    }
    let found = async |query: &str| {
        let whole = school.get(&format!("{STUDENTS}?{query}")).await.is_ok();
        let mut ids = Vec::new();
        let mut next = Some(format!("{STUDENTS}?{query}&limit=1"));
        while let Some(path) = next {
            let page = school.get(&path).await.is_ok();
            assert_eq!(page.header("x-total-count"), whole.header("x-total-count"));
            ids.extend(page.ids());
            next = page.next_page().map(|url| format!("/api{}", url.split_once("/api").unwrap().1));
        }
        assert_eq!(whole.ids(), ids, "{query}");
        ids
    };
    assert_eq!(found("q=10").await, [3, 1, 2, 4, 5]);
    assert_eq!(found("q=10&sort=name").await, [3, 5, 4, 2, 1]);
    assert_eq!(found("q=10&sort=name&order=desc").await, [3, 1, 2, 4, 5]);
    assert_eq!(found("q=10&order=desc").await, [3, 5, 4, 2, 1]);
    assert_eq!(found("q=AB10").await, [5]);
    // An id that was typed, not one that looks like it.
    assert_eq!(found("q=2").await, [2]);
    assert_eq!(found("q=02").await, [0; 0]);
    assert_eq!(found("email=s@example.edu&order=desc").await, [5, 4, 3, 2, 1]);
    assert_eq!(found("email=S@example.edu").await, [0; 0]);
    assert_eq!(found("email=s@example.edu&q=910").await, [2]);
    assert_eq!(found("number=10&q=xia&email=s@example.edu&sort=email&order=desc").await, [3]);
    assert_eq!(found("number=10&q=yan").await, [0; 0]);
    school.get(&format!("{STUDENTS}?number=")).await.is_refused(400, "invalid-request");
    // The pages search in memory; a change is found at once.
    school.patch("/api/v1/students/1", json!({"number": "10a"})).await.is_ok();
    let page = school.get("/students?q=10").header("accept", "text/html").await.is_ok();
    let links: Vec<_> = page.text().matches("href=\"/students/").map(|_| ()).collect();
    assert!(links.len() >= 5 && page.text().contains("10a"), "{}", page.text());
    let first = page.text().find("<bdi>Xia</bdi>").unwrap();
    assert!(["Zoe 10", "Yan", "Wim"].iter().all(|name| page.text().find(name).unwrap() > first));
    school.patch("/api/v1/students/1", json!({"number": null})).await.is_ok();
    assert!(
        !school.get("/students?q=10a").header("accept", "text/html").await.is_ok().text().contains("Zoe")
    );
}

#[tokio::test]
async fn courses_are_found_by_their_codes() {
    let school = School::open().await;
    for (name, code) in [("Algebra 7", "M1"), ("Botany", "7"), ("Logic", "M7")] {
        school.post(COURSES, json!({"name": name, "level": "one", "code": code})).await.is_created();
    }
    assert_eq!(school.get(&format!("{COURSES}?q=7&sort=name")).await.is_ok().ids(), [2, 1, 3]);
    assert_eq!(school.get(&format!("{COURSES}?q=m7")).await.is_ok().ids(), [3]);
    assert_eq!(school.get(&format!("{COURSES}?code=7&q=b")).await.is_ok().ids(), [2]);
    let page = school.get("/courses?q=m7").header("accept", "text/html").await.is_ok();
    assert!(page.text().contains("Logic") && !page.text().contains("Botany"));
}

#[tokio::test]
async fn a_request_that_is_sent_again_gets_the_same_answer() {
    let school = School::open().await;
    let send = |key: &str| add(&school, "Ana", "0042").header("idempotency-key", key);
    let first = send("one").await.is_created();
    let again = send("one").await.is_created();
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &first.body));
    let refused = send("two").await.is_refused(409, "number-taken");
    school.patch("/api/v1/students/1", json!({"number": null})).await.is_ok();
    assert_eq!(send("two").await.is_refused(409, "number-taken")["url"], refused["url"]);
    // The answer that names a student goes with the student.
    school.delete("/api/v1/students/1").await.is(204);
    send("two").await.is_refused(409, "idempotency-answer-not-kept");
    send("three").await.is_created();
}

#[tokio::test]
async fn students_see_their_own_number_only() {
    let school = School::open().await;
    add(&school, "Ana", "001").await.is_created();
    add(&school, "Ben", "002").await.is_created();
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let ana = json!({"name": "ana", "role": "student", "student_id": 1});
    let ana = create(&school, Some(&admin), ana).await;
    let get = async |path: &str| school.get(path).with_token(&ana).await.is_ok();
    assert_eq!(get("/api/v1/students/1").await.json()["number"], "001");
    for (query, ids) in [
        ("", &[1][..]),
        ("?number=001", &[1]),
        ("?number=002", &[]),
        ("?q=00", &[1]),
        ("?q=002", &[]),
        ("?q=2", &[]),
        ("?q=1", &[1]),
        ("?email=s@example.edu", &[1]),
        ("?email=S@example.edu", &[]),
    ] {
        let list = get(&format!("{STUDENTS}{query}")).await;
        assert_eq!(list.ids(), ids, "{query}");
        assert_eq!(list.header("x-total-count"), ids.len().to_string(), "{query}");
    }
    school.get("/api/v1/students/2").with_token(&ana).await.is_refused(404, "student-not-found");
    for number in ["003", "002"] {
        let change = school.patch("/api/v1/students/1", json!({"number": number})).with_token(&ana);
        change.await.is_refused(403, "forbidden");
    }
    let page = school.get("/my/record").header("accept", "text/html").with_token(&ana).await.is_ok();
    assert!(page.text().contains("001"));
}

#[tokio::test]
async fn a_student_that_another_program_deletes_keeps_no_number() {
    let school = School::open().await;
    add(&school, "Ana", "0042").await.is_created();
    let code = json!({"name": "Algebra", "level": "one", "code": "M1"});
    school.post(COURSES, code.clone()).await.is_created();
    school.other_program_runs(
        "pragma foreign_keys = off; delete from students where id = 1; delete from courses where id = 1",
    );
    assert_eq!(school.get(&format!("{STUDENTS}?number=0042")).await.is_ok().ids(), [0; 0]);
    // Free at once, whether or not the deletion was noticed before.
    assert_eq!(add(&school, "Ben", "0042").await.is_created().json()["number"], "0042");
    school.post(COURSES, code).await.is_created();
    let log = school.log().await;
    assert_eq!(log.iter().filter(|kind| kind.ends_with(".deleted")).count(), 2, "{log:?}");
}

#[tokio::test]
async fn a_later_student_with_the_same_id_does_not_get_the_number() {
    let school = School::open().await;
    add(&school, "Ana", "0042").await.is_created();
    // A school looks for such rows when it opens.
    let database = school.close().await;
    database.runs("pragma foreign_keys = off; delete from students where id = 1");
    let school = School::open_at(&database).await;
    eventually("the deletion is noticed", async || school.log().await.len() == 2).await;
    school.other_program_runs("insert into students (id, name, email) values (1, 'Eve', 'e@example.edu')");
    assert_eq!(school.get("/api/v1/students/1").await.is_ok().json().get("number"), None);
    let held = school.other_program().column("select number from matricula_student_numbers");
    assert_eq!(held, [""; 0]);
}
