//! Counts of rows for many keys at once.

use super::Arg;

/// Counts the rows of each key.
#[derive(Clone, Copy, Debug)]
pub struct CountBy {
    /// The tables, as after `from`.
    pub rows: &'static str,
    /// The column with the key: a whole number or a text.
    pub key: &'static str,
    /// Another condition for the rows, from `and` on; empty for none.
    pub and: &'static str,
}

impl CountBy {
    /// The statement for the one key `$1`.
    pub(super) fn of_one(&self) -> String {
        let Self { rows, key, and } = self;
        format!("select count(*) from {rows} where {key} = $1 {and}").trim_end().to_owned()
    }

    /// The statement for all keys in the array `$1` of this type: a row for each key that has any.
    pub(super) fn of_many(&self, array: &str) -> String {
        let Self { rows, key, and } = self;
        format!("select {key}, count(*) from {rows} where {key} = any($1::{array}) {and} group by {key}")
    }
}

/// Keys as the array that they fit in.
pub(super) enum Keys<'a> {
    Integers(Vec<i64>),
    Texts(Vec<&'a str>),
}

impl<'a> Keys<'a> {
    /// `None` unless all are whole numbers, or all are texts.
    pub(super) fn new(keys: &'a [Arg]) -> Option<Self> {
        let integer = |key: &Arg| if let Arg::Int(Some(key)) = key { Some(*key) } else { None };
        let text = |key: &'a Arg| if let Arg::Text(Some(key)) = key { Some(&**key) } else { None };
        let integers: Option<_> = keys.iter().map(integer).collect();
        integers.map(Self::Integers).or_else(|| keys.iter().map(text).collect::<Option<_>>().map(Self::Texts))
    }
}
