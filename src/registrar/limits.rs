//! The limits of a course: its seats, its waitlist, and when registration is open.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

use super::group_name::{GroupName, MAX_GROUP_OPENINGS};
use crate::clock::Stamp;

/// The maximum number of seats of a course, and of places on its waitlist.
pub const MAX_SEATS: i64 = 1_000_000;

/// The limits of a course: a row of `course_seats`. By default there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"capacity": 30, "waitlist_capacity": 10, "opens_at": "2026-09-01T08:00:00.000Z", "closes_at": null, "waitlist_closes_at": null, "drop_until": null, "group_opens_at": {}}))]
pub struct Limits {
    /// Seats; null is unlimited.
    #[schema(required, minimum = 0, maximum = 1_000_000)]
    pub capacity: Option<i64>,
    /// Places on the waitlist; 0 is no waitlist.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub waitlist_capacity: i64,
    /// Students enroll and drop from this time on; RFC 3339, UTC, milliseconds.
    #[schema(required)]
    pub opens_at: Option<Stamp>,
    /// Students enroll until this time; RFC 3339, UTC, milliseconds. They also drop until then, unless `drop_until` says
    /// otherwise.
    #[schema(required)]
    pub closes_at: Option<Stamp>,
    /// The waitlist moves up until this time, in place of `closes_at`.
    #[schema(required)]
    pub waitlist_closes_at: Option<Stamp>,
    /// Students drop until this time, in place of `closes_at`. From then on staff needs a reason.
    #[schema(required)]
    pub drop_until: Option<Stamp>,
    /// Groups that enroll from another time on, in place of `opens_at`.
    #[serde(default)]
    #[schema(required, schema_with = times_by_name)]
    pub group_opens_at: BTreeMap<GroupName, Stamp>,
}

/// The schema of an object whose members are times.
pub(super) fn times_by_name() -> RefOr<Schema> {
    let time = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(
            "Groups that enroll from a time of their own on, in place of `opens_at`. A student in several of them enrolls from \
             the earliest of their times on.",
        ))
        .additional_properties(Some(time))
        .into()
}

/// Registration opens at one time for everybody, except for groups that have a time of their own: of several the earliest.
pub fn opening_for<'a>(
    opens_at: Option<&'a Stamp>,
    group_opens_at: &'a BTreeMap<GroupName, Stamp>,
    is_member: impl Fn(&GroupName) -> bool,
) -> Option<&'a Stamp> {
    let own = group_opens_at.iter().filter(|(group, _)| is_member(group)).map(|(_, opens_at)| opens_at);
    own.min().or(opens_at)
}

/// The limits to change; those that are left out stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = SeatsChange, example = json!({"capacity": 35, "closes_at": "2026-09-15T00:00:00Z"}))]
pub struct LimitsChange {
    /// The number of seats; null for no limit.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "named")]
    #[schema(required = false, minimum = 0, maximum = 1_000_000)]
    pub capacity: Option<Option<i64>>,
    /// The number of places on the waitlist; 0 for no waitlist.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 0, maximum = 1_000_000, nullable = false)]
    pub waitlist_capacity: Option<i64>,
    /// When registration opens (RFC 3339); null if it is already open.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "named")]
    #[schema(required = false)]
    pub opens_at: Option<Option<Stamp>>,
    /// When registration closes (RFC 3339); null if it stays open.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "named")]
    #[schema(required = false)]
    pub closes_at: Option<Option<Stamp>>,
    /// Until when the waitlist moves up (RFC 3339); null is as long as registration is open.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "named")]
    #[schema(required = false)]
    pub waitlist_closes_at: Option<Option<Stamp>>,
    /// Until when students drop (RFC 3339); null is as long as registration is open.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "named")]
    #[schema(required = false)]
    pub drop_until: Option<Option<Stamp>>,
    /// Groups that enroll from a time of their own on: their names and times. Groups that are left out stay as they are;
    /// null in place of a time takes it away, and null in place of the object takes all away.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "named")]
    #[schema(required = false, schema_with = group_openings_schema)]
    pub group_opens_at: Option<GroupOpenings>,
}

