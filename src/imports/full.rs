//! Files that are the whole truth: what is there and they do not mention.

use std::collections::HashSet;

use super::steps::{EnrollmentStep, Pair, Plan, RecordStep, Vanishing};
use super::store;
use crate::db::{Db, DbError};
use crate::files::reading::{FileKind, Wanted};
use crate::registrar::{CourseId, Record, StudentId, Version};

/// So many may vanish without being alarming.
const FEW: usize = 5;

impl Vanishing {
    /// Finds what the files of a plan do not mention, of the kinds of which they have a file.
    pub(super) async fn find(plan: &Plan, db: &Db) -> Result<Self, DbError> {
        let has = |kind: FileKind| plan.reading.files.iter().any(|file| file.kind == Some(kind));
        let mut vanishing = Self::default();
        if has(FileKind::People) {
            let all = store::numbered_students(db).await?;
            vanishing.students = unmentioned(&all, &plan.students);
            vanishing.alarm(vanishing.students.len(), all.len());
        }
        if has(FileKind::Courses) {
            let all = store::coded_courses(db).await?;
            vanishing.courses = unmentioned(&all, &plan.courses);
            vanishing.alarm(vanishing.courses.len(), all.len());
        }
        if !plan.reading.enrollments.is_empty() || has(FileKind::Enrollments) {
            let all = store::identified_enrollments(db).await?;
            vanishing.enrollments = vanishing.unwanted(&all, plan);
            vanishing.alarm(vanishing.enrollments.len(), all.len());
        }
        if !plan.reading.refused.is_empty() || plan.obstacles().next().is_some() {
            return Ok(Self { held_back: vanishing.len(), ..Self::default() });
        }
        Ok(vanishing)
    }

    fn alarm(&mut self, gone: usize, all: usize) {
        self.is_alarming |= gone > FEW && gone * 10 > all;
    }

    /// Enrollments that no row wants, of students and courses that stay. A row that is refused says nothing.
    fn unwanted(&self, all: &[Pair], plan: &Plan) -> Vec<Pair> {
        let rows = plan.reading.enrollments.iter().zip(&plan.enrollments);
        let said =
            rows.filter(|(row, step)| row.wanted == Wanted::Enrolled || **step == EnrollmentStep::Drop);
        let said: HashSet<Pair> = said.filter_map(|(row, _)| plan.pair(row).ok()).collect();
        let students: HashSet<StudentId> =
            self.students.iter().map(|(id, _)| *id).chain(removed(&plan.students)).collect();
        let courses: HashSet<CourseId> =
            self.courses.iter().map(|(id, _)| *id).chain(removed(&plan.courses)).collect();
        let stays =
            |pair: &&Pair| !said.contains(*pair) && !students.contains(&pair.0) && !courses.contains(&pair.1);
        all.iter().filter(stays).copied().collect()
    }
}

fn removed<R: Record>(steps: &[RecordStep<R>]) -> impl Iterator<Item = R::Id> {
    steps.iter().filter_map(|step| match step {
        RecordStep::Remove { id, .. } => Some(*id),
        _ => None,
    })
}

/// The records that no row is about.
fn unmentioned<R: Record>(all: &[R], steps: &[RecordStep<R>]) -> Vec<(R::Id, Version)>
where
    R::Id: std::hash::Hash + Eq,
{
    let mentioned: HashSet<R::Id> = steps
        .iter()
        .filter_map(|step| match step {
            RecordStep::Change { id, .. } | RecordStep::Remove { id, .. } | RecordStep::Same(id) => Some(*id),
            RecordStep::Add(_) | RecordStep::LeftOut | RecordStep::Refused(_) => None,
        })
        .collect();
    let gone = all.iter().filter(|record| !mentioned.contains(&record.id()));
    gone.map(|record| (record.id(), Version::from_record(record))).collect()
}
