//! Somebody whom a provider of single sign-on, or a trusted proxy, vouches for: finds their account, or opens one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::access::{has_other_admin, is_admin};
use super::account::{Account, ByGroups, ExternalId, ExternalLink, NoAccount};
use super::caller::{Caller, Role};
use super::command::Command;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::needs::Needs;
use super::record::StudentId;
use super::refusal::Refusal;
use crate::text::visible_text;

/// Find the account of somebody, or open one.
///
/// Once linked, only the identifier counts: an address may be given to somebody else one day. The answer is a disabled
/// account if the person's groups give no role any more.
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
    /// Students who have the address as [`is_address_of`] compares it: all that there are, or a few of many.
    pub students: Vec<StudentId>,
}

impl Command for SignOn {
    type Answer = Account;

    fn needs(&self, needs: &mut Needs) {
        needs.external(self.external.clone());
        needs.address(self.identifier());
        self.address.iter().for_each(|address| needs.address(address.clone()));
        for id in self.candidates() {
            needs.student(id);
            needs.accounts_of_student(id);
        }
        needs.all_admins();
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
    fn sign_on_again(&self, link: &ExternalLink, facts: &Facts) -> Decided {
        let before = facts.accounts.get(&link.account_id).ok_or(NoAccount::Unknown)?;
        if before.is_barred() {
            return Err(NoAccount::Disabled);
        }
        if before.is_orphan() {
            return self.sign_on_anew(before, facts);
        }
        let account = self.followed(before, facts);
        if account == *before {
            return Ok((Vec::new(), account));
        }
        let data = json!({
            "account_id": account.id, "role": account.role, "enabled": account.disabled_at.is_none(),
            "provider": self.external.provider,
        });
        Ok((vec![changed(&account, vec![Change::UpdateAccount(account.clone())], data)], account))
    }

    /// The student of the linked account is gone. The person may be a student again, or be somebody else here now.
    fn sign_on_anew(&self, before: &Account, facts: &Facts) -> Decided {
        let (mut events, account) = self.sign_on_first(facts).map_err(|why| match why {
            NoAccount::Unknown => NoAccount::StudentGone,
            why => why,
        })?;
        let data = json!({"account_id": before.id, "linked": false, "provider": self.external.provider});
        events.push(changed(before, Vec::new(), data));
        Ok((events, account))
    }

    /// An address may belong to a member of staff and, as that of a parent, to a student. Then the groups decide who it
    /// is; without them it is the student, who may do less.
    fn sign_on_first(&self, facts: &Facts) -> Decided {
        let student = self.matching_student(facts);
        let holder = self.account_with_address(facts);
        if holder.is_some_and(|account| account.is_orphan() && account.is_barred()) {
            return Err(NoAccount::Disabled);
        }
        let known = holder.filter(|account| !self.has_outdated_address(account, facts));
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
            (None, None) if !self.may_be_student => Err(NoAccount::NoRole),
            (None, None) if holder.is_some_and(Account::is_orphan) => Err(NoAccount::StudentGone),
            (None, None) => Err(NoAccount::Unknown),
        }
    }

    /// Whoever may change the address of a student must not get more than the student with it.
    fn sign_on_student(&self, student: StudentId, facts: &Facts) -> Decided {
        let is_own =
            |account: &&Account| account.role == Role::Student && account.student_id == Some(student);
        let own = || facts.accounts.values().filter(is_own);
        let mut usable = own().filter(|account| !account.is_barred());
        match (usable.next(), usable.next()) {
            (Some(account), None) => self.link(account, facts),
            (Some(_), Some(_)) => Err(NoAccount::Several),
            (None, _) if own().any(|account| self.may_be_barred_by(account, facts)) => {
                Err(NoAccount::Disabled)
            }
            (None, _) => Ok(self.open(Role::Student, Some(student), facts)),
        }
    }

    /// Whether an admin may have disabled this account of the student to keep this person out. If it was somebody else's,
    /// it was a mistake that is the student's no more: it has another address, and another person at the same provider
    /// had it, or somebody whom an admin has unlinked.
    fn may_be_barred_by(&self, account: &Account, facts: &Facts) -> bool {
        let mut links = facts.externals.values().filter(|link| link.account_id == account.id);
        let is_of_other = match links.next() {
            Some(link) => link.external.provider == self.external.provider,
            None => account.by_groups.is_some(),
        };
        !is_of_other || self.address.as_ref() == Some(&account.address)
    }

    /// Whether the account has the address of this person although it cannot be theirs. Its student is gone, or single
    /// sign-on has opened it for another student, and it was unlinked since.
    fn has_outdated_address(&self, account: &Account, facts: &Facts) -> bool {
        let is_own = || self.matching_student(facts) == Ok(account.student_id);
        let is_linked = || facts.externals.values().any(|link| link.account_id == account.id);
        account.is_orphan()
            || account.by_groups.is_some() && account.student_id.is_some() && !is_own() && !is_linked()
    }

