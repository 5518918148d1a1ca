//! The behavior of students when registration opens.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use axum::http::Method;
use fastrand::Rng;
use serde_json::json;

use super::client::{HttpClient, ServerAnswer, Target};

/// What a student knows about a course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KnownStatus {
    /// The server answered that the student is enrolled.
    Enrolled,
    /// On the waitlist, or enrolled from it since.
    Waitlisted,
    /// Dropped, left the waitlist, or refused.
    NotEnrolled,
    /// The answer was lost.
    Unknown,
}

/// A simulated student.
pub(super) struct Applicant {
    pub(super) id: i64,
    /// The courses that the student tries, in order; after the last one, from the first one again.
    wishes: Vec<i64>,
    next: usize,
    /// The number of courses that the student wants.
    wanted: usize,
    pub(super) known: BTreeMap<i64, KnownStatus>,
}

/// Statistics of all requests.
#[derive(Default)]
pub(super) struct Stats {
    pub(super) latencies: Vec<Duration>,
    /// The number of answers by status or by the slug of the problem.
    pub(super) answers: HashMap<String, u64>,
    /// Retries that did not get the same answer as the original request.
    pub(super) changed_answers: Vec<String>,
}

impl Stats {
    pub(super) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        for (answer, count) in other.answers {
            *self.answers.entry(answer).or_default() += count;
        }
        self.changed_answers.extend(other.changed_answers);
    }
}

impl Applicant {
    /// A student who prefers the courses at the front, as all do.
    pub(super) fn new(id: i64, courses: &[i64], rng: &mut Rng) -> Self {
        let mut wishes: Vec<i64> = Vec::new();
        while wishes.len() < 8.min(courses.len()) {
            let mut draw = || rng.usize(..courses.len());
            let index = draw().min(draw()).min(draw());
            if !wishes.contains(&courses[index]) {
                wishes.push(courses[index]);
            }
        }
        Self { id, wishes, next: 0, wanted: rng.usize(3..=5), known: BTreeMap::new() }
    }

    fn courses(&self) -> Vec<i64> {
        let held = self
            .known
            .iter()
            .filter(|(_, known)| matches!(known, KnownStatus::Enrolled | KnownStatus::Waitlisted));
        held.map(|(course, _)| *course).collect()
    }
}

/// Runs the students of one connection, in turn, until the time is over.
pub(super) async fn run_client(
    server: &Target,
    students: &mut [Applicant],
    until: Instant,
    mut rng: Rng,
) -> Stats {
    let mut client = server.client();
    let mut stats = Stats::default();
    // Every student gets at least one turn, even if the time is too short.
    let mut turn = 0;
    while turn < students.len() || Instant::now() < until {
        let index = turn % students.len();
        turn += 1;
        if let Some(student) = students.get_mut(index) {
            take_turn(&mut client, student, &mut stats, &mut rng).await;
        }
    }
    stats
}

async fn take_turn(client: &mut HttpClient, student: &mut Applicant, stats: &mut Stats, rng: &mut Rng) {
    let held = student.courses();
    if held.len() >= student.wanted || (!held.is_empty() && rng.u8(..3) == 0) {
        // Drops a course, to swap it for another one in a later turn.
        let course = held[rng.usize(..held.len())];
        drop_course(client, student, course, stats).await;
        return;
    }
    let course = student.wishes[student.next % student.wishes.len()];
    student.next += 1;
    if !held.contains(&course) {
        enroll(client, student, course, stats, rng).await;
    }
}

async fn enroll(
    client: &mut HttpClient,
    student: &mut Applicant,
    course: i64,
    stats: &mut Stats,
    rng: &mut Rng,
) {
    let path = format!("/api/v1/students/{}/courses", student.id);
    let body = json!({"course_id": course});
    let key = rng.bool().then(|| format!("rush-{:016x}", rng.u64(..)));
    let began = Instant::now();
    let answer = client.send(Method::POST, &path, key.as_deref(), Some(&body)).await;
    count(stats, began, &answer);
    let known = match &answer {
        Err(_) => KnownStatus::Unknown,
        Ok(answer) => known_after(answer, student.known.get(&course).copied()),
    };
    student.known.insert(course, known);
    // Some students retry at once, with the same key.
    if let (Ok(first), Some(key)) = (&answer, key)
        && rng.u8(..4) == 0
        && first.status < 500
    {
        let began = Instant::now();
        let retry = client.send(Method::POST, &path, Some(&key), Some(&body)).await;
        count(stats, began, &retry);
        if let Ok(retry) = retry
            && retry.status < 500
            && (retry.status, &retry.body["id"], &retry.body["position"])
                != (first.status, &first.body["id"], &first.body["position"])
        {
            let (first, retry) = (&first.body, &retry.body);
            stats
                .changed_answers
                .push(format!("student {} in course {course}: {first}, then {retry}", student.id));
        }
    }
    if answer.as_ref().is_ok_and(|answer| ["registration-not-open", "overloaded"].contains(&answer.problem()))
    {
        // Waits like a person before trying again.
        tokio::time::sleep(Duration::from_millis(rng.u64(20..200))).await;
        student.next -= 1;
    }
}

async fn drop_course(client: &mut HttpClient, student: &mut Applicant, course: i64, stats: &mut Stats) {
    let path = format!("/api/v1/students/{}/courses/{course}", student.id);
    let began = Instant::now();
    let answer = client.send(Method::DELETE, &path, None, None).await;
    count(stats, began, &answer);
    let before = student.known.get(&course).copied();
    let known = match answer {
        Err(_) => KnownStatus::Unknown,
        Ok(answer) if answer.body.is_null() || answer.problem() == "enrollment-not-found" => {
            KnownStatus::NotEnrolled
        }
        Ok(answer) => known_after(&answer, before),
    };
    student.known.insert(course, known);
}

/// What a student knows after an answer; `before` if the answer says nothing about the enrollment.
fn known_after(answer: &ServerAnswer, before: Option<KnownStatus>) -> KnownStatus {
    match answer.problem() {
        "" if answer.body["status"] == "waitlisted" => KnownStatus::Waitlisted,
        "" | "already-enrolled" => KnownStatus::Enrolled,
        "already-waitlisted" => KnownStatus::Waitlisted,
        // The outcome of the commit is unknown to the server too.
        "overloaded" if answer.body["detail"].as_str().is_some_and(|detail| detail.contains("may have")) => {
            KnownStatus::Unknown
        }
        "internal" => KnownStatus::Unknown,
        "course-full" | "waitlist-full" => KnownStatus::NotEnrolled,
        _ => before.unwrap_or(KnownStatus::NotEnrolled),
    }
}

fn count(stats: &mut Stats, began: Instant, answer: &anyhow::Result<ServerAnswer>) {
    let label = match answer {
        Err(_) => "lost".to_owned(),
        Ok(answer) if answer.problem().is_empty() => answer.status.to_string(),
        Ok(answer) => answer.problem().to_owned(),
    };
    if answer.is_ok() {
        stats.latencies.push(began.elapsed());
    }
    *stats.answers.entry(label).or_default() += 1;
}
