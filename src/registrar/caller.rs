//! The caller of a command, what the caller may do, and the answer to it.

use std::fmt;
use std::sync::Arc;

use super::answer::Answer;
use super::key::IdempotencyKey;
use super::log_position::LogPosition;
use super::record::StudentId;
use super::refusal::Refusal;
pub use super::rights::{Right, Rights, Role};
use crate::clock::Stamp;
use crate::traces::Trace;

/// The caller of a command: created where a request arrives, then passed along.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is, for the log.
    pub actor: Actor,
    /// What the caller may do.
    pub grants: Grants,
    /// How that was found out.
    pub proof: Proof,
    /// The id of the request, for the log.
    pub request_id: Option<Arc<str>>,
    /// The key under which to store the answer, for retries.
    pub key: Option<IdempotencyKey>,
    /// Where to note how far the log reaches after the command.
    pub log_position: Option<LogPosition>,
    /// The trace of the request, if traces are sent.
    pub trace: Option<Trace>,
}

/// Who asks. The log has it as text, like `token:3`: never a name or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Anybody, while the school is open.
    Anonymous,
    /// A person who has signed in.
    Account(i64),
    /// A program with a token.
    Token(i64),
    /// A command of the command line.
    Cli,
    /// Somebody whom a provider of single sign-on or a trusted proxy vouches for, before their account is known.
    SignOn,
    /// The command that adds a sample school.
    Sample,
    /// Another program that has changed the tables directly.
    Database,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Account(id) => write!(f, "account:{id}"),
            Self::Token(id) => write!(f, "token:{id}"),
            Self::Cli => f.write_str("cli"),
            Self::SignOn => f.write_str("sign-on"),
            Self::Sample => f.write_str("sample"),
            Self::Database => f.write_str("database"),
        }
    }
}

impl Actor {
    /// The actor in an entry of the log; `None` for one that a newer version wrote.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("account", id)) => id.parse().ok().map(Self::Account),
            Some(("token", id)) => id.parse().ok().map(Self::Token),
            Some(_) => None,
            None => [Self::Anonymous, Self::Cli, Self::SignOn, Self::Sample, Self::Database]
                .into_iter()
                .find(|actor| actor.to_string() == text),
        }
    }
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grants {
    /// The rights.
    pub rights: Rights,
    /// The student who the caller is.
    pub student: Option<StudentId>,
}

impl Grants {
    /// Everything: for the program itself, and for everybody while the school is open.
    pub const ALL: Self = Self { rights: Rights::ALL, student: None };
    /// Nothing.
    pub const NONE: Self = Self { rights: Rights::NONE, student: None };

    /// Whether the caller has the right.
    #[must_use]
    pub fn has(&self, right: Right) -> bool {
        self.rights.has(right)
    }

    /// Whether the caller may read this student's record, courses and history.
    #[must_use]
    pub fn sees_student(&self, id: StudentId) -> bool {
        self.has(Right::ReadStudents) || self.is_own(Right::ReadOwnRecord, id)
    }

    fn is_own(&self, right: Right, id: StudentId) -> bool {
        self.has(right) && self.student == Some(id)
    }
}

/// Who asks, as far as it is known before the request is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who it is.
    pub actor: Actor,
    /// The role; `None` for everybody while the school is open, and for somebody who has not signed in.
    pub role: Option<Role>,
    /// What they may do.
    pub grants: Grants,
    /// How that was found out.
    pub proof: Proof,
}

/// How it was found out what a caller may do, so that a commit can see whether that still holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The number of changes of rights that had been made; 0 for the program itself, whose rights do not change.
    pub version: i64,
    /// When the token or the session ends.
    pub expires_at: Option<Stamp>,
    /// The hash of the secret of the token or the session.
    pub key: Option<[u8; 32]>,
}

impl Proof {
    /// The hash of the session's secret in hexadecimal, as it is stored.
    #[must_use]
    pub fn session(&self) -> Option<String> {
        let digits = self.key?.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>();
        Some(digits.concat())
    }
}

impl Identity {
    /// Somebody who has not signed in.
    pub const NOBODY: Self = Self {
        actor: Actor::Anonymous,
        role: None,
        grants: Grants::NONE,
        proof: Proof { version: 0, expires_at: None, key: None },
    };

