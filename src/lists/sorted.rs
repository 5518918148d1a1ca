//! Lists of the rows of a table that can be searched and sorted.

use std::fmt::Debug;

use super::{Cursor, Direction, ListRow, Listing, Search};
use crate::db::{Map, Reach};

/// A list of the rows of a table, searched in two of its texts, and sorted by one of them or by the id.
#[derive(Debug)]
pub struct SortedList<T> {
    table: &'static str,
    /// The statements that read rows, for each sort key and direction. Parameters: the pattern, the keys of the row
    /// before, the number of rows.
    by_id: [String; 2],
    by_text: [[String; 2]; 2],
    count: String,
    count_matching: String,
    map: Map<ListRow<T>>,
    reach: Reach,
}

/// A sort key of a list.
pub trait SortKey: Copy + Debug {
    /// The position of the text to sort by in the list's texts; `None` for the id.
    fn text(self) -> Option<usize>;
}

impl<T: 'static> SortedList<T> {
    /// The list of `table` with these `columns` and, after them, the sort key as a text. `source` is the table with
    /// its joins, `reach` how much has to be read for a page in the order of ids, without a search.
    #[must_use]
    pub fn new(
        table: &'static str,
        texts: [&str; 2],
        columns: &str,
        source: &str,
        map: Map<ListRow<T>>,
        reach: Reach,
    ) -> Self {
        let pattern = folded("$1");
        let matching = texts.map(|text| format!("{} like {pattern} escape '~'", folded(text))).join(" or ");
        let rows = |key: &str, after: &str, order: &str| {
            format!(
                "select {columns}, {key} from {source} where (cast($1 as text) is null or {matching}) and {after} \
                 order by {order}"
            )
        };
        let by_id = |past: &str, way: &str| {
            let after = format!("id {past} cast($2 as bigint)");
            rows("cast(null as text)", &after, &format!("id{way} limit $3"))
        };
        let by_text = |text: &str, past: &str, way: &str| {
            let key = folded(text);
            let after = format!("(cast($2 as text) is null or ({key}, id) {past} ($2, cast($3 as bigint)))");
            rows(&key, &after, &format!("{key}{way}, id{way} limit $4"))
        };
        let count = format!("select count(*) from {table}");
        Self {
            table,
            by_id: [by_id(">", ""), by_id("<", " desc")],
            by_text: texts.map(|text| [by_text(text, ">", ""), by_text(text, "<", " desc")]),
            count_matching: format!("{count} where {matching}"),
            count,
            map,
            reach,
        }
    }

    /// The rows that match, sorted.
    #[must_use]
    pub fn listing(
        &'static self,
        search: Option<&Search>,
        sort: impl SortKey,
        direction: Direction,
    ) -> Listing<T> {
        let text = sort.text();
        let by_text = text.is_some();
        let statements = text.map_or(&self.by_id, |text| &self.by_text[text]);
        let (rows, before_all) = match direction {
            // Another program may have inserted negative ids.
            Direction::Asc => (&statements[0], i64::MIN),
            Direction::Desc => (&statements[1], i64::MAX),
        };
        let pattern = search.map(Search::pattern);
        let count_args = pattern.iter().map(|pattern| pattern.as_str().into()).collect();
        let args = move |after: Option<&Cursor>| {
            let mut args = vec![pattern.clone().into()];
            if by_text {
                args.push(after.map(|after| after.text.clone().unwrap_or_default()).into());
            }
            args.push(after.map_or(before_all, |after| after.id).into());
            args
        };
        Listing {
            order: self.order(sort, direction),
            count: if search.is_some() { &self.count_matching } else { &self.count },
            count_args,
            rows,
            args: Box::new(args),
            map: self.map,
            reach: if by_text || search.is_some() { Reach::Scan } else { self.reach },
            count_reach: if search.is_some() { Reach::Scan } else { Reach::Range },
        }
    }

    /// The name of the list and its order, for cursors.
    #[must_use]
    pub fn order(&self, sort: impl SortKey, direction: Direction) -> String {
        format!("{}.{sort:?}.{direction:?}", self.table)
    }
}

/// An SQL expression that sorts texts the same on every engine: by the bytes of their lower case, null as empty.
fn folded(text: &str) -> String {
    format!("coalesce(casefold(cast({text} as text)), '') collate \"C\"")
}
