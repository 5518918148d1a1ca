//! Imports: students with the groups that they join and leave.

use super::answer::Answer;
use super::caller::{Caller, Right};
use super::command::{Command as _, Decision};
use super::facts::Facts;
use super::group::{DeleteGroup, JoinGroup, LeaveGroup, SetGroup};
use super::group_name::GroupName;
use super::needs::Needs;
use super::record::{Student, StudentId};
use super::refusal::Refusal;
use super::standing::Group;
use super::student::{CreateStudent, UpdateStudent};

/// A student of an import, and the groups that they join and leave at once.
#[derive(Clone, Debug)]
pub struct GroupedStudent {
    /// The student.
    pub record: StudentRecord,
    /// Groups that are made if they do not exist: some of `joins`.
    pub makes: Vec<GroupName>,
    /// Groups that the student joins. They exist, or are made.
    pub joins: Vec<GroupName>,
    /// Groups that the student leaves.
    pub leaves: Vec<GroupName>,
}

/// What happens to the record of the student.
#[derive(Clone, Debug)]
pub enum StudentRecord {
    /// See [`CreateStudent`].
    Add(CreateStudent),
    /// See [`UpdateStudent`].
    Change(UpdateStudent),
    /// It stays as it is.
    Same(StudentId),
}

impl GroupedStudent {
    pub(super) fn needs(&self, needs: &mut Needs) {
        let id = match &self.record {
            StudentRecord::Add(step) => {
                step.needs(needs);
                None
            }
            StudentRecord::Change(step) => {
                step.needs(needs);
                Some(step.id)
            }
            StudentRecord::Same(id) => {
                needs.student(*id);
                Some(*id)
            }
        };
        needs.changes_standing();
        for name in self.joins.iter().chain(&self.leaves) {
            match id {
                Some(id) => needs.membership(name.clone(), id),
                None => needs.group(name.clone()),
            }
        }
    }

    /// All of it, or nothing.
    pub(super) fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Decision {
        caller.ensure(Right::WriteStudents)?;
        for name in self.joins.iter().filter(|name| !self.makes.contains(name)) {
            facts.group(name).map_err(|_| Refusal::PlanChanged)?;
        }
        let (mut events, student) = match &self.record {
            StudentRecord::Add(step) => step.carry_out(caller, facts)?,
            StudentRecord::Change(step) => step.carry_out(caller, facts)?,
            // The number is loaded only if another command of the batch needs it.
            StudentRecord::Same(id) => (Vec::new(), Student { number: None, ..facts.student(*id)?.clone() }),
        };
        let student_id = student.id;
        for name in &self.makes {
            if facts.group(name).is_err() {
                let group = Group { name: name.clone(), course_limit: None };
                events.extend(SetGroup { group }.carry_out(caller, facts)?.0);
            }
        }
        for name in self.joins.iter().cloned() {
            events.extend(JoinGroup { name, student_id }.carry_out(caller, facts)?.0);
        }
        for name in
            self.leaves.iter().filter(|name| facts.is_member(student_id, name)).cloned().collect::<Vec<_>>()
        {
            events.extend(LeaveGroup { name, student_id }.carry_out(caller, facts)?.0);
        }
        Ok((events, Answer::Student(student)))
    }
}

/// Deletes a group that an import has made, if nobody uses it: it has no students, no limit, and no course opens for it.
#[derive(Clone, Debug)]
pub struct UnmakeGroup(pub GroupName);

impl UnmakeGroup {
    pub(super) fn needs(&self, needs: &mut Needs) {
        DeleteGroup { name: self.0.clone() }.needs(needs);
        needs.members_of(self.0.clone());
    }

