//! The students and courses that the keys of the files name.

use std::collections::HashMap;

use super::known::Known;
use super::steps::{Obstacle, Party, RecordStep};
use crate::files::reading::{CourseKey, Found, Reading, StudentKey, Wanted};
use crate::priority::pause_if_due;
use crate::registrar::{Course, Record, Student, StudentId};

/// The student of each key of a reading.
pub(super) fn students(
    reading: &Reading,
    steps: &[RecordStep<Student>],
    known: &Known,
) -> Vec<Party<Student>> {
    let rows: HashMap<_, usize> = reading.people.iter().map(|row| row.reference).zip(0..).collect();
    // Rows may name the same student by number and by address.
    let by_id: HashMap<StudentId, usize> =
        steps.iter().zip(0..).filter_map(|(step, row)| Some((step.id()?, row))).collect();
    let party = |(reference, key): (_, &StudentKey)| {
        pause_if_due();
        let row = match reading.person(reference) {
            Found::Person(person) => rows.get(&person.reference).map(|row| (*row, &steps[*row])),
            Found::Several => return Party::Nobody(shared_address()),
            Found::Nobody => match known.students(key) {
                [student] => by_id.get(&student.id).map(|row| (*row, &steps[*row])),
                _ => None,
            },
        };
        student(row, known.students(key), key)
    };
    reading.students.iter().map(party).collect()
}

/// The course of each key of a reading.
pub(super) fn courses(reading: &Reading, steps: &[RecordStep<Course>], known: &Known) -> Vec<Party<Course>> {
    let rows: HashMap<&str, usize> = reading.courses.iter().map(|row| &*row.code).zip(0..).collect();
    reading.course_keys.iter().map(|(_, key)| course(key, &rows, steps, known)).collect()
}

fn student(
    row: Option<(usize, &RecordStep<Student>)>,
    found: &[Student],
    key: &StudentKey,
) -> Party<Student> {
    let is_address = matches!(key, StudentKey::Email(_));
    match (row, found) {
        (Some((_, step)), [_, ..]) if is_address && is_somebody_else(step, found) => {
            Party::Nobody(shared_address())
        }
        (Some((row, step)), _) => of_row(row, step, "student"),
        (None, [student]) => Party::Known { id: student.id, row: None },
        (None, []) => Party::Nobody(no_such_student(key)),
        (None, _) if is_address => Party::Nobody(shared_address()),
        (None, _) => Party::Nobody(shared_id("students")),
    }
}

/// Whether an address that one student has in the files belongs to other students, too.
fn is_somebody_else(step: &RecordStep<Student>, found: &[Student]) -> bool {
    found.iter().any(|student| Some(student.id) != step.id())
}

fn course(
    key: &CourseKey,
    rows: &HashMap<&str, usize>,
    steps: &[RecordStep<Course>],
    known: &Known,
) -> Party<Course> {
    for code in key.codes() {
        if let Some(row) = rows.get(code.as_str()) {
            return of_row(*row, &steps[*row], "course");
        }
        match known.courses(&code) {
            [] => {}
            [course] => return Party::Known { id: course.id, row: None },
            [_, _, ..] => return Party::Nobody(shared_id("courses")),
        }
    }
    let code = key.codes().next().unwrap_or_default();
    let detail = format!("There is no course with the code {code}, and the files add none.");
    Party::Nobody(Obstacle::new("course-not-found", detail))
}

fn of_row<R: Record>(row: usize, step: &RecordStep<R>, what: &str) -> Party<R> {
    match step {
        RecordStep::Add(_) => Party::New(row),
        RecordStep::Change { id, .. } | RecordStep::Same(id) => Party::Known { id: *id, row: Some(row) },
        RecordStep::LeftOut => Party::Nobody(Obstacle::new(
            if what == "student" { "student-left-out" } else { "course-left-out" },
            format!("The files do not add the {what}, because it is not active."),
        )),
        RecordStep::Remove { .. } => Party::Nobody(Obstacle::new(
            if what == "student" { "student-removed" } else { "course-removed" },
            format!("The files remove the {what}."),
        )),
        RecordStep::Refused(obstacle) => Party::Nobody(Obstacle::new(
            if what == "student" { "student-refused" } else { "course-refused" },
            format!("The row of the {what} is refused: {}", obstacle.detail),
        )),
    }
}

/// Whether the obstacle means that the record does not exist after the import, which is clear.
fn is_absent(obstacle: &Obstacle) -> bool {
    let absent = ["student-left-out", "course-left-out", "student-removed", "course-removed"];
    absent.contains(&obstacle.code)
}

/// Whether it is unclear which student or course of the school a row is about. A student who does not exist takes no
/// course, so dropping them is clear.
pub(super) fn is_unclear(obstacle: &Obstacle, wanted: Wanted) -> bool {
    !is_absent(obstacle) && (wanted == Wanted::Enrolled || !obstacle.code.ends_with("-not-found"))
}

/// Why a row is refused whose student does not exist, and is not added by another row.
pub(super) fn no_such_student(key: &StudentKey) -> Obstacle {
    let name = match key {
        StudentKey::Number(number) => format!("the number {number}"),
        StudentKey::Email(_) => "this address".to_owned(),
    };
    Obstacle::new("student-not-found", format!("There is no student with {name}, and the files add none."))
}

pub(super) fn shared_address() -> Obstacle {
    Obstacle::new(
        "email-not-unique",
        "Several students have this address. Without a column of ids it is not known who is who.",
    )
}

pub(super) fn shared_id(what: &str) -> Obstacle {
    Obstacle::new("id-not-unique", format!("Several {what} of the school have this id."))
}
