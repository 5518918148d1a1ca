//! The records of accounts and tokens.

use serde::{Deserialize, Serialize};
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
