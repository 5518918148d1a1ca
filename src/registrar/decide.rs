//! All rules of registration, as one pure function: no clock, no database, nothing to wait for.

use super::command::{Answer, Command, Done, Operation, Role};
use super::event::{Change, Event};
use super::facts::Facts;
use super::record::{Course, CourseId, EnrollmentId, Student, StudentId, Version};
use super::refusal::Refusal;
use super::seats::{self, Limits};

/// What a command comes to: what happens, and what the asker is told.
pub type Decision = Result<(Vec<Event>, Answer), Refusal>;

/// Decides one command and moves the facts on by what happens, without a copy of them.
///
/// # Errors
/// The reason why not; the facts are then as before.
pub fn carry_out(command: &Command, facts: &mut Facts) -> Decision {
    if let Command::Batch { operations, all } = command {
        return Ok(batch(operations, *all, facts));
    }
    let (events, answer) = decide(command, facts)?;
    for event in &events {
        facts.apply(event);
    }
    Ok((events, answer))
}

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
            unless_read_only(&changed, &facts.read_only.of_students)?;
            let answer = Answer::Student(student.clone());
            Ok((if_any(changed, |changed| Event::StudentUpdated { student, changed }), answer))
        }
        Command::DeleteStudent { id, drop, expected } => {
            unless_stale(student(facts, *id)?, expected.as_deref())?;
            delete_student(*id, *drop, facts)
        }
        Command::CreateCourse { name, level } => {
            let course = Course {
                id: CourseId(facts.provisional_id()),
                name: Some(name.clone()),
                level: Some(level.clone()),
                seats: None,
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
            unless_read_only(&changed, &facts.read_only.of_courses)?;
            let seats = facts.limits.contains_key(id).then(|| facts.seats_of(*id).count());
            let answer = Answer::Course(Course { seats, ..course.clone() });
            Ok((if_any(changed, |changed| Event::CourseUpdated { course, changed }), answer))
        }
        Command::DeleteCourse { id, drop, expected } => {
            unless_stale(course(facts, *id)?, expected.as_deref())?;
            delete_course(*id, *drop, facts)
        }
        Command::Enroll { student_id, course_id } => enroll(*student_id, *course_id, facts),
        Command::Drop { student_id, course_id, role } => leave(*student_id, *course_id, *role, facts),
        Command::SetSeats { course_id, limits, expected } => {
            course(facts, *course_id)?;
            unless_stale(&facts.limits_of(*course_id), expected.as_deref())?;
            set_seats(*course_id, limits, facts)
        }
        Command::RemoveSeats { course_id } => remove_seats(*course_id, facts),
        // Every batch drops what it finds before it decides; this one only says where to look.
        Command::Sweep { .. } => Ok((Vec::new(), Answer::Gone)),
        Command::Batch { operations, all } => Ok(batch(operations, *all, &mut facts.clone())),
    }
}

fn enroll(student_id: StudentId, course_id: CourseId, facts: &Facts) -> Decision {
    student(facts, student_id)?;
    course(facts, course_id)?;
    seats::unless_closed(course_id, facts.limits_of(course_id), &facts.now)?;
    if let Some(enrollment) = facts.enrollments.get(&(student_id, course_id)) {
        return Err(Refusal::AlreadyEnrolled(enrollment.clone()));
    }
    if let Some(place) = facts.place(student_id, course_id) {
        return Err(Refusal::AlreadyWaitlisted(place));
    }
    let event = seats::take(student_id, course_id, facts)?;
    let answer = match &event {
        Event::EnrollmentCreated(enrollment) => Answer::Enrollment(enrollment.clone()),
        _ => Answer::Waitlisted(facts.last_place(student_id, course_id)),
    };
    Ok((vec![event], answer))
}

fn leave(student_id: StudentId, course_id: CourseId, role: Role, facts: &Facts) -> Decision {
    let limits = facts.limits_of(course_id);
    let in_time = || match role {
        Role::Registrar => Ok(()),
        Role::Student => seats::unless_closed(course_id, limits.clone(), &facts.now),
    };
    if let Some(enrollment) = facts.enrollments.get(&(student_id, course_id)) {
        in_time()?;
        let mut events = vec![Event::EnrollmentDropped(enrollment.clone())];
        events.extend(seats::promotions(
            course_id,
            &limits,
            1,
            EnrollmentId(facts.last_enrollment_id),
            facts,
        ));
        return Ok((events, Answer::Gone));
    }
    if let Some(waiting) = facts.waiting(student_id, course_id) {
        in_time()?;
        return Ok((vec![Event::WaitlistLeft(waiting.clone())], Answer::Gone));
    }
    student(facts, student_id)?;
    Err(Refusal::EnrollmentNotFound { student_id, course_id, place: None })
}

