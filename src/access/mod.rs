//! Who asks: tokens of programs and accounts of people, and what they may do.

pub mod accounts;
pub mod api;
pub mod gate;
pub mod keys;
pub mod own;
pub mod passwords;
pub mod proxy;
pub mod secret;
pub mod session;
pub mod sign_in;
pub mod sign_ins;
pub mod sign_on;
mod store;
pub mod throttle;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;

use self::proxy::{PROXY, TrustedProxy};
use self::secret::SecretHash;
use self::sign_on::Providers;
pub use self::store::{Named, accounts, find_account, find_token, is_student, named, providers_of, tokens};
use crate::background::with_span;
use crate::clock::{Clock, Stamp};
use crate::db::{Db, DbError, Location};
use crate::registrar::{Account, Actor, ExternalId, Grants, Identity, Proof};

/// What the secret of a token begins with, so that scanners for leaked secrets can find it.
pub const TOKEN_PREFIX: &str = "mtr_";

/// Where people sign in.
pub const SIGN_IN: &str = "/sign-in";

/// Where people set a password, before the secret of their link.
pub const SET_PASSWORD: &str = "/set-password/";

/// How often the database is asked whether rights have changed, also by another server or by a command.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// How long the answer to that question holds. After that, the database is asked with each request.
const MAX_AGE: Duration = Duration::from_secs(1);
/// Remembered tokens and sessions; a server forgets all of them when there are more.
const MAX_REMEMBERED: usize = 10_000;

/// How long a session lasts without being used: a working day of a person who leaves the computer (ASVS 5.0, 7.3.1).
const IDLE_TIMEOUT: SignedDuration = SignedDuration::from_hours(12);
/// How long a session lasts in any case (ASVS 5.0, 7.3.2).
const SESSION_TTL: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How often the use of a session or a token is written down.
const USE_INTERVAL: SignedDuration = SignedDuration::from_mins(5);

/// Finds out who asks. Remembers tokens until rights change anywhere; a change by this server counts at once, one by
/// another server within a second. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Access(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    db: Db,
    clock: Clock,
    /// See [`Registrar::rights_changes`](crate::registrar::Registrar::rights_changes).
    changes: Arc<AtomicU64>,
    stays_closed: AtomicBool,
    remembered: RwLock<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    version: i64,
    /// Whether there has never been an account or a token, so that everybody may do everything.
    is_open: bool,
    checked: Instant,
    /// The changes by this process that it knows of.
    changes: u64,
    /// Tokens and sessions.
    known: HashMap<Key, Known>,
}

/// What somebody shows. Each kind counts as that kind only: a session is no token, and a name no secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Token(SecretHash),
    Session(SecretHash),
    /// A proxy vouches for somebody.
    External(ExternalId),
    Account(i64),
}

#[derive(Clone, Debug)]
struct Known {
    identity: Identity,
    /// When its last use was written down.
    used_at: Option<Timestamp>,
}

