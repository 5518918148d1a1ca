//! Enrollments in a browser: enrolling and dropping on a student's page, the roster of a day, how a course filled.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::json;

use super::api::NewEnrollment;
use super::store;
use crate::app::App;
use crate::clock::stamp;
use crate::db::{Db, DbError};
use crate::events::pages::About;
use crate::events::store as events;
use crate::http::extract::{Named, NoQuery, Query, Time};
use crate::http::fields::invalid;
use crate::http::paging::Here;
use crate::http::problem::Problem;
use crate::registrar::{Admission, Command, CourseId, Refusal, Role, StudentId};
use crate::students::pages::{StudentView, student_page};
use crate::ui::form::Nothing;
use crate::ui::{Filled, Form, Refused, submit};

/// The pages of this room.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/students/{student_id}/courses", post(enroll))
        .route("/students/{student_id}/courses/{course_id}/drop", post(drop_course))
        .route("/students/{student_id}/courses/{course_id}/leave", post(leave_waitlist))
}

impl Filled for NewEnrollment {
    const NUMBERS: &[&str] = &["course_id"];
}

async fn enroll(
    State(app): State<App>,
    student: Named<StudentId>,
    Query(view): Query<StudentView>,
    here: Here,
    form: Form<NewEnrollment>,
) -> Result<Response, Problem> {
    let student_id = student.found()?;
    let Some(NewEnrollment { course_id }) = form.draft else {
        let detail = form.typed.error("course_id").unwrap_or("is required");
        return Err(invalid(vec![json!({"pointer": "/course_id", "detail": detail})]));
    };
    match submit(&app.registrar, Command::Enroll { student_id, course_id }).await {
        Ok(Admission::Enrolled(_)) => Ok(told(student_id, "enrolled", course_id)),
        Ok(Admission::Waitlisted(_)) => Ok(told(student_id, "waits", course_id)),
        Err(refusal) => refused(&app, student_id, &view, refusal, &here).await,
    }
}

async fn drop_course(
    State(app): State<App>,
    pair: Named<(StudentId, CourseId)>,
    _: NoQuery,
    here: Here,
    _: Form<Nothing>,
) -> Result<Response, Problem> {
    end(&app, pair.found()?, "dropped", &here).await
}

async fn leave_waitlist(
    State(app): State<App>,
    pair: Named<(StudentId, CourseId)>,
    _: NoQuery,
    here: Here,
    _: Form<Nothing>,
) -> Result<Response, Problem> {
    end(&app, pair.found()?, "left", &here).await
}

async fn end(
    app: &App,
    (student_id, course_id): (StudentId, CourseId),
    done: &str,
    here: &Here,
) -> Result<Response, Problem> {
    let command = Command::Drop { student_id, course_id, role: Role::Registrar };
    match submit::<()>(&app.registrar, command).await {
        Ok(()) => Ok(told(student_id, done, course_id)),
        Err(refusal) => refused(app, student_id, &StudentView::default(), refusal, here).await,
    }
}

/// Back to the student, whose page says what was done.
fn told(student_id: StudentId, done: &str, course_id: CourseId) -> Response {
    Redirect::to(&format!("/students/{student_id}?{done}={course_id}")).into_response()
}

async fn refused(
    app: &App,
    student_id: StudentId,
    view: &StudentView,
    refusal: Refusal,
    here: &Here,
) -> Result<Response, Problem> {
    let problem = Problem::from(refusal);
    let page = student_page(app, student_id, view, here, Some(problem.detail().to_owned())).await?;
    Ok(Refused(problem.status(), page).into_response())
}

/// A day that has been chosen, of which the end counts.
#[derive(Clone, Debug)]
pub struct Day {
    /// As it was chosen: `2026-09-01`.
    pub chosen: String,
    /// The last millisecond of it: where whoever looks is, if a script has told; else in UTC.
    pub end: Time,
}

impl Day {
    /// Reads it; nothing is no day. `end` is its last moment where whoever looks is.
    ///
    /// # Errors
    /// `invalid-request` where it is none of the calendar.
    pub fn chosen(typed: &str, end: Option<&Time>) -> Result<Option<Self>, Problem> {
        if typed.trim().is_empty() {
            return Ok(None);
        }
        let in_utc = |day: Date| {
            let next = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
            next.timestamp().checked_sub(1.millisecond()).ok()
        };
        let day = typed.trim().parse::<Date>().ok().filter(|day| day.year() > 0);
        let in_utc = day.and_then(in_utc).ok_or_else(|| {
            let detail = "must be a day, like 2026-09-01";
            invalid(vec![json!({"parameter": "as_of", "detail": detail})])
        })?;
        let end = end.cloned().unwrap_or_else(|| Time(stamp(in_utc)));
        Ok(Some(Self { chosen: typed.trim().to_owned(), end }))
    }
}

/// How many students a course had as time went by, as a curve of steps.
#[derive(Debug)]
pub struct Plot {
    /// The line, as the points of a polyline.
    pub line: String,
    /// What lies below it, as the points of a polygon.
    pub area: String,
    /// The highest number.
    pub most: i64,
    /// When the curve begins, as stored.
    pub begins: String,
    /// When it ends, as stored.
    pub ends: String,
}

