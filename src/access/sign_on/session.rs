//! The account of somebody whom a provider or a proxy vouches for, and their session.

use super::super::proxy::PROXY;
use super::super::secret::Secret;
use super::super::sign_in::{MAX_SESSIONS, SignIn, after};
use super::super::sign_ins::{Network, Way, store as records};
use super::super::{IDLE_TIMEOUT, SESSION_TTL, store};
use super::attempt::Attempt;
use super::provider::{Person, Provider};
use crate::clock::Stamp;
use crate::registrar::{
    Account, Actor, Caller, ExternalId, Grants, Identity, NoAccount, Proof, Refusal, Role, SignOn, StudentId,
    email_address, is_address_of, visible_text,
};

/// So many students with one address are too many.
const ENOUGH: usize = 3;

impl SignIn {
    /// Opens a session for a person who has come back from a provider, and records it. Returns its secret.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`] when they have none, [`Refusal::Unauthorized`] when the attempt has ended in a session
    /// already, or when it cannot be written.
    pub async fn open_session_for(
        &self,
        provider: &Provider,
        person: &Person,
        attempt: &Attempt,
        from: Network,
        caller: &Caller,
    ) -> Result<Secret, Refusal> {
        let settings = &provider.settings;
        let external = ExternalId { provider: settings.issuer.clone(), subject: person.subject.clone() };
        let role = settings.role(&person.groups).filter(|role| *role != Role::Student);
        let vouches = |address: &String| settings.vouches_for(address);
        let address = person.address.as_deref().and_then(usable_address).filter(vouches);
        let command = SignOn {
            external: external.clone(),
            name: person.name.as_deref().and_then(usable_name),
            students: self.students_with(&external, address.as_deref()).await?,
            address,
            role,
            may_be_student: settings.may_be_student(&person.groups),
            student: self.student_with_number(person.student.as_deref()).await?,
        };
        let account = self.submit_sign_on(command, caller).await?;
        let secret = Secret::generate("");
        let now = self.clock.now();
        let (hash, opened) = (secret.hash(), Stamp::from(now));
        let session = store::LinkedSession {
            hash: &hash,
            account_id: account.id,
            external: &external,
            state: &attempt.state.hash(),
            now: &opened,
            expires_at: &after(now, SESSION_TTL),
        };
        let [use_state, open] = store::open_linked_session(&session);
        let mut chores = vec![store::hold_account(account.id), use_state, open];
        chores.push(records::signed_in(&hash, Way::SignOn, from));
        chores.push(store::delete_idle_sessions(&after(now, -IDLE_TIMEOUT)));
        chores.push(store::forget_states(&after(now, -SESSION_TTL)));
        chores.push(store::delete_surplus_sessions(account.id, MAX_SESSIONS));
        let changed = self.registrar.keep_house(chores).await?;
        if changed.get(2) == Some(&1) { Ok(secret) } else { Err(Refusal::Unauthorized) }
    }

    /// Who a trusted proxy says has signed in there.
    ///
    /// # Errors
    /// As [`SignIn::open_session_for`].
    pub async fn by_proxy(&self, user: &str, caller: &Caller) -> Result<Identity, Refusal> {
        // The case of an address depends on how the person has typed it at the proxy.
        let external = ExternalId { provider: PROXY.to_owned(), subject: user.to_ascii_lowercase() };
        if let Some(identity) = self.access.by_external(&external).await? {
            return Ok(identity);
        }
        let address = usable_address(user);
        let command = SignOn {
            external: external.clone(),
            name: None,
            students: self.students_with(&external, address.as_deref()).await?,
            address,
            role: None,
            may_be_student: true,
            student: None,
        };
        self.submit_sign_on(command, caller).await?;
        self.access.by_external(&external).await?.ok_or(Refusal::Unauthorized)
    }

    /// Students with the address, if it matters: for a person who has no account yet.
    async fn students_with(
        &self,
        external: &ExternalId,
        address: Option<&str>,
    ) -> Result<Vec<StudentId>, Refusal> {
        match address {
            Some(address) if store::account_of(&self.db, external).await?.is_none() => {
                let similar = store::students_with(&self.db, address).await?.into_iter();
                let holders = similar.filter(|(_, email)| is_address_of(address, email));
                Ok(holders.map(|(id, _)| id).take(ENOUGH).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The student with this number, as the school writes it. The id here would be that of somebody else.
    async fn student_with_number(&self, number: Option<&str>) -> Result<Option<StudentId>, Refusal> {
        let Some(number) = number else { return Ok(None) };
        match store::students_with_number(&self.db, number).await?.as_slice() {
            [student] => Ok(Some(*student)),
            _ => Ok(None),
        }
    }

    async fn submit_sign_on(&self, command: SignOn, caller: &Caller) -> Result<Account, Refusal> {
        let caller =
            Caller { actor: Actor::SignOn, grants: Grants::NONE, proof: Proof::default(), ..caller.clone() };
        let is_admin = command.role == Some(Role::Admin);
        let account = self.registrar.submit(command, &caller).await.map_err(|refused| refused.answer)?.answer;
        if account.disabled_at.is_some() {
            return Err(NoAccount::NoRole.into());
        }
        if account.by_groups.is_some() && account.role == Role::Admin && !is_admin {
            tracing::warn!(
                account = account.id,
                "the groups of the only admin who can sign in give that role no more; the account keeps it"
            );
        }
        Ok(account)
    }
}

/// An address as accounts have it. Only ASCII is made lower: the lower case of other letters may be another person’s
/// letter (the Kelvin sign becomes a k).
fn usable_address(text: &str) -> Option<String> {
    email_address(text).ok().map(|address| address.to_ascii_lowercase())
}

fn usable_name(text: &str) -> Option<String> {
    let name = visible_text(text);
    (!name.is_empty()).then_some(name)
}
