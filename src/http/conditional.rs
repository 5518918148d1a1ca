//! Optimistic locking: `ETag`, `If-Match`, `If-None-Match` (RFC 9110, chapter 13).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use serde_json::json;

use super::invalid::invalid;
use super::problem::Problem;
use crate::registrar::Version;

/// A strong entity tag from the version of a record and, if it is shown with related data, the version of that data.
#[must_use]
pub fn etag(version: Version, related: Option<Version>) -> String {
    match related {
        Some(related) => format!("\"{:016x}-{:016x}\"", version.0, related.0),
        None => format!("\"{:016x}\"", version.0),
    }
}

/// The versions that `If-Match` names, each with the version of the related data that was shown with it. `None`
/// matches any version (no header, or `*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<Vec<(Version, Option<Version>)>>);

impl IfMatch {
    /// The versions of the record alone, for a change to the record: a course may be renamed although somebody
    /// enrolled since it was read.
    #[must_use]
    pub fn record_versions(self) -> Option<Vec<Version>> {
        self.0.map(|tags| tags.into_iter().map(|(version, _)| version).collect())
    }
}

/// The versions that the client already has, from `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfNoneMatch {
    any: bool,
    tags: Vec<String>,
}

impl IfNoneMatch {
    /// Whether the client already has this version.
    #[must_use]
    pub fn has(&self, version: Version, related: Option<Version>) -> bool {
        self.any || self.tags.contains(&etag(version, related))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let tags = tags(&parts.headers, &IF_MATCH);
        if !parts.headers.contains_key(IF_MATCH) || tags.contains(&"*") {
            return Ok(Self(None));
        }
        if tags.iter().any(|tag| !is_quoted(tag.strip_prefix("W/").unwrap_or(tag))) {
            let detail = "must be the ETag of the record with its quotes, or *";
            return Err(invalid(vec![json!({"parameter": "If-Match", "detail": detail})]));
        }
        // A weak tag never matches here (RFC 9110, 13.1.1), nor does a tag that this server did not make.
        Ok(Self(Some(tags.into_iter().filter_map(version).collect())))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let tags = tags(&parts.headers, &IF_NONE_MATCH);
        let any = tags.contains(&"*");
        Ok(Self {
            any,
            tags: tags.iter().map(|tag| tag.strip_prefix("W/").unwrap_or(tag).to_owned()).collect(),
        })
    }
}

fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|tag| !tag.is_empty()).collect()
}

/// Whether a text is a strong entity tag.
pub(super) fn is_quoted(tag: &str) -> bool {
    tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"')
}

/// The versions in a tag of [`etag`].
pub(super) fn version(tag: &str) -> Option<(Version, Option<Version>)> {
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    let version =
        |digits: &str| (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok().map(Version))?;
    match tag.split_once('-') {
        Some((record, related)) => Some((version(record)?, Some(version(related)?))),
        None => Some((version(tag)?, None)),
    }
}
