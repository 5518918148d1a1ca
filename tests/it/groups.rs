//! Groups of students, for which courses open at times of their own.

use std::time::Duration;

use serde_json::{Value, json};

use crate::access::{WithToken as _, create};
use crate::school::{Course, RequestBuilder, School, Student, errors};

impl School {
    /// Adds a group with these members.
    async fn group(&self, name: &str, members: &[&Student]) {
        self.sets_group(name, &json!({"course_limit": null})).await.is_ok();
        for student in members {
            self.joins(student, name).await.is(204);
        }
    }

    pub(crate) fn sets_group(&self, name: &str, body: &Value) -> RequestBuilder {
        self.ask("PUT", &format!("/api/v1/groups/{name}")).json(body)
    }

    pub(crate) fn joins(&self, student: &Student, group: &str) -> RequestBuilder {
        self.put(&format!("/api/v1/groups/{group}/students/{}", student.id))
    }

    fn leaves(&self, student: &Student, group: &str) -> RequestBuilder {
        self.delete(&format!("/api/v1/groups/{group}/students/{}", student.id))
    }
}

impl Course {
    fn windows(&self, school: &School, body: Value) -> RequestBuilder {
        school.patch(&self.seats_url(), body)
    }
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_course_opens_for_each_group_at_its_own_time() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    school.group("Seniors", &[&ana, &dan]).await;
    school.group("Latecomers", &[&cleo, &dan]).await;
    let windows = json!({"Latecomers": "2026-09-01T11:00:00.000Z", "Seniors": "2026-09-01T09:00:00.000Z"});
    let limits = json!({"opens_at": "2026-09-01T10:00:00Z", "group_opens_at": windows});
    let seats = algebra.windows(&school, limits).await.is_ok().json();
    assert_eq!(seats["group_opens_at"], windows);
    assert_eq!(school.get(&algebra.seats_url()).await.is_ok().json()["group_opens_at"], windows);

    // 8:00: the refusal says when this student may enroll; in two groups the earlier time counts.
    for (student, opens_at) in [
        (&ana, "2026-09-01T09:00:00.000Z"),
        (&ben, "2026-09-01T10:00:00.000Z"),
        (&cleo, "2026-09-01T11:00:00.000Z"),
        (&dan, "2026-09-01T09:00:00.000Z"),
    ] {
        let refused = student.enrolls_in(&algebra).await.is_refused(409, "registration-not-open");
        assert_eq!(refused["opens_at"], opens_at);
        let detail = format!("Registration for course {} opens at {opens_at}.", algebra.id);
        assert_eq!(refused["detail"], detail);
    }
    school.let_pass(HOUR);
    for student in [&ana, &dan] {
        student.enrolls_in(&algebra).await.is_created();
    }
    for student in [&ben, &cleo] {
        student.enrolls_in(&algebra).await.is_refused(409, "registration-not-open");
    }
    school.let_pass(HOUR);
    ben.enrolls_in(&algebra).await.is_created();
    cleo.enrolls_in(&algebra).await.is_refused(409, "registration-not-open");
    // Who leaves the group enrolls when everybody does.
    school.leaves(&cleo, "Latecomers").await.is(204);
    cleo.enrolls_in(&algebra).await.is_created();
}

#[tokio::test]
async fn students_drop_from_their_own_opening_on() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    school.group("Seniors", &[&ana]).await;
    for student in [&ana, &ben] {
        student.enrolls_in(&algebra).await.is_created();
    }
    let window = json!({"Seniors": "2026-09-01T07:00:00Z"});
    algebra
        .windows(&school, json!({"opens_at": "2026-09-01T09:00:00Z", "group_opens_at": window}))
        .await
        .is_ok();
    let admin = create(&school, None, json!({"name": "Admin", "role": "admin"})).await;
    for (student, status, status_of_set) in [(&ana, 204, 200), (&ben, 409, 409)] {
        let own = json!({"name": "Own", "role": "student", "student_id": student.id});
        let token = create(&school, Some(&admin), own).await;
        let none = json!({"course_ids": []});
        school.put(&student.courses_url()).json(&none).with_token(&token).await.is(status_of_set);
        let reason = json!({"course_id": algebra.id, "override": {"reason": "again"}});
        let again = school.post(&student.courses_url(), reason).with_token(&admin).await;
        again.is(if status_of_set == 200 { 201 } else { 409 });
        school.delete(&student.enrollment_url(&algebra)).with_token(&token).await.is(status);
    }
}

