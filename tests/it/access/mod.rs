//! Who may do what: tokens, roles, and the end of the open mode.

mod together;
mod tokens;

use matricula::http::routes::Allow;
use matricula::registrar::{Right, Role};
use matricula::server::router::policy;
use serde_json::{Value, json};

use crate::school::{RequestBuilder, School};

/// The tokens of a school: of an admin, a registrar, an instructor, and of the students 1 and 2.
struct Tokens {
    admin: String,
    registrar: String,
    instructor: String,
    students: [String; 2],
}

impl Tokens {
    async fn create(school: &School) -> Self {
        let admin = create(school, None, json!({"name": "admin", "role": "admin"})).await;
        let by_admin = async |body| create(school, Some(&admin), body).await;
        let registrar = by_admin(json!({"name": "registrar", "role": "registrar"})).await;
        let instructor = by_admin(json!({"name": "instructor", "role": "instructor"})).await;
        let first = by_admin(json!({"name": "first", "role": "student", "student_id": 1})).await;
        let second = by_admin(json!({"name": "second", "role": "student", "student_id": 2})).await;
        Self { admin, registrar, instructor, students: [first, second] }
    }

    fn of(&self, role: Role) -> &str {
        match role {
            Role::Admin => &self.admin,
            Role::Registrar => &self.registrar,
            Role::Instructor => &self.instructor,
            Role::Student => &self.students[0],
        }
    }
}

pub(crate) async fn create(school: &School, by: Option<&str>, body: Value) -> String {
    let request = school.post("/api/v1/tokens", body);
    let request = match by {
        Some(token) => request.with_token(token),
        None => request,
    };
    let created = request.await.is_created().json();
    let token = created["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("mtr_") && token.len() == 47, "{created}");
    token
}

pub(crate) trait WithToken {
    fn with_token(self, token: &str) -> Self;
}

impl WithToken for RequestBuilder {
    fn with_token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }
}

/// A school with the students 1 and 2, each in the course 1, and with tokens.
async fn school() -> (School, Tokens) {
    let school = School::open().await;
    school.students(["Ana", "Ben"]).await;
    school.courses(["Algebra", "Botany"]).await;
    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.put("/api/v1/students/2/courses/1").await.is_created();
    let tokens = Tokens::create(&school).await;
    (school, tokens)
}

/// The path with the ids of the student 1, the course 1, and nothing else that exists.
fn filled(path: &str, student: &str) -> String {
    let path = path.replace("{student_id}", student).replace("{course_id}", "1");
    let path = path.replace("{token_id}", "999").replace("{account_id}", "999");
    let path = path.replace("{session}", "0123456789abcdef");
    path.replace("{name}", "none").replace("{slug}", "forbidden").replace("{*rest}", "none")
}

#[tokio::test]
async fn every_route_obeys_the_policy_for_every_role() {
    let (school, tokens) = school().await;
    let policy = policy();
    let rules = policy.rules();
    assert!(rules.len() > 60, "only {} rules", rules.len());
    for rule in rules {
        let path = filled(&rule.path, "1");
        // The answer to GET would not end.
        let is_stream = ["/feed", "/stream"].iter().any(|end| rule.path.ends_with(end));
        let method = if is_stream { "HEAD" } else { rule.method.as_str() };
        let ask = |token: Option<&str>| {
            let request = school.ask(method, &path);
            match token {
                Some(token) => request.with_token(token),
                None => request,
            }
        };
        let anonymous = ask(None).await.status;
        let is_public = [Allow::Anyone, Allow::Visitors].contains(&rule.allow);
        assert_eq!(anonymous == 401, !is_public, "{} {path} without a token", rule.method);
        for role in Role::ALL {
            // With an empty body, so that an allowed request is refused later and changes nothing.
            let is_read = rule.method == "GET";
            let allowed = match rule.allow {
                Allow::Anyone | Allow::Visitors | Allow::SignedIn => true,
                Allow::AllOf(rights) => role.rights().and(rights) == rights,
                Allow::AnyOf(rights) => role.rights().has_any(rights),
            };
            if allowed && !is_read {
                continue;
            }
            // The route is an instructor's, the course is not: a token teaches none.
            let list = rule.path.trim_end_matches(".csv").trim_end_matches(".xlsx");
            let is_roster = ["students", "waitlist", "roster"].iter().any(|end| list.ends_with(end));
            let is_others = role == Role::Instructor && is_roster && rule.path.contains("{course_id}");
            let status = ask(Some(tokens.of(role))).await.status;
            assert_eq!(status != 403, allowed && !is_others, "{} {path} as {role}: {status}", rule.method);
        }
    }
}

