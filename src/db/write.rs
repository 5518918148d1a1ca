//! Statements that write many rows.

use super::Arg;

/// An insert that sets every column from a parameter, so that a server can insert many rows with one statement.
#[derive(Clone, Copy, Debug)]
pub struct Insert {
    /// The table.
    pub table: &'static str,
    /// The columns, in the order of the parameters.
    pub columns: &'static [&'static str],
}

impl Insert {
    /// The statement for one row.
    pub(super) fn one_row(&self) -> String {
        let values: Vec<_> = (1..=self.columns.len()).map(|place| format!("${place}")).collect();
        format!("{} values ({})", self.start(), values.join(", "))
    }

    /// The statement for all rows of `source`, an item of `from`; `values` are its columns.
    pub(super) fn rows_of(&self, values: &str, source: &str) -> String {
        format!("{} select {values} from {source}", self.start())
    }

    fn start(&self) -> String {
        format!("insert into {} ({})", self.table, self.columns.join(", "))
    }
}

/// A statement that is run once for each set of parameters.
#[derive(Debug)]
pub enum Write<'a> {
    /// Inserts a row each time: on a server one statement for all sets.
    Insert(&'a Insert, Vec<Vec<Arg>>),
    /// Changes one row each time.
    Change(&'a str, Vec<Vec<Arg>>),
    /// Deletes a row each time, unless it is gone by then.
    Delete(&'a str, Vec<Vec<Arg>>),
}
