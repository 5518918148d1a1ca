//! Somebody whom a provider of single sign-on, or a trusted proxy, vouches for: finds their account, or opens one.

use std::collections::BTreeSet;

use serde_json::json;

use super::account::{Account, ExternalId, ExternalLink, NoAccount};
use super::caller::{Caller, Role};
use super::command::Command;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::needs::Needs;
use super::record::StudentId;
use super::refusal::Refusal;

/// Find the account of somebody, or open one.
///
/// Once linked, only the identifier counts: an address may be given to somebody else one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOn {
    /// Who, at which provider.
    pub external: ExternalId,
    /// Their name, for a new account; without one, the name of the student.
    pub name: Option<String>,
    /// Their address, which the provider has verified, in lower case.
    pub address: Option<String>,
    /// The role that the rules give to their groups, if it is one of staff.
    pub role: Option<Role>,
    /// Whether they may be a student.
    pub may_be_student: bool,
    /// The student with the id that the provider names.
    pub student: Option<StudentId>,
    /// Students who have the address: all that there are, or a few of many.
    pub students: Vec<StudentId>,
}

impl Command for SignOn {
    type Answer = Account;

    fn needs(&self, needs: &mut Needs) {
        needs.external(self.external.clone());
        self.address.iter().for_each(|address| needs.address(address.clone()));
        for id in self.candidates() {
            needs.student(id);
            needs.accounts_of_student(id);
        }
        needs.changes_access();
    }

    /// The provider has already said who it is.
    fn permit(&self, _: &Caller) -> Result<(), Refusal> {
        Ok(())
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Account), Refusal> {
        let (events, account) = match facts.externals.get(&self.external) {
            Some(link) => self.sign_on_again(link, facts),
            None => self.sign_on_first(facts),
        }?;
        if facts.is_open && account.role != Role::Admin {
            return Err(Refusal::FirstNotAdmin);
        }
        Ok((events, account))
    }
}

impl SignOn {
    fn sign_on_again(&self, link: &ExternalLink, facts: &Facts) -> Result<(Vec<Event>, Account), NoAccount> {
        let before = facts.accounts.get(&link.account_id).ok_or(NoAccount::Unknown)?;
        ensure_usable(before)?;
        if !link.has_opened {
            return Ok((Vec::new(), before.clone()));
        }
        let role =
            if before.student_id.is_some() { self.may_be_student.then_some(before.role) } else { self.role };
        let account = Account { role: role.ok_or(NoAccount::NoRole)?, ..before.clone() };
        if account == *before {
            return Ok((Vec::new(), account));
        }
        let data = json!({"account_id": account.id, "role": account.role, "enabled": true, "provider": self.external.provider});
        let change = Change::UpdateAccount(account.clone());
        Ok((vec![event(EventKind::AccountChanged, &account, vec![change]).with_data(data)], account))
    }

    /// An address may belong to a member of staff and, as that of a parent, to a student. Then the groups decide who it
    /// is; without them it is the student, who may do less.
    fn sign_on_first(&self, facts: &Facts) -> Result<(Vec<Event>, Account), NoAccount> {
        let student = self.matching_student(facts);
        let known = self.account_with_address(facts);
        if let Some(role) = self.role {
            return match known {
                Some(account) if account.student_id.is_none() => self.link(account, facts),
                Some(account) if student == Ok(account.student_id) => self.link(account, facts),
                Some(_) => Err(NoAccount::Several),
                None => Ok(self.open(role, None, facts)),
            };
        }
        match (student?, known) {
            (Some(student), _) => self.sign_on_student(student, facts),
            (None, Some(account)) if account.role == Role::Student && !self.may_be_student => {
                Err(NoAccount::NoRole)
            }
            (None, Some(account)) => self.link(account, facts),
            (None, None) if self.may_be_student => Err(NoAccount::Unknown),
            (None, None) => Err(NoAccount::NoRole),
        }
    }

