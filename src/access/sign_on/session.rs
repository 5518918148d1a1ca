//! The account of somebody whom a provider or a proxy vouches for, and their session.

use super::super::proxy::PROXY;
use super::super::secret::Secret;
use super::super::sign_in::{SignIn, after};
use super::super::sign_ins::{Network, Way, store as records};
use super::super::{SESSION_TTL, store};
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
        let at_address = self.students_with(&external, address.as_deref()).await?;
        let number = person.student.as_deref().filter(|number| !number.trim().is_empty());
        let numbered = match number {
            Some(number) => store::students_with_number(&self.db, number).await?,
            None => Vec::new(),
        };
        let contradicts = role.is_none() && number.is_some() && contradict(&at_address, &numbered);
        let command = SignOn {
            external: external.clone(),
            name: person.name.as_deref().and_then(usable_name),
            students: at_address.iter().map(|student| student.id).filter(|_| !contradicts).collect(),
            address: address.filter(|_| !contradicts),
            role,
            may_be_student: settings.may_be_student(&person.groups),
            student: <[_; 1]>::try_from(numbered).ok().map(|[student]| student),
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
        chores.push(store::forget_states(&after(now, -SESSION_TTL)));
        let changed = self.open(chores, account.id).await?;
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
            students: self
                .students_with(&external, address.as_deref())
                .await?
                .iter()
                .map(|student| student.id)
                .collect(),
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
    ) -> Result<Vec<store::StudentAt>, Refusal> {
        match address {
            Some(address) if store::account_of(&self.db, external).await?.is_none() => {
                let similar = store::students_with(&self.db, address).await?.into_iter();
                Ok(similar.filter(|student| is_address_of(address, &student.email)).take(ENOUGH).collect())
            }
            _ => Ok(Vec::new()),
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

/// Whether a number that several students have, or nobody, speaks against all students at the address: an address may have
/// been somebody else's, or be a parent's. (A number that one student has is compared when the account is decided on.)
fn contradict(at_address: &[store::StudentAt], numbered: &[StudentId]) -> bool {
    let agrees = |student: &store::StudentAt| match numbered {
        [] => student.number.is_none(),
        holders => holders.contains(&student.id),
    };
    numbered.len() != 1 && !at_address.is_empty() && !at_address.iter().any(agrees)
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
