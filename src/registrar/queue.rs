//! The queue of commands, and the one thread that carries them out in batches.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};

use super::answer::{Answer, refusals};
use super::caller::{Caller, Outcome};
use super::carry_out::{carry_out_batch, error_for_untried};
use super::chore::Chore;
use super::chores::{self, Chores, QueuedChores};
use super::command::{AnyCommand, Command};
use super::commit::{BatchItem, BatchWriter};
use super::housekeeping::Housekeeping;
use super::key::IdempotencyKey;
use super::keys::{KeyGuard, KeysInUse};
use super::lead::Lead;
use super::pace::Pace;
use super::readiness::{Probes, Readiness, Unready};
use super::refusal::Refusal;
use super::replica::Replica;
use crate::clock::Clock;
use crate::count::to_i64;
use crate::db::{Db, DbError, WriteHealth, Writer};
use crate::mapping::SchoolTables;
use crate::metrics::Metrics;
use crate::traces;

/// Maximum number of queued commands; further ones are refused at once.
const MAX_QUEUED: usize = 8192;
/// The `part` of a key that stands for the whole request.
const WHOLE_REQUEST: i64 = -1;

/// A handle to the one thread that writes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registrar {
    queue: mpsc::Sender<Queued>,
    chores: Chores,
    stop: Arc<Notify>,
    keys_in_use: KeysInUse,
    metrics: Metrics,
    readiness: Readiness,
    rights_changes: Arc<AtomicU64>,
    pace: Pace,
    /// What it reads, if it never writes.
    replica: Option<Replica>,
}

/// A command in the queue.
#[derive(Debug)]
struct Queued {
    key_guard: Option<KeyGuard>,
    command: Box<dyn AnyCommand>,
    caller: Caller,
    /// Since when it waits, if its request is traced.
    since: Option<SystemTime>,
    answer: oneshot::Sender<Outcome<Result<Answer, Refusal>>>,
}

