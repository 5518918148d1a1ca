use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::DbError;

/// How often the same problem is logged.
const LOG_AGAIN: Duration = Duration::from_mins(1);

/// The result of the last attempt to write. Cheap to clone; all clones share it.
#[derive(Clone, Debug, Default)]
pub struct WriteHealth(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: Option<Attempt>,
    logged: Option<(Instant, DbError)>,
}

#[derive(Clone, Debug)]
struct Attempt {
    at: Instant,
    outcome: Result<(), DbError>,
}

impl WriteHealth {
    /// The result of the last attempt, if it is more recent than `age`.
    #[must_use]
    pub fn within(&self, age: Duration) -> Option<Result<(), DbError>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last.as_ref().filter(|last| last.at.elapsed() < age).map(|last| last.outcome.clone())
    }

    /// Records a commit.
    pub(super) fn succeeded(&self) {
        self.set(Ok(()));
    }

    /// Records an error, unless only the written data caused it: another row would have been accepted.
    pub fn failed(&self, error: &DbError) {
        if !matches!(error, DbError::Constraint(_) | DbError::Conflict(_)) {
            self.set(Err(error.clone()));
        }
    }

    /// Records the error of an engine's result, if it is one, and returns the result.
    pub(super) fn record<T>(&self, answer: Result<T, DbError>) -> Result<T, DbError> {
        answer.inspect_err(|error| self.failed(error))
    }

    fn set(&self, outcome: Result<(), DbError>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last = Some(Attempt { at: Instant::now(), outcome });
    }

    /// Logs that writing fails, once a minute for the same reason, and that it works again.
    pub fn log(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Attempt { at, outcome }) = state.last.clone() else { return };
        match outcome {
            Ok(()) => {
                if state.logged.take().is_some() {
                    tracing::info!("the database can be written to again");
                }
            }
            Err(error) => {
                let is_known = |(logged, known): &(Instant, DbError)| {
                    *known == error && at.duration_since(*logged) < LOG_AGAIN
                };
                if !state.logged.as_ref().is_some_and(is_known) {
                    tracing::error!(%error, "the database cannot be written to");
                    state.logged = Some((at, error));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_single_rows_do_not_count() {
        let write_health = WriteHealth::default();
        assert_eq!(write_health.within(Duration::MAX), None);
        write_health.succeeded();
        write_health.failed(&DbError::Constraint("the address is taken".to_owned()));
        write_health.failed(&DbError::Conflict("another was first".to_owned()));
        assert_eq!(write_health.within(Duration::MAX), Some(Ok(())));
        write_health.failed(&DbError::Full);
        assert_eq!(write_health.within(Duration::MAX), Some(Err(DbError::Full)));
        assert_eq!(write_health.within(Duration::ZERO), None);
        write_health.succeeded();
        assert_eq!(write_health.within(Duration::MAX), Some(Ok(())));
    }
}
