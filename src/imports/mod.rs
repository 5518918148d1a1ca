//! Imports: what files would change, and changing it.
//!
//! A [`Plan`] is made from what [`files::reading`](crate::files::reading) has read and from the database, by the same rules
//! as every other change, and changes nothing. [`Plan::carry_out`] does exactly what it says: a step that would have another
//! effect by then is refused.

pub mod api;
mod carry_out;
mod commits;
mod contents;
mod doubles;
mod enrollments;
mod entries;
mod error;
mod fields;
mod full;
mod group_plan;
mod groups;
mod guard;
mod json;
mod known;
mod parties;
mod plan;
mod records;
mod refused;
pub mod report;
mod resumed;
mod rows;
mod runner;
mod same_rows;
mod sections;
mod service;
mod settings;
pub mod staging;
mod standings;
mod steps;
mod storage;
mod store;
mod summary;
mod undo;
mod vanishing;
mod warnings;

pub use self::carry_out::{Done, RowNumbers};
pub use self::error::ImportError;
pub use self::group_plan::GroupPlan;
pub use self::plan::{NotMade, make};
pub use self::rows::{ImportRow, RowField, RowStatus};
pub use self::sections::known as known_sections;
pub use self::service::Imports;
pub use self::settings::{Mode, Settings};
pub use self::steps::{EnrollmentStep, FieldChange, HeldBack, Obstacle, Pair, Plan, RecordStep};
pub use self::summary::{
    Counts, FileSummary, KeptRecords, Notice, ReadColumn, Summary, UnreadColumn, WhyRefused,
};
pub use self::vanishing::{Cause, Gone, Held, PlanRow, Vanishing, VanishingPair, VanishingRecord};
