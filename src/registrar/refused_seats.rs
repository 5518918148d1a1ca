//! Which students were refused a seat by the commands of a batch.

use super::answer::{Answer, OperationOutcome};
use super::commit::{BatchItem, Replies};
use super::refusal::Refusal;
use crate::demand::{NoSeat, RefusedSeat};

/// The students who were refused a seat because of the course.
pub(super) fn refused_seats(items: &[BatchItem<'_>], replies: &Replies) -> impl Iterator<Item = RefusedSeat> {
    items.iter().zip(replies).flat_map(|((command, _), reply)| {
        let (alone, parts) = match &reply.answer {
            Err(refusal) => (Some((0, refusal)), &[][..]),
            Ok(Answer::Batch(parts)) => (None, parts.as_slice()),
            Ok(_) => (None, &[][..]),
        };
        let refused = parts.iter().enumerate().filter_map(|(operation, part)| match part {
            OperationOutcome::Refused(refusal) => Some((operation, refusal)),
            OperationOutcome::Done(_) | OperationOutcome::Withheld => None,
        });
        alone.into_iter().chain(refused).filter_map(|(operation, refusal)| {
            let (course_id, why) = no_seat(refusal)?;
            let (student, wanted) = command.enrolls(operation)?;
            // A swap can also be refused because of the course that it gives up.
            let student_id = student.0;
            (wanted.0 == course_id).then_some(RefusedSeat { student_id, course_id, why })
        })
    })
}

fn no_seat(refusal: &Refusal) -> Option<(i64, NoSeat)> {
    match refusal {
        Refusal::CourseFull { course_id, .. } => Some((course_id.0, NoSeat::Full)),
        Refusal::WaitlistFull { course_id, .. } => Some((course_id.0, NoSeat::WaitlistFull)),
        Refusal::RegistrationNotOpen { course_id, .. } => Some((course_id.0, NoSeat::NotOpen)),
        Refusal::RegistrationClosed { course_id, .. } => Some((course_id.0, NoSeat::Closed)),
        _ => None,
    }
}
