//! The pages that add and change a record.

use axum::response::{IntoResponse, Redirect, Response};

use super::kit::edit::version_field;
use super::kit::filters::display_name;
use super::kit::{EditPage, Form, FormDraft, FormValues, Frame, submit};
use crate::db::DbError;
use crate::http::extract::{FromPath, NoQuery, PathParams};
use crate::http::problem::Problem;
use crate::http::records::{NewRecord, RecordChange};
use crate::mapping::{RecordTable, SchoolTables};
use crate::registrar::{Create, Record, Refusal, Update, Version};
use crate::state::App;
use crate::viewer::Viewer;

/// A record with pages to add and change it.
pub(super) trait PageRecord: Record<Id: FromPath> + PartialEq {
    /// The section of the site, and its path without the slash.
    const SECTION: &'static str;
    /// The heading of the page that adds one.
    const ADD: &'static str;
    /// The query of the record's page after it was saved.
    const SAVED: &'static str;

    /// The table of these records.
    fn table(tables: &SchoolTables) -> &RecordTable;

    /// Reads the record; `None` if there is none with this id.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn load(viewer: &Viewer, id: Self::Id) -> impl Future<Output = Result<Option<Self>, DbError>> + Send;

    /// The refusal for a record that does not exist.
    fn not_found(id: Self::Id) -> Refusal;
}

/// The path of the record's page.
pub(super) fn path<R: PageRecord>(id: R::Id) -> String {
    format!("/{}/{id}", R::SECTION)
}

/// The record.
///
/// # Errors
/// 404 if there is none with this id.
pub(super) async fn find<R: PageRecord>(app: &App, id: R::Id) -> Result<R, Problem> {
    Ok(R::load(&app.viewer, id).await?.ok_or_else(|| R::not_found(id))?)
}

/// The form for a new record.
pub(super) async fn new<R: PageRecord>(app: App, _: NoQuery) -> EditPage {
    new_page::<R>(&app)
}

/// An empty form with the fields that can be written in this school.
fn new_page<R: PageRecord>(app: &App) -> EditPage {
    let table = R::table(&app.tables);
    let fields = R::FIELDS.iter().filter(|field| table.can_write(field.name));
    EditPage::new(R::ADD, format!("/{}/new", R::SECTION), Frame::new(app, R::SECTION), fields.collect())
}

/// Adds the record.
pub(super) async fn create<R: PageRecord>(app: App, _: NoQuery, form: Form<NewRecord<R>>) -> Response {
    let page = new_page::<R>(&app).with_form(&form);
    let Some(NewRecord(values)) = form.draft else { return page.invalid() };
    match submit(&app.registrar, Create { values }, &form.caller).await {
        Ok(record) => saved(&record),
        Err(refusal) => page.refused(refusal, &form.caller, None),
    }
}

/// The form with the record's present values.
pub(super) async fn edit<R: PageRecord>(
    app: App,
    id: PathParams<R::Id>,
    _: NoQuery,
) -> Result<EditPage, Problem> {
    Ok(edit_page(&app, &find::<R>(&app, id.into_result()?).await?))
}

fn edit_page<R: PageRecord>(app: &App, record: &R) -> EditPage {
    let value = |field| record.value(field).cloned();
    let name = R::FIELDS.first().and_then(value);
    let values =
        FormValues::new(R::FIELDS.iter().map(|field| (field.name, value(field).unwrap_or_default())));
    let path = path::<R>(record.id());
    EditPage {
        heading: "Change",
        name: Some(display_name(&name)),
        action: format!("{path}/edit"),
        back: path,
        values: values.clone(),
        current: Some(values),
        version: Some(version_field(Version::from_record(record))),
        ..new_page::<R>(app)
    }
}

/// Changes the record.
pub(super) async fn update<R: PageRecord>(
    app: App,
    id: PathParams<R::Id>,
    _: NoQuery,
    form: Form<RecordChange<R>>,
) -> Result<Response, Problem> {
    let id = id.into_result()?;
    let page = edit_page(&app, &find::<R>(&app, id).await?);
    let form = page.changes(form);
    let Some(RecordChange(values)) = &form.draft else { return Ok(page.with_form(&form).invalid()) };
    let command = Update { id, values: values.clone(), expected: form.expected() };
    Ok(match submit(&app.registrar, command, &form.caller).await {
        Ok(record) => saved(&record),
        // Read again: it may have changed since the form was received.
        Err(refusal) => {
            let current = find::<R>(&app, id).await?;
            let page = edit_page(&app, &current).with_form(&form);
            page.refused(refusal, &form.caller, Some(Version::from_record(&current)))
        }
    })
}

fn saved<R: PageRecord>(record: &R) -> Response {
    Redirect::to(&format!("{}?saved={}", path::<R>(record.id()), R::SAVED)).into_response()
}

impl<R: Record> FormDraft for NewRecord<R> {
    const NULLABLE: &[&str] = &[R::EXTERNAL_ID];
}

impl<R: Record> FormDraft for RecordChange<R> {
    const NULLABLE: &[&str] = &[R::EXTERNAL_ID];
}
