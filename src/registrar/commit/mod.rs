//! Commits a batch in one transaction: loads the facts, decides, writes the tables and appends to the log.

mod access;
mod access_effects;
mod answers;
mod assigned;
mod attempt;
mod cache;
mod effects;
mod external_ids;
mod head;
mod load;
mod log;
mod orphans;
mod reply;
mod rows;
mod saved_columns;
mod standing;
mod tables;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use self::access::write_access;
pub(crate) use self::access::{OPEN, select_accounts, select_tokens};
pub use self::access::{account, token};
use self::answers::{delete_expired_answers, erase_answers, load_stored_answers, store_answers};
pub use self::attempt::rights_missing;
use self::cache::CourseCache;
use self::effects::Effects;
use self::external_ids::write_external_ids;
use self::head::Head;
pub use self::head::no_log_head;
use self::load::load_facts;
use self::log::{ADVANCE_HEAD, END_BATCH, FirstEntry, advanced_head, entries, resolve_lost_commit};
use self::reply::Reply;
pub(super) use self::reply::{BatchItem, Replies};
pub use self::rows::{enrollment, group_openings, limits};
pub use self::standing::hold;
use self::standing::write_standing;
use self::tables::{read_only, write_log_and_rows, write_records};
use super::caller::{Actor, Caller};
use super::chore::Chore;
use super::event::Event;
use super::facts::Facts;
use super::key::IdempotencyKey;
use super::keys::{AnswerWindow, StoredAnswers};
use super::lead::Lead;
use super::read_only::ReadOnly;
use crate::clock::Clock;
use crate::db::{DbError, Tx, Write, Writer};
use crate::mapping::SchoolTables;

/// Commits batches: the connection that writes, and the cache of the previous batch.
#[derive(Debug)]
pub(super) struct BatchWriter {
    writer: Writer,
    clock: Clock,
    cache: CourseCache,
    /// Where the log ended last.
    last_seq: i64,
    tables: SchoolTables,
    /// Fields that cannot be written, once the tables were looked up; looked up again for each batch while a table
    /// computes any.
    read_only: Option<ReadOnly>,
    lead: Lead,
    /// Counts the commits that changed who may do what.
    rights_changes: Arc<AtomicU64>,
    /// Rights on found tables that the role did not have when the server started.
    initially_missing: Vec<String>,
}

impl BatchWriter {
    /// Creates a writer with an empty cache.
    pub(super) fn new(
        writer: Writer,
        tables: SchoolTables,
        clock: Clock,
        lead: Lead,
        rights_changes: Arc<AtomicU64>,
    ) -> Self {
        Self {
            writer,
            clock,
            cache: CourseCache::default(),
            last_seq: 0,
            tables,
            read_only: None,
            lead,
            rights_changes,
            initially_missing: Vec::new(),
        }
    }

