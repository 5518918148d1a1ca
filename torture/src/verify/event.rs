//! The events of the log, as far as a run causes them.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::request;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Created {
        enrollment: u64,
        from_waitlist: bool,
    },
    Dropped {
        enrollment: u64,
    },
    Joined {
        position: u64,
    },
    Left,
    Promoted {
        enrollment: u64,
    },
    Seats {
        capacity: Option<u64>,
        waitlist: u64,
    },
    /// A student or a course of the set-up.
    SetUp,
    Unknown(String),
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) seq: u64,
    pub(crate) kind: Kind,
    /// 0 if the event is about none.
    pub(crate) student: u64,
    pub(crate) course: u64,
    /// The number of the request; `None` for one of the set-up.
    pub(crate) request: Option<u64>,
}

impl Event {
    /// Reads an entry as the API returns it.
    ///
    /// # Errors
    /// If a member is missing.
    pub(crate) fn from_json(entry: &Value) -> Result<Self> {
        let missing = || format!("a member is missing: {entry}");
        let data = &entry["data"];
        let enrollment = || entry["enrollment_id"].as_u64().with_context(missing);
        let kind = match entry["type"].as_str().with_context(missing)? {
            "enrollment.created" => {
                Kind::Created { enrollment: enrollment()?, from_waitlist: data["from_waitlist"] == true }
            }
            "enrollment.dropped" => Kind::Dropped { enrollment: enrollment()? },
            "waitlist.joined" => Kind::Joined { position: data["position"].as_u64().with_context(missing)? },
            "waitlist.left" => Kind::Left,
            "waitlist.promoted" => Kind::Promoted { enrollment: enrollment()? },
            "seats.set" => Kind::Seats {
                capacity: data["capacity"].as_u64(),
                waitlist: data["waitlist_capacity"].as_u64().with_context(missing)?,
            },
            "student.created" | "course.created" => Kind::SetUp,
            other => Kind::Unknown(other.to_owned()),
        };
        Ok(Self {
            seq: entry["seq"].as_u64().with_context(missing)?,
            kind,
            student: entry["student_id"].as_u64().unwrap_or(0),
            course: entry["course_id"].as_u64().unwrap_or(0),
            request: entry["request_id"].as_str().and_then(request::number),
        })
    }
}
