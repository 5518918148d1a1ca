//! The rows of accounts and tokens that a batch writes.

use std::collections::BTreeMap;

use crate::clock::Stamp;
use crate::db::Arg;
use crate::registrar::account::ExternalLink;
use crate::registrar::account::{Account, Link, Token};
use crate::registrar::record::CourseId;

/// Changes of accounts and tokens.
#[derive(Default)]
pub(super) struct AccessEffects<'a> {
    pub(super) new_tokens: Vec<(&'a Token, &'a str)>,
    pub(super) revoked_tokens: Vec<(i64, &'a Stamp)>,
    pub(super) new_accounts: Vec<&'a Account>,
    pub(super) accounts: BTreeMap<i64, &'a Account>,
    pub(super) externals: Vec<&'a ExternalLink>,
    pub(super) links: BTreeMap<i64, &'a Link>,
    pub(super) passwords: BTreeMap<i64, &'a str>,
    /// Pairs of a course and an account, and whether the account teaches the course from now on.
    pub(super) instructors: BTreeMap<(CourseId, i64), bool>,
}

impl AccessEffects<'_> {
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
        let accounts = self.new_accounts.iter().map(|account| (account.id, account.student_id));
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
        let row = |account: &&Account| {
            vec![
                account.id.into(),
                account.name.as_str().into(),
                account.address.as_str().into(),
                account.role.as_str().into(),
                account.student_id.map(|_| account.id).into(),
                (&account.created_at).into(),
            ]
        };
        self.new_accounts.iter().map(row).collect()
    }

    /// Accounts whose earlier links end.
    pub(super) fn relinked(&self) -> Vec<Vec<Arg>> {
        let disabled =
            self.accounts.values().filter(|account| account.disabled_at.is_some()).map(|one| &one.id);
        self.links.keys().chain(self.passwords.keys()).chain(disabled).map(|id| vec![(*id).into()]).collect()
    }

    pub(super) fn links(&self) -> Vec<Vec<Arg>> {
        let row =
            |link: &&Link| vec![link.hash.as_str().into(), link.account_id.into(), (&link.expires_at).into()];
        self.links.values().map(row).collect()
    }

    pub(super) fn externals(&self) -> Vec<Vec<Arg>> {
        let row = |link: &&ExternalLink| {
            let (provider, subject) = (link.external.provider.as_str(), link.external.subject.as_str());
            vec![provider.into(), subject.into(), link.account_id.into(), i64::from(link.has_opened).into()]
        };
        self.externals.iter().map(row).collect()
    }

    pub(super) fn passwords(&self) -> Vec<Vec<Arg>> {
        self.passwords.iter().map(|(id, password)| vec![(*password).into(), (*id).into()]).collect()
    }

    /// Accounts whose sessions end: they have been disabled, or have a new password.
    pub(super) fn signed_out(&self) -> Vec<Vec<Arg>> {
        let disabled =
            self.accounts.values().filter(|account| account.disabled_at.is_some()).map(|one| one.id);
        disabled.chain(self.passwords.keys().copied()).map(|id| vec![id.into()]).collect()
    }

    pub(super) fn accounts(&self) -> Vec<Vec<Arg>> {
        let row = |account: &&Account| {
            vec![account.role.as_str().into(), account.disabled_at.as_ref().into(), account.id.into()]
        };
        self.accounts.values().map(row).collect()
    }
}
