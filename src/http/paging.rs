//! Paging: the query parameters of a list, and the `Link` to its next page.

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
use crate::lists::{Cursor, Limit, PLAIN_ORDER, Page, WrongCursor};

/// The page of a list that a query asks for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct PageQuery {
    /// Rows per page; without it, the list is complete.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    limit: Option<Limit>,
    /// The cursor from `X-Next-Cursor` of the previous page, or from its `Link`.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<String>, min_length = 1)]
    after: Option<Cursor>,
}

impl PageQuery {
    /// The page of a list in `order`.
    ///
    /// # Errors
    /// If the cursor is of another list or order.
    pub fn of_list(self, order: &str) -> Result<Page, WrongCursor> {
        Page::new(self.limit, self.after, order)
    }

    /// Whether the complete list is asked for.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.limit.is_none() && self.after.is_none()
    }
}

impl Parameters for PageQuery {
    const KNOWN: &'static [&'static str] = &["limit", "after"];
}

impl From<WrongCursor> for Problem {
    fn from(WrongCursor: WrongCursor) -> Self {
        let detail = "is a cursor of another list or order; start again without a cursor";
        invalid(vec![serde_json::json!({"parameter": "after", "detail": detail})])
    }
}

/// The start of links, if configured; otherwise they start with the scheme and host of the request.
#[derive(Clone, Debug, Default)]
pub struct LinkBase {
    /// The public URL.
    pub url: Option<Arc<str>>,
    /// Whether the server itself speaks TLS.
    pub tls: bool,
}

/// The address of a request, for `Link` headers.
#[derive(Debug)]
pub struct RequestUrl {
    base: LinkBase,
    host: Option<HeaderValue>,
    uri: Uri,
}

impl RequestUrl {
    /// The address of the page of this list after `cursor`.
    #[must_use]
    pub fn page_after(&self, cursor: &Cursor) -> String {
        let window = self.window();
        let replaced = if window.is_some() { ["_start", "_end"] } else { ["after", "total"] };
        let mut pairs: Vec<_> = self
            .query()
            .filter(|(name, _)| !replaced.contains(&name.as_ref()))
            .map(|(name, value)| format!("{}={}", percent_encoded(&name), percent_encoded(&value)))
            .collect();
        if let Some((start, end)) = window {
            pairs.push(format!("_start={end}&_end={}", end + (end - start)));
        } else {
            let total = cursor.total.filter(|_| cursor.order == PLAIN_ORDER);
            pairs.extend(total.map(|total| format!("total={total}")));
            pairs.push(format!("after={}", percent_encoded(&cursor.encode())));
        }
        format!("{}{}?{}", self.base(), self.uri.path(), pairs.join("&"))
    }

    fn query(&self) -> form_urlencoded::Parse<'_> {
        form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes())
    }

    /// The places between which a list was asked for, by an admin kit.
    fn window(&self) -> Option<(u64, u64)> {
        let find = |wanted: &str| self.query().find(|(name, _)| name == wanted)?.1.parse::<u64>().ok();
        let (start, end) = (find("_start").unwrap_or(0), find("_end")?);
        (start < end).then_some((start, end))
    }

    /// The address of another path of this server.
    #[must_use]
    pub fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.base())
    }

    fn base(&self) -> String {
        let scheme = if self.base.tls { "https" } else { "http" };
        match &self.base.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            // A client of HTTP/1.0 may send no host; it gets a link that is relative.
            None => self.authority().map_or_else(String::new, |authority| format!("{scheme}://{authority}")),
        }
    }

    fn authority(&self) -> Option<&str> {
        let host = || self.host.as_ref()?.to_str().ok();
        self.uri.authority().map(Authority::as_str).or_else(host)
    }
}

/// Percent-encoded, also the comma and `>`, which delimit links in a header.
fn percent_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl<S> FromRequestParts<S> for RequestUrl
where
    S: Send + Sync,
    LinkBase: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let host = parts.headers.get(HOST).cloned();
        Ok(Self { base: LinkBase::from_ref(state), host, uri: parts.uri.clone() })
    }
}
