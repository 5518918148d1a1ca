//! Granting power: accounts of people and tokens of programs. Only an admin grants and revokes, and the log has it.

use serde_json::json;

use super::account::{Account, ByGroups, Link, Token};
use super::caller::{Actor, Caller, Right, Rights, Role};
use super::command::Command;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::needs::Needs;
use super::record::StudentId;
use super::refusal::Refusal;
use crate::clock::Stamp;

/// Create a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateToken {
    /// What it is for.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Fewer rights than those of the role.
    pub scopes: Option<Rights>,
    /// The student who it acts for.
    pub student_id: Option<StudentId>,
    /// The hash of the secret.
    pub hash: String,
    /// When it stops working.
    pub expires_at: Option<Stamp>,
}

impl Command for CreateToken {
    type Answer = Token;

    fn needs(&self, needs: &mut Needs) {
        self.student_id.into_iter().for_each(|id| needs.student(id));
        needs.changes_access();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::Administer)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Token), Refusal> {
        // Without a student, it reads the catalogue.
        if self.role != Role::Student {
            ensure_bound(self.role, self.student_id)?;
        }
        self.student_id.map_or(Ok(()), |id| facts.student(id).map(|_| ()))?;
        if self.expires_at.as_ref().is_some_and(|time| *time <= facts.now) {
            return Err(Refusal::AlreadyExpired);
        }
        let token = Token {
            id: facts.last_seq + 1,
            name: self.name.clone(),
            role: self.role,
            scopes: self.scopes.map_or(self.role.rights(), |scopes| scopes.and(self.role.rights())),
            student_id: self.student_id,
            created_at: facts.stamp.clone(),
            expires_at: self.expires_at.clone(),
            revoked_at: None,
            used_at: None,
        };
        if facts.is_open && !token.scopes.has(Right::Administer) {
            return Err(Refusal::FirstNotAdmin);
        }
        let data = json!({
            "token_id": token.id, "role": token.role, "scopes": token.scopes, "expires_at": token.expires_at,
        });
        let change = Change::AddToken(token.clone(), self.hash.clone());
        Ok((vec![event(EventKind::TokenCreated, token.student_id, change).with_data(data)], token))
    }
}

/// Revoke a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokeToken {
    /// The token.
    pub id: i64,
}

impl Command for RevokeToken {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.token(self.id);
        needs.all_admins();
        needs.changes_access();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::Administer)
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let token = facts.tokens.get(&self.id).filter(|token| token.revoked_at.is_none());
        let token = token.ok_or(Refusal::TokenNotFound(self.id))?;
        // The command line can always create another one.
        if caller.actor != Actor::Cli
            && is_admin_token(token, facts)
            && !has_other_admin(facts, Some(token.id), None)
        {
            return Err(Refusal::LastAdmin);
        }
        let change = Change::RevokeToken(token.id, facts.stamp.clone());
        let event = event(EventKind::TokenRevoked, token.student_id, change);
        Ok((vec![event.with_data(json!({"token_id": token.id}))], ()))
    }
}

/// Create an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateAccount {
    /// The person's name.
    pub name: String,
    /// The e-mail address to sign in with; case is ignored.
    pub address: String,
    /// The person's role.
    pub role: Role,
    /// The student who the person is.
    pub student_id: Option<StudentId>,
    /// The hash of the secret in the link with which the person sets a password, and when it stops working.
    pub link: Option<(String, Stamp)>,
}

impl Command for CreateAccount {
    type Answer = Account;

