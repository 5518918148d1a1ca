//! Files that are the whole truth: what is there and they do not mention.

use std::collections::HashSet;

use super::known::Pair;
use super::{EnrollmentStep, Plan, RecordStep, store};
use crate::db::{Db, DbError};
use crate::files::reading::{FileKind, Wanted};
use crate::registrar::{CourseId, Record, StudentId, Version};

/// So many may vanish without being alarming.
const FEW: usize = 5;

/// What would vanish. Only records with an id of the outside world do: of the others the files cannot know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vanishing {
    /// Students, with their versions now.
    pub students: Vec<(StudentId, Version)>,
    /// Courses, with their versions now.
    pub courses: Vec<(CourseId, Version)>,
    /// Enrollments of students and courses that stay.
    pub enrollments: Vec<Pair>,
    /// How many would vanish too, if no row were refused: who is on a refused row may be there.
    pub held_back: usize,
    /// Whether one of them is more than a tenth of what there is, and more than five.
    pub is_alarming: bool,
}

impl Vanishing {
    /// How many records and enrollments would vanish.
    #[must_use]
    pub fn len(&self) -> usize {
        self.students.len() + self.courses.len() + self.enrollments.len()
    }

    /// Whether nothing would.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

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
