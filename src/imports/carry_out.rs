//! Does what a plan says.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::staging::Shift;
use super::steps::{EnrollmentStep, Obstacle, Pair, Party, Plan, RecordStep};
use super::vanishing::{Gone, PlanRow};
use crate::files::reading::EnrollmentRow;
use crate::registrar::{
    Answer, Caller, CourseId, Create, Enroll, FieldValues, ImportPart, ImportStep, OperationOutcome, Record,
    Refusal, Registrar, StudentId, Update,
};

/// How long a commit should take, since other writes wait for it.
const COMMIT_TIME: Duration = Duration::from_millis(10);
/// The minimum number of steps in a commit, which an import starts with, and the maximum.
const STEPS: RangeInclusive<usize> = 100..=2_000;
/// The time for others between two commits.
const PAUSE: Duration = Duration::from_millis(1);
/// Enrollments are carried out for this many courses at a time. Otherwise each row of a commit could be about another
/// course, and the commit would change as many pages of every index by course as it has rows.
const COURSES_AT_A_TIME: usize = 256;

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    /// Steps that were carried out.
    pub steps: usize,
    /// Steps that would have had another effect by then, and were not carried out: the row and the reason.
    pub changed: Vec<(PlanRow, Obstacle)>,
}

/// A running import: its worker, and the rows to carry out.
#[derive(Clone, Debug)]
pub struct Order {
    shift: Shift,
    /// The numbers of the rows: of courses, students and enrollments, and of vanishing courses, students and pairs.
    /// `None` for a row that is not to be carried out.
    numbers: [Vec<Option<i64>>; 6],
}

impl Order {
    /// An order for the rows of a plan to which `number` gives a number.
    pub fn new(shift: Shift, plan: &Plan, number: impl Fn(usize, PlanRow) -> Option<i64>) -> Self {
        let gone = &plan.vanishing;
        let lengths = [
            plan.courses.len(),
            plan.students.len(),
            plan.enrollments.len(),
            gone.courses.len(),
            gone.students.len(),
            gone.pairs.len(),
        ];
        let mut numbers = lengths.map(|length| vec![None; length]);
        for (place, row) in plan.rows().into_iter().enumerate() {
            let (list, at) = match row {
                PlanRow::Unread(_) => continue,
                PlanRow::Course(at) => (0, at),
                PlanRow::Student(at) => (1, at),
                PlanRow::Enrollment(at) => (2, at),
                PlanRow::Gone(Gone::Course(at)) => (3, at),
                PlanRow::Gone(Gone::Student(at)) => (4, at),
                PlanRow::Gone(Gone::Pair(at)) => (5, at),
            };
            numbers[list][at] = number(place, row);
        }
        Self { shift, numbers }
    }

    /// The number of a row that is to be carried out.
    pub(super) fn number(&self, row: PlanRow) -> Option<i64> {
        match row {
            PlanRow::Unread(_) => None,
            PlanRow::Course(at) => self.numbers[0][at],
            PlanRow::Student(at) => self.numbers[1][at],
            PlanRow::Enrollment(at) => self.numbers[2][at],
            PlanRow::Gone(Gone::Course(at)) => self.numbers[3][at],
            PlanRow::Gone(Gone::Student(at)) => self.numbers[4][at],
            PlanRow::Gone(Gone::Pair(at)) => self.numbers[5][at],
        }
    }
}

