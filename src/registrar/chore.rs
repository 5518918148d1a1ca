//! A write that is no change of registration and has no event.

use crate::db::Arg;

/// A statement about a table of ours. It changes any number of rows.
#[derive(Clone, Debug)]
pub struct Chore {
    /// The statement.
    pub sql: &'static str,
    /// Its parameters.
    pub args: Vec<Arg>,
}