    pub(super) fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Decision {
        let delete = DeleteGroup { name: self.0.clone() };
        delete.permit(caller)?;
        let limit = facts.group(&self.0)?;
        let is_named = facts.limits.values().any(|limits| limits.group_opens_at.contains_key(&self.0));
        if limit.is_some() || is_named || facts.group_sizes.get(&self.0) != Some(&0) {
            return Err(Refusal::PlanChanged);
        }
        let (events, ()) = delete.carry_out(caller, facts)?;
        Ok((events, Answer::Gone))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::registrar::limits::Limits;
    use crate::registrar::record::CourseId;
    use crate::registrar::records::{Create, FieldValues, Record as _};

    fn name(text: &str) -> GroupName {
        GroupName::from_stored(text.to_owned())
    }

    fn names(names: &[&str]) -> Vec<GroupName> {
        names.iter().map(|text| name(text)).collect()
    }

    fn facts(groups: &[&str]) -> Facts {
        let ana = StudentId(1);
        Facts {
            students: [(ana, Student::empty(ana))].into(),
            groups: names(groups).into_iter().map(|name| (name, None)).collect(),
            group_sizes: names(groups).into_iter().map(|name| (name, 0)).collect(),
            ..Facts::default()
        }
    }

    fn kinds(decision: Decision) -> Result<Vec<String>, Refusal> {
        decision.map(|(events, _)| events.iter().map(|event| event.kind.to_string()).collect())
    }

    #[test]
    fn a_student_changes_groups_at_once_or_not_at_all() {
        let step = |makes: &[&str], joins: &[&str], leaves: &[&str]| GroupedStudent {
            record: StudentRecord::Same(StudentId(1)),
            makes: names(makes),
            joins: names(joins),
            leaves: names(leaves),
        };
        let mut facts = facts(&["Juniors"]);
        let caller = Caller::default();
        let done = kinds(step(&["Seniors"], &["Juniors", "Seniors"], &[]).carry_out(&caller, &mut facts));
        assert_eq!(done.unwrap(), ["group.set", "group.joined", "group.joined"]);
        let done = kinds(step(&["Seniors"], &["Seniors"], &["Juniors"]).carry_out(&caller, &mut facts));
        assert_eq!(done.unwrap(), ["group.left"]);
        let done = kinds(step(&[], &["Honors", "Juniors"], &["Seniors"]).carry_out(&caller, &mut facts));
        assert_eq!(done, Err(Refusal::PlanChanged));
        assert!(facts.is_member(StudentId(1), &name("Seniors")));
        assert_eq!(facts.group_sizes, BTreeMap::from([(name("Juniors"), 0)]));
    }

    #[test]
    fn a_new_student_is_not_added_without_a_group_that_is_gone() {
        let mut facts = facts(&[]);
        let values = [("name", "Ben".to_owned()), ("email", "ben@example.edu".to_owned())];
        let create = Create { values: FieldValues::new(values) };
        let mut step = GroupedStudent {
            record: StudentRecord::Add(create),
            makes: Vec::new(),
            joins: names(&["Seniors"]),
            leaves: Vec::new(),
        };
        let done = kinds(step.carry_out(&Caller::default(), &mut facts));
        assert_eq!((done, facts.students.len()), (Err(Refusal::PlanChanged), 1));
        step.makes = names(&["Seniors"]);
        let done = kinds(step.carry_out(&Caller::default(), &mut facts));
        assert_eq!(done.unwrap(), ["student.created", "group.set", "group.joined"]);
    }

    #[test]
    fn a_group_is_unmade_only_if_nobody_uses_it() {
        let unmade = |facts: &Facts| {
            kinds(UnmakeGroup(name("Seniors")).carry_out(&Caller::default(), &mut facts.clone()))
        };
        let empty = facts(&["Seniors"]);
        assert_eq!(unmade(&empty).unwrap(), ["group.deleted"]);
        let limited = Facts { groups: [(name("Seniors"), Some(3))].into(), ..empty.clone() };
        let group_opens_at = [(name("Seniors"), crate::clock::Stamp::default())].into();
        let opening = Limits { group_opens_at, ..Limits::default() };
        let named = Facts { limits: [(CourseId(1), opening)].into(), ..empty.clone() };
        let mut joined = empty;
        let join = JoinGroup { name: name("Seniors"), student_id: StudentId(1) };
        join.carry_out(&Caller::default(), &mut joined).unwrap();
        for used in [limited, named, joined.clone()] {
            assert_eq!(unmade(&used), Err(Refusal::PlanChanged));
        }
        let leave = LeaveGroup { name: name("Seniors"), student_id: StudentId(1) };
        leave.carry_out(&Caller::default(), &mut joined).unwrap();
        assert_eq!(unmade(&joined).unwrap(), ["group.deleted"]);
        assert_eq!(unmade(&facts(&[])), Err(Refusal::GroupNotFound(name("Seniors"))));
    }
}
