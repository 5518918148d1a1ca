/// Rows of a finding that are shown.
pub(super) const SHOWN: usize = 20;

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which promise is broken.
    pub promise: &'static str,
    /// Where, row by row; the first of them when there are many.
    pub rows: Vec<String>,
    /// How many rows in all.
    pub total: usize,
}
