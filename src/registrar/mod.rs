//! The one way to change anything.
//!
//! A [`Command`] waits in the queue; the Registrar takes all that have gathered, loads the [`Facts`] that they [need](Needs),
//! decides each of them, writes the [`Event`]s to the tables and to the log in one transaction, and answers after its
//! commit. While one commit waits for the disk the next batch gathers, so a busy server shares each flush.
//!
//! Each subject has a file: its commands, the facts that they need, their rules and their events.

mod answer;
mod batch;
mod caller;
mod command;
mod commit;
mod course;
mod enrollment;
mod event;
mod facts;
mod fields;
mod housekeeping;
mod key;
mod keys;
mod kinds;
mod lead;
mod needs;
mod queue;
mod readiness;
mod record;
mod refusal;
mod seats;
mod store;
mod stored;
mod student;
mod sweep;
pub(crate) mod sweeper;
mod text;
mod visible;
mod waitlist;

pub use self::answer::{Admission, Answer, Done};
pub use self::batch::{Batch, Operation};
pub use self::caller::{Caller, Outcome, Role};
pub use self::command::Command;
pub use self::commit::{enrollment, limits, no_log_head};
pub use self::course::{CreateCourse, DeleteCourse, SeenCourse, UpdateCourse};
pub use self::enrollment::{DropCourse, Enroll};
pub use self::event::{Change, Event};
pub use self::facts::Facts;
pub use self::key::Key;
pub use self::keys::InUse;
pub use self::kinds::EventKind;
pub use self::lead::lead;
pub use self::needs::Needs;
pub use self::queue::Registrar;
pub use self::readiness::Unready;
pub use self::record::{
    Course, CourseId, Enrollment, EnrollmentId, Limits, MAX_ID, MOST_SEATS, Place, SeatCount, Seats, Student,
    StudentId, Version, Waiting,
};
pub use self::refusal::Refusal;
pub use self::seats::{RemoveSeats, SetSeats};
pub use self::student::{CreateStudent, DeleteStudent, UpdateStudent};
pub use self::sweep::Sweep;
pub use self::text::{MAX_TEXT, text, typed};
pub use self::waitlist::Waitlist;