impl Registrar {
    /// Starts the thread that writes to these tables, with this runtime for its replies. It notifies `committed` after each batch,
    /// and `external_write` when another program has written. After [`Registrar::stop`] it carries out the accepted
    /// commands, then ends.
    ///
    /// # Errors
    /// When the database cannot be written to, or no thread can be started.
    #[expect(clippy::disallowed_methods, reason = "the one place that starts this thread")]
    pub async fn start(
        writer: Writer,
        tables: SchoolTables,
        clock: Clock,
        metrics: Metrics,
        committed: Arc<Notify>,
        external_write: Arc<Notify>,
    ) -> Result<(Self, JoinHandle<()>), DbError> {
        let lead = Lead::new(metrics.clone());
        let (readiness, probes) = Readiness::new(writer.write_health(), lead.clone());
        let (queue, queued) = mpsc::channel(MAX_QUEUED);
        let stop = Arc::new(Notify::new());
        let keys_in_use = KeysInUse::default();
        let callers = Handle::current();
        let (opened, is_open) = oneshot::channel();
        let rights_changes = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&rights_changes);
        let (chores, queued_chores) = Chores::new();
        let registrar = Self {
            queue,
            chores,
            stop: Arc::clone(&stop),
            keys_in_use,
            metrics: metrics.clone(),
            readiness,
            rights_changes,
            pace: Pace::new(writer.pause_for_others()),
            replica: None,
        };
        let work = async move || {
            let mut batch_writer = BatchWriter::new(writer, tables, clock.clone(), lead, counted);
            let can_write = batch_writer.open().await;
            let is_writable = can_write.is_ok();
            #[expect(clippy::let_underscore_must_use, reason = "the caller of `start` may have given up")]
            let _ = opened.send(can_write);
            if is_writable {
                let housekeeping = Housekeeping::new(clock, external_write);
                serve(
                    batch_writer,
                    queued,
                    queued_chores,
                    probes,
                    housekeeping,
                    &stop,
                    &metrics,
                    &committed,
                    &callers,
                )
                .await;
            }
        };
        let no_thread = |error: std::io::Error| DbError::Engine(error.to_string());
        let runtime = Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let span = tracing::Span::current();
        let thread = std::thread::Builder::new()
            .name("registrar".to_owned())
            .spawn(move || span.in_scope(|| runtime.block_on(work())))
            .map_err(no_thread)?;
        is_open.await.map_err(|_| DbError::Engine("the Registrar did not start".to_owned()))??;
        Ok((registrar, thread))
    }

    /// A Registrar that refuses everything, for a database that others write to.
    #[must_use]
    pub fn read_only(db: Db, metrics: Metrics) -> Self {
        let (readiness, _) = Readiness::new(WriteHealth::default(), Lead::new(metrics.clone()));
        Self {
            queue: mpsc::channel(1).0,
            chores: Chores::new().0,
            stop: Arc::default(),
            keys_in_use: KeysInUse::default(),
            metrics,
            readiness,
            rights_changes: Arc::default(),
            pace: Pace::new(Duration::ZERO),
            replica: Some(Replica::new(db)),
        }
    }

    /// Whether it refuses everything.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.replica.is_some()
    }

    /// Waits up to a second until reads see this entry of the log; `false` if they do not by then. A server that writes
    /// reads the database that all others write to, so it never waits.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn reach(&self, seq: i64) -> Result<bool, DbError> {
        match &self.replica {
            Some(replica) => replica.reach(seq).await,
            None => Ok(true),
        }
    }

    /// Whether it accepts commands: not after [`Registrar::stop`], nor if its thread has failed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// The pace of work that takes many commits, at its beginning.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Counts the commits by this process that changed who may do what: before they are answered.
    #[must_use]
    pub fn rights_changes(&self) -> &Arc<AtomicU64> {
        &self.rights_changes
    }

    /// Accepts no more commands; queued ones are still carried out.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// Locks the key of a request that takes several commits, until the guard is dropped.
    ///
    /// # Errors
    /// [`Refusal::KeyInUse`] when the same request is already running.
    pub fn lock_key(&self, key: &IdempotencyKey) -> Result<KeyGuard, Refusal> {
        self.keys_in_use.lock(&key.with_part(WHOLE_REQUEST))
    }

    /// Carries out a command and returns its answer after the commit. The command is carried out even if the caller
    /// stops waiting.
    ///
    /// # Errors
    /// The refusal. Nothing was changed, unless it is [`DbError::Unknown`].
    pub async fn submit<C: Command>(
        &self,
        command: C,
        caller: &Caller,
    ) -> Result<Outcome<C::Answer>, Outcome<Refusal>> {
        let refused = |refusal: Refusal| {
            self.metrics.record_refusals([refusal.reason()].into_iter());
            Outcome::from(refusal)
        };
        if self.is_read_only() {
            return Err(refused(Refusal::ReadOnlyServer));
        }
        let key_guard =
            caller.key.as_ref().map(|key| self.keys_in_use.lock(key)).transpose().map_err(refused)?;
        let (answer, answered) = oneshot::channel();
        let since = caller.trace.as_ref().map(|_| traces::now());
        let queued = Queued { key_guard, command: Box::new(command), caller: caller.clone(), since, answer };
        self.metrics.queue_depth.inc();
        self.queue.try_send(queued).map_err(|error| {
            self.metrics.queue_depth.dec();
            refused(match error {
                TrySendError::Full(_) => Refusal::Overloaded,
                TrySendError::Closed(_) => Refusal::Stopping,
            })
        })?;
        let outcome = answered.await.map_err(|_| internal_error("the Registrar stopped during a batch"))?;
        let replayed = outcome.replayed;
        match outcome.answer {
            Ok(answer) => match C::Answer::try_from(answer) {
                Ok(answer) => Ok(Outcome { answer, replayed }),
                // A key belongs to one request, so the stored answer has the right type, unless another version
                // stored it.
                Err(_) => Err(Outcome { answer: Refusal::AnswerNotKept, replayed: false }),
            },
            Err(refusal) => Err(Outcome { answer: refusal, replayed }),
        }
    }

    /// Runs statements that are no change of registration, in one transaction. Returns how many rows each changed, once
    /// they are safely on disk.
    ///
    /// # Errors
    /// When one fails; then nothing was changed.
    pub async fn keep_house(&self, chores: Vec<Chore>) -> Result<Vec<usize>, Refusal> {
        if self.is_read_only() {
            return Err(Refusal::ReadOnlyServer);
        }
        self.chores.run(chores).await
    }

    /// The metrics.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether the database can be written to. Reuses the result of the last attempt for a second, then makes a new
    /// one.
    ///
    /// # Errors
    /// The reason why nothing can be written.
    pub async fn can_write(&self) -> Result<(), Unready> {
        if self.is_open() { self.readiness.can_write().await } else { Err(Unready::Stopping) }
    }
}

