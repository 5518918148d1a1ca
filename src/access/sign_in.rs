//! Signing in and out with a password, and the one-time links with which people set it.

use jiff::{SignedDuration, Timestamp};

use super::passwords::{Busy, Password, Passwords};
use super::secret::{Secret, SecretHash};
use super::sign_ins::{
    FailedSignIn, Network, SignInEntry, SignInOutcome, Unsuccessful, Way, store as records,
};
use super::throttle::{SignInThrottle, Wait};
use super::{Access, IDLE_TIMEOUT, Key, SESSION_TTL, TOKEN_PREFIX, store};
use crate::clock::{Clock, Stamp};
use crate::db::{Db, DbError};
use crate::registrar::{
    Account, Actor, Caller, Chore, Grants, Identity, Proof, Refusal, Registrar, SetPassword, Tally,
};

/// Sessions of one account at a time; a further one ends the oldest.
const MAX_SESSIONS: i64 = 50;
/// How long a one-time link works.
const LINK_TTL: SignedDuration = SignedDuration::from_hours(24);

/// Signs people in. Cheap to share.
#[derive(Debug)]
pub struct SignIn {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) access: Access,
    pub(super) registrar: Registrar,
    pub(super) passwords: Passwords,
    pub(super) throttle: SignInThrottle,
    pub(super) failures: Tally<FailedSignIn>,
}

/// Why somebody was not signed in.
#[derive(Debug)]
pub enum NotSignedIn {
    /// There is no such account, or the password is another one. Which of them is nobody's business.
    Wrong,
    /// Too many sign-ins have failed.
    Wait(Wait),
    /// It could not be checked.
    Refused(Refusal),
}

impl From<Busy> for NotSignedIn {
    fn from(_: Busy) -> Self {
        Self::Refused(Refusal::Overloaded)
    }
}

impl From<DbError> for NotSignedIn {
    fn from(error: DbError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Refusal> for NotSignedIn {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl SignIn {
    /// Starts the threads that hash passwords, and the record of failures.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(db: Db, clock: Clock, access: Access, registrar: Registrar) -> std::io::Result<Self> {
        let (passwords, throttle) = (Passwords::start()?, SignInThrottle::default());
        let failures = Tally::start(registrar.clone(), clock.clone());
        Ok(Self { db, clock, access, registrar, passwords, throttle, failures })
    }

    /// Writes the failures that are not recorded yet; the last thing to do.
    pub async fn close(&self) {
        self.failures.close().await;
    }

    /// Opens a session for the owner of the account, who asks from this network, and records it, or the failure.
    /// Returns its secret.
    ///
    /// # Errors
    /// Why not.
    pub async fn open_session(
        &self,
        address: &str,
        password: Password,
        from: Network,
    ) -> Result<Secret, NotSignedIn> {
        let checked = self.throttle.check(address, from, self.clock.now());
        let known = store::password(&self.db, &address.trim().to_lowercase()).await;
        let failed = |outcome| {
            let account_id = known.as_ref().ok().and_then(Option::as_ref).map(|(id, _)| *id);
            let failed = FailedSignIn { account_id, outcome, way: Way::Password, network: from };
            Unsuccessful::new(&self.failures, failed)
        };
        let mut attempt = checked.map_err(|wait| {
            drop(failed(SignInOutcome::Waiting));
            NotSignedIn::Wait(wait)
        })?;
        let failure = failed(SignInOutcome::Failed);
        let (account_id, stored) = match known {
            Ok(known) => known.map_or((None, None), |(id, stored)| (Some(id), stored)),
            Err(error) => {
                failure.dismiss();
                return Err(error.into());
            }
        };
        attempt.begin();
        let is_right = match self.passwords.verify(password, stored.clone()).await {
            Ok(is_right) => is_right,
            Err(busy) => {
                attempt.cancel();
                failure.dismiss();
                return Err(busy.into());
            }
        };
        // The account may have got another password, or have been disabled, while this one was hashed.
        let secret = match (account_id, stored) {
            (Some(account_id), Some(stored)) if is_right => {
                self.new_session(account_id, &stored, Way::Password, from).await?
            }
            _ => None,
        };
        let Some(secret) = secret else {
            attempt.failed(self.clock.now());
            return Err(NotSignedIn::Wrong);
        };
        attempt.succeeded();
        failure.dismiss();
        Ok(secret)
    }

    /// A new session, never one whose secret somebody else may have given to the browser before. `None` if the account may
    /// not sign in with this hashed password any more.
    pub(super) async fn new_session(
        &self,
        account_id: i64,
        password: &str,
        way: Way,
        from: Network,
    ) -> Result<Option<Secret>, Refusal> {
        let secret = Secret::generate("");
        let now = self.clock.now();
        let (opened, expires_at) = (Stamp::from(now), after(now, SESSION_TTL));
        let chores = vec![
            store::hold_account(account_id),
            store::open_session(&secret.hash(), account_id, password, &opened, &expires_at),
            records::signed_in(&secret.hash(), way, from),
        ];
        let changed = self.open(chores, account_id).await?;
        Ok((changed.get(1) == Some(&1)).then_some(secret))
    }

    /// Opens a session of the account with these statements, and ends sessions that are too old or too many. Returns how
    /// many rows each statement changed.
    pub(super) async fn open(&self, mut chores: Vec<Chore>, account_id: i64) -> Result<Vec<usize>, Refusal> {
        chores.push(store::delete_idle_sessions(&after(self.clock.now(), -IDLE_TIMEOUT)));
        let surplus = chores.len();
        chores.extend(store::delete_surplus_sessions(account_id, MAX_SESSIONS));
        let changed = self.registrar.keep_house(chores).await?;
        if changed.get(surplus) == Some(&1) {
            self.access.refresh().await?;
        }
        Ok(changed)
    }

    /// Whose session this is. Has it written down now and then that it is used, without waiting for that: people read
    /// while nothing can be written.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn identity(&self, secret: &Secret) -> Result<Option<Identity>, DbError> {
        let hash = secret.hash();
        let Some((identity, is_due)) = self.access.by_session(hash).await? else { return Ok(None) };
        if is_due && !self.registrar.is_read_only() {
            let now = self.clock.now();
            self.note_use(Key::Session(hash), now, store::use_session(&hash, &now.into()));
        }
        Ok(Some(identity))
    }

    /// Who has this token; `None` if nobody has, or it has expired or was revoked. Has it written down now and then that
    /// the token is used, without waiting for that: programs read while nothing can be written.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn token_identity(&self, text: &str) -> Result<Option<Identity>, DbError> {
        let Some(secret) = Secret::parse(TOKEN_PREFIX, text) else { return Ok(None) };
        let hash = secret.hash();
        let Some((identity, is_due)) = self.access.by_token(hash).await? else { return Ok(None) };
        let is_due = is_due && !self.registrar.is_read_only();
        if let (true, Actor::Token(id)) = (is_due, &identity.actor) {
            let now = self.clock.now();
            self.note_use(Key::Token(hash), now, store::use_token(*id, &now.into()));
        }
        Ok(Some(identity))
    }

