//! Linearizability: clients see what they would see if requests were done one after the other. Histories over real
//! HTTP, with servers that are killed in the middle, are checked against a model of a few lines.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use fastrand::Rng;
use porcupine_rs::{Model, Operation, check_operations};
use serde_json::json;

use crate::school::{Client, Database, Process, Reply};

const CAPACITY: usize = 3;
const WAITLIST: usize = 2;
const COURSES: i64 = 3;
const STUDENTS: i64 = 9;
const CLIENTS: usize = 9;
const REQUESTS: usize = 540;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Enroll(i64),
    Drop(i64),
    Roster,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Enrolled,
    Waitlisted(usize),
    Full,
    AlreadyEnrolled,
    AlreadyWaitlisted(usize),
    Dropped,
    NotEnrolled,
    Roster(Vec<i64>),
}

/// A request about a course, and its answer if there was one.
#[derive(Clone, Debug)]
struct Exchange {
    course: i64,
    request: Request,
    answer: Option<Answer>,
}

/// One course in the model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct CourseState {
    roster: Vec<i64>,
    waitlist: Vec<i64>,
}

impl CourseState {
    fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Roster => Answer::Roster(self.roster.clone()),
            Request::Enroll(student) if self.roster.contains(&student) => Answer::AlreadyEnrolled,
            Request::Enroll(student) => match self.waitlist.iter().position(|other| *other == student) {
                Some(place) => Answer::AlreadyWaitlisted(place + 1),
                None if self.roster.len() < CAPACITY => {
                    self.roster.push(student);
                    Answer::Enrolled
                }
                None if self.waitlist.len() < WAITLIST => {
                    self.waitlist.push(student);
                    Answer::Waitlisted(self.waitlist.len())
                }
                None => Answer::Full,
            },
            Request::Drop(student) if self.roster.contains(&student) => {
                self.roster.retain(|other| *other != student);
                if !self.waitlist.is_empty() {
                    self.roster.push(self.waitlist.remove(0));
                }
                Answer::Dropped
            }
            Request::Drop(student) if self.waitlist.contains(&student) => {
                self.waitlist.retain(|other| *other != student);
                Answer::Dropped
            }
            Request::Drop(_) => Answer::NotEnrolled,
        }
    }
}

#[derive(Clone, Debug)]
struct Sequential;

impl Model for Sequential {
    type State = CourseState;
    type Op = Exchange;
    type Metadata = ();

    fn partition_operations(history: &[Operation<Self>]) -> Vec<Vec<Operation<Self>>> {
        let of = |course| history.iter().filter(move |operation| operation.op.course == course).cloned();
        (1..=COURSES).map(|course| of(course).collect()).collect()
    }

    fn init() -> CourseState {
        CourseState::default()
    }

    /// A request without an answer may have had any outcome, at any time after it was sent.
    fn step(state: &CourseState, exchange: &Exchange) -> (bool, CourseState) {
        let mut next = state.clone();
        let expected = next.answer(exchange.request);
        (exchange.answer.as_ref().is_none_or(|answer| *answer == expected), next)
    }
}

/// The answer in a reply, if it says what was done.
fn answer_in(request: Request, reply: &Reply) -> Option<Answer> {
    let kind =
        if reply.status.is_success() { String::new() } else { reply.json()["type"].as_str()?.to_owned() };
    let position = || usize::try_from(reply.json()["position"].as_u64().unwrap()).unwrap();
    Some(match (request, reply.status.as_u16(), kind.as_str()) {
        (Request::Roster, 200, _) => Answer::Roster(reply.ids()),
        (Request::Enroll(_), 201, _) => Answer::Enrolled,
        (Request::Enroll(_), 202, _) => Answer::Waitlisted(position()),
        (Request::Drop(_), 204, _) => Answer::Dropped,
        (_, _, "/problems/waitlist-full") => Answer::Full,
        (_, _, "/problems/already-enrolled") => Answer::AlreadyEnrolled,
        (_, _, "/problems/already-waitlisted") => Answer::AlreadyWaitlisted(position()),
        (_, _, "/problems/enrollment-not-found") => Answer::NotEnrolled,
        (_, 503, _) => return None,
        _ => panic!("{request:?}: {reply:?}"),
    })
}

type History = Arc<Mutex<Vec<Operation<Sequential>>>>;

