//! What clients see is what they would see if one clerk did everything, one request after the other: histories over real
//! HTTP, with servers that are killed in the middle, against a clerk of a few lines.

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
enum Ask {
    Enroll(i64),
    Drop(i64),
    Roster,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Enrolled,
    Waits(usize),
    Full,
    AlreadyEnrolled,
    AlreadyWaits(usize),
    Dropped,
    NotThere,
    Roster(Vec<i64>),
}

/// What was asked of a course, and what was told, where anything was.
#[derive(Clone, Debug)]
struct Exchange {
    course: i64,
    ask: Ask,
    told: Option<Told>,
}

/// One course, as the clerk keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Sheet {
    roster: Vec<i64>,
    waitlist: Vec<i64>,
}

impl Sheet {
    fn answer(&mut self, ask: Ask) -> Told {
        match ask {
            Ask::Roster => Told::Roster(self.roster.clone()),
            Ask::Enroll(student) if self.roster.contains(&student) => Told::AlreadyEnrolled,
            Ask::Enroll(student) => match self.waitlist.iter().position(|other| *other == student) {
                Some(place) => Told::AlreadyWaits(place + 1),
                None if self.roster.len() < CAPACITY => {
                    self.roster.push(student);
                    Told::Enrolled
                }
                None if self.waitlist.len() < WAITLIST => {
                    self.waitlist.push(student);
                    Told::Waits(self.waitlist.len())
                }
                None => Told::Full,
            },
            Ask::Drop(student) if self.roster.contains(&student) => {
                self.roster.retain(|other| *other != student);
                if !self.waitlist.is_empty() {
                    self.roster.push(self.waitlist.remove(0));
                }
                Told::Dropped
            }
            Ask::Drop(student) if self.waitlist.contains(&student) => {
                self.waitlist.retain(|other| *other != student);
                Told::Dropped
            }
            Ask::Drop(_) => Told::NotThere,
        }
    }
}

#[derive(Clone, Debug)]
struct Clerk;

impl Model for Clerk {
    type State = Sheet;
    type Op = Exchange;
    type Metadata = ();

    fn partition_operations(history: &[Operation<Self>]) -> Vec<Vec<Operation<Self>>> {
        let of = |course| history.iter().filter(move |operation| operation.op.course == course).cloned();
        (1..=COURSES).map(|course| of(course).collect()).collect()
    }

    fn init() -> Sheet {
        Sheet::default()
    }

    /// Of what was not answered anything may have come, at any time after it was asked.
    fn step(sheet: &Sheet, exchange: &Exchange) -> (bool, Sheet) {
        let mut next = sheet.clone();
        let told = next.answer(exchange.ask);
        (exchange.told.as_ref().is_none_or(|heard| *heard == told), next)
    }
}

/// What an answer says, if it says what was done.
fn heard(ask: Ask, reply: &Reply) -> Option<Told> {
    let kind =
        if reply.status.is_success() { String::new() } else { reply.json()["type"].as_str()?.to_owned() };
    let position = || usize::try_from(reply.json()["position"].as_u64().unwrap()).unwrap();
    Some(match (ask, reply.status.as_u16(), kind.as_str()) {
        (Ask::Roster, 200, _) => Told::Roster(reply.ids()),
        (Ask::Enroll(_), 201, _) => Told::Enrolled,
        (Ask::Enroll(_), 202, _) => Told::Waits(position()),
        (Ask::Drop(_), 204, _) => Told::Dropped,
        (_, _, "/problems/waitlist-full") => Told::Full,
        (_, _, "/problems/already-enrolled") => Told::AlreadyEnrolled,
        (_, _, "/problems/already-waitlisted") => Told::AlreadyWaits(position()),
        (_, _, "/problems/enrollment-not-found") => Told::NotThere,
        (_, 503, _) => return None,
        _ => panic!("{ask:?}: {reply:?}"),
    })
}

type History = Arc<Mutex<Vec<Operation<Clerk>>>>;

/// One client, who asks any of the servers for anything, until enough was asked.
async fn ask(
    number: usize,
    servers: Arc<Mutex<Vec<SocketAddr>>>,
    history: History,
    began: Instant,
    asked: Arc<AtomicUsize>,
) {
    let now = || i64::try_from(began.elapsed().as_nanos()).unwrap();
    let mut chance = Rng::with_seed(u64::try_from(number).unwrap());
    while asked.fetch_add(1, Ordering::SeqCst) < REQUESTS {
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
        let (wish, asking) = match chance.u8(..7) {
            0..=2 => (Ask::Enroll(student), client.ask("POST", &courses).json(&json!({"course_id": course}))),
            3..=5 => (Ask::Drop(student), client.ask("DELETE", &format!("{courses}/{course}"))),
            _ => (Ask::Roster, client.ask("GET", &format!("/api/v1/courses/{course}/students"))),
        };
        let call_time = now();
        let reply = asking.send().await;
        let told = reply.ok().and_then(|reply| heard(wish, &reply));
        if told.is_none() && wish == Ask::Roster {
            continue;
        }
        let return_time = if told.is_some() { now() } else { i64::MAX };
        let op = Exchange { course, ask: wish, told };
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

    let (began, asked, history) = (Instant::now(), Arc::new(AtomicUsize::new(0)), History::default());
    let addresses = Arc::new(Mutex::new(running.iter().map(|server| server.address).collect::<Vec<_>>()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            tokio::spawn(ask(number, Arc::clone(&addresses), Arc::clone(&history), began, Arc::clone(&asked)))
        })
        .collect();
    for time in 1..=2 {
        while asked.load(Ordering::SeqCst) < REQUESTS * time / 3 {
            tokio::task::yield_now().await;
        }
        // Whoever was being answered by it does not know what came of it.
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
    let unclear = history.iter().filter(|operation| operation.op.told.is_none()).count();
    assert!(history.len() > REQUESTS / 2 && unclear < 50, "{} asked, {unclear} unclear", history.len());
    assert!(check_operations(&history), "no clerk could have answered this: {history:#?}");

    // The check can fail: nobody is enrolled in a course that another request, later, finds to be without them.
    let last = i64::try_from(began.elapsed().as_nanos()).unwrap();
    let more = |call_time, ask, told| Operation {
        client_id: None,
        call_time,
        return_time: call_time + 1,
        op: Exchange { course: 1, ask, told: Some(told) },
        metadata: None,
    };
    history.push(more(last, Ask::Drop(77), Told::NotThere));
    assert!(check_operations(&history));
    history.push(more(last + 2, Ask::Drop(77), Told::Dropped));
    assert!(!check_operations(&history));
}
