//! Entity tags as clients see them: sealed with a random key of the school. A version is a plain hash of a record, with
//! which a caller could check a guess about fields that they cannot read; a sealed one says nothing. It belongs to a view: a
//! caller who reads other things than another has other tags for the same record.

use std::hash::Hasher as _;

use axum::extract::Request;
use axum::http::header::{ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use siphasher::sip::SipHasher13;

use super::conditional::{etag, is_quoted, version};
use super::problem::Problem;
use super::reply::ascii;
use crate::registrar::{Identity, Right, Rights, Version};

/// The key of the school's entity tags, the same on each of its servers.
#[derive(Clone, Copy)]
pub struct EtagKey([u8; 16]);

impl std::fmt::Debug for EtagKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EtagKey")
    }
}

/// What a caller may read.
const READ: Rights = Rights::of(&[
    Right::ReadCatalogue,
    Right::ReadStudents,
    Right::ReadRosters,
    Right::ReadEvents,
    Right::ReadOwnRecord,
    Right::ReadOwnRosters,
]);

/// The view of a caller.
#[derive(Clone, Copy, Debug)]
struct View(u16);

/// Seals like SIV (RFC 5297), with `SipHash`: a keyed hash of the view and the versions, and the versions masked by a keyed
/// hash of that. The same tag gives the same text, on every server.
impl EtagKey {
    /// This key, which has to be random.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    fn hash(self, purpose: u8, words: &[u64]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write_u8(purpose);
        for word in words {
            hasher.write(&word.to_le_bytes());
        }
        hasher.finish()
    }

    fn mark(self, view: View, record: Version, related: Option<Version>) -> u64 {
        let has_related = u64::from(related.is_some());
        self.hash(0, &[view.0.into(), has_related, record.0, related.map_or(0, |related| related.0)])
    }

    fn seal(self, view: View, (record, related): (Version, Option<Version>)) -> String {
        let mark = self.mark(view, record, related);
        let record = record.0 ^ self.hash(1, &[mark]);
        match related {
            Some(related) => {
                let related = related.0 ^ self.hash(2, &[mark]);
                format!("\"{mark:016x}{record:016x}{related:016x}\"")
            }
            None => format!("\"{mark:016x}{record:016x}\""),
        }
    }

    /// The versions in a tag; `None` if this school has not made it for this view.
    fn open(self, view: View, tag: &str) -> Option<(Version, Option<Version>)> {
        let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if ![32, 48].contains(&digits.len()) || !digits.bytes().all(is_digit) {
            return None;
        }
        let word = |place: usize| u64::from_str_radix(digits.get(16 * place..16 * (place + 1))?, 16).ok();
        let mark = word(0)?;
        let record = Version(word(1)? ^ self.hash(1, &[mark]));
        let related = word(2).map(|related| Version(related ^ self.hash(2, &[mark])));
        (self.mark(view, record, related) == mark).then_some((record, related))
    }

    /// Opens the tags of a header. One that is not of this view becomes one that matches nothing; what is no tag stays.
    fn open_all(self, view: View, name: &HeaderName, headers: &mut HeaderMap) {
        if !headers.contains_key(name) {
            return;
        }
        let opened = |tag: &str| {
            let tag = tag.trim();
            let (weak, strong) = tag.strip_prefix("W/").map_or(("", tag), |strong| ("W/", strong));
            match self.open(view, strong) {
                Some((record, related)) => format!("{weak}{}", etag(record, related)),
                None if !is_quoted(strong) => tag.to_owned(),
                None => "\"\"".to_owned(),
            }
        };
        let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
        let tags: Vec<_> = lines.flat_map(|line| line.split(',')).map(opened).collect();
        headers.insert(name.clone(), ascii(&tags.join(",")));
    }
}

/// Opens the tags of a request, and seals those of its answer.
pub async fn with_sealed_tags(key: EtagKey, mut request: Request, next: Next) -> Response {
    let rights = request.extensions().get::<Identity>().map_or(Rights::NONE, |one| one.grants.rights);
    let view = View(rights.and(READ).bits());
    for name in [&IF_MATCH, &IF_NONE_MATCH] {
        key.open_all(view, name, request.headers_mut());
    }
    let mut response = next.run(request).await;
    let sealed = |tag: &str| version(tag).map(|versions| key.seal(view, versions));
    if let Some(tag) = response.headers_mut().get_mut(ETAG) {
        *tag = tag.to_str().ok().and_then(sealed).map_or(HeaderValue::from_static("\"\""), |tag| ascii(&tag));
    }
    if let Some(problem) = response.extensions_mut().get_mut::<Problem>() {
        problem.change_text("etag", sealed);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSIONS: [(Version, Option<Version>); 3] =
        [(Version(7), None), (Version(7), Some(Version(0))), (Version(u64::MAX), Some(Version(9)))];

    #[test]
    fn a_sealed_tag_is_opened_with_the_same_key_for_the_same_view_only() {
        let (key, other) = (EtagKey::new([1; 16]), EtagKey::new([2; 16]));
        for versions in VERSIONS {
            let tag = key.seal(View(3), versions);
            assert_eq!(key.open(View(3), &tag), Some(versions));
            assert_eq!(key.seal(View(3), versions), tag);
            assert_eq!((key.open(View(2), &tag), other.open(View(3), &tag)), (None, None));
            assert_ne!(key.seal(View(2), versions), tag);
            let parts: Vec<_> = tag.trim_matches('"').as_bytes().chunks(16).collect();
            assert!(parts.iter().all(|part| *part != format!("{:016x}", versions.0.0).as_bytes()), "{tag}");
        }
    }

    #[test]
    fn any_other_text_is_opened_to_nothing() {
        let key = EtagKey::new([1; 16]);
        let tag = key.seal(View(3), VERSIONS[1]);
        let digits = tag.trim_matches('"');
        for wrong in [
            String::new(),
            digits.to_owned(),
            format!("\"{}\"", &digits[..32]),
            format!("\"{}\"", &digits[..16]),
            format!("\"{}\"", digits.to_uppercase()),
            format!("\"+{}\"", &digits[1..]),
            format!("\"{}é\"", &digits[2..]),
            etag(VERSIONS[1].0, VERSIONS[1].1),
        ] {
            assert_eq!(key.open(View(3), &wrong), None, "{wrong}");
        }
    }
}
