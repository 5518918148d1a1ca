//! *My courses*: what a student takes and waits for, and what opens next for them.

use askama::Template;
use axum::response::{IntoResponse, Response};

use super::me::{Dropping, Me};
use crate::clock::Stamp;
use crate::count::to_i64;
use crate::http::extract::NoQuery;
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::pages::kit::{Frame, PartialRequest, Rendered, filters};
use crate::registrar::{Refusal, Right, Student};
use crate::registration::{LiveCourse, Outlook};
use crate::state::{App, AppState};
use crate::students::store as students;

/// The page.
pub(super) const PAGE: &str = "/my";

/// How many courses that open next are named.
const MAX_NAMED: usize = 5;

/// The routes of this page.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new().get(PAGE, only(Right::ReadOwnRecord), show)
}

#[derive(Template)]
#[template(path = "my/home.html", blocks = ["live"])]
struct HomePage {
    frame: Frame,
    student: Student,
    me: Me,
    next: Option<Opening>,
    /// In how many courses the student could get a seat now, and in how many they could join the waitlist.
    open: (i64, i64),
}

/// The courses that open next.
struct Opening {
    at: Stamp,
    /// Some of them.
    named: Vec<LiveCourse>,
    /// How many others open at the same time.
    others: i64,
}

impl HomePage {
    /// Whether something on the page changes by itself.
    fn is_live(&self) -> bool {
        self.next.is_some() || !self.me.waits.is_empty()
    }
}

async fn show(app: App, _: NoQuery, PartialRequest(is_partial): PartialRequest) -> Result<Response, Problem> {
    let me = Me::require(&app).await?;
    let student = students::find(&app.viewer, me.id).await?.ok_or(Refusal::StudentNotFound(me.id))?;
    let all = app.board.courses(&app.viewer).await?;
    let outlooks: Vec<_> = all.iter().filter_map(|live| Some((live, me.own_outlook(live)?))).collect();
    let count = |is_it: fn(&Outlook) -> bool| to_i64(outlooks.iter().filter(|(_, it)| is_it(it)).count());
    let page = HomePage {
        frame: Frame::new(&app, "my"),
        student,
        next: opening(&outlooks),
        open: (
            count(|outlook| matches!(outlook, Outlook::Seat)),
            count(|outlook| matches!(outlook, Outlook::Waitlist(_))),
        ),
        me,
    };
    Ok(if is_partial { Rendered(page.as_live()).into_response() } else { Rendered(page).into_response() })
}

/// The courses that open next for the student.
fn opening(outlooks: &[(&LiveCourse, Outlook)]) -> Option<Opening> {
    let opens_at = |outlook: &Outlook| match outlook {
        Outlook::OpensAt(opens_at) => Some(opens_at.clone()),
        _ => None,
    };
    let at = outlooks.iter().filter_map(|(_, outlook)| opens_at(outlook)).min()?;
    let is_next = |(live, outlook): &(&LiveCourse, Outlook)| {
        (opens_at(outlook).as_ref() == Some(&at)).then(|| (*live).clone())
    };
    let mut named: Vec<_> = outlooks.iter().filter_map(is_next).collect();
    let others = to_i64(named.len().saturating_sub(MAX_NAMED));
    named.truncate(MAX_NAMED);
    Some(Opening { at, named, others })
}
