//! Several courses of a student in one request: all of it is done, or nothing.

use std::time::Duration;

use serde_json::{Value, json};

use crate::access::{WithToken as _, create};
use crate::school::{Course, Reply, RequestBuilder, School, Student, errors, eventually};

impl School {
    fn sets(&self, student: &Student, courses: &[&Course]) -> RequestBuilder {
        self.put(&student.courses_url()).json(&json!({"course_ids": ids(courses)}))
    }
}

fn ids(courses: &[&Course]) -> Vec<i64> {
    courses.iter().map(|course| course.id).collect()
}

/// Course and status of each result.
fn statuses(results: &Value) -> Vec<(i64, i64)> {
    let number = |value: &Value| value.as_i64().unwrap();
    let results = results.as_array().unwrap().iter();
    results.map(|result| (number(&result["course_id"]), number(&result["status"]))).collect()
}

/// What stood in the way, and the results in the problem.
#[track_caller]
fn refused(reply: Reply, kind: &str) -> Vec<(i64, i64)> {
    statuses(&reply.is_refused(409, kind)["results"])
}

#[tokio::test]
async fn several_courses_are_enrolled_in_by_one_request() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    botany.seats(0, 5).await;

    let done = school.post(&ana.courses_url(), json!({"course_ids": [1, 2]})).await.is_ok().json();

    assert_eq!(statuses(&done), [(1, 201), (2, 202)]);
    assert_eq!(school.get(&ana.enrollment_url(&algebra)).await.is_ok().json(), done[0]["enrollment"]);
    assert_eq!(
        (&done[1]["waitlisted"]["position"], &done[1]["waitlisted"]["status"]),
        (&json!(1), &json!("waitlisted"))
    );
    assert_eq!(
        (ana.courses().await, botany.waitlist().await),
        (vec!["Algebra".to_owned()], vec!["Ana".to_owned()])
    );
    // One that cannot be had, and nothing is done.
    let again = school.post(&ana.courses_url(), json!({"course_ids": [3, 1]})).await;
    assert_eq!(refused(again, "already-enrolled"), [(3, 424), (1, 409)]);
    assert_eq!(chemistry.roster().await, [""; 0]);
    // Each in the order of the request, in the log too.
    assert_eq!(school.log().await[5..], ["enrollment.created", "waitlist.joined"]);
}

#[tokio::test]
async fn a_list_of_courses_is_checked_like_every_body() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let many: Vec<_> = (1..=33).collect();
    for (body, wrong) in [
        (json!({"course_ids": []}), "/course_ids: must be an array of 1 to 32 ids of courses"),
        (json!({"course_ids": many}), "/course_ids: must be an array of 1 to 32 ids of courses"),
        (json!({"course_ids": 7}), "/course_ids: must be an array of 1 to 32 ids of courses"),
        (json!({"course_ids": [7, 9, 7]}), "/course_ids: has course 7 more than once"),
        (
            json!({"course_ids": ["7"]}),
            "/course_ids: has an id that must be a number: write 7 without quotes",
        ),
        (json!({"course_id": "7"}), "/course_id: must be a number: write 7 without quotes"),
        (json!({"course_id": "0"}), "/course_id: must be a whole number from 1 to 9,007,199,254,740,991"),
        (
            json!({"course_id": 7, "course_ids": [7]}),
            "/course_ids: stands in place of `course_id`: send one of the two",
        ),
    ] {
        let problem = school.post(&ana.courses_url(), body).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), [wrong]);
    }
    let problem = school.put(&ana.courses_url()).json(&json!({})).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["/course_ids: is required"]);
    school
        .put("/api/v1/students/9/courses")
        .json(&json!({"course_ids": []}))
        .await
        .is_refused(404, "student-not-found");
    let missing = school.put(&ana.courses_url()).json(&json!({"course_ids": [77]})).await;
    missing.is_refused(404, "course-not-found");
}

