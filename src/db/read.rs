use std::pin::Pin;

use futures_util::Stream;

use super::turns::Turn;
use super::{Arg, DbError, Map, Reach};

/// The rows of a long list, some at a time.
pub type Rows<T> = Pin<Box<dyn Stream<Item = Result<Vec<T>, DbError>> + Send>>;

/// Counts the rows of which a read returns a part.
pub struct Total {
    /// Reads one integer.
    pub sql: &'static str,
    /// Its parameters.
    pub args: Vec<Arg>,
    /// Where the read returns at most this many rows, these are all of them and need no count.
    pub unless_within: Option<usize>,
}

impl Total {
    pub(super) fn is_needed(&self, rows: usize) -> bool {
        self.unless_within.is_none_or(|most| rows > most)
    }
}

/// One read of an engine.
pub(super) struct Read<T> {
    pub(super) reach: Reach,
    pub(super) sql: &'static str,
    pub(super) args: Vec<Arg>,
    pub(super) map: Map<T>,
    pub(super) total: Option<Total>,
    pub(super) turn: Option<Turn>,
}