/// Nobody is dropped by it, however few seats there are.
fn set_seats(course_id: CourseId, limits: &Limits, facts: &Facts) -> Decision {
    course(facts, course_id)?;
    let mut seats = facts.seats_of(course_id);
    let before = facts.limits.get(&course_id);
    if before == Some(limits) {
        return Ok((Vec::new(), Answer::Seats(seats)));
    }
    let limits = limits.clone();
    let promoted = seats::promotions(course_id, &limits, 0, EnrollmentId(facts.last_enrollment_id), facts);
    let moved = seats::count(promoted.iter());
    seats = seats::Seats::of(limits.clone(), seats.enrolled + moved, seats.waitlisted - moved);
    let set = Event::SeatsSet { course_id, limits, is_first: before.is_none() };
    Ok(([vec![set], promoted].concat(), Answer::Seats(seats)))
}

fn remove_seats(course_id: CourseId, facts: &Facts) -> Decision {
    course(facts, course_id)?;
    if !facts.limits.contains_key(&course_id) {
        return Ok((Vec::new(), Answer::Gone));
    }
    let last_id = EnrollmentId(facts.last_enrollment_id);
    let promoted = seats::promotions(course_id, &Limits::default(), 0, last_id, facts);
    Ok(([vec![Event::SeatsRemoved(course_id)], promoted].concat(), Answer::Gone))
}

fn delete_student(id: StudentId, drop: bool, facts: &Facts) -> Decision {
    let waits: Vec<_> = facts.waits_of(id).cloned().collect();
    let enrollments: Vec<_> = facts.enrollments_of_student(id).cloned().collect();
    unless_in_the_way(drop, enrollments.len(), waits.len())?;
    let mut events: Vec<_> = waits.into_iter().map(Event::WaitlistLeft).collect();
    let mut last_id = EnrollmentId(facts.last_enrollment_id);
    for enrollment in enrollments {
        let course_id = enrollment.course_id;
        let promoted = seats::promotions(course_id, &facts.limits_of(course_id), 1, last_id, facts);
        last_id.0 += seats::count(promoted.iter());
        events.push(Event::EnrollmentDropped(enrollment));
        events.extend(promoted);
    }
    events.push(Event::StudentDeleted(id));
    Ok((events, Answer::Gone))
}

/// Those who wait leave first: nobody moves up into a course that ends.
fn delete_course(id: CourseId, drop: bool, facts: &Facts) -> Decision {
    let waits: Vec<_> = facts.waiting_for(id).cloned().collect();
    let enrollments: Vec<_> = facts.enrollments_of_course(id).cloned().collect();
    unless_in_the_way(drop, enrollments.len(), waits.len())?;
    let mut events: Vec<_> = waits.into_iter().map(Event::WaitlistLeft).collect();
    events.extend(enrollments.into_iter().map(Event::EnrollmentDropped));
    events.extend(facts.limits.contains_key(&id).then_some(Event::SeatsRemoved(id)));
    events.push(Event::CourseDeleted(id));
    Ok((events, Answer::Gone))
}

/// Each operation sees what those before it did. Where all or nothing is wanted, each that is refused says why, and the facts
/// are as before.
fn batch(operations: &[Operation], all: bool, facts: &mut Facts) -> (Vec<Event>, Answer) {
    let last_enrollment_id = facts.last_enrollment_id;
    let mut events = Vec::new();
    let mut done = Vec::with_capacity(operations.len());
    for operation in operations {
        done.push(match carry_out(&Command::from(*operation), facts) {
            Ok((happens, answer)) => {
                events.extend(happens);
                Done::Done(answer)
            }
            Err(refusal) => Done::Refused(refusal),
        });
    }
    if all && done.iter().any(|done| matches!(done, Done::Refused(_))) {
        facts.take_back(&events, last_enrollment_id);
        events.clear();
        done.iter_mut().filter(|done| matches!(done, Done::Done(_))).for_each(|done| *done = Done::Withheld);
    }
    (events, Answer::Batch(done))
}

fn unless_in_the_way(drop: bool, enrolled: usize, waitlisted: usize) -> Result<(), Refusal> {
    if drop || enrolled + waitlisted == 0 {
        Ok(())
    } else {
        Err(Refusal::HasEnrollments { enrolled, waitlisted })
    }
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

fn unless_read_only(changed: &[Change], read_only: &[String]) -> Result<(), Refusal> {
    match changed.iter().find(|(field, _)| read_only.iter().any(|one| one == field)) {
        Some((field, _)) => Err(Refusal::ReadOnlyField((*field).to_owned())),
        None => Ok(()),
    }
}

fn change(
    field: &'static str,
    present: &mut Option<String>,
    new: Option<&String>,
    changed: &mut Vec<Change>,
) {
    if let Some(new) = new
        && present.as_ref() != Some(new)
    {
        *present = Some(new.clone());
        changed.push((field, new.clone()));
    }
}

fn if_any(changed: Vec<Change>, event: impl FnOnce(Vec<Change>) -> Event) -> Vec<Event> {
    if changed.is_empty() { Vec::new() } else { vec![event(changed)] }
}
