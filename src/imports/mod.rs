//! Imports: what files would change, and changing it.
//!
//! A [`Plan`] is made from what [`files::reading`](crate::files::reading) has read and from the database, by the same rules
//! as every other change, and changes nothing. [`Plan::carry_out`] does exactly what it says: a step that would have another
//! effect by then is refused.

mod carry_out;
mod doubles;
mod enrollments;
mod fields;
mod full;
mod guard;
mod known;
mod parties;
mod plan;
mod records;
pub mod report;
mod steps;
mod store;
mod vanishing;
mod warnings;

pub use self::carry_out::Done;
pub use self::plan::{MakeOptions, Mode, NotMade, make};
pub use self::steps::{EnrollmentStep, FieldChange, HeldBack, Obstacle, Pair, Plan, RecordStep};
pub use self::vanishing::{Cause, Vanishing, VanishingPair, VanishingRecord};
