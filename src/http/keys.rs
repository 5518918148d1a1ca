//! `Idempotency-Key`: a client's name for a write, so that it can send it again.

use std::hash::Hasher as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::json;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::invalid::invalid;
use super::problem::Problem;
use crate::registrar::Caller;

/// The key of a request, before its body is known.
pub(super) struct SentKey {
    method: Method,
    uri: String,
    lines: Vec<HeaderValue>,
}

impl SentKey {
    /// The key of a request, if it has one.
    pub(super) fn of_request(method: &Method, headers: &HeaderMap, uri: &Uri) -> Option<Self> {
        headers.contains_key(&IDEMPOTENCY_KEY).then(|| {
            let lines = headers.get_all(&IDEMPOTENCY_KEY).into_iter().cloned();
            Self { method: method.clone(), uri: uri.to_string(), lines: lines.collect() }
        })
    }

    /// The caller with the key for this body.
    pub(super) fn of(self, caller: Caller, body: &[u8]) -> Result<Caller, Problem> {
        let name = if let [line] = self.lines.as_slice() { line.to_str().ok() } else { None };
        with_key(caller, &self.method, &self.uri, name, body)
    }
}

/// The header with which a client names a request, so that it can retry it.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Adds the request's key, with a fingerprint of its method, address and body.
pub(super) fn with_key(
    caller: Caller,
    method: &Method,
    uri: &str,
    name: Option<&str>,
    body: &[u8],
) -> Result<Caller, Problem> {
    let is_key =
        |name: &&str| (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    let name = name.filter(is_key).ok_or_else(|| {
        let detail = "must be a single value of 1 to 255 visible ASCII characters";
        invalid(vec![json!({"parameter": "Idempotency-Key", "detail": detail})])
    })?;
    let mut hasher = SipHasher13::new();
    // Earlier versions took keys of POST only and left the method out; their fingerprints stay valid.
    if method != Method::POST {
        hasher.write(method.as_str().as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.write(uri.as_bytes());
    hasher.write_u8(0xff);
    hasher.write(body);
    let hash = hasher.finish128();
    Ok(caller.with_key(name, format!("{:016x}{:016x}", hash.h1, hash.h2)))
}
