//! What is recorded next to the log: sign-ins, and lists of students that programs have read.

mod disclosures;
mod sign_ins;

use serde_json::{Value, json};

use crate::school::{Reply, RequestBuilder, School};

const PASSWORD: &str = "seven quiet lanterns";
const RUTH: &str = "ruth@example.edu";

/// A form as a browser sends it from a page of this server.
fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .header("accept", "text/html")
        .body(body.finish())
}

fn cookie(reply: &Reply) -> String {
    reply.header("set-cookie").split(';').next().unwrap().to_owned()
}

trait As {
    fn by(self, who: &str) -> Self;
}

impl As for RequestBuilder {
    /// The request with this cookie or this token.
    fn by(self, who: &str) -> Self {
        match who.strip_prefix("mtr_") {
            Some(_) => self.header("authorization", &format!("Bearer {who}")),
            None => self.header("cookie", who),
        }
    }
}

/// Creates an account on the page, sets its password, and returns the cookie of its session.
async fn account(school: &School, admin: Option<&str>, name: &str, role: &str, student: &str) -> String {
    let address = format!("{}@example.edu", name.to_lowercase());
    let fields = [("name", name), ("address", &address), ("role", role), ("student", student)];
    let request = form(school.ask("POST", "/accounts"), &fields);
    let page = match admin {
        Some(admin) => request.by(admin).await,
        None => request.await,
    };
    let (_, link) = page.text().split_once("/set-password/").unwrap_or_else(|| panic!("{page:?}"));
    let link = format!("/set-password/{}", &link[..43]);
    cookie(&form(school.ask("POST", &link), &[("password", PASSWORD)]).await.is(303))
}

async fn token(school: &School, admin: &str, body: Value) -> String {
    let created = school.post("/api/v1/tokens", body).by(admin).header("sec-fetch-site", "same-origin").await;
    created.is_created().json()["token"].as_str().unwrap().to_owned()
}

async fn sign_in(school: &School, address: &str, password: &str) -> Reply {
    form(school.ask("POST", "/sign-in"), &[("address", address), ("password", password)]).await
}

/// A school with the students 1 and 2, both in the course 1, and the cookie of its admin, Ruth.
async fn school() -> (School, String) {
    let school = School::open().await;
    school.students(["Ana", "Ben"]).await;
    school.courses(["Algebra", "Botany"]).await;
    let admin = account(&school, None, "Ruth", "admin", "").await;
    (school, admin)
}

#[tokio::test]
async fn pages_show_staff_by_name_to_staff_and_as_the_office_to_students() {
    let (school, admin) = school().await;
    let student = account(&school, Some(&admin), "Ana", "student", "1").await;
    let program = token(&school, &admin, json!({"name": "Scheduler", "role": "registrar"})).await;
    let same_site = |request: RequestBuilder| request.header("sec-fetch-site", "same-origin");
    same_site(school.put("/api/v1/students/1/courses/1")).by(&admin).await.is_created();
    school.put("/api/v1/students/1/courses/2").by(&program).await.is_created();
    same_site(school.delete("/api/v1/students/1/courses/2")).by(&student).await.is(204);

    let page = school.get("/students/1").by(&admin).await.is_ok();
    for who in ["Ruth", "the program Scheduler", "Ana"] {
        assert!(page.text().contains(&format!("by <bdi>{who}</bdi>")), "{who}: {}", page.text());
    }
    let page = school.get("/courses/1").by(&admin).await.is_ok();
    assert!(page.text().contains("by <bdi>Ruth</bdi>"), "{}", page.text());
    let page = school.get("/my/record").by(&student).await.is_ok();
    for who in ["the office", "another program", "you"] {
        assert!(page.text().contains(&format!("by <bdi>{who}</bdi>")), "{who}: {}", page.text());
    }
    assert!(!page.text().contains("Ruth") && !page.text().contains("Scheduler"), "{}", page.text());
}