#[tokio::test]
async fn the_courses_of_a_student_are_set_as_a_whole() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    let set = async |courses: &[&Course]| statuses(&school.sets(&ana, courses).await.is_ok().json());
    assert_eq!(set(&[&algebra, &botany]).await, [(1, 201), (2, 201)]);
    let before = school.get(&ana.enrollment_url(&botany)).await.is_ok().json();

    assert_eq!(set(&[&chemistry, &botany]).await, [(3, 201), (2, 200), (1, 204)]);

    assert_eq!(ana.courses().await, ["Botany", "Chemistry"]);
    assert_eq!(school.get(&ana.enrollment_url(&botany)).await.is_ok().json(), before, "it stays as it was");
    let events = school.log().await;
    assert_eq!(events[6..], ["enrollment.dropped", "enrollment.created"]);
    // To repeat it changes nothing.
    assert_eq!(set(&[&chemistry, &botany]).await, [(3, 200), (2, 200)]);
    assert_eq!(school.log().await, events);
    assert_eq!(set(&[]).await, [(2, 204), (3, 204)]);
    assert_eq!(ana.courses().await, [""; 0]);
}

#[tokio::test]
async fn a_set_that_cannot_be_had_changes_nothing() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    botany.seats(1, 0).await;
    ben.enrolls_in(&botany).await.is_created();
    school.sets(&ana, &[&algebra]).await.is_ok();
    let log = school.log().await;

    let full = school.sets(&ana, &[&chemistry, &botany]).await;
    assert_eq!(refused(full, "course-full"), [(3, 424), (2, 409)]);
    // A hold keeps nobody from what they have, but from everything new.
    let reason = json!({"reason": "Library fees"});
    school.post(&format!("{}/holds", ana.url()), reason).await.is_created();
    let on_hold = school.sets(&ana, &[&algebra, &chemistry]).await;
    assert_eq!(refused(on_hold, "student-on-hold"), [(1, 200), (3, 409)]);
    assert_eq!(statuses(&school.sets(&ana, &[&algebra]).await.is_ok().json()), [(1, 200)]);

    assert_eq!(ana.courses().await, ["Algebra"]);
    assert_eq!(school.log().await.len(), log.len() + 1, "the hold");
}

#[tokio::test]
async fn what_a_student_waits_for_stays_and_what_they_give_up_serves_those_who_wait() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    algebra.seats(1, 5).await;
    botany.seats(0, 5).await;
    school.sets(&ana, &[&algebra]).await.is_ok();
    assert_eq!(statuses(&school.sets(&ben, &[&algebra]).await.is_ok().json()), [(1, 202)]);
    // The list of courses, read and sent back, changes nothing.
    ana.enrolls_in(&botany).await.is(202);
    assert_eq!(statuses(&school.sets(&ana, &[&algebra]).await.is_ok().json()), [(1, 200)]);
    assert_eq!(botany.waitlist().await, ["Ana"]);
    assert_eq!(statuses(&school.sets(&ana, &[&algebra, &botany]).await.is_ok().json()), [(1, 200), (2, 202)]);

    assert_eq!(statuses(&school.sets(&ana, &[&botany]).await.is_ok().json()), [(2, 202), (1, 204)]);

    assert_eq!(
        (algebra.roster().await, botany.waitlist().await),
        (vec!["Ben".to_owned()], vec!["Ana".to_owned()])
    );
    // A seat or nothing.
    let no_waiting = json!({"course_ids": [1], "wait": false});
    school.put(&ana.courses_url()).json(&no_waiting).await.is_refused(409, "course-full");
}

#[tokio::test]
async fn a_seat_that_is_given_up_counts_for_the_limit_of_courses() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    school.put("/api/v1/rules").json(&json!({"course_limit": 2})).await.is_ok();
    school.sets(&ana, &[&algebra, &botany]).await.is_ok();
    school.sets(&ana, &[&botany, &chemistry]).await.is_ok();
    let three = school.sets(&ana, &[&algebra, &botany, &chemistry]).await;
    assert_eq!(refused(three, "course-limit-reached"), [(1, 409), (2, 200), (3, 200)]);
}

