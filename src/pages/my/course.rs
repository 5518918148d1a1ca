//! The page of a course as a student sees it: what they have in it, what they can do, and where else there are seats.

use askama::Template;
use axum::response::{IntoResponse, Response};

use super::me::{Dropping, Me, Standing};
use crate::clock::Stamp;
use crate::courses::store as courses;
use crate::db::casefold;
use crate::enrollments::OwnEnrollment;
use crate::http::problem::Problem;
use crate::pages::kit::filters::{self, display_name, isolate_name};
use crate::pages::kit::form::new_key;
use crate::pages::kit::{Frame, RefusedPage, Rendered, for_people};
use crate::registrar::{Course, CourseId, Refusal, Seats};
use crate::registration::{LiveCourse, Outlook};
use crate::seats::store as seats;
use crate::state::App;

/// How many other courses are named.
const MAX_OTHERS: usize = 4;

#[derive(Template)]
#[template(path = "my/course.html")]
pub(super) struct CoursePage {
    frame: Frame,
    me: Me,
    live: LiveCourse,
    standing: Standing,
    /// Whether the student may drop the course.
    dropping: Dropping,
    /// Since when the waitlist does not move up any more.
    stands_since: Option<Stamp>,
    /// Why the last form was refused.
    refusal: Option<String>,
    /// Courses with a free seat, those with the same name first, then those of the same level.
    others: Vec<LiveCourse>,
    key: String,
}

impl CoursePage {
    fn course(&self) -> &Course {
        &self.live.course
    }

    /// When registration closes, if it has not.
    fn closes_at(&self) -> Option<&Stamp> {
        self.live.closes_at.as_ref().filter(|closes_at| **closes_at > self.me.now)
    }

    /// Whether a student who waits can take a free seat like everybody else, since the waitlist does not move up any more.
    fn is_free_for_all(&self) -> bool {
        self.stands_since.is_some()
            && self.me.holds.is_empty()
            && self.me.outlook(&self.live) == Outlook::Seat
    }

    /// The student's enrollment in the course.
    fn enrollment(&self) -> Option<&OwnEnrollment> {
        self.me.enrollment(self.live.course.id)
    }
}

/// The page of a course for a student.
///
/// # Errors
/// 404 if there is no such course, or when the database cannot be read.
pub(in crate::pages) async fn page(app: &App, me: Me, id: CourseId) -> Result<Response, Problem> {
    Ok(Rendered(course_page(app, me, id, None).await?).into_response())
}

/// The page of a course, which says why a form was refused, and what to do instead.
///
/// # Errors
/// 404 if there is no such course, or when the database cannot be read.
pub(super) async fn refused(app: &App, id: CourseId, refusal: Refusal) -> Result<Response, Problem> {
    if is_about_request(&refusal) {
        return Err(refusal.into());
    }
    let me = Me::require(app).await?;
    let words = in_words(app, &refusal).await?;
    let problem = Problem::from(refusal);
    // The detail of a problem names ids, which say nothing to people.
    let words = words.or_else(|| for_people(problem.kind()).map(str::to_owned));
    let words = words.unwrap_or_else(|| problem.detail().to_owned());
    let page = course_page(app, me, id, Some(words)).await?;
    Ok(RefusedPage(problem.status(), page).into_response())
}

async fn course_page(
    app: &App,
    me: Me,
    id: CourseId,
    refusal: Option<String>,
) -> Result<CoursePage, Problem> {
    let (live, seats) = find(app, id).await?;
    let limits = seats.limits();
    let standing = me.standing(&live);
    let others = match standing {
        Standing::Enrolled | Standing::Open(Outlook::Seat) => Vec::new(),
        _ => others(app, &me, &live.course).await?,
    };
    Ok(CoursePage {
        frame: Frame::new(app, "courses"),
        dropping: me.dropping(&limits),
        stands_since: limits.waitlist_end().filter(|_| !limits.moves_up(&me.now)).cloned(),
        me,
        live,
        standing,
        refusal,
        others,
        key: new_key(),
    })
}

