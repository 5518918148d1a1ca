//! The pages of groups: all of them, and the members of one.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::kit::form::{EmptyForm, new_key, retry_key};
use super::kit::{Form, FormDraft, FormValues, Frame, RefusedPage, Rendered, filters, submit};
use super::pasted::{self, LineOutcome, LineResult};
use crate::groups::store;
use crate::http::extract::{NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::fields::{self, Draft, Fields};
use crate::http::paging::RequestUrl;
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::lists::{Cursor, Limit, ListPart, Page};
use crate::registrar::{
    DeleteGroup, Group, GroupName, LeaveGroup, MAX_COURSE_LIMIT, Refusal, Right, SetGroup, SetRules, Student,
    StudentId,
};
use crate::rules;
use crate::rules::api::NewRules;
use crate::state::{App, AppState};

/// The page with all groups.
const PAGE: &str = "/groups";

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    let (reads, writes) = (only(Right::ReadStudents), only(Right::WriteStudents));
    Routes::new()
        .get(PAGE, reads, show_all)
        .post(PAGE, writes, set)
        .get("/groups/rules", reads, async || Redirect::to(PAGE))
        .post("/groups/rules", only(Right::WriteCourses), set_rules)
        .get("/groups/of/{group}", reads, show)
        .post("/groups/of/{group}", writes, join_list)
        .get("/groups/of/{group}/delete", writes, ask)
        .post("/groups/of/{group}/delete", writes, delete)
        .post("/groups/of/{group}/students/{student_id}/remove", writes, remove)
}

#[derive(Template)]
#[template(path = "groups.html")]
struct GroupsPage {
    frame: Frame,
    groups: Vec<(Group, i64)>,
    /// The values of the form for a group.
    group: FormValues,
    /// The values of the form for the rules of the school.
    rules: FormValues,
    refusal: Option<String>,
    /// What was saved just now.
    saved: Option<&'static str>,
    key: String,
}

/// The query parameters of the page with all groups.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GroupsQuery {
    /// What was saved just now.
    saved: Option<String>,
}

impl Parameters for GroupsQuery {
    const KNOWN: &'static [&'static str] = &["saved"];
}

impl GroupsQuery {
    fn sentence(&self) -> Option<&'static str> {
        match self.saved.as_deref()? {
            "group" => Some("The group is saved."),
            "limit" => Some("The limit of all students is saved."),
            _ => None,
        }
    }
}

impl GroupsPage {
    async fn load(app: &App) -> Result<Self, Problem> {
        let rules = rules::store::find(&app.viewer).await?;
        let limit = rules.course_limit.map_or_else(String::new, |limit| limit.to_string());
        Ok(Self {
            frame: Frame::new(app, "students"),
            groups: store::counted(&app.viewer).await?,
            group: FormValues::default(),
            rules: FormValues::new([("school_limit", limit)]),
            refusal: None,
            saved: None,
            key: new_key(),
        })
    }
}

async fn show_all(app: App, Query(query): Query<GroupsQuery>) -> Result<Response, Problem> {
    let page = GroupsPage { saved: query.sentence(), ..GroupsPage::load(&app).await? };
    Ok(Rendered(page).into_response())
}

/// Redirects to the page with all groups, which says what was saved.
fn redirect(saved: &str) -> Response {
    Redirect::to(&format!("{PAGE}?saved={saved}")).into_response()
}

/// A group to add or to change.
#[derive(Debug)]
struct GroupForm {
    name: GroupName,
    course_limit: Option<i64>,
}

impl Draft for GroupForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let limit = |value: &_| fields::number(value, 0, MAX_COURSE_LIMIT);
        let name = fields.required("name", |value| fields::text(value, str::parse));
        let course_limit = fields.optional("course_limit", |value| fields::nullable(value, limit));
        Some(Self { name: name?, course_limit: course_limit?.flatten() })
    }
}

impl FormDraft for GroupForm {
    const NUMBERS: &[&str] = &["course_limit"];
}

async fn set(app: App, _: NoQuery, form: Form<GroupForm>) -> Result<Response, Problem> {
    let Some(GroupForm { name, course_limit }) = form.draft else {
        let page = GroupsPage { group: form.values, ..GroupsPage::load(&app).await? };
        return Ok(RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let command = SetGroup { group: Group { name, course_limit } };
    match submit(&app.registrar, command, &form.caller).await {
        Ok(_) => Ok(redirect("group")),
        Err(refusal) => {
            let key = retry_key(&refusal, &form.caller);
            let (status, refusal) = (Problem::from(refusal.clone()).status(), Some(refusal.to_string()));
            let page = GroupsPage { group: form.values, refusal, key, ..GroupsPage::load(&app).await? };
            Ok(RefusedPage(status, page).into_response())
        }
    }
}

/// The form for the rules of the school.
#[derive(Debug)]
struct RulesForm(NewRules);

impl Draft for RulesForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let limit = |value: &_| fields::number(value, 0, MAX_COURSE_LIMIT);
        let course_limit = fields.required("school_limit", |value| fields::nullable(value, limit));
        Some(Self(NewRules { course_limit: course_limit? }))
    }
}

