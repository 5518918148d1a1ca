//! Drops the orphaned rows of students and courses that another program has deleted.

use super::caller::{Caller, Right};
use super::command::Command;
use super::event::Event;
use super::facts::Facts;
use super::needs::Needs;
use super::record::{CourseId, StudentId};
use super::refusal::Refusal;

/// Drop orphaned rows. Every batch drops those that it finds; this command only says where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Students that are in the log and have no row.
    pub students: Vec<StudentId>,
    /// Courses that have orphaned rows, or have no row themselves.
    pub courses: Vec<CourseId>,
}

impl Command for Sweep {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.vanished();
        for id in &self.students {
            needs.all_of_student(*id);
        }
        for id in &self.courses {
            needs.seats(*id);
        }
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteEnrollments)
    }

    fn decide(&self, _: &Caller, _: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        Ok((Vec::new(), ()))
    }
}
