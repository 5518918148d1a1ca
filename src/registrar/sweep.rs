//! Dropping what students and courses left behind that another program has deleted.

use super::caller::Caller;
use super::command::Command;
use super::event::Event;
use super::facts::Facts;
use super::needs::Needs;
use super::record::{CourseId, StudentId};
use super::refusal::Refusal;

/// Drop what students and courses left behind that another program has deleted. Every batch drops what it finds before it
/// decides; this command only says where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Students whom the log knows and whose rows are gone.
    pub students: Vec<StudentId>,
    /// Courses with something to drop, or that are gone themselves.
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

    fn decide(&self, _: &Caller, _: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        Ok((Vec::new(), ()))
    }
}
