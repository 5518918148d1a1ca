//! The pages for uploading files, looking at their plan, carrying it out and undoing it.

use askama::Template;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;

use super::import_words::{Column, columns, effect, file_names, kind_word, record_word};
use super::kit::form::EmptyForm;
use super::kit::{Form, FormDraft, Frame, RefusedPage, Rendered, filters};
use super::uploads::{self, PAGE};
use crate::files::reading::{Correction, Meaning};
use crate::files::writing::{Form as Cells, push_row};
use crate::http::download::{Csv, Download};
use crate::http::extract::{FormFields, NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::fields::{self, Draft, Fields};
use crate::http::limits::MAX_FILE;
use crate::http::paging::RequestUrl;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::imports::api::{ALLOWED, ImportId};
use crate::imports::staging::{self, Import, ImportStatus, WhichRows};
use crate::imports::{ImportError, ImportRow, Mode, RowStatus, Settings};
use crate::lists::{Cursor, Limit, ListPart, Page};
use crate::registrar::MAX_ID;
use crate::state::{App, AppState};

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new()
        .get(PAGE, ALLOWED, uploads::list)
        .post(PAGE, ALLOWED, uploads::bring)
        .get("/imports/{import_id}", ALLOWED, show)
        .get("/imports/{import_id}/rows.csv", ALLOWED, download)
        .post("/imports/{import_id}/columns", ALLOWED, correct)
        .post("/imports/{import_id}/apply", ALLOWED, apply)
        .post("/imports/{import_id}/undo", ALLOWED, undo)
        .layer_pages(|pages| pages.layer(DefaultBodyLimit::max(MAX_FILE)))
}

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    frame: Frame,
    import: Import,
    which: WhichRows,
    rows: ListPart<ImportRow>,
    next: Option<String>,
    refusal: Option<String>,
    /// Whether the server that worked on the import has stopped.
    is_interrupted: bool,
}

impl ImportPage {
    async fn load(app: &App, id: i64, query: ShowQuery, here: Option<&RequestUrl>) -> Result<Self, Problem> {
        let import = staging::find(&app.viewer, id).await?.ok_or(ImportError::NotFound(id))?;
        let which = query.show.unwrap_or_else(|| first_shown(&import));
        let page = Page::new(Some(Limit::PAGE), query.after, &which.order(id))?;
        let rows = staging::read_rows(&app.viewer, &import, which, &page).await?;
        app.discloses_students().sent(rows.rows.len());
        let next = rows.next.as_ref().and_then(|next| Some(here?.page_after(next)));
        let is_interrupted = import.is_interrupted(&app.clock.stamp());
        Ok(Self {
            frame: Frame::new(app, "imports"),
            import,
            which,
            rows,
            next,
            refusal: None,
            is_interrupted,
        })
    }

    fn is_planned(&self) -> bool {
        self.import.status == ImportStatus::Planned
    }

    fn is_stopped(&self) -> bool {
        self.import.status == ImportStatus::Stopped
    }

    fn can_be_undone(&self) -> bool {
        matches!(self.import.status, ImportStatus::Applied | ImportStatus::Stopped)
    }

    /// The encodings to choose from: label, name, whether it is the chosen one.
    fn encodings(&self) -> Vec<(&'static str, &'static str, bool)> {
        uploads::encodings(self.import.settings.reading.encoding)
    }

    /// The number of students who get seats beyond the limits of courses.
    fn overridden(&self) -> i64 {
        crate::count::to_i64(self.import.counts.overridden)
    }

    /// The number of groups that are made.
    fn new_groups(&self) -> i64 {
        crate::count::to_i64(self.import.counts.new_groups)
    }

    /// The number of sections of Canvas that are new to imports.
    fn new_sections(&self) -> i64 {
        crate::count::to_i64(self.import.counts.new_sections)
    }

