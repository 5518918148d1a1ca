//! Signals that ask a command to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT (Ctrl+C), SIGTERM and SIGHUP, from now on.
#[derive(Debug)]
pub(super) struct StopSignals([Signal; 3]);

impl StopSignals {
    /// Listens for them: they no longer end the program by themselves.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    /// Waits for the first of them.
    pub(super) async fn wait(&mut self) {
        let Self([interrupt, terminate, hangup]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
