//! Changes of the seats of many courses at once.
//!
//! A change is planned first: what would become of each course, and nothing changes. Then it is carried out exactly as
//! planned, by the same rules as a change of a single course, and it can be undone.

pub mod api;
mod change;
mod choice;
mod error;
mod json;
mod plan;
mod runner;
mod service;
mod staging;
pub mod store;

pub use self::change::{ChangeStatus, ChangedCourse, CourseCounts, CourseStatus, Reason, SeatChange};
pub use self::choice::CourseChoice;
pub use self::error::SeatChangeError;
pub use self::service::SeatChanges;