    /// Anybody, while the school is open.
    #[must_use]
    pub fn everybody(version: i64) -> Self {
        let proof = Proof { version, ..Proof::default() };
        Self { grants: Grants::ALL, proof, ..Self::NOBODY }
    }

    /// Whether it is somebody who has not signed in.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.actor == Actor::Anonymous && self.grants == Grants::NONE
    }

    /// Whether it is anybody, while the school is open.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        self.actor == Actor::Anonymous && self.grants == Grants::ALL
    }
}

impl Default for Caller {
    fn default() -> Self {
        Self {
            actor: Actor::Anonymous,
            grants: Grants::ALL,
            proof: Proof::default(),
            request_id: None,
            key: None,
            log_position: None,
            trace: None,
        }
    }
}

impl Caller {
    /// The program itself, or another program on its behalf.
    #[must_use]
    pub fn program(actor: Actor) -> Self {
        Self { actor, ..Self::default() }
    }

    /// The caller who began work that another server finishes, with the rights of that time; each commit checks whether the
    /// caller still has them. `actor` and `rights` are as they were stored.
    #[must_use]
    pub fn resumed(actor: &str, rights: &str) -> Self {
        match Actor::from_stored(actor) {
            Some(actor @ (Actor::Account(_) | Actor::Token(_) | Actor::Anonymous)) => {
                let grants = Grants { rights: Rights::from_stored(rights), student: None };
                // A number of changes of rights that there never is: what somebody could do then says nothing about now.
                let proof = Proof { version: -1, ..Proof::default() };
                Self { actor, grants, proof, ..Self::default() }
            }
            Some(actor) => Self::program(actor),
            None => Self { grants: Grants::NONE, ..Self::program(Actor::Anonymous) },
        }
    }

    /// Notes where the log ended after the command, unless it could not be tried.
    pub(super) fn note_log_position(&self, answer: &Result<Answer, Refusal>, last_seq: i64) {
        if let Some(position) =
            self.log_position.as_ref().filter(|_| !matches!(answer, Err(Refusal::Engine(_))))
        {
            position.record(last_seq);
        }
    }

    /// Refuses a caller without the right.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub fn ensure(&self, right: Right) -> Result<(), Refusal> {
        if self.grants.has(right) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// Refuses a caller who may not enroll this student and drop the student's courses. Whether there are other
    /// students is no business of a student.
    ///
    /// # Errors
    /// [`Refusal::StudentNotFound`] for another student, [`Refusal::Forbidden`] for a caller who may enroll nobody.
    pub fn ensure_enrolls(&self, id: StudentId) -> Result<(), Refusal> {
        if self.is_staff() || self.grants.is_own(Right::EnrollOneself, id) {
            Ok(())
        } else if self.grants.has(Right::EnrollOneself) {
            Err(Refusal::StudentNotFound(id))
        } else {
            Err(Refusal::Forbidden)
        }
    }

    /// Whether the caller enrolls any student, and is not bound by the students' windows for dropping.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        self.grants.has(Right::WriteEnrollments)
    }

    /// The caller with a key, as a client names it. It belongs to the actor, so that nobody gets another caller's
    /// answer. No name that a client chooses contains a blank.
    #[must_use]
    pub fn with_key(self, name: &str, fingerprint: String) -> Self {
        let name = match &self.actor {
            Actor::Anonymous => name.to_owned(),
            actor => format!("{actor} {name}"),
        };
        Self { key: Some(IdempotencyKey::new(name, fingerprint)), ..self }
    }
}

/// The answer to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<T> {
    /// The result, or the reason for the refusal.
    pub answer: T,
    /// Whether it is the stored answer to an earlier request with the same key.
    pub replayed: bool,
}

impl<T> Outcome<T> {
    /// Applies a function to the answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome { answer: change(self.answer), replayed: self.replayed }
    }

    /// Applies a function that may fail to the answer.
    ///
    /// # Errors
    /// The error of the function.
    pub fn try_map<U, E>(self, change: impl FnOnce(T) -> Result<U, E>) -> Result<Outcome<U>, Outcome<E>> {
        let replayed = self.replayed;
        match change(self.answer) {
            Ok(answer) => Ok(Outcome { answer, replayed }),
            Err(answer) => Err(Outcome { answer, replayed }),
        }
    }
}

impl From<Refusal> for Outcome<Refusal> {
    fn from(refusal: Refusal) -> Self {
        Self { answer: refusal, replayed: false }
    }
}
