//! What an engine says of the tables that it holds.

use super::{DbError, In, Tx, postgres, sqlite};

/// A column as its table defines it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of the catalog of its own")]
pub struct Column {
    /// Its name, as written.
    pub name: String,
    /// Its declared type, as written; may be empty.
    pub kind: String,
    /// Whether that type is one of integers.
    pub is_integer: bool,
    /// Whether it refuses a null.
    pub required: bool,
    /// Its default, an SQL expression.
    pub default: Option<String>,
    /// Its place in the primary key, from 1; 0 when it is not part of it.
    pub key: i64,
    /// Whether the engine gives the next number to a row that comes without one.
    pub numbers_itself: bool,
    /// Whether the engine computes it.
    pub generated: bool,
}

/// An index, or the unique key of a table's definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Its name; the engine's own for a key of the definition.
    pub name: String,
    /// Whether it refuses the same value twice.
    pub unique: bool,
    /// Whether it leaves rows out.
    pub partial: bool,
    /// Its columns in order; an expression has no name.
    pub columns: Vec<Option<String>>,
    /// Its statement; `None` for a key of the table's definition.
    pub definition: Option<String>,
    /// Statements that the owner could run to be rid of it.
    pub undo: String,
}

impl Index {
    /// Indexes whose columns were told one by one, in order.
    pub(super) fn joined(parts: Vec<Self>) -> Vec<Self> {
        let mut indexes: Vec<Self> = Vec::new();
        for part in parts {
            match indexes.last_mut().filter(|index| index.name == part.name) {
                Some(index) => index.columns.extend(part.columns),
                None => indexes.push(part),
            }
        }
        indexes
    }
}

/// One column of a foreign key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// The column that refers.
    pub column: String,
    /// The table referred to.
    pub table: String,
    /// What the definition of the column says of it: `references ...`.
    pub clause: String,
    /// Whether it is one of several columns that refer together.
    pub composite: bool,
    /// Statements that the owner could run to be rid of it.
    pub undo: String,
}

/// A foreign key of another table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referrer {
    /// The other table.
    pub table: String,
    /// What happens to its rows when the row that they refer to is deleted: `cascade`, `set null`, `no action`, ...
    pub on_delete: String,
    /// Statements that the owner could run to be rid of it.
    pub undo: String,
}

/// Something that a table does beside holding rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// What it is, as in "the table would lose <this>".
    pub what: String,
    /// Statements that the owner could run to be rid of it; `None` when that is not for the table's owner to say.
    pub undo: Option<String>,
}

/// What the service's role may do with a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a right of its own")]
pub struct Rights {
    /// The role as a statement names it; empty where there are none.
    pub role: String,
    /// Read the columns that are served.
    pub read: bool,
    /// Make a foreign key that refers to its `id`.
    pub refer: bool,
    /// Add rows.
    pub add: bool,
    /// Make it anew: it is the role's own.
    pub own: bool,
}

/// A table, or something else that is read like one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// `table`, or what else it is: `view`, `virtual table`, `temporary table`.
    pub kind: String,
    /// The schema that it is in, where it is another one than that of new tables.
    pub elsewhere: Option<String>,
    /// Whether every value has its column's type, and every name its case.
    pub strict: bool,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Its indexes and unique keys.
    pub indexes: Vec<Index>,
    /// Its foreign keys.
    pub references: Vec<Reference>,
    /// The foreign keys of other tables that refer to it.
    pub referrers: Vec<Referrer>,
    /// The triggers on it, by name.
    pub triggers: Vec<Rule>,
    /// What else would be lost if it were made anew with the same columns, indexes and foreign keys.
    pub rules: Vec<Rule>,
    /// Statements that give a table made anew the owner, the grants and the comments of this one.
    pub restores: Vec<String>,
    /// What the service's role may do with it.
    pub rights: Rights,
}

impl Table {
    /// The column that a statement means by this name, which is in lower case.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| {
            if self.strict { column.name == name } else { column.name.eq_ignore_ascii_case(name) }
        })
    }
}

/// What stands in the way of making any table at all.
///
/// # Errors
/// What the engine said.
pub async fn obstacles(tx: &Tx<'_>) -> Result<Vec<Rule>, DbError> {
    match tx.0 {
        In::Sqlite(_) => Ok(Vec::new()),
        In::Postgres(_) => postgres::catalog::obstacles(tx).await,
    }
}

/// Where a table lies in a database that is spread over several nodes (Citus).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The table.
    pub table: String,
    /// Whether its rows are divided.
    pub is_sharded: bool,
    /// The nodes that have some or all of its rows, by their number.
    pub nodes: Vec<i64>,
}

/// Where these tables lie; empty where there is only one node.
///
/// # Errors
/// What the engine said.
pub async fn spread(tx: &Tx<'_>, tables: &[&str]) -> Result<Vec<Spread>, DbError> {
    match tx.0 {
        In::Sqlite(_) => Ok(Vec::new()),
        In::Postgres(_) => postgres::nodes::spread(tx, tables).await,
    }
}

/// The table or view of this name, in whatever case.
///
/// # Errors
/// What the engine said.
pub async fn table(tx: &Tx<'_>, name: &str) -> Result<Option<Table>, DbError> {
    match tx.0 {
        In::Sqlite(_) => sqlite::catalog::table(tx, name).await,
        In::Postgres(_) => postgres::catalog::table(tx, name).await,
    }
}

