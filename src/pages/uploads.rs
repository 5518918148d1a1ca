//! The page with all imports, and its form for uploading files. When files are refused, the form keeps what was chosen, and
//! asks for the columns that could not be recognized.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde_json::json;

use super::import_words::{columns, file_names, status_label};
use super::kit::form::new_key;
use super::kit::{Frame, RefusedPage, Rendered, filters};
use crate::files::reading::{Correction, Encoding, FileRefusal, IGNORE, Kind, Meaning, Reading, Source};
use crate::http::extract::{NoQuery, Parameters, Query, from_text};
use crate::http::invalid::invalid;
use crate::http::paging::RequestUrl;
use crate::http::problem::Problem;
use crate::http::upload::UploadForm;
use crate::imports::staging::{self, Import};
use crate::imports::{FileSummary, ImportError, Mode, Settings};
use crate::lists::{Cursor, Limit, ListPart, Page};
use crate::state::App;

/// The page with all imports.
pub(super) const PAGE: &str = "/imports";

/// The lists of the whole school, without the endings of their files.
const LISTS: &[(&str, &str)] = &[
    ("All students", "/api/v1/exports/students"),
    ("All courses", "/api/v1/exports/courses"),
    ("All enrollments", "/api/v1/exports/enrollments"),
    ("All waitlists", "/api/v1/exports/waitlists"),
];
/// All of them as other systems read them.
const ARCHIVES: &[(&str, &str)] = &[
    ("Everything for Canvas", "/api/v1/exports/canvas.zip"),
    ("Everything as OneRoster", "/api/v1/exports/oneroster.zip"),
];

#[derive(Template)]
#[template(path = "imports.html")]
struct ImportsPage {
    frame: Frame,
    imports: ListPart<Import>,
    next: Option<String>,
    has_previous: bool,
    /// Why the uploaded files are refused.
    refusal: Option<String>,
    /// What was chosen for them.
    settings: Settings,
    /// Those whose columns somebody can explain.
    unclear: Vec<UnclearFile>,
    key: String,
}

/// A file with columns that were not recognized.
struct UnclearFile {
    name: String,
    columns: Vec<UnclearColumn>,
}

struct UnclearColumn {
    heading: String,
    /// How it is read by its heading.
    by_heading: &'static str,
    /// The value of the choice.
    chosen: &'static str,
    is_password: bool,
}

impl ImportsPage {
    async fn load(app: &App, after: Option<Cursor>, here: Option<&RequestUrl>) -> Result<Self, Problem> {
        let listing = staging::list(&app.viewer);
        let page = Page::new(Some(Limit::PAGE), after, &listing.order)?;
        let imports = listing.read(&app.viewer, &page).await?;
        Ok(Self {
            frame: Frame::new(app, "imports"),
            next: imports.next.as_ref().and_then(|next| Some(here?.page_after(next))),
            imports,
            has_previous: page.after.is_some(),
            refusal: None,
            settings: Settings::default(),
            unclear: Vec::new(),
            key: new_key(),
        })
    }

    fn encodings(&self) -> Vec<(&'static str, &'static str, bool)> {
        encodings(self.settings.reading.encoding)
    }

