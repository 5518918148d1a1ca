//! Does what a plan says.

use std::ops::Range;
use std::time::Duration;

use super::steps::{EnrollmentStep, Obstacle, Pair, Party, Plan, RecordStep};
use crate::files::reading::{EnrollmentRow, Origin};
use crate::registrar::{
    Answer, Caller, CourseId, Create, Enroll, FieldValues, ImportPart, ImportStep, OperationOutcome, Record,
    Refusal, Registrar, StudentId, Update,
};

/// Steps in one commit: few enough that other writes need not wait long.
const STEPS_PER_COMMIT: usize = 250;
/// The time for others between two commits.
const PAUSE: Duration = Duration::from_millis(2);

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    /// Steps that were carried out.
    pub steps: usize,
    /// Steps of the plan that would have had another effect by then, and were not carried out: the row, if the step has
    /// one, and why.
    pub changed: Vec<(Option<Origin>, Obstacle)>,
}

impl Plan {
    /// Carries out the plan, in commits of some steps each, so that others can write in between. `progress` is called with
    /// the number of steps that were tried.
    ///
    /// # Errors
    /// When a commit fails; what was committed before stays, and making and carrying out the plan again does the rest.
    pub async fn carry_out(
        &self,
        registrar: &Registrar,
        caller: &Caller,
        progress: impl Fn(usize),
    ) -> Result<Done, Refusal> {
        let mut worker = Worker { registrar, caller, progress, done: Done::default() };
        let added_courses = worker
            .records(self.course_rows(), &self.courses, ImportStep::AddCourse, ImportStep::ChangeCourse)
            .await?;
        let added_students = worker
            .records(self.student_rows(), &self.students, ImportStep::AddStudent, ImportStep::ChangeStudent)
            .await?;
        let ids = Added { students: added_students, courses: added_courses };
        worker.run(self.vanishing.steps(), |_, _| {}).await?;
        worker.enrollments(self, &ids).await?;
        Ok(worker.done)
    }

    fn student_rows(&self) -> impl Iterator<Item = Origin> {
        self.reading.people.iter().map(|row| row.origin)
    }

    fn course_rows(&self) -> impl Iterator<Item = Origin> {
        self.reading.courses.iter().map(|row| row.origin)
    }

    /// The pair of a row, once the records of the files are added; `None` if one of them was not.
    fn added_pair(&self, row: &EnrollmentRow, added: &Added) -> Option<Pair> {
        let student = match &self.students_by_key[row.student.index()] {
            Party::Known(id) => *id,
            Party::New(row) => added.students[*row]?,
            Party::Nobody(_) => return None,
        };
        let course = match &self.courses_by_key[row.course.index()] {
            Party::Known(id) => *id,
            Party::New(row) => added.courses[*row]?,
            Party::Nobody(_) => return None,
        };
        Some((student, course))
    }
}

/// The ids of the added records, by their rows.
struct Added {
    students: Vec<Option<StudentId>>,
    courses: Vec<Option<CourseId>>,
}

struct Worker<'a, P> {
    registrar: &'a Registrar,
    caller: &'a Caller,
    progress: P,
    done: Done,
}

