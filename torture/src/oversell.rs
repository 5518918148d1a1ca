//! A service that is wrong on purpose: it reads how many seats are free, and writes a moment later. It speaks as much of
//! the API as the operations need, so that the same verification must catch it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::request::Shape;

/// The running service.
#[derive(Debug)]
pub(crate) struct Oversold {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Oversold {
    /// # Errors
    /// If there is no free port.
    pub(crate) async fn start(shape: Shape) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let store = Arc::new(Mutex::new(Store { capacity: shape.capacity, ..Store::default() }));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that goes away is no fault of the service.
                tokio::spawn(serve(stream, Arc::clone(&store)));
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for Oversold {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What it stores.
#[derive(Debug, Default)]
struct Store {
    capacity: u64,
    students: u64,
    courses: u64,
    enrollments: u64,
    /// The enrollment of a student in a course.
    taken: BTreeMap<(u64, u64), u64>,
    events: Vec<Value>,
}

impl Store {
    fn log(
        &mut self,
        kind: &str,
        (student, course, enrollment): (u64, u64, u64),
        request: &str,
        data: &Value,
    ) {
        let mut event = json!({
            "seq": self.events.len() + 1, "type": kind, "student_id": student, "course_id": course,
            "request_id": request, "data": data,
        });
        event["enrollment_id"] = enrollment.into();
        self.events.push(event);
    }

    fn has_free_seat(&self, course: u64) -> bool {
        let enrolled = self.taken.keys().filter(|(_, it)| *it == course).count() as u64;
        enrolled < self.capacity
    }
}

async fn serve(mut stream: TcpStream, store: Arc<Mutex<Store>>) -> Result<()> {
    let mut received = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
        };
        let head = std::str::from_utf8(&received[..end])?.to_owned();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length: usize = header("content-length:").map_or(Ok(0), str::parse)?;
        while received.len() < end + length {
            if stream.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
        }
        let body = serde_json::from_slice(&received[end..end + length]).unwrap_or(Value::Null);
        received.drain(..end + length);
        let mut words = head.split(' ');
        let (method, path) = (words.next().context("no method")?, words.next().context("no path")?);
        let id = header("x-request-id:").unwrap_or("set-up");
        let (status, answer) = answer(&store, method, path, id, &body).await?;
        let text = if status == 204 { String::new() } else { answer.to_string() };
        let length =
            if status == 204 { String::new() } else { format!("content-length: {}\r\n", text.len()) };
        let head = format!("HTTP/1.1 {status} -\r\nx-request-id: {id}\r\n{length}\r\n");
        stream.write_all(format!("{head}{text}").as_bytes()).await?;
    }
}

async fn answer(
    store: &Mutex<Store>,
    method: &str,
    path: &str,
    id: &str,
    body: &Value,
) -> Result<(u16, Value)> {
    let lock = || store.lock().unwrap_or_else(PoisonError::into_inner);
    let path = path.strip_prefix("/api/v1/").context("no such path")?;
    let words: Vec<&str> = path.split(['/', '?']).collect();
    let number = |word: &str| word.parse::<u64>().context("not a number");
    Ok(match (method, &words[..]) {
        ("GET", ["events", query]) => {
            let after = query.split(['=', '&']).nth(1).context("no after")?.parse::<usize>()?;
            (200, Value::Array(lock().events.iter().skip(after).take(10_000).cloned().collect()))
        }
        ("POST", ["students"]) => {
            let mut store = lock();
            store.students += 1;
            let student = store.students;
            store.log("student.created", (student, 0, 0), id, &json!({}));
            (201, json!({"id": student}))
        }
        ("POST", ["courses"]) => {
            let mut store = lock();
            store.courses += 1;
            let course = store.courses;
            store.log("course.created", (0, course, 0), id, &json!({}));
            (201, json!({"id": course}))
        }
        ("PUT", ["courses", course, "seats"]) => {
            let mut store = lock();
            let data = json!({"capacity": store.capacity, "waitlist_capacity": 0});
            if id == "set-up" {
                store.log("seats.set", (0, number(course)?, 0), id, &data);
            }
            (200, data)
        }
        ("POST", ["students", student, "courses"]) => {
            let course = body["course_id"].as_u64().context("no course")?;
            enroll(store, number(student)?, course, id).await
        }
        ("PUT", ["students", student, "courses", course]) => {
            enroll(store, number(student)?, number(course)?, id).await
        }
        ("DELETE", ["students", student, "courses", course]) => {
            drop_course(&mut lock(), number(student)?, number(course)?, id)
        }
        ("POST", ["enrollments", "batch"]) => {
            let operation = &body[0];
            let [student, course] = ["student_id", "course_id"].map(|it| operation[it].as_u64().unwrap_or(0));
            let (status, result) = match operation["op"].as_str() {
                Some("enroll") => enroll(store, student, course, id).await,
                Some("drop") => drop_course(&mut lock(), student, course, id),
                _ => (409, Value::Null),
            };
            let name = if status == 201 { "enrollment" } else { "problem" };
            (200, json!([{"index": 0, "status": status, name: result}]))
        }
        _ => (404, json!({})),
    })
}

/// Reads, and writes a moment later what may no longer be true.
async fn enroll(store: &Mutex<Store>, student: u64, course: u64, id: &str) -> (u16, Value) {
    let lock = || store.lock().unwrap_or_else(PoisonError::into_inner);
    if !lock().has_free_seat(course) {
        return (409, json!({"type": "/problems/course-full"}));
    }
    tokio::task::yield_now().await;
    let mut store = lock();
    if store.taken.contains_key(&(student, course)) {
        return (409, json!({"type": "/problems/already-enrolled"}));
    }
    store.enrollments += 1;
    let enrollment = store.enrollments;
    store.taken.insert((student, course), enrollment);
    store.log("enrollment.created", (student, course, enrollment), id, &json!({}));
    (201, json!({"id": enrollment, "student_id": student, "course_id": course}))
}

fn drop_course(store: &mut Store, student: u64, course: u64, id: &str) -> (u16, Value) {
    match store.taken.remove(&(student, course)) {
        Some(enrollment) => {
            store.log("enrollment.dropped", (student, course, enrollment), id, &json!({}));
            (204, Value::Null)
        }
        None => (404, json!({"type": "/problems/enrollment-not-found"})),
    }
}
