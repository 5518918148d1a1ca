//! The rows of accounts, tokens and instructors that a batch writes.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Stamp;
use crate::db::Arg;
use crate::registrar::account::{Account, ExternalLink, Link, Token};
use crate::registrar::event::Change;
use crate::registrar::record::{CourseId, StudentId};

/// An account that the batch creates.
struct NewAccount<'a> {
    /// As it is after the batch.
    account: &'a Account,
    /// Who it was created for; the account stays bound if the student is deleted, so that nobody can use it.
    student_id: Option<StudentId>,
}

/// Changes of accounts and tokens.
#[derive(Default)]
pub(super) struct AccessEffects<'a> {
    new_tokens: Vec<(&'a Token, &'a str)>,
    revoked_tokens: Vec<(i64, &'a Stamp)>,
    new_accounts: Vec<NewAccount<'a>>,
    accounts: BTreeMap<i64, &'a Account>,
    /// By provider and subject: whose account they have from now on.
    externals: BTreeMap<(&'a str, &'a str), Option<&'a ExternalLink>>,
    links: BTreeMap<i64, &'a Link>,
    /// Accounts whose earlier links end.
    relinked: BTreeSet<i64>,
    /// Accounts whose sessions end.
    signed_out: BTreeSet<i64>,
    passwords: BTreeMap<i64, &'a str>,
    /// Pairs of a course and an account, and whether the account teaches the course from now on.
    pub(super) instructors: BTreeMap<(CourseId, i64), bool>,
}

impl<'a> AccessEffects<'a> {
    /// Adds a change of accounts, tokens or instructors; others are none of these effects.
    pub(super) fn add(&mut self, change: &'a Change) {
        match change {
            Change::AddToken(token, hash) => self.new_tokens.push((token, hash)),
            Change::RevokeToken(id, at) => self.revoked_tokens.push((*id, at)),
            Change::AddAccount(account) => {
                self.new_accounts.push(NewAccount { account, student_id: account.student_id });
            }
            Change::UpdateAccount(account) => {
                if account.disabled_at.is_some() {
                    self.end_links(account.id);
                    self.signed_out.insert(account.id);
                }
                match self.new_accounts.iter_mut().find(|new| new.account.id == account.id) {
                    Some(new) => new.account = account,
                    None => {
                        self.accounts.insert(account.id, account);
                    }
                }
            }
            Change::AddExternalLink(link) => {
                self.externals.insert(identity(link), Some(link));
            }
            Change::RemoveExternalLink(link) => {
                self.externals.insert(identity(link), None);
                self.signed_out.insert(link.account_id);
            }
            Change::AddLink(link) => {
                self.end_links(link.account_id);
                self.links.insert(link.account_id, link);
            }
            Change::AddInstructor(course_id, account_id) => {
                self.instructors.insert((*course_id, *account_id), true);
            }
            Change::RemoveInstructor(course_id, account_id) => {
                self.instructors.insert((*course_id, *account_id), false);
            }
            Change::SetPassword(account_id, password) => {
                self.passwords.insert(*account_id, password);
                self.end_links(*account_id);
                self.signed_out.insert(*account_id);
            }
            _ => debug_assert!(false, "changes no rights: {change:?}"),
        }
    }