    fn account_with_address<'f>(&self, facts: &'f Facts) -> Option<&'f Account> {
        let with = |address: &str| facts.accounts.values().find(|account| account.address == address);
        self.address.as_deref().and_then(with).or_else(|| with(&self.identifier()))
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
            email.is_some_and(|email| address.is_some_and(|address| is_address_of(address, email)))
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

    fn link(&self, account: &Account, facts: &Facts) -> Decided {
        if account.is_barred() {
            return Err(NoAccount::Disabled);
        }
        // Of anybody, also at another provider: an address may be given to somebody else one day.
        if facts.externals.values().any(|other| other.account_id == account.id) {
            return Err(NoAccount::OtherPerson);
        }
        let mut data = json!({"account_id": account.id, "linked": true, "provider": self.external.provider});
        let mut changes = vec![self.external_link(account)];
        let mut vacated = None;
        let mut now = self.followed(account, facts);
        if now.by_groups == Some(ByGroups::Lost) {
            return Err(NoAccount::NoRole);
        }
        if now.by_groups.is_some() {
            // As if it were opened now: it may have been somebody else's by mistake.
            (now.address, vacated) = self.free_address(account.id, facts);
            now.name = self.own_name(account.student_id, facts).unwrap_or_else(|| account.name.clone());
        }
        if now != *account {
            data["role"] = json!(now.role);
            data["enabled"] = json!(now.disabled_at.is_none());
            changes.push(Change::UpdateAccount(now.clone()));
        }
        let events = std::iter::once(changed(&now, changes, data)).chain(vacated).collect();
        Ok((events, now))
    }

    fn open(&self, role: Role, student_id: Option<StudentId>, facts: &Facts) -> (Vec<Event>, Account) {
        let id = facts.last_seq + 1;
        let (address, vacated) = self.free_address(id, facts);
        let account = Account {
            id,
            name: self.own_name(student_id, facts).unwrap_or_else(|| visible_text(&address)),
            address,
            role,
            student_id,
            created_at: facts.stamp.clone(),
            disabled_at: None,
            by_groups: Some(ByGroups::Given),
        };
        let data =
            json!({"account_id": account.id, "role": account.role, "provider": self.external.provider});
        let changes = vec![Change::AddAccount(account.clone()), self.external_link(&account)];
        let opened = event(EventKind::AccountCreated, &account, changes).with_data(data);
        (std::iter::once(opened).chain(vacated).collect(), account)
    }

    /// The account as the groups want it, if they do.
    fn followed(&self, before: &Account, facts: &Facts) -> Account {
        if before.by_groups.is_none() {
            return before.clone();
        }
        let role =
            if before.student_id.is_some() { self.may_be_student.then_some(before.role) } else { self.role };
        let is_last_admin = || is_admin(before) && !has_other_admin(facts, None, Some(before.id));
        match role {
            // Nobody could repair it.
            role if role != Some(Role::Admin) && is_last_admin() => before.clone(),
            Some(role) => {
                Account { role, disabled_at: None, by_groups: Some(ByGroups::Given), ..before.clone() }
            }
            None => Account {
                disabled_at: before.disabled_at.clone().or_else(|| Some(facts.stamp.clone())),
                by_groups: Some(ByGroups::Lost),
                ..before.clone()
            },
        }
    }

    /// The address for this account: the person's own, unless somebody else has it (siblings may share one, and some
    /// providers name none). An account that cannot be theirs gives it up, with the event for that.
    fn free_address(&self, id: i64, facts: &Facts) -> (String, Option<Event>) {
        let holder = |address: &str| {
            facts.accounts.values().find(|account| account.address == address && account.id != id)
        };
        let Some(address) = self.address.clone() else { return (self.free_identifier(id, &holder), None) };
        match holder(&address) {
            None => (address, None),
            Some(other) if self.has_outdated_address(other, facts) => {
                let former =
                    Account { address: format!("{address} (account {})", other.id), ..other.clone() };
                let data = json!({"account_id": other.id, "fields": ["address"]});
                let change = Change::UpdateAccount(former);
                (address, Some(changed(other, vec![change], data)))
            }
            Some(_) => (self.free_identifier(id, &holder), None),
        }
    }

    fn free_identifier<'f>(&self, id: i64, holder: &dyn Fn(&str) -> Option<&'f Account>) -> String {
        let identifier = self.identifier();
        if holder(&identifier).is_none() { identifier } else { format!("{identifier} ({id})") }
    }

    /// Who it is at the provider, in the place of an address. Nobody can type it to sign in: it is none.
    fn identifier(&self) -> String {
        format!("{} at {}", self.external.subject, self.external.provider)
    }

    fn own_name(&self, student_id: Option<StudentId>, facts: &Facts) -> Option<String> {
        let student = || facts.students.get(&student_id?)?.name.clone();
        self.name.clone().or_else(student)
    }

    fn external_link(&self, account: &Account) -> Change {
        Change::AddExternalLink(ExternalLink { external: self.external.clone(), account_id: account.id })
    }

    fn candidates(&self) -> impl Iterator<Item = StudentId> {
        self.students.iter().copied().chain(self.student)
    }
}

type Decided = Result<(Vec<Event>, Account), NoAccount>;

/// Whether an e-mail address that is stored for a student is this one. Only the case of ASCII is ignored: the lower case
/// of other letters may be another person’s letter (the Kelvin sign becomes a k).
#[must_use]
pub fn is_address_of(address: &str, stored: &str) -> bool {
    stored.trim_matches(' ').eq_ignore_ascii_case(address)
}

fn changed(account: &Account, changes: Vec<Change>, data: Value) -> Event {
    event(EventKind::AccountChanged, account, changes).with_data(data)
}

fn event(kind: EventKind, account: &Account, changes: Vec<Change>) -> Event {
    let student_id = account.student_id;
    Event { kind, student_id, course_id: None, enrollment_id: None, data: json!({}), changes }
}
