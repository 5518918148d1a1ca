//! Lists of the rows of a table that can be searched and sorted.

use std::fmt::Debug;

use super::{Cursor, Direction, ListRow, Listing, Search};
use crate::db::{Arg, Map, Reach};

/// A list of the rows of a table, searched in its texts and external ids, and sorted by a text or by the id.
#[derive(Debug)]
pub struct SortedList<T> {
    table: &'static str,
    all: Statements,
    /// With a search or an exact second text.
    matching: Statements,
    /// With an exact external id.
    with_external_id: Statements,
    map: Map<ListRow<T>>,
    reach: Reach,
}

/// The table of a [`SortedList`].
#[derive(Debug)]
pub struct SortedTable<'a> {
    /// Its name.
    pub name: &'static str,
    /// The columns to search in and sort by.
    pub texts: [&'a str; 2],
    /// The column with the external id, which is in a table joined by `source` and by `counted`.
    pub external_id: &'a str,
    /// What a row of the list is made of. The sort key follows as a text.
    pub columns: &'a str,
    /// The table with its joins.
    pub source: &'a str,
    /// The table with only the join that has the external id.
    pub counted: &'a str,
    /// How much has to be read for a page in the order of ids, without a search.
    pub reach: Reach,
}

/// Which rows of a list are wanted; without conditions, all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// Rows with this in a text or in the external id, or with this id. A row with exactly this id or external id comes
    /// first.
    pub search: Option<&'a Search>,
    /// Rows whose second text is exactly this.
    pub second_text: Option<&'a Search>,
    /// Rows with exactly this external id.
    pub external_id: Option<&'a Search>,
}

/// The statements of one set of conditions, for each sort key and direction. Parameters: those of the conditions, the keys
/// of the row before, the number of rows.
#[derive(Debug)]
struct Statements {
    by_id: [String; 2],
    by_text: [[String; 2]; 2],
    count: String,
}

/// A sort key of a list.
pub trait SortKey: Copy + Debug {
    /// The position of the text to sort by in the list's texts; `None` for the id.
    fn text(self) -> Option<usize>;
}

/// The first character of the sort key of a search: rows with exactly the typed id or external id come first.
#[must_use]
pub fn exact_first(direction: Direction, is_exact: bool) -> char {
    if is_exact == (direction == Direction::Asc) { '0' } else { '1' }
}

impl<T: 'static> SortedList<T> {
    /// The list of a table.
    #[must_use]
    pub fn new(table: &SortedTable<'_>, map: Map<ListRow<T>>) -> Self {
        let count = |condition: String| format!("select count(*) from {} where {condition}", table.counted);
        Self {
            table: table.name,
            all: table.all(),
            matching: table.searched(
                "",
                4,
                count(format!(
                    "(cast($1 as text) is null or {}) and {}",
                    table.matches("$1", "$2"),
                    table.has_second_text("$3")
                )),
            ),
            with_external_id: table.searched(
                &format!(" and {}", table.has_external_id("$5")),
                5,
                count(format!(
                    "(cast($1 as text) is null or {}) and {} and {}",
                    table.matches("$1", "$2"),
                    table.has_second_text("$3"),
                    table.has_external_id("$4")
                )),
            ),
            map,
            reach: table.reach,
        }
    }

    /// The rows that match, sorted.
    #[must_use]
    pub fn listing(
        &'static self,
        conditions: Conditions<'_>,
        sort: impl SortKey,
        direction: Direction,
    ) -> Listing<T> {
        let Conditions { search, second_text, external_id } = conditions;
        let pattern = search.map(Search::pattern);
        let exact = |text: Option<&Search>| Arg::Text(text.map(|text| text.text().to_owned()));
        let is_all = search.is_none() && second_text.is_none() && external_id.is_none();
        let (statements, mut given, mut count_args) =
            (self.all_or(is_all, external_id.is_some()), vec![], vec![]);
        if !is_all {
            given = vec![
                search.and_then(Search::id).into(),
                exact(search),
                pattern.clone().into(),
                exact(second_text),
            ];
            count_args = vec![pattern.into(), search.and_then(Search::id).into(), exact(second_text)];
        }
        if external_id.is_some() {
            given.push(exact(external_id));
            count_args.push(exact(external_id));
        }
        // The sort key of a search is never only the id.
        let by_text = sort.text().is_some() || !is_all;
        let rows = sort.text().map_or(&statements.by_id, |text| &statements.by_text[text]);
        let (rows, before_all) = match direction {
            // Another program may have inserted negative ids.
            Direction::Asc => (&rows[0], i64::MIN),
            Direction::Desc => (&rows[1], i64::MAX),
        };
        let args = move |after: Option<&Cursor>| {
            let mut args = given.clone();
            if by_text {
                args.push(after.map(|after| after.text.clone().unwrap_or_default()).into());
            }
            args.push(after.map_or(before_all, |after| after.id).into());
            args
        };
        let reach = match (is_all, external_id.is_some()) {
            (true, _) if by_text => Reach::Scan,
            (true, _) => self.reach,
            (false, true) => Reach::Key,
            (false, false) => Reach::Scan,
        };
        Listing {
            order: self.order(sort, direction, !is_all),
            count: &statements.count,
            count_args,
            rows,
            args: Box::new(args),
            map: self.map,
            reach,
            count_reach: if is_all { Reach::Range } else { reach },
        }
    }

    fn all_or(&self, is_all: bool, has_external_id: bool) -> &Statements {
        match (is_all, has_external_id) {
            (true, _) => &self.all,
            (false, false) => &self.matching,
            (false, true) => &self.with_external_id,
        }
    }

    /// The name of the list and its order, for cursors. With conditions, the sort key begins with [`exact_first`].
    #[must_use]
    pub fn order(&self, sort: impl SortKey, direction: Direction, has_conditions: bool) -> String {
        let end = if has_conditions { ".matching" } else { "" };
        format!("{}.{sort:?}.{direction:?}{end}", self.table)
    }
}

