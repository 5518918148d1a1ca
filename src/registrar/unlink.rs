//! Taking an account away from whoever has it at a provider of single sign-on.

use serde_json::json;

use super::access::{has_other_admin, is_admin};
use super::caller::{Caller, Right};
use super::command::Command;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::needs::Needs;
use super::refusal::Refusal;

/// Unlink an account from whoever has it at a provider. Its sessions end; the person is matched anew at the next sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnlinkAccount {
    /// The account.
    pub id: i64,
}

impl Command for UnlinkAccount {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.identities(self.id);
        needs.all_admins();
        needs.changes_access();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::Administer)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let account = facts.accounts.get(&self.id).ok_or(Refusal::AccountNotFound(self.id))?;
        let links: Vec<_> = facts.externals.values().filter(|link| link.account_id == self.id).collect();
        let needs_no_provider = facts.ways_of(self.id).needs_no_provider();
        if !links.is_empty()
            && is_admin(account)
            && !needs_no_provider
            && !has_other_admin(facts, None, Some(self.id))
        {
            return Err(Refusal::LastAdmin);
        }
        let unlinked = links.into_iter().map(|link| Event {
            kind: EventKind::AccountChanged,
            student_id: account.student_id,
            course_id: None,
            enrollment_id: None,
            data: json!({"account_id": account.id, "linked": false, "provider": link.external.provider}),
            // The account too, so that a session that is about to be opened waits for this, or this for it.
            changes: vec![Change::UpdateAccount(account.clone()), Change::RemoveExternalLink(link.clone())],
        });
        Ok((unlinked.collect(), ()))
    }
}