    /// Has the use written down; if that fails, with a later request.
    fn note_use(&self, key: Key, now: Timestamp, chore: Chore) {
        // First, so that the requests in the meantime do not write it too.
        self.access.used(&key, now);
        let (registrar, access) = (self.registrar.clone(), self.access.clone());
        tokio::spawn(async move {
            if let Err(error) = registrar.keep_house(vec![chore]).await {
                tracing::debug!(%error, "the use of a session or a token cannot be written down");
                access.forget(&key);
            }
        });
    }

    /// Ends a session that another one replaces, on every server within a second.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn end_session(&self, hash: &SecretHash) -> Result<(), Refusal> {
        // An invented secret costs no write.
        if self.access.by_session(*hash).await?.is_none() {
            return Ok(());
        }
        self.forget(vec![store::end_session(hash)]).await
    }

    /// Ends a session because its owner signs out, and records that.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn sign_out(&self, hash: &SecretHash, from: Network) -> Result<(), Refusal> {
        if self.access.by_session(*hash).await?.is_none() {
            return Ok(());
        }
        let record = records::signed_out(hash, &self.clock.stamp(), from);
        self.forget(vec![record, store::end_session(hash)]).await
    }

    /// Ends all sessions of the account, and records that.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn sign_out_everywhere(&self, account_id: i64, from: Network) -> Result<(), Refusal> {
        let now = self.clock.now();
        let record =
            records::signed_out_everywhere(account_id, &now.into(), &after(now, -IDLE_TIMEOUT), from);
        self.forget(vec![record, store::end_sessions_of(account_id)]).await
    }

    pub(super) async fn forget(&self, mut chores: Vec<Chore>) -> Result<(), Refusal> {
        chores.push(store::new_version());
        self.registrar.keep_house(chores).await?;
        Ok(self.access.refresh().await?)
    }

    /// The time after this span; `None` if there is no such time.
    #[must_use]
    pub fn in_future(&self, span: SignedDuration) -> Option<Stamp> {
        self.clock.now().checked_add(span).ok().map(Stamp::from)
    }

    /// The latest entries of the account with this outcome, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn latest_of(
        &self,
        account_id: i64,
        outcome: SignInOutcome,
        max: i64,
    ) -> Result<Vec<SignInEntry>, DbError> {
        records::latest_of(&self.db, account_id, outcome, max).await
    }

    /// When a link that is created now stops working.
    #[must_use]
    pub fn link_expires_at(&self) -> Stamp {
        link_expires_at(&self.clock)
    }

    /// The account that a link is for, while it works.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn linked_account(&self, link: &Secret) -> Result<Option<Account>, DbError> {
        store::linked_account(&self.db, &link.hash(), &self.clock.stamp()).await
    }

    /// Sets the password of the account that the link is for, and opens a session. All earlier ones end.
    ///
    /// # Errors
    /// [`Refusal::LinkEnded`], or when it cannot be written.
    pub async fn set_password(
        &self,
        link: &Secret,
        password: Password,
        from: Network,
        caller: &Caller,
    ) -> Result<Secret, Refusal> {
        let hashed = self.passwords.hash(password).await.map_err(|_| Refusal::Overloaded)?;
        let account = self.linked_account(link).await?.ok_or(Refusal::LinkEnded)?;
        let command = SetPassword { link: link.hash().to_hex(), password: hashed.clone() };
        // The link is what permits it, whoever is signed in to this browser.
        let (actor, grants) = (Actor::Account(account.id), Grants::NONE);
        let caller = Caller { actor, grants, proof: Proof::default(), ..caller.clone() };
        let account = self.registrar.submit(command, &caller).await.map_err(|outcome| outcome.answer)?.answer;
        self.new_session(account.id, &hashed, Way::Link, from).await?.ok_or(Refusal::LinkEnded)
    }
}

/// When a link that is created now stops working.
#[must_use]
pub fn link_expires_at(clock: &Clock) -> Stamp {
    after(clock.now(), LINK_TTL)
}

/// The time so much later.
pub(super) fn after(time: Timestamp, span: SignedDuration) -> Stamp {
    time.checked_add(span).unwrap_or(time).into()
}