#[tokio::test]
async fn a_student_sees_and_changes_only_their_own_record() {
    let (school, tokens) = school().await;
    let ana = |request: RequestBuilder| request.with_token(&tokens.students[0]);
    // Their own.
    assert_eq!(ana(school.get("/api/v1/students/1")).await.is_ok().json()["name"], "Ana");
    assert_eq!(ana(school.get("/api/v1/students/1/courses")).await.is_ok().ids(), [1]);
    assert_eq!(ana(school.get("/api/v1/me/courses")).await.is_ok().ids(), [1]);
    ana(school.put("/api/v1/students/1/courses/2")).await.is_created();
    ana(school.delete("/api/v1/students/1/courses/2")).await.is(204);
    let seats = json!({"capacity": 0, "waitlist_capacity": 5});
    let admin = |request: RequestBuilder| request.with_token(&tokens.admin);
    admin(school.put("/api/v1/courses/2/seats").json(&seats)).await.is_ok();
    admin(school.put("/api/v1/students/2/courses/2")).await.is(202);
    assert_eq!(ana(school.get("/api/v1/me/waitlists")).await.is_ok().json(), json!([]));
    ana(school.put("/api/v1/students/1/courses/2")).await.is(202);
    let waitlists = ana(school.get("/api/v1/me/waitlists")).await.is_ok();
    assert_eq!(waitlists.header("x-total-count"), "1");
    let place = &waitlists.json()[0];
    assert_eq!((&place["position"], &place["course_id"]), (&json!(2), &json!(2)), "{place}");
    assert_eq!(place["name"], "Botany");
    admin(school.delete("/api/v1/students/2/courses/2")).await.is(204);
    assert_eq!(ana(school.get("/api/v1/me/waitlists")).await.is_ok().json()[0]["position"], 1);
    ana(school.delete("/api/v1/students/1/courses/2")).await.is(204);
    admin(school.delete("/api/v1/courses/2/seats")).await.is(204);
    // Lists, totals and searches have nobody else.
    let list = ana(school.get("/api/v1/students")).await.is_ok();
    assert_eq!((list.ids(), list.header("x-total-count")), (vec![1], "1"));
    assert_eq!(ana(school.get("/api/v1/students?q=ben&sort=name")).await.is_ok().ids(), [0; 0]);
    assert_eq!(ana(school.get("/api/v1/students?q=ANA&limit=1&order=desc")).await.is_ok().ids(), [1]);
    // Another student is as absent as one who does not exist.
    for other in ["2", "77"] {
        let requests = [
            school.get(&format!("/api/v1/students/{other}")),
            school.get(&format!("/api/v1/students/{other}/courses")),
            school.get(&format!("/api/v1/students/{other}/courses?as_of=2026-09-01T08:00:00Z")),
            school.get(&format!("/api/v1/students/{other}/courses/1")),
            school.put(&format!("/api/v1/students/{other}/courses/2")),
            school.post(&format!("/api/v1/students/{other}/courses"), json!({"course_id": 2})),
            school.delete(&format!("/api/v1/students/{other}/courses/1")),
        ];
        for request in requests {
            ana(request).await.is_refused(404, "student-not-found");
        }
    }
    // The operations of a batch are judged one by one.
    let operations = json!([
        {"op": "enroll", "student_id": 1, "course_id": 2},
        {"op": "drop", "student_id": 2, "course_id": 1},
        {"op": "enroll", "student_id": 2, "course_id": 2}
    ]);
    let results = ana(school.post("/api/v1/enrollments/batch", operations)).await.is_ok().json();
    let statuses: Vec<_> =
        results.as_array().unwrap().iter().map(|result| result["status"].clone()).collect();
    assert_eq!(statuses, [json!(201), json!(404), json!(404)]);
    // The registrar's powers.
    for request in [
        school.post("/api/v1/students", json!({"name": "Eve", "email": "eve@example.edu"})),
        school.patch("/api/v1/students/1", json!({"name": "Eve"})),
        school.delete("/api/v1/students/1?drop=true"),
        school.post("/api/v1/courses", json!({"name": "Yoga", "level": "one"})),
        school.get("/api/v1/courses/1/students"),
        school.get("/api/v1/courses/1/waitlist"),
        school.get("/api/v1/events"),
        school.get("/api/v1/tokens"),
    ] {
        ana(request).await.is_refused(403, "forbidden");
    }
    let registrar = |request: RequestBuilder| request.with_token(&tokens.registrar);
    assert_eq!(registrar(school.get("/api/v1/courses/1/students")).await.is_ok().ids(), [1, 2]);
}

