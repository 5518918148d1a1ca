//! A connection with a write timeout, which is closed in a way that lets the last response arrive.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::connections::Activity;
use super::hyper_errors;
use super::transport::Transport;

/// How long a client may keep sending after the last response.
const LINGER: Duration = Duration::from_secs(1);

/// A connection with a write timeout, on which hyper's own error responses are replaced by problems.
#[derive(Debug)]
pub struct Socket {
    stream: Transport,
    activity: Arc<Activity>,
    /// The rest of a response that replaces one of hyper's.
    replacement: Option<Bytes>,
    stall: Duration,
    /// Runs while the client does not read; restarts with every byte that it takes.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs while the connection is being closed.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// Disconnects a client that reads nothing for `stall`.
    #[must_use]
    pub(super) fn new(stream: Transport, activity: Arc<Activity>, stall: Duration) -> Self {
        Self { stream, activity, replacement: None, stall, stalled: None, lingering: None }
    }

    /// Whether `bytes` have to be replaced: they are an error response although no request has been read.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        if self.replacement.is_none() && !self.activity.is_busy() {
            self.replacement = hyper_errors::replacement(bytes);
        }
        self.replacement.is_some()
    }

    /// Sends the replacement of `length` bytes.
    fn poll_replacement(&mut self, context: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        while let Some(rest) = self.replacement.as_mut().filter(|rest| !rest.is_empty()) {
            let wrote = Pin::new(&mut self.stream).poll_write(context, rest);
            match ready!(Self::with_timeout(self.stall, &mut self.stalled, context, wrote))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                sent => rest.advance(sent),
            }
        }
        self.replacement = None;
        Poll::Ready(Ok(length))
    }

    /// Returns the result of a write, or an error if the client has not read for `stall`.
    fn with_timeout<T>(
        stall: Duration,
        stalled: &mut Option<Pin<Box<Sleep>>>,
        context: &mut Context<'_>,
        wrote: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            *stalled = None;
            return wrote;
        }
        ready!(stalled.get_or_insert_with(|| Box::pin(sleep(stall))).as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        // A client that sends endless heads over many connections gets no answer.
        let reserved = self.activity.count_read(buffer.filled().len() - before);
        Poll::Ready(reserved.map_err(|_| ErrorKind::OutOfMemory.into()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.replaces(bytes) {
            return self.poll_replacement(context, bytes.len());
        }
        let this = &mut *self;
        let wrote = Pin::new(&mut this.stream).poll_write(context, bytes);
        Self::with_timeout(this.stall, &mut this.stalled, context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // An error response of hyper has no body, so it is in one piece.
        let (first, all) =
            (slices.first().map_or(&[][..], |slice| slice), slices.iter().map(|slice| slice.len()).sum());
        if first.len() == all && self.replaces(first) {
            return self.poll_replacement(context, all);
        }
        let this = &mut *self;
        let wrote = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        Self::with_timeout(this.stall, &mut this.stalled, context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // With TLS, encrypted bytes may still be waiting for the client to read.
        let this = &mut *self;
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        ready!(Self::with_timeout(this.stall, &mut this.stalled, context, flushed))?;
        self.activity.on_flushed();
        Poll::Ready(Ok(()))
    }

    /// Shuts down the sending side, then discards what the client is still sending. Closing a socket with unread
    /// bytes resets the connection, and the client would lose a response that it has not read yet, such as a 413.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            let this = &mut *self;
            let shut = Pin::new(&mut this.stream).poll_shutdown(context);
            ready!(Self::with_timeout(this.stall, &mut this.stalled, context, shut))?;
        }
        let mut discarded = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut discarded);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                // Nothing is arriving, so there is no reason to wait.
                Poll::Pending if self.lingering.is_none() => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    let Some(deadline) = &mut self.lingering else {
                        return Poll::Ready(Ok(()));
                    };
                    return deadline.as_mut().poll(context).map(Ok);
                }
            }
            let deadline = self.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
            if deadline.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
