//! Lists of the records of a table.

use super::{Direction, ListRow, Listing, Searchable, Wanted};
use crate::db::{Arg, Db, DbError, Map, Reach};

/// The number of ids in one statement.
const IDS_PER_STATEMENT: usize = 50;

/// The statements that read the records of a table by id or by an exact text. Everything else is found in memory.
#[derive(Debug)]
pub struct RecordList<T> {
    by_id: [String; 2],
    with_ids: String,
    with_first_text: String,
    with_second_text: String,
    with_external_id: String,
    count: String,
    map: Map<ListRow<T>>,
    reach: Reach,
}

/// The table of a [`RecordList`].
#[derive(Debug)]
pub struct ListedTable<'a> {
    /// Its name.
    pub name: &'a str,
    /// The column with the first text of a record.
    pub first_text: &'a str,
    /// The column with the second text of a record.
    pub second_text: &'a str,
    /// The column with the external id, which is in a table joined by `source`.
    pub external_id: &'a str,
    /// What a record is made of.
    pub columns: &'a str,
    /// The table with its joins.
    pub source: &'a str,
    /// How much has to be read for a page in the order of ids.
    pub reach: Reach,
}

impl<T: Searchable + Send + 'static> RecordList<T> {
    /// The list of a table.
    #[must_use]
    pub fn new(table: &ListedTable<'_>, map: Map<ListRow<T>>) -> Self {
        let ListedTable { name, first_text, second_text, external_id, columns, source, reach } = *table;
        let by_id = |past: &str, way: &str| {
            format!(
                "select {columns} from {source} where id {past} cast($1 as bigint) order by id{way} limit $2"
            )
        };
        let having = |condition: String| format!("select {columns} from {source} where {condition}");
        let with_text = |text: &str| having(format!("cast({text} as text) collate \"C\" = cast($1 as text)"));
        let ids: Vec<_> = (1..=IDS_PER_STATEMENT).map(|id| format!("cast(${id} as bigint)")).collect();
        Self {
            by_id: [by_id(">", ""), by_id("<", " desc")],
            with_ids: having(format!("id in ({})", ids.join(", "))),
            with_first_text: with_text(first_text),
            with_second_text: with_text(second_text),
            // The first condition is one for an index of a found column, whose collation may ignore case.
            with_external_id: having(format!(
                "{external_id} = cast($1 as text) and cast({external_id} as text) collate \"C\" = cast($1 as text)"
            )),
            count: format!("select count(*) from {name}"),
            map,
            reach,
        }
    }

    /// All records in the order of their ids; `order` is for its cursors.
    #[must_use]
    pub fn by_id(&'static self, order: String, direction: Direction) -> Listing<T> {
        let (rows, before_all) = match direction {
            // Another program may have inserted negative ids.
            Direction::Asc => (&self.by_id[0], i64::MIN),
            Direction::Desc => (&self.by_id[1], i64::MAX),
        };
        Listing {
            order,
            count: &self.count,
            count_args: Vec::new(),
            rows,
            args: Box::new(move |after| vec![after.map_or(before_all, |after| after.id).into()]),
            map: self.map,
            reach: self.reach,
            count_reach: Reach::Range,
        }
    }

    /// The first `max` records with larger ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn newer_than(&'static self, db: &Db, id: i64, max: i64) -> Result<Vec<T>, DbError> {
        // Nearly always none, so that nothing waits for long reads.
        let rows = db.read(Reach::Page, &self.by_id[0], [id.into(), max.into()], self.map).await?;
        Ok(rows.into_iter().map(|row| row.row).collect())
    }

    /// The records with these ids, in any order; missing ones are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn with_ids(&'static self, db: &Db, ids: &[i64]) -> Result<Vec<T>, DbError> {
        let reach = if self.reach == Reach::Page { Reach::Key } else { self.reach };
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_PER_STATEMENT) {
            // One prepared statement for any number of ids: the last id fills the rest.
            let keys = ids.iter().chain(std::iter::repeat(&ids[ids.len() - 1]));
            let keys: Vec<Arg> = keys.take(IDS_PER_STATEMENT).map(|id| (*id).into()).collect();
            found
                .extend(db.read(reach, &self.with_ids, keys, self.map).await?.into_iter().map(|row| row.row));
        }
        Ok(found)
    }

    /// The records with the ids and exact texts that are wanted, or more, in any order; none if nothing exact is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn with_texts<S>(&'static self, db: &Db, wanted: &Wanted<S>) -> Result<Vec<T>, DbError> {
        if let Some(ids) = &wanted.ids {
            return self.with_ids(db, ids).await;
        }
        let (reach, sql, text) = match (&wanted.external_id, &wanted.second_text, &wanted.first_text) {
            (Some(external_id), ..) => (Reach::Key, &self.with_external_id, external_id),
            (None, Some(text), _) => (Reach::Scan, &self.with_second_text, text),
            (None, None, Some(text)) => (Reach::Scan, &self.with_first_text, text),
            (None, None, None) => return Ok(Vec::new()),
        };
        let text = Arg::Text(Some(text.clone()));
        let rows = db.read(reach, sql, [text], self.map).await?;
        Ok(rows.into_iter().map(|row| row.row).collect())
    }
}

/// Whether a record has one of the ids that are wanted, and the exact texts, byte for byte.
pub fn is_wanted<S>(record: &impl Searchable, wanted: &Wanted<S>) -> bool {
    let [first_text, second_text, external_id] = record.texts();
    let is = |wanted: &Option<String>, text| wanted.as_deref().is_none_or(|wanted| text == Some(wanted));
    let id = record.id();
    wanted.ids.as_ref().is_none_or(|ids| ids.binary_search(&id).is_ok())
        && wanted.among.as_ref().is_none_or(|ids| ids.contains(&id))
        && is(&wanted.first_text, first_text)
        && is(&wanted.second_text, second_text)
        && is(&wanted.external_id, external_id)
}