#[tokio::test]
async fn put_sets_the_windows_of_groups_that_exist() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    school.group("Seniors", &[]).await;
    let put = |group: &str| {
        let window = json!({group: "2026-09-01T09:00:00.000Z"});
        school.put(&algebra.seats_url()).json(&json!({"capacity": 5, "group_opens_at": window}))
    };
    let seats = put("Seniors").await.is_ok().json();
    assert_eq!(seats["group_opens_at"], json!({"Seniors": "2026-09-01T09:00:00.000Z"}));
    assert_eq!(put("Juniors").await.is_refused(404, "group-not-found")["group"], "Juniors");
    assert_eq!(school.get(&algebra.seats_url()).await.is_ok().json(), seats);
}

#[tokio::test]
async fn a_group_is_known_by_its_name() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    assert_eq!(school.get("/api/v1/groups").await.is_ok().json(), json!([]));
    let honors = school.sets_group("Honors%20%26%20more", &json!({"course_limit": 8})).await.is_ok().json();
    assert_eq!(honors, json!({"name": "Honors & more", "course_limit": 8}));
    assert_eq!(school.get("/api/v1/groups/Honors%20%26%20more").await.is_ok().json(), honors);
    school.group("Athletes", &[&ana, &ben]).await;
    school.joins(&ana, "Honors%20%26%20more").await.is(204);

    let groups = school.get("/api/v1/groups").await.is_ok();
    assert_eq!(
        (names(&groups.json()), groups.header("x-total-count")),
        (vec!["Athletes", "Honors & more"], "2")
    );
    let first = school.get("/api/v1/groups?limit=1").await.is_ok();
    let next = school.get(first.next_page().unwrap()).await.is_ok();
    assert_eq!((names(&first.json()), names(&next.json())), (vec!["Athletes"], vec!["Honors & more"]));
    let athletes = school.get("/api/v1/groups/Athletes/students").await.is_ok();
    assert_eq!((names(&athletes.json()), athletes.header("x-total-count")), (vec!["Ana", "Ben"], "2"));
    let of_ana = school.get(&format!("{}/groups", ana.url())).await.is_ok().json();
    assert_eq!(names(&of_ana), ["Athletes", "Honors & more"]);

    // Everything can be repeated.
    let before = school.log().await.len();
    school.joins(&ana, "Athletes").await.is(204);
    school.sets_group("Honors%20%26%20more", &json!({"course_limit": 8})).await.is_ok();
    assert_eq!(school.log().await.len(), before);

    school.leaves(&ana, "Athletes").await.is(204);
    school.leaves(&ana, "Athletes").await.is_refused(404, "not-in-group");
    school.joins(&ana, "athletes").await.is_refused(404, "group-not-found");
    school.get("/api/v1/groups/athletes/students").await.is_refused(404, "group-not-found");
    school.put("/api/v1/groups/Athletes/students/99").await.is_refused(404, "student-not-found");
    school.delete(&ben.url()).await.is(204);
    assert_eq!(school.get("/api/v1/groups/Athletes/students").await.is_ok().json(), json!([]));
    let too_long = format!("/api/v1/groups/{}", "x".repeat(101));
    school.get(&too_long).await.is_refused(404, "group-not-found");
    let log = school.get("/api/v1/events?type=group.joined").await.is_ok().json();
    assert_eq!((&log[0]["student_id"], &log[0]["data"]), (&json!(ana.id), &json!({"group": "Athletes"})));
}

