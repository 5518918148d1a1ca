//! Lists over HTTP: which part a request wants, and where the next page is.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Uri};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Parameters, from_text};
use super::invalid::invalid;
use super::problem::Problem;
use crate::lists::{Cursor, Limit, PLAIN, WrongCursor};

/// Which part of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct Part {
    /// Rows a page; without it the list is complete.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 10_000)]
    pub limit: Option<Limit>,
    /// The cursor from the `Link` of the page before.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<String>)]
    pub after: Option<Cursor>,
}

impl Parameters for Part {
    const KNOWN: &'static [&'static str] = &["limit", "after"];
}

impl From<WrongCursor> for Problem {
    fn from(WrongCursor: WrongCursor) -> Self {
        let detail = "is a cursor of another list or order; start again without it";
        invalid(vec![serde_json::json!({"parameter": "after", "detail": detail})])
    }
}

/// What links begin with, where that is configured; otherwise the scheme and host of the request.
#[derive(Clone, Debug, Default)]
pub struct LinkBase(pub Option<Arc<str>>);

/// The address of this request as its client knows it: for `Link` headers. Most requests need none.
#[derive(Debug)]
pub struct Here {
    base: LinkBase,
    host: Option<HeaderValue>,
    asked: Uri,
}

impl Here {
    /// This address, of the part of its list after a row.
    #[must_use]
    pub fn after(&self, cursor: &Cursor) -> String {
        let base = match &self.base.0 {
            Some(url) => url.trim_end_matches('/').to_owned(),
            // A client of HTTP/1.0 says no host: from where it is, the path is enough.
            None => self.authority().map_or_else(String::new, |authority| format!("http://{authority}")),
        };
        let query = form_urlencoded::parse(self.asked.query().unwrap_or_default().as_bytes());
        let mut pairs: Vec<_> = query
            .filter(|(name, _)| name != "after" && name != "total")
            .map(|(name, value)| format!("{}={}", encoded(&name), encoded(&value)))
            .collect();
        pairs.extend(cursor.total.filter(|_| cursor.order == PLAIN).map(|total| format!("total={total}")));
        pairs.push(format!("after={}", encoded(&cursor.encode())));
        format!("{base}{}?{}", self.asked.path(), pairs.join("&"))
    }

    fn authority(&self) -> Option<&str> {
        let host = || self.host.as_ref()?.to_str().ok();
        self.asked.authority().map(Authority::as_str).or_else(host)
    }
}

/// Percent-encoded; also what stands between links (a comma) or ends them.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl<S> FromRequestParts<S> for Here
where
    S: Send + Sync,
    LinkBase: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let host = parts.headers.get(HOST).cloned();
        Ok(Self { base: LinkBase::from_ref(state), host, asked: parts.uri.clone() })
    }
}
