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

#[cfg(test)]
mod tests {
    use super::super::account::{Account, ExternalId, ExternalLink, Link, Token};
    use super::super::caller::Grants;
    use super::super::record::CourseId;
    use super::super::rights::Role;
    use super::*;
    use crate::clock::Stamp;

    const STUDENT: Option<StudentId> = Some(StudentId(4));

    fn time(second: u8) -> Stamp {
        format!("2026-09-01T08:00:0{second}Z").parse().unwrap()
    }

    fn token() -> Token {
        Token {
            id: 3,
            name: String::new(),
            role: Role::Student,
            scopes: Role::Student.rights(),
            student_id: STUDENT,
            created_at: time(0),
            expires_at: None,
            revoked_at: None,
            used_at: None,
        }
    }

    fn account() -> Account {
        Account {
            id: 5,
            name: String::new(),
            address: String::new(),
            role: Role::Student,
            student_id: STUDENT,
            created_at: time(0),
            disabled_at: None,
            by_groups: None,
        }
    }

    /// A caller with the rights of a student, looked up before the last change of rights.
    fn caller(actor: Actor) -> Caller {
        let grants = Grants { rights: Role::Student.rights(), student: STUDENT };
        let proof = Proof { version: 6, ..Proof::default() };
        Caller { actor, grants, proof, ..Caller::default() }
    }

    fn with_session(caller: &Caller) -> Caller {
        Caller { proof: Proof { key: Some([1; 32]), ..caller.proof.clone() }, ..caller.clone() }
    }

    /// The facts of a commit in which rights may change.
    fn facts() -> Facts {
        Facts {
            now: time(5),
            rights_version: 7,
            has_callers: true,
            tokens: [(3, token())].into(),
            accounts: [(5, account())].into(),
            sessions: [("01".repeat(32), 5)].into(),
            ..Facts::default()
        }
    }

    fn refuses(facts: &Facts, caller: &Caller) -> bool {
        facts.ensure_current(caller) == Err(Refusal::Unauthorized)
    }

    #[test]
    fn a_token_is_good_until_it_is_revoked_or_changed() {
        let program = caller(Actor::Token(3));
        assert!(!refuses(&facts(), &program));
        for token in [
            Token { revoked_at: Some(time(4)), ..token() },
            Token { scopes: Rights::NONE, ..token() },
            Token { student_id: None, ..token() },
        ] {
            assert!(
                refuses(&Facts { tokens: [(3, token.clone())].into(), ..facts() }, &program),
                "{token:?}"
            );
        }
        assert!(refuses(&facts(), &caller(Actor::Token(4))));
    }

    #[test]
    fn an_account_is_good_until_it_is_disabled_or_changed_or_the_session_ends() {
        let person = caller(Actor::Account(5));
        for person in [&person, &with_session(&person)] {
            assert!(!refuses(&facts(), person));
            for account in [
                Account { disabled_at: Some(time(4)), ..account() },
                Account { role: Role::Registrar, ..account() },
                Account { student_id: None, ..account() },
            ] {
                let facts = Facts { accounts: [(5, account.clone())].into(), ..facts() };
                assert!(refuses(&facts, person), "{account:?}");
            }
        }
        let person = with_session(&person);
        assert!(refuses(&Facts { sessions: [].into(), ..facts() }, &person));
        assert!(
            refuses(&Facts { sessions: [("01".repeat(32), 9)].into(), ..facts() }, &person),
            "somebody else's"
        );
        assert!(refuses(&facts(), &caller(Actor::Account(6))));
    }

    #[test]
    fn nothing_is_good_from_its_end_on() {
        let until = |second, version| {
            let proof = Proof { version, expires_at: Some(time(second)), key: None };
            Caller { proof, ..caller(Actor::Token(3)) }
        };
        assert!(!refuses(&facts(), &until(6, 6)));
        assert!(refuses(&facts(), &until(5, 6)));
        let unchanged = Facts { has_callers: false, ..facts() };
        assert!(refuses(&unchanged, &until(5, 7)));
    }

    #[test]
    fn everybody_is_good_only_while_the_school_is_open() {
        let anybody = caller(Actor::Anonymous);
        assert!(refuses(&facts(), &anybody));
        assert!(!refuses(&Facts { is_open: true, ..facts() }, &anybody));
        let without_rights = Caller { grants: Grants::NONE, ..anybody };
        assert!(!refuses(&facts(), &without_rights), "who may do nothing loses nothing");
        assert!(!refuses(&facts(), &Caller::default()), "the program itself");
    }