/// One client, which sends random requests to random servers until enough were sent.
async fn run_client(
    number: usize,
    servers: Arc<Mutex<Vec<SocketAddr>>>,
    history: History,
    began: Instant,
    sent: Arc<AtomicUsize>,
) {
    let now = || i64::try_from(began.elapsed().as_nanos()).unwrap();
    let mut chance = Rng::with_seed(u64::try_from(number).unwrap());
    while sent.fetch_add(1, Ordering::SeqCst) < REQUESTS {
        let (course, student) = (chance.i64(1..=COURSES), chance.i64(1..=STUDENTS));
        let address = loop {
            let running = servers.lock().unwrap().clone();
            match chance.choice(&running) {
                Some(address) => break *address,
                None => tokio::task::yield_now().await,
            }
        };
        let client = Client::new(address);
        let courses = format!("/api/v1/students/{student}/courses");
        let (request, asking) = match chance.u8(..7) {
            0..=2 => {
                (Request::Enroll(student), client.ask("POST", &courses).json(&json!({"course_id": course})))
            }
            3..=5 => (Request::Drop(student), client.ask("DELETE", &format!("{courses}/{course}"))),
            _ => (Request::Roster, client.ask("GET", &format!("/api/v1/courses/{course}/students"))),
        };
        let call_time = now();
        let reply = asking.send().await;
        let answer = reply.ok().and_then(|reply| answer_in(request, &reply));
        if answer.is_none() && request == Request::Roster {
            continue;
        }
        let return_time = if answer.is_some() { now() } else { i64::MAX };
        let op = Exchange { course, request, answer };
        let client_id = u32::try_from(number).ok();
        history.lock().unwrap().push(Operation { client_id, call_time, return_time, op, metadata: None });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_history_is_linearizable() {
    let database = Database::new();
    let count = if database.is_on_a_server() { 2 } else { 1 };
    let mut running = Vec::new();
    for _ in 0..count {
        running.push(Process::serve(&database).await);
    }
    let client = Client::new(running[0].address);
    for number in 1..=STUDENTS {
        let body = json!({"name": format!("Student {number}"), "email": "s@example.edu"});
        client.ask("POST", "/api/v1/students").json(&body).await.is_created();
    }
    for number in 1..=COURSES {
        let body = json!({"name": format!("Course {number}"), "level": "one"});
        client.ask("POST", "/api/v1/courses").json(&body).await.is_created();
        let seats = json!({"capacity": CAPACITY, "waitlist_capacity": WAITLIST});
        client.ask("PUT", &format!("/api/v1/courses/{number}/seats")).json(&seats).await.is_ok();
    }

    let (began, sent, history) = (Instant::now(), Arc::new(AtomicUsize::new(0)), History::default());
    let addresses = Arc::new(Mutex::new(running.iter().map(|server| server.address).collect::<Vec<_>>()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            tokio::spawn(run_client(
                number,
                Arc::clone(&addresses),
                Arc::clone(&history),
                began,
                Arc::clone(&sent),
            ))
        })
        .collect();
    for time in 1..=2 {
        while sent.load(Ordering::SeqCst) < REQUESTS * time / 3 {
            tokio::task::yield_now().await;
        }
        // Clients that wait for its answer do not learn what came of their requests.
        let address = running[0].address;
        addresses.lock().unwrap().retain(|other| *other != address);
        running[0].kill();
        running[0] = Process::serve(&database).await;
        addresses.lock().unwrap().push(running[0].address);
    }
    for client in clients {
        client.await.unwrap();
    }

    let mut history = Arc::try_unwrap(history).unwrap().into_inner().unwrap();
    let unclear = history.iter().filter(|operation| operation.op.answer.is_none()).count();
    assert!(history.len() > REQUESTS / 2 && unclear < 50, "{} sent, {unclear} unclear", history.len());
    assert!(check_operations(&history), "not linearizable: {history:#?}");

    // The check can fail: a student who is not enrolled cannot be dropped.
    let last = i64::try_from(began.elapsed().as_nanos()).unwrap();
    let more = |call_time, request, answer| Operation {
        client_id: None,
        call_time,
        return_time: call_time + 1,
        op: Exchange { course: 1, request, answer: Some(answer) },
        metadata: None,
    };
    history.push(more(last, Request::Drop(77), Answer::NotEnrolled));
    assert!(check_operations(&history));
    history.push(more(last + 2, Request::Drop(77), Answer::Dropped));
    assert!(!check_operations(&history));
}
