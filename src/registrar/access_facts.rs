//! What the commands of a batch know about accounts, tokens and their callers.

use super::account::Ways;
use super::caller::{Actor, Caller, Proof, Rights};
use super::event::Change;
use super::facts::Facts;
use super::record::StudentId;
use super::refusal::Refusal;

impl Facts {
    /// Checks that the caller still may do what they might when the request arrived.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] after a revocation, an expiry, or the end of the open mode.
    pub fn ensure_current(&self, caller: &Caller) -> Result<(), Refusal> {
        let Proof { version, expires_at, .. } = &caller.proof;
        // The program itself, and those who may do nothing that could end.
        if *version == 0 || caller.grants.rights == Rights::NONE {
            return Ok(());
        }
        let is_current = match &caller.actor {
            _ if *version == self.rights_version && !self.has_callers => true,
            Actor::Token(id) => self.tokens.get(id).is_some_and(|token| {
                token.revoked_at.is_none()
                    && (token.scopes, token.student_id) == (caller.grants.rights, caller.grants.student)
            }),
            Actor::Account(id) => self.accounts.get(id).is_some_and(|account| {
                // A proxy vouches for a caller without a session with each request.
                caller.proof.session().is_none_or(|session| self.sessions.get(&session) == Some(id))
                    && account.disabled_at.is_none()
                    && (account.role.rights(), account.student_id)
                        == (caller.grants.rights, caller.grants.student)
            }),
            Actor::Anonymous => self.is_open,
            Actor::Cli | Actor::SignOn | Actor::Sample | Actor::Database => true,
        };
        let is_over = expires_at.as_ref().is_some_and(|time| *time <= self.now);
        if is_current && !is_over { Ok(()) } else { Err(Refusal::Unauthorized) }
    }

    /// How the owner of an account signs in; none if they were not loaded.
    #[must_use]
    pub fn ways_of(&self, account_id: i64) -> Ways {
        self.ways.get(&account_id).copied().unwrap_or_default()
    }

    /// Applies a change of accounts, tokens or instructors.
    pub(super) fn change_access(&mut self, change: &Change) {
        match change {
            Change::AddToken(token, _) => {
                self.is_open = false;
                self.tokens.insert(token.id, token.clone());
            }
            Change::RevokeToken(id, at) => {
                if let Some(token) = self.tokens.get_mut(id) {
                    token.revoked_at = Some(at.clone());
                }
            }
            Change::AddAccount(account) | Change::UpdateAccount(account) => {
                self.is_open = false;
                if account.disabled_at.is_some() {
                    self.end_sessions(account.id);
                    self.end_links(account.id);
                }
                self.accounts.insert(account.id, account.clone());
            }
            Change::AddExternalLink(link) => {
                if let Some(before) = self.externals.insert(link.external.clone(), link.clone()) {
                    self.ways.entry(before.account_id).or_default().has_provider = false;
                }
                self.ways.entry(link.account_id).or_default().has_provider = true;
            }
            Change::RemoveExternalLink(link) => {
                self.externals.remove(&link.external);
                self.end_sessions(link.account_id);
                self.ways.entry(link.account_id).or_default().has_provider = false;
            }
            Change::AddLink(link) => {
                self.end_links(link.account_id);
                self.links.insert(link.hash.clone(), link.clone());
                self.ways.entry(link.account_id).or_default().has_link = true;
            }
            Change::AddInstructor(course_id, account_id) => {
                self.instructors.insert((*course_id, *account_id));
            }
            Change::RemoveInstructor(course_id, account_id) => {
                self.instructors.remove(&(*course_id, *account_id));
            }
            Change::SetPassword(account_id, password) => {
                self.passwords.insert(*account_id, password.clone());
                self.end_sessions(*account_id);
                self.end_links(*account_id);
                self.ways.entry(*account_id).or_default().has_password = true;
            }
            _ => debug_assert!(false, "changes no rights: {change:?}"),
        }
    }

    /// Takes a student who is gone away from accounts and tokens.
    pub(super) fn unbind(&mut self, id: StudentId) {
        let of_accounts = self.accounts.values_mut().map(|account| &mut account.student_id);
        let of_tokens = self.tokens.values_mut().map(|token| &mut token.student_id);
        of_accounts
            .chain(of_tokens)
            .filter(|student| **student == Some(id))
            .for_each(|student| *student = None);
    }

    fn end_sessions(&mut self, account_id: i64) {
        self.sessions.retain(|_, owner| *owner != account_id);
    }

    fn end_links(&mut self, account_id: i64) {
        self.links.retain(|_, link| link.account_id != account_id);
        self.ways.entry(account_id).or_default().has_link = false;
    }
}
