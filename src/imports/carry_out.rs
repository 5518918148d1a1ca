//! Does what a plan says.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::steps::{EnrollmentStep, Obstacle, Pair, Party, Plan, RecordStep};
use crate::files::reading::{EnrollmentRow, Origin};
use crate::registrar::{
    Answer, Caller, CourseId, Create, DeleteCourse, DeleteStudent, DropCourse, Enroll, FieldValues,
    ImportPart, ImportStep, OperationOutcome, Record, Refusal, Registrar, SeenCourse, StudentId, Update,
    Version,
};

/// How long a commit should take, since other writes wait for it.
const COMMIT_TIME: Duration = Duration::from_millis(10);
/// Steps in a commit: the least, with which the import begins, and the most.
const STEPS: RangeInclusive<usize> = 100..=2_000;
/// The time for others between two commits.
const PAUSE: Duration = Duration::from_millis(1);
/// Enrollments in so many courses are carried out before those in others. Otherwise each row of a commit is about another
/// course, and the commit changes as many pages of every index by course as it has rows.
const COURSES_AT_A_TIME: usize = 256;

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
        let mut worker = Worker { registrar, caller, progress, size: *STEPS.start(), done: Done::default() };
        let added_courses = worker
            .records(self.course_rows(), &self.courses, ImportStep::AddCourse, ImportStep::ChangeCourse)
            .await?;
        let added_students = worker
            .records(self.student_rows(), &self.students, ImportStep::AddStudent, ImportStep::ChangeStudent)
            .await?;
        let ids = Added { students: added_students, courses: added_courses };
        let removed = self.student_rows().zip(&self.students).filter_map(|(origin, step)| match step {
            RecordStep::Remove { id, version, ends } => {
                Some((Some(origin), remove_student(*id, *version, *ends)))
            }
            _ => None,
        });
        worker.run(removed.collect(), |_, _| {}).await?;
        let removed = self.course_rows().zip(&self.courses).filter_map(|(origin, step)| match step {
            RecordStep::Remove { id, version, ends } => {
                Some((Some(origin), remove_course(*id, *version, *ends)))
            }
            _ => None,
        });
        worker.run(removed.collect(), |_, _| {}).await?;
        worker.enrollments(self, &ids, |step| *step == EnrollmentStep::Drop).await?;
        worker
            .enrollments(self, &ids, |step| matches!(step, EnrollmentStep::Enroll | EnrollmentStep::Wait(_)))
            .await?;
        worker.done.changed.sort_by_key(|(origin, _)| *origin);
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
    /// Steps in the next commit.
    size: usize,
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
            for (origin, row, step) in planned.by_ref().take(self.size) {
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

    /// Enrolls or drops those whose steps are wanted.
    async fn enrollments(
        &mut self,
        plan: &Plan,
        added: &Added,
        is_wanted: impl Fn(&EnrollmentStep) -> bool,
    ) -> Result<(), Refusal> {
        let (rows, steps) = (&plan.reading.enrollments, &plan.enrollments);
        let mut order: Vec<usize> = (0..rows.len()).filter(|row| is_wanted(&steps[*row])).collect();
        // Stable: within a course the order of the files decides who gets a seat.
        order.sort_by_key(|row| rows[*row].course.index() / COURSES_AT_A_TIME);
        let mut rows = order.into_iter().map(|row| (&rows[row], &steps[row])).peekable();
        while rows.peek().is_some() {
            let mut part = Vec::new();
            for (row, step) in rows.by_ref().take(self.size) {
                let Some((student_id, course_id)) = plan.added_pair(row, added) else {
                    self.done.changed.push((
                        Some(row.origin),
                        Obstacle::new("plan-changed", "The student or the course could not be added."),
                    ));
                    continue;
                };
                let enroll = Enroll { student_id, course_id };
                part.push((
                    Some(row.origin),
                    match step {
                        EnrollmentStep::Enroll => ImportStep::Enroll(enroll),
                        EnrollmentStep::Wait(_) => ImportStep::Wait(enroll),
                        _ => drop(student_id, course_id),
                    },
                ));
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
        let whole = 0..steps.len();
        let mut parts = vec![whole];
        while let Some(mut part) = parts.pop() {
            if part.len() > self.size {
                let end = part.start + self.size;
                parts.push(end..part.end);
                part.end = end;
            }
            let command = ImportPart { steps: steps[part.clone()].to_vec() };
            let began = Instant::now();
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
            if part.len() == self.size {
                self.size = next_size(self.size, began.elapsed());
            }
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

/// Steps in the next commit, after one that has taken this long.
fn next_size(size: usize, took: Duration) -> usize {
    let micros = |time: Duration| usize::try_from(time.as_micros()).unwrap_or(usize::MAX);
    let wanted = size.saturating_mul(micros(COMMIT_TIME)) / micros(took).max(1);
    // A single slow commit says little.
    wanted.clamp(size / 2, size * 2).clamp(*STEPS.start(), *STEPS.end())
}

fn drop(student_id: StudentId, course_id: CourseId) -> ImportStep {
    ImportStep::Drop(DropCourse { student_id, course_id })
}

fn remove_student(id: StudentId, version: Version, ends: usize) -> ImportStep {
    ImportStep::RemoveStudent(DeleteStudent {
        id,
        drop: true,
        max_dropped: Some(ends),
        expected: Some(vec![version]),
    })
}

fn remove_course(id: CourseId, version: Version, ends: usize) -> ImportStep {
    let seen = SeenCourse { version, seats: None };
    ImportStep::RemoveCourse(DeleteCourse {
        id,
        drop: true,
        max_dropped: Some(ends),
        expected: Some(vec![seen]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_grow_and_shrink_until_they_take_as_long_as_they_should() {
        let after = |size, milliseconds| next_size(size, Duration::from_millis(milliseconds));
        assert_eq!(after(500, 10), 500);
        assert_eq!(after(500, 8), 625);
        assert_eq!(after(500, 1), 1_000);
        assert_eq!(after(1_500, 0), 2_000);
        assert_eq!(after(1_000, 1_000), 500);
        assert_eq!(after(150, 1_000), 100);
    }
}
