//! The format of answers in `idempotency_keys`. Servers of two versions may share a database during an upgrade, so
//! the format has a number. Every change to the output of [`write`], for example to a field of [`Answer`] or
//! [`Refusal`], needs a new number; [`read`] still reads the older ones.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Answer;
use super::refusal::Refusal;

/// The format that this version writes. Format 1 was written without a number.
const FORMAT: i64 = 4;

type AnswerResult = Result<Answer, Refusal>;

#[derive(Serialize)]
struct Stored<T> {
    form: i64,
    outcome: T,
}

#[derive(Deserialize)]
struct Versioned {
    #[serde(default = "unnumbered")]
    form: i64,
    outcome: Option<Value>,
}

fn unnumbered() -> i64 {
    1
}

/// Serializes an answer.
///
/// # Errors
/// When it cannot be written as JSON.
pub(super) fn write(outcome: Option<&AnswerResult>) -> serde_json::Result<String> {
    serde_json::to_string(&Stored { form: FORMAT, outcome })
}

/// Reads a stored answer. Returns [`Refusal::AnswerNotKept`] if it was erased or this version cannot read it: the
/// request was carried out, so it must not be carried out again.
pub(super) fn read(text: &str) -> AnswerResult {
    if text.is_empty() {
        return Err(Refusal::AnswerNotKept);
    }
    let read =
        serde_json::from_str::<Versioned>(text).and_then(|stored| match (stored.form, stored.outcome) {
            (1, None) => serde_json::from_str::<AnswerResult>(text),
            // Since format 3 there are external ids, and refusals of those that are taken; since 4 groups and holds.
            (2 | 3 | FORMAT, Some(outcome)) => serde_json::from_value::<AnswerResult>(outcome),
            (form, _) => Err(serde::de::Error::custom(format!("format {form} is not known"))),
        });
    read.unwrap_or_else(|error| {
        tracing::warn!(%error, "the stored answer to an Idempotency-Key cannot be read");
        Err(Refusal::AnswerNotKept)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stamp;
    use crate::registrar::{
        CourseId, Enrollment, EnrollmentId, Limits, OperationOutcome, Place, Seats, Student, StudentId,
    };

    /// Every format that a database may contain. Add new ones; do not change any.
    #[test]
    fn answers_stored_by_earlier_versions_are_read() {
        let ana = Student {
            id: StudentId(2),
            name: Some("Ana".to_owned()),
            email: Some("ana@example.edu".to_owned()),
            number: None,
        };
        let ana_stored = r#"{"Ok":{"Student":{"id":2,"name":"Ana","email":"ana@example.edu"}}}"#;
        assert_eq!(read(ana_stored), Ok(Answer::Student(ana.clone())));
        let gone = r#"{"Err":{"StudentNotFound":7}}"#;
        assert_eq!(read(gone), Err(Refusal::StudentNotFound(StudentId(7))));
        let second =
            r#"{"form":2,"outcome":{"Ok":{"Student":{"id":2,"name":"Ana","email":"ana@example.edu"}}}}"#;
        assert_eq!(read(second), Ok(Answer::Student(ana.clone())));
        let now = r#"{"form":3,"outcome":{"Ok":{"Student":{"id":2,"name":"Ana","email":"ana@example.edu","number":"0042"}}}}"#;
        assert_eq!(read(now), Ok(Answer::Student(Student { number: Some("0042".to_owned()), ..ana })));
        let without_deadlines = r#"{"form":3,"outcome":{"Ok":{"Seats":{"capacity":30,"waitlist_capacity":0,"opens_at":null,"closes_at":null,"enrolled":2,"waitlisted":1}}}}"#;
        let seats = Seats::new(Limits { capacity: Some(30), ..Limits::default() }, 2, 1);
        assert_eq!(read(without_deadlines), Ok(Answer::Seats(seats)));
    }

    #[test]
    fn answers_are_written_in_the_current_format() {
        let enrollment = Enrollment {
            id: EnrollmentId(1),
            student_id: StudentId(2),
            course_id: CourseId(3),
            enrolled_at: Stamp::from_stored("t".to_owned()),
        };
        let place = Place {
            student_id: StudentId(2),
            course_id: CourseId(3),
            position: 1,
            joined_at: Stamp::from_stored("t".to_owned()),
        };
        let seats = Seats::new(Limits { capacity: Some(30), ..Limits::default() }, 2, 1);
        let outcomes: [AnswerResult; 6] = [
            Ok(Answer::Batch(vec![
                OperationOutcome::Done(Answer::Gone),
                OperationOutcome::Refused(Refusal::CourseNotFound(CourseId(3))),
                OperationOutcome::Withheld,
            ])),
            Ok(Answer::Enrollment(enrollment)),
            Ok(Answer::Waitlisted(place)),
            Ok(Answer::Seats(seats)),
            Err(Refusal::HasEnrollments { enrolled: 1, waitlisted: 2 }),
            Err(Refusal::NumberTaken(StudentId(2))),
        ];
        let written: Vec<_> = outcomes.iter().map(|outcome| write(Some(outcome)).unwrap()).collect();
        let expected = [
            r#"{"form":4,"outcome":{"Ok":{"Batch":[{"Done":"Gone"},{"Refused":{"CourseNotFound":3}},"Withheld"]}}}"#,
            r#"{"form":4,"outcome":{"Ok":{"Enrollment":{"id":1,"student_id":2,"course_id":3,"enrolled_at":"t"}}}}"#,
            r#"{"form":4,"outcome":{"Ok":{"Waitlisted":{"student_id":2,"course_id":3,"position":1,"joined_at":"t"}}}}"#,
            r#"{"form":4,"outcome":{"Ok":{"Seats":{"capacity":30,"waitlist_capacity":0,"opens_at":null,"closes_at":null,"waitlist_closes_at":null,"drop_until":null,"group_opens_at":{},"enrolled":2,"waitlisted":1}}}}"#,
            r#"{"form":4,"outcome":{"Err":{"HasEnrollments":{"enrolled":1,"waitlisted":2}}}}"#,
            r#"{"form":4,"outcome":{"Err":{"NumberTaken":2}}}"#,
        ];
        assert_eq!(written, expected);
        for (text, outcome) in written.iter().zip(outcomes) {
            assert_eq!(read(text), outcome);
        }
    }

    #[test]
    fn an_unreadable_answer_is_reported_as_not_kept() {
        for text in ["", "{", r#"{"Ok":"Unheard"}"#, r#"{"form":5,"outcome":{"Ok":"Gone"}}"#, r#"{"form":2}"#]
        {
            assert_eq!(read(text), Err(Refusal::AnswerNotKept), "{text}");
        }
    }
}
