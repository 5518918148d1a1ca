//! Receiving a body: of so many bytes at most, within a time, and within the memory that there is for all bodies.

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
use crate::shares::{Client, Full, Place};

/// How long a body may take to arrive; shorter than a request may take, so that it is told what was slow.
const SLOWEST: Duration = Duration::from_secs(20);

/// A whole body.
#[derive(Debug)]
pub(super) struct Received {
    /// What was sent.
    pub(super) bytes: Bytes,
    /// Its part of the memory for all bodies, until this is dropped.
    pub(super) memory: Option<Place>,
}

/// The whole body, of `most` bytes at most. Memory is taken for what arrives, not for what is announced: whoever sends
/// nothing keeps nobody out.
///
/// # Errors
/// `payload-too-large`, `overloaded` or `rate-limited`, as soon as it is known; `invalid-request` where it does not arrive.
pub(super) async fn receive(request: Request, most: usize) -> Result<Received, Problem> {
    let announced = announced(request.headers());
    if announced.is_some_and(|bytes| bytes > most) {
        return Err(Problem::payload_too_large(most));
    }
    let client = request.extensions().get::<Client>().copied();
    let memory = request.extensions().get::<BodyMemory>().map(|memory| memory.0.take(client, 0));
    let memory = memory.transpose().map_err(no_memory)?;
    if let (Some(memory), Some(announced)) = (&memory, announced) {
        memory.could_grow(announced).map_err(no_memory)?;
    }
    let mut received = Received { bytes: Bytes::new(), memory };
    let arrived = tokio::time::timeout(SLOWEST, received.take(request.into_body(), most)).await;
    arrived.unwrap_or_else(|_| {
        Err(unreadable(&format!("did not arrive within {} seconds", SLOWEST.as_secs())))
    })?;
    Ok(received)
}

impl Received {
    async fn take(&mut self, body: Body, most: usize) -> Result<(), Problem> {
        let (mut chunks, mut whole) = (body.into_data_stream(), BytesMut::new());
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| unreadable("could not be read to its end"))?;
            if self.bytes.len() + whole.len() + chunk.len() > most {
                return Err(Problem::payload_too_large(most));
            }
            if let Some(memory) = &mut self.memory {
                memory.grow(chunk.len()).map_err(no_memory)?;
            }
            // Most bodies come in one piece, which is not copied.
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

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn unreadable(detail: &str) -> Problem {
    invalid(vec![json!({"pointer": "", "detail": detail})])
}

fn no_memory(full: Full) -> Problem {
    match full {
        Full::All => Problem::overloaded(
            "The bodies that are being read take all the memory that there is for them; nothing was changed. Try again.",
        ),
        Full::Share => Problem::rate_limited(
            "Your other requests are still being read, and take as much memory as one client may. Wait for one of them; \
             nothing was changed.",
        ),
    }
}
