//! What people do with their own account: see their sessions and end them, change the password.

use super::passwords::Password;
use super::secret::Secret;
use super::session::{OpenSession, SessionName};
use super::sign_in::{NotSignedIn, SignIn, after};
use super::sign_ins::{FailedSignIn, Network, SignInOutcome, Unsuccessful, Way, store as records};
use super::{IDLE_TIMEOUT, store};
use crate::db::DbError;
use crate::registrar::{Account, Caller, ChangePassword, Refusal};

impl SignIn {
    /// The sessions of the account that have not ended, the one that was used last first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sessions_of(&self, account_id: i64) -> Result<Vec<OpenSession>, DbError> {
        let now = self.clock.now();
        store::sessions_of(&self.db, account_id, &now.into(), &after(now, -IDLE_TIMEOUT)).await
    }

    /// Ends a session of this account, on every server within a second, and records that. Does nothing if the account has no such session.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn end_own_session(
        &self,
        account_id: i64,
        name: &SessionName,
        from: Network,
    ) -> Result<(), Refusal> {
        // An invented name costs no write.
        if !self.sessions_of(account_id).await?.iter().any(|session| session.name == *name) {
            return Ok(());
        }
        let record = records::ended(account_id, name, &self.clock.stamp(), from);
        self.forget(vec![record, store::end_own_session(account_id, name)]).await
    }

    /// The account, if its owner can sign in.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn own_account(&self, account_id: i64) -> Result<Option<Account>, DbError> {
        store::usable_account(&self.db, account_id).await
    }

    /// Whether the account has a password; somebody who signs in at a provider may have none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn has_password(&self, account_id: i64) -> Result<bool, DbError> {
        Ok(store::account_with_password(&self.db, account_id).await?.is_some())
    }

    /// Changes the password of the caller's account. All of its sessions end; returns the secret of a new one. A wrong
    /// `present` counts like a failed sign-in, so that a stolen session is no way to guess the password; `from` is as in
    /// [`SignIn::open_session`].
    ///
    /// # Errors
    /// Why not.
    pub async fn change_password(
        &self,
        account_id: i64,
        present: Password,
        new: Password,
        from: Network,
        caller: &Caller,
    ) -> Result<Secret, NotSignedIn> {
        let Some((account, checked)) = store::account_with_password(&self.db, account_id).await? else {
            let is_usable = store::usable_account(&self.db, account_id).await?.is_some();
            return Err(if is_usable { Refusal::NoPassword } else { Refusal::Unauthorized }.into());
        };
        self.check_password(&account, present, &checked, from).await?;
        let password = self.passwords.hash(new).await?;
        let command = ChangePassword { account_id, checked, password: password.clone() };
        self.registrar.submit(command, caller).await.map_err(|refused| refused.answer)?;
        Ok(self
            .new_session(account_id, &password, Way::Password, from)
            .await?
            .ok_or(Refusal::Unauthorized)?)
    }

    /// Checks the password of the account as a sign-in with its address does, and records a failure.
    async fn check_password(
        &self,
        account: &Account,
        password: Password,
        stored: &str,
        from: Network,
    ) -> Result<(), NotSignedIn> {
        let failed = |outcome| {
            let failed =
                FailedSignIn { account_id: Some(account.id), outcome, way: Way::Password, network: from };
            Unsuccessful::new(&self.failures, failed)
        };
        let checked = self.throttle.check(&account.address, from, self.clock.now());
        let mut attempt = checked.map_err(|wait| {
            drop(failed(SignInOutcome::Waiting));
            NotSignedIn::Wait(wait)
        })?;
        let failure = failed(SignInOutcome::Failed);
        attempt.begin();
        match self.passwords.verify(password, Some(stored.to_owned())).await {
            Ok(true) => {
                attempt.succeeded();
                failure.dismiss();
            }
            Ok(false) => {
                attempt.failed(self.clock.now());
                return Err(NotSignedIn::Wrong);
            }
            Err(busy) => {
                attempt.cancel();
                failure.dismiss();
                return Err(busy.into());
            }
        }
        Ok(())
    }
}
