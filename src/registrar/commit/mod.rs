//! One batch, one transaction: load the facts, decide, apply what happens to the tables and append it to the log.

mod answers;
mod asked;
mod attempt;
mod effects;
mod head;
mod kept;
mod known;
mod load;
mod log;
mod orphans;
mod rows;
mod tables;

use self::answers::{forget_answers, keep_answers, load_answered, sweep_answers};
use self::asked::Reply;
pub(super) use self::asked::{Answers, Asked};
use self::effects::Effects;
use self::head::Head;
pub use self::head::no_log_head;
use self::known::Known;
use self::load::load_facts;
use self::log::{append_to_log, entries, find_out};
pub use self::rows::{enrollment, limits};
use self::tables::{apply_to_tables, read_only};
use super::caller::Caller;
use super::event::Event;
use super::facts::{Facts, ReadOnly};
use super::key::Key;
use super::keys::{Answered, Kept};
use super::lead::Lead;
use crate::clock::Clock;
use crate::db::{Arg, DbError, Tx, Writer};

/// Where the batches go: the connection that writes, and what is still known from the batch before.
#[derive(Debug)]
pub(super) struct Books {
    writer: Writer,
    clock: Clock,
    known: Known,
    /// Which columns of found tables cannot be written, once that was asked for; asked again as long as there are any.
    read_only: Option<ReadOnly>,
    lead: Lead,
    /// Rights on found tables that the role did not have from the beginning.
    never_had: Vec<String>,
}

impl Books {
    /// With nothing known yet.
    pub(super) fn new(writer: Writer, clock: Clock, lead: Lead) -> Self {
        Self { writer, clock, known: Known::default(), read_only: None, lead, never_had: Vec::new() }
    }

    /// Carries out the commands, in order, as one transaction. The answers may be told when this returns.
    ///
    /// # Errors
    /// When the engine fails: then nothing of the batch was kept.
    pub(super) async fn commit(&mut self, asked: &[Asked<'_>]) -> Result<Answers, DbError> {
        let was_known = self.read_only.is_some();
        match Box::pin(self.commit_once(asked)).await {
            // Another program may have altered a found table since it was looked at.
            Err(DbError::Engine(_)) if was_known => {
                self.read_only = None;
                Box::pin(self.commit_once(asked)).await
            }
            done => done,
        }
    }

    async fn commit_once(&mut self, asked: &[Asked<'_>]) -> Result<Answers, DbError> {
        let database = Caller::database();
        let tx = self.writer.begin().await?;
        let head = Head::take(&tx, &self.clock).await?;
        self.lead.observe(&head.last_at, &head.now);
        let found = match &self.read_only {
            // What was computed may have become a column like any other, and would be left out without a word.
            Some(found) if *found == ReadOnly::default() => found.clone(),
            _ => self.read_only.insert(read_only(&tx).await?).clone(),
        };
        let mut loaded = load_facts(&tx, asked, &head, &found, &mut self.known).await?;
        let kept = Kept::at(&head.now);
        let answered = load_answered(&tx, asked, &kept).await?;
        let swept = std::mem::take(&mut loaded.orphans).sweep(&mut loaded.facts);
        let swept = swept.into_iter().map(|event| (event, &database)).collect();
        let mut decided = Decided::of(asked, &mut loaded.facts, answered, swept);
        if decided.happened.is_empty() && decided.to_keep.is_empty() {
            // Refusals change nothing, so there is nothing to wait for the disk for.
            self.known = loaded.after_commit();
            return Ok(decided.answers);
        }
        let entries = write(&tx, &mut decided, &loaded.facts, &head, &found).await?;
        keep_answers(&tx, &decided.to_keep, &decided.answers, &kept).await?;
        forget_answers(&tx, &decided.happened).await?;
        match tx.commit().await {
            Ok(()) => {
                self.known = loaded.after_commit();
                Ok(decided.answers)
            }
            Err(DbError::Unknown(what)) => {
                find_out(&mut self.writer, &self.clock, &entries, decided.answers, what).await
            }
            Err(error) => Err(error),
        }
    }

    /// Takes away some of the expired answers; whether there may be more.
    ///
    /// # Errors
    /// When the engine fails.
    pub(super) async fn sweep_answers(&mut self) -> Result<bool, DbError> {
        let tx = self.writer.begin().await?;
        let now = head::time(&tx, &self.clock).await?;
        let (is_changed, has_more) = sweep_answers(&tx, &Kept::at(&now)).await?;
        if is_changed {
            tx.commit().await?;
        }
        Ok(has_more)
    }

    /// As [`Writer::data_version`].
    pub(super) fn data_version(&self) -> Result<i64, DbError> {
        self.writer.data_version()
    }

    /// As [`Writer::close`].
    pub(super) fn close(self) {
        self.writer.close();
    }
}
/// What a batch came to.
struct Decided<'a> {
    happened: Vec<(Event, &'a Caller)>,
    answers: Answers,
    /// The keys under which answers are kept, each with its place among the answers.
    to_keep: Vec<(&'a Key, usize)>,
}

impl<'a> Decided<'a> {
    /// Decides the commands in order, each on what those before it and the sweep did.
    fn of(
        asked: &[Asked<'a>],
        facts: &mut Facts,
        mut answered: Answered,
        swept: Vec<(Event, &'a Caller)>,
    ) -> Self {
        let answers = Vec::with_capacity(asked.len());
        let mut decided = Self { happened: swept, answers, to_keep: Vec::new() };
        for (command, caller) in asked {
            if let Some(before) = caller.key.as_ref().and_then(|key| answered.to(key)) {
                decided.answers.push(before);
                continue;
            }
            let answer = command.carry_out(caller, facts).map(|(events, answer)| {
                decided.happened.extend(events.into_iter().map(|event| (event, *caller)));
                answer
            });
            if let Some(key) = &caller.key {
                answered.insert(key, key.fingerprint.clone(), answer.clone());
                decided.to_keep.push((key, decided.answers.len()));
            }
            decided.answers.push(Reply { answer, replayed: false });
        }
        decided
    }
}

/// Writes what happened to the tables and to the log; the entries of the log.
async fn write(
    tx: &Tx<'_>,
    decided: &mut Decided<'_>,
    facts: &Facts,
    head: &Head,
    read_only: &ReadOnly,
) -> Result<Vec<Vec<Arg>>, DbError> {
    let mut effects = Effects::of(&decided.happened);
    let keeps = kept::keep(tx, &effects, head.keeps).await?;
    let numbered = apply_to_tables(tx, &effects, read_only).await?;
    if !numbered.is_empty() {
        numbered.replace_provisional_ids(&mut decided.happened, &mut decided.answers);
        effects = Effects::of(&decided.happened);
    }
    let (enrolled, waiting) = (effects.enrolled(), effects.waiting());
    let pairs: Vec<_> =
        if keeps { effects.enrolled.values().map(|row| (*row).clone()).collect() } else { Vec::new() };
    let entries = entries(&decided.happened, facts, head.last_seq);
    append_to_log(tx, enrolled, waiting, &entries, facts, keeps).await?;
    kept::give_back(tx, &pairs).await?;
    Ok(entries)
}
