//! Passwords of accounts: hashing them with argon2id on threads of their own.

mod password;

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};

use argon2::password_hash::{Error as HashError, PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use crossbeam_channel::{Receiver, Sender};
use tokio::sync::oneshot;

pub use self::password::{MAX_CHARACTERS, MIN_CHARACTERS, Password, WeakPassword};
use super::secret::random_bytes;
use crate::priority::give_way;

/// Maximum number of hashing threads. Two, so that a sign-in need not wait for another one; no more, so that a flood of
/// sign-ins takes at most 38 MiB.
const MAX_THREADS: usize = 2;
/// Passwords that may wait for a thread, less than a second of work; further ones are rejected at once.
const MAX_WAITING: usize = 64;

/// The first choice of the OWASP Password Storage Cheat Sheet for argon2id (RFC 9106) with little memory: 19 MiB, 2
/// passes, 1 lane. They are part of each stored hash, so new hashes can have others.
const PARAMS: Params = match Params::new(19 * 1024, 2, 1, None) {
    Ok(params) => params,
    Err(_) => panic!("19 MiB, 2 passes and 1 lane are valid"),
};
/// The length of a salt in bytes, as RFC 9106 (section 3.1) recommends.
const SALT: usize = 16;
/// The hash that a password is compared with if none is stored: random bytes, with the parameters and lengths of all
/// new hashes, which a test checks.
const NO_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$p/KBc9BWpRiPIBlBn17ztQ$\
                       69VPjJh5b6kXRQuY39eSuliWqCUXRCLt2fZwW+uTFy0";

/// There are too many passwords to hash already, or no memory for another one. Callers answer with the status of an
/// overloaded service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked right now")]
pub struct Busy;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that hash passwords, never those of the runtime: a hash takes tens of milliseconds of work, and requests
/// that have nothing to do with passwords must not wait for it. The threads end when this is dropped.
#[derive(Debug)]
pub struct Passwords {
    jobs: Sender<Job>,
}

impl Passwords {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system starts no further thread.
    pub fn start() -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::start_with(threads(cores), MAX_WAITING)
    }

    #[expect(clippy::disallowed_methods, reason = "hashing would block the threads of the runtime")]
    fn start_with(threads: usize, waiting: usize) -> std::io::Result<Self> {
        let (jobs, queue) = crossbeam_channel::bounded(waiting);
        for number in 0..threads {
            let queue = queue.clone();
            std::thread::Builder::new()
                .name(format!("passwords-{number}"))
                .spawn(move || run_jobs(&queue))?;
        }
        Ok(Self { jobs })
    }

    /// Hashes a new password with a random salt; returns what to store, a PHC string: `$argon2id$v=19$m=19456,...`.
    ///
    /// # Errors
    /// [`Busy`]
    pub async fn hash(&self, password: Password) -> Result<String, Busy> {
        let hashed = self.run(move || hash(&password)).await?;
        hashed.map_err(|error| {
            tracing::error!(%error, "cannot hash a password");
            Busy
        })
    }

    /// Whether a password is the one of a stored hash. With `None`, for an account that does not exist or has no
    /// password, the answer is false after the same work, so that the time that it takes does not say which accounts
    /// exist.
    ///
    /// # Errors
    /// [`Busy`]
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<bool, Busy> {
        self.run(move || is_password(&password, stored.as_deref(), compare)).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Skip a client that has disconnected.
            if answer.is_closed() {
                return;
            }
            #[expect(clippy::let_underscore_must_use, reason = "a client that went away needs no answer")]
            let _ = answer.send(work());
        });
        self.jobs.try_send(job).map_err(|_| Busy)?;
        answered.await.map_err(|_| Busy)
    }
}

/// At most half of the cores: even at a low priority, a hashing thread keeps its core for milliseconds, and requests
/// need the others.
fn threads(cores: usize) -> usize {
    (cores / 2).clamp(1, MAX_THREADS)
}

fn run_jobs(queue: &Receiver<Job>) {
    give_way();
    for job in queue {
        // A thread that ended would never be replaced, and without threads nobody could sign in.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("hashing a password panicked");
        }
    }
}

fn argon2id() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS)
}

fn hash(password: &Password) -> Result<String, HashError> {
    let hash = argon2id().hash_password_with_salt(password.as_bytes(), &random_bytes::<SALT>())?;
    Ok(hash.to_string())
}

/// Compares a password with a hash, by the parameters of the hash and in constant time.
fn compare(password: &[u8], hash: &str) -> Result<(), HashError> {
    argon2id().verify_password(password, hash)
}