#[expect(clippy::too_many_arguments, reason = "all that the thread owns; there is one caller")]
async fn serve(
    mut batch_writer: BatchWriter,
    mut queue: mpsc::Receiver<Queued>,
    mut chores: mpsc::Receiver<QueuedChores>,
    mut probes: Probes,
    mut housekeeping: Housekeeping,
    stop: &Notify,
    metrics: &Metrics,
    committed: &Notify,
    callers: &Handle,
) {
    let max_batch = batch_writer.max_batch();
    let mut waiting = Vec::with_capacity(max_batch);
    loop {
        probes.answer_waiting(&mut batch_writer).await;
        while waiting.len() < max_batch
            && let Ok(queued) = queue.try_recv()
        {
            waiting.push(queued);
        }
        if let Ok(first) = chores.try_recv() {
            chores::run(first, &mut chores, &mut batch_writer).await;
        }
        let has_more = housekeeping.work(&mut batch_writer).await;
        if waiting.is_empty() {
            if has_more && queue.is_empty() {
                continue;
            }
            let taken = tokio::select! {
                taken = queue.recv_many(&mut waiting, max_batch) => taken,
                Some(first) = probes.next() => {
                    probes.answer(first, &mut batch_writer).await;
                    continue;
                }
                Some(first) = chores.recv() => {
                    chores::run(first, &mut chores, &mut batch_writer).await;
                    continue;
                }
                () = housekeeping.tick() => continue,
                () = stop.notified() => {
                    queue.close();
                    continue;
                }
            };
            if taken == 0 {
                return batch_writer.close();
            }
            // Yield once: the task that woke this thread often has more commands to send.
            std::thread::yield_now();
            waiting.extend(std::iter::from_fn(|| queue.try_recv().ok()).take(max_batch - taken));
        }
        let taken = batch_len(waiting.iter().map(|queued| queued.command.weight()), max_batch);
        let batch: Vec<_> = waiting.drain(..taken).collect();
        metrics.queue_depth.dec_by(to_i64(taken));
        metrics.batch_size.observe(f64::from(u32::try_from(taken).unwrap_or(u32::MAX)));
        let (began, began_at) = (Instant::now(), traces::now());
        let items: Vec<BatchItem<'_>> =
            batch.iter().map(|queued| (&*queued.command, &queued.caller)).collect();
        let answers = carry_out_batch(&mut batch_writer, &items).await;
        metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
        let traced = batch.iter().map(|queued| (queued.caller.trace.as_ref(), queued.since));
        metrics.traces.commit(traced, began_at, taken);
        metrics.record_refusals(
            answers.iter().flat_map(|outcome| refusals(&outcome.answer)).map(Refusal::reason),
        );
        for ((_, caller), outcome) in items.iter().zip(&answers) {
            caller.note_log_position(&outcome.answer, batch_writer.last_seq());
        }
        metrics.demand.record(began, super::refused_seats::refused_seats(&items, &answers));
        batch_writer.write_health().log();
        committed.notify_one();
        let error = answers.iter().find_map(|outcome| error_for_untried(&outcome.answer));
        // From a task on the callers' runtime: waking them from here would stall this thread.
        callers.spawn(async move {
            for (queued, answer) in batch.into_iter().zip(answers) {
                drop(queued.key_guard);
                #[expect(clippy::let_underscore_must_use, reason = "the caller may have stopped waiting")]
                let _ = queued.answer.send(answer);
            }
        });
        // Another program has locked the database, or its server is unreachable. The queued commands have waited just
        // as long; do not make them wait for one attempt after another.
        if let Some(error) = error {
            waiting.extend(std::iter::from_fn(|| queue.try_recv().ok()));
            for queued in waiting.drain(..) {
                metrics.queue_depth.dec();
                let refusal = Refusal::Engine(error.clone());
                metrics.record_refusals([refusal.reason()].into_iter());
                #[expect(clippy::let_underscore_must_use, reason = "the caller may have stopped waiting")]
                let _ = queued.answer.send(Outcome { answer: Err(refusal), replayed: false });
            }
        }
    }
}

/// How many commands, from the first on, share the next commit, given their weights; at least one. A command with more than
/// `max` operations gets a commit of its own.
fn batch_len(weights: impl Iterator<Item = usize>, max: usize) -> usize {
    let until = weights.scan(0, |sum, weight| {
        *sum += weight;
        Some(*sum)
    });
    until.take_while(|sum| *sum <= max).count().max(1)
}

fn internal_error(detail: &str) -> Outcome<Refusal> {
    Refusal::Engine(DbError::Engine(detail.to_owned())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_command_does_not_delay_the_others_for_long() {
        assert_eq!(batch_len([1, 1, 1].into_iter(), 512), 3);
        assert_eq!(batch_len([1, 500, 500, 1].into_iter(), 512), 2);
        assert_eq!(batch_len([10_000, 1].into_iter(), 512), 1);
        assert_eq!(batch_len([1; 600].into_iter(), 512), 512);
    }
}
