/// How much of a table a read goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Some rows, found by key, in any order: microseconds. A server may run the same read of many clients as one
    /// statement.
    Key,
    /// Some rows in the order of the statement, along an index, for example a page of a list: microseconds.
    Page,
    /// A range of an index of any length, for example for a count: milliseconds.
    Range,
    /// Every row: up to seconds.
    Scan,
}

impl Reach {
    /// How many index rows may be counted as a read by key. A larger count is a [`Reach::Range`], so that it does not
    /// hold up reads of single rows.
    pub const MAX_COUNTED_BY_KEY: i64 = 1_000;
}
