//! Reads and writes groups, holds, and the rules of the whole school.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::sets;
use crate::clock::Stamp;
use crate::db::{Arg, CountBy, DbError, Insert, Row, Tx, Write};
use crate::registrar::event::Change;
use crate::registrar::facts::Facts;
use crate::registrar::group_name::GroupName;
use crate::registrar::needs::Needs;
use crate::registrar::record::{CourseId, StudentId};
use crate::registrar::standing::{Hold, Rules, Standing};

/// The rules of the whole school, and whether there has ever been a group or a hold.
#[derive(Clone, Debug, Default)]
pub(super) struct StoredRules {
    pub(super) rules: Rules,
    has_groups: bool,
    pub(super) has_holds: bool,
}

impl StoredRules {
    pub(super) const SQL: &str =
        "select course_limit, has_groups, has_holds from matricula_rules where id = 1";

    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let rules = Rules { course_limit: row.opt_int(0)? };
        Ok(Self { rules, has_groups: row.int(1)? != 0, has_holds: row.int(2)? != 0 })
    }

    /// Whether anything depends on who a student is.
    fn distinguish_students(&self) -> bool {
        self.rules.course_limit.is_some() || self.has_groups || self.has_holds
    }
}

/// The members of each group who exist.
const MEMBERS: CountBy = CountBy {
    rows: "matricula_group_students m join students s on s.id = m.student_id",
    key: "m.group_name",
    and: "",
};
/// The courses of each student.
const SEATS: CountBy = CountBy {
    rows: "student_courses sc join courses c on c.id = sc.course_id",
    key: "sc.student_id",
    and: "",
};
/// The places of each student on waitlists.
const PLACES: CountBy =
    CountBy { rows: "waitlist w join courses c on c.id = w.course_id", key: "w.student_id", and: "" };

/// Loads the standing of the students who are asked about, where it matters, and the groups.
pub(super) async fn load_standing(
    tx: &Tx<'_>,
    needs: &Needs,
    stored: &StoredRules,
    facts: &mut Facts,
) -> Result<(), DbError> {
    facts.rules = stored.rules.clone();
    let names: Vec<_> = needs.standing.groups.iter().map(|name| vec![name.as_str().into()]).collect();
    let sql = "select name, course_limit from matricula_groups where name = cast($1 as text)";
    let groups = tx.query_many(sql, &names, |row| Ok((group_name(row)?, row.opt_int(1)?))).await?;
    facts.groups = groups.into_iter().flatten().collect();
    let members_of: Vec<_> = needs.standing.members_of.iter().map(|name| name.as_str().into()).collect();
    let sizes = tx.count_by(&MEMBERS, &members_of).await?;
    facts.group_sizes = needs.standing.members_of.iter().cloned().zip(sizes).collect();
    if !stored.distinguish_students() && !needs.standing.changes {
        return Ok(());
    }
    let students = sets(&needs.standing.students);
    let keys: Vec<_> = needs.standing.students.iter().map(|id| id.0.into()).collect();
    let (groups, holds, seats, places) = tokio::try_join!(
        biased;
        tx.query_many(
            "select g.name, g.course_limit from matricula_group_students m \
             join matricula_groups g on g.name = m.group_name where m.student_id = $1",
            &students,
            |row| Ok((group_name(row)?, row.opt_int(1)?)),
        ),
        tx.query_many(
            "select id, student_id, reason, placed_at from matricula_holds where student_id = $1 order by id",
            &students,
            hold,
        ),
        tx.count_by(&SEATS, &keys),
        tx.count_by(&PLACES, &keys),
    )?;
    let courses = seats.into_iter().zip(places).map(|(seats, places)| seats + places);
    let found = groups.into_iter().zip(holds).zip(courses);
    let standing = |((groups, holds), courses): ((Vec<_>, _), _)| Standing {
        groups: groups.into_iter().collect(),
        holds,
        courses,
    };
    facts.standings = needs.standing.students.iter().copied().zip(found.map(standing)).collect();
    Ok(())
}

/// The courses that open for some group at a time of its own.
pub(super) async fn courses_with_group_openings(tx: &Tx<'_>) -> Result<Vec<CourseId>, DbError> {
    let sql = "select course_id from course_seats where group_opens_at is not null";
    tx.query(sql, &[], |row| Ok(CourseId(row.int(0)?))).await
}

fn group_name(row: &Row<'_>) -> Result<GroupName, DbError> {
    Ok(GroupName::from_stored(row.text(0)?))
}

/// Reads a hold from the columns `id, student_id, reason, placed_at`.
///
/// # Errors
/// When a column has another type.
pub fn hold(row: &Row<'_>) -> Result<Hold, DbError> {
    Ok(Hold {
        id: row.int(0)?,
        student_id: row.int(1)?.into(),
        reason: row.text(2)?,
        placed_at: row.stamp(3)?,
    })
}

/// The groups, holds and rules that a batch writes.
#[derive(Default)]
pub(super) struct StandingEffects<'a> {
    rules: Option<&'a Rules>,
    /// Groups and their limits.
    groups: BTreeMap<&'a GroupName, Option<i64>>,
    deleted_groups: Vec<&'a GroupName>,
    /// Whether each student is in each group from now on.
    members: BTreeMap<(&'a GroupName, StudentId), bool>,
    holds: BTreeMap<i64, &'a Hold>,
    released: Vec<i64>,
    /// Students who got holds or lost them, and those who may have a hold and are on a waitlist from now on.
    pub(super) to_mark: BTreeSet<StudentId>,
    forgotten: Vec<StudentId>,
}