impl Access {
    /// Reads whether the school is open, and follows changes until the returned task is aborted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn start(
        db: Db,
        clock: Clock,
        changes: Arc<AtomicU64>,
    ) -> Result<(Self, JoinHandle<()>), DbError> {
        let remembered = RwLock::new(read(&db, &changes).await?);
        let access =
            Self(Arc::new(Shared { db, clock, changes, stays_closed: AtomicBool::new(false), remembered }));
        let following = access.clone();
        let task = tokio::spawn(with_span(async move {
            loop {
                tokio::time::sleep(POLL_INTERVAL).await;
                if let Err(error) = following.refresh().await {
                    tracing::debug!(%error, "cannot read whether rights have changed");
                }
            }
        }));
        Ok((access, task))
    }

    /// Forgets what was remembered, if rights have changed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn refresh(&self) -> Result<(), DbError> {
        let (checked, changes) = (Instant::now(), self.0.changes.load(Ordering::SeqCst));
        let version = store::version(&self.0.db).await?;
        {
            let mut remembered = self.write();
            if remembered.version == version {
                (remembered.checked, remembered.changes) = (checked, changes);
                return Ok(());
            }
        }
        let now = read(&self.0.db, &self.0.changes).await?;
        let mut remembered = self.write();
        // Whatever happens to the rows: who has been shut out once is not let in again.
        let is_open = remembered.is_open && now.is_open;
        *remembered = Remembered { is_open, ..now };
        Ok(())
    }

    /// Anybody, if there has never been an account or a token, so that everybody may do everything.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn everybody(&self) -> Result<Option<Identity>, DbError> {
        self.ensure_fresh().await?;
        let remembered = self.read();
        let is_open = remembered.is_open && !self.0.stays_closed.load(Ordering::SeqCst);
        Ok(is_open.then(|| Identity::everybody(remembered.version)))
    }

    /// Lets nobody in without an account or a token from now on, even if the database has none.
    pub fn stay_closed(&self) {
        self.0.stays_closed.store(true, Ordering::SeqCst);
    }

    /// Returns once the caller may no longer do what this identity may: after a revocation, an expiry, or the end of the
    /// open mode.
    pub async fn ended(self, identity: Identity) {
        let key = identity.proof.key.map(SecretHash::from_bytes);
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            // While the database cannot be read, nothing new can be sent either.
            let now = match (&identity.actor, key) {
                (Actor::Token(_), Some(hash)) => {
                    self.by_token(hash).await.map(|known| known.map(|(one, _)| one))
                }
                (Actor::Account(id), None) => self.by_account_at_proxy(*id).await,
                (Actor::Account(_), Some(hash)) => {
                    self.by_session(hash).await.map(|known| known.map(|(one, _)| one))
                }
                _ => self.everybody().await,
            };
            if now.is_ok_and(|now| now.is_none_or(|now| now.grants != identity.grants)) {
                return;
            }
        }
    }

    /// Who has this token; `None` if nobody has, or it has expired or was revoked. Also returns whether its use should be
    /// written down.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn by_token(&self, hash: SecretHash) -> Result<Option<(Identity, bool)>, DbError> {
        let read = async || {
            let token = store::token_by_hash(&self.0.db, &hash).await?;
            Ok(token.map(|token| Known {
                identity: Identity {
                    actor: Actor::Token(token.id),
                    role: Some(token.role),
                    grants: Grants { rights: token.scopes, student: token.student_id },
                    proof: Proof { version: 0, expires_at: token.expires_at, key: Some(*hash.as_bytes()) },
                },
                used_at: token.used_at.as_ref().and_then(Stamp::instant),
            }))
        };
        let Some(known) = self.known(Key::Token(hash), read).await? else { return Ok(None) };
        let is_due = self.is_unused_for(USE_INTERVAL, known.used_at);
        Ok(Some((known.identity, is_due)))
    }

    /// Whose account somebody at a proxy has; `None` if it is not linked yet, or cannot be used.
    async fn by_external(&self, external: &ExternalId) -> Result<Option<Identity>, DbError> {
        let key = Key::External(external.clone());
        let read = async || Ok(store::account_of(&self.0.db, external).await?.as_ref().map(known_account));
        Ok(self.known(key, read).await?.map(|known| known.identity))
    }

    async fn by_account_at_proxy(&self, id: i64) -> Result<Option<Identity>, DbError> {
        let read = async || Ok(store::account_at(&self.0.db, id, PROXY).await?.as_ref().map(known_account));
        Ok(self.known(Key::Account(id), read).await?.map(|known| known.identity))
    }

    /// Whose session this is; `None` if it has ended. Also returns whether its use should be written down.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn by_session(&self, hash: SecretHash) -> Result<Option<(Identity, bool)>, DbError> {
        let key = Key::Session(hash);
        let find = async || self.known(key.clone(), async || self.read_session(hash).await).await;
        let mut known = find().await?;
        if known.as_ref().is_some_and(|known| self.is_unused_for(IDLE_TIMEOUT, known.used_at)) {
            // Since it was remembered, it may have been used at another server.
            self.forget(&key);
            known = find().await?.filter(|known| !self.is_unused_for(IDLE_TIMEOUT, known.used_at));
        }
        Ok(known.map(|known| (known.identity, self.is_unused_for(USE_INTERVAL, known.used_at))))
    }

    async fn read_session(&self, hash: SecretHash) -> Result<Option<Known>, DbError> {
        let session = store::session(&self.0.db, &hash).await?;
        Ok(session.map(|session| Known {
            identity: Identity {
                actor: Actor::Account(session.account.id),
                role: Some(session.account.role),
                grants: Grants { rights: session.account.role.rights(), student: session.account.student_id },
                proof: Proof {
                    version: 0,
                    expires_at: Some(session.expires_at),
                    key: Some(*hash.as_bytes()),
                },
            },
            used_at: session.used_at.instant(),
        }))
    }

    fn is_unused_for(&self, time: SignedDuration, used_at: Option<Timestamp>) -> bool {
        used_at.is_none_or(|used_at| self.0.clock.now().duration_since(used_at) >= time)
    }

    /// What is remembered, or `read` now; `None` also after the expiry.
    async fn known(
        &self,
        key: Key,
        read: impl AsyncFnOnce() -> Result<Option<Known>, DbError>,
    ) -> Result<Option<Known>, DbError> {
        self.ensure_fresh().await?;
        let (known, version) = {
            let remembered = self.read();
            (remembered.known.get(&key).cloned(), remembered.version)
        };
        let known = match known {
            Some(known) => known,
            None => match read().await? {
                Some(mut known) => {
                    known.identity.proof.version = version;
                    self.remember(key, known.clone(), version);
                    known
                }
                None => return Ok(None),
            },
        };
        let expires_at = known.identity.proof.expires_at.as_ref();
        let is_over = expires_at.is_some_and(|time| *time <= self.0.clock.stamp());
        Ok((!is_over).then_some(known))
    }

    /// Remembers what was read while rights had this version.
    fn remember(&self, key: Key, known: Known, version: i64) {
        let mut remembered = self.write();
        if remembered.version == version {
            if remembered.known.len() >= MAX_REMEMBERED {
                remembered.known.clear();
            }
            remembered.known.insert(key, known);
        }
    }

    /// The use of a session or a token has been written down, or is about to be.
    fn used(&self, key: &Key, now: Timestamp) {
        if let Some(known) = self.write().known.get_mut(key) {
            known.used_at = Some(now);
        }
    }

    /// Looks it up again with the next request.
    fn forget(&self, key: &Key) {
        self.write().known.remove(key);
    }

    async fn ensure_fresh(&self) -> Result<(), DbError> {
        let is_fresh = {
            let remembered = self.read();
            remembered.checked.elapsed() < MAX_AGE
                && remembered.changes == self.0.changes.load(Ordering::SeqCst)
        };
        if is_fresh { Ok(()) } else { self.refresh().await }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Remembered> {
        self.0.remembered.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Remembered> {
        self.0.remembered.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody whom a proxy vouches for with each request.
fn known_account(account: &Account) -> Known {
    let &Account { id, role, student_id, .. } = account;
    let grants = Grants { rights: role.rights(), student: student_id };
    let identity = Identity { actor: Actor::Account(id), role: Some(role), grants, proof: Proof::default() };
    Known { identity, used_at: None }
}

/// Who reads a page, left in its response for the page of a problem, which is rendered behind the routes.
#[derive(Clone, Debug)]
pub struct Reader(pub Identity);

/// Ways in that the operator has set up.
#[derive(Debug, Default)]
pub struct Ways {
    /// Providers of single sign-on.
    pub providers: Providers,
    /// A proxy that signs people in.
    pub proxy: Option<TrustedProxy>,
}

/// Whether the database at this location has no accounts and no tokens, as far as it exists.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_open(location: &Location) -> Result<bool, DbError> {
    if matches!(location, Location::File(path) if !path.exists()) {
        return Ok(true);
    }
    let db = Db::open(location)?;
    Ok(!db.has_table("matricula_access").await? || store::is_open(&db).await?)
}

/// What is known before any token was seen. The version comes first: a change in between is then noticed.
async fn read(db: &Db, changes: &AtomicU64) -> Result<Remembered, DbError> {
    let (checked, changes) = (Instant::now(), changes.load(Ordering::SeqCst));
    let version = store::version(db).await?;
    let is_open = store::is_open(db).await?;
    Ok(Remembered { version, is_open, checked, changes, known: HashMap::new() })
}
