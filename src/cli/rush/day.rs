//! The day: what students do when registration opens.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use axum::http::Method;
use fastrand::Rng;
use serde_json::json;

use super::client::{Answer, Client, Server};

/// What a student knows of a course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// 201, or told so since.
    Enrolled,
    /// 202: waits, or has moved up since.
    Waits,
    /// Dropped or left, or refused.
    Not,
    /// The answer was lost.
    Unclear,
}

/// A student with wishes.
pub(super) struct Student {
    pub(super) id: i64,
    /// The courses that the student would like, the dearest first; they come round again.
    wishes: Vec<i64>,
    next: usize,
    /// Courses that are enough.
    enough: usize,
    pub(super) known: BTreeMap<i64, Known>,
}

/// What was asked and answered.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) latencies: Vec<Duration>,
    /// How often which answer came: a status, or the kind of problem.
    pub(super) answers: HashMap<String, u64>,
    /// Where a request that was sent again was not answered the same.
    pub(super) broken: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        for (answer, count) in other.answers {
            *self.answers.entry(answer).or_default() += count;
        }
        self.broken.extend(other.broken);
    }
}

impl Student {
    /// Everybody wants the favorites: the courses at the front.
    pub(super) fn new(id: i64, courses: &[i64], chance: &mut Rng) -> Self {
        let mut wishes: Vec<i64> = Vec::new();
        while wishes.len() < 8.min(courses.len()) {
            let mut draw = || chance.usize(..courses.len());
            let place = draw().min(draw()).min(draw());
            if !wishes.contains(&courses[place]) {
                wishes.push(courses[place]);
            }
        }
        Self { id, wishes, next: 0, enough: chance.usize(3..=5), known: BTreeMap::new() }
    }

    fn has(&self) -> Vec<i64> {
        let has = self.known.iter().filter(|(_, known)| matches!(known, Known::Enrolled | Known::Waits));
        has.map(|(course, _)| *course).collect()
    }
}

/// One connection, on which its students take turns until the day is over.
pub(super) async fn go_through(
    server: &Server,
    students: &mut [Student],
    until: Instant,
    mut chance: Rng,
) -> Tally {
    let mut client = server.client();
    let mut tally = Tally::default();
    // Everybody comes once, even where the day is too short for the server.
    let mut turn = 0;
    while turn < students.len() || Instant::now() < until {
        let place = turn % students.len();
        turn += 1;
        if let Some(student) = students.get_mut(place) {
            take_turn(&mut client, student, &mut tally, &mut chance).await;
        }
    }
    tally
}

async fn take_turn(client: &mut Client, student: &mut Student, tally: &mut Tally, chance: &mut Rng) {
    let has = student.has();
    if has.len() >= student.enough || (!has.is_empty() && chance.u8(..3) == 0) {
        // Another course could be better: a swap begins with a drop.
        let course = has[chance.usize(..has.len())];
        drop_course(client, student, course, tally).await;
        return;
    }
    let course = student.wishes[student.next % student.wishes.len()];
    student.next += 1;
    if !has.contains(&course) {
        enroll(client, student, course, tally, chance).await;
    }
}

async fn enroll(
    client: &mut Client,
    student: &mut Student,
    course: i64,
    tally: &mut Tally,
    chance: &mut Rng,
) {
    let path = format!("/api/v1/students/{}/courses", student.id);
    let body = json!({"course_id": course});
    let key = chance.bool().then(|| format!("rush-{:016x}", chance.u64(..)));
    let began = Instant::now();
    let answer = client.ask(Method::POST, &path, key.as_deref(), Some(&body)).await;
    count(tally, began, &answer);
    let known = match &answer {
        Err(_) => Known::Unclear,
        Ok(answer) => learned(answer, student.known.get(&course).copied()),
    };
    student.known.insert(course, known);
    // The impatient ask again: the same request, under the same name.
    if let (Ok(first), Some(key)) = (&answer, key)
        && chance.u8(..4) == 0
        && first.status < 500
    {
        let began = Instant::now();
        let again = client.ask(Method::POST, &path, Some(&key), Some(&body)).await;
        count(tally, began, &again);
        if let Ok(again) = again
            && again.status < 500
            && (again.status, &again.body["id"], &again.body["position"])
                != (first.status, &first.body["id"], &first.body["position"])
        {
            let (first, again) = (&first.body, &again.body);
            tally.broken.push(format!("student {} in course {course}: {first}, then {again}", student.id));
        }
    }
    if answer.as_ref().is_ok_and(|answer| ["registration-not-open", "overloaded"].contains(&answer.problem()))
    {
        // A person would look at the clock.
        tokio::time::sleep(Duration::from_millis(chance.u64(20..200))).await;
        student.next -= 1;
    }
}

async fn drop_course(client: &mut Client, student: &mut Student, course: i64, tally: &mut Tally) {
    let path = format!("/api/v1/students/{}/courses/{course}", student.id);
    let began = Instant::now();
    let answer = client.ask(Method::DELETE, &path, None, None).await;
    count(tally, began, &answer);
    let before = student.known.get(&course).copied();
    let known = match answer {
        Err(_) => Known::Unclear,
        Ok(answer) if answer.body.is_null() || answer.problem() == "enrollment-not-found" => Known::Not,
        Ok(answer) => learned(&answer, before),
    };
    student.known.insert(course, known);
}

/// What an answer tells of the course, where it was something else before.
fn learned(answer: &Answer, before: Option<Known>) -> Known {
    match answer.problem() {
        "" if answer.body["status"] == "waitlisted" => Known::Waits,
        "" | "already-enrolled" => Known::Enrolled,
        "already-waitlisted" => Known::Waits,
        // Said of a commit that was lost: it may have been made, or not.
        "overloaded" if answer.body["detail"].as_str().is_some_and(|detail| detail.contains("may have")) => {
            Known::Unclear
        }
        "internal" => Known::Unclear,
        "course-full" | "waitlist-full" => Known::Not,
        _ => before.unwrap_or(Known::Not),
    }
}

fn count(tally: &mut Tally, began: Instant, answer: &anyhow::Result<Answer>) {
    let told = match answer {
        Err(_) => "lost".to_owned(),
        Ok(answer) if answer.problem().is_empty() => answer.status.to_string(),
        Ok(answer) => answer.problem().to_owned(),
    };
    if answer.is_ok() {
        tally.latencies.push(began.elapsed());
    }
    *tally.answers.entry(told).or_default() += 1;
}