impl<'a> StandingEffects<'a> {
    /// Adds a change of groups, holds or rules; others are none of these effects.
    pub(super) fn add(&mut self, change: &'a Change) {
        match change {
            Change::SetRules(rules) => self.rules = Some(rules),
            Change::SetGroup(group) => {
                self.groups.insert(&group.name, group.course_limit);
            }
            Change::DeleteGroup(name) => {
                self.groups.remove(name);
                self.members.retain(|(group, _), _| *group != name);
                self.deleted_groups.push(name);
            }
            Change::JoinGroup(group, student_id) => {
                self.members.insert((&group.name, *student_id), true);
            }
            Change::LeaveGroup(name, student_id) => {
                self.members.insert((name, *student_id), false);
            }
            Change::AddHold(hold) => {
                self.holds.insert(hold.id, hold);
                self.to_mark.insert(hold.student_id);
            }
            Change::RemoveHold(hold) => {
                if self.holds.remove(&hold.id).is_none() {
                    self.released.push(hold.id);
                }
                self.to_mark.insert(hold.student_id);
            }
            _ => debug_assert!(false, "changes no standing: {change:?}"),
        }
    }

    /// Nothing about the student may remain.
    pub(super) fn forget(&mut self, id: StudentId) {
        self.members.retain(|(_, student_id), _| *student_id != id);
        self.holds.retain(|_, hold| hold.student_id != id);
        self.to_mark.remove(&id);
        self.forgotten.push(id);
    }

    fn is_empty(&self) -> bool {
        self.rules.is_none()
            && self.groups.is_empty()
            && self.deleted_groups.is_empty()
            && self.members.is_empty()
            && self.holds.is_empty()
            && self.released.is_empty()
            && self.to_mark.is_empty()
            && self.forgotten.is_empty()
    }
}

const INTO_HOLDS: Insert =
    Insert { table: "matricula_holds", columns: &["id", "student_id", "reason", "placed_at"] };
const INTO_GROUP_STUDENTS: Insert =
    Insert { table: "matricula_group_students", columns: &["group_name", "student_id"] };

const MARK_ON_HOLD: &str = "update waitlist set on_hold = case when exists \
    (select 1 from matricula_holds h where h.student_id = waitlist.student_id) then 1 else 0 end where student_id = $1";

/// Writes groups, holds and rules, and marks the places on waitlists of students who have holds from now on or none any more.
pub(super) async fn write_standing(tx: &Tx<'_>, effects: &StandingEffects<'_>) -> Result<(), DbError> {
    if effects.is_empty() {
        return Ok(());
    }
    let groups = || effects.groups.iter();
    let named = |name: &GroupName| vec![Arg::from(name.as_str())];
    let pairs = |is_member: bool| -> Vec<Vec<Arg>> {
        let pairs = effects.members.iter().filter(|(_, now)| **now == is_member);
        pairs.map(|((name, student), _)| vec![name.as_str().into(), student.0.into()]).collect()
    };
    let hold = |hold: &&Hold| {
        let placed_at: &Stamp = &hold.placed_at;
        vec![hold.id.into(), hold.student_id.0.into(), hold.reason.as_str().into(), placed_at.into()]
    };
    let leaving = [pairs(true), pairs(false)].concat();
    tx.write_in_order(&[
        Write::Change(
            "update matricula_rules set course_limit = $1 where id = 1",
            effects.rules.iter().map(|rules| vec![rules.course_limit.into()]).collect(),
        ),
        Write::Change(
            "update matricula_rules set has_groups = 1 where id = 1",
            if effects.groups.is_empty() { Vec::new() } else { vec![Vec::new()] },
        ),
        Write::Change(
            "update matricula_rules set has_holds = 1 where id = 1",
            if effects.holds.is_empty() { Vec::new() } else { vec![Vec::new()] },
        ),
        Write::Delete("delete from matricula_group_students where student_id = $1", sets(&effects.forgotten)),
        Write::Delete("delete from matricula_holds where student_id = $1", sets(&effects.forgotten)),
        Write::Delete(
            "delete from matricula_group_students where group_name = cast($1 as text)",
            effects.deleted_groups.iter().map(|name| named(name)).collect(),
        ),
        Write::Delete(
            "delete from matricula_groups where name = cast($1 as text)",
            effects.deleted_groups.iter().map(|name| named(name)).collect(),
        ),
        Write::Change(
            "insert into matricula_groups (name, course_limit) values ($1, $2) \
             on conflict (name) do update set course_limit = excluded.course_limit",
            groups().map(|(name, limit)| vec![name.as_str().into(), (*limit).into()]).collect(),
        ),
        // A member who left and came back in the batch is there already.
        Write::Delete(
            "delete from matricula_group_students where group_name = cast($1 as text) and student_id = $2",
            leaving,
        ),
        Write::Insert(&INTO_GROUP_STUDENTS, pairs(true)),
        Write::Delete("delete from matricula_holds where id = $1", sets(&effects.released)),
        Write::Insert(&INTO_HOLDS, effects.holds.values().map(hold).collect()),
    ])
    .await?;
    tx.change_many(MARK_ON_HOLD, &sets(&effects.to_mark)).await
}
