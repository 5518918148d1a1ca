//! Decides about the groups of the students of the files.

use std::collections::{BTreeSet, HashMap};

use super::group_plan::{GROUPS, GroupChange, GroupPlan};
use super::known::ids;
use super::rows::RowField;
use super::settings::Mode;
use super::standings::store::{all_groups, groups_of};
use super::steps::{Plan, RecordStep};
use crate::db::{Db, DbError};
use crate::files::reading::Reading;
use crate::priority::pause_if_due;
use crate::registrar::{GroupName, Standing, Student, StudentId};

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

    /// The groups of the student of a row before and afterwards, if they change.
    pub(super) fn groups_field(&self, at: usize) -> Option<RowField> {
        let [old, new] = self.groups.before_and_after(at)?;
        Some(RowField { field: GROUPS.to_owned(), old, new })
    }

    /// The same, for a student who exists already.
    pub(super) fn changed_groups(&self, at: usize) -> Option<RowField> {
        self.students[at].id()?;
        self.groups_field(at)
    }
}
