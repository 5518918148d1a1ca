//! Every possible small school: three students, one or two courses, one or two seats, any commands in any order. The model
//! checks its promises at every step.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use matricula::registrar::{
    Batch, CourseId, CreateCourse, CreateStudent, DeleteCourse, DeleteStudent, DropCourse, Ended, Enroll,
    GivesUp, Group, GroupName, JoinGroup, LeaveGroup, Limits, Operation, Override, PlaceHold, RemoveSeats,
    Restore, Rules, SetGroup, SetRules, SetSeats, StudentId, Swap,
};

use crate::school::{Command, FIRST_DAY, Model, ReleaseFirstHold};

const STUDENTS: i64 = 3;

/// Every command about `courses` courses and their students.
fn commands(courses: i64) -> Vec<Command> {
    let students = (1..=STUDENTS).map(StudentId);
    let mut commands = Vec::new();
    for course_id in (1..=courses).map(CourseId) {
        for student_id in students.clone() {
            commands.push(Command::Enroll(Enroll::new(student_id, course_id)));
            let r#override = Override::new(Some("the dean".to_owned())).ok();
            commands.push(Command::Enroll(Enroll { r#override, ..Enroll::new(student_id, course_id) }));
            for gives_up in [None, Some(GivesUp::Seat), Some(GivesUp::Place)] {
                let drop = DropCourse { gives_up, ..DropCourse::new(student_id, course_id) };
                commands.push(Command::DropAsStudent(drop));
            }
        }
        for (capacity, waitlist_capacity) in [(1, 0), (1, 2), (2, 1)] {
            commands.push(set_seats(
                course_id,
                Limits { capacity: Some(capacity), waitlist_capacity, ..Limits::default() },
            ));
        }
        // Its waitlist has ended.
        commands.push(set_seats(
            course_id,
            Limits {
                capacity: Some(1),
                waitlist_capacity: 2,
                waitlist_closes_at: FIRST_DAY.parse().ok(),
                ..Limits::default()
            },
        ));
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

/// Those of the commands about `courses` courses that enroll and drop, and one limit for the first course.
fn few_commands(courses: i64) -> Vec<Command> {
    let enrolls = |command: &Command| matches!(command, Command::Enroll(_) | Command::DropAsStudent(_));
    let mut commands: Vec<_> = commands(courses).into_iter().filter(enrolls).collect();
    let limits = Limits { capacity: Some(1), waitlist_capacity: 2, ..Limits::default() };
    commands.push(set_seats(CourseId(1), limits));
    commands
}

fn set_seats(course_id: CourseId, limits: Limits) -> Command {
    Command::SetSeats(SetSeats { course_id, limits, expected: None })
}

/// Every student gives their seat in one of two courses for one in the other, alone or as an exchange with another student.
fn swaps() -> Vec<Command> {
    let swap = |student: i64, from: i64| {
        let (student_id, from, to) = (StudentId(student), CourseId(from), CourseId(3 - from));
        Operation::Swap(Swap { student_id, from, to })
    };
    let mut commands = Vec::new();
    for (student, from) in (1..=STUDENTS).flat_map(|student| [(student, 1), (student, 2)]) {
        commands.push(all_or_none(vec![swap(student, from)]));
        let others = (1..=STUDENTS).filter(|other| *other != student);
        commands.extend(others.map(|other| all_or_none(vec![swap(student, from), swap(other, 3 - from)])));
    }
    commands
}

fn all_or_none(operations: Vec<Operation>) -> Command {
    Command::Batch(Batch { operations, all_or_nothing: true })
}

/// What was dropped from the only course comes back.
fn restorations() -> impl Iterator<Item = Command> {
    let restore = |student| Restore { student_id: StudentId(student), course_id: CourseId(1) };
    (1..=STUDENTS).map(move |student| Command::Restore(restore(student)))
}

/// Holds on every student, and their release.
fn holds() -> Vec<Command> {
    let place = |student| PlaceHold { student_id: StudentId(student), reason: "fees".to_owned() };
    let students = || 1..=STUDENTS;
    let placed = students().map(|student| Command::PlaceHold(place(student)));
    placed
        .chain(students().map(|student| Command::ReleaseHold(ReleaseFirstHold(StudentId(student)))))
        .collect()
}

/// The whole school, or the group of the seniors, gets a limit of courses.
fn course_limits() -> Vec<Command> {
    let of_school = |course_limit| Command::SetRules(SetRules { rules: Rules { course_limit } });
    let mut commands = vec![of_school(None), of_school(Some(1))];
    commands.extend(seniors(Some(0)));
    commands
}

/// Every student joins and leaves the group of the seniors.
fn seniors(course_limit: Option<i64>) -> Vec<Command> {
    let name: GroupName = "Seniors".parse().unwrap();
    let mut commands =
        vec![Command::SetGroup(SetGroup { group: Group { name: name.clone(), course_limit } })];
    for student_id in (1..=STUDENTS).map(StudentId) {
        commands.push(Command::JoinGroup(JoinGroup { name: name.clone(), student_id }));
        commands.push(Command::LeaveGroup(LeaveGroup { name: name.clone(), student_id }));
    }
    commands
}

/// The only course is open, closed or not open yet, for the seniors alone or for everybody else.
fn group_openings() -> Vec<Command> {
    let (past, future) = ("2026-01-01T08:00:00Z", "2027-01-01T08:00:00Z");
    let windows = [(past, future), (future, past), (future, future)];
    let set = windows.map(|(opens_at, for_seniors)| {
        let opening = ("Seniors".parse().unwrap(), for_seniors.parse().unwrap());
        let limits = Limits {
            capacity: Some(1),
            waitlist_capacity: 1,
            opens_at: opens_at.parse().ok(),
            group_opens_at: [opening].into(),
            ..Limits::default()
        };
        set_seats(CourseId(1), limits)
    });
    [seniors(None), set.to_vec()].concat()
}

/// A key that is equal for schools that behave the same from then on.
fn state_key(model: &Model, has_restorations: bool) -> String {
    let facts = &model.facts;
    let mut students: Vec<_> = facts.students.keys().map(|id| id.0).collect();
    students.sort_unstable();
    let mut courses: Vec<_> = facts.courses.keys().copied().collect();
    courses.sort_unstable();
    let courses = courses.into_iter().map(|id| {
        let enrolled: Vec<_> = facts.enrollments_of_course(id).map(|row| row.student_id.0).collect();
        let mut waiting: BTreeMap<_, _> = facts
            .waitlist_entries_of_course(id)
            .map(|entry| (entry.joined_seq, (entry.student_id.0, true)))
            .collect();
        let mut dropped = BTreeSet::new();
        for ((student, _), ended) in facts.ended.iter().filter(|_| has_restorations) {
            match ended {
                Ended::Seat(_) => {
                    dropped.insert(student.0);
                }
                // Places that were given up count too: they come back in their order.
                Ended::Place(entry) => {
                    waiting.entry(entry.joined_seq).or_insert((student.0, false));
                }
            }
        }
        let waiting: Vec<_> = waiting.into_values().collect();
        (id.0, facts.limits_of(id), enrolled, waiting, dropped)
    });
    let standing = |id: &i64| {
        let standing = &facts.standings[&StudentId(*id)];
        (standing.holds.len(), standing.groups.len())
    };
    let standings: Vec<_> = students.iter().map(standing).collect();
    let rules = (&facts.rules, &facts.groups, standings);
    format!("{students:?} {rules:?} {:?}", courses.collect::<Vec<_>>())
}

/// Follows every command from every school that can be reached; returns how many schools there are. The model asserts
/// its promises.
fn explore(courses: i64, commands: &[Command], has_restorations: bool) -> usize {
    let mut first = Model::new();
    for _ in 0..STUDENTS {
        first
            .carry_out(&Command::CreateStudent(CreateStudent::new([
                ("name", "Ana".to_owned()),
                ("email", "a@example.edu".to_owned()),
            ])))
            .unwrap();
    }
    for _ in 0..courses {
        first
            .carry_out(&Command::CreateCourse(CreateCourse::new([
                ("name", "Algebra".to_owned()),
                ("level", "one".to_owned()),
            ])))
            .unwrap();
    }
    first.log.clear();
    let mut seen = HashSet::from([state_key(&first, has_restorations)]);
    let mut open = VecDeque::from([first]);
    while let Some(school) = open.pop_front() {
        for command in commands {
            // A second hold changes nothing but the number of releases.
            if let Command::PlaceHold(place) = command
                && school
                    .facts
                    .standings
                    .get(&place.student_id)
                    .is_some_and(|standing| !standing.holds.is_empty())
            {
                continue;
            }
            let mut next = school.clone();
            let _ = next.carry_out(command);
            next.log.clear();
            if seen.insert(state_key(&next, has_restorations)) {
                open.push_back(next);
            }
        }
    }
    seen.len()
}

#[test]
fn every_small_school_keeps_the_promises() {
    let schools = explore(2, &[commands(2), swaps()].concat(), false);
    assert!(schools > 5_000, "only {schools} schools were seen");
}

#[test]
fn so_does_every_small_school_in_which_drops_are_restored() {
    let schools = explore(1, &commands(1).into_iter().chain(restorations()).collect::<Vec<_>>(), true);
    assert!(schools > 1_000, "only {schools} schools were seen");
}

#[test]
fn so_does_every_small_school_with_holds() {
    let schools = explore(1, &[commands(1), holds(), restorations().collect()].concat(), true);
    assert!(schools > 5_000, "only {schools} schools were seen");
}

#[test]
fn so_does_every_small_school_with_limits_of_courses() {
    let schools = explore(2, &[few_commands(2), swaps(), course_limits()].concat(), false);
    assert!(schools > 4_000, "only {schools} schools were seen");
}

#[test]
fn so_does_every_small_school_that_opens_at_different_times_for_a_group() {
    let schools = explore(1, &[commands(1), group_openings()].concat(), false);
    assert!(schools > 2_000, "only {schools} schools were seen");
}
