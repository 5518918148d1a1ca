//! All rules of registration, as one pure function: no clock, no database, nothing to wait for.

use super::command::{Answer, Command};
use super::event::Event;
use super::facts::Facts;
use super::record::{Course, CourseId, Enrollment, Student, StudentId, Version};
use super::refusal::Refusal;

/// What a command comes to: what happens, and what the asker is told.
pub type Decision = Result<(Vec<Event>, Answer), Refusal>;

/// Decides one command on the facts. The facts are not changed: [`Facts::apply`] does that, event by event.
///
/// # Errors
/// The reason why not.
pub fn decide(command: &Command, facts: &Facts) -> Decision {
    match command {
        Command::CreateStudent { name, email } => {
            let student = Student {
                id: StudentId(facts.provisional_id()),
                name: Some(name.clone()),
                email: Some(email.clone()),
            };
            Ok((vec![Event::StudentCreated(student.clone())], Answer::Student(student)))
        }
        Command::UpdateStudent { id, name, email, expected } => {
            let before = student(facts, *id)?;
            unless_stale(before, expected.as_deref())?;
            let mut student = before.clone();
            let mut changed = Vec::new();
            change("name", &mut student.name, name.as_ref(), &mut changed);
            change("email", &mut student.email, email.as_ref(), &mut changed);
            let answer = Answer::Student(student.clone());
            Ok((if_any(&changed, || Event::StudentUpdated { student, changed: changed.clone() }), answer))
        }
        Command::DeleteStudent { id, drop, expected } => {
            unless_stale(student(facts, *id)?, expected.as_deref())?;
            delete(facts.enrollments_of_student(*id), *drop, Event::StudentDeleted(*id))
        }
        Command::CreateCourse { name, level } => {
            let course = Course {
                id: CourseId(facts.provisional_id()),
                name: Some(name.clone()),
                level: Some(level.clone()),
            };
            Ok((vec![Event::CourseCreated(course.clone())], Answer::Course(course)))
        }
        Command::UpdateCourse { id, name, level, expected } => {
            let before = course(facts, *id)?;
            unless_stale(before, expected.as_deref())?;
            let mut course = before.clone();
            let mut changed = Vec::new();
            change("name", &mut course.name, name.as_ref(), &mut changed);
            change("level", &mut course.level, level.as_ref(), &mut changed);
            let answer = Answer::Course(course.clone());
            Ok((if_any(&changed, || Event::CourseUpdated { course, changed: changed.clone() }), answer))
        }
        Command::DeleteCourse { id, drop, expected } => {
            unless_stale(course(facts, *id)?, expected.as_deref())?;
            delete(facts.enrollments_of_course(*id), *drop, Event::CourseDeleted(*id))
        }
        Command::Enroll { student_id, course_id } => enroll(*student_id, *course_id, facts),
        Command::Drop { student_id, course_id } => {
            // A row whose student another program deleted can still be dropped.
            let Some(enrollment) = facts.enrollments.get(&(*student_id, *course_id)) else {
                student(facts, *student_id)?;
                return Err(Refusal::EnrollmentNotFound { student_id: *student_id, course_id: *course_id });
            };
            Ok((vec![Event::EnrollmentDropped(enrollment.clone())], Answer::Gone))
        }
    }
}

fn enroll(student_id: StudentId, course_id: CourseId, facts: &Facts) -> Decision {
    student(facts, student_id)?;
    course(facts, course_id)?;
    if let Some(enrollment) = facts.enrollments.get(&(student_id, course_id)) {
        return Err(Refusal::AlreadyEnrolled(enrollment.clone()));
    }
    let enrollment =
        Enrollment { id: facts.next_enrollment_id(), student_id, course_id, enrolled_at: facts.now.clone() };
    Ok((vec![Event::EnrollmentCreated(enrollment.clone())], Answer::Enrollment(enrollment)))
}

fn delete<'a>(enrollments: impl Iterator<Item = &'a Enrollment>, drop: bool, deleted: Event) -> Decision {
    let mut events: Vec<_> = enrollments.cloned().map(Event::EnrollmentDropped).collect();
    if !events.is_empty() && !drop {
        return Err(Refusal::HasEnrollments { enrolled: events.len() });
    }
    events.push(deleted);
    Ok((events, Answer::Gone))
}

fn student(facts: &Facts, id: StudentId) -> Result<&Student, Refusal> {
    facts.students.get(&id).ok_or(Refusal::StudentNotFound(id))
}

fn course(facts: &Facts, id: CourseId) -> Result<&Course, Refusal> {
    facts.courses.get(&id).ok_or(Refusal::CourseNotFound(id))
}

fn unless_stale(record: &impl std::hash::Hash, expected: Option<&[Version]>) -> Result<(), Refusal> {
    let present = Version::of(record);
    match expected {
        Some(versions) if !versions.contains(&present) => Err(Refusal::Stale(present)),
        _ => Ok(()),
    }
}

fn change(
    field: &'static str,
    present: &mut Option<String>,
    new: Option<&String>,
    changed: &mut Vec<&'static str>,
) {
    if let Some(new) = new
        && present.as_ref() != Some(new)
    {
        *present = Some(new.clone());
        changed.push(field);
    }
}

fn if_any(changed: &[&'static str], event: impl FnOnce() -> Event) -> Vec<Event> {
    if changed.is_empty() { Vec::new() } else { vec![event()] }
}