impl FormDraft for RulesForm {
    const NUMBERS: &[&str] = &["school_limit"];
}

async fn set_rules(app: App, _: NoQuery, form: Form<RulesForm>) -> Result<Response, Problem> {
    let Some(RulesForm(rules)) = form.draft else {
        let page = GroupsPage { rules: form.values, ..GroupsPage::load(&app).await? };
        return Ok(RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    submit(&app.registrar, SetRules { rules: rules.into() }, &form.caller).await?;
    Ok(redirect("limit"))
}

/// The query parameters of the page of a group.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GroupQuery {
    /// The student after whom the page starts.
    #[serde(deserialize_with = "from_text")]
    after: Option<Cursor>,
}

impl Parameters for GroupQuery {
    const KNOWN: &'static [&'static str] = &["after"];
}

#[derive(Template)]
#[template(path = "group.html")]
struct GroupPage {
    frame: Frame,
    group: Group,
    members: ListPart<Student>,
    next: Option<String>,
    /// What was pasted, and why it was refused.
    refused: Option<(String, String)>,
    results: Vec<LineResult>,
    key: String,
}

impl GroupPage {
    async fn load(
        app: &App,
        name: GroupName,
        after: Option<Cursor>,
        here: &RequestUrl,
    ) -> Result<Self, Problem> {
        let group = store::find(&app.viewer, &name).await?.ok_or(Refusal::GroupNotFound(name.clone()))?;
        let listing = store::students_in(&app.viewer, &name);
        let page = Page::new(Some(Limit::ROSTER), after, &listing.order)?;
        let members = listing.read(&app.viewer, &page).await?;
        app.discloses_students().sent(members.rows.len());
        Ok(Self {
            frame: Frame::new(app, "students"),
            group,
            next: members.next.as_ref().map(|next| here.page_after(next)),
            members,
            refused: None,
            results: Vec::new(),
            key: new_key(),
        })
    }
}

async fn show(
    app: App,
    group: PathParams<GroupName>,
    Query(query): Query<GroupQuery>,
    here: RequestUrl,
) -> Result<Response, Problem> {
    let page = GroupPage::load(&app, group.into_result()?, query.after, &here).await?;
    Ok(Rendered(page).into_response())
}

/// Students to add to a group, as they were pasted.
#[derive(Debug)]
struct PeopleForm(String);

impl Draft for PeopleForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let text = |value: &_| fields::text(value, |text| Ok(text.to_owned()));
        Some(Self(fields.required("people", text)?))
    }
}

impl FormDraft for PeopleForm {}

async fn join_list(
    app: App,
    group: PathParams<GroupName>,
    _: NoQuery,
    here: RequestUrl,
    form: Form<PeopleForm>,
) -> Result<Response, Problem> {
    let name = group.into_result()?;
    let PeopleForm(text) = form.draft.unwrap_or(PeopleForm(String::new()));
    if let Some(error) = pasted::fault(&text) {
        let page =
            GroupPage { refused: Some((text, error)), ..GroupPage::load(&app, name, None, &here).await? };
        return Ok(RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let results = pasted::join_all(&app, &name, &text, &form.caller).await?;
    let page = GroupPage { results, ..GroupPage::load(&app, name, None, &here).await? };
    Ok(Rendered(page).into_response())
}

async fn remove(
    app: App,
    member: PathParams<(GroupName, StudentId)>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let (name, student_id) = member.into_result()?;
    let back = Redirect::to(&path(&name));
    match submit(&app.registrar, LeaveGroup { name, student_id }, &form.caller).await {
        // Somebody else was faster.
        Ok(()) | Err(Refusal::NotInGroup { .. }) => Ok(back.into_response()),
        Err(refusal) => Err(refusal.into()),
    }
}

#[derive(Template)]
#[template(path = "group_delete.html")]
struct DeleteGroupPage {
    frame: Frame,
    group: Group,
    members: i64,
}

async fn ask(app: App, group: PathParams<GroupName>, _: NoQuery) -> Result<Response, Problem> {
    let name = group.into_result()?;
    let group = store::find(&app.viewer, &name).await?.ok_or(Refusal::GroupNotFound(name.clone()))?;
    let listing = store::students_in(&app.viewer, &name);
    let members = listing.read(&app.viewer, &Page::first(Limit::SUGGESTIONS)).await?.total;
    let frame = Frame::new(&app, "students");
    Ok(Rendered(DeleteGroupPage { frame, group, members }).into_response())
}

async fn delete(
    app: App,
    group: PathParams<GroupName>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let name = group.into_result()?;
    match submit(&app.registrar, DeleteGroup { name }, &form.caller).await {
        Ok(()) | Err(Refusal::GroupNotFound(_)) => Ok(Redirect::to(PAGE).into_response()),
        Err(refusal) => Err(refusal.into()),
    }
}

/// The path of the page of a group.
pub(super) fn path(name: &GroupName) -> String {
    format!("{PAGE}/of/{}", utf8_percent_encode(name.as_str(), NON_ALPHANUMERIC))
}
