//! The heart: every change takes one way, and there is no other.
//!
//! A [`Command`] waits in the queue; the Registrar takes whatever has gathered, loads the [`Facts`] that it needs,
//! [`decide`]s each command, applies the [`Event`]s and appends them to the log in one transaction, and answers after
//! its commit. While one commit waits for the disk the next batch gathers, so a busy server shares each flush.

pub mod command;
mod commit;
pub mod decide;
pub mod event;
pub mod facts;
mod housekeeping;
pub mod keys;
mod lead;
mod readiness;
pub mod record;
pub mod refusal;
pub mod seats;
mod store;
mod stored;
pub(crate) mod sweeper;
mod visible;
pub mod waitlist;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};

pub use self::command::{Admission, Answer, Command, Done, Operation, Origin, Role};
use self::commit::Books;
pub use self::commit::{enrollment, limits, no_log_head};
pub use self::decide::{Decision, carry_out, decide};
pub use self::event::Event;
pub use self::facts::Facts;
use self::housekeeping::Housekeeping;
use self::keys::UnderWay;
pub use self::keys::{InUse, Key};
use self::lead::Lead;
pub use self::lead::lead;
pub use self::readiness::Unready;
pub use self::record::{
    Course, CourseId, Enrollment, EnrollmentId, MAX_ID, MAX_TEXT, Student, StudentId, Version, text, typed,
};
pub use self::refusal::Refusal;
pub use self::seats::{Limits, MOST_SEATS, Place, SeatCount, Seats, Waiting};
pub use self::waitlist::Waitlist;
use crate::clock::Clock;
use crate::count::to_i64;
use crate::db::{DbError, Patience, Pulse, Writer};
use crate::metrics::Metrics;

/// Commands that may wait; one more is refused at once.
const QUEUE: usize = 8192;
/// Operations that share a commit at most, which bounds how long the last of them waits; a command that has more of them
/// has a commit to itself.
const BATCH: usize = 512;
/// In the place of a part: all of a request.
const WHOLE: i64 = -1;
/// How long a batch is tried again while the database server is away, and how long its outcome is asked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The way to the one thread that writes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registrar {
    queue: mpsc::Sender<Asked>,
    stop: Arc<Notify>,
    under_way: UnderWay,
    metrics: Metrics,
    pulse: Pulse,
    lead: Lead,
    asking: mpsc::Sender<readiness::Asking>,
}

