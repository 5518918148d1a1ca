//! The API of imports.

use std::str::FromStr;

use axum::extract::DefaultBodyLimit;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::staging::{self, Import, RIGHTS, WhichRows};
use super::{ImportError, ImportRow, Mode, Settings};
use crate::files::reading::{Correction, Encoding, Kind, Options, Source};
use crate::http::extract::{Bodiless, FromPath, NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::invalid::invalid;
use crate::http::limits::MAX_FILE;
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::problem::Problem;
use crate::http::refused::Refused;
use crate::http::reply::{Created, Found, List, Located, Resource};
use crate::http::routes::{Allow, Routes};
use crate::http::upload::{FileBody, FileBytes};
use crate::problems::{FilesRefused, ImportNotFound, ImportState, ImportWouldRemove, PlanChanged};
use crate::registrar::{Caller, MAX_ID, Override, OverrideReason, Rights};
use crate::state::{App, AppState};

/// The routes of imports.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new()
        .api(ALLOWED, routes!(create, list))
        .api(ALLOWED, routes!(show))
        .api(ALLOWED, routes!(rows))
        .api(ALLOWED, routes!(apply))
        .api(ALLOWED, routes!(undo))
        .layer_api(|api| api.layer(DefaultBodyLimit::max(MAX_FILE)))
}

/// The rights to import: an import reads and writes students, courses and enrollments.
pub const ALLOWED: Allow = Allow::AllOf(Rights::of(&RIGHTS));

/// Upload a file
///
/// CSV, text with tabs, XLSX, or a zip archive of such files that belong together (Canvas SIS CSV, OneRoster CSV, ...),
/// at most 32 MiB. Nothing changes yet: the answer shows what the file would change. `charset` of the media type is the
/// encoding, unless the file has one itself.
#[utoipa::path(
    post,
    path = "/api/v1/imports",
    operation_id = "create_import",
    tag = "imports",
    params(ImportQuery),
    request_body(content(
        (String = "text/csv", example = json!("number,name,email\n0042817,Zoë Martin,zoe@example.edu\n")),
        (String = "text/tab-separated-values", example = json!("number\tname\temail\n0042817\tZoë Martin\tzoe@example.edu\n")),
        (inline(FileBytes) = "application/zip"),
        (inline(FileBytes) = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (inline(FileBytes) = "application/octet-stream")
    ))
)]
async fn create(
    app: App,
    Query(query): Query<ImportQuery>,
    mut file: FileBody,
) -> Result<Created<Import>, Refused<(FilesRefused, ImportNotFound)>> {
    let place = app.imports.place(app.client, file.memory.take())?;
    let (source, settings, caller) = query.source(file)?;
    let id = app.imports.plan(vec![source], settings, &caller, place).await?;
    Ok(Created(find(&app, id).await?))
}

/// List imports
///
/// The latest first, of the last 30 days.
#[utoipa::path(
    get,
    path = "/api/v1/imports",
    operation_id = "list_imports",
    tag = "imports",
    params(PageQuery)
)]
async fn list(app: App, Query(page): Query<PageQuery>, url: RequestUrl) -> Result<List<Import>, Refused<()>> {
    let listing = staging::list(&app.viewer);
    let page = page.of_list(&listing.order)?;
    Ok(List::new(listing.read(&app.viewer, &page).await?, &url))
}

/// Read an import
///
/// While it runs, `done` of `total` steps are done.
#[utoipa::path(get, path = "/api/v1/imports/{import_id}", operation_id = "get_import", tag = "imports")]
async fn show(
    app: App,
    id: PathParams<ImportId>,
    _: NoQuery,
) -> Result<Found<Import>, Refused<(ImportNotFound,)>> {
    Ok(Found(find(&app, id.into_result()?.0).await?))
}

/// List the rows of an import
///
/// The effect of each row of the files, planned or done, in the order of their numbers: the refused rows first.
#[utoipa::path(
    get,
    path = "/api/v1/imports/{import_id}/rows",
    operation_id = "list_import_rows",
    tag = "imports",
    params(PageQuery, RowQuery)
)]
async fn rows(
    app: App,
    id: PathParams<ImportId>,
    Query(query): Query<RowQuery>,
    url: RequestUrl,
) -> Result<List<ImportRow>, Refused<(ImportNotFound,)>> {
    let import = find(&app, id.into_result()?.0).await?;
    let which = query.status.unwrap_or_default();
    let page = query.page.of_list(&which.order(import.id))?;
    let (list, recorder) =
        (staging::read_rows(&app.viewer, &import, which, &page).await?, app.discloses_students());
    Ok(List::new(list, &url).inspect(move |rows| recorder.sent(rows.len())))
}

/// Carry out an import
///
/// Carries out exactly the plan, in several commits, so that others can write in between. Makes the plan again first,
/// to check that it still holds, which takes as long as at first. Then the answer waits at most a second for the end; while
/// `status` is `applying`, read the import again. Does nothing if the import is already applied.
#[utoipa::path(
    post,
    path = "/api/v1/imports/{import_id}/apply",
    operation_id = "apply_import",
    tag = "imports",
    params(ApplyQuery)
)]
async fn apply(
    app: App,
    id: PathParams<ImportId>,
    Query(query): Query<ApplyQuery>,
    Bodiless(caller): Bodiless,
) -> Result<Found<Import>, Refused<NotApplied>> {
    let id = id.into_result()?.0;
    let place = app.imports.place(app.client, None)?;
    app.imports.apply(id, query.confirm(), &caller, place).await?;
    Ok(Found(find(&app, id).await?))
}