impl<P: Fn(usize)> Worker<'_, P> {
    /// Adds and changes records. Returns the ids of those that were added, by their rows.
    async fn records<R: Record + TryFrom<Answer>>(
        &mut self,
        origins: impl Iterator<Item = Origin>,
        steps: &[RecordStep<R>],
        add: impl Fn(Create<R>) -> ImportStep,
        change: impl Fn(Update<R>) -> ImportStep,
    ) -> Result<Vec<Option<R::Id>>, Refusal> {
        let rows: Vec<Origin> = origins.collect();
        let planned = steps.iter().enumerate().filter_map(|(row, step)| match step {
            RecordStep::Add(values) => Some((Some(rows[row]), row, add(Create { values: values.clone() }))),
            RecordStep::Change { id, version, changes } => {
                let values = changes.iter().map(|change| (change.field, change.new.clone()));
                let update =
                    Update { id: *id, values: FieldValues::new(values), expected: Some(vec![*version]) };
                Some((Some(rows[row]), row, change(update)))
            }
            _ => None,
        });
        let mut added = vec![None; steps.len()];
        let mut planned = planned.peekable();
        while planned.peek().is_some() {
            let (mut part, mut places) = (Vec::new(), Vec::new());
            for (origin, row, step) in planned.by_ref().take(STEPS_PER_COMMIT) {
                part.push((origin, step));
                places.push(row);
            }
            self.run(part, |index, answer| {
                if let Ok(record) = R::try_from(answer) {
                    added[places[index]] = Some(record.id());
                }
            })
            .await?;
        }
        Ok(added)
    }

    /// Enrolls students, or puts them on waitlists.
    async fn enrollments(&mut self, plan: &Plan, added: &Added) -> Result<(), Refusal> {
        let rows = plan.reading.enrollments.iter().zip(&plan.enrollments);
        let is_wanted =
            |step: &EnrollmentStep| matches!(step, EnrollmentStep::Enroll | EnrollmentStep::Wait(_));
        let mut rows = rows.filter(|(_, step)| is_wanted(step)).peekable();
        while rows.peek().is_some() {
            let mut part = Vec::new();
            for (row, step) in rows.by_ref().take(STEPS_PER_COMMIT) {
                let Some((student_id, course_id)) = plan.added_pair(row, added) else {
                    self.done.changed.push((
                        Some(row.origin),
                        Obstacle::new("plan-changed", "The student or the course could not be added."),
                    ));
                    continue;
                };
                let enroll = Enroll { student_id, course_id };
                let has_seat = *step == EnrollmentStep::Enroll;
                let step = if has_seat { ImportStep::Enroll(enroll) } else { ImportStep::Wait(enroll) };
                part.push((Some(row.origin), step));
            }
            self.run(part, |_, _| {}).await?;
        }
        Ok(())
    }

    /// Carries out steps, each with its row; calls `answered` with the answers, by the place of the step.
    async fn run(
        &mut self,
        steps: Vec<(Option<Origin>, ImportStep)>,
        mut answered: impl FnMut(usize, Answer),
    ) -> Result<(), Refusal> {
        let (origins, steps): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
        let mut parts: Vec<Range<usize>> = Vec::new();
        let mut begin = 0;
        while begin < steps.len() {
            let end = steps.len().min(begin + STEPS_PER_COMMIT);
            parts.push(begin..end);
            begin = end;
        }
        parts.reverse();
        while let Some(part) = parts.pop() {
            let command = ImportPart { steps: steps[part.clone()].to_vec() };
            let outcomes = match self.registrar.submit(command, self.caller).await {
                Ok(outcome) => outcome.answer,
                // The table has refused one of the rows: find it, so that it does not stop the others.
                Err(refused) if matches!(refused.answer, Refusal::RowRefused(_)) => {
                    if part.len() > 1 {
                        let middle = part.start + part.len() / 2;
                        parts.extend([middle..part.end, part.start..middle]);
                        continue;
                    }
                    vec![OperationOutcome::Refused(refused.answer)]
                }
                Err(refused) => return Err(refused.answer),
            };
            for (place, outcome) in part.zip(outcomes) {
                match outcome {
                    OperationOutcome::Done(answer) => {
                        self.done.steps += 1;
                        answered(place, answer);
                    }
                    OperationOutcome::Refused(refusal) => {
                        let obstacle = Obstacle::new(refusal.reason(), refusal.to_string());
                        self.done.changed.push((origins[place], obstacle));
                    }
                    OperationOutcome::Withheld => {}
                }
            }
            (self.progress)(self.done.steps + self.done.changed.len());
            // Another program that waits for a file's lock looks only now and then.
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}
