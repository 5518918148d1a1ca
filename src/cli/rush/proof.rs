//! Checks the result: the state in the API must agree with the answers that students got and with the event log.

use std::collections::{BTreeMap, HashSet};

use anyhow::Context as _;
use serde_json::Value;

use super::client::HttpClient;
use super::day::{Applicant, KnownStatus};
use crate::registrar::EventKind;

/// The failed checks, one line each.
pub(super) type Findings = Vec<String>;

/// The state of a course in the API.
struct CourseState {
    id: i64,
    capacity: usize,
    roster: Vec<i64>,
    waitlist: Vec<i64>,
}

/// Checks all courses and the answers that all students got.
///
/// # Errors
/// If the server does not answer.
pub(super) async fn verify(
    client: &mut HttpClient,
    courses: &[i64],
    students: &[Applicant],
) -> anyhow::Result<Findings> {
    let mut findings = Vec::new();
    let mut states: BTreeMap<i64, CourseState> = BTreeMap::new();
    for id in courses {
        let path = format!("/api/v1/courses/{id}");
        let seats = client.get(&format!("{path}/seats")).await?;
        let course = CourseState {
            id: *id,
            capacity: capacity(&seats).with_context(|| format!("course {id} has no capacity: {seats}"))?,
            roster: ids(&client.get(&format!("{path}/students")).await?, "id"),
            waitlist: ids(&client.get(&format!("{path}/waitlist")).await?, "student_id"),
        };
        course.check(&seats, &mut findings);
        let log = client.get(&format!("/api/v1/events?course_id={id}")).await?;
        course.check_log(log.as_array().map_or(&[], Vec::as_slice), &mut findings);
        states.insert(*id, course);
    }
    for student in students {
        check_answers(student, &states, &mut findings);
    }
    Ok(findings)
}

fn capacity(seats: &Value) -> Option<usize> {
    usize::try_from(seats["capacity"].as_u64()?).ok()
}

fn ids(list: &Value, member: &str) -> Vec<i64> {
    list.as_array().into_iter().flatten().filter_map(|row| row[member].as_i64()).collect()
}

impl CourseState {
    /// No student too many, no free seat while students wait, nobody twice, correct counts.
    fn check(&self, seats: &Value, findings: &mut Findings) {
        let Self { id, capacity, roster, waitlist } = self;
        if roster.len() > *capacity {
            findings.push(format!("course {id} has {} students in {capacity} seats", roster.len()));
        }
        if roster.len() < *capacity && !waitlist.is_empty() {
            findings.push(format!("course {id} has a free seat, and {} students wait", waitlist.len()));
        }
        let mut seen = HashSet::new();
        for student in roster.iter().chain(waitlist).filter(|student| !seen.insert(**student)) {
            findings.push(format!("course {id} has student {student} twice"));
        }
        if seats["enrolled"] != roster.len() || seats["waitlisted"] != waitlist.len() {
            findings.push(format!(
                "course {id} reports {seats}, but lists {} and {}",
                roster.len(),
                waitlist.len()
            ));
        }
    }

    /// According to the log, never too many students, always the first on the waitlist promoted, and the same final
    /// state.
    fn check_log(&self, log: &[Value], findings: &mut Findings) {
        let (mut roster, mut waitlist, id) = (Vec::new(), Vec::new(), self.id);
        let mut is_overfull = false;
        for event in log {
            let Some(student) = event["student_id"].as_i64() else { continue };
            match event["type"].as_str().and_then(|kind| kind.parse().ok()) {
                Some(
                    EventKind::EnrollmentCreated
                    | EventKind::EnrollmentAdopted
                    | EventKind::EnrollmentRestored,
                ) => roster.push(student),
                Some(EventKind::EnrollmentDropped) => roster.retain(|other| *other != student),
                Some(EventKind::WaitlistJoined | EventKind::WaitlistRestored) => waitlist.push(student),
                Some(EventKind::WaitlistLeft) => waitlist.retain(|other| *other != student),
                Some(EventKind::WaitlistPromoted) => {
                    if waitlist.first() != Some(&student) {
                        findings.push(format!(
                            "course {id}: seq {} promotes a student who was not first",
                            event["seq"]
                        ));
                    }
                    waitlist.retain(|other| *other != student);
                    roster.push(student);
                }
                Some(
                    EventKind::StudentCreated
                    | EventKind::StudentUpdated
                    | EventKind::StudentDeleted
                    | EventKind::CourseCreated
                    | EventKind::CourseUpdated
                    | EventKind::CourseDeleted
                    | EventKind::SeatsSet
                    | EventKind::SeatsRemoved
                    | EventKind::ImportApplied
                    | EventKind::ImportUndone
                    | EventKind::RulesSet
                    | EventKind::GroupSet
                    | EventKind::GroupDeleted
                    | EventKind::GroupJoined
                    | EventKind::GroupLeft
                    | EventKind::HoldPlaced
                    | EventKind::HoldReleased
                    | EventKind::AccountCreated
                    | EventKind::AccountChanged
                    | EventKind::InstructorAssigned
                    | EventKind::InstructorRemoved
                    | EventKind::TokenCreated
                    | EventKind::TokenRevoked,
                )
                | None => {}
            }
            if roster.len() > self.capacity && !is_overfull {
                is_overfull = true;
                findings.push(format!("course {id}: seq {} gives a seat twice", event["seq"]));
            }
        }
        if roster != self.roster {
            findings.push(format!("course {id}: the roster does not agree with the log"));
        }
        if waitlist != self.waitlist {
            findings.push(format!("course {id}: the waitlist does not agree with the log"));
        }
    }
}

fn check_answers(student: &Applicant, courses: &BTreeMap<i64, CourseState>, findings: &mut Findings) {
    for (id, known) in &student.known {
        let Some(course) = courses.get(id) else { continue };
        let (has_seat, waits) = (course.roster.contains(&student.id), course.waitlist.contains(&student.id));
        let holds = match known {
            KnownStatus::Enrolled => has_seat,
            // The student may have been promoted since.
            KnownStatus::Waitlisted => has_seat || waits,
            KnownStatus::NotEnrolled => !has_seat && !waits,
            KnownStatus::Unknown => true,
        };
        if !holds {
            let actual = if has_seat {
                "is enrolled"
            } else if waits {
                "is on the waitlist"
            } else {
                "is neither enrolled nor on the waitlist"
            };
            findings.push(format!(
                "student {} in course {id}: the last answer was {known:?}, but the student {actual}",
                student.id
            ));
        }
    }
}
