//! Refuses new rows that may be about an existing record: an import can add twenty thousand duplicates in a second, and
//! people find them one by one.

use super::fields::RecordFields;
use super::known::{Known, address_of};
use super::steps::Obstacle;
use crate::files::reading::{CourseRow, PersonRow};
use crate::mapping::{COURSE_CODE, STUDENT_NUMBER};
use crate::registrar::{Course, Student};

/// Refuses a new student who may exist already, without the number or address by which the files name students: a
/// person has to decide.
pub(super) fn ensure_new_student(
    row: &PersonRow,
    known: &Known,
    fields: &RecordFields,
) -> Result<(), Obstacle> {
    let email = row.email.as_deref();
    let Some(number) = row.number.as_deref() else {
        fields.ensure_findable("email", "address")?;
        let same_name = known.students_named(&row.name).iter();
        return match same_name.into_iter().find(|student| address_of(student).is_empty()) {
            Some(student) => {
                Err(incomplete("student", &student_named(student), "name", "address", "that of the row"))
            }
            None => Ok(()),
        };
    };
    fields.ensure_findable(STUDENT_NUMBER, "number")?;
    if let Some(student) = known.student_like(number) {
        return Err(looks_the_same(&student_named(student), "number"));
    }
    let same_address = email.map(|email| known.students_at(email)).unwrap_or_default().iter();
    let same_address = same_address.map(|student| (student, "address"));
    // If one side has no address, only the name can be compared.
    let same_name = known.students_named(&row.name).iter();
    let same_name = same_name.filter(|student| email.is_none() || address_of(student).is_empty());
    for (student, by) in same_address.chain(same_name.map(|student| (student, "name"))) {
        match student.number.as_deref() {
            None => return Err(incomplete("student", &student_named(student), by, "number", number)),
            Some(other) if differ_in_zeros(number, other) => {
                return Err(lost_zeros(&format!(
                    "{} has this {by} and the number {other}",
                    student_named(student)
                )));
            }
            Some(_) => {}
        }
    }
    match known.exported_student(number) {
        Some(student) => Err(made_up(&student_named(student), "number", student.number.is_none())),
        None => Ok(()),
    }
}

/// The same for a course, by its name.
pub(super) fn ensure_new_course(
    row: &CourseRow,
    known: &Known,
    fields: &RecordFields,
) -> Result<(), Obstacle> {
    fields.ensure_findable(COURSE_CODE, "code")?;
    if let Some(course) = known.course_like(&row.code) {
        return Err(looks_the_same(&course_named(course), "code"));
    }
    for course in known.courses_named(&row.name) {
        match course.code.as_deref() {
            None => return Err(incomplete("course", &course_named(course), "name", "code", &row.code)),
            Some(other) if differ_in_zeros(&row.code, other) => {
                return Err(lost_zeros(&format!(
                    "{} has this name and the code {other}",
                    course_named(course)
                )));
            }
            Some(_) => {}
        }
    }
    match known.exported_course(&row.code) {
        Some(course) => Err(made_up(&course_named(course), "code", course.code.is_none())),
        None => Ok(()),
    }
}

/// The refusal of a row whose id is made up for a record of this school, whatever that is called now.
fn made_up(record: &str, id: &str, has_none: bool) -> Obstacle {
    let first = if has_none { format!("Add a {id} there, export") } else { "Export".to_owned() };
    let detail = format!(
        "An export of this school made up this {id} for {record}, where there was none. {first} again, and import that file."
    );
    Obstacle::new("id-made-up-here", detail)
}

/// The refusal of a row that may be about this record, which has no id of the kind that the files use.
fn incomplete(what: &'static str, name: &str, by: &str, lacks: &str, value: &str) -> Obstacle {
    let code = match lacks {
        "number" => "student-without-number",
        "address" => "student-without-address",
        _ => "course-without-code",
    };
    let detail = format!(
        "There is a {what} with this {by} and no {lacks}: {name}. If it is the same one, give it the {lacks} ({value}) \
         and import again; if not, add the {what} by hand."
    );
    Obstacle::new(code, detail)
}

/// The name of a student, with the number if there is one.
pub(super) fn student_named(student: &Student) -> String {
    named(student.name.as_deref(), student.number.as_deref(), "a student")
}

/// The name of a course, with the code if there is one.
pub(super) fn course_named(course: &Course) -> String {
    named(course.name.as_deref(), course.code.as_deref(), "a course")
}

fn named(name: Option<&str>, id: Option<&str>, what: &str) -> String {
    match (name.filter(|name| !name.trim().is_empty()), id) {
        (Some(name), Some(id)) => format!("{name} ({id})"),
        (Some(name), None) => name.to_owned(),
        (None, Some(id)) => id.to_owned(),
        (None, None) => format!("{what} without a name"),
    }
}

/// Whether two ids are the same number except for leading zeros.
fn differ_in_zeros(one: &str, two: &str) -> bool {
    let is_number = |id: &str| id.bytes().all(|byte| byte.is_ascii_digit());
    one != two
        && is_number(one)
        && is_number(two)
        && one.trim_start_matches('0') == two.trim_start_matches('0')
}

fn lost_zeros(found: &str) -> Obstacle {
    let detail = format!("{found}: spreadsheets drop leading zeros. Format the column of ids as text.");
    Obstacle::new("id-differs-in-zeros", detail)
}

fn looks_the_same(record: &str, id: &str) -> Obstacle {
    let detail = format!(
        "{record} has a {id} that looks the same, but has other characters: another kind of blank, or an accent apart from \
         its letter."
    );
    Obstacle::new("id-looks-the-same", detail)
}
