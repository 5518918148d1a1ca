//! Lists of the rows of an import.

use std::ops::Range;
use std::str::FromStr;

use futures_util::StreamExt as _;
use futures_util::stream;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::import::Import;
use super::store::visible;
use crate::count::to_i64;
use crate::db::DbError;
use crate::imports::contents::{ListName, ROWS_PER_PLACE, read_rows};
use crate::imports::rows::{ImportRow, RowStatus};
use crate::lists::{Cursor, ListPart, Page};
use crate::viewer::Viewer;

/// A choice of rows of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhichRows {
    /// All rows of the plan.
    #[default]
    All,
    /// Rows of the plan with this effect.
    With(RowStatus),
    /// Rows that were not carried out, since they would have had another effect than planned.
    NotDone,
    /// Rows that could not be undone.
    Remaining,
}

impl WhichRows {
    const NAMES: [(&'static str, Self); 7] = [
        ("refused", Self::With(RowStatus::Refused)),
        ("changed", Self::With(RowStatus::Changed)),
        ("vanishing", Self::With(RowStatus::Vanishing)),
        ("new", Self::With(RowStatus::New)),
        ("unchanged", Self::With(RowStatus::Unchanged)),
        ("not-done", Self::NotDone),
        ("remaining", Self::Remaining),
    ];

    /// Its name; `all` for all rows.
    #[must_use]
    pub fn slug(self) -> &'static str {
        Self::NAMES.iter().find(|(_, which)| *which == self).map_or("all", |(name, _)| *name)
    }

    /// The name of its order, for cursors.
    #[must_use]
    pub fn order(self, id: i64) -> String {
        format!("import.{id}.{}", self.slug())
    }
}

impl FromStr for WhichRows {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, which)| *which).ok_or_else(|| {
            let names: Vec<_> = Self::NAMES.map(|(name, _)| format!("`{name}`")).into();
            format!("must be one of {}", names.join(", "))
        })
    }
}

impl ToSchema for WhichRows {}

impl PartialSchema for WhichRows {
    fn schema() -> RefOr<Schema> {
        let names = Self::NAMES.map(|(name, _)| name);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
    }
}

/// A part of the rows of an import, in the order of their numbers.
///
/// # Errors
/// When the database cannot be read.
pub async fn read(
    viewer: &Viewer,
    import: &Import,
    which: WhichRows,
    page: &Page,
) -> Result<ListPart<ImportRow>, DbError> {
    let (list, all) = match which {
        WhichRows::All => (ListName::Plan, import.counts.numbers(None)),
        WhichRows::With(status) => (ListName::Plan, import.counts.numbers(Some(status))),
        WhichRows::NotDone => (ListName::NotDone, 0..count(import.not_done)),
        WhichRows::Remaining => (ListName::Remaining, 0..count(import.remaining)),
    };
    let begin = page.after.as_ref().map_or(all.start, |after| count(after.id).saturating_add(1));
    let wanted = begin.clamp(all.start, all.end)..all.end;
    let first =
        wanted.start..wanted.end.min(wanted.start.saturating_add(page.max_rows().min(ROWS_PER_PLACE * 20)));
    let rows = within(viewer, import.id, list, first.clone()).await?;
    let rest = first.end..wanted.end;
    let total = to_i64(all.len());
    if page.limit.is_some() {
        let next = (!rest.is_empty()).then(|| Cursor {
            order: which.order(import.id),
            text: None,
            id: to_i64(first.end) - 1,
            total: Some(total),
        });
        return Ok(ListPart { total, next, rows, rest: None });
    }
    let (viewer, id) = (viewer.clone(), import.id);
    let further = stream::unfold(rest, move |rest| {
        let viewer = viewer.clone();
        async move {
            let part = rest.start..rest.end.min(rest.start + ROWS_PER_PLACE);
            let rest = part.end..rest.end;
            (!part.is_empty()).then_some(())?;
            Some((within(&viewer, id, list, part).await, rest))
        }
    });
    Ok(ListPart { total, next: None, rows, rest: Some(further.boxed()) })
}

async fn within(
    viewer: &Viewer,
    id: i64,
    list: ListName,
    numbers: Range<usize>,
) -> Result<Vec<ImportRow>, DbError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let first = numbers.start / ROWS_PER_PLACE;
    let places = first..=(numbers.end - 1) / ROWS_PER_PLACE;
    let found = read_rows(viewer.db(), visible(viewer, id), list, places).await?;
    let from_first = found.into_iter().skip(numbers.start - first * ROWS_PER_PLACE);
    Ok(from_first.take(numbers.len()).collect())
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}