/// A name that is taken where new tables go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name, in lower case.
    pub name: String,
    /// What it is: `table`, `index`, ...
    pub kind: String,
    /// The table that it belongs to, in lower case.
    pub table: String,
    /// Statements that the owner could run to free the name.
    pub undo: String,
}

/// Every name that is taken.
///
/// # Errors
/// What the engine said.
pub async fn names(tx: &Tx<'_>) -> Result<Vec<Name>, DbError> {
    match tx.0 {
        In::Sqlite(_) => sqlite::catalog::names(tx).await,
        In::Postgres(_) => postgres::catalog::names(tx).await,
    }
}

/// The highest key that the engine has ever given out for a table that numbers its own rows.
///
/// # Errors
/// What the engine said.
pub async fn last_number(tx: &Tx<'_>, table: &str) -> Result<Option<i64>, DbError> {
    match tx.0 {
        In::Sqlite(_) => sqlite::catalog::last_number(tx, table).await,
        In::Postgres(_) => postgres::catalog::last_number(tx, table).await,
    }
}

/// The names of the columns that a table computes, in lower case.
///
/// # Errors
/// What the engine said.
pub async fn computed_columns(tx: &Tx<'_>, table: &str) -> Result<Vec<String>, DbError> {
    let sql = match tx.0 {
        In::Sqlite(_) => sqlite::catalog::COMPUTED_COLUMNS,
        In::Postgres(_) => postgres::catalog::COMPUTED_COLUMNS,
    };
    tx.query(sql, &[table.into()], |row| row.text(0)).await
}

/// A column that another program keeps in a table of ours, with what a statement needs to carry its value away and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Further {
    /// Its name.
    pub name: String,
    /// The name as a statement takes it.
    pub quoted: String,
    /// An expression: its value as `kept_columns.value` holds it.
    pub kept: String,
    /// An expression: the column's value from `value`.
    pub given_back: String,
}

/// The columns of a table other than `known` that can be written.
///
/// # Errors
/// What the engine said.
pub async fn further_columns(tx: &Tx<'_>, table: &str, known: &[&str]) -> Result<Vec<Further>, DbError> {
    let sql = match tx.0 {
        In::Sqlite(_) => sqlite::catalog::PLAIN_COLUMNS,
        In::Postgres(_) => postgres::catalog::PLAIN_COLUMNS,
    };
    let columns = tx.query(sql, &[table.into()], |row| Ok((row.text(0)?, row.text(1)?))).await?;
    // A server takes "ID" and id for two columns.
    let is_same = |name: &str, known: &str| match tx.0 {
        In::Sqlite(_) => name.eq_ignore_ascii_case(known),
        In::Postgres(_) => name == known,
    };
    let is_further = |(name, _): &(String, String)| !known.iter().any(|known| is_same(name, known));
    let further = columns.into_iter().filter(is_further).map(|(name, kind)| {
        let quoted = quoted(&name);
        let (kept, given_back) = match tx.0 {
            In::Sqlite(_) => (quoted.clone(), "value".to_owned()),
            In::Postgres(_) => (format!("cast({quoted} as text)"), format!("cast(value as {kind})")),
        };
        Further { name, quoted, kept, given_back }
    });
    Ok(further.collect())
}

/// The rows of a table whose foreign keys lead nowhere: the first of them, a line each, and how many there are. A server
/// does not let such rows in.
///
/// # Errors
/// What the engine said; also that a foreign key does not fit the table that it refers to.
pub async fn broken_references(tx: &Tx<'_>, table: &str, limit: i64) -> Result<(Vec<String>, i64), DbError> {
    match tx.0 {
        In::Sqlite(_) => sqlite::catalog::broken_references(tx, table, limit).await,
        In::Postgres(_) => Ok((Vec::new(), 0)),
    }
}

/// An expression: whether a value is a whole number.
#[must_use]
pub fn is_whole_number(tx: &Tx<'_>, column: &str) -> String {
    match tx.0 {
        In::Sqlite(_) => format!("typeof({column}) = 'integer'"),
        // The column's type says it of every value.
        In::Postgres(_) => format!("{column} is not null"),
    }
}

/// An expression: a value as a person reads it.
#[must_use]
pub fn shown(tx: &Tx<'_>, column: &str) -> String {
    match tx.0 {
        In::Sqlite(_) => format!("quote({column})"),
        In::Postgres(_) => format!("coalesce(cast({column} as text), 'NULL')"),
    }
}

/// Statements that give every row of a table a number of its own in a new column `id`.
#[must_use]
pub fn number_rows(tx: &Tx<'_>, table: &str) -> String {
    match tx.0 {
        In::Sqlite(_) => {
            format!("alter table {table} add column id integer;\nupdate {table} set id = rowid;")
        }
        In::Postgres(_) => {
            format!("alter table {table} add column id bigint generated by default as identity;")
        }
    }
}

/// Statements that have deferred constraints judge what the transaction has written so far. A file has none for it.
#[must_use]
pub fn check_now(tx: &Tx<'_>) -> &'static str {
    match tx.0 {
        In::Sqlite(_) => "",
        In::Postgres(_) => "set constraints all immediate; set constraints all deferred",
    }
}

/// A name in quotes, as a statement takes it.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
