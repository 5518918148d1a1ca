//! The pages for the seats of many courses: the form, the preview, what was done, and all changes.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::kit::form::{EmptyForm, new_key};
use super::kit::{Form, Frame, RefusedPage, Rendered, filters};
use super::seat_change_form::{ChangeDraft, ChoiceQuery, NewChangePage};
use super::seat_change_words::{
    chosen, differences, effect, label, list_label, settings, status_label, title,
};
use super::who;
use crate::http::extract::{NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::paging::RequestUrl;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::lists::{Cursor, Limit, ListPart, Page};
use crate::registrar::Refusal;
use crate::seat_changes::api::{ALLOWED, SeatChangeId, Status};
use crate::seat_changes::{ChangeStatus, ChangedCourse, CourseStatus, SeatChange, SeatChangeError, store};
use crate::state::{App, AppState};

/// The page with all changes.
const PAGE: &str = "/seat-changes";

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new()
        .get(PAGE, ALLOWED, list)
        .post(PAGE, ALLOWED, plan)
        .get("/seat-changes/new", ALLOWED, new)
        .get("/seat-changes/{seat_change_id}", ALLOWED, show)
        .get("/seat-changes/{seat_change_id}/apply", ALLOWED, to_change)
        .post("/seat-changes/{seat_change_id}/apply", ALLOWED, apply)
        .get("/seat-changes/{seat_change_id}/undo", ALLOWED, to_change)
        .post("/seat-changes/{seat_change_id}/undo", ALLOWED, undo)
        .get("/seat-changes/{seat_change_id}/preview", ALLOWED, to_change)
        .post("/seat-changes/{seat_change_id}/preview", ALLOWED, preview)
}

async fn new(app: App, Query(query): Query<ChoiceQuery>) -> Result<Response, Problem> {
    let page = NewChangePage::load(&app, query.choice()?).await?;
    Ok(Rendered(page).into_response())
}

