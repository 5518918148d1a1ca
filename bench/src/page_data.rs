//! What the pages show that a sample school does not have.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::pages::{PageSettings, exchange};

/// A group with a fiftieth of the students.
pub(crate) const GROUP: &str = "Seniors";
/// The header in which a proxy names people by their e-mail addresses.
pub(crate) const USER: &str = "X-Remote-User";
/// The student who is signed in: in the group, and with a hold.
const STUDENT: u32 = 1;
/// Imports and changes of seats in their lists, accounts, and tokens.
const LISTED: usize = 40;
/// Rows of the import. Every tenth is refused.
const ROWS: usize = 2_000;

/// What the pages show.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) students: u32,
    pub(crate) courses: u32,
    /// An import that was planned, with refused rows.
    pub(crate) import: i64,
    /// A change of the seats of all courses that was planned.
    pub(crate) change: i64,
    /// The line of the header that names the student.
    pub(crate) student: String,
    /// A course of the student, one whose waitlist the student is on, and another one.
    pub(crate) held: i64,
    pub(crate) waited_for: i64,
    pub(crate) other: i64,
    /// The events of the student's last seat and last drop.
    pub(crate) enrolled: i64,
    pub(crate) dropped: i64,
}

impl Shown {
    pub(crate) async fn make(address: SocketAddr, settings: &PageSettings) -> Result<Self> {
        let api = Api { address, authorization: String::new() };
        let (import, change) = (make_imports(&api).await?, make_changes(&api).await?);
        let group = format!("/api/v1/groups/{GROUP}");
        api.send("PUT", &group, &json!({"course_limit": null})).await?;
        for student in (STUDENT..=settings.students).step_by(50) {
            api.send("PUT", &format!("{group}/students/{student}"), &Value::Null).await?;
        }
        let student = format!("/api/v1/students/{STUDENT}");
        let held = api.send("GET", &format!("{student}/courses"), &Value::Null).await?;
        let held: Vec<_> = ids(&held);
        let mut others = (1..=i64::from(settings.courses)).filter(|course| !held.contains(course));
        let mut other = || others.next().context("too few courses");
        let (held, dropped, waited_for, other) = (other()?, other()?, other()?, other()?);
        let enroll = async |course: i64| {
            api.send("POST", &format!("{student}/courses"), &json!({"course_id": course})).await
        };
        enroll(held).await?;
        enroll(dropped).await?;
        api.send("DELETE", &format!("{student}/courses/{dropped}"), &Value::Null).await?;
        let full = json!({"capacity": 0, "waitlist_capacity": 9});
        api.send("PUT", &format!("/api/v1/courses/{waited_for}/seats"), &full).await?;
        enroll(waited_for).await?;
        api.send("POST", &format!("{student}/holds"), &json!({"reason": "Library fees"})).await?;
        let event = async |kind: &str| {
            let path = format!("/api/v1/events?student_id={STUDENT}&type={kind}");
            let events = api.send("GET", &path, &Value::Null).await?;
            let last = events.as_array().and_then(|events| events.last());
            last.and_then(|event| event["seq"].as_i64()).with_context(|| format!("no {kind}"))
        };
        let (enrolled, dropped) = (event("enrollment.created").await?, event("enrollment.dropped").await?);
        let student = api.send("GET", &student, &Value::Null).await?;
        Ok(Self {
            students: settings.students,
            courses: settings.courses,
            import,
            change,
            student: user(student["email"].as_str().context("no address")?),
            held,
            waited_for,
            other,
            enrolled,
            dropped,
        })
    }
}

/// Plans imports; returns the largest one, which is the last.
async fn make_imports(api: &Api) -> Result<i64> {
    let mut import = Value::Null;
    for number in 1..=LISTED {
        let mut file = "number,name,email\n".to_owned();
        for row in 0..if number == LISTED { ROWS } else { 10 } {
            // In scientific notation, a number cannot be read.
            let id = if row % 10 == 0 { format!("{row}E+5") } else { format!("n{row}") };
            writeln!(file, "{id},New Student {row},new{row}@example.edu")?;
        }
        import = api.send_text("POST", "/api/v1/imports?name=students.csv", "text/csv", &file).await?;
    }
    id(&import)
}

/// Plans changes of the seats of all courses; returns the last one.
async fn make_changes(api: &Api) -> Result<i64> {
    let mut change = Value::Null;
    for number in 1..=LISTED {
        let seats = json!({"courses": {}, "seats": {"capacity": 1_000 + number}});
        change = api.send("POST", "/api/v1/seat-changes", &seats).await?;
    }
    id(&change)
}

/// Adds tokens and accounts, which ends the open mode; returns the line of the header that names an admin.
pub(crate) async fn make_accounts(address: SocketAddr) -> Result<String> {
    let mut api = Api { address, authorization: String::new() };
    for number in 1..=LISTED {
        let token = json!({"name": format!("Program {number}"), "role": "admin"});
        let made = api.send("POST", "/api/v1/tokens", &token).await?;
        let secret = made["token"].as_str().context("no token")?;
        api.authorization = format!("Authorization: Bearer {secret}\r\n");
        let person = format!("admin{number}@example.org");
        let account = json!({"name": format!("Admin {number}"), "address": person, "role": "admin"});
        api.send("POST", "/api/v1/accounts", &account).await?;
    }
    Ok(user("admin1@example.org"))
}

/// Creates a token that may read everything, which ends the open mode; returns the line of the header for it.
pub(crate) async fn make_token(address: SocketAddr) -> Result<String> {
    let api = Api { address, authorization: String::new() };
    let made = api.send("POST", "/api/v1/tokens", &json!({"name": "Reader", "role": "admin"})).await?;
    let secret = made["token"].as_str().context("no token")?;
    Ok(format!("Authorization: Bearer {secret}\r\n"))
}

fn user(address: &str) -> String {
    format!("{USER}: {address}\r\n")
}

fn id(record: &Value) -> Result<i64> {
    record["id"].as_i64().context("no id")
}

fn ids(list: &Value) -> Vec<i64> {
    list.as_array().into_iter().flatten().filter_map(|record| record["id"].as_i64()).collect()
}

/// The API of the service.
struct Api {
    address: SocketAddr,
    /// The line of the header, if there is one.
    authorization: String,
}

impl Api {
    async fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send_text(method, path, "application/json", &body).await
    }

    /// The body of the answer; null if it has none.
    async fn send_text(&self, method: &str, path: &str, content: &str, body: &str) -> Result<Value> {
        let content = if body.is_empty() { String::new() } else { format!("Content-Type: {content}\r\n") };
        let request = format!("{method} {path} HTTP/1.1\r\n{}{content}", self.authorization);
        let response = String::from_utf8(exchange(self.address, &request, body).await?)?;
        ensure!(response.starts_with("HTTP/1.1 2"), "{method} {path}: {response}");
        let (_, body) = response.split_once("\r\n\r\n").context("no body")?;
        Ok(if body.is_empty() { Value::Null } else { serde_json::from_str(body)? })
    }
}