impl SortedTable<'_> {
    fn all(&self) -> Statements {
        let (columns, source) = (self.columns, self.source);
        let by_id = |past: &str, way: &str| {
            format!(
                "select {columns}, cast(null as text) from {source} where id {past} cast($1 as bigint) \
                 order by id{way} limit $2"
            )
        };
        let by_text = |text: &str, past: &str, way: &str| {
            let key = folded(text);
            format!(
                "select {columns}, {key} from {source} \
                 where (cast($1 as text) is null or ({key}, id) {past} ($1, cast($2 as bigint))) \
                 order by {key}{way}, id{way} limit $3"
            )
        };
        Statements {
            by_id: [by_id(">", ""), by_id("<", " desc")],
            by_text: self.texts.map(|text| [by_text(text, ">", ""), by_text(text, "<", " desc")]),
            count: format!("select count(*) from {}", self.name),
        }
    }

    /// Statements with the parameters typed id, typed text, its pattern, second text, those of `further`; `last` is the
    /// number of the last one.
    fn searched(&self, further: &str, last: usize, count: String) -> Statements {
        let (columns, source) = (self.columns, self.source);
        let is_wanted = format!(
            "(cast($3 as text) is null or {}) and {}{further}",
            self.matches("$3", "$1"),
            self.has_second_text("$4")
        );
        let (text, id, limit) = (last + 1, last + 2, last + 3);
        let rows = |key: &str, past: &str, way: &str| {
            format!(
                "select {columns}, {key} from {source} where {is_wanted} \
                 and (cast(${text} as text) is null or ({key}, id) {past} (${text}, cast(${id} as bigint))) \
                 order by {key}{way}, id{way} limit ${limit}"
            )
        };
        let both = |text: Option<&str>| {
            [(Direction::Asc, ">", ""), (Direction::Desc, "<", " desc")].map(|(direction, past, way)| {
                let exact = self.exact_first(direction);
                let key = text.map_or_else(|| exact.clone(), |text| format!("{exact} || {}", folded(text)));
                rows(&format!("({key}) collate \"C\""), past, way)
            })
        };
        Statements { by_id: both(None), by_text: self.texts.map(|text| both(Some(text))), count }
    }

    /// The first character of the sort key of a search. Parameters: the typed id and the typed text.
    fn exact_first(&self, direction: Direction) -> String {
        let [exact, other] = [true, false].map(|is_exact| exact_first(direction, is_exact));
        format!(
            "case when id = cast($1 as bigint) or casefold(cast({} as text)) = casefold(cast($2 as text)) \
             then '{exact}' else '{other}' end",
            self.external_id
        )
    }

    /// Whether a row has the text with this pattern, or this id.
    fn matches(&self, pattern: &str, id: &str) -> String {
        let pattern = folded(pattern);
        let [one, other] = self.texts.map(|text| format!("{} like {pattern} escape '~'", folded(text)));
        // Most schools have few external ids or none: a null is not worth the work of folding it.
        let external_id = self.external_id;
        let third =
            format!("({external_id} is not null and {} like {pattern} escape '~')", folded(external_id));
        format!("{one} or {other} or {third} or id = cast({id} as bigint)")
    }

    fn has_second_text(&self, text: &str) -> String {
        format!("(cast({text} as text) is null or cast({} as text) collate \"C\" = {text})", self.texts[1])
    }

    /// Whether a row has this external id, byte for byte. The first condition is one for an index of a found column, whose
    /// collation may ignore case.
    fn has_external_id(&self, text: &str) -> String {
        let column = self.external_id;
        format!(
            "{column} = cast({text} as text) and cast({column} as text) collate \"C\" = cast({text} as text)"
        )
    }
}

/// An SQL expression that sorts texts the same on every engine: by the bytes of their lower case, null as empty.
fn folded(text: &str) -> String {
    format!("coalesce(casefold(cast({text} as text)), '') collate \"C\"")
}
