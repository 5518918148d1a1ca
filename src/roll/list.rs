//! The list of a roll: from the database where that is as good, otherwise from the index.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::Roll;
use super::index::Index;
use crate::db::{Db, DbError, Rows};
use crate::lists::{Direction, ListPart, Page, Rolled, Sorting, Wanted, is_wanted, run_blocking, select};
use crate::viewer::Viewer;

/// Rows of a complete list that are read at a time.
const ROWS_AT_A_TIME: usize = 500;

impl<R: Rolled> Roll<R> {
    /// A part of the list of the records that are wanted and that the viewer sees. In the order of ids, and for exact
    /// texts, it is read from the database. Searches and other orders are exact for changes through matricula; changes by
    /// other programs may appear some seconds later.
    ///
    /// # Errors
    /// When the database cannot be read; also [`DbError::Busy`] and [`DbError::OverShare`] if too many searches wait.
    pub async fn list(
        &self,
        viewer: &Viewer,
        wanted: &Wanted<R::Sort>,
        page: &Page,
    ) -> Result<ListPart<R>, DbError> {
        if wanted.is_everything_by_id() && page.skip == 0 {
            return R::by_id(viewer, wanted.direction).read(viewer, page).await;
        }
        let sorting = wanted.sorting(R::LIST);
        let mut rows = if !R::sees_all(viewer) {
            R::by_id(viewer, Direction::Asc).read(viewer, &Page::all()).await?.rows
        } else if wanted.is_exact() {
            R::with(viewer.db(), wanted).await?
        } else {
            return self.search(viewer, wanted, sorting, page).await;
        };
        rows.retain(|row| is_wanted(row, wanted));
        let rows = rows.into_iter().map(|row| (row.id(), row)).collect();
        select(rows, wanted.search.clone(), sorting, page).await
    }

    /// Reading takes a while: in a task of its own it is not cancelled and started again with every letter that somebody
    /// types.
    async fn index_for_search(&self) -> Result<Arc<Index>, DbError> {
        let roll = self.clone();
        let index = tokio::spawn(async move { roll.current_index().await });
        index.await.map_err(|error| DbError::Engine(error.to_string()))?
    }

    async fn search(
        &self,
        viewer: &Viewer,
        wanted: &Wanted<R::Sort>,
        sorting: Sorting,
        page: &Page,
    ) -> Result<ListPart<R>, DbError> {
        // A first read takes long: it does not take up a turn. While a search waits for its turn, it does not keep the index
        // either, because a change would then have to copy all of it.
        if self.0.cached.lock().await.is_none() {
            self.index_for_search().await?;
        }
        let turn = viewer.db().turn_to_search().await?;
        let index = self.index_for_search().await?;
        let (search, among) = (wanted.search.clone(), wanted.among.clone());
        let (after, skip, max) = (page.after.clone(), page.skip, page.max_rows());
        let found = run_blocking(move || {
            let _turn = turn;
            index.page(
                search.as_ref(),
                among.as_deref(),
                &sorting,
                after.as_ref(),
                skip..skip.saturating_add(max),
            )
        })
        .await?;
        let (first, later) = found.ids.split_at(found.ids.len().min(first_rows(page)));
        let rows = load(viewer.db(), first).await?;
        let rest = if later.is_empty() { None } else { Some(rest(viewer.db(), later)?) };
        Ok(ListPart { total: found.total, next: found.next, rows, rest })
    }
}

/// Without a limit, a list is sent while it is read.
fn first_rows(page: &Page) -> usize {
    if page.limit.is_some() { usize::MAX } else { ROWS_AT_A_TIME }
}

/// The present rows with these ids, in this order; those that are gone are left out.
async fn load<R: Rolled>(db: &Db, ids: &[i64]) -> Result<Vec<R>, DbError> {
    let mut rows: BTreeMap<_, _> =
        R::find_many(db, ids).await?.into_iter().map(|row| (row.id(), row)).collect();
    Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
}

fn rest<R: Rolled>(db: &Db, ids: &[i64]) -> Result<Rows<R>, DbError> {
    let parts: Vec<Vec<i64>> = ids.chunks(ROWS_AT_A_TIME).map(<[i64]>::to_vec).collect();
    let reader = db.clone();
    db.stream_parts(stream::iter(parts).then(move |ids| {
        let reader = reader.clone();
        async move { load(&reader, &ids).await }
    }))
}
