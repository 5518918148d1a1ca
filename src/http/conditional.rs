//! Optimistic locking: `ETag`, `If-Match`, `If-None-Match` (RFC 9110, chapter 13).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;

use crate::registrar::Version;

/// A version, and that of what is told beside it, as a strong entity tag.
#[must_use]
pub fn etag(version: Version, beside: Option<Version>) -> String {
    match beside {
        Some(beside) => format!("\"{:016x}-{:016x}\"", version.0, beside.0),
        None => format!("\"{:016x}\"", version.0),
    }
}

/// The versions that `If-Match` names, each with the version of what is shown beside the record; `None` when any will do (no
/// header, or `*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<Vec<(Version, Option<Version>)>>);

impl IfMatch {
    /// The versions of the record alone, for a change to it: renaming a course does not mean that nobody may enroll in the
    /// meantime.
    #[must_use]
    pub fn of_record(self) -> Option<Vec<Version>> {
        self.0.map(|tags| tags.into_iter().map(|(version, _)| version).collect())
    }
}

/// The versions that the client has already, from `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfNoneMatch {
    any: bool,
    tags: Vec<String>,
}

impl IfNoneMatch {
    /// Whether the client has this version already.
    #[must_use]
    pub fn has(&self, version: Version, beside: Option<Version>) -> bool {
        self.any || self.tags.contains(&etag(version, beside))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let tags = tags(&parts.headers, &IF_MATCH);
        if !parts.headers.contains_key(IF_MATCH) || tags.contains(&"*") {
            return Ok(Self(None));
        }
        // A weak tag never matches here, and neither does one that we did not give out or cannot read.
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

fn version(tag: &str) -> Option<(Version, Option<Version>)> {
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    let version =
        |digits: &str| (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok().map(Version))?;
    match tag.split_once('-') {
        Some((record, beside)) => Some((version(record)?, Some(version(beside)?))),
        None => Some((version(tag)?, None)),
    }
}
