//! Decides about the groups of the students of the files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::known::ids;
use super::rows::RowField;
use super::settings::Mode;
use super::standings::store::{all_groups, groups_of};
use super::steps::{FieldChange, Plan, RecordStep};
use crate::db::{Db, DbError};
use crate::files::reading::Reading;
use crate::priority::pause_if_due;
use crate::registrar::{GroupName, GroupedStudent, Standing, Student, StudentId, StudentRecord};
use crate::text::joined_names;

/// What the files do to the groups of students.
#[derive(Debug, Default)]
pub struct GroupPlan {
    /// Groups that are made, since a student joins them and they do not exist.
    pub new: BTreeSet<GroupName>,
    /// The groups that exist, each with its limit of courses; empty if the files name no groups.
    limits: BTreeMap<GroupName, Option<i64>>,
    /// By the place of the student's row.
    changes: HashMap<usize, GroupChange>,
}

/// What changes about the groups of a student.
#[derive(Debug)]
struct GroupChange {
    before: BTreeSet<GroupName>,
    joins: Vec<GroupName>,
    leaves: Vec<GroupName>,
}

/// What the field of a row is called.
pub(super) const GROUPS: &str = "groups";

impl GroupPlan {
    /// Compares the groups of the rows with those of the students. In [`Mode::Full`], those of the row are all that a student
    /// is in; otherwise the student stays in the others.
    pub(super) async fn make(
        reading: &Reading,
        steps: &[RecordStep<Student>],
        mode: Mode,
        db: &Db,
    ) -> Result<Self, DbError> {
        let mut plan = Self::default();
        let rows = || reading.people.iter().zip(steps).enumerate();
        let with_groups = || rows().filter_map(|(at, (row, step))| Some((at, row.groups.as_deref()?, step)));
        if with_groups().next().is_none() {
            return Ok(plan);
        }
        plan.limits = all_groups(db).await?;
        let names = reading.groups.iter().map(|(_, name)| GroupName::from_stored(name.to_string()));
        let names: Vec<GroupName> = names.collect();
        let known: Vec<StudentId> = with_groups().filter_map(|(_, _, step)| step.id()).collect();
        let mut present = groups_of(db, &ids(&known)).await?;
        for (at, groups, step) in with_groups() {
            pause_if_due();
            let before = match step {
                RecordStep::Add(_) => BTreeSet::new(),
                RecordStep::Change { id, .. } | RecordStep::Same(id) => {
                    present.remove(id).unwrap_or_default().into_keys().collect()
                }
                RecordStep::LeftOut | RecordStep::Remove { .. } | RecordStep::Refused(_) => continue,
            };
            let wanted: BTreeSet<&GroupName> = groups.iter().map(|group| &names[group.index()]).collect();
            let joins = wanted.iter().filter(|name| !before.contains(**name));
            let joins: Vec<GroupName> = joins.map(|name| (*name).clone()).collect();
            let leaves: Vec<GroupName> = match mode {
                Mode::Add => Vec::new(),
                Mode::Full => before.iter().filter(|name| !wanted.contains(name)).cloned().collect(),
            };
            plan.new.extend(joins.iter().filter(|name| !plan.limits.contains_key(*name)).cloned());
            if !joins.is_empty() || !leaves.is_empty() {
                plan.changes.insert(at, GroupChange { before, joins, leaves });
            }
        }
        Ok(plan)
    }

    /// Whether the groups of the student of a row change.
    pub(super) fn changes(&self, at: usize) -> bool {
        self.changes.contains_key(&at)
    }

    /// The groups before and afterwards, if they change.
    pub(super) fn field(&self, at: usize) -> Option<RowField> {
        let GroupChange { before, joins, leaves } = self.changes.get(&at)?;
        let after: BTreeSet<_> =
            before.iter().filter(|name| !leaves.contains(name)).chain(joins.iter()).collect();
        let text = |names: &mut dyn Iterator<Item = &GroupName>| {
            let cell = joined_names(names.map(GroupName::as_str));
            (!cell.is_empty()).then_some(cell)
        };
        let (old, new) = (text(&mut before.iter()), text(&mut after.into_iter()));
        Some(RowField { field: GROUPS.to_owned(), old, new })
    }

    /// The step for the student of a row, if their groups change.
    pub(super) fn step(&self, at: usize, record: impl FnOnce() -> StudentRecord) -> Option<GroupedStudent> {
        let change = self.changes.get(&at)?;
        let makes = change.joins.iter().filter(|name| self.new.contains(*name)).cloned().collect();
        let (joins, leaves) = (change.joins.clone(), change.leaves.clone());
        Some(GroupedStudent { record: record(), makes, joins, leaves })
    }

    /// Changes a standing to what it will be when students are enrolled.
    fn apply(&self, change: &GroupChange, standing: &mut Standing) {
        for name in &change.leaves {
            standing.groups.remove(name);
        }
        let joined = |name: &GroupName| (name.clone(), self.limits.get(name).copied().flatten());
        standing.groups.extend(change.joins.iter().map(joined));
    }
}

impl Plan {
    /// Puts students into the groups of the files, in standings that are used to decide about their enrollments. `id` returns
    /// the id for a row that adds a student.
    pub(super) fn regroup(
        &self,
        standings: &mut HashMap<StudentId, Standing>,
        id: impl Fn(usize) -> StudentId,
    ) {
        for (at, change) in &self.groups.changes {
            let id = self.students[*at].id().unwrap_or_else(|| id(*at));
            self.groups.apply(change, standings.entry(id).or_default());
        }
    }

    /// All fields that change of an existing student, for programs.
    pub(super) fn changed_groups(&self, at: usize, changes: &[FieldChange]) -> Option<RowField> {
        let is_there = !changes.is_empty() || matches!(self.students[at], RecordStep::Same(_));
        self.groups.field(at).filter(|_| is_there)
    }
}
