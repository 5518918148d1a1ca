//! Every possible small school: three students, two courses, one or two seats, any commands in any order. The model
//! checks its promises at every step.

use std::collections::{HashSet, VecDeque};

use matricula::registrar::{
    CourseId, CreateCourse, CreateStudent, DeleteCourse, DeleteStudent, DropCourse, Enroll, Limits, Override,
    RemoveSeats, SetSeats, StudentId,
};

use crate::school::{Command, Model};

const STUDENTS: i64 = 3;
const COURSES: i64 = 2;

/// Every command about a course and its students.
fn commands() -> Vec<Command> {
    let students = (1..=STUDENTS).map(StudentId);
    let mut commands = Vec::new();
    for course_id in (1..=COURSES).map(CourseId) {
        for student_id in students.clone() {
            commands.push(Command::Enroll(Enroll::new(student_id, course_id)));
            let r#override = Override::new(Some("the dean".to_owned())).ok();
            commands.push(Command::Enroll(Enroll { student_id, course_id, r#override }));
            commands.push(Command::DropAsStudent(DropCourse { student_id, course_id }));
        }
        for (capacity, waitlist_capacity) in [(1, 0), (1, 2), (2, 1)] {
            let limits = Limits { capacity: Some(capacity), waitlist_capacity, ..Limits::default() };
            commands.push(Command::SetSeats(SetSeats { course_id, limits, expected: None }));
        }
        commands.push(Command::RemoveSeats(RemoveSeats { course_id }));
        commands.push(Command::DeleteCourse(DeleteCourse {
            id: course_id,
            drop: true,
            max_dropped: None,
            expected: None,
        }));
    }
    commands.extend(students.map(|id| {
        Command::DeleteStudent(DeleteStudent { id, drop: true, max_dropped: None, expected: None })
    }));
    commands
}

/// A key that is equal for schools that behave the same from then on.
fn state_key(model: &Model) -> String {
    let facts = &model.facts;
    let mut students: Vec<_> = facts.students.keys().map(|id| id.0).collect();
    students.sort_unstable();
    let mut courses: Vec<_> = facts.courses.keys().copied().collect();
    courses.sort_unstable();
    let courses = courses.into_iter().map(|id| {
        let enrolled: Vec<_> = facts.enrollments_of_course(id).map(|row| row.student_id.0).collect();
        let waiting: Vec<_> = facts.waitlist_entries_of_course(id).map(|row| row.student_id.0).collect();
        (id.0, facts.limits_of(id), enrolled, waiting)
    });
    format!("{students:?} {:?}", courses.collect::<Vec<_>>())
}

#[test]
fn every_small_school_keeps_the_promises() {
    let mut first = Model::new();
    for _ in 0..STUDENTS {
        first
            .carry_out(&Command::CreateStudent(CreateStudent::new([
                ("name", "Ana".to_owned()),
                ("email", "a@example.edu".to_owned()),
            ])))
            .unwrap();
    }
    for _ in 0..COURSES {
        first
            .carry_out(&Command::CreateCourse(CreateCourse::new([
                ("name", "Algebra".to_owned()),
                ("level", "one".to_owned()),
            ])))
            .unwrap();
    }
    first.log.clear();
    let commands = commands();
    let mut seen = HashSet::from([state_key(&first)]);
    let mut open = VecDeque::from([first]);
    while let Some(school) = open.pop_front() {
        for command in &commands {
            let mut next = school.clone();
            // The model asserts its promises.
            let _ = next.carry_out(command);
            next.log.clear();
            if seen.insert(state_key(&next)) {
                open.push_back(next);
            }
        }
    }
    assert!(seen.len() > 5_000, "only {} schools were seen", seen.len());
}
