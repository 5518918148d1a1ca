/// How much of a table a read goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Some rows, found by key: microseconds.
    Key,
    /// A range of an index, however long it is, as for a count: milliseconds.
    Range,
    /// All rows, each of which is looked at: up to seconds.
    Scan,
}

impl Reach {
    /// Rows of an index that may be counted among the reads by key; a count of more is a [`Reach::Range`], so that it holds
    /// up nobody who reads single rows.
    pub const MAX_COUNTED_BY_KEY: i64 = 1_000;
}