#[tokio::test]
async fn after_the_deadline_only_staff_drops_and_says_why() {
    let school = School::open().await;
    let [ana, _] = school.students(["Ana", "Ben"]).await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let limits = json!({"capacity": 9, "drop_until": "2026-09-01T09:00:00Z"});
    school.put(&algebra.seats_url()).json(&limits).await.is_ok();
    school.sets(&ana, &[&algebra]).await.is_ok();
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let student = json!({"name": "phone", "role": "student", "student_id": ana.id});
    let student = create(&school, Some(&admin), student).await;
    school.let_pass(Duration::from_hours(2));

    for token in [&admin, &student] {
        let late = school.sets(&ana, &[&botany]).with_token(token).await;
        assert_eq!(refused(late, "drop-deadline-passed"), [(2, 424), (1, 409)]);
    }
    let with_reason = |reason: Value| {
        let body = json!({"course_ids": [botany.id], "override": {"reason": reason}});
        school.put(&ana.courses_url()).json(&body)
    };
    with_reason(json!("the dean")).with_token(&student).await.is_refused(403, "forbidden");
    with_reason(json!(" ")).with_token(&admin).await.is_refused(400, "override-needs-reason");
    let done = with_reason(json!("the dean")).with_token(&admin).await.is_ok().json();
    assert_eq!(statuses(&done), [(2, 201), (1, 204)]);
    // A student sets their own courses, and nobody else's.
    let own = school.sets(&ana, &[&botany]).with_token(&student).await.is_ok();
    assert_eq!(statuses(&own.json()), [(2, 200)]);
    for request in [
        school.put("/api/v1/students/2/courses").json(&json!({"course_ids": []})),
        school.post("/api/v1/students/2/courses", json!({"course_ids": [1]})),
        school.get("/api/v1/students/2/waitlists"),
        school.get("/api/v1/students/2?include=courses"),
    ] {
        request.with_token(&student).await.is_refused(404, "student-not-found");
    }
    let enrolled = school.get("/api/v1/students?enrolled=false").with_token(&student).await.is_ok();
    assert_eq!((enrolled.ids(), enrolled.header("x-total-count")), (vec![], "0"));
}

#[tokio::test]
async fn dropped_courses_are_listed_in_the_order_in_which_they_were_taken() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    for course in [&chemistry, &algebra, &botany] {
        ana.enrolls_in(course).await.is_created();
    }
    let done = school.sets(&ana, &[]).await.is_ok().json();
    assert_eq!(statuses(&done), [(chemistry.id, 204), (algebra.id, 204), (botany.id, 204)]);
}

#[tokio::test]
async fn only_those_who_enroll_the_student_set_the_courses_even_if_nothing_changes() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let teacher = create(&school, Some(&admin), json!({"name": "teacher", "role": "instructor"})).await;
    school.sets(&ana, &[]).with_token(&teacher).await.is_refused(403, "forbidden");
    school.sets(&ana, &[]).with_token(&admin).await.is_ok();
}

#[tokio::test]
async fn a_reason_is_logged_only_with_the_drops_that_need_it() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let limits = json!({"capacity": 9, "drop_until": "2026-09-01T09:00:00Z"});
    school.put(&algebra.seats_url()).json(&limits).await.is_ok();
    school.sets(&ana, &[&algebra, &botany]).await.is_ok();
    school.let_pass(Duration::from_hours(2));

    let body = json!({"course_ids": [], "override": {"reason": "medical withdrawal"}});
    let done = school.put(&ana.courses_url()).json(&body).await.is_ok().json();

    assert_eq!(statuses(&done), [(algebra.id, 204), (botany.id, 204)]);
    let log = school.get("/api/v1/events?type=enrollment.dropped").await.is_ok().json();
    let data: Vec<_> = log.as_array().unwrap().iter().map(|entry| &entry["data"]).collect();
    assert_eq!(data, [&json!({"override": {"reason": "medical withdrawal"}}), &json!({})]);
}

#[tokio::test]
async fn a_set_with_a_key_is_set_once() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    school.sets(&ana, &[&algebra]).await.is_ok();
    let set = || school.sets(&ana, &[&botany]).header("idempotency-key", "set");
    let first = set().await.is_ok();
    school.sets(&ana, &[&algebra]).await.is_ok();
    let again = set().await.is_ok();
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &first.body));
    assert_eq!(statuses(&again.json()), [(2, 201), (1, 204)]);
    assert_eq!(ana.courses().await, ["Algebra"]);
    let refusal = || {
        let body = json!({"course_ids": [1, 2]});
        school.post(&ana.courses_url(), body).header("idempotency-key", "several")
    };
    refusal().await.is_refused(409, "already-enrolled");
    let again = refusal().await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(refused(again, "already-enrolled"), [(1, 409), (2, 424)]);
}

