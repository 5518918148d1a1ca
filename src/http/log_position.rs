//! The header with which a client that has written reads from any server what it has written.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use serde_json::json;

use super::invalid::invalid;
use super::problem::{NotCaughtUp, Problem};
use crate::registrar::{LogPosition, MAX_ID, Registrar};

/// In an answer to a write: the `seq` with which the event log ended then. In a read: the entry that it has to see.
pub const X_MATRICULA_SEQ: HeaderName = HeaderName::from_static("x-matricula-seq");

/// Waits until a read sees the entry of the log that it asks for. For a write, returns where to note its place in the log.
///
/// # Errors
/// If the header is malformed, or the entry does not come in time.
pub async fn prepare(registrar: &Registrar, request: &mut Request) -> Result<Option<LogPosition>, Problem> {
    let seq = wanted(request.headers())?;
    if !request.method().is_safe() {
        let position = LogPosition::default();
        request.extensions_mut().insert(position.clone());
        return Ok(Some(position));
    }
    let Some(seq) = seq else { return Ok(None) };
    if registrar.reach(seq).await? {
        return Ok(None);
    }
    Err(Problem::new::<NotCaughtUp>(format!("Entry {seq} of the event log has not reached this server yet.")))
}

/// Says in the answer to a write where the log ended.
pub fn complete(position: Option<&LogPosition>, response: &mut Response) {
    if let Some(seq) = position.and_then(LogPosition::get) {
        response.headers_mut().insert(X_MATRICULA_SEQ, HeaderValue::from(seq));
    }
}

fn wanted(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let mut lines = headers.get_all(X_MATRICULA_SEQ).iter();
    let seq = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(line), None) => parse(line.as_bytes()),
        (Some(_), Some(_)) => None,
    };
    seq.map(Some).ok_or_else(|| {
        let detail =
            format!("must be a single whole number from 0 to {MAX_ID}, as an answer to a write has it");
        invalid(vec![json!({"parameter": "X-Matricula-Seq", "detail": detail})])
    })
}

fn parse(text: &[u8]) -> Option<i64> {
    let is_plain = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let seq = str::from_utf8(text).ok().filter(|_| is_plain)?.parse().ok()?;
    (seq <= MAX_ID).then_some(seq)
}