async fn plan(app: App, _: NoQuery, form: Form<ChangeDraft>) -> Result<Response, Problem> {
    let Some(ChangeDraft { choice, change }) = form.draft.clone() else {
        return refused_form(&app, form, StatusCode::UNPROCESSABLE_ENTITY, None).await;
    };
    if change.is_empty() {
        let refusal = "Fill in what is to change. Everything that you leave empty stays as it is.";
        return refused_form(&app, form, StatusCode::UNPROCESSABLE_ENTITY, Some(refusal.to_owned())).await;
    }
    match app.seat_changes.plan(&app.viewer, &choice, &change, &form.caller).await {
        Ok(id) => Ok(Redirect::to(&format!("{PAGE}/{id}")).into_response()),
        Err(SeatChangeError::Refused(refusal @ Refusal::GroupNotFound(_))) => {
            let refusal = refusal.to_string();
            refused_form(&app, form, StatusCode::NOT_FOUND, Some(refusal)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The form as it was sent, with what is wrong with it.
async fn refused_form(
    app: &App,
    form: Form<ChangeDraft>,
    status: StatusCode,
    refusal: Option<String>,
) -> Result<Response, Problem> {
    let choice = ChoiceQuery::of(&form.values).choice()?;
    let page = NewChangePage::load(app, choice).await?.with_values(form.values, refusal);
    Ok(RefusedPage(status, page).into_response())
}

#[derive(Template)]
#[template(path = "seat_change.html")]
struct ChangePage {
    frame: Frame,
    change: SeatChange,
    /// Who planned it, if the reader may know.
    by: Option<String>,
    which: Option<CourseStatus>,
    courses: ListPart<ChangedCourse>,
    next: Option<String>,
    refusal: Option<String>,
    /// Whether a new preview would help.
    is_outdated: bool,
    /// Whether the server that worked on it has stopped.
    is_interrupted: bool,
    key: String,
}

impl ChangePage {
    async fn load(app: &App, id: i64, query: ShowQuery, here: Option<&RequestUrl>) -> Result<Self, Problem> {
        let change = store::find(&app.viewer, id).await?.ok_or(SeatChangeError::NotFound(id))?;
        let which = query.show.map(|Status(status)| status).or_else(|| first_shown(&change));
        let listing = store::courses(&app.viewer, id, which);
        let page = Page::new(Some(Limit::PAGE), query.after, &listing.order)?;
        let courses = listing.read(&app.viewer, &page).await?;
        let next = courses.next.as_ref().and_then(|next| Some(here?.page_after(next)));
        Ok(Self {
            frame: Frame::new(app, "courses"),
            by: who::name(&app.viewer, &change.actor).await?,
            is_interrupted: change.is_interrupted(&app.clock.stamp()),
            change,
            which,
            courses,
            next,
            refusal: None,
            is_outdated: false,
            key: new_key(),
        })
    }

    fn is_planned(&self) -> bool {
        self.change.status == ChangeStatus::Planned
    }

    fn can_be_undone(&self) -> bool {
        matches!(self.change.status, ChangeStatus::Applied | ChangeStatus::Stopped) && self.change.done > 0
    }

    /// The lists with courses: name, label, number of courses, whether it is shown.
    fn lists(&self) -> Vec<(&'static str, &'static str, i64, bool)> {
        let shown = CourseStatus::ALL.iter().map(|status| (*status, self.change.count(*status)));
        let shown = shown.filter(|(_, courses)| *courses > 0);
        shown
            .map(|(status, courses)| {
                (status.as_str(), list_label(status), courses, self.which == Some(status))
            })
            .collect()
    }

    /// The label of the list that is shown.
    fn shown(&self) -> &'static str {
        self.which.map_or("All courses", list_label)
    }

    /// Whether the column with what happens has anything to say.
    fn has_effects(&self) -> bool {
        self.courses.rows.iter().any(|course| !effect(course).is_empty())
    }
}

/// The list to show first: what went wrong, then what is to change or has changed.
fn first_shown(change: &SeatChange) -> Option<CourseStatus> {
    use CourseStatus::{Done, NotDone, Planned, Refused, Remaining, Unchanged, Undone};
    let order = [Remaining, NotDone, Planned, Done, Undone, Refused, Unchanged];
    order.into_iter().find(|status| change.count(*status) > 0)
}

/// The query of the page of a change.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ShowQuery {
    /// Which courses.
    #[serde(deserialize_with = "from_text")]
    show: Option<Status>,
    #[serde(deserialize_with = "from_text")]
    after: Option<Cursor>,
}

impl Parameters for ShowQuery {
    const KNOWN: &'static [&'static str] = &["show", "after"];
}

async fn show(
    app: App,
    id: PathParams<SeatChangeId>,
    Query(query): Query<ShowQuery>,
    here: RequestUrl,
) -> Result<Response, Problem> {
    Ok(Rendered(ChangePage::load(&app, id.into_result()?.0, query, Some(&here)).await?).into_response())
}

/// After a refused form, the address bar shows the form's own path; opening that again leads to the change.
async fn to_change(id: PathParams<SeatChangeId>, _: NoQuery) -> Result<Redirect, Problem> {
    Ok(Redirect::to(&format!("{PAGE}/{}", id.into_result()?.0)))
}

async fn apply(
    app: App,
    id: PathParams<SeatChangeId>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let id = id.into_result()?.0;
    let applied = app.seat_changes.apply(&app.viewer, id, &form.caller).await;
    answer(&app, id, applied).await
}

async fn undo(
    app: App,
    id: PathParams<SeatChangeId>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let id = id.into_result()?.0;
    let undone = app.seat_changes.undo(id, &form.caller).await;
    answer(&app, id, undone).await
}

/// Plans the same change again.
async fn preview(
    app: App,
    id: PathParams<SeatChangeId>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let id = id.into_result()?.0;
    let change = store::find(&app.viewer, id).await?.ok_or(SeatChangeError::NotFound(id))?;
    let again = app.seat_changes.plan(&app.viewer, &change.courses, &change.seats, &form.caller).await?;
    Ok(Redirect::to(&format!("{PAGE}/{again}")).into_response())
}

/// The page of the change, with the reason for a refusal.
async fn answer(app: &App, id: i64, done: Result<(), SeatChangeError>) -> Result<Response, Problem> {
    let error = match done {
        Ok(()) => return Ok(Redirect::to(&format!("{PAGE}/{id}")).into_response()),
        Err(error @ (SeatChangeError::Refused(_) | SeatChangeError::NotFound(_))) => return Err(error.into()),
        Err(error) => error,
    };
    let is_outdated = matches!(error, SeatChangeError::PlanChanged);
    let (refusal, status) = (Some(error.to_string()), Problem::from(error).status());
    let page =
        ChangePage { refusal, is_outdated, ..ChangePage::load(app, id, ShowQuery::default(), None).await? };
    Ok(RefusedPage(status, page).into_response())
}

#[derive(Template)]
#[template(path = "seat_changes.html")]
struct ChangesPage {
    frame: Frame,
    changes: ListPart<SeatChange>,
    /// Who planned each of them.
    by: Vec<Option<String>>,
    next: Option<String>,
    has_previous: bool,
}

impl ChangesPage {
    fn rows(&self) -> impl Iterator<Item = (&SeatChange, &Option<String>)> {
        self.changes.rows.iter().zip(&self.by)
    }
}

/// The query of the list of changes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    #[serde(deserialize_with = "from_text")]
    after: Option<Cursor>,
}

impl Parameters for ListQuery {
    const KNOWN: &'static [&'static str] = &["after"];
}

async fn list(
    app: App,
    Query(ListQuery { after }): Query<ListQuery>,
    here: RequestUrl,
) -> Result<Response, Problem> {
    let (listing, has_previous) = (store::list(&app.viewer), after.is_some());
    let page = Page::new(Some(Limit::PAGE), after, &listing.order)?;
    let changes = listing.read(&app.viewer, &page).await?;
    let mut by = Vec::with_capacity(changes.rows.len());
    for change in &changes.rows {
        by.push(who::name(&app.viewer, &change.actor).await?);
    }
    let next = changes.next.as_ref().map(|next| here.page_after(next));
    let frame = Frame::new(&app, "courses");
    Ok(Rendered(ChangesPage { frame, changes, by, next, has_previous }).into_response())
}
