//! Confirmations of a student's own entries in the log.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};

use super::home;
use super::me::{Dropping, Me};
use crate::courses::store as courses;
use crate::db::DbError;
use crate::events::{About, HistoryEntry, store as events};
use crate::http::extract::{FromPath, NoQuery, PathParams};
use crate::http::problem::{NotFound, Problem};
use crate::http::routes::{Routes, only};
use crate::pages::kit::{Frame, Rendered, filters};
use crate::pages::who;
use crate::registrar::{Course, CourseId, EventKind, MAX_ID, Refusal, Right, Student, StudentId};
use crate::state::{App, AppState};
use crate::students::store as students;

/// How far back a confirmation is looked for: a student has few entries in the log.
const MAX_ENTRIES: i64 = 100;

/// Entries that say that the student got a seat or a place on a waitlist.
pub(super) const ADMISSIONS: [EventKind; 6] = [
    EventKind::EnrollmentCreated,
    EventKind::EnrollmentAdopted,
    EventKind::EnrollmentRestored,
    EventKind::WaitlistJoined,
    EventKind::WaitlistPromoted,
    EventKind::WaitlistRestored,
];
/// Entries that say that the student gave it up.
pub(super) const DROPS: [EventKind; 2] = [EventKind::EnrollmentDropped, EventKind::WaitlistLeft];

/// The routes of this page.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new().get("/my/confirmations/{seq}", only(Right::ReadOwnRecord), show)
}

/// The number of an entry of the log.
struct Seq(i64);

impl FromPath for Seq {
    fn read(param: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        let seq = param("seq").parse().ok().filter(|seq| (1..MAX_ID).contains(seq));
        seq.map(Self).ok_or_else(no_confirmation)
    }
}

fn no_confirmation() -> Problem {
    Problem::new::<NotFound>("You have no confirmation with this number.")
}

/// What the student has in the course now.
enum Now {
    Seat(Dropping),
    Place(i64),
    Nothing,
}

#[derive(Template)]
#[template(path = "my/confirmation.html")]
struct ConfirmationPage {
    frame: Frame,
    student: Student,
    entry: HistoryEntry,
    kind: EventKind,
    /// The course; `None` if it has been deleted since.
    course: Option<Course>,
    /// The course that the student gave up for it.
    given_up: Option<Course>,
    now: Now,
}

impl ConfirmationPage {
    /// Whether the entry says that the student got a seat.
    fn is_seat(&self) -> bool {
        self.is_admission() && !self.is_place()
    }

    fn is_place(&self) -> bool {
        matches!(self.kind, EventKind::WaitlistJoined | EventKind::WaitlistRestored)
    }

    fn is_admission(&self) -> bool {
        ADMISSIONS.contains(&self.kind)
    }
}

async fn show(app: App, seq: PathParams<Seq>, _: NoQuery) -> Result<Response, Problem> {
    let Seq(seq) = seq.into_result()?;
    let me = Me::require(&app).await?;
    let student = students::find(&app.viewer, me.id).await?.ok_or(Refusal::StudentNotFound(me.id))?;
    let mut entries = events::latest(&app.viewer, About::Student(me.id), seq + 1, 1).await?;
    who::look_up(&app.viewer, &mut entries).await?;
    let place = entries.iter().position(|entry| entry.seq == seq).ok_or_else(no_confirmation)?;
    let entry = entries.remove(place);
    let confirmed = entry.kind.filter(|kind| ADMISSIONS.contains(kind) || DROPS.contains(kind));
    let (kind, course_id) = confirmed.zip(entry.course).ok_or_else(no_confirmation)?;
    let exists = entry.course_name.is_some();
    let page = ConfirmationPage {
        frame: Frame::new(&app, "my"),
        student,
        kind,
        course: if exists { courses::find(&app.viewer, course_id).await? } else { None },
        given_up: given_up(&app, &entry).await?,
        now: if exists { now(&me, course_id) } else { Now::Nothing },
        entry,
    };
    Ok(Rendered(page).into_response())
}

/// The course that the student gave up for this one; `None` if it exists no more.
async fn given_up(app: &App, entry: &HistoryEntry) -> Result<Option<Course>, DbError> {
    match entry.data["in_place_of"].as_i64() {
        Some(id) => courses::find(&app.viewer, CourseId(id)).await,
        None => Ok(None),
    }
}

fn now(me: &Me, course_id: CourseId) -> Now {
    match (me.enrollment(course_id), me.wait(course_id)) {
        (Some(held), _) => Now::Seat(me.dropping(&held.limits)),
        (None, Some(wait)) => Now::Place(wait.position),
        (None, None) => Now::Nothing,
    }
}

/// Redirects to the latest confirmation of this kind about a course.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn latest(
    app: &App,
    student: StudentId,
    course: CourseId,
    kinds: &[EventKind],
) -> Result<Response, Problem> {
    let address = match find(app, student, course, kinds).await? {
        Some(seq) => path(seq),
        // The log has been filled with other entries since the form was sent.
        None => home::PAGE.to_owned(),
    };
    Ok(Redirect::to(&address).into_response())
}

/// The number of the latest entry of one of these kinds about the student and the course.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn find(
    app: &App,
    student: StudentId,
    course: CourseId,
    kinds: &[EventKind],
) -> Result<Option<i64>, Problem> {
    let entries = events::latest(&app.viewer, About::Student(student), MAX_ID, MAX_ENTRIES).await?;
    let is_it = |entry: &&HistoryEntry| {
        entry.course == Some(course) && entry.kind.is_some_and(|kind| kinds.contains(&kind))
    };
    Ok(entries.iter().find(is_it).map(|entry| entry.seq))
}

/// The address of a confirmation.
pub(super) fn path(seq: i64) -> String {
    format!("/my/confirmations/{seq}")
}
