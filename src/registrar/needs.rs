//! Which facts the commands of a batch need.

use std::collections::{BTreeSet, HashSet};

use super::record::{CourseId, StudentId};

/// Which facts the commands of a batch need: everything else stays in the tables.
#[derive(Debug, Default)]
pub struct Needs {
    pub(super) students: HashSet<StudentId>,
    pub(super) courses: HashSet<CourseId>,
    /// Of these it matters what their rows say; in one order, so that two servers cannot wait for each other.
    pub(super) locked_students: BTreeSet<StudentId>,
    pub(super) locked_courses: BTreeSet<CourseId>,
    pub(super) pairs: HashSet<(StudentId, CourseId)>,
    pub(super) all_of_student: HashSet<StudentId>,
    pub(super) all_of_course: HashSet<CourseId>,
    /// Of which limits matter, if there are any.
    pub(super) limits: HashSet<CourseId>,
    /// Of which it matters how full they are, whether or not they have limits.
    pub(super) seats: HashSet<CourseId>,
    /// Whether it is asked who is gone of whom the log does not know it.
    pub(super) vanished: bool,
}

impl Needs {
    /// Whether there is such a student.
    pub fn student(&mut self, id: StudentId) {
        self.students.insert(id);
    }

    /// What the student's row says, which nobody may change until the commit.
    pub fn student_as_it_is(&mut self, id: StudentId) {
        self.locked_students.insert(id);
    }

    /// All enrollments of the student, and for what the student waits.
    pub fn all_of_student(&mut self, id: StudentId) {
        self.students.insert(id);
        self.all_of_student.insert(id);
    }

    /// Whether there is such a course, and what limits it; how full it is, where it has limits.
    pub fn course(&mut self, id: CourseId) {
        self.courses.insert(id);
        self.limits.insert(id);
    }

    /// What the course's row says, which nobody may change until the commit.
    pub fn course_as_it_is(&mut self, id: CourseId) {
        self.limits.insert(id);
        self.locked_courses.insert(id);
    }

    /// All enrollments in the course.
    pub fn all_of_course(&mut self, id: CourseId) {
        self.course(id);
        self.all_of_course.insert(id);
        self.seats.insert(id);
    }

    /// How full the course is, whether or not it has limits.
    pub fn seats(&mut self, id: CourseId) {
        self.course(id);
        self.seats.insert(id);
    }

    /// Whether the student takes the course or waits for it.
    pub fn pair(&mut self, student_id: StudentId, course_id: CourseId) {
        self.student(student_id);
        self.course(course_id);
        self.pairs.insert((student_id, course_id));
    }

    /// Which of the students and courses are gone without a word in the log.
    pub fn vanished(&mut self) {
        self.vanished = true;
    }
}