    fn needs(&self, needs: &mut Needs) {
        self.student_id.into_iter().for_each(|id| needs.student(id));
        needs.address(self.address.to_lowercase());
        needs.changes_access();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::Administer)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Account), Refusal> {
        ensure_bound(self.role, self.student_id)?;
        self.student_id.map_or(Ok(()), |id| facts.student(id).map(|_| ()))?;
        let address = self.address.to_lowercase();
        if facts.accounts.values().any(|account| account.address == address) {
            return Err(Refusal::AddressTaken);
        }
        if facts.is_open && (self.role != Role::Admin || self.link.is_none()) {
            return Err(Refusal::FirstNotAdmin);
        }
        let account = Account {
            id: facts.last_seq + 1,
            name: self.name.clone(),
            address,
            role: self.role,
            student_id: self.student_id,
            created_at: facts.stamp.clone(),
            disabled_at: None,
            by_groups: None,
        };
        let data = json!({"account_id": account.id, "role": account.role});
        let change = Change::AddAccount(account.clone());
        let mut created = event(EventKind::AccountCreated, account.student_id, change).with_data(data);
        let link = self.link.clone();
        let link = link.map(|(hash, expires_at)| Link { hash, account_id: account.id, expires_at });
        created.changes.extend(link.map(Change::AddLink));
        Ok((vec![created], account))
    }
}

/// Change an account, disable it, or enable it again. What is left out does not change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeAccount {
    /// The account.
    pub id: i64,
    /// The person's new name.
    pub name: Option<String>,
    /// The new e-mail address to sign in with; case is ignored.
    pub address: Option<String>,
    /// The new role.
    pub role: Option<Role>,
    /// Whether the person may sign in.
    pub enabled: Option<bool>,
}

impl ChangeAccount {
    /// The account after the change.
    fn changed(&self, before: &Account, facts: &Facts) -> Account {
        let mut account = before.clone();
        account.name = self.name.clone().unwrap_or(account.name);
        account.address = self.address.as_ref().map_or(account.address, |address| address.to_lowercase());
        account.role = self.role.unwrap_or(before.role);
        match self.enabled {
            Some(true) => account.disabled_at = None,
            Some(false) if before.disabled_at.is_none() => account.disabled_at = Some(facts.stamp.clone()),
            Some(false) | None => {}
        }
        // Groups that come back do not undo what an admin has decided.
        if self.enabled.is_some() && before.by_groups.is_some() {
            account.by_groups = Some(ByGroups::Given);
        }
        account
    }
}

impl Command for ChangeAccount {
    type Answer = Account;

    fn needs(&self, needs: &mut Needs) {
        needs.all_admins();
        needs.account(self.id);
        self.address.iter().for_each(|address| needs.address(address.to_lowercase()));
        needs.changes_access();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::Administer)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Account), Refusal> {
        let before = facts.accounts.get(&self.id).ok_or(Refusal::AccountNotFound(self.id))?;
        let account = self.changed(before, facts);
        if account == *before {
            return Ok((Vec::new(), account));
        }
        if account.role != before.role {
            ensure_bound(account.role, account.student_id)?;
        }
        let is_taken = |other: &Account| other.id != self.id && other.address == account.address;
        if account.address != before.address && facts.accounts.values().any(is_taken) {
            return Err(Refusal::AddressTaken);
        }
        if is_admin(before) && !is_admin(&account) && !has_other_admin(facts, None, Some(self.id)) {
            return Err(Refusal::LastAdmin);
        }
        let enabled = account.disabled_at.is_none();
        let mut data = json!({"account_id": account.id, "role": account.role, "enabled": enabled});
        let fields = [("name", account.name != before.name), ("address", account.address != before.address)];
        let fields: Vec<_> = fields.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
        if !fields.is_empty() {
            data["fields"] = json!(fields);
        }
        let change = Change::UpdateAccount(account.clone());
        Ok((vec![event(EventKind::AccountChanged, account.student_id, change).with_data(data)], account))
    }
}

/// Create a new one-time link with which the owner of an account sets a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateLink {
    /// The account.
    pub account_id: i64,
    /// The hash of the secret.
    pub hash: String,
    /// When it stops working.
    pub expires_at: Stamp,
}

impl Command for CreateLink {
    type Answer = Account;

