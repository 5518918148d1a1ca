//! Does what a plan says.

use super::commits::Commits;
use super::staging::Assignment;
use super::steps::{EnrollmentStep, Obstacle, Pair, Plan, RecordStep};
use super::vanishing::{Gone, PlanRow};
use crate::files::reading::EnrollmentRow;
use crate::registrar::{
    Answer, Caller, CourseId, Create, Enroll, FieldValues, ImportStep, OperationOutcome, Pace, Record,
    Refusal, Registrar, Student, StudentId, StudentRecord, Update,
};

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

/// The rows of a plan that a worker carries out, with their numbers.
#[derive(Clone, Debug)]
pub struct RowNumbers {
    assignment: Assignment,
    /// The numbers of the rows: of courses, students and enrollments, and of vanishing courses, students and pairs.
    /// `None` for a row that is not to be carried out.
    numbers: [Vec<Option<i64>>; 6],
}

impl RowNumbers {
    /// The rows of a plan to which `number` gives a number.
    pub fn new(assignment: Assignment, plan: &Plan, number: impl Fn(usize, PlanRow) -> Option<i64>) -> Self {
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
        Self { assignment, numbers }
    }

    /// Who carries them out.
    pub(super) fn assignment(&self) -> &Assignment {
        &self.assignment
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
        to_do: &RowNumbers,
        registrar: &Registrar,
        caller: &Caller,
        progress: impl Fn(usize) + Send,
    ) -> Result<Done, Refusal> {
        let commits = Commits::new(registrar, caller, &to_do.assignment, false);
        let mut worker = Worker { to_do, commits, progress, done: Done::default() };
        let added_courses = worker
            .records(
                PlanRow::Course,
                &self.courses,
                |_| false,
                |_, step| match step {
                    NewOrChanged::New(create) => Some(ImportStep::AddCourse(create)),
                    NewOrChanged::Changed(update) => Some(ImportStep::ChangeCourse(update)),
                    NewOrChanged::Same(_) => None,
                },
            )
            .await?;
        let is_regrouped = |at| self.groups.changes(at);
        let added_students = worker
            .records(PlanRow::Student, &self.students, is_regrouped, |at, step| self.student(at, step))
            .await?;
        let ids = Added { students: added_students, courses: added_courses };
        worker.run(self.vanishing.steps(self.r#override.as_ref()), |_, _| {}).await?;
        worker.enrollments(self, &ids).await?;
        worker.done.changed.sort_by_key(|(row, _)| to_do.number(*row));
        Ok(worker.done)
    }

    /// What is done of a plan of files with sections that are other courses by now: nothing.
    pub(super) fn outdated(&self, to_do: &RowNumbers) -> Done {
        let obstacle = || {
            let detail = "Since the plan was made, another import has said which courses the sections are.";
            Obstacle::new("plan-changed", detail)
        };
        let is_to_do = |row: &PlanRow| to_do.number(*row).is_some() && self.row(0, *row).is_step();
        let changed = self.rows().into_iter().filter(is_to_do).map(|row| (row, obstacle()));
        Done { steps: 0, changed: changed.collect() }
    }

    /// The step of a student: the record and the groups at once, so that an import that is interrupted has done both or
    /// nothing.
    fn student(&self, at: usize, step: NewOrChanged<Student>) -> Option<ImportStep> {
        if self.groups.changes(at) {
            let record = || match step {
                NewOrChanged::New(create) => StudentRecord::Add(create),
                NewOrChanged::Changed(update) => StudentRecord::Change(update),
                NewOrChanged::Same(id) => StudentRecord::Same(id),
            };
            return self.groups.step(at, record).map(|step| ImportStep::Grouped(Box::new(step)));
        }
        match step {
            NewOrChanged::New(create) => Some(ImportStep::AddStudent(create)),
            NewOrChanged::Changed(update) => Some(ImportStep::ChangeStudent(update)),
            NewOrChanged::Same(_) => None,
        }
    }

    /// The pair of a row, once the records of the files are added; `None` if one of them was not.
    fn added_pair(&self, row: &EnrollmentRow, added: &Added) -> Option<Pair> {
        let student = self.students_by_key[row.student.index()].id_or(Some, |row| added.students[row]);
        let course = self.courses_by_key[row.course.index()].id_or(Some, |row| added.courses[row]);
        student.ok().flatten().zip(course.ok().flatten())
    }
}

/// What happens to a record that stays.
enum NewOrChanged<R: Record> {
    New(Create<R>),
    Changed(Update<R>),
    Same(R::Id),
}

/// The ids of the added records, by their rows.
struct Added {
    students: Vec<Option<StudentId>>,
    courses: Vec<Option<CourseId>>,
}

struct Worker<'a, P> {
    to_do: &'a RowNumbers,
    commits: Commits<'a>,
    progress: P,
    done: Done,
}

impl<P: Fn(usize)> Worker<'_, P> {
    /// Adds and changes records. Returns the ids of those that were added, by their rows.
    async fn records<R: Record + TryFrom<Answer>>(
        &mut self,
        row: impl Fn(usize) -> PlanRow,
        steps: &[RecordStep<R>],
        is_regrouped: impl Fn(usize) -> bool,
        step: impl Fn(usize, NewOrChanged<R>) -> Option<ImportStep>,
    ) -> Result<Vec<Option<R::Id>>, Refusal> {
        let step_at = |at: usize| match &steps[at] {
            RecordStep::Add(values) => step(at, NewOrChanged::New(Create { values: values.clone() })),
            RecordStep::Change { id, version, changes } => {
                let values = changes.iter().map(|change| (change.field, change.new.clone()));
                let update =
                    Update { id: *id, values: FieldValues::new(values), expected: Some(vec![*version]) };
                step(at, NewOrChanged::Changed(update))
            }
            RecordStep::Same(id) => step(at, NewOrChanged::Same(*id)),
            RecordStep::LeftOut | RecordStep::Remove { .. } | RecordStep::Refused(_) => None,
        };
        let mut added = vec![None; steps.len()];
        let is_wanted = |at: &usize| {
            matches!(steps[*at], RecordStep::Add(_) | RecordStep::Change { .. }) || is_regrouped(*at)
        };
        let wanted: Vec<usize> = (0..steps.len()).filter(is_wanted).collect();
        for places in wanted.chunks(Pace::MAX_STEPS) {
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
        let is_wanted = |step: &EnrollmentStep| {
            use EnrollmentStep::{Enroll, EnrollAnyway, Wait};
            matches!(step, Enroll | EnrollAnyway | Wait)
        };
        let rows = &plan.reading.enrollments;
        let mut wanted: Vec<usize> = (0..rows.len()).filter(|at| is_wanted(&plan.enrollments[*at])).collect();
        // Stable: within a course the order of the files decides who gets a seat.
        wanted.sort_by_key(|at| rows[*at].course.index() / COURSES_AT_A_TIME);
        for places in wanted.chunks(Pace::MAX_STEPS) {
            let mut part = Vec::with_capacity(places.len());
            for &at in places {
                let row = PlanRow::Enrollment(at);
                let Some((student_id, course_id)) = plan.added_pair(&rows[at], added) else {
                    let detail = "The student or the course could not be added.";
                    self.done.changed.push((row, Obstacle::new("plan-changed", detail)));
                    continue;
                };
                let by_the_rules = Enroll::new(student_id, course_id);
                let step = match plan.enrollments[at] {
                    EnrollmentStep::Wait => ImportStep::Wait(by_the_rules),
                    EnrollmentStep::EnrollAnyway => {
                        ImportStep::Enroll(Enroll { r#override: plan.r#override.clone(), ..by_the_rules })
                    }
                    _ => ImportStep::Enroll(by_the_rules),
                };
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
        let Self { to_do, commits, progress, done } = self;
        let (mut rows, mut numbered) = (Vec::with_capacity(steps.len()), Vec::with_capacity(steps.len()));
        for (place, (row, step)) in steps.into_iter().enumerate() {
            match to_do.number(row) {
                Some(number) => {
                    rows.push((place, row));
                    numbered.push((number, step));
                }
                None => done.changed.push((row, Obstacle::from(&Refusal::PlanChanged))),
            }
        }
        let outcome = |at: usize, outcome| {
            let (place, row) = rows[at];
            match outcome {
                OperationOutcome::Done(answer) => {
                    done.steps += 1;
                    answered(place, answer);
                }
                OperationOutcome::Refused(refusal) => done.changed.push((row, Obstacle::from(&refusal))),
                OperationOutcome::Withheld => {}
            }
            progress(done.steps + done.changed.len());
        };
        commits.run(&numbered, outcome).await
    }
}
