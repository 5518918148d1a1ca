//! Cookies (RFC 6265).

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// A cookie that no script can read. Where clients reach the server with TLS, the prefix of its name makes browsers refuse
/// one that was set by another host or without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: &'static str,
    is_secure: bool,
}

impl Cookie {
    /// The cookie that holds the secret of a session.
    #[must_use]
    pub fn session(is_secure: bool) -> Self {
        Self { name: if is_secure { "__Host-matricula" } else { "matricula" }, is_secure }
    }

    /// The cookie of a person who is at a provider of single sign-on.
    #[must_use]
    pub fn sign_on(is_secure: bool) -> Self {
        Self { name: if is_secure { "__Host-matricula-sign-on" } else { "matricula-sign-on" }, is_secure }
    }

    /// The value that the client sent; `None` if there is none, or more than one.
    #[must_use]
    pub fn read(self, headers: &HeaderMap) -> Option<&str> {
        let mut values = self.read_all(headers);
        values.next().filter(|_| values.next().is_none())
    }

    /// All values that the client sent. Other cookies may be anything, also bytes that are no text.
    pub fn read_all(self, headers: &HeaderMap) -> impl Iterator<Item = &str> {
        let lines =
            headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        let pairs = lines.filter_map(|pair| str::from_utf8(pair).ok()?.trim().split_once('='));
        pairs.filter(move |(name, _)| *name == self.name).map(|(_, value)| value)
    }

    /// The header that sets it until the browser is closed. No script can read it, and no other site's link sends it with
    /// a write.
    #[must_use]
    pub fn set(self, value: &str) -> (HeaderName, HeaderValue) {
        self.header(value, "")
    }

    /// The header that sets it for so many seconds.
    #[must_use]
    pub fn set_for(self, value: &str, seconds: u32) -> (HeaderName, HeaderValue) {
        self.header(value, &format!("; Max-Age={seconds}"))
    }

    /// The header that deletes it.
    #[must_use]
    pub fn clear(self) -> (HeaderName, HeaderValue) {
        self.header("", "; Max-Age=0")
    }

    #[expect(clippy::expect_used, reason = "values are URL-safe base64 with dots in between")]
    fn header(self, value: &str, more: &str) -> (HeaderName, HeaderValue) {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let cookie = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}", self.name);
        (SET_COOKIE, HeaderValue::from_str(&cookie).expect("a cookie is visible ASCII"))
    }
}