    fn needs(&self, needs: &mut Needs) {
        needs.account(self.account_id);
        needs.changes_access();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::Administer)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Account), Refusal> {
        let account =
            facts.accounts.get(&self.account_id).ok_or(Refusal::AccountNotFound(self.account_id))?;
        let &Self { account_id, .. } = self;
        let link = Link { hash: self.hash.clone(), account_id, expires_at: self.expires_at.clone() };
        let data = json!({"account_id": account_id, "link": "created"});
        let event = event(EventKind::AccountChanged, account.student_id, Change::AddLink(link));
        Ok((vec![event.with_data(data)], account.clone()))
    }
}

/// Set the password of the account that a link is for. The secret of the link is what permits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetPassword {
    /// The hash of the secret in the link.
    pub link: String,
    /// The hashed password.
    pub password: String,
}

impl Command for SetPassword {
    type Answer = Account;

    fn needs(&self, needs: &mut Needs) {
        needs.link(self.link.clone());
        needs.changes_access();
    }

    fn permit(&self, _: &Caller) -> Result<(), Refusal> {
        Ok(())
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Account), Refusal> {
        let link = facts.links.get(&self.link).filter(|link| link.expires_at > facts.now);
        let account = link.and_then(|link| facts.accounts.get(&link.account_id));
        let account = account.filter(|account| account.disabled_at.is_none()).ok_or(Refusal::LinkEnded)?;
        Ok((vec![password_set(account, &self.password)], account.clone()))
    }
}

/// Change the password of one's own account, whose present one has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePassword {
    /// The account.
    pub account_id: i64,
    /// The hashed password that was checked; another one may have been set in the meantime.
    pub checked: String,
    /// The new password, hashed.
    pub password: String,
}

impl Command for ChangePassword {
    type Answer = Account;

    fn needs(&self, needs: &mut Needs) {
        needs.account(self.account_id);
        needs.password(self.account_id);
        needs.changes_access();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        if caller.actor == Actor::Account(self.account_id) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Account), Refusal> {
        self.permit(caller)?;
        let account =
            facts.accounts.get(&self.account_id).ok_or(Refusal::AccountNotFound(self.account_id))?;
        if facts.passwords.get(&self.account_id) != Some(&self.checked) {
            return Err(Refusal::Unauthorized);
        }
        Ok((vec![password_set(account, &self.password)], account.clone()))
    }
}

fn password_set(account: &Account, password: &str) -> Event {
    let data = json!({"account_id": account.id, "password": "set"});
    let change = Change::SetPassword(account.id, password.to_owned());
    event(EventKind::AccountChanged, account.student_id, change).with_data(data)
}

/// The account of a student belongs to a student of the school, and no other one does.
fn ensure_bound(role: Role, student_id: Option<StudentId>) -> Result<(), Refusal> {
    match (role, student_id) {
        (Role::Student, None) => Err(Refusal::StudentMissing),
        (Role::Student, Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => Err(Refusal::OnlyStudents),
    }
}

pub(super) fn is_admin(account: &Account) -> bool {
    account.role == Role::Admin && account.disabled_at.is_none()
}

fn is_admin_token(token: &Token, facts: &Facts) -> bool {
    let is_over = token.expires_at.as_ref().is_some_and(|time| *time <= facts.now);
    token.scopes.has(Right::Administer) && token.revoked_at.is_none() && !is_over
}

/// Whether somebody can still grant and revoke without this token, or without this account.
pub(super) fn has_other_admin(facts: &Facts, token: Option<i64>, account: Option<i64>) -> bool {
    facts.tokens.values().any(|other| Some(other.id) != token && is_admin_token(other, facts))
        || facts
            .accounts
            .values()
            .any(|other| Some(other.id) != account && is_admin(other) && facts.ways_of(other.id).has_any())
}

fn event(kind: EventKind, student_id: Option<StudentId>, change: Change) -> Event {
    Event { kind, student_id, course_id: None, enrollment_id: None, data: json!({}), changes: vec![change] }
}
