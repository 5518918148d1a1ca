use std::pin::Pin;

use futures_util::Stream;

use super::turns::Turn;
use super::{Arg, DbError, Map, Reach};

/// A stream of the rows of a long list, in chunks.
pub type Rows<T> = Pin<Box<dyn Stream<Item = Result<Vec<T>, DbError>> + Send>>;

/// The count of all rows of a list of which a read returns a part.
pub struct Total {
    /// A statement that reads one integer.
    pub sql: &'static str,
    /// Its parameters.
    pub args: Vec<Arg>,
    /// If the read returns at most this many rows, they are all there is and nothing is counted.
    pub unless_within: Option<usize>,
}

impl Total {
    pub(super) fn is_needed(&self, rows: usize) -> bool {
        self.unless_within.is_none_or(|limit| rows > limit)
    }
}

/// A read, as an engine runs it.
pub(super) struct Read<T> {
    pub(super) reach: Reach,
    pub(super) sql: &'static str,
    pub(super) args: Vec<Arg>,
    pub(super) map: Map<T>,
    pub(super) total: Option<Total>,
    pub(super) turn: Option<Turn>,
}