    /// The lists with rows: slug, label, number of rows, whether it is shown.
    fn lists(&self) -> Vec<(&'static str, &'static str, i64, bool)> {
        let of = |status| crate::count::to_i64(self.import.counts.of(status));
        let lists = [
            ("not-done", "Not done", self.import.not_done, WhichRows::NotDone),
            ("remaining", "Not undone", self.import.remaining, WhichRows::Remaining),
            ("refused", "Refused", of(RowStatus::Refused), WhichRows::With(RowStatus::Refused)),
            ("changed", "Changed", of(RowStatus::Changed), WhichRows::With(RowStatus::Changed)),
            ("vanishing", "Removed", of(RowStatus::Vanishing), WhichRows::With(RowStatus::Vanishing)),
            ("new", "New", of(RowStatus::New), WhichRows::With(RowStatus::New)),
            ("unchanged", "Unchanged", of(RowStatus::Unchanged), WhichRows::With(RowStatus::Unchanged)),
        ];
        let shown = lists.into_iter().filter(|(_, _, rows, _)| *rows > 0);
        shown.map(|(slug, label, rows, which)| (slug, label, rows, which == self.which)).collect()
    }
}

/// The list to show first: failures, then changes.
fn first_shown(import: &Import) -> WhichRows {
    if import.not_done > 0 && import.status == ImportStatus::Applied {
        return WhichRows::NotDone;
    }
    if import.remaining > 0 {
        return WhichRows::Remaining;
    }
    if import.confirm.is_some() && import.status == ImportStatus::Planned {
        return WhichRows::With(RowStatus::Vanishing);
    }
    let first = RowStatus::ALL.into_iter().find(|status| import.counts.of(*status) > 0);
    first.map_or(WhichRows::All, WhichRows::With)
}

async fn show(
    app: App,
    id: PathParams<ImportId>,
    Query(query): Query<ShowQuery>,
    here: RequestUrl,
) -> Result<Response, Problem> {
    let page = ImportPage::load(&app, id.into_result()?.0, query, Some(&here)).await?;
    Ok(Rendered(page).into_response())
}

/// The rows as a file for a spreadsheet, so that people can correct them there.
async fn download(
    app: App,
    id: PathParams<ImportId>,
    Query(query): Query<ShowQuery>,
) -> Result<Download<Csv>, Problem> {
    let id = id.into_result()?.0;
    let import = staging::find(&app.viewer, id).await?.ok_or(ImportError::NotFound(id))?;
    let which = query.show.unwrap_or_default();
    let all = Page::all();
    let ListPart { rows, rest, .. } = staging::read_rows(&app.viewer, &import, which, &all).await?;
    let mut head = "\u{feff}".as_bytes().to_vec();
    push_row(&mut head, Cells::Spreadsheet, HEADINGS);
    let recorder = app.discloses_students();
    let parts = stream::iter([Ok(rows)]).chain(rest.unwrap_or_else(|| stream::empty().boxed()));
    let parts = parts.inspect_ok(move |rows| recorder.sent(rows.len()));
    let lines = parts.map_ok(|rows| rows.iter().flat_map(line).collect::<Vec<u8>>().into());
    let bytes = stream::iter([Ok(head.into())]).chain(lines);
    Ok(Download::new(format!("import-{id}-{}", which.slug()), bytes.boxed()))
}

/// The headings of the file.
const HEADINGS: [&str; 7] = ["file", "line", "what", "student", "course", "column", "effect"];

/// A row of the file.
fn line(row: &ImportRow) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (line, effect) = (row.line.map(|line| line.to_string()), Some(effect(row)));
    let record = row.record.as_deref().map(record_word).map(str::to_owned);
    let cells = [&row.file, &line, &record, &row.student, &row.course, &row.column, &effect]
        .map(|cell| cell.as_deref().unwrap_or_default());
    push_row(&mut bytes, Cells::Spreadsheet, cells);
    bytes
}