#[tokio::test]
async fn what_a_group_is_called_and_its_limit_are_checked() {
    let school = School::open().await;
    let bad = |name: String| {
        let refused = school.sets_group(&name, &json!({"course_limit": null}));
        async { errors(&refused.await.is_refused(400, "invalid-request")).remove(0) }
    };
    assert_eq!(bad("x".repeat(101)).await, "group: must have at most 100 characters, not 101");
    assert_eq!(bad("%20".to_owned()).await, "group: must not be empty");
    // Clients of HTTP leave these out of a URL.
    assert_eq!(bad("%2E%2E%20".to_owned()).await, "group: must not be a dot or two");
    // A limit is not lifted by leaving it out.
    school.sets_group("Seniors", &json!({"course_limit": 4})).await.is_ok();
    let refused = school.sets_group("Seniors", &json!({})).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&refused), ["/course_limit: is required"]);
    assert_eq!(school.get("/api/v1/groups/Seniors").await.is_ok().json()["course_limit"], 4);
}

#[tokio::test]
async fn with_a_group_its_times_and_its_members_go() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let ana = school.student("Ana").await;
    school.group("Seniors", &[&ana]).await;
    let window = json!({"Seniors": "2027-01-01T08:00:00Z"});
    algebra.windows(&school, json!({"group_opens_at": window, "capacity": 5})).await.is_ok();
    botany.seats(3, 0).await;
    ana.enrolls_in(&algebra).await.is_refused(409, "registration-not-open");

    school.delete("/api/v1/groups/Seniors").await.is(204);

    let seats = school.get(&algebra.seats_url()).await.is_ok().json();
    assert_eq!((&seats["group_opens_at"], &seats["capacity"]), (&json!({}), &json!(5)));
    ana.enrolls_in(&algebra).await.is_created();
    school.delete("/api/v1/groups/Seniors").await.is_refused(404, "group-not-found");
    // A later group with the name begins without them.
    school.group("Seniors", &[]).await;
    assert_eq!(school.get("/api/v1/groups/Seniors/students").await.is_ok().json(), json!([]));
}

#[tokio::test]
async fn the_windows_that_go_with_a_group_are_logged_in_order_of_the_courses() {
    let school = School::open().await;
    let courses = school.courses(["Algebra", "Botany", "Chemistry", "Drawing", "English", "French"]).await;
    school.group("Seniors", &[]).await;
    for course in &courses {
        let window = json!({"group_opens_at": {"Seniors": "2027-01-01T08:00:00Z"}});
        course.windows(&school, window).await.is_ok();
    }
    let before = school.log().await.len();

    school.delete("/api/v1/groups/Seniors").await.is(204);

    let log = school.get("/api/v1/events").await.is_ok().json();
    let log = &log.as_array().unwrap()[before..];
    let changed: Vec<_> = log.iter().filter_map(|entry| entry["course_id"].as_i64()).collect();
    assert_eq!(changed, courses.map(|course| course.id));
    assert_eq!(log.last().unwrap()["type"], "group.deleted");
}

#[tokio::test]
async fn a_group_is_deleted_only_by_those_who_write_students_and_courses() {
    let school = School::open().await;
    school.group("Seniors", &[]).await;
    let admin = create(&school, None, json!({"name": "Admin", "role": "admin"})).await;
    let token = async |scopes: Value| {
        let body = json!({"name": "office", "role": "registrar", "scopes": scopes});
        create(&school, Some(&admin), body).await
    };
    let deletes = |token: &str| school.delete("/api/v1/groups/Seniors").with_token(token);
    for scope in ["students:write", "courses:write"] {
        deletes(&token(json!([scope])).await).await.is_refused(403, "forbidden");
    }
    deletes(&token(json!(["students:write", "courses:write"])).await).await.is(204);
}

#[tokio::test]
async fn to_leave_a_group_names_what_does_not_exist() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    school.leaves(&ana, "Seniors").await.is_refused(404, "group-not-found");
    school.group("Seniors", &[]).await;
    school.leaves(&ana, "Seniors").await.is_refused(404, "not-in-group");
    school.delete("/api/v1/groups/Seniors/students/99").await.is_refused(404, "student-not-found");
}

