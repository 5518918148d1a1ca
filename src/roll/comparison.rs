//! Compares the index with the table: another program may have written to it, which the log does not show.

use super::index::Index;
use crate::lists::Texts;

/// A comparison of an index with all records of the table, which come in parts. Meanwhile the index may change: what
/// differs only because of that is reported too.
#[derive(Debug)]
pub(super) struct Comparison {
    /// For each record that the index had at the beginning, whether the table has it.
    is_there: Vec<bool>,
    different: Vec<i64>,
}

impl Comparison {
    pub(super) fn new(index: &Index) -> Self {
        Self { is_there: vec![false; index.ids.len()], different: Vec::new() }
    }

    /// Compares some of the records.
    pub(super) fn add(&mut self, index: &Index, records: &[Texts]) {
        for record in records {
            let number = index.find(record.id);
            if let Some(is_there) = number.and_then(|number| self.is_there.get_mut(number as usize)) {
                *is_there = true;
            }
            if !number.is_some_and(|number| index.is_same(number, record)) {
                self.different.push(record.id);
            }
        }
    }

    /// After all records: the ids of those that differ, or that are only in the index.
    pub(super) fn differences(mut self, index: &Index) -> Vec<i64> {
        let is_gone = |number: &&u32| self.is_there.get(**number as usize).is_some_and(|is_there| !is_there);
        let gone = index.order(None).iter().filter(is_gone);
        self.different.extend(gone.map(|number| index.ids[*number as usize]));
        self.different
    }
}