#[tokio::test]
async fn the_log_says_who_it_was() {
    let (school, tokens) = school().await;
    school.put("/api/v1/students/1/courses/2").with_token(&tokens.registrar).await.is_created();
    let log = school.get("/api/v1/events").with_token(&tokens.registrar).await.is_ok().json();
    let log = log.as_array().unwrap();
    assert_eq!(log[0]["actor"], "anonymous");
    let created: Vec<_> = log.iter().filter(|entry| entry["type"] == "token.created").collect();
    assert_eq!(created.len(), 5);
    let registrar = created[1];
    assert_eq!(registrar["data"]["role"], "registrar");
    assert_eq!(registrar["actor"], format!("token:{}", created[0]["seq"]));
    assert_eq!(log.last().unwrap()["actor"], format!("token:{}", registrar["seq"]));
}

#[tokio::test]
async fn a_key_belongs_to_the_caller_who_used_it() {
    let (school, tokens) = school().await;
    let enroll = |token: &str| {
        let request = school.post("/api/v1/students/1/courses", json!({"course_id": 2}));
        request.with_token(token).header("idempotency-key", "the-key")
    };
    enroll(&tokens.registrar).await.is_created();
    assert_eq!(enroll(&tokens.registrar).await.is_created().header("idempotency-replayed"), "true");
    // Not the stored answer.
    enroll(&tokens.admin).await.is_refused(409, "already-enrolled");
    enroll(&tokens.students[1]).await.is_refused(404, "student-not-found");
}

#[tokio::test]
async fn there_is_always_an_admin_who_can_sign_in() {
    let (school, tokens) = school().await;
    let admin = |request: RequestBuilder| request.with_token(&tokens.admin);
    let body = json!({"name": "Ruth", "address": "Ruth@Example.edu", "role": "admin"});
    let ruth = admin(school.post("/api/v1/accounts", body.clone())).await.is_created().json();
    assert_eq!(ruth["address"], "ruth@example.edu");
    admin(school.post("/api/v1/accounts", body)).await.is_refused(409, "address-taken");
    let path = format!("/api/v1/accounts/{}", ruth["id"]);
    assert!(ruth["link"].as_str().unwrap().contains("/set-password/"), "{ruth}");
    // The token of an admin is left, so far.
    let changed = admin(school.patch(&path, json!({"role": "registrar"}))).await.is_ok().json();
    assert_eq!(changed["role"], "registrar");
    admin(school.patch("/api/v1/accounts/999", json!({}))).await.is_refused(404, "account-not-found");
    let list = admin(school.get("/api/v1/tokens")).await.is_ok().json();
    let token = format!("/api/v1/tokens/{}", list[0]["id"]);
    admin(school.delete(&token)).await.is_refused(409, "last-admin");
    admin(school.patch(&path, json!({"role": "admin"}))).await.is_ok();
    admin(school.patch(&path, json!({"enabled": false}))).await.is_ok();
    admin(school.delete(&token)).await.is_refused(409, "last-admin");
    let kinds =
        school.get("/api/v1/events?type=account.changed").with_token(&tokens.admin).await.is_ok().json();
    assert_eq!(kinds[0]["data"]["role"], "registrar");
    assert!(!kinds.to_string().contains("Ruth"));
}