    #[test]
    fn callers_are_looked_up_only_if_rights_have_changed_or_may_change() {
        let stranger = |version| {
            let proof = Proof { version, ..Proof::default() };
            Caller { proof, ..caller(Actor::Token(9)) }
        };
        let unchanged = Facts { has_callers: false, ..facts() };
        assert!(!refuses(&unchanged, &stranger(7)));
        assert!(refuses(&unchanged, &stranger(6)));
        assert!(refuses(&facts(), &stranger(7)));
    }

    /// The facts with a session and a link of account 5, and of account 9.
    fn signed_in() -> Facts {
        let link = |hash: &str, account_id| Link { hash: hash.to_owned(), account_id, expires_at: time(9) };
        Facts {
            sessions: [("01".repeat(32), 5), ("02".repeat(32), 9)].into(),
            links: [("old".to_owned(), link("old", 5)), ("other".to_owned(), link("other", 9))].into(),
            ways: [(5, Ways { has_link: true, ..Ways::default() })].into(),
            ..facts()
        }
    }

    fn links(facts: &Facts) -> Vec<&str> {
        let mut links: Vec<_> = facts.links.keys().map(String::as_str).collect();
        links.sort_unstable();
        links
    }

    #[test]
    fn a_new_password_or_a_disabled_account_ends_sessions_and_links() {
        let disabled = Account { disabled_at: Some(time(4)), ..account() };
        for change in [Change::SetPassword(5, "hash".to_owned()), Change::UpdateAccount(disabled)] {
            let mut facts = signed_in();
            facts.change_access(&change);
            assert_eq!(facts.sessions, [("02".repeat(32), 9)].into(), "{change:?}");
            assert_eq!(links(&facts), ["other"], "{change:?}");
            assert!(!facts.ways_of(5).has_link, "{change:?}");
            assert_eq!(facts.ways_of(5).has_password, facts.passwords.contains_key(&5));
        }
        let mut facts = signed_in();
        facts.change_access(&Change::UpdateAccount(Account { name: "Ana".to_owned(), ..account() }));
        assert_eq!((facts.sessions.len(), links(&facts)), (2, vec!["old", "other"]));
    }

    #[test]
    fn a_new_link_takes_the_place_of_the_one_before() {
        let mut facts = signed_in();
        let link = Link { hash: "new".to_owned(), account_id: 5, expires_at: time(9) };
        facts.change_access(&Change::AddLink(link));
        assert_eq!((links(&facts), facts.ways_of(5).has_link), (vec!["new", "other"], true));
        assert_eq!(facts.sessions.len(), 2, "nobody is signed out by it");
    }

    #[test]
    fn who_somebody_is_at_a_provider_leads_to_one_account() {
        let mut facts = signed_in();
        let external =
            ExternalId { provider: "https://login.example.edu".to_owned(), subject: "ana".to_owned() };
        let link = |account_id| ExternalLink { external: external.clone(), account_id };
        facts.change_access(&Change::AddExternalLink(link(5)));
        assert!(facts.ways_of(5).has_provider);
        facts.change_access(&Change::AddExternalLink(link(9)));
        assert_eq!([5, 9].map(|id| facts.ways_of(id).has_provider), [false, true]);
        facts.change_access(&Change::RemoveExternalLink(link(9)));
        assert_eq!((facts.externals.len(), facts.ways_of(9).has_provider), (0, false));
        assert_eq!(facts.sessions, [("01".repeat(32), 5)].into(), "the owner is signed out");
    }

    #[test]
    fn the_next_command_sees_tokens_and_instructors() {
        let mut facts = Facts { is_open: true, tokens: [].into(), ..facts() };
        facts.change_access(&Change::AddToken(token(), "hash".to_owned()));
        assert_eq!((facts.is_open, &facts.tokens[&3].revoked_at), (false, &None));
        facts.change_access(&Change::RevokeToken(3, time(5)));
        assert_eq!(facts.tokens[&3].revoked_at, Some(time(5)));
        facts.change_access(&Change::AddInstructor(CourseId(1), 5));
        assert!(facts.instructors.contains(&(CourseId(1), 5)));
        facts.change_access(&Change::RemoveInstructor(CourseId(1), 5));
        assert!(facts.instructors.is_empty());
    }
}