/// Whether a password is the one of a stored hash. Exactly one comparison, whatever is stored.
fn is_password(
    password: &Password,
    stored: Option<&str>,
    compare: impl FnOnce(&[u8], &str) -> Result<(), HashError>,
) -> bool {
    match compare(password.as_bytes(), stored.unwrap_or(NO_HASH)) {
        Ok(()) => stored.is_some(),
        Err(HashError::PasswordInvalid) => false,
        Err(error) => {
            tracing::error!(%error, "cannot compare a password with a stored hash");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::mpsc;

    use argon2::PasswordHash;
    use futures_util::FutureExt as _;

    use super::*;

    const GOOD: &str = "correct horse battery";

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn the_right_password_is_recognized_and_no_other() {
        let passwords = Passwords::start().unwrap();
        let stored = passwords.hash(password("the\u{301} au lait")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let verify = |text, stored: &str| passwords.verify(password(text), Some(stored.to_owned()));
        assert_eq!(verify("th\u{e9} au lait", &stored).await, Ok(true));
        assert_eq!(verify("Th\u{e9} au lait", &stored).await, Ok(false));
        assert_eq!(passwords.verify(password(GOOD), None).await, Ok(false));
        // Something else that another program stored.
        assert_eq!(verify(GOOD, GOOD).await, Ok(false));
        assert_eq!(verify("", "").await, Ok(false));
    }

    #[test]
    fn hashing_leaves_half_of_the_cores_to_requests() {
        assert_eq!([1, 2, 3, 4, 64].map(threads), [1, 1, 1, 2, 2]);
    }

    #[test]
    fn each_hash_has_a_salt_of_its_own() {
        let hashes = [(); 2].map(|()| hash(&password(GOOD)).unwrap());
        assert_ne!(hashes[0], hashes[1]);
    }

    /// Parameters and lengths of a hash, on which its time depends.
    fn work(hash: &str) -> impl PartialEq + fmt::Debug + use<> {
        let hash = PasswordHash::new(hash).unwrap();
        let salt = hash.salt.unwrap().as_ref().len();
        let output = hash.hash.unwrap().len();
        (hash.algorithm, hash.version, hash.params.to_string(), salt, output)
    }

    #[test]
    fn an_unknown_account_takes_the_same_work_as_a_wrong_password() {
        let stored = hash(&password(GOOD)).unwrap();
        let work_of = |stored: Option<&str>| {
            let mut compared = Vec::new();
            let is_right = is_password(&password("a wrong password"), stored, |typed, hash| {
                compared.push((typed.to_vec(), work(hash)));
                compare(typed, hash)
            });
            assert!(!is_right);
            assert_eq!(compared.len(), 1);
            compared
        };
        assert_eq!(work_of(Some(&stored)), work_of(None));
        // Without a stored hash, even a password that matched would be wrong.
        assert!(!is_password(&password(GOOD), None, |_, _| Ok(())));
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_at_once() {
        let passwords = Passwords::start_with(1, 1).unwrap();
        let (started, has_started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let running: Job = Box::new(move || {
            started.send(()).unwrap();
            assert!(released.recv().is_err());
        });
        passwords.jobs.send(running).unwrap();
        has_started.recv().unwrap();
        passwords.jobs.send(Box::new(|| ())).unwrap();
        assert_eq!(passwords.hash(password(GOOD)).await, Err(Busy));
        assert_eq!(passwords.verify(password(GOOD), None).await, Err(Busy));
        drop(release);
    }

    #[tokio::test]
    async fn a_panic_is_busy_and_the_thread_goes_on() {
        let passwords = Passwords::start_with(1, 2).unwrap();
        assert_eq!(passwords.run(|| panic!("a fault in a hash")).await.map(|()| 0), Err(Busy));
        assert_eq!(passwords.run(|| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn a_client_that_has_disconnected_costs_no_work() {
        let passwords = Passwords::start_with(1, 3).unwrap();
        let (release, released) = mpsc::channel::<()>();
        passwords.jobs.send(Box::new(move || assert!(released.recv().is_err()))).unwrap();
        let (work, worked) = mpsc::channel();
        // Waits in the queue, and is dropped.
        assert!(passwords.run(move || work.send(())).now_or_never().is_none());
        drop(release);
        assert_eq!(passwords.run(|| 1).await, Ok(1));
        assert!(worked.recv().is_err());
    }
}
