//! The queue of commands and the one thread that carries them out, a batch at a time.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};

use super::answer::{Answer, Done};
use super::caller::{Caller, Outcome};
use super::command::{AnyCommand, Command};
use super::commit::{Answers, Asked, Books};
use super::housekeeping::Housekeeping;
use super::key::Key;
use super::keys::{InUse, UnderWay};
use super::lead::Lead;
use super::readiness::{Questions, Readiness, Unready};
use super::refusal::Refusal;
use crate::clock::Clock;
use crate::count::to_i64;
use crate::db::{DbError, Patience, Writer};
use crate::metrics::Metrics;

/// Commands that may wait; one more is refused at once.
const QUEUE: usize = 8192;
/// Operations that share a commit at most, which bounds how long the last of them waits; a command that has more of them
/// has a commit to itself.
const BATCH: usize = 512;
/// The `part` of a key that stands for the whole request.
const WHOLE: i64 = -1;
/// How long a batch is tried again while the database server is away, and how long its outcome is asked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The way to the one thread that writes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registrar {
    queue: mpsc::Sender<Queued>,
    stop: Arc<Notify>,
    under_way: UnderWay,
    metrics: Metrics,
    readiness: Readiness,
}

/// A command in the queue.
#[derive(Debug)]
struct Queued {
    in_use: Option<InUse>,
    command: Box<dyn AnyCommand>,
    caller: Caller,
    answer: oneshot::Sender<Outcome<Result<Answer, Refusal>>>,
}

impl Registrar {
    /// Starts the thread that writes, on behalf of this runtime, and notifies `news` after each batch. It ends after
    /// [`Registrar::stop`], when every accepted command is carried out.
    ///
    /// # Errors
    /// When nothing can be written, or the system gives no thread.
    #[expect(clippy::disallowed_methods, reason = "threads live here")]
    pub async fn start(
        writer: Writer,
        clock: Clock,
        metrics: Metrics,
        news: Arc<Notify>,
        others_wrote: Arc<Notify>,
    ) -> Result<(Self, JoinHandle<()>), DbError> {
        let lead = Lead::new(metrics.clone());
        let (readiness, questions) = Readiness::new(writer.pulse(), lead.clone());
        let (queue, queued) = mpsc::channel(QUEUE);
        let stop = Arc::new(Notify::new());
        let under_way = UnderWay::default();
        let registrar =
            Self { queue, stop: Arc::clone(&stop), under_way, metrics: metrics.clone(), readiness };
        let callers = Handle::current();
        let (opened, is_open) = oneshot::channel();
        let work = async move || {
            let mut books = Books::new(writer, clock.clone(), lead);
            let can_write = books.open().await;
            let goes_on = can_write.is_ok();
            #[expect(clippy::let_underscore_must_use, reason = "the caller of `start` may have given up")]
            let _ = opened.send(can_write);
            if goes_on {
                let housekeeping = Housekeeping::new(clock, others_wrote);
                serve(books, queued, questions, housekeeping, &stop, &metrics, &news, &callers).await;
            }
        };
        let no_thread = |error: std::io::Error| DbError::Engine(error.to_string());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let thread = std::thread::Builder::new()
            .name("registrar".to_owned())
            .spawn(move || runtime.block_on(work()))
            .map_err(no_thread)?;
        is_open.await.map_err(|_| DbError::Engine("the Registrar did not start".to_owned()))??;
        Ok((registrar, thread))
    }

    /// Whether it takes commands: not after [`Registrar::stop`], nor when its thread has ended otherwise.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Takes no more commands; those that wait are still carried out.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// Takes the key of a request that takes several commits, until what is returned is dropped.
    ///
    /// # Errors
    /// [`Refusal::KeyInUse`] when the same request is under way.
    pub fn hold(&self, key: &Key) -> Result<InUse, Refusal> {
        self.under_way.take(&key.part(WHOLE))
    }