impl Plan {
    /// Carries out the plan, in commits of some steps each, so that others can write in between. `progress` is called with
    /// the number of steps that were tried.
    ///
    /// # Errors
    /// When a commit fails; what was committed before stays, and making and carrying out the plan again does the rest.
    pub async fn carry_out(
        &self,
        order: &Order,
        registrar: &Registrar,
        caller: &Caller,
        progress: impl Fn(usize) + Send,
    ) -> Result<Done, Refusal> {
        let mut worker =
            Worker { order, registrar, caller, progress, size: *STEPS.start(), done: Done::default() };
        let added_courses = worker
            .records(PlanRow::Course, &self.courses, ImportStep::AddCourse, ImportStep::ChangeCourse)
            .await?;
        let added_students = worker
            .records(PlanRow::Student, &self.students, ImportStep::AddStudent, ImportStep::ChangeStudent)
            .await?;
        let ids = Added { students: added_students, courses: added_courses };
        worker.run(self.vanishing.steps(), |_, _| {}).await?;
        worker.enrollments(self, &ids).await?;
        worker.done.changed.sort_by_key(|(row, _)| order.number(*row));
        Ok(worker.done)
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
    order: &'a Order,
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
        row: impl Fn(usize) -> PlanRow,
        steps: &[RecordStep<R>],
        add: impl Fn(Create<R>) -> ImportStep,
        change: impl Fn(Update<R>) -> ImportStep,
    ) -> Result<Vec<Option<R::Id>>, Refusal> {
        let step_at = |at: usize| match &steps[at] {
            RecordStep::Add(values) => Some(add(Create { values: values.clone() })),
            RecordStep::Change { id, version, changes } => {
                let values = changes.iter().map(|change| (change.field, change.new.clone()));
                let update =
                    Update { id: *id, values: FieldValues::new(values), expected: Some(vec![*version]) };
                Some(change(update))
            }
            _ => None,
        };
        let mut added = vec![None; steps.len()];
        let is_wanted = |at: &usize| matches!(steps[*at], RecordStep::Add(_) | RecordStep::Change { .. });
        let wanted: Vec<usize> = (0..steps.len()).filter(is_wanted).collect();
        for places in wanted.chunks(*STEPS.end()) {
            let part = places.iter().filter_map(|at| Some((row(*at), step_at(*at)?))).collect();
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
        let is_wanted =
            |step: &EnrollmentStep| matches!(step, EnrollmentStep::Enroll | EnrollmentStep::Wait(_));
        let rows = &plan.reading.enrollments;
        let mut wanted: Vec<usize> = (0..rows.len()).filter(|at| is_wanted(&plan.enrollments[*at])).collect();
        // Stable: within a course the order of the files decides who gets a seat.
        wanted.sort_by_key(|at| rows[*at].course.index() / COURSES_AT_A_TIME);
        for places in wanted.chunks(*STEPS.end()) {
            let mut part = Vec::with_capacity(places.len());
            for &at in places {
                let row = PlanRow::Enrollment(at);
                let Some((student_id, course_id)) = plan.added_pair(&rows[at], added) else {
                    let detail = "The student or the course could not be added.";
                    self.done.changed.push((row, Obstacle::new("plan-changed", detail)));
                    continue;
                };
                let enroll = Enroll { student_id, course_id };
                let has_seat = plan.enrollments[at] == EnrollmentStep::Enroll;
                let step = if has_seat { ImportStep::Enroll(enroll) } else { ImportStep::Wait(enroll) };
                part.push((row, step));
            }
            self.run(part, |_, _| {}).await?;
        }
        Ok(())
    }

    /// Carries out steps, each with its row; calls `answered` with the answers, by the place of the step.
    async fn run(
        &mut self,
        steps: Vec<(PlanRow, ImportStep)>,
        mut answered: impl FnMut(usize, Answer),
    ) -> Result<(), Refusal> {
        let mut ordered = Vec::with_capacity(steps.len());
        for (place, (row, step)) in steps.into_iter().enumerate() {
            match self.order.number(row) {
                Some(number) => ordered.push((place, row, (number, step))),
                None => self.done.changed.push((row, Obstacle::from(&Refusal::PlanChanged))),
            }
        }
        let whole = 0..ordered.len();
        let mut parts = if whole.is_empty() { Vec::new() } else { vec![whole] };
        while let Some(mut part) = parts.pop() {
            if part.len() > self.size {
                let end = part.start + self.size;
                parts.push(end..part.end);
                part.end = end;
            }
            let steps = ordered[part.clone()].iter().map(|(_, _, step)| step.clone()).collect();
            let command = {
                let Shift { import_id, worker } = self.order.shift.clone();
                ImportPart { import_id, worker, undoes: false, steps }
            };
            let began = Instant::now();
            let outcomes = match self.registrar.submit(command, self.caller).await {
                Ok(outcome) => outcome.answer,
                // The table refused one of the rows: find it, so that the others are imported.
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
            for ((place, row, _), outcome) in ordered[part].iter().zip(outcomes) {
                match outcome {
                    OperationOutcome::Done(answer) => {
                        self.done.steps += 1;
                        answered(*place, answer);
                    }
                    OperationOutcome::Refused(refusal) => {
                        self.done.changed.push((*row, Obstacle::from(&refusal)));
                    }
                    OperationOutcome::Withheld => {}
                }
            }
            (self.progress)(self.done.steps + self.done.changed.len());
            // Another program that waits for the lock of the file checks it only now and then.
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// The number of steps in the next commit, after a commit that took this long.
fn next_size(size: usize, took: Duration) -> usize {
    let micros = |time: Duration| usize::try_from(time.as_micros()).unwrap_or(usize::MAX);
    let wanted = size.saturating_mul(micros(COMMIT_TIME)) / micros(took).max(1);
    // Change by a factor of two at most: a single slow commit says little.
    wanted.clamp(size / 2, size * 2).clamp(*STEPS.start(), *STEPS.end())
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
