//! Reads by key, on a few shared connections. Reads that arrive while every connection is busy are sent together, and
//! those with the same SQL as one statement: the higher the load, the less a read costs.

use std::num::NonZero;
use std::sync::{Arc, OnceLock};

use futures_util::future::join_all;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::error::said;
use super::{Address, Found, Session, mapped};
use crate::db::{Arg, DbError, Map, Reach};

/// Connections: no more than there are cores here, since more connections mean smaller batches.
const CONNECTIONS: usize = 3;
/// Reads that are sent together at most: beyond it the first ones wait longer than the last ones gain.
const TOGETHER: usize = 64;
/// Reads that may wait for a connection; further ones are rejected at once.
const WAITING: usize = 4096;

#[derive(Debug)]
pub(super) struct ReadsByKey {
    address: Address,
    asked: OnceLock<mpsc::Sender<Asked>>,
}

/// A read that waits for a connection.
#[derive(Debug)]
struct Asked {
    sql: &'static str,
    args: Vec<Arg>,
    answer: Answer,
}

type Answer = oneshot::Sender<Result<Vec<Found>, DbError>>;
type Waiting = Mutex<mpsc::Receiver<Asked>>;

impl ReadsByKey {
    /// Does not connect yet.
    pub(super) fn of(address: Address) -> Self {
        Self { address, asked: OnceLock::new() }
    }

    pub(super) async fn query<T>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
    ) -> Result<Vec<T>, DbError> {
        let gone = || DbError::Engine("the connections that read are gone".to_owned());
        let (answer, found) = oneshot::channel();
        let asked = self.asked.get_or_init(|| self.connections());
        asked.try_send(Asked { sql, args, answer }).map_err(|error| match error {
            TrySendError::Full(_) => DbError::Busy,
            TrySendError::Closed(_) => gone(),
        })?;
        mapped(&found.await.map_err(|_| gone())??, map)
    }

    fn connections(&self) -> mpsc::Sender<Asked> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (asked, waiting) = mpsc::channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..cores.min(CONNECTIONS) {
            tokio::spawn(serve(self.address.clone(), Arc::clone(&waiting)));
        }
        asked
    }
}

/// Serves reads on one connection until the sender is dropped.
async fn serve(address: Address, waiting: Arc<Waiting>) {
    let mut session = None;
    loop {
        let mut asked = Vec::new();
        if waiting.lock().await.recv_many(&mut asked, TOGETHER).await == 0 {
            return;
        }
        session = match Session::open(session.take(), &address, Reach::Key).await {
            Ok(open) => {
                answer(&open, asked).await;
                Some(open)
            }
            Err(error) => {
                // Reject everything that arrived meanwhile at once, since connecting again for each batch would take
                // longer and longer. If another connection holds the lock, it takes the waiting reads.
                if let Ok(mut waiting) = waiting.try_lock() {
                    while let Ok(more) = waiting.try_recv() {
                        asked.push(more);
                    }
                }
                tell_all(asked.into_iter().map(|asked| asked.answer), &error);
                None
            }
        };
    }
}

async fn answer(session: &Session, asked: Vec<Asked>) {
    let mut alike: Vec<Alike> = Vec::new();
    // Skip clients that have disconnected.
    for Asked { sql, args, answer } in asked.into_iter().filter(|asked| !asked.answer.is_closed()) {
        if let Some(alike) = alike.iter_mut().find(|alike| alike.sql == sql) {
            alike.sets.push(args);
            alike.answers.push(answer);
        } else {
            alike.push(Alike { sql, sets: vec![args], answers: vec![answer] });
        }
    }
    join_all(alike.into_iter().map(|alike| alike.answered_by(session))).await;
}

/// Reads with the same SQL and different parameters.
struct Alike {
    sql: &'static str,
    sets: Vec<Vec<Arg>>,
    answers: Vec<Answer>,
}

impl Alike {
    async fn answered_by(self, session: &Session) {
        let statement = match session.prepared(self.sql).await.map_err(said) {
            Ok(statement) => statement,
            Err(error) => return tell_all(self.answers, &error),
        };
        // An error of one read must not affect the others: after an error, each is read alone.
        if let Ok(Some(found)) = session.query_packed(self.sql, statement.as_ref(), &self.sets).await {
            for (rows, answer) in found.into_iter().zip(self.answers) {
                tell(answer, Ok(rows));
            }
            return;
        }
        let alone = async |(args, answer): (Vec<Arg>, Answer)| {
            tell(answer, session.all_rows(statement.as_ref(), self.sql, &args).await);
        };
        join_all(self.sets.into_iter().zip(self.answers).map(alone)).await;
    }
}

fn tell_all(answers: impl IntoIterator<Item = Answer>, error: &DbError) {
    for answer in answers {
        tell(answer, Err(error.clone()));
    }
}

fn tell(answer: Answer, found: Result<Vec<Found>, DbError>) {
    // The client may have disconnected.
    _ = answer.send(found);
}
