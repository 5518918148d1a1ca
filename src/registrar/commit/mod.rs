//! One batch, one transaction: load the facts, decide, apply what happens to the tables and append it to the log.

mod answers;
mod attempt;
mod effects;
mod head;
mod kept;
mod known;
mod load;
mod log;
mod orphans;
mod tables;

use self::answers::{forget_answers, keep_answers, load_answered};
use self::effects::Effects;
use self::head::Head;
pub use self::head::no_log_head;
use self::known::Known;
use self::load::load_facts;
use self::log::{append_to_log, entries, find_out};
use self::tables::{apply_to_tables, read_only};
use super::command::{Answer, Command, Origin};
use super::decide::carry_out;
use super::event::Event;
use super::facts::{Facts, ReadOnly};
use super::keys::{Answered, Kept, Key};
use super::lead::Lead;
use super::record::Enrollment;
use super::refusal::Refusal;
use super::seats::Limits;
use crate::clock::Clock;
use crate::db::{Arg, DbError, Row, Tx, Writer};

/// What each command of the batch came to, in order.
pub(super) type Outcome = Vec<Result<Answer, Refusal>>;

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
    pub(super) async fn commit(&mut self, commands: &[(&Command, &Origin)]) -> Result<Outcome, DbError> {
        let was_known = self.read_only.is_some();
        match Box::pin(self.commit_once(commands)).await {
            // Another program may have altered a found table since it was looked at.
            Err(DbError::Engine(_)) if was_known => {
                self.read_only = None;
                Box::pin(self.commit_once(commands)).await
            }
            done => done,
        }
    }

    async fn commit_once(&mut self, commands: &[(&Command, &Origin)]) -> Result<Outcome, DbError> {
        let database = Origin::database();
        let tx = self.writer.begin().await?;
        let head = Head::take(&tx, &self.clock).await?;
        self.lead.observe(&head.last_at, &head.now);
        let found = match &self.read_only {
            // What was computed may have become a column like any other, and would be left out without a word.
            Some(found) if *found == ReadOnly::default() => found.clone(),
            _ => self.read_only.insert(read_only(&tx).await?).clone(),
        };
        let mut loaded = load_facts(&tx, commands, &head, &found, &mut self.known).await?;
        let kept = Kept::at(&head.now);
        let answered = load_answered(&tx, commands, &kept).await?;
        let swept = std::mem::take(&mut loaded.orphans).sweep(&mut loaded.facts);
        let swept = swept.into_iter().map(|event| (event, &database)).collect();
        let mut decided = Decided::of(commands, &mut loaded.facts, answered, swept);
        if decided.happened.is_empty() && decided.to_keep.is_empty() {
            // Refusals change nothing, so there is nothing to wait for the disk for.
            self.known = loaded.after_commit();
            return Ok(decided.outcome);
        }
        let entries = write(&tx, &mut decided, &loaded.facts, &head, &found).await?;
        keep_answers(&tx, &decided.to_keep, &decided.outcome, &kept).await?;
        forget_answers(&tx, &decided.happened).await?;
        match tx.commit().await {
            Ok(()) => {
                self.known = loaded.after_commit();
                Ok(decided.outcome)
            }
            Err(DbError::Unknown(what)) => {
                find_out(&mut self.writer, &self.clock, &entries, decided.outcome, what).await
            }
            Err(error) => Err(error),
        }
    }

    /// As [`Writer::writes_of_others`].
    pub(super) fn writes_of_others(&self) -> Result<i64, DbError> {
        self.writer.writes_of_others()
    }

    /// As [`Writer::close`].
    pub(super) fn close(self) {
        self.writer.close();
    }
}
/// What a batch came to.
struct Decided<'a> {
    happened: Vec<(Event, &'a Origin)>,
    outcome: Outcome,
    /// The keys under which answers are kept, each with its place in the outcome.
    to_keep: Vec<(&'a Key, usize)>,
}

impl<'a> Decided<'a> {
    /// Decides the commands in order, each on what those before it and the sweep did.
    fn of(
        commands: &[(&Command, &'a Origin)],
        facts: &mut Facts,
        mut answered: Answered,
        swept: Vec<(Event, &'a Origin)>,
    ) -> Self {
        let outcome = Vec::with_capacity(commands.len());
        let mut decided = Self { happened: swept, outcome, to_keep: Vec::new() };
        for (command, origin) in commands {
            if let Some(before) = origin.key.as_deref().and_then(|key| answered.to(key)) {
                decided.outcome.push(before);
                continue;
            }
            let answer = carry_out(command, facts).map(|(events, answer)| {
                decided.happened.extend(events.into_iter().map(|event| (event, *origin)));
                answer
            });
            if let Some(key) = origin.key.as_deref() {
                answered.insert(key, key.fingerprint.clone(), answer.clone());
                decided.to_keep.push((key, decided.outcome.len()));
            }
            decided.outcome.push(answer);
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
    let effects = Effects::of(&decided.happened);
    let keeps = kept::keep(tx, &effects, head.keeps).await?;
    let numbered = apply_to_tables(tx, &effects, read_only).await?;
    let (enrolled, waiting) = (effects.enrolled(), effects.waiting());
    let pairs: Vec<_> =
        if keeps { effects.enrolled.values().map(|row| (*row).clone()).collect() } else { Vec::new() };
    numbered.replace_provisional_ids(&mut decided.happened, &mut decided.outcome);
    let entries = entries(&decided.happened, facts, head.last_seq);
    append_to_log(tx, enrolled, waiting, &entries, facts, keeps).await?;
    kept::give_back(tx, &pairs).await?;
    Ok(entries)
}

/// An enrollment from `id, student_id, course_id, enrolled_at`.
///
/// # Errors
/// When the row holds anything else.
pub fn enrollment(row: &Row<'_>) -> Result<Enrollment, DbError> {
    Ok(Enrollment {
        id: row.int(0)?.into(),
        student_id: row.int(1)?.into(),
        course_id: row.int(2)?.into(),
        enrolled_at: row.text(3)?,
    })
}

/// Limits from `capacity, waitlist_capacity, opens_at, closes_at`, from the column `first` on.
///
/// # Errors
/// When the row holds anything else.
pub fn limits(row: &Row<'_>, first: usize) -> Result<Limits, DbError> {
    Ok(Limits {
        capacity: row.opt_int(first)?,
        waitlist_capacity: row.int(first + 1)?,
        opens_at: row.opt_text(first + 2)?,
        closes_at: row.opt_text(first + 3)?,
    })
}

fn sets<'a, T: Copy + Into<i64> + 'a>(ids: impl IntoIterator<Item = &'a T>) -> Vec<Vec<Arg>> {
    ids.into_iter().map(|id| vec![Arg::Int(Some((*id).into()))]).collect()
}
