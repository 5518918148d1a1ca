//! The pages of a student who has signed in: what they take and wait for, and how they enroll, swap and drop.

pub(super) mod catalogue;
mod confirmation;
pub(super) mod course;
mod drop;
mod enroll;
mod home;
pub(super) mod me;
mod record;
mod swap;

use crate::http::routes::Routes;
use crate::state::AppState;

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    home::routes()
        .merge(enroll::routes())
        .merge(drop::routes())
        .merge(swap::routes())
        .merge(confirmation::routes())
        .merge(record::routes())
}
