//! A connection that ends well: it waits only so long for a client that does not read, and closes so that the last
//! answer arrives.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::bare;
use super::connections::Activity;

/// How long a client that is still sending may go on after the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// A TCP connection with a deadline for writes, on which every refusal is a problem.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    activity: Arc<Activity>,
    /// What is still to be sent in place of a bare refusal.
    instead: Option<Bytes>,
    stall: Duration,
    /// Runs while the client does not read; begins anew with every byte that it takes.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs while the connection is being closed.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// Gives up a client that reads nothing for as long as `stall`.
    #[must_use]
    pub fn new(stream: TcpStream, activity: Arc<Activity>, stall: Duration) -> Self {
        Self { stream, activity, instead: None, stall, stalled: None, lingering: None }
    }

    /// What goes out in place of `bytes`, where nobody has asked for an answer yet and they are a refusal all the same.
    fn takes_over(&mut self, bytes: &[u8]) -> bool {
        if self.instead.is_none() && !self.activity.is_busy() {
            self.instead = bare::replacement(bytes);
        }
        self.instead.is_some()
    }

    /// Sends what goes out in place of `length` bytes.
    fn poll_instead(&mut self, context: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        while let Some(rest) = self.instead.as_mut().filter(|rest| !rest.is_empty()) {
            let wrote = Pin::new(&mut self.stream).poll_write(context, rest);
            match ready!(Self::watch(self.stall, &mut self.stalled, context, wrote))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                sent => rest.advance(sent),
            }
        }
        self.instead = None;
        Poll::Ready(Ok(length))
    }

    fn watch(
        stall: Duration,
        stalled: &mut Option<Pin<Box<Sleep>>>,
        context: &mut Context<'_>,
        wrote: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
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
        // Who sends long heads over many connections, and never ends them, is not answered.
        let held = self.activity.has_read(buffer.filled().len() - before);
        Poll::Ready(held.map_err(|_| ErrorKind::OutOfMemory.into()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.takes_over(bytes) {
            return self.poll_instead(context, bytes.len());
        }
        let this = &mut *self;
        let wrote = Pin::new(&mut this.stream).poll_write(context, bytes);
        Self::watch(this.stall, &mut this.stalled, context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A bare refusal has no content, so it is in one piece.
        let (first, all) =
            (slices.first().map_or(&[][..], |slice| slice), slices.iter().map(|slice| slice.len()).sum());
        if first.len() == all && self.takes_over(first) {
            return self.poll_instead(context, all);
        }
        let this = &mut *self;
        let wrote = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        Self::watch(this.stall, &mut this.stalled, context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.activity.flushed();
        Poll::Ready(Ok(()))
    }

    /// Says that no more will come, then reads what the client is still sending: a socket that is closed over unread
    /// bytes resets the connection, and the client loses the answer (a 413, say) that it has not read yet.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        let mut discarded = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut discarded);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                // Nothing was on its way: an idle client is not waited for.
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