#[tokio::test]
async fn windows_of_groups_are_checked() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    school.group("Seniors", &[]).await;
    let (noon, stored) = ("2026-09-01T12:00:00Z", "2026-09-01T12:00:00.000Z");
    let many: serde_json::Map<_, _> = (0..33).map(|group| (group.to_string(), json!(noon))).collect();
    for (times, error) in [
        (json!([]), "must be an object of groups and times"),
        (json!({"Seniors": "noon"}), "has a time for Seniors that must be a time"),
        (json!({"Seniors": 7}), "has a time for Seniors that must be a text"),
        (json!({" ": noon}), "has a group whose name must not be empty"),
        (json!(many), "must have at most 32 groups"),
    ] {
        let refused = algebra.windows(&school, json!({"group_opens_at": times})).await;
        let errors = errors(&refused.is_refused(400, "invalid-request"));
        assert!(errors[0].starts_with(&format!("/group_opens_at: {error}")), "{errors:?}");
    }
    // Also one by one.
    for group in 0..33 {
        let name = format!("G{group}");
        school.group(&name, &[]).await;
        let one = json!({"group_opens_at": {name: noon}});
        let reply = algebra.windows(&school, one).await;
        if group < 32 {
            reply.is_ok();
        } else {
            let refused = errors(&reply.is_refused(400, "invalid-request"));
            assert_eq!(refused, ["/group_opens_at: must have at most 32 groups, with those that it has"]);
        }
    }
    algebra.windows(&school, json!({"group_opens_at": null})).await.is_ok();
    let unknown = algebra.windows(&school, json!({"group_opens_at": {"Juniors": noon}})).await;
    assert_eq!(unknown.is_refused(404, "group-not-found")["group"], "Juniors");
    let early = json!({"closes_at": "2026-09-01T11:00:00Z", "group_opens_at": {"Seniors": noon}});
    let refused = algebra.windows(&school, early).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&refused), ["/closes_at: must be after registration opens"]);

    // A merge patch changes what it names, PUT replaces everything.
    school.group("Athletes", &[]).await;
    let change =
        async |body: Value| algebra.windows(&school, body).await.is_ok().json()["group_opens_at"].clone();
    let both = json!({"Athletes": stored, "Seniors": stored});
    assert_eq!(change(json!({"group_opens_at": {"Seniors": noon}})).await, json!({"Seniors": stored}));
    assert_eq!(change(json!({"group_opens_at": {"Athletes": noon}})).await, both);
    assert_eq!(change(json!({"capacity": 3})).await, both);
    assert_eq!(change(json!({"group_opens_at": {"Athletes": null}})).await, json!({"Seniors": stored}));
    assert_eq!(change(json!({"group_opens_at": null})).await, json!({}));
    change(json!({"group_opens_at": {"Seniors": noon}})).await;
    assert_eq!(algebra.seats(3, 0).await["group_opens_at"], json!({}));
}

#[tokio::test]
async fn students_see_their_own_groups_and_change_none() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    school.group("Seniors", &[&ana, &ben]).await;
    let admin = create(&school, None, json!({"name": "Admin", "role": "admin"})).await;
    let own = json!({"name": "Ana", "role": "student", "student_id": ana.id});
    let token = create(&school, Some(&admin), own).await;

    let of_ana = school.get(&format!("{}/groups", ana.url())).with_token(&token).await.is_ok().json();
    assert_eq!(names(&of_ana), ["Seniors"]);
    let of_ben = school.get(&format!("{}/groups", ben.url())).with_token(&token).await;
    of_ben.is_refused(404, "student-not-found");
    school.get("/api/v1/groups/Seniors/students").with_token(&token).await.is_refused(403, "forbidden");
    school.get("/api/v1/groups").with_token(&token).await.is_refused(403, "forbidden");
    school.leaves(&ana, "Seniors").with_token(&token).await.is_refused(403, "forbidden");
    school.sets_group("Mine", &json!({})).with_token(&token).await.is_refused(403, "forbidden");
    let rules = json!({"course_limit": 99});
    school.ask("PUT", "/api/v1/rules").json(&rules).with_token(&token).await.is_refused(403, "forbidden");
    assert_eq!(
        school.get("/api/v1/rules").with_token(&token).await.is_ok().json(),
        json!({"course_limit": null})
    );
}
