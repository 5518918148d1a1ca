//! Instructors: who teaches which course, and thereby sees its roster, its waitlist and its past.

pub mod api;
pub mod store;

use serde::Serialize;
use utoipa::ToSchema;

/// An instructor of a course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"account_id": 58, "name": "Zoë Martin"}))]
pub struct Instructor {
    /// The id of the account.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub account_id: i64,
    /// The name of its owner.
    pub name: String,
    /// Whether the account may sign in, with the role instructor. If not, it sees nothing of the course.
    #[serde(skip)]
    pub is_active: bool,
}
