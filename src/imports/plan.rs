//! Makes a plan.

use std::collections::HashSet;

use super::enrollments::{Decided, decide};
use super::fields::Fields;
use super::full::{self, Unmentioned};
use super::group_plan::GroupPlan;
use super::known::{Known, ids};
use super::settings::{Mode, Settings};
use super::steps::{HeldBack, Names, Obstacle, Pair, Plan, RecordStep};
use super::vanishing::{Cause, Vanishing, VanishingRecord};
use super::{parties, records, sections, store, warnings};
use crate::clock::Stamp;
use crate::db::{Db, DbError};
use crate::files::reading::{Origin, Reading};
use crate::mapping::SchoolTables;
use crate::registrar::{Caller, Course, CourseId, Record, Student, StudentId};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// The files are refused as a whole; the reading says why.
    #[error("the files are refused")]
    Refused(Box<Reading>),
    /// The database cannot be read.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Makes the plan of a reading. Reads the database, and changes nothing.
///
/// # Errors
/// [`NotMade::Refused`] if the reading is refused, or cannot be the whole truth in [`Mode::Full`].
pub async fn make(
    mut reading: Reading,
    settings: &Settings,
    db: &Db,
    tables: &SchoolTables,
    now: Stamp,
    caller: &Caller,
) -> Result<Plan, NotMade> {
    if settings.mode == Mode::Full && !reading.is_refused() {
        reading.refusal = full::refusal(&reading);
    }
    if reading.is_refused() {
        return Err(NotMade::Refused(Box::new(reading)));
    }
    let fields = Fields::load(db, tables, &reading).await?;
    fields.report(&mut reading);
    let known = Known::load(db, &reading).await?;
    let mut plan = of_records(reading, &known, &fields);
    plan.r#override.clone_from(&settings.r#override);
    plan.groups = GroupPlan::make(&plan.reading, &plan.students, settings.mode, db).await?;
    let unmentioned = match settings.mode {
        Mode::Add => Unmentioned::default(),
        Mode::Full => Unmentioned::find(&plan, db).await?,
    };
    let Unmentioned { students, courses, pairs, held_back } = unmentioned;
    remove_records(&mut plan, &known, students, courses);
    plan.held_back = held_back;
    let Decided { steps, vanishing, promoted, past_deadline, taken } =
        decide(&plan, pairs, db, now, caller).await?;
    plan.enrollments = steps;
    plan.vanishing.pairs = vanishing;
    plan.promoted = promoted;
    plan.new_sections = sections::new(db, &plan.reading.sections).await?;
    plan.held_back.extend(past_deadline_for_drops(past_deadline));
    if !plan.vanishing.is_empty() {
        plan.vanishing.totals = store::totals(db).await?;
    }
    let warnings = warnings::find(&plan, &known, &taken);
    plan.reading.warnings.extend(warnings);
    plan.names = names(&plan, db).await?;
    Ok(plan)
}

/// Enrollments that the files do not mention, but that no rule allows to end.
fn past_deadline_for_drops(count: usize) -> Option<HeldBack> {
    let detail = "The deadline for drops has passed. With an override, they are dropped.";
    let why = Obstacle::new("drop-deadline-passed", detail);
    (count > 0).then_some(HeldBack { kind: "enrollments", count, why })
}

/// A plan with the steps of students and courses, not yet of enrollments.
fn of_records(reading: Reading, known: &Known, fields: &Fields) -> Plan {
    let courses = records::courses(&reading, known, &fields.courses);
    let students = records::students(&reading, known, &fields.students);
    let students_by_key = parties::students(&reading, &students, known);
    let courses_by_key = parties::courses(&reading, &courses, known);
    Plan {
        reading,
        students,
        courses,
        enrollments: Vec::new(),
        groups: GroupPlan::default(),
        vanishing: Vanishing::default(),
        held_back: Vec::new(),
        promoted: Vec::new(),
        new_sections: 0,
        r#override: None,
        names: Names::default(),
        students_by_key,
        courses_by_key,
    }
}

/// Adds the vanishing students and courses to the plan: those that rows delete, and those that are not mentioned.
fn remove_records(plan: &mut Plan, known: &Known, students: Vec<Student>, courses: Vec<Course>) {
    let reading = &plan.reading;
    let of_rows = reading.people.iter().zip(&plan.students).filter_map(|(row, step)| {
        let present = known.students(reading.students.get(row.reference)).first();
        removed(present?, step, row.origin)
    });
    let others = students.into_iter().map(|record| VanishingRecord { record, cause: Cause::NotMentioned });
    plan.vanishing.students = of_rows.chain(others).collect();
    let of_rows = reading.courses.iter().zip(&plan.courses).filter_map(|(row, step)| {
        let present = known.courses(&row.code).first();
        removed(present?, step, row.origin)
    });
    let others = courses.into_iter().map(|record| VanishingRecord { record, cause: Cause::NotMentioned });
    plan.vanishing.courses = of_rows.chain(others).collect();
}

fn removed<R: Record>(present: &R, step: &RecordStep<R>, origin: Origin) -> Option<VanishingRecord<R>> {
    let is_removed = matches!(step, RecordStep::Remove { .. });
    is_removed.then(|| VanishingRecord { record: present.clone(), cause: Cause::Row(origin) })
}

/// The names of the students and courses of all listed pairs.
async fn names(plan: &Plan, db: &Db) -> Result<Names, DbError> {
    let pairs = plan.vanishing.pairs.iter().map(|pair| (pair.student_id, pair.course_id));
    let pairs: Vec<Pair> = pairs.chain(plan.promoted.iter().copied()).collect();
    let students: HashSet<StudentId> = pairs.iter().map(|(student, _)| *student).collect();
    let courses: HashSet<CourseId> = pairs.iter().map(|(_, course)| *course).collect();
    let students = store::students_with_ids(db, &ids(&students)).await?;
    let courses = store::courses_with_ids(db, &ids(&courses)).await?;
    Ok(Names {
        students: students.into_iter().map(|student| (student.id, student)).collect(),
        courses: courses.into_iter().map(|course| (course.id, course)).collect(),
    })
}