/// A course with its seats and its window, as they are now.
///
/// # Errors
/// 404 if there is no such course, or when the database cannot be read.
pub(super) async fn find(app: &App, id: CourseId) -> Result<(LiveCourse, Seats), Problem> {
    let course = courses::find(&app.viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?;
    let seats = seats::find(&app.viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?;
    Ok((LiveCourse::new(course, &seats), seats))
}

/// Courses in which the student could get a seat now in place of this one.
async fn others(app: &App, me: &Me, course: &Course) -> Result<Vec<LiveCourse>, Problem> {
    let all = app.board.courses(&app.viewer).await?;
    let name = course.name.as_deref().map(casefold);
    let is_other = |live: &&LiveCourse| live.course.id != course.id && me.can_get_seat(live);
    let has_name = |live: &&LiveCourse| name.is_some() && live.course.name.as_deref().map(casefold) == name;
    let has_level = |live: &&LiveCourse| course.level.is_some() && live.course.level == course.level;
    let namesakes = all.iter().filter(is_other).filter(has_name);
    let peers = all.iter().filter(is_other).filter(has_level).filter(|live| !has_name(live));
    Ok(namesakes.chain(peers).take(MAX_OTHERS).cloned().collect())
}

/// Whether a refusal is about the request or the server, and not about the course.
fn is_about_request(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::StudentNotFound(_)
            | Refusal::CourseNotFound(_)
            | Refusal::Unauthorized
            | Refusal::Forbidden
            | Refusal::KeyInUse
            | Refusal::KeyReused
            | Refusal::AnswerNotKept
            | Refusal::Overloaded
            | Refusal::Stopping
            | Refusal::Engine(_)
    )
}

/// A refusal in words for the student; `None` if it has no words of its own here.
async fn in_words(app: &App, refusal: &Refusal) -> Result<Option<String>, Problem> {
    match refusal {
        Refusal::OnHold { holds, .. } => {
            let reasons: Vec<_> = holds.iter().map(|hold| hold.reason.as_str()).collect();
            let reasons = reasons.join(" / ");
            return Ok(Some(format!("You cannot enroll as long as you are on hold. {reasons}")));
        }
        Refusal::CourseLimitReached { courses, course_limit, .. } => {
            return Ok(Some(format!(
                "You have as many courses as you may have, places in line included: {courses} of {course_limit}. Drop one, or swap a course that you have for this one."
            )));
        }
        _ => {}
    }
    let Some(id) = subject(refusal) else { return Ok(None) };
    let Some(course) = courses::find(&app.viewer, id).await? else { return Ok(None) };
    let course = isolate_name(&display_name(&course.name));
    let time = |time: &Option<Stamp>| time.as_ref().map(Stamp::to_string).unwrap_or_default();
    Ok(match refusal {
        Refusal::CourseFull { .. } => Some(format!("{course} is full: the last seat went to somebody else.")),
        Refusal::WaitlistFull { .. } => Some(format!("{course} is full, and so is its waitlist.")),
        Refusal::RegistrationNotOpen { limits, .. } => {
            Some(format!("Registration for {course} opens for you at {}.", time(&limits.opens_at)))
        }
        Refusal::RegistrationClosed { limits, .. } => {
            let closed_at = time(&limits.closes_at);
            Some(format!("Registration for {course} closed at {closed_at}. Ask the registrar’s office."))
        }
        Refusal::DropDeadlinePassed { drop_until, .. } => Some(format!(
            "You could drop {course} until {drop_until}. Ask the registrar’s office: staff can still do it."
        )),
        Refusal::EnrollmentNotFound { .. } => Some(format!("You have no seat in {course}.")),
        _ => None,
    })
}

/// The course that a refusal is about.
fn subject(refusal: &Refusal) -> Option<CourseId> {
    match *refusal {
        Refusal::CourseFull { course_id, .. }
        | Refusal::WaitlistFull { course_id, .. }
        | Refusal::RegistrationNotOpen { course_id, .. }
        | Refusal::RegistrationClosed { course_id, .. }
        | Refusal::DropDeadlinePassed { course_id, .. }
        | Refusal::EnrollmentNotFound { course_id, .. } => Some(course_id),
        _ => None,
    }
}