#[test]
fn every_right_belongs_to_a_role_and_has_a_name_of_its_own() {
    for right in Right::ALL {
        assert!(Role::ALL.iter().any(|role| role.rights().has(right)), "{}", right.as_str());
        assert_eq!(Right::ALL.iter().filter(|other| other.as_str() == right.as_str()).count(), 1);
    }
}

#[tokio::test]
async fn a_row_with_the_id_0_belongs_to_nobody() {
    let (school, tokens) = school().await;
    let unbound = create(&school, Some(&tokens.admin), json!({"name": "x", "role": "student"})).await;
    school.other_program_runs(
        "insert into students (id, name, email) values (0, 'Zero', 'zero@example.edu');
         insert into courses (id, name, level) values (0, 'Zero', 'one');",
    );
    for token in [&unbound, &tokens.students[0]] {
        let list = school.get("/api/v1/students").with_token(token).await.is_ok();
        assert!(!list.text().contains("Zero"), "{}", list.text());
        school.get("/api/v1/students/2/courses").with_token(token).await.is_refused(404, "student-not-found");
    }
    for path in ["/api/v1/me/courses", "/api/v1/me/waitlists"] {
        assert_eq!(school.get(path).with_token(&unbound).await.is_ok().json(), json!([]));
    }
    let roster = school.get("/api/v1/courses/1/students").with_token(&tokens.instructor).await;
    roster.is_refused(403, "forbidden");
}

#[tokio::test]
async fn health_does_not_ask_who_it_is_and_a_sample_needs_every_right() {
    let (school, tokens) = school().await;
    for path in ["/healthz", "/metrics", "/docs/swagger-ui.css", "/problems/forbidden"] {
        school.get(path).header("authorization", "Bearer nonsense").await.is_ok();
    }
    let writer = create(
        &school,
        Some(&tokens.admin),
        json!({"name": "x", "role": "registrar", "scopes": ["students:write"]}),
    )
    .await;
    school.ask("POST", "/sample").with_token(&writer).await.is_refused(403, "forbidden");
}

