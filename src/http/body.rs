//! Receives request bodies, limited in size, in time, and in the memory that all bodies share.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde_json::json;

use super::invalid::invalid;
use super::limits::BodyMemory;
use super::problem::Problem;
use crate::shares::{Client, QuotaError, QuotaGuard};

/// How long a body may take to arrive. Less than the 30 s for a whole request, so that the client learns what was
/// slow.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// A whole body.
#[derive(Debug)]
pub(super) struct Received {
    /// The bytes of the body.
    pub(super) bytes: Bytes,
    /// Its part of the memory that all bodies share; dropping it frees that memory.
    pub(super) memory: Option<QuotaGuard>,
}

/// Receives a whole body of at most `max` bytes. Memory is reserved for bytes that have arrived, not for the
/// announced length, so a client that sends nothing cannot block others.
///
/// # Errors
/// `payload-too-large`, `overloaded` or `rate-limited` as soon as that is known; `invalid-request` if the body does
/// not arrive completely and in time.
pub(super) async fn receive(request: Request, max: usize) -> Result<Received, Problem> {
    let content_length = content_length(request.headers());
    if content_length.is_some_and(|bytes| bytes > max) {
        return Err(Problem::payload_too_large(max));
    }
    let client = request.extensions().get::<Client>().copied();
    let memory = request.extensions().get::<BodyMemory>().map(|memory| memory.0.take(client, 0));
    let memory = memory.transpose().map_err(no_memory)?;
    if let (Some(memory), Some(content_length)) = (&memory, content_length) {
        memory.can_grow(content_length).map_err(no_memory)?;
    }
    let mut received = Received { bytes: Bytes::new(), memory };
    let arrived = tokio::time::timeout(BODY_TIMEOUT, received.take(request.into_body(), max)).await;
    arrived.unwrap_or_else(|_| {
        Err(unreadable(&format!("did not arrive within {} seconds", BODY_TIMEOUT.as_secs())))
    })?;
    Ok(received)
}

impl Received {
    async fn take(&mut self, body: Body, max: usize) -> Result<(), Problem> {
        let (mut chunks, mut whole) = (body.into_data_stream(), BytesMut::new());
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| unreadable("could not be read completely"))?;
            if self.bytes.len() + whole.len() + chunk.len() > max {
                return Err(Problem::payload_too_large(max));
            }
            if let Some(memory) = &mut self.memory {
                memory.grow(chunk.len()).map_err(no_memory)?;
            }
            // Most bodies arrive in one piece; that piece is not copied.
            if self.bytes.is_empty() && whole.is_empty() {
                self.bytes = chunk;
            } else {
                whole.extend_from_slice(&std::mem::take(&mut self.bytes));
                whole.extend_from_slice(&chunk);
            }
        }
        if !whole.is_empty() {
            self.bytes = whole.freeze();
        }
        Ok(())
    }
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn unreadable(detail: &str) -> Problem {
    invalid(vec![json!({"pointer": "", "detail": detail})])
}

fn no_memory(full: QuotaError) -> Problem {
    match full {
        QuotaError::Exhausted => Problem::overloaded(
            "All the memory for request bodies is in use; nothing was changed. Try again.",
        ),
        QuotaError::ClientShare => Problem::rate_limited(
            "Your other requests are still being read and use as much memory as one client may. Wait for one of them; \
            nothing was changed.",
        ),
    }
}