    /// Ends the links of an account, also one that the same batch has created.
    fn end_links(&mut self, account_id: i64) {
        self.links.remove(&account_id);
        self.relinked.insert(account_id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.new_tokens.is_empty()
            && self.revoked_tokens.is_empty()
            && self.new_accounts.is_empty()
            && self.accounts.is_empty()
            && self.externals.is_empty()
            && self.links.is_empty()
            && self.passwords.is_empty()
            && self.instructors.is_empty()
    }

    /// Whether there is a token or an account from now on.
    pub(super) fn closes(&self) -> bool {
        !self.new_tokens.is_empty() || !self.new_accounts.is_empty()
    }

    /// Bindings to students: each has the id of its token or account.
    pub(super) fn people(&self) -> Vec<Vec<Arg>> {
        let tokens = self.new_tokens.iter().map(|(token, _)| (token.id, token.student_id));
        let accounts = self.new_accounts.iter().map(|new| (new.account.id, new.student_id));
        let bound = tokens.chain(accounts).filter_map(|(id, student)| Some((id, student?)));
        bound.map(|(id, student)| vec![id.into(), student.0.into()]).collect()
    }

    pub(super) fn new_tokens(&self) -> Vec<Vec<Arg>> {
        let row = |(token, hash): &(&Token, &str)| {
            vec![
                token.id.into(),
                token.name.as_str().into(),
                token.role.as_str().into(),
                token.scopes.to_string().into(),
                token.student_id.map(|_| token.id).into(),
                (*hash).into(),
                (&token.created_at).into(),
                token.expires_at.as_ref().into(),
            ]
        };
        self.new_tokens.iter().map(row).collect()
    }

    pub(super) fn revoked_tokens(&self) -> Vec<Vec<Arg>> {
        self.revoked_tokens.iter().map(|(id, at)| vec![(*at).into(), (*id).into()]).collect()
    }

    pub(super) fn new_accounts(&self) -> Vec<Vec<Arg>> {
        let row = |new: &NewAccount<'_>| {
            let account = new.account;
            vec![
                account.id.into(),
                account.name.as_str().into(),
                account.address.as_str().into(),
                account.role.as_str().into(),
                new.student_id.map(|_| account.id).into(),
                (&account.created_at).into(),
                account.disabled_at.as_ref().into(),
                account.by_groups.map(|by_groups| by_groups.as_str().to_owned()).into(),
            ]
        };
        self.new_accounts.iter().map(row).collect()
    }

    pub(super) fn relinked(&self) -> Vec<Vec<Arg>> {
        self.relinked.iter().map(|id| vec![(*id).into()]).collect()
    }

    pub(super) fn links(&self) -> Vec<Vec<Arg>> {
        let row =
            |link: &&Link| vec![link.hash.as_str().into(), link.account_id.into(), (&link.expires_at).into()];
        self.links.values().map(row).collect()
    }

    /// Identities that have another account from now on, or none.
    pub(super) fn changed_externals(&self) -> Vec<Vec<Arg>> {
        self.externals.keys().map(|(provider, subject)| vec![(*provider).into(), (*subject).into()]).collect()
    }

    pub(super) fn externals(&self) -> Vec<Vec<Arg>> {
        let linked = self.externals.values().flatten();
        linked
            .map(|link| {
                let (provider, subject) = identity(link);
                vec![provider.into(), subject.into(), link.account_id.into()]
            })
            .collect()
    }

    pub(super) fn passwords(&self) -> Vec<Vec<Arg>> {
        self.passwords.iter().map(|(id, password)| vec![(*password).into(), (*id).into()]).collect()
    }

    pub(super) fn signed_out(&self) -> Vec<Vec<Arg>> {
        self.signed_out.iter().map(|id| vec![(*id).into()]).collect()
    }

    pub(super) fn accounts(&self) -> Vec<Vec<Arg>> {
        let row = |account: &&Account| {
            vec![
                account.name.as_str().into(),
                account.address.as_str().into(),
                account.role.as_str().into(),
                account.disabled_at.as_ref().into(),
                account.by_groups.map(|by_groups| by_groups.as_str().to_owned()).into(),
                account.id.into(),
            ]
        };
        self.accounts.values().map(row).collect()
    }

    /// Addresses that nobody can have, for accounts of which one may get the address of another.
    pub(super) fn vacated(&self) -> Vec<Vec<Arg>> {
        if self.accounts.len() < 2 {
            return Vec::new();
        }
        self.accounts.keys().map(|id| vec![format!("account {id}").into(), (*id).into()]).collect()
    }
}

/// Provider and subject.
fn identity(link: &ExternalLink) -> (&str, &str) {
    (link.external.provider.as_str(), link.external.subject.as_str())
}
