//! What a change would mean for each course. Reads the database, and changes nothing.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};

use super::change::{CourseCounts, CourseStatus, Reason};
use super::choice::CourseChoice;
use super::store;
use crate::clock::Stamp;
use crate::count::to_i64;
use crate::db::DbError;
use crate::registrar::{CourseId, Limits, LimitsChange, MAX_GROUP_OPENINGS, Refusal};
use crate::registration::{Board, LiveCourse};
use crate::text::collation;
use crate::viewer::Viewer;

/// What a change would mean for each of its courses, in the order in which they are shown: those that are refused, those
/// that change, those that are so already, each by their names.
#[derive(Debug)]
pub(super) struct Plan {
    /// See [`School::named`].
    pub(super) named: String,
    pub(super) courses: Vec<PlannedCourse>,
}

/// What a change would mean for a course.
#[derive(Debug)]
pub(super) struct PlannedCourse {
    pub(super) course_id: CourseId,
    pub(super) status: CourseStatus,
    /// `None` if it has none.
    pub(super) before: Option<Limits>,
    pub(super) after: Limits,
    pub(super) enrolled: i64,
    pub(super) moves_up: i64,
    pub(super) why: Option<Reason>,
}

impl Plan {
    pub(super) fn counts(&self) -> CourseCounts {
        let of = |status| to_i64(self.courses.iter().filter(|course| course.status == status).count());
        CourseCounts {
            changed: of(CourseStatus::Planned),
            unchanged: of(CourseStatus::Unchanged),
            refused: of(CourseStatus::Refused),
        }
    }

    pub(super) fn moves_up(&self) -> i64 {
        self.courses.iter().map(|course| course.moves_up).sum()
    }
}

/// The present courses that a choice names, and the limits of all courses.
pub(super) struct School {
    courses: Vec<LiveCourse>,
    /// Ids in the choice that no course has.
    missing: Vec<i64>,
    limits: HashMap<CourseId, Limits>,
}

impl School {
    pub(super) async fn load(viewer: &Viewer, board: &Board, choice: &CourseChoice) -> Result<Self, DbError> {
        let pattern = choice.pattern();
        let all = board.present_courses(viewer).await?;
        let named = all.iter().filter(|live| choice.names(live, pattern.as_ref()));
        let mut missing = choice.ids.clone().unwrap_or_default();
        all.iter().for_each(|live| _ = missing.remove(&live.course.id.0));
        Ok(Self {
            courses: named.cloned().collect(),
            missing: missing.into_iter().collect(),
            limits: store::limits_of_all(viewer).await?,
        })
    }

    /// A digest of the courses that the choice names, whatever their seats are.
    pub(super) fn named(&self) -> String {
        let ids: BTreeSet<i64> = self.courses.iter().map(|live| live.course.id.0).collect();
        let mut hasher = Sha256::new();
        for id in ids {
            hasher.update(id.to_be_bytes());
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    }

    /// Whether a course still has the limits from before; so has one that was not there.
    pub(super) fn has_still(&self, id: CourseId, before: Option<&Limits>) -> bool {
        self.limits.get(&id) == before
    }

    /// What a change would mean.
    pub(super) async fn plan(
        self,
        viewer: &Viewer,
        choice: &CourseChoice,
        change: &LimitsChange,
        now: &Stamp,
    ) -> Result<Plan, DbError> {
        let waiting = store::next_in_line(viewer).await?;
        let chosen = self.courses.iter().filter(|live| choice.meets(live, now));
        let planned = |live: &LiveCourse| {
            let id = live.course.id;
            let (before, waiting) = (self.limits.get(&id).cloned(), waiting.get(&id).copied());
            planned(live, before, waiting.unwrap_or_default(), change, now)
        };
        let mut courses: Vec<_> = chosen.map(|live| (name_key(live), planned(live))).collect();
        courses.extend(self.missing.iter().map(|id| (None, absent(*id))));
        let order = |status| CourseStatus::ALL.iter().position(|one| *one == status);
        courses.sort_by(|(one_name, one), (other_name, other)| {
            let [one, other] = [(one, one_name), (other, other_name)]
                .map(|(course, name)| (order(course.status), name, course.course_id));
            one.cmp(&other)
        });
        let courses = courses.into_iter().map(|(_, course)| course).collect();
        Ok(Plan { named: self.named(), courses })
    }
}

fn name_key(live: &LiveCourse) -> Option<(Vec<u8>, String)> {
    live.course.name.as_deref().map(collation::key)
}

fn planned(
    live: &LiveCourse,
    before: Option<Limits>,
    waiting: i64,
    change: &LimitsChange,
    now: &Stamp,
) -> PlannedCourse {
    let present = before.clone().unwrap_or_default();
    let after = change.apply(present.clone());
    let (enrolled, _) = live.wanted_by();
    let why = fault(&after);
    let status = match &why {
        _ if after == present => CourseStatus::Unchanged,
        Some(_) => CourseStatus::Refused,
        None => CourseStatus::Planned,
    };
    let free = after.capacity.map_or(i64::MAX, |capacity| (capacity - enrolled).max(0));
    let moves_up = if status == CourseStatus::Planned && after.moves_up(now) { waiting.min(free) } else { 0 };
    let why = why.filter(|_| status == CourseStatus::Refused);
    PlannedCourse { course_id: live.course.id, status, before, after, enrolled, moves_up, why }
}

/// A course that was named by its id and is not there.
fn absent(id: i64) -> PlannedCourse {
    PlannedCourse {
        course_id: CourseId(id),
        status: CourseStatus::Refused,
        before: None,
        after: Limits::default(),
        enrolled: 0,
        moves_up: 0,
        why: Some(Reason::new("course-not-found", "There is no such course.")),
    }
}

/// What is wrong with limits that leave no time to enroll, to move up or to drop.
/// Why a course cannot have these limits.
fn fault(limits: &Limits) -> Option<Reason> {
    if limits.group_opens_at.len() > MAX_GROUP_OPENINGS {
        return Some(Reason::new("too-many-groups", Refusal::TooManyGroupOpenings.to_string()));
    }
    let sentence = |field: &str| match field {
        "closes_at" => "Registration would close before it opens.",
        "waitlist_closes_at" => "The waitlist would stop moving up before registration opens.",
        _ => "The deadline for drops would be before registration opens.",
    };
    let wrong: Vec<_> = limits.before_opening().into_iter().map(sentence).collect();
    (!wrong.is_empty()).then(|| Reason::new("ends-before-opening", wrong.join(" ")))
}
