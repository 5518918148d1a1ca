//! Reads by key, on a few shared connections. Reads that arrive while every connection is busy are sent together, and
//! those with the same SQL as one statement: the higher the load, the less a read costs.

use std::num::NonZero;
use std::sync::{Arc, OnceLock};

use futures_util::future::join_all;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::error::map_error;
use super::{Address, PgRow, Session, map_rows};
use crate::db::{Arg, DbError, Map, Reach};

/// Connections: no more than there are cores here, since more connections mean smaller batches.
const MAX_CONNECTIONS: usize = 3;
/// Reads that are sent together at most: beyond it the first ones wait longer than the last ones gain.
const MAX_BATCH: usize = 64;
/// Reads that may wait for a connection; further ones are rejected at once.
const MAX_WAITING: usize = 4096;

#[derive(Debug)]
pub(super) struct ReadsByKey {
    address: Address,
    sender: OnceLock<mpsc::Sender<KeyRead>>,
}

/// A read that waits for a connection.
#[derive(Debug)]
struct KeyRead {
    reach: Reach,
    sql: &'static str,
    args: Vec<Arg>,
    answer: RowsSender,
}

type RowsSender = oneshot::Sender<Result<Vec<PgRow>, DbError>>;
type ReadQueue = Mutex<mpsc::Receiver<KeyRead>>;

impl ReadsByKey {
    /// Does not connect yet.
    pub(super) fn new(address: Address) -> Self {
        Self { address, sender: OnceLock::new() }
    }

    pub(super) async fn query<T>(
        &self,
        reach: Reach,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
    ) -> Result<Vec<T>, DbError> {
        let closed = || DbError::Engine("the connections that read have stopped".to_owned());
        let (answer, found) = oneshot::channel();
        let sender = self.sender.get_or_init(|| self.start());
        sender.try_send(KeyRead { reach, sql, args, answer }).map_err(|error| match error {
            TrySendError::Full(_) => DbError::Busy,
            TrySendError::Closed(_) => closed(),
        })?;
        map_rows(&found.await.map_err(|_| closed())??, map)
    }

    fn start(&self) -> mpsc::Sender<KeyRead> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (sender, waiting) = mpsc::channel(MAX_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..cores.min(MAX_CONNECTIONS) {
            tokio::spawn(serve(self.address.clone(), Arc::clone(&waiting)));
        }
        sender
    }
}

/// Serves reads on one connection until the sender is dropped.
async fn serve(address: Address, waiting: Arc<ReadQueue>) {
    let mut session = None;
    loop {
        let mut reads = Vec::new();
        if waiting.lock().await.recv_many(&mut reads, MAX_BATCH).await == 0 {
            return;
        }
        session = match Session::open(session.take(), &address, Reach::Key).await {
            Ok(open) => {
                run(&open, reads).await;
                Some(open)
            }
            Err(error) => {
                // Reject all reads that have arrived so far at once, since connecting again for each batch would take
                // longer and longer. If another connection holds the lock, it takes the waiting reads.
                if let Ok(mut waiting) = waiting.try_lock() {
                    while let Ok(more) = waiting.try_recv() {
                        reads.push(more);
                    }
                }
                reply_all(reads.into_iter().map(|read| read.answer), &error);
                None
            }
        };
    }
}

async fn run(session: &Session, reads: Vec<KeyRead>) {
    let mut groups: Vec<Group> = Vec::new();
    // Skip clients that have disconnected.
    for KeyRead { reach, sql, args, answer } in reads.into_iter().filter(|read| !read.answer.is_closed()) {
        if let Some(group) = groups.iter_mut().find(|group| group.sql == sql) {
            group.sets.push(args);
            group.answers.push(answer);
        } else {
            groups.push(Group { reach, sql, sets: vec![args], answers: vec![answer] });
        }
    }
    join_all(groups.into_iter().map(|group| group.run(session))).await;
}

/// Reads with the same SQL and different parameters.
struct Group {
    reach: Reach,
    sql: &'static str,
    sets: Vec<Vec<Arg>>,
    answers: Vec<RowsSender>,
}

impl Group {
    async fn run(self, session: &Session) {
        let statement = match session.prepared(self.sql).await.map_err(map_error) {
            Ok(statement) => statement,
            Err(error) => return reply_all(self.answers, &error),
        };
        // An error of one read must not affect the others: after an error, each is read alone.
        if self.reach == Reach::Key
            && let Ok(Some(found)) = session.query_packed(self.sql, statement.as_ref(), &self.sets).await
        {
            for (rows, answer) in found.into_iter().zip(self.answers) {
                reply(answer, Ok(rows));
            }
            return;
        }
        let alone = async |(args, answer): (Vec<Arg>, RowsSender)| {
            reply(answer, session.all_rows(statement.as_ref(), self.sql, &args).await);
        };
        join_all(self.sets.into_iter().zip(self.answers).map(alone)).await;
    }
}

fn reply_all(answers: impl IntoIterator<Item = RowsSender>, error: &DbError) {
    for answer in answers {
        reply(answer, Err(error.clone()));
    }
}

fn reply(answer: RowsSender, found: Result<Vec<PgRow>, DbError>) {
    // The client may have disconnected.
    _ = answer.send(found);
}
