//! Which courses a change is about.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Stamp;
use crate::lists::{CourseFilter, Pattern, Search};
use crate::registration::LiveCourse;

/// The courses that a change is about: those that meet all conditions. Without any, all courses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({"q": "bio", "level": "2", "waiting": true}))]
pub struct CourseChoice {
    /// Words, in any order, each a part of the name, the level or the code; as `q` of the list of courses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Search>, nullable = false)]
    pub q: Option<String>,
    /// The level, exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub level: Option<String>,
    /// Registration is open when the change is planned (`false`: it is not).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub open: Option<bool>,
    /// There are free seats, or no limit, when the change is planned (`false`: there are none).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub free: Option<bool>,
    /// Students wait for a seat when the change is planned (`false`: nobody does).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub waiting: Option<bool>,
    /// The ids of courses, at most 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 1_000)]
    pub ids: Option<BTreeSet<i64>>,
}

impl CourseChoice {
    /// What its words look for; `None` without words.
    #[must_use]
    pub fn pattern(&self) -> Option<Pattern> {
        // A text that cannot be searched for is not stored.
        self.q.as_ref().and_then(|q| q.parse().ok()).as_ref().map(Search::pattern)
    }

    /// Whether it names the course: by its words, its level or its id. That does not change while students enroll.
    #[must_use]
    pub fn names(&self, live: &LiveCourse, pattern: Option<&Pattern>) -> bool {
        pattern.is_none_or(|pattern| pattern.find_in(&live.course).is_some())
            && self.level.as_ref().is_none_or(|level| live.course.level.as_ref() == Some(level))
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&live.course.id.0))
    }

    /// Whether the course, which it names, has such seats and such a window at `now`.
    #[must_use]
    pub fn meets(&self, live: &LiveCourse, now: &Stamp) -> bool {
        let &Self { open, free, waiting, .. } = self;
        live.meets(CourseFilter { open, free, waiting }, now, None)
    }

    /// Whether it is about all courses.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}
