/// How many rows of a finding are listed.
pub(super) const MAX_SHOWN: usize = 20;

/// A broken promise, or something worth a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The promise; for a note, what was found.
    pub promise: &'static str,
    /// Descriptions of the first rows.
    pub rows: Vec<String>,
    /// The number of rows in all.
    pub total: usize,
}

impl Finding {
    /// A finding with these rows; `None` if there are none.
    #[must_use]
    pub fn new(promise: &'static str, mut rows: Vec<String>) -> Option<Self> {
        let total = rows.len();
        rows.truncate(MAX_SHOWN);
        (total > 0).then_some(Self { promise, rows, total })
    }
}