    /// Carries out a command. The answer comes after its commit; a caller that goes away undoes nothing.
    ///
    /// # Errors
    /// The reason why nothing was changed.
    pub async fn submit<C: Command>(
        &self,
        command: C,
        caller: &Caller,
    ) -> Result<Outcome<C::Answer>, Outcome<Refusal>> {
        let refused = |refusal: Refusal| {
            self.metrics.record_refusals([refusal.reason()].into_iter());
            Outcome::from(refusal)
        };
        let in_use = caller.key.as_ref().map(|key| self.under_way.take(key)).transpose().map_err(refused)?;
        let (answer, answered) = oneshot::channel();
        let queued = Queued { in_use, command: Box::new(command), caller: caller.clone(), answer };
        self.metrics.queue_depth.inc();
        self.queue.try_send(queued).map_err(|error| {
            self.metrics.queue_depth.dec();
            refused(match error {
                TrySendError::Full(_) => Refusal::Overloaded,
                TrySendError::Closed(_) => Refusal::Stopping,
            })
        })?;
        let outcome = answered.await.map_err(|_| broken("the Registrar stopped in the middle of a batch"))?;
        let replayed = outcome.replayed;
        match outcome.answer {
            Ok(answer) => match C::Answer::try_from(answer) {
                Ok(answer) => Ok(Outcome { answer, replayed }),
                // A key names one request, so its answer is that of the same command: unless another version kept it.
                Err(_) => Err(Outcome { answer: Refusal::AnswerNotKept, replayed: false }),
            },
            Err(refusal) => Err(Outcome { answer: refusal, replayed }),
        }
    }

    /// Whether the last attempt to write succeeded. When that was more than a moment ago, a new one is made.
    ///
    /// # Errors
    /// Why nothing can be written.
    pub async fn can_write(&self) -> Result<(), Unready> {
        if self.is_open() { self.readiness.can_write().await } else { Err(Unready::Stopping) }
    }
}

#[expect(clippy::too_many_arguments, reason = "it is what its thread has, and has one caller")]
async fn serve(
    mut books: Books,
    mut queue: mpsc::Receiver<Queued>,
    mut questions: Questions,
    mut housekeeping: Housekeeping,
    stop: &Notify,
    metrics: &Metrics,
    news: &Notify,
    callers: &Handle,
) {
    let mut waiting = Vec::with_capacity(BATCH);
    loop {
        questions.answer_waiting(&mut books).await;
        while waiting.len() < BATCH
            && let Ok(queued) = queue.try_recv()
        {
            waiting.push(queued);
        }
        let has_more = housekeeping.work(&mut books).await;
        if waiting.is_empty() {
            if has_more && queue.is_empty() {
                continue;
            }
            let taken = tokio::select! {
                taken = queue.recv_many(&mut waiting, BATCH) => taken,
                Some(first) = questions.next() => {
                    questions.answer(first, &mut books).await;
                    continue;
                }
                () = housekeeping.tick() => continue,
                () = stop.notified() => {
                    queue.close();
                    continue;
                }
            };
            if taken == 0 {
                return books.close();
            }
            // Yield once: the task that woke this thread often has more commands to send.
            std::thread::yield_now();
            waiting.extend(std::iter::from_fn(|| queue.try_recv().ok()).take(BATCH - taken));
        }
        let taken = sharing(waiting.iter().map(|queued| queued.command.weight()));
        let batch: Vec<_> = waiting.drain(..taken).collect();
        metrics.queue_depth.dec_by(to_i64(taken));
        metrics.batch_size.observe(f64::from(u32::try_from(taken).unwrap_or(u32::MAX)));
        let began = Instant::now();
        let asked: Vec<Asked<'_>> = batch.iter().map(|queued| (&*queued.command, &queued.caller)).collect();
        let answers = carry_out_batch(&mut books, &asked).await;
        metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
        metrics.record_refusals(
            answers.iter().flat_map(|outcome| refusals(&outcome.answer)).map(Refusal::reason),
        );
        books.pulse().log();
        news.notify_one();
        let held_up = answers.iter().find_map(|outcome| held_up(&outcome.answer));
        // From a task on the callers' runtime: waking them from here would stall this thread.
        callers.spawn(async move {
            for (queued, answer) in batch.into_iter().zip(answers) {
                drop(queued.in_use);
                #[expect(
                    clippy::let_underscore_must_use,
                    reason = "a caller that went away no longer wants its answer"
                )]
                let _ = queued.answer.send(answer);
            }
        });
        // Another program holds the database, or its server is away. Commands that wait have waited as long, and must not
        // wait for one attempt after the other.
        if let Some(error) = held_up {
            waiting.extend(std::iter::from_fn(|| queue.try_recv().ok()));
            for queued in waiting.drain(..) {
                metrics.queue_depth.dec();
                let refusal = Refusal::Engine(error.clone());
                metrics.record_refusals([refusal.reason()].into_iter());
                #[expect(
                    clippy::let_underscore_must_use,
                    reason = "a caller that went away no longer wants its answer"
                )]
                let _ = queued.answer.send(Outcome { answer: Err(refusal), replayed: false });
            }
        }
    }
}