async fn correct(
    app: App,
    id: PathParams<ImportId>,
    _: NoQuery,
    FormFields(fields, caller, _): FormFields,
) -> Result<Response, Problem> {
    let id = id.into_result()?.0;
    let import = staging::find(&app.viewer, id).await?.ok_or(ImportError::NotFound(id))?;
    let place = app.imports.place(app.client, None)?;
    let settings = with_corrections(&import, &fields)?;
    let corrected = app.imports.plan_again(id, settings, &caller, place).await;
    answer(&app, id, corrected).await
}

/// The settings with the corrected columns. The name of a field is `column:`, the place of the file, `:` and the heading.
fn with_corrections(import: &Import, fields: &[(String, String)]) -> Result<Settings, Problem> {
    let mut settings = import.settings.clone();
    if let Some((_, label)) = fields.iter().find(|(name, _)| name == "encoding") {
        settings.reading.encoding = uploads::encoding(label)?;
    }
    let corrections = &mut settings.reading.corrections;
    for (name, value) in fields {
        let Some((place, heading)) = name.strip_prefix("column:").and_then(|name| name.split_once(':'))
        else {
            continue;
        };
        let file = place.parse().ok().and_then(|place: usize| import.files.get(place));
        let Some(file) = file else { continue };
        let is_it = |column: &Column<'_>| column.heading == heading && column.value() != value;
        if columns(file).iter().any(is_it) {
            let file = file.name.clone();
            let file = Some(file);
            corrections.retain(|one| one.file != file || one.heading != heading);
            let meaning = if value.is_empty() { None } else { Some(uploads::chosen(name, value)?) };
            corrections.push(Correction { file, heading: heading.to_owned(), meaning });
        }
    }
    Ok(settings)
}

async fn apply(
    app: App,
    id: PathParams<ImportId>,
    _: NoQuery,
    form: Form<ApplyForm>,
) -> Result<Response, Problem> {
    let id = id.into_result()?.0;
    let place = app.imports.place(app.client, None)?;
    let confirm = form.draft.and_then(|draft| draft.confirm);
    let applied = app.imports.apply(id, confirm, &form.caller, place).await;
    answer(&app, id, applied).await
}

/// The form that carries out an import.
#[derive(Debug)]
struct ApplyForm {
    /// The number of vanishing records, as it was typed.
    confirm: Option<usize>,
}

impl Draft for ApplyForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let number =
            |value: &serde_json::Value| fields::nullable(value, |value| fields::number(value, 0, MAX_ID));
        let confirm = fields.optional("confirm", number)?.flatten();
        Some(Self { confirm: confirm.and_then(|number| usize::try_from(number).ok()) })
    }
}

impl FormDraft for ApplyForm {
    const NUMBERS: &[&str] = &["confirm"];
}

async fn undo(
    app: App,
    id: PathParams<ImportId>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let id = id.into_result()?.0;
    let undone = app.imports.undo(id, &form.caller).await;
    answer(&app, id, undone).await
}

/// The page of the import, with the reason for a refusal.
async fn answer(app: &App, id: i64, done: Result<(), ImportError>) -> Result<Response, Problem> {
    let error = match done {
        Ok(()) => return Ok(Redirect::to(&format!("{PAGE}/{id}")).into_response()),
        Err(error @ (ImportError::Refused(_) | ImportError::NotFound(_))) => return Err(error.into()),
        Err(error) => error,
    };
    let (refusal, status) = (Some(error.to_string()), Problem::from(error).status());
    let page = ImportPage { refusal, ..ImportPage::load(app, id, ShowQuery::default(), None).await? };
    Ok(RefusedPage(status, page).into_response())
}

/// The query of the page of an import.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ShowQuery {
    /// Which rows.
    #[serde(deserialize_with = "from_text")]
    show: Option<WhichRows>,
    #[serde(deserialize_with = "from_text")]
    after: Option<Cursor>,
}

impl Parameters for ShowQuery {
    const KNOWN: &'static [&'static str] = &["show", "after"];
}