/// A member that is there, also if it is null.
fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The schema of openings of groups in a change.
#[must_use]
pub fn group_openings_schema() -> RefOr<Schema> {
    let nullable = |kind| SchemaType::Array(vec![kind, Type::Null]);
    let time = ObjectBuilder::new()
        .schema_type(nullable(Type::String))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    ObjectBuilder::new()
        .schema_type(nullable(Type::Object))
        .description(Some(
            "When registration opens for groups, in place of `opens_at`: their names and times, at most 32. In a change, groups \
             that are left out stay as they are; null in place of a time takes it away, and null in place of the object takes \
             all away.",
        ))
        .max_properties(Some(MAX_GROUP_OPENINGS))
        .additional_properties(Some(time))
        .into()
}

/// The openings of groups to change: those that are not named stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum GroupOpenings {
    /// No group has an opening of its own any more.
    None,
    /// These groups get another opening, or none of their own.
    Change(BTreeMap<GroupName, Option<Stamp>>),
}

impl GroupOpenings {
    /// The groups that get an opening.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        let change = match self {
            Self::None => None,
            Self::Change(change) => Some(change),
        };
        change.into_iter().flatten().filter(|(_, opens_at)| opens_at.is_some()).map(|(group, _)| group)
    }

    fn apply(self, mut now: BTreeMap<GroupName, Stamp>) -> BTreeMap<GroupName, Stamp> {
        let Self::Change(change) = self else { return BTreeMap::new() };
        for (group, opens_at) in change {
            match opens_at {
                Some(opens_at) => now.insert(group, opens_at),
                None => now.remove(&group),
            };
        }
        now
    }
}

impl LimitsChange {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The limits after the change.
    #[must_use]
    pub fn apply(&self, now: Limits) -> Limits {
        let Self {
            capacity,
            waitlist_capacity,
            opens_at,
            closes_at,
            waitlist_closes_at,
            drop_until,
            group_opens_at,
        } = self.clone();
        Limits {
            capacity: capacity.unwrap_or(now.capacity),
            waitlist_capacity: waitlist_capacity.unwrap_or(now.waitlist_capacity),
            opens_at: opens_at.unwrap_or(now.opens_at),
            closes_at: closes_at.unwrap_or(now.closes_at),
            waitlist_closes_at: waitlist_closes_at.unwrap_or(now.waitlist_closes_at),
            drop_until: drop_until.unwrap_or(now.drop_until),
            group_opens_at: group_opens_at
                .map_or(now.group_opens_at.clone(), |change| change.apply(now.group_opens_at)),
        }
    }
}

impl Limits {
    /// What is wrong with an end that is not after the opening.
    pub const BEFORE_OPENING: &str = "must be after registration opens";

    /// The ends that are not after the opening, for everybody or for a group, which would leave no time at all.
    #[must_use]
    pub fn before_opening(&self) -> Vec<&'static str> {
        let ends = [
            ("closes_at", &self.closes_at),
            ("waitlist_closes_at", &self.waitlist_closes_at),
            ("drop_until", &self.drop_until),
        ];
        let is_before = |end: &Stamp| {
            self.opens_at.iter().chain(self.group_opens_at.values()).any(|opens_at| end <= opens_at)
        };
        ends.into_iter()
            .filter(|(_, end)| end.as_ref().is_some_and(is_before))
            .map(|(name, _)| name)
            .collect()
    }

    /// When registration opens for a student; `None` if it is open. In a group with a time of its own that time counts, and in
    /// several the earliest.
    pub fn opening_for(&self, is_member: impl Fn(&GroupName) -> bool) -> Option<&Stamp> {
        opening_for(self.opens_at.as_ref(), &self.group_opens_at, is_member)
    }

    /// Whether the waitlist moves up at this time: until `waitlist_closes_at` or, without one, as long as registration has
    /// not closed.
    #[must_use]
    pub fn moves_up(&self, now: &Stamp) -> bool {
        self.waitlist_end().is_none_or(|end| now < end)
    }

    /// When the waitlist stops moving up; `None` is never.
    #[must_use]
    pub fn waitlist_end(&self) -> Option<&Stamp> {
        self.waitlist_closes_at.as_ref().or(self.closes_at.as_ref())
    }
}