    /// Whoever may change the address of a student must not get more than the student with it.
    fn sign_on_student(&self, student: StudentId, facts: &Facts) -> Result<(Vec<Event>, Account), NoAccount> {
        let is_own =
            |account: &&Account| account.role == Role::Student && account.student_id == Some(student);
        let mut accounts = facts.accounts.values().filter(is_own);
        match (accounts.next(), accounts.next()) {
            (Some(account), None) => self.link(account, facts),
            (Some(_), Some(_)) => Err(NoAccount::Several),
            (None, _) => Ok(self.open(Role::Student, Some(student), facts)),
        }
    }

    fn account_with_address<'f>(&self, facts: &'f Facts) -> Option<&'f Account> {
        let address = self.address.as_ref()?;
        facts.accounts.values().find(|account| account.address == *address)
    }

    /// The one student who it can be, if anything names one. An id and an address that belong to different students prove
    /// nothing.
    fn matching_student(&self, facts: &Facts) -> Result<Option<StudentId>, NoAccount> {
        if !self.may_be_student {
            return Ok(None);
        }
        let has_address = |id: &StudentId| {
            let email = facts.students.get(id).and_then(|student| student.email.as_ref());
            let address = self.address.as_ref();
            email.is_some_and(|email| address.is_some_and(|one| email.trim().eq_ignore_ascii_case(one)))
        };
        let by_address: BTreeSet<_> = self.candidates().filter(has_address).collect();
        let by_id = self.student.filter(|id| facts.students.contains_key(id));
        match (by_id, by_address.first()) {
            (Some(id), _) if by_address.is_empty() || by_address.contains(&id) => Ok(Some(id)),
            (None, None) => Ok(None),
            (None, Some(id)) if by_address.len() == 1 => Ok(Some(*id)),
            (Some(_) | None, _) => Err(NoAccount::Several),
        }
    }

    fn link(&self, account: &Account, facts: &Facts) -> Result<(Vec<Event>, Account), NoAccount> {
        ensure_usable(account)?;
        // Of anybody, also at another provider: an address may be given to somebody else one day.
        if facts.externals.values().any(|other| other.account_id == account.id) {
            return Err(NoAccount::OtherPerson);
        }
        let data = json!({"account_id": account.id, "linked": true, "provider": self.external.provider});
        let change = self.external_link(account, false);
        let event = event(EventKind::AccountChanged, account, vec![change]).with_data(data);
        Ok((vec![event], account.clone()))
    }

    fn open(&self, role: Role, student_id: Option<StudentId>, facts: &Facts) -> (Vec<Event>, Account) {
        // Siblings may share an address, and some providers name none. Nobody can type this one.
        let of_nobody = |address: &String| facts.accounts.values().all(|account| account.address != *address);
        let address = self.address.clone().filter(of_nobody);
        let address =
            address.unwrap_or_else(|| format!("{} at {}", self.external.subject, self.external.provider));
        let student = || facts.students.get(&student_id?)?.name.clone();
        let account = Account {
            id: facts.last_seq + 1,
            name: self.name.clone().or_else(student).unwrap_or_else(|| address.clone()),
            address,
            role,
            student_id,
            created_at: facts.stamp.clone(),
            disabled_at: None,
        };
        let data =
            json!({"account_id": account.id, "role": account.role, "provider": self.external.provider});
        let changes = vec![Change::AddAccount(account.clone()), self.external_link(&account, true)];
        (vec![event(EventKind::AccountCreated, &account, changes).with_data(data)], account)
    }

    fn external_link(&self, account: &Account, has_opened: bool) -> Change {
        let external = self.external.clone();
        Change::AddExternalLink(ExternalLink { external, account_id: account.id, has_opened })
    }

    fn candidates(&self) -> impl Iterator<Item = StudentId> {
        self.students.iter().copied().chain(self.student)
    }
}

fn ensure_usable(account: &Account) -> Result<(), NoAccount> {
    if account.disabled_at.is_some() {
        Err(NoAccount::Disabled)
    } else if account.role == Role::Student && account.student_id.is_none() {
        Err(NoAccount::StudentGone)
    } else {
        Ok(())
    }
}

fn event(kind: EventKind, account: &Account, changes: Vec<Change>) -> Event {
    let student_id = account.student_id;
    Event { kind, student_id, course_id: None, enrollment_id: None, data: json!({}), changes }
}
