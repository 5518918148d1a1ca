//! The queries of enrollments and rosters.

use serde::Deserialize;
use utoipa::IntoParams;

use super::RosterSort;
use crate::clock::Stamp;
use crate::http::extract::{Parameters, from_text};
use crate::http::paging::PageQuery;
use crate::lists::{Search, Wanted};
use crate::registrar::{Override, OverrideReason};

/// The query of a drop.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct DropQuery {
    /// Staff drops the student after the deadline for drops, for this reason, which is kept in the log.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<OverrideReason>, inline)]
    pub(super) override_reason: Option<Override>,
}

impl Parameters for DropQuery {
    const KNOWN: &'static [&'static str] = &["override_reason"];
}

/// The query of a list: a page, and a time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct AsOfQuery {
    #[serde(flatten)]
    #[param(ignore)]
    pub(super) page: PageQuery,
    /// The state at this time (RFC 3339), which is not in the future, including everything that happened at this time.
    #[serde(deserialize_with = "from_text")]
    pub(super) as_of: Option<Stamp>,
}

impl Parameters for AsOfQuery {
    const KNOWN: &'static [&'static str] = &["limit", "after", "as_of"];
}

/// The query of a roster.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct RosterQuery {
    #[serde(flatten)]
    #[param(ignore)]
    pub(super) page: PageQuery,
    /// The roster at this time (RFC 3339), which is not in the future, including everything that happened at this time.
    #[serde(deserialize_with = "from_text")]
    pub(super) as_of: Option<Stamp>,
    /// Words that a student's name, address or number must have, as in the list of students. A student with exactly this
    /// number or id comes first.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    pub(super) q: Option<Search>,
    /// The sort key. Names are in the order of Unicode's root collation, with numbers in the order of their values; the
    /// student's id breaks ties.
    #[param(inline)]
    pub(super) sort: RosterSort,
}

impl Parameters for RosterQuery {
    const KNOWN: &'static [&'static str] = &["limit", "after", "as_of", "q", "sort"];
}

impl RosterQuery {
    /// The rows that it asks for.
    pub(super) fn wanted(&self) -> Wanted<RosterSort> {
        Wanted { search: self.q.clone(), sort: self.sort, ..Wanted::default() }
    }
}
