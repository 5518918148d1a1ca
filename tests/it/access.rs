//! Who may do what: tokens, roles, and the end of the open mode.

use matricula::http::routes::Allow;
use matricula::registrar::{Right, Role};
use matricula::server::router::policy;
use serde_json::{Value, json};

use crate::school::{Database, RequestBuilder, School};

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

async fn create(school: &School, by: Option<&str>, body: Value) -> String {
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

trait WithToken {
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

#[tokio::test]
async fn the_first_token_ends_the_open_mode() {
    let school = School::open().await;
    let me = school.get("/api/v1/me").await.is_ok().json();
    assert_eq!((&me["actor"], &me["role"]), (&json!("anonymous"), &json!(null)));
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;

    for path in
        ["/api/v1/students", "/api/v1/courses", "/api/v1/me", "/api/v1/events", "/students", "/courses"]
    {
        let refused = school.get(path).await;
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        refused.is_refused(401, "unauthorized");
    }
    for path in ["/healthz", "/metrics", "/api/v1/openapi.json", "/problems/forbidden"] {
        school.get(path).await.is_ok();
    }
    let me = school.get("/api/v1/me").with_token(&admin).await.is_ok().json();
    assert_eq!((&me["role"], &me["student_id"]), (&json!("admin"), &json!(null)));
    assert!(me["actor"].as_str().unwrap().starts_with("token:"), "{me}");
}

#[tokio::test]
async fn credentials_that_are_not_those_of_a_token_are_refused() {
    let (school, tokens) = school().await;
    let altered = format!("{}A", &tokens.admin[..46]);
    for credentials in
        ["Bearer", "Bearer ", "Bearer mtr_", "Bearer nonsense", "Basic YTpi", &format!("Bearer {altered}")]
    {
        school
            .get("/api/v1/courses")
            .header("authorization", credentials)
            .await
            .is_refused(401, "unauthorized");
    }
    school.get("/api/v1/courses").header("authorization", &format!("bearer {}", tokens.admin)).await.is_ok();
    let twice = school.get("/api/v1/courses").with_token(&tokens.admin).with_token(&tokens.registrar).await;
    twice.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn a_token_ends_when_it_is_revoked_or_expires() {
    let (school, tokens) = school().await;
    let list = school.get("/api/v1/tokens").with_token(&tokens.admin).await.is_ok().json();
    let registrar = &list[1];
    assert_eq!((&registrar["role"], &registrar["token"]), (&json!("registrar"), &Value::Null));
    let path = format!("/api/v1/tokens/{}", registrar["id"]);
    school.get("/api/v1/students").with_token(&tokens.registrar).await.is_ok();
    school.delete(&path).with_token(&tokens.registrar).await.is_refused(403, "forbidden");
    school.delete(&path).with_token(&tokens.admin).await.is(204);
    school.get("/api/v1/students").with_token(&tokens.registrar).await.is_refused(401, "unauthorized");
    school.delete(&path).with_token(&tokens.admin).await.is_refused(404, "token-not-found");

    let body = json!({"name": "short", "role": "registrar", "expires_at": "2026-09-01T09:00:00Z"});
    let short = create(&school, Some(&tokens.admin), body).await;
    school.get("/api/v1/students").with_token(&short).await.is_ok();
    school.let_pass(std::time::Duration::from_hours(2));
    school.get("/api/v1/students").with_token(&short).await.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn another_server_obeys_a_revocation() {
    let (school, tokens) = school().await;
    let other = School::open_at(school.database()).await;
    other.get("/api/v1/students").with_token(&tokens.registrar).await.is_ok();
    let list = school.get("/api/v1/tokens").with_token(&tokens.admin).await.is_ok().json();
    school.delete(&format!("/api/v1/tokens/{}", list[1]["id"])).with_token(&tokens.admin).await.is(204);
    let revoked = std::time::Instant::now();
    while other.get("/api/v1/students").with_token(&tokens.registrar).await.status != 401 {
        assert!(revoked.elapsed() < std::time::Duration::from_secs(5));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn no_secret_is_in_the_database() {
    let (school, tokens) = school().await;
    let database = school.close().await;
    let other = database.other_program();
    let dump = dump(&database, &other);
    for token in [&tokens.admin, &tokens.registrar, &tokens.students[0]] {
        assert!(!dump.contains(&token[4..]), "a token is stored");
    }
    assert!(dump.contains("token.created"));
}

/// All rows of our tables about access and of the log.
fn dump(_: &Database, other: &crate::school::OtherProgram) -> String {
    let tokens = other.column("select name || role || scopes || hash || created_at from matricula_tokens");
    let events = other.column("select type || coalesce(actor, '') || data from events");
    let answers = other.column("select answer from idempotency_keys");
    [tokens, events, answers].concat().concat()
}

/// The path with the ids of the student 1, the course 1, and nothing else that exists.
fn filled(path: &str, student: &str) -> String {
    let path = path.replace("{student_id}", student).replace("{course_id}", "1");
    let path = path.replace("{token_id}", "999").replace("{account_id}", "999");
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
        let method = if rule.path.ends_with("/feed") { "HEAD" } else { rule.method.as_str() };
        let ask = |token: Option<&str>| {
            let request = school.ask(method, &path);
            match token {
                Some(token) => request.with_token(token),
                None => request,
            }
        };
        let anonymous = ask(None).await.status;
        assert_eq!(anonymous == 401, rule.allow != Allow::Anyone, "{} {path} without a token", rule.method);
        for role in Role::ALL {
            // With an empty body, so that an allowed request is refused later and changes nothing.
            let is_read = rule.method == "GET";
            let allowed = match rule.allow {
                Allow::Anyone | Allow::SignedIn => true,
                Allow::AnyOf(rights) => role.rights().has_any(rights),
            };
            if allowed && !is_read {
                continue;
            }
            let status = ask(Some(tokens.of(role))).await.status;
            assert_eq!(status != 403, allowed, "{} {path} as {role}: {status}", rule.method);
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
async fn a_student_with_the_same_id_inherits_no_token() {
    let (school, tokens) = school().await;
    school.get("/api/v1/students/1").with_token(&tokens.students[0]).await.is_ok();
    school.delete("/api/v1/students/1?drop=true").with_token(&tokens.admin).await.is(204);
    school.other_program_runs("insert into students (id, name, email) values (1, 'Zed', 'zed@example.edu')");
    school.get("/api/v1/students/1").with_token(&tokens.admin).await.is_ok();
    school
        .get("/api/v1/students/1")
        .with_token(&tokens.students[0])
        .await
        .is_refused(404, "student-not-found");
    school
        .put("/api/v1/students/1/courses/2")
        .with_token(&tokens.students[0])
        .await
        .is_refused(404, "student-not-found");
    let me = school.get("/api/v1/me").with_token(&tokens.students[0]).await.is_ok().json();
    assert_eq!(me["student_id"], Value::Null);
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
async fn a_token_may_have_fewer_rights_than_its_role() {
    let (school, tokens) = school().await;
    let body = json!({"name": "rosters", "role": "registrar", "scopes": ["rosters:read", "catalogue:read"]});
    let rosters = create(&school, Some(&tokens.admin), body).await;
    school.get("/api/v1/courses/1/students").with_token(&rosters).await.is_ok();
    school.get("/api/v1/students").with_token(&rosters).await.is_refused(403, "forbidden");
    school.put("/api/v1/students/1/courses/2").with_token(&rosters).await.is_refused(403, "forbidden");
    let refused = [
        (json!({"name": "x", "role": "registrar", "scopes": ["admin"]}), "/scopes"),
        (json!({"name": "x", "role": "registrar", "scopes": []}), "/scopes"),
        (json!({"name": "x", "role": "registrar", "scopes": ["everything"]}), "/scopes"),
        (json!({"name": "x", "role": "dean"}), "/role"),
        (json!({"role": "registrar"}), "/name"),
    ];
    for (body, pointer) in refused {
        let problem = school.post("/api/v1/tokens", body).with_token(&tokens.admin).await;
        let problem = problem.is_refused(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let absent = json!({"name": "x", "role": "student", "student_id": 77});
    school
        .post("/api/v1/tokens", absent)
        .with_token(&tokens.admin)
        .await
        .is_refused(404, "student-not-found");
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
    for change in [json!({"role": "registrar"}), json!({"enabled": false})] {
        admin(school.patch(&path, change)).await.is_refused(409, "last-admin");
    }
    let body = json!({"name": "Sam", "address": "sam@example.edu", "role": "admin"});
    admin(school.post("/api/v1/accounts", body)).await.is_created();
    let changed = admin(school.patch(&path, json!({"role": "registrar"}))).await.is_ok().json();
    assert_eq!(changed["role"], "registrar");
    admin(school.patch("/api/v1/accounts/999", json!({}))).await.is_refused(404, "account-not-found");
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