#[derive(Debug)]
struct Asked {
    in_use: Option<InUse>,
    command: Command,
    origin: Origin,
    answer: oneshot::Sender<Result<Answer, Refusal>>,
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
        let (pulse, lead) = (writer.pulse(), Lead::new(metrics.clone()));
        let (queue, asked) = mpsc::channel(QUEUE);
        let stop = Arc::new(Notify::new());
        let under_way = UnderWay::default();
        let (asking, questions) = readiness::channel();
        let registrar = Self {
            queue,
            stop: Arc::clone(&stop),
            under_way,
            metrics: metrics.clone(),
            pulse,
            lead: lead.clone(),
            asking,
        };
        let askers = Handle::current();
        let (opened, is_open) = oneshot::channel();
        let work = async move || {
            let mut books = Books::new(writer, clock.clone(), lead);
            let can_write = books.open().await;
            let goes_on = can_write.is_ok();
            #[expect(clippy::let_underscore_must_use, reason = "the caller of `start` may have given up")]
            let _ = opened.send(can_write);
            if goes_on {
                let housekeeping = Housekeeping::new(clock, others_wrote);
                serve(books, asked, questions, housekeeping, &stop, &metrics, &news, &askers).await;
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

    /// Carries out a command. The answer comes after its commit; an asker that goes away undoes nothing.
    ///
    /// # Errors
    /// The reason why nothing was changed.
    pub async fn submit<T: TryFrom<Answer>>(&self, command: Command, origin: Origin) -> Result<T, Refusal> {
        let in_use = origin.key.as_deref().map(|key| self.under_way.take(key)).transpose();
        let in_use = in_use.inspect_err(|refusal| self.metrics.refused([refusal.reason()].into_iter()))?;
        let (answer, answered) = oneshot::channel();
        self.metrics.queue_depth.inc();
        self.queue.try_send(Asked { in_use, command, origin, answer }).map_err(|error| {
            self.metrics.queue_depth.dec();
            let refusal = match error {
                TrySendError::Full(_) => Refusal::Overloaded,
                TrySendError::Closed(_) => Refusal::Stopping,
            };
            self.metrics.refused([refusal.reason()].into_iter());
            refusal
        })?;
        let answer =
            answered.await.map_err(|_| broken("the Registrar stopped in the middle of a batch"))??;
        T::try_from(answer).map_err(|_| broken("a command got another command's answer"))
    }
}

#[expect(clippy::too_many_arguments, reason = "it is what its thread has, and has one caller")]
async fn serve(
    mut books: Books,
    mut queue: mpsc::Receiver<Asked>,
    mut questions: mpsc::Receiver<readiness::Asking>,
    mut housekeeping: Housekeeping,
    stop: &Notify,
    metrics: &Metrics,
    news: &Notify,
    askers: &Handle,
) {
    let pulse = books.pulse();
    let mut waiting = Vec::with_capacity(BATCH);
    loop {
        if let Ok(first) = questions.try_recv() {
            readiness::answer(first, &mut questions, &mut books, &pulse).await;
        }
        while waiting.len() < BATCH
            && let Ok(asked) = queue.try_recv()
        {
            waiting.push(asked);
        }
        let has_more = housekeeping.work(&mut books).await;
        if waiting.is_empty() {
            if has_more && queue.is_empty() {
                continue;
            }
            let taken = tokio::select! {
                taken = queue.recv_many(&mut waiting, BATCH) => taken,
                Some(first) = questions.recv() => {
                    readiness::answer(first, &mut questions, &mut books, &pulse).await;
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
            // Whoever is on their way gets in: where the one who woke this thread is still at work on the same core, it has
            // more to hand over. It costs nothing where nobody is.
            std::thread::yield_now();
            waiting.extend(std::iter::from_fn(|| queue.try_recv().ok()).take(BATCH - taken));
        }
        let taken = sharing(waiting.iter().map(|asked| &asked.command));
        let batch: Vec<_> = waiting.drain(..taken).collect();
        metrics.queue_depth.dec_by(to_i64(taken));
        #[expect(clippy::cast_precision_loss, reason = "a batch has at most some hundred commands")]
        metrics.batch_size.observe(taken as f64);
        let began = Instant::now();
        let commands: Vec<_> = batch.iter().map(|asked| (&asked.command, &asked.origin)).collect();
        let outcome = carry_out_batch(&mut books, &commands).await;
        metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
        metrics.refused(outcome.iter().flat_map(refusals).map(Refusal::reason));
        pulse.log();
        news.notify_one();
        let held_up = outcome.iter().find_map(held_up);
        // By a task of those who wait: told from here, each answer would wake them up, and stop this thread for it.
        askers.spawn(async move {
            for (asked, answer) in batch.into_iter().zip(outcome) {
                drop(asked.in_use);
                #[expect(
                    clippy::let_underscore_must_use,
                    reason = "if its client has left, it is done all the same"
                )]
                let _ = asked.answer.send(answer);
            }
        });
        // Another program keeps the database, or its server is away. Whoever waits here has waited as long, and must not
        // wait for turn after turn of it.
        if let Some(error) = held_up {
            waiting.extend(std::iter::from_fn(|| queue.try_recv().ok()));
            for asked in waiting.drain(..) {
                metrics.queue_depth.dec();
                let refusal = Refusal::Engine(error.clone());
                metrics.refused([refusal.reason()].into_iter());
                #[expect(clippy::let_underscore_must_use, reason = "a client that has left needs no answer")]
                let _ = asked.answer.send(Err(refusal));
            }
        }
    }
}

/// How many of the commands, from the first on, share the next commit.
fn sharing<'a>(commands: impl Iterator<Item = &'a Command>) -> usize {
    let weight = |command: &Command| match command {
        Command::Batch { operations, .. } => operations.len(),
        _ => 1,
    };
    let until = commands.scan(0, |sum, command| {
        *sum += weight(command);
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

/// What keeps others waiting too, as it is told to those of whom nothing was tried.
fn held_up(outcome: &Result<Answer, Refusal>) -> Option<DbError> {
    match outcome {
        Err(Refusal::Engine(DbError::Busy)) => Some(DbError::Busy),
        Err(Refusal::Engine(DbError::Away(what) | DbError::Unknown(what))) => {
            Some(DbError::Away(what.clone()))
        }
        _ => None,
    }
}

async fn carry_out_batch(books: &mut Books, commands: &[(&Command, &Origin)]) -> commit::Outcome {
    match commit_again(books, commands).await {
        Ok(outcome) => outcome,
        // One command that the database does not take must not fail its neighbors; and what another program has done
        // since the facts were read (deleted a student, say) is among the facts the second time.
        Err(DbError::Constraint(_) | DbError::Unwritable(_) | DbError::Engine(_)) => {
            carry_out_singly(books, commands).await
        }
        Err(error) => vec![Err(refused(error)); commands.len()],
    }
}

async fn carry_out_singly(books: &mut Books, commands: &[(&Command, &Origin)]) -> commit::Outcome {
    let mut outcome = Vec::with_capacity(commands.len());
    for command in commands {
        match commit_again(books, std::slice::from_ref(command)).await {
            Ok(mut alone) => {
                outcome.push(
                    alone.pop().unwrap_or_else(|| Err(broken("a command was decided without an answer"))),
                );
            }
            // A right that is missing on one table fails only the commands that need it.
            Err(error @ (DbError::Constraint(_) | DbError::Unwritable(_))) => {
                outcome.push(Err(refused(error)));
            }
            // A trigger that fails on one table, say: others can go on as long as the log takes entries.
            Err(error @ DbError::Engine(_)) if books.try_to_write().await.is_ok() => {
                outcome.push(Err(refused(error)));
            }
            Err(error) => {
                outcome.push(Err(refused(error.clone())));
                // What is the database's own trouble is not tried again for each of the others.
                let untried = held_up(&Err(Refusal::Engine(error.clone()))).unwrap_or(error);
                outcome.resize(commands.len(), Err(refused(untried)));
                break;
            }
        }
    }
    outcome
}

/// Commits, and does it again where nothing was changed and the trouble may pass.
async fn commit_again(
    books: &mut Books,
    commands: &[(&Command, &Origin)],
) -> Result<commit::Outcome, DbError> {
    let mut patience = Patience::lasting(PATIENCE);
    loop {
        match books.commit(commands).await {
            Err(error) => patience.after(error).await?,
            done => return done,
        }
    }
}

fn refused(error: DbError) -> Refusal {
    match error {
        DbError::Constraint(what) => Refusal::RowRefused(what),
        error => Refusal::Engine(error),
    }
}

fn broken(what: &str) -> Refusal {
    Refusal::Engine(DbError::Engine(what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_much_does_not_hold_up_the_others_for_long() {
        let one =
            || Command::Drop { student_id: StudentId(1), course_id: CourseId(1), role: Role::Registrar };
        let many = |count| {
            let operations = vec![Operation::Drop(StudentId(1), CourseId(1)); count];
            Command::Batch { operations, all: false }
        };
        assert_eq!(sharing([one(), one(), one()].iter()), 3);
        assert_eq!(sharing([one(), many(500), many(500), one()].iter()), 2);
        assert_eq!(sharing([many(10_000), one()].iter()), 1);
        assert_eq!(sharing(vec![one(); 600].iter()), BATCH);
    }
}
