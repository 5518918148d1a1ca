//! The proof: what the API tells afterwards, against what was acknowledged and what the log says.

use std::collections::{BTreeMap, HashSet};

use anyhow::Context as _;
use serde_json::Value;

use super::client::Client;
use super::day::{Known, Student};
use crate::registrar::EventKind;

/// What is wrong, a line each.
pub(super) type Findings = Vec<String>;

/// One course as the API tells it.
struct Course {
    id: i64,
    capacity: usize,
    roster: Vec<i64>,
    waitlist: Vec<i64>,
}

/// Looks at every course, and at what every student was told.
///
/// # Errors
/// When the server does not answer.
pub(super) async fn prove(
    client: &mut Client,
    courses: &[i64],
    students: &[Student],
) -> anyhow::Result<Findings> {
    let mut findings = Vec::new();
    let mut told: BTreeMap<i64, Course> = BTreeMap::new();
    for id in courses {
        let path = format!("/api/v1/courses/{id}");
        let seats = client.get(&format!("{path}/seats")).await?;
        let course = Course {
            id: *id,
            capacity: capacity(&seats).with_context(|| format!("course {id} has no capacity: {seats}"))?,
            roster: ids(&client.get(&format!("{path}/students")).await?, "id"),
            waitlist: ids(&client.get(&format!("{path}/waitlist")).await?, "student_id"),
        };
        course.hold(&seats, &mut findings);
        let log = client.get(&format!("/api/v1/events?course_id={id}")).await?;
        course.hold_log(log.as_array().map_or(&[], Vec::as_slice), &mut findings);
        told.insert(*id, course);
    }
    for student in students {
        hold_acknowledged(student, &told, &mut findings);
    }
    Ok(findings)
}

fn capacity(seats: &Value) -> Option<usize> {
    usize::try_from(seats["capacity"].as_u64()?).ok()
}

fn ids(list: &Value, member: &str) -> Vec<i64> {
    list.as_array().into_iter().flatten().filter_map(|row| row[member].as_i64()).collect()
}

impl Course {
    /// Not too full, not too empty, nobody twice, counts that agree.
    fn hold(&self, seats: &Value, findings: &mut Findings) {
        let Self { id, capacity, roster, waitlist } = self;
        if roster.len() > *capacity {
            findings.push(format!("course {id} has {} students on {capacity} seats", roster.len()));
        }
        if roster.len() < *capacity && !waitlist.is_empty() {
            findings.push(format!("course {id} has a seat free, and {} wait", waitlist.len()));
        }
        let mut seen = HashSet::new();
        for student in roster.iter().chain(waitlist).filter(|student| !seen.insert(**student)) {
            findings.push(format!("course {id} has student {student} twice"));
        }
        if seats["enrolled"] != roster.len() || seats["waitlisted"] != waitlist.len() {
            findings.push(format!(
                "course {id} counts {seats}, but tells {} and {}",
                roster.len(),
                waitlist.len()
            ));
        }
    }

    /// At no moment too full, always the first in line moved up, and it ends as the course is told.
    fn hold_log(&self, log: &[Value], findings: &mut Findings) {
        let (mut roster, mut waitlist, id) = (Vec::new(), Vec::new(), self.id);
        let mut sold_twice = false;
        for event in log {
            let student = event["student_id"].as_i64().unwrap_or_default();
            match event["type"].as_str().and_then(|kind| kind.parse().ok()) {
                Some(EventKind::EnrollmentCreated | EventKind::EnrollmentAdopted) => roster.push(student),
                Some(EventKind::EnrollmentDropped) => roster.retain(|other| *other != student),
                Some(EventKind::WaitlistJoined) => waitlist.push(student),
                Some(EventKind::WaitlistLeft) => waitlist.retain(|other| *other != student),
                Some(EventKind::WaitlistPromoted) => {
                    if waitlist.first() != Some(&student) {
                        findings
                            .push(format!("course {id}: seq {} moves up who was not first", event["seq"]));
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
                    | EventKind::SeatsRemoved,
                )
                | None => {}
            }
            if roster.len() > self.capacity && !sold_twice {
                sold_twice = true;
                findings.push(format!("course {id}: seq {} sells a seat twice", event["seq"]));
            }
        }
        if roster != self.roster {
            findings.push(format!("course {id}: the roster is not what the log says"));
        }
        if waitlist != self.waitlist {
            findings.push(format!("course {id}: the waitlist is not in the order of the log"));
        }
    }
}

fn hold_acknowledged(student: &Student, courses: &BTreeMap<i64, Course>, findings: &mut Findings) {
    for (id, known) in &student.known {
        let Some(course) = courses.get(id) else { continue };
        let (has_seat, waits) = (course.roster.contains(&student.id), course.waitlist.contains(&student.id));
        let holds = match known {
            Known::Enrolled => has_seat,
            // Who was told to wait may have moved up since.
            Known::Waits => has_seat || waits,
            Known::Not => !has_seat && !waits,
            Known::Unclear => true,
        };
        if !holds {
            let shown = if has_seat {
                "has a seat"
            } else if waits {
                "waits"
            } else {
                "is not there"
            };
            findings.push(format!("student {} in course {id}: was told {known:?}, but {shown}", student.id));
        }
    }
}