#[tokio::test]
async fn an_empty_school_offers_only_what_the_reader_may_add() {
    let school = School::open().await;
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let reader = json!({"name": "x", "role": "registrar", "scopes": ["catalogue:read", "students:read"]});
    let reader = create(&school, Some(&admin), reader).await;
    for (path, form) in [("/courses", "/courses/new"), ("/students", "/students/new")] {
        for (token, is_offered) in [(&admin, true), (&reader, false)] {
            let page = school.get(path).with_token(token).await.is_ok();
            for offer in [form, "/sample"] {
                assert_eq!(page.text().contains(&format!("\"{offer}\"")), is_offered, "{offer} on {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_student_lists_their_places_on_waitlists_page_by_page() {
    let (school, tokens) = school().await;
    let admin = |request: RequestBuilder| request.with_token(&tokens.admin);
    let seats = json!({"capacity": 0, "waitlist_capacity": 5});
    let course = json!({"name": "Chemistry", "level": "graduate"});
    admin(school.post("/api/v1/courses", course)).await.is_created();
    for course in [3, 2] {
        admin(school.put(&format!("/api/v1/courses/{course}/seats")).json(&seats)).await.is_ok();
        admin(school.put(&format!("/api/v1/students/1/courses/{course}"))).await.is(202);
    }
    let mut next = "/api/v1/me/waitlists?limit=1".to_owned();
    for (course, has_next) in [(3, true), (2, false)] {
        let page = school.get(&next).with_token(&tokens.students[0]).await.is_ok();
        assert_eq!((&page.json()[0]["course_id"], page.header("x-total-count")), (&json!(course), "2"));
        match page.headers.get("link").map(|link| link.to_str().unwrap().to_owned()) {
            Some(link) => next = link[link.find("/api").unwrap()..link.find('>').unwrap()].to_owned(),
            None => assert!(!has_next),
        }
    }
}

#[tokio::test]
async fn an_etag_is_sealed_with_a_key_of_the_school_and_belongs_to_a_view() {
    let (school, tokens) = school().await;
    let (other, others) = self::school().await;
    let tag = async |school: &School, path: &str, token: &str| {
        school.get(path).with_token(token).await.is_ok().header("etag").to_owned()
    };
    let admin = |request: RequestBuilder| request.with_token(&tokens.admin);
    let seats = json!({"capacity": 1, "waitlist_capacity": 5});
    admin(school.put("/api/v1/courses/2/seats").json(&seats)).await.is_ok();
    let of_others = |request: RequestBuilder| request.with_token(&others.admin);
    of_others(other.put("/api/v1/courses/2/seats").json(&seats)).await.is_ok();
    for path in ["/api/v1/students/1", "/api/v1/courses/1", "/api/v1/courses/2"] {
        let sealed = tag(&school, path, &tokens.admin).await;
        // The same record in another school has another tag, so nobody can compute it from a guess.
        assert_ne!(tag(&other, path, &others.admin).await, sealed, "{path}");
        // The same view, and the same server or another one of the school.
        assert_eq!(tag(&school, path, &tokens.registrar).await, sealed, "{path}");
        let second = School::open_at(school.database()).await;
        assert_eq!(tag(&second, path, &tokens.registrar).await, sealed, "{path}");
        // Another view.
        let seen = tag(&school, path, &tokens.students[0]).await;
        let parts =
            |tag: &str| tag.trim_matches('"').as_bytes().chunks(16).map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert!(parts(&seen).iter().all(|part| !parts(&sealed).contains(part)), "{path}: {seen} {sealed}");
        let asks = |token: &str, tag: &str| school.get(path).with_token(token).header("if-none-match", tag);
        asks(&tokens.students[0], &seen).await.is(304);
        asks(&tokens.students[0], &sealed).await.is_ok();
        asks(&tokens.registrar, &seen).await.is_ok();
        asks(&tokens.registrar, &format!("{seen}, W/{sealed}")).await.is(304);
        // A condition of a write.
        let change = |tag: &str| admin(school.patch(path, json!({"name": "New"}))).header("if-match", tag);
        assert_eq!(
            change(&seen).await.is_refused(412, "stale")["etag"].as_str().unwrap()[..33],
            sealed[..33]
        );
        change(&format!("{seen}, {sealed}")).await.is_ok();
        change(&sealed).await.is_refused(412, "stale");
    }
    let sealed = tag(&school, "/api/v1/courses/2", &tokens.admin).await;
    let delete = |tag: &str| admin(school.delete("/api/v1/courses/2")).header("if-match", tag);
    admin(school.put("/api/v1/students/1/courses/2")).await.is_created();
    let present = delete(&sealed).await.is_refused(412, "stale")["etag"].as_str().unwrap().to_owned();
    assert_eq!(present, tag(&school, "/api/v1/courses/2", &tokens.admin).await);
    delete(&present).await.is_refused(409, "has-enrollments");
    admin(school.delete("/api/v1/courses/2?drop=true")).header("if-match", &present).await.is(204);
}
