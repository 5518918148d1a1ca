use std::pin::Pin;

use futures_util::Stream;

use super::turns::Turn;
use super::{Arg, DbError, Map, Reach};

/// A stream of the rows of a long list, in chunks.
pub type Rows<T> = Pin<Box<dyn Stream<Item = Result<Vec<T>, DbError>> + Send>>;

/// A read, as an engine runs it.
pub(super) struct Read<T> {
    pub(super) reach: Reach,
    pub(super) sql: &'static str,
    pub(super) args: Vec<Arg>,
    pub(super) map: Map<T>,
    pub(super) turn: Option<Turn>,
}
