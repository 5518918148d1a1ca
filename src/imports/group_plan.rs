//! What an import does to the groups of students.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::registrar::{GroupName, GroupedStudent, Standing, StudentRecord};
use crate::text::joined_names;

/// What the files do to the groups of students.
#[derive(Debug, Default)]
pub struct GroupPlan {
    /// Groups that are made, since a student joins them and they do not exist.
    pub new: BTreeSet<GroupName>,
    /// The groups that exist, each with its limit of courses; empty if the files name no groups.
    pub(super) limits: BTreeMap<GroupName, Option<i64>>,
    /// By the place of the student's row.
    pub(super) changes: HashMap<usize, GroupChange>,
}

/// What changes about the groups of a student.
#[derive(Debug)]
pub(super) struct GroupChange {
    pub(super) before: BTreeSet<GroupName>,
    pub(super) joins: Vec<GroupName>,
    pub(super) leaves: Vec<GroupName>,
}

/// What the field of a row is called.
pub(super) const GROUPS: &str = "groups";

impl GroupPlan {
    /// Whether the groups of the student of a row change.
    pub(super) fn changes(&self, at: usize) -> bool {
        self.changes.contains_key(&at)
    }

    /// The groups before and afterwards, if they change; `None` for no group.
    pub(super) fn before_and_after(&self, at: usize) -> Option<[Option<String>; 2]> {
        let GroupChange { before, joins, leaves } = self.changes.get(&at)?;
        let after: BTreeSet<_> =
            before.iter().filter(|name| !leaves.contains(name)).chain(joins.iter()).collect();
        let text = |names: &mut dyn Iterator<Item = &GroupName>| {
            let cell = joined_names(names.map(GroupName::as_str));
            (!cell.is_empty()).then_some(cell)
        };
        Some([text(&mut before.iter()), text(&mut after.into_iter())])
    }

    /// The step for the student of a row, if their groups change.
    pub(super) fn step(&self, at: usize, record: impl FnOnce() -> StudentRecord) -> Option<GroupedStudent> {
        let change = self.changes.get(&at)?;
        let makes = change.joins.iter().filter(|name| self.new.contains(*name)).cloned().collect();
        let (joins, leaves) = (change.joins.clone(), change.leaves.clone());
        Some(GroupedStudent { record: record(), makes, joins, leaves })
    }

    /// Changes a standing to what it will be when students are enrolled.
    pub(super) fn apply(&self, change: &GroupChange, standing: &mut Standing) {
        for name in &change.leaves {
            standing.groups.remove(name);
        }
        let joined = |name: &GroupName| (name.clone(), self.limits.get(name).copied().flatten());
        standing.groups.extend(change.joins.iter().map(joined));
    }
}