/// How many of the commands, which weigh this much, share the next commit, from the first on.
fn sharing(weights: impl Iterator<Item = usize>) -> usize {
    let until = weights.scan(0, |sum, weight| {
        *sum += weight;
        Some(*sum)
    });
    until.take_while(|sum| *sum <= BATCH).count().max(1)
}

/// Why an answer, or a part of it, is a refusal.
fn refusals(outcome: &Result<Answer, Refusal>) -> impl Iterator<Item = &Refusal> {
    let parts = match outcome {
        Ok(Answer::Batch(parts)) => parts.as_slice(),
        _ => &[],
    };
    let of_parts = parts.iter().filter_map(|part| match part {
        Done::Refused(refusal) => Some(refusal),
        _ => None,
    });
    outcome.as_ref().err().into_iter().chain(of_parts)
}

/// The error for commands that were never attempted, if this failure affects them too.
fn held_up(outcome: &Result<Answer, Refusal>) -> Option<DbError> {
    match outcome {
        Err(Refusal::Engine(DbError::Busy)) => Some(DbError::Busy),
        Err(Refusal::Engine(DbError::Away(what) | DbError::Unknown(what))) => {
            Some(DbError::Away(what.clone()))
        }
        _ => None,
    }
}

async fn carry_out_batch(books: &mut Books, asked: &[Asked<'_>]) -> Answers {
    match commit_again(books, asked).await {
        Ok(answers) => answers,
        // One command that the database does not take must not fail its neighbors; and what another program has done
        // since the facts were read (deleted a student, say) is among the facts the second time.
        Err(DbError::Constraint(_) | DbError::Unwritable(_) | DbError::Engine(_)) => {
            carry_out_singly(books, asked).await
        }
        Err(error) => vec![refused(error); asked.len()],
    }
}

async fn carry_out_singly(books: &mut Books, asked: &[Asked<'_>]) -> Answers {
    let mut answers = Vec::with_capacity(asked.len());
    for command in asked {
        match commit_again(books, std::slice::from_ref(command)).await {
            Ok(alone) => answers.extend(alone),
            // A right that is missing on one table fails only the commands that need it.
            Err(error @ (DbError::Constraint(_) | DbError::Unwritable(_))) => answers.push(refused(error)),
            // A trigger that fails on one table, say: others can go on as long as the log takes entries.
            Err(error @ DbError::Engine(_)) if books.try_to_write().await.is_ok() => {
                answers.push(refused(error));
            }
            Err(error) => {
                answers.push(refused(error.clone()));
                // The database's own trouble is not tried again for each of the others.
                let untried = held_up(&Err(Refusal::Engine(error.clone()))).unwrap_or(error);
                answers.resize(asked.len(), refused(untried));
                break;
            }
        }
    }
    answers
}

/// Commits, and does it again where nothing was changed and the trouble may pass.
async fn commit_again(books: &mut Books, asked: &[Asked<'_>]) -> Result<Answers, DbError> {
    let mut patience = Patience::lasting(PATIENCE);
    loop {
        match books.commit(asked).await {
            Err(error) => patience.after(error).await?,
            done => return done,
        }
    }
}

fn refused(error: DbError) -> Outcome<Result<Answer, Refusal>> {
    let refusal = match error {
        DbError::Constraint(what) => Refusal::RowRefused(what),
        error => Refusal::Engine(error),
    };
    Outcome { answer: Err(refusal), replayed: false }
}

fn broken(what: &str) -> Outcome<Refusal> {
    Refusal::Engine(DbError::Engine(what.to_owned())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_asks_for_much_does_not_hold_up_the_others_for_long() {
        assert_eq!(sharing([1, 1, 1].into_iter()), 3);
        assert_eq!(sharing([1, 500, 500, 1].into_iter()), 2);
        assert_eq!(sharing([10_000, 1].into_iter()), 1);
        assert_eq!(sharing([1; 600].into_iter()), BATCH);
    }
}
