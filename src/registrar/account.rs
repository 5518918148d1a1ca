//! The records of accounts and tokens.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::record::StudentId;
use super::rights::{Rights, Role};
use crate::clock::Stamp;

/// A token of a program, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": 57, "name": "Learning platform", "role": "registrar", "scopes": ["rosters:read"], "student_id": null, "created_at": "2026-09-01T08:00:00.000Z", "expires_at": null, "revoked_at": null, "used_at": "2026-09-01T12:00:00.000Z"}))]
pub struct Token {
    /// The id, which never comes back.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its rights: those of the role, or fewer.
    pub scopes: Rights,
    /// The student who it acts for.
    #[schema(required)]
    pub student_id: Option<StudentId>,
    /// When it was created.
    pub created_at: Stamp,
    /// When it stops working; null for never.
    #[schema(required)]
    pub expires_at: Option<Stamp>,
    /// When it was revoked.
    #[schema(required)]
    pub revoked_at: Option<Stamp>,
    /// When it was used last, up to a few minutes earlier; null if never.
    #[schema(required)]
    pub used_at: Option<Stamp>,
}

/// The id of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountId(pub i64);

/// A one-time link with which the owner of an account sets a password, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The hash of the secret.
    pub hash: String,
    /// The account.
    pub account_id: i64,
    /// When it stops working.
    pub expires_at: Stamp,
}

/// An account of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": 58, "name": "Zoë Martin", "address": "zoe@example.edu", "role": "student", "student_id": 4, "created_at": "2026-09-01T08:00:00.000Z", "disabled_at": null}))]
pub struct Account {
    /// The id, which never comes back.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// The person's name.
    pub name: String,
    /// The e-mail address to sign in with, in lower case.
    pub address: String,
    /// The person's role.
    pub role: Role,
    /// The student who the person is.
    #[schema(required)]
    pub student_id: Option<StudentId>,
    /// When it was created.
    pub created_at: Stamp,
    /// When it was disabled; null if the person may sign in.
    #[schema(required)]
    pub disabled_at: Option<Stamp>,
}

/// Who somebody is at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalId {
    /// The issuer of the provider, or `proxy`.
    pub provider: String,
    /// The identifier there.
    pub subject: String,
}

/// Whose account it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalLink {
    /// Who, at which provider.
    pub external: ExternalId,
    /// The account.
    pub account_id: i64,
    /// Whether the account was opened with it. Its role then follows the provider; one that an admin has created keeps
    /// the role that the admin gave it.
    pub has_opened: bool,
}

/// Why nobody is signed in, as the person is told.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoAccount {
    /// Nothing matches.
    #[error("No student and no account here has your e-mail address.")]
    Unknown,
    /// More than one student matches.
    #[error("More than one student here could be you.")]
    Several,
    /// Somebody signs in to the account already, here or at another provider.
    #[error("The account with your e-mail address is already used with another sign-in.")]
    OtherPerson,
    /// An admin has disabled the account.
    #[error("Your account is disabled.")]
    Disabled,
    /// The student is gone.
    #[error("The student of your account was deleted.")]
    StudentGone,
    /// The groups give no role any more.
    #[error("Your groups give you no role here.")]
    NoRole,
}
