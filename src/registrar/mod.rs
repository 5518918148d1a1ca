//! All writes.
//!
//! A [`Command`] waits in the queue. The Registrar takes all queued commands, loads the [`Facts`] that they
//! [need](Needs), decides the commands one by one, writes the [`Event`]s to the tables and to the log in one
//! transaction, and answers after the commit. While a commit waits for the disk, the next batch gathers, so on a busy
//! server many commands share one flush.
//!
//! Each subject has a file with its commands, the facts that they need, their rules and their events.

mod access;
mod access_facts;
mod account;
mod answer;
mod batch;
mod caller;
mod carry_out;
mod chore;
mod chores;
mod command;
mod commit;
mod course;
mod course_set;
mod drop;
mod eligibility;
mod enrollment;
mod event;
mod facts;
mod fields;
mod group;
mod group_name;
mod hold;
mod housekeeping;
mod import;
mod import_end;
mod import_groups;
mod instructor;
mod key;
mod keys;
mod kinds;
mod lead;
mod limits;
mod log_position;
mod needs;
mod overrides;
mod pace;
mod queue;
mod read_only;
mod readiness;
mod record;
mod records;
mod refusal;
mod refused_seats;
mod rehearsal;
mod replica;
mod restore;
mod rights;
mod rules;
mod seat_change;
mod seats;
mod sign_on;
mod standing;
mod store;
mod stored;
mod student;
mod swap;
mod sweep;
pub(crate) mod sweeper;
mod tally;
mod unlink;
mod waitlist;

pub use self::access::{
    ChangeAccount, ChangePassword, CreateAccount, CreateLink, CreateToken, RevokeToken, SetPassword,
};
pub use self::account::{
    Account, AccountId, ByGroups, ExternalId, ExternalLink, Link, NoAccount, Token, Ways,
};
pub use self::answer::{Admission, Answer, OperationOutcome};
pub use self::batch::{Batch, Operation};
pub use self::caller::{Actor, Caller, Grants, Identity, Outcome, Proof, Right, Rights, Role};
pub use self::chore::Chore;
pub use self::command::Command;
pub(crate) use self::commit::{OPEN, select_accounts, select_tokens};
pub use self::commit::{
    account, enrollment, group_openings, hold, limits, no_log_head, rights_missing, token,
};
pub use self::course::{CreateCourse, DeleteCourse, SeenCourse, UpdateCourse};
pub use self::course_set::SetCourses;
pub use self::drop::{DropCourse, Held};
pub use self::enrollment::Enroll;
pub use self::event::{Change, Event, NewValue};
pub use self::facts::Facts;
pub use self::group::{DeleteGroup, JoinGroup, LeaveGroup, SetGroup};
pub use self::group_name::{GroupName, MAX_GROUP_NAME, MAX_GROUP_OPENINGS};
pub use self::hold::{PlaceHold, ReleaseHold};
pub use self::import::{ImportPart, ImportStep};
pub use self::import_end::EndImport;
pub use self::import_groups::{GroupedStudent, StudentRecord, UnmakeGroup};
pub use self::instructor::{AssignInstructor, RemoveInstructor};
pub use self::key::IdempotencyKey;
pub use self::keys::KeyGuard;
pub use self::kinds::EventKind;
pub use self::lead::lead;
pub use self::limits::{GroupOpenings, Limits, LimitsChange, MAX_SEATS, group_openings_schema, opening_for};
pub use self::log_position::LogPosition;
pub use self::needs::Needs;
pub use self::overrides::{Override, OverrideReason};
pub use self::pace::Pace;
pub use self::queue::Registrar;
pub use self::read_only::ReadOnlyFields;
pub use self::readiness::Unready;
pub use self::record::{
    Course, CourseId, Ended, Enrollment, EnrollmentId, MAX_ID, Place, SeatCount, Seats, Student, StudentId,
    Version, WaitlistEntry,
};
pub use self::records::{Create, FieldValues, Record, RecordField, TextKind, Update};
pub use self::refusal::Refusal;
pub use self::rehearsal::{Rehearsal, Rehearsed};
pub use self::restore::Restore;
pub use self::rules::SetRules;
pub use self::seat_change::{SeatChangePart, SeatStep};
pub use self::seats::{ChangeSeats, RemoveSeats, SetSeats};
pub use self::sign_on::{SignOn, is_address_of};
pub use self::standing::{Group, Hold, MAX_COURSE_LIMIT, Rules, Standing};
pub use self::student::{CreateStudent, DeleteStudent, UpdateStudent};
pub use self::swap::Swap;
pub use self::sweep::Sweep;
pub use self::tally::{Counted, Tallied, Tally};
pub use self::unlink::UnlinkAccount;
pub use self::waitlist::Waitlist;
pub use crate::text::{
    MAX_REASON, MAX_TEXT, VISIBLE_TEXT, email_address, reason_text, record_text, search_text, visible_text,
};