/// Why an import is not carried out.
type NotApplied = (ImportNotFound, ImportState, PlanChanged, ImportWouldRemove, FilesRefused);

/// Undo an import
///
/// Leaves out students, courses and enrollments that somebody has changed since; `remaining` counts the rows that stay.
/// The answer waits at most a second for the end; while `status` is `undoing`, read the import again.
#[utoipa::path(
    post,
    path = "/api/v1/imports/{import_id}/undo",
    operation_id = "undo_import",
    tag = "imports"
)]
async fn undo(
    app: App,
    id: PathParams<ImportId>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Found<Import>, Refused<(ImportNotFound, ImportState)>> {
    let id = id.into_result()?.0;
    app.imports.undo(id, &caller).await?;
    Ok(Found(find(&app, id).await?))
}

async fn find(app: &App, id: i64) -> Result<Import, Problem> {
    let found = staging::find(&app.viewer, id).await?;
    Ok(found.ok_or(ImportError::NotFound(id))?)
}

impl Resource for Import {}

impl Located for Import {
    fn location(&self) -> String {
        format!("/api/v1/imports/{}", self.id)
    }
}

/// The id of an import.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
pub struct ImportId(pub i64);

impl FromPath for ImportId {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        let text = given("import_id");
        let id = whole_number(&text).filter(|id| *id > 0);
        id.map(Self).ok_or_else(|| Problem::new::<ImportNotFound>("There is no such import."))
    }
}

/// A whole number from 0 in digits only.
fn whole_number(text: &str) -> Option<i64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_digits && *number <= MAX_ID)
}

/// Settings for reading a file.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct ImportQuery {
    /// The kind of the rows, if the headings do not show it.
    #[param(inline)]
    kind: Option<Kind>,
    /// `add`: records that the file does not mention stay. `full`: they vanish, if the file has rows of their kind.
    #[param(inline)]
    mode: Mode,
    /// The encoding of the file, such as `windows-1252`, unless the file has one itself.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    encoding: Option<Encoding>,
    /// Enroll students although a course is full, others wait for it, or its registration is not open: the reason, at most
    /// 500 characters, which the log has for good.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<OverrideReason>, inline)]
    override_reason: Option<Override>,
    /// The name of the file, for messages.
    name: Option<String>,
    /// How a column is to be read where its heading does not say it: the heading, `:` and a field (`number`, `name`,
    /// `first-name`, `last-name`, `email`, `code`, `level`, `section`, `role`, `status`, ..., `ignore`), such as
    /// `Rufname:name`. Repeat the parameter for several columns. A column called `password` is never read or kept.
    #[serde(deserialize_with = "corrections")]
    #[param(value_type = Vec<String>, inline, required = false)]
    column: Vec<Correction>,
}

/// Corrections of columns from the texts of a query parameter.
fn corrections<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Correction>, D::Error> {
    let texts = <Vec<String> as Deserialize>::deserialize(deserializer)?;
    let read = |text: &String| Correction::parse(text, ':').map_err(serde::de::Error::custom);
    texts.iter().map(read).collect()
}

impl Parameters for ImportQuery {
    const KNOWN: &'static [&'static str] = &["kind", "mode", "encoding", "override_reason", "name", "column"];
    const REPEATED: &'static [&'static str] = &["column"];
}

impl ImportQuery {
    fn source(self, file: FileBody) -> Result<(Source, Settings, Caller), Problem> {
        let encoding = match (self.encoding, file.charset) {
            (None, Some(charset)) => Some(charset.parse().map_err(|why: &str| {
                invalid(vec![serde_json::json!({"parameter": "charset", "detail": why})])
            })?),
            (given, _) => given,
        };
        let name = self.name.filter(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| format!("upload.{}", file.ending));
        let reading = Options { kind: self.kind, encoding, corrections: self.column };
        let settings = Settings { reading, mode: self.mode, r#override: self.override_reason };
        Ok((Source { name, bytes: file.bytes.into() }, settings, file.caller))
    }
}

/// The query of carrying out an import.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct ApplyQuery {
    /// The number of vanishing records, if there are many: `confirm` of the import.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    confirm: Option<Confirmed>,
}

/// The confirmed number of vanishing records.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
struct Confirmed(i64);

impl FromStr for Confirmed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        whole_number(text).map(Self).ok_or("must be a whole number from 0")
    }
}

impl ApplyQuery {
    fn confirm(&self) -> Option<usize> {
        self.confirm.and_then(|Confirmed(number)| usize::try_from(number).ok())
    }
}

impl Parameters for ApplyQuery {
    const KNOWN: &'static [&'static str] = &["confirm"];
}

/// The query of the rows of an import.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct RowQuery {
    #[serde(flatten)]
    #[param(ignore)]
    page: PageQuery,
    /// Only rows with this effect; rows that were not carried out; rows that could not be undone.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    status: Option<WhichRows>,
}

impl Parameters for RowQuery {
    const KNOWN: &'static [&'static str] = &["limit", "after", "status"];
}
