//! The entries of the log that an import has made.

mod store;

pub(super) use self::store::{Entry, entries, later, later_groups, later_in_groups, ranges};
