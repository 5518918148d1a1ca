//! The pages that add and change a record.

use axum::response::{IntoResponse, Redirect, Response};

use super::kit::edit::version_field;
use super::kit::filters::display_name;
use super::kit::form::submit_once;
use super::kit::{EditPage, Form, FormDraft, FormValues, Frame, submit};
use crate::db::DbError;
use crate::http::extract::{FromPath, NoQuery, PathParams};
use crate::http::problem::Problem;
use crate::http::records::{NewRecord, RecordChange};
use crate::mapping::{RecordTable, SchoolTables};
use crate::registrar::{Create, Outcome, Record, Refusal, Update, Version};
use crate::state::App;
use crate::viewer::Viewer;

/// A record with pages to add and change it.
pub(super) trait PageRecord: Record<Id: FromPath> + PartialEq {
    /// The section of the site, and its path without the slash.
    const SECTION: &'static str;
    /// The heading of the page that adds one.
    const ADD: &'static str;
    /// What the record's page says after it was added.
    const ADDED: &'static str;
    /// What the page says before naming another record, or others, that this one may repeat.
    const ALIKE: [&'static str; 2];

    /// The table of these records.
    fn table(tables: &SchoolTables) -> &RecordTable;

    /// Reads the record; `None` if there is none with this id.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn load(viewer: &Viewer, id: Self::Id) -> impl Future<Output = Result<Option<Self>, DbError>> + Send;

    /// The refusal for a record that does not exist.
    fn not_found(id: Self::Id) -> Refusal;

    /// Other records that this one may repeat by mistake, at most [`MAX_ALIKE`].
    ///
    /// # Errors
    /// When the database cannot be read.
    fn alike(&self, app: &App) -> impl Future<Output = Result<Vec<Alike>, DbError>> + Send;

    /// The message for other things that are saved on the record's page.
    fn saved_text(_: &str) -> Option<&'static str> {
        None
    }
}

/// Records that are named because a new one is like them.
pub(super) const MAX_ALIKE: usize = 5;

/// Another record that a new one may repeat by mistake.
#[derive(Debug)]
pub(super) struct Alike {
    /// The path of its page.
    pub path: String,
    /// Its name.
    pub name: String,
    /// What tells it apart, if there is something.
    pub detail: Option<String>,
}

/// What was saved just now.
#[derive(Debug)]
pub(super) struct Saved {
    /// A sentence.
    pub sentence: &'static str,
    /// The label and the present value of each field that was changed.
    pub values: Vec<(&'static str, String)>,
    /// What stands before the names of `alike`.
    pub alike_words: &'static str,
    /// Records that this one may repeat.
    pub alike: Vec<Alike>,
}

/// In the address of a page: the record was added.
const ADDED: &str = "added";
/// The form changed nothing.
const NOTHING: &str = "nothing";
/// The form was sent twice; an earlier request has changed the record.
const CHANGED: &str = "changed";

impl Saved {
    /// Reads what the address of the record's page says was saved: `added`, `nothing`, `changed`, the names of the
    /// changed fields with commas between them, or a key of [`PageRecord::saved_text`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn load<R: PageRecord>(
        app: &App,
        id: R::Id,
        saved: Option<&str>,
    ) -> Result<Option<Self>, DbError> {
        let Some(saved) = saved else { return Ok(None) };
        let text = |sentence| Self { sentence, values: Vec::new(), alike_words: "", alike: Vec::new() };
        let sentence = match saved {
            NOTHING => Some("Nothing was changed."),
            CHANGED => Some("The changes are saved."),
            _ => R::saved_text(saved),
        };
        if sentence.is_some() {
            return Ok(sentence.map(text));
        }
        let Some(record) = R::load(&app.viewer, id).await? else { return Ok(None) };
        let fields: Vec<_> =
            R::FIELDS.iter().filter(|field| saved.split(',').any(|name| name == field.name)).collect();
        let is_added = saved == ADDED;
        if !is_added && fields.is_empty() {
            return Ok(None);
        }
        let value = |field| record.value(field).cloned().unwrap_or_else(|| "none".to_owned());
        let alike = record.alike(app).await?;
        Ok(Some(Self {
            sentence: if is_added { R::ADDED } else { "Saved." },
            values: fields.into_iter().map(|field| (field.label, value(field))).collect(),
            alike_words: R::ALIKE[usize::from(alike.len() > 1)],
            alike,
        }))
    }
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
        Ok(record) => redirect(&record, ADDED),
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
    let before = find::<R>(&app, id).await?;
    let page = edit_page(&app, &before);
    let form = page.changes(form);
    let Some(RecordChange(values, _)) = &form.draft else { return Ok(page.with_form(&form).invalid()) };
    let command = Update { id, values: values.clone(), expected: form.expected() };
    Ok(match submit_once(&app.registrar, command, &form.caller).await {
        Ok(Outcome { answer, replayed: true }) => redirect(&answer, CHANGED),
        Ok(Outcome { answer, .. }) => redirect(&answer, &changed_fields(&before, &answer)),
        // Read again: it may have changed since the form was received.
        Err(refusal) => {
            let current = find::<R>(&app, id).await?;
            let page = edit_page(&app, &current).with_form(&form);
            page.refused(refusal, &form.caller, Some(Version::from_record(&current)))
        }
    })
}

/// The names of the fields that differ, with commas between them.
fn changed_fields<R: PageRecord>(before: &R, after: &R) -> String {
    let changed = R::FIELDS.iter().filter(|field| before.value(field) != after.value(field));
    let names = changed.map(|field| field.name).collect::<Vec<_>>().join(",");
    if names.is_empty() { NOTHING.to_owned() } else { names }
}

/// Redirects to the record's page, which reports what was saved.
fn redirect<R: PageRecord>(record: &R, saved: &str) -> Response {
    Redirect::to(&format!("{}?saved={saved}", path::<R>(record.id()))).into_response()
}

impl<R: Record> FormDraft for NewRecord<R> {
    const NULLABLE: &[&str] = &[R::EXTERNAL_ID];
}

impl<R: Record> FormDraft for RecordChange<R> {
    const NULLABLE: &[&str] = &[R::EXTERNAL_ID];
}