impl Plot {
    /// The size of the drawing: its curve lies between these.
    const WIDTH: f64 = 300.0;
    const HEIGHT: f64 = 100.0;

    /// The curve of a course; nothing before anybody has enrolled.
    ///
    /// # Errors
    /// What the engine said.
    pub async fn of(db: &Db, course_id: CourseId) -> Result<Option<Self>, DbError> {
        let beginning = events::beginning(db, About::Course(course_id)).await?;
        let Some((begins, ends)) = store::told_between(db, course_id, beginning).await? else {
            return Ok(None);
        };
        let steps = store::steps(db, course_id, beginning, precision(&begins, &ends)).await?;
        Ok(Self::drawn(&steps, begins, ends))
    }

    fn drawn(steps: &[(String, i64)], begins: String, ends: String) -> Option<Self> {
        let (first, last) = (begins.parse::<Timestamp>().ok()?, ends.parse::<Timestamp>().ok()?);
        let span = last.duration_since(first).as_secs_f64().max(1.0);
        let mut enrolled = 0;
        let mut heights = Vec::new();
        for (at, change) in steps {
            enrolled += change;
            let at = completed(at).parse::<Timestamp>().ok()?;
            let part = (at.duration_since(first).as_secs_f64() / span).clamp(0.0, 1.0);
            let x = (part * Self::WIDTH).round();
            // Of what falls on one place only the last is seen.
            heights.pop_if(|(before, _): &mut (f64, i64)| (x - *before).abs() < 1.0);
            heights.push((x, enrolled));
        }
        let most = heights.iter().map(|(_, enrolled)| *enrolled).max().filter(|most| *most > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "a drawing")]
        let y = |enrolled: i64| Self::HEIGHT - (enrolled as f64 / most as f64) * Self::HEIGHT;
        let (mut line, mut before) = (format!("0,{:.1}", Self::HEIGHT), 0);
        for (x, enrolled) in heights {
            // Writing to a `String` cannot fail.
            _ = write!(line, " {x:.1},{:.1} {x:.1},{:.1}", y(before), y(enrolled));
            before = enrolled;
        }
        _ = write!(line, " {:.1},{:.1}", Self::WIDTH, y(before));
        let area = format!("{line} {:.1},{:.1}", Self::WIDTH, Self::HEIGHT);
        Some(Self { line, area, most, begins, ends })
    }
}

/// How many characters of a stored time tell steps apart that can be seen: days, hours, minutes or seconds.
fn precision(begins: &str, ends: &str) -> i64 {
    let differ = begins.bytes().zip(ends.bytes()).take_while(|(one, other)| one == other).count();
    match differ {
        // The month or the year.
        0..8 => 10,
        8..11 => 13,
        11..14 => 16,
        _ => 19,
    }
}

/// A stored time of which the end was cut off.
fn completed(beginning: &str) -> String {
    const REST: &str = "2026-01-01T00:00:00.000Z";
    format!("{beginning}{}", REST.get(beginning.len()..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_with_its_last_millisecond() {
        let end = |typed| Day::chosen(typed, None).unwrap().map(|day| day.end.0);
        assert_eq!(end("2026-09-01").as_deref(), Some("2026-09-01T23:59:59.999Z"));
        assert_eq!(end(" "), None);
        for typed in ["2026-02-30", "yesterday", "2026-09-01T08:00:00Z", "9999-12-31"] {
            assert!(Day::chosen(typed, None).is_err(), "{typed}");
        }
    }

    #[test]
    fn a_course_that_fills_within_minutes_is_drawn_to_the_second() {
        let begins = "2026-09-01T08:00:00.000Z";
        for (ends, precise) in [
            ("2026-09-01T08:00:09.000Z", 19),
            ("2026-09-01T08:40:00.000Z", 19),
            ("2026-09-01T19:00:00.000Z", 16),
            ("2026-09-20T08:00:00.000Z", 13),
            ("2027-01-01T08:00:00.000Z", 10),
        ] {
            assert_eq!(precision(begins, ends), precise, "{ends}");
            let cut = &ends[..usize::try_from(precise).unwrap()];
            assert!(completed(cut).parse::<Timestamp>().is_ok(), "{cut}");
        }
    }

    #[test]
    fn the_curve_goes_up_and_down_in_steps() {
        let steps = [("2026-09-01T08:00:00", 2), ("2026-09-01T08:00:10", -1)];
        let steps = steps.map(|(at, change)| (at.to_owned(), change));
        let (begins, ends) = ("2026-09-01T08:00:00.000Z".to_owned(), "2026-09-01T08:00:20.000Z".to_owned());
        let plot = Plot::drawn(&steps, begins, ends).unwrap();
        assert_eq!(plot.most, 2);
        assert_eq!(plot.line, "0,100.0 0.0,100.0 0.0,0.0 150.0,0.0 150.0,50.0 300.0,50.0");
    }
}
