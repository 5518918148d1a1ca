//! The records of accounts and tokens.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::record::StudentId;
use super::rights::{Rights, Role};
use crate::clock::Stamp;
use crate::text::email_address;

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
    /// Whether the role follows the person's groups at a provider; `None` for an account that an admin has created.
    #[serde(skip)]
    pub by_groups: Option<ByGroups>,
}

/// The role of an account that single sign-on has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByGroups {
    /// The groups give it.
    Given,
    /// The groups give none any more. The account is disabled until they do, or until an admin decides otherwise.
    Lost,
}

impl ByGroups {
    /// As the database has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Lost => "lost",
        }
    }
}

impl FromStr for ByGroups {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "given" => Ok(Self::Given),
            "lost" => Ok(Self::Lost),
            other => Err(format!("unknown value of by_groups: {other}")),
        }
    }
}

impl Account {
    /// The e-mail address; `None` if there is only the identifier at a provider in its place.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        email_address(&self.address).is_ok().then_some(self.address.as_str())
    }

    /// Whether an admin has disabled it, for whatever reason.
    #[must_use]
    pub fn is_barred(&self) -> bool {
        self.disabled_at.is_some() && self.by_groups != Some(ByGroups::Lost)
    }

    /// Whether its student is gone, so that nobody can use it.
    #[must_use]
    pub fn is_orphan(&self) -> bool {
        self.role == Role::Student && self.student_id.is_none()
    }
}

/// How the owner of an account signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// With a password.
    pub has_password: bool,
    /// With a link that works.
    pub has_link: bool,
    /// At a provider that vouches for them.
    pub has_provider: bool,
}

impl Ways {
    /// Whether there is any.
    #[must_use]
    pub fn has_any(self) -> bool {
        self.needs_no_provider() || self.has_provider
    }

    /// Whether there is one without a provider.
    #[must_use]
    pub fn needs_no_provider(self) -> bool {
        self.has_password || self.has_link
    }
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
    #[error("The account here that could be yours is already used with another sign-in.")]
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

#[cfg(test)]
mod tests {
    use super::{Account, Role};
    use crate::clock::Stamp;

    #[test]
    fn an_identifier_at_a_provider_is_no_e_mail_address() {
        let account = |address: &str| Account {
            id: 1,
            name: "Kim".to_owned(),
            address: address.to_owned(),
            role: Role::Admin,
            student_id: None,
            created_at: Stamp::default(),
            disabled_at: None,
            by_groups: None,
        };
        assert_eq!(account("kim@example.edu").email(), Some("kim@example.edu"));
        for identifier in ["k2 at https://login.example.edu", "kim@example.edu at proxy", "k2 at proxy (58)"]
        {
            assert_eq!(account(identifier).email(), None, "{identifier}");
        }
    }
}