#[tokio::test]
async fn what_a_refused_set_tells_a_program_is_recorded() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let scopes = json!({"name": "Enroller", "role": "registrar", "scopes": ["enrollments:write"]});
    let program = create(&school, Some(&admin), scopes).await;
    let set = school.put(&ana.courses_url()).json(&json!({"course_ids": [algebra.id, 99]}));
    set.with_token(&program).await.is_refused(404, "course-not-found");
    let disclosed = async || {
        let read = school.get(&format!("{}/disclosures", ana.url())).with_token(&admin).await.is_ok().json();
        read.as_array().unwrap().iter().map(|one| one["list"].clone()).collect::<Vec<_>>()
    };
    eventually("it is recorded", async || disclosed().await == [json!("roster")]).await;
}

#[tokio::test]
async fn a_student_is_read_with_their_courses_and_what_they_wait_for() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    botany.seats(0, 5).await;
    school.sets(&ana, &[&algebra, &botany]).await.is_ok();

    let with_courses = school.get(&format!("{}?include=courses", ana.url())).await.is_ok();

    let alone = school.get(&ana.url()).await.is_ok();
    let mut expected = alone.json();
    assert_eq!(expected["courses"], Value::Null);
    expected["courses"] = school.get(&ana.courses_url()).await.is_ok().json();
    assert_eq!(with_courses.json(), expected);
    assert!(!with_courses.headers.contains_key("etag"), "a tag is of the student alone");
    let waits = school.get(&format!("{}/waitlists", ana.url())).await.is_ok();
    assert_eq!((waits.header("x-total-count"), &waits.json()[0]["course_id"]), ("1", &json!(botany.id)));
    assert_eq!(school.get(&format!("{}/waitlists", ben.url())).await.is_ok().json(), json!([]));
    school.get("/api/v1/students/9/waitlists").await.is_refused(404, "student-not-found");
    let problem = school.get(&format!("{}?include=friends", ana.url())).await;
    assert_eq!(errors(&problem.is_refused(400, "invalid-request")), ["include: must be `courses`"]);
}

#[tokio::test]
async fn students_are_listed_by_whether_they_take_a_course() {
    let school = School::open().await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    botany.seats(0, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&botany).await.is(202);
    let list = async |query: &str| {
        let list = school.get(&format!("/api/v1/students?{query}")).await.is_ok();
        (list.ids(), list.header("x-total-count").to_owned())
    };
    assert_eq!(list("enrolled=true").await, (vec![ana.id], "1".to_owned()));
    assert_eq!(list("enrolled=false").await, (vec![ben.id, cleo.id], "2".to_owned()));
    assert_eq!(list("enrolled=false&sort=name&order=desc&limit=1").await, (vec![cleo.id], "2".to_owned()));
    assert_eq!(list("enrolled=false&q=cleo&sort=email").await, (vec![cleo.id], "1".to_owned()));
    assert_eq!(list("enrolled=true&name=Ben").await, (vec![], "0".to_owned()));
    assert_eq!(list("enrolled=false&_start=1&_end=2&_sort=name").await, (vec![cleo.id], "2".to_owned()));
    ana.drops(&algebra).await.is(204);
    assert_eq!(list("enrolled=false").await.0, [ana.id, ben.id, cleo.id]);
}

#[tokio::test]
async fn courses_are_listed_with_their_counts() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    botany.seats(1, 5).await;
    for student in [&ana, &ben] {
        school.sets(student, &[&algebra, &botany]).await.is_ok();
    }
    let list = school.get("/api/v1/courses?include=counts&sort=name&order=desc").await.is_ok().json();
    assert_eq!(list[0]["seats"], json!({"capacity": 1, "enrolled": 1, "waitlisted": 1}));
    assert_eq!(list[1]["seats"], json!({"capacity": null, "enrolled": 2, "waitlisted": 0}));
    assert_eq!(school.get("/api/v1/courses").await.is_ok().json()[0]["seats"], Value::Null);
    // What was read with the counts can be sent back.
    school.put(&algebra.url()).json(&list[1]).await.is_ok();
}