    fn kinds(&self) -> [(&'static str, bool); 3] {
        let chosen = self.settings.reading.kind;
        [("students", Kind::Students), ("courses", Kind::Courses), ("enrollments", Kind::Enrollments)]
            .map(|(name, kind)| (name, chosen == Some(kind)))
    }
}

pub(super) async fn list(
    app: App,
    Query(query): Query<PageQuery>,
    here: RequestUrl,
) -> Result<Response, Problem> {
    Ok(Rendered(ImportsPage::load(&app, query.after, Some(&here)).await?).into_response())
}

pub(super) async fn bring(app: App, _: NoQuery, form: UploadForm) -> Result<Response, Problem> {
    let settings = settings(&form.fields)?;
    let place = app.imports.place(app.client, form.memory)?;
    let source = |(name, bytes): (String, bytes::Bytes)| Source { name, bytes: bytes.into() };
    let sources: Vec<_> = form.files.into_iter().map(source).collect();
    let (refusal, unclear) = if sources.is_empty() {
        ("Choose a file first.".to_owned(), Vec::new())
    } else {
        match app.imports.plan(sources, settings.clone(), &form.caller, place).await {
            Ok(id) => return Ok(Redirect::to(&format!("{PAGE}/{id}")).into_response()),
            Err(ImportError::Unreadable(reading)) => {
                (reading.why_refused(), unclear_files(&reading, &settings))
            }
            Err(error) => return Err(error.into()),
        }
    };
    let page = ImportsPage::load(&app, None, None).await?;
    let page = ImportsPage { refusal: Some(refusal), settings, unclear, ..page };
    Ok(RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// The files that could be read if somebody said what their columns mean, and those of which somebody has said it already.
fn unclear_files(reading: &Reading, settings: &Settings) -> Vec<UnclearFile> {
    let corrections = &settings.reading.corrections;
    let is_refused = reading.refusal.as_ref().is_some_and(FileRefusal::is_about_columns);
    let found = reading.files.iter().filter(|file| {
        is_refused
            || file.refusal.as_ref().is_some_and(FileRefusal::is_about_columns)
            || corrections.iter().any(|one| one.file.as_ref() == Some(&file.name))
    });
    let column = |file: &str, column: &super::import_words::Column<'_>| {
        let correction =
            corrections.iter().find(|one| one.file.as_deref() == Some(file) && one.heading == column.heading);
        UnclearColumn {
            heading: column.heading.to_owned(),
            by_heading: match (correction, column.meaning) {
                (None, Some(meaning)) => meaning.label(),
                (None, None) => "not read",
                (Some(_), _) => "as its heading says",
            },
            chosen: correction.map_or("", |one| one.meaning.map_or(IGNORE, Meaning::slug)),
            is_password: !column.is_correctable && correction.is_none(),
        }
    };
    let files = found.map(|file| {
        let summary = FileSummary::from(file);
        let columns = columns(&summary).iter().map(|one| column(&file.name, one)).collect();
        UnclearFile { name: file.name.clone(), columns }
    });
    files.filter(|file| !file.columns.is_empty()).collect()
}

/// The settings of the form. The name of a field for a column is `column:`, the number of the file, `:` and the heading; the
/// name of the file is in `file:` and its number.
fn settings(form: &[(String, String)]) -> Result<Settings, Problem> {
    let mut settings = Settings::default();
    for (name, value) in form.iter().filter(|(_, value)| !value.is_empty()) {
        match name.as_str() {
            "kind" => settings.reading.kind = Some(chosen::<Kind>(name, value)?),
            "mode" => settings.mode = chosen(name, value)?,
            "encoding" => settings.reading.encoding = encoding(value)?,
            "override_reason" => {
                settings.r#override = Some(value.parse().map_err(|why: String| wrong(name, &why))?);
            }
            name => {
                let column = name.strip_prefix("column:").and_then(|rest| rest.split_once(':'));
                let Some((number, heading)) = column else { continue };
                let file = form.iter().find(|(field, _)| field.strip_prefix("file:") == Some(number));
                let meaning = if value == IGNORE { None } else { Some(chosen(name, value)?) };
                let file = file.map(|(_, file)| file.clone());
                settings.reading.corrections.push(Correction { file, heading: heading.to_owned(), meaning });
            }
        }
    }
    Ok(settings)
}

/// One of the values that a field offers.
pub(super) fn chosen<'v, T: Deserialize<'v>>(field: &str, value: &'v str) -> Result<T, Problem> {
    let known: Result<T, serde::de::value::Error> = T::deserialize(value.into_deserializer());
    known.map_err(|_| wrong(field, "must be one of the choices of the form"))
}

fn wrong(field: &str, detail: &str) -> Problem {
    invalid(vec![json!({"pointer": format!("/{field}"), "detail": detail})])
}

/// The encoding of a field; `None` for that which the files say.
pub(super) fn encoding(label: &str) -> Result<Option<Encoding>, Problem> {
    if label.is_empty() {
        return Ok(None);
    }
    label.parse().map(Some).map_err(|why| wrong("encoding", why))
}

/// The encodings to choose from: label, name, whether it is the chosen one.
pub(super) fn encodings(chosen: Option<Encoding>) -> Vec<(&'static str, &'static str, bool)> {
    const KNOWN: [(&str, &str); 14] = [
        ("UTF-8", "Unicode (UTF-8)"),
        ("UTF-16LE", "Unicode (UTF-16)"),
        ("windows-1252", "Western Europe (Windows-1252)"),
        ("windows-1250", "Central Europe (Windows-1250)"),
        ("windows-1251", "Cyrillic (Windows-1251)"),
        ("windows-1253", "Greek (Windows-1253)"),
        ("windows-1254", "Turkish (Windows-1254)"),
        ("windows-1255", "Hebrew (Windows-1255)"),
        ("windows-1256", "Arabic (Windows-1256)"),
        ("macintosh", "Western Europe (old Macintosh)"),
        ("Shift_JIS", "Japanese (Shift_JIS)"),
        ("gb18030", "Chinese (GB 18030)"),
        ("Big5", "Chinese (Big5)"),
        ("EUC-KR", "Korean (EUC-KR)"),
    ];
    let chosen = chosen.map(Encoding::name);
    let mut all: Vec<_> =
        KNOWN.into_iter().map(|(label, name)| (label, name, chosen == Some(label))).collect();
    // One that was chosen by the API.
    all.extend(
        chosen
            .filter(|label| KNOWN.iter().all(|(known, _)| known != label))
            .map(|label| (label, label, true)),
    );
    all
}

/// The query of the page with all imports.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PageQuery {
    #[serde(deserialize_with = "from_text")]
    after: Option<Cursor>,
}

impl Parameters for PageQuery {
    const KNOWN: &'static [&'static str] = &["after"];
}