    /// Carries out the commands, in order, in one transaction. When this returns, the answers may be sent.
    ///
    /// # Errors
    /// When the engine fails. Then nothing of the batch was written, unless the error is [`DbError::Unknown`].
    pub(super) async fn commit(&mut self, items: &[BatchItem<'_>]) -> Result<Replies, DbError> {
        let had_read_only = self.read_only.is_some();
        match Box::pin(self.commit_once(items)).await {
            // Another program may have altered a found table since its columns were looked up.
            Err(DbError::Engine(_)) if had_read_only => {
                self.read_only = None;
                Box::pin(self.commit_once(items)).await
            }
            done => done,
        }
    }

    async fn commit_once(&mut self, items: &[BatchItem<'_>]) -> Result<Replies, DbError> {
        let database = Caller::program(Actor::Database);
        let health = self.writer.write_health();
        let tx = self.writer.begin().await?;
        let head = Head::take(&tx, &self.clock).await?;
        self.last_seq = head.not_before(&tx, self.last_seq).inspect_err(|error| health.failed(error))?;
        self.lead.observe(&head.last_at, &head.now);
        let found = match &self.read_only {
            // A computed column may have become a normal one; skipping it would lose its value without an error.
            Some(found) if found.students.generated.is_empty() && found.courses.generated.is_empty() => {
                found.clone()
            }
            _ => self.read_only.insert(read_only(&tx, &self.tables).await?).clone(),
        };
        // It is large.
        let mut loaded = Box::pin(load_facts(&tx, items, &head, &found, &mut self.cache)).await?;
        let window = AnswerWindow::at(&head.now);
        let stored_answers = load_stored_answers(&tx, items, &window).await?;
        let swept = std::mem::take(&mut loaded.orphans).sweep(&mut loaded.facts);
        let swept = swept.into_iter().map(|event| (event, &database)).collect();
        let mut decided = Decided::decide(items, &mut loaded.facts, stored_answers, swept);
        if decided.events.is_empty() && decided.to_store.is_empty() {
            // Only refusals: nothing was changed, so there is nothing to flush to disk.
            self.cache = loaded.after_commit();
            return Ok(decided.answers);
        }
        let first_entry = write(&tx, &mut decided, &loaded.facts, &head, &self.tables, &found).await?;
        store_answers(&tx, &decided.to_store, &decided.answers, &window).await?;
        erase_answers(&tx, &decided.events).await?;
        let committed = tx.commit().await;
        if decided.events.iter().any(|(event, _)| event.changes_access()) {
            // Before the answer: who hears that a token was revoked can rely on it. Also after an error, in case the
            // commit was made.
            self.rights_changes.fetch_add(1, Ordering::SeqCst);
        }
        match committed {
            Ok(()) => {
                self.last_seq = loaded.facts.last_seq;
                self.cache = loaded.after_commit();
                Ok(decided.answers)
            }
            Err(DbError::Unknown(lost)) => {
                let answers = decided.answers;
                let found =
                    resolve_lost_commit(&mut self.writer, &self.clock, first_entry, answers, lost).await?;
                self.last_seq = loaded.facts.last_seq;
                Ok(found)
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes some of the expired answers. Returns whether there may be more.
    ///
    /// # Errors
    /// When the engine fails.
    pub(super) async fn delete_expired_answers(&mut self) -> Result<bool, DbError> {
        let tx = self.writer.begin().await?;
        let now = head::time(&tx, &self.clock).await?;
        let (is_changed, has_more) = delete_expired_answers(&tx, &AnswerWindow::at(&now)).await?;
        if is_changed {
            tx.commit().await?;
        }
        Ok(has_more)
    }

    /// Runs the statements in one transaction. Returns how many rows each changed.
    ///
    /// # Errors
    /// When one fails; then nothing was written.
    pub(super) async fn write_chores(&mut self, chores: &[Chore]) -> Result<Vec<usize>, DbError> {
        let tx = self.writer.begin().await?;
        let writes: Vec<_> =
            chores.iter().map(|chore| Write::Delete(chore.sql, vec![chore.args.clone()])).collect();
        let changed = tx.write_in_order(&writes).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// The `seq` of the last entry, after the last batch.
    pub(super) fn last_seq(&self) -> i64 {
        self.last_seq
    }

    /// See [`Writer::data_version`].
    pub(super) fn external_writes(&self) -> Result<i64, DbError> {
        self.writer.data_version()
    }

    /// See [`Writer::close`].
    pub(super) fn close(self) {
        self.writer.close();
    }
}
/// The events and answers of a batch.
struct Decided<'a> {
    events: Vec<(Event, &'a Caller)>,
    answers: Replies,
    /// The keys whose answers are to be stored, each with the index of its answer.
    to_store: Vec<(&'a IdempotencyKey, usize)>,
}

impl<'a> Decided<'a> {
    /// Decides the commands in order; each one sees the changes of the sweep and of the commands before it.
    fn decide(
        items: &[BatchItem<'a>],
        facts: &mut Facts,
        mut stored_answers: StoredAnswers,
        swept: Vec<(Event, &'a Caller)>,
    ) -> Self {
        let answers = Vec::with_capacity(items.len());
        let mut decided = Self { events: swept, answers, to_store: Vec::new() };
        for (command, caller) in items {
            let permitted = facts.ensure_current(caller).and_then(|()| command.permit(caller));
            if let Err(refusal) = permitted {
                decided.answers.push(Reply { answer: Err(refusal), replayed: false });
                continue;
            }
            if let Some(before) = caller.key.as_ref().and_then(|key| stored_answers.replay(key)) {
                decided.answers.push(before);
                continue;
            }
            let answer = command.carry_out(caller, facts).map(|(events, answer)| {
                decided.events.extend(events.into_iter().map(|event| (event, *caller)));
                answer
            });
            if let Some(key) = &caller.key {
                stored_answers.insert(key, key.fingerprint.clone(), answer.clone());
                decided.to_store.push((key, decided.answers.len()));
            }
            decided.answers.push(Reply { answer, replayed: false });
        }
        decided
    }
}

/// Writes the events to the tables and to the log. Returns the first entry of the log, if there is any.
async fn write(
    tx: &Tx<'_>,
    decided: &mut Decided<'_>,
    facts: &Facts,
    head: &Head,
    tables: &SchoolTables,
    read_only: &ReadOnly,
) -> Result<Option<FirstEntry>, DbError> {
    if decided.events.is_empty() {
        tx.execute_many(END_BATCH, &[Vec::new()]).await?;
        return Ok(None);
    }
    let mut effects = Effects::from_events(&decided.events);
    let has_saved = saved_columns::save_dropped(tx, &effects, head.has_saved).await?;
    let mut advanced_head = Some(advanced_head(facts, has_saved));
    if effects.write_records() {
        tx.execute_many(ADVANCE_HEAD, advanced_head.take().as_slice()).await?;
        let assigned = write_records(tx, &effects, tables, read_only).await?;
        if !assigned.is_empty() {
            assigned.replace_provisional_ids(&mut decided.events, &mut decided.answers);
            effects = Effects::from_events(&decided.events);
        }
    }
    let entries = entries(&decided.events, facts, head.last_seq);
    let first_entry = FirstEntry::of(&entries);
    write_log_and_rows(tx, advanced_head, entries, &effects, tables).await?;
    write_external_ids(tx, &effects, tables).await?;
    if head.rules.has_holds {
        // A restored place may be that of a student who is on hold by now.
        effects.mark_waiting();
    }
    write_standing(tx, &effects.standing).await?;
    write_access(tx, &effects).await?;
    if has_saved {
        let enrolled: Vec<_> = effects.enrolled.values().map(|row| (*row).clone()).collect();
        saved_columns::restore(tx, &enrolled).await?;
    }
    Ok(first_entry)
}
