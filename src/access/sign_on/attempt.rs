//! Somebody who is at a provider.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::access::secret::Secret;

/// What only this server and one browser know while a person is at the provider. The browser keeps it in a cookie, so
/// that the person can come back to any server, and nothing is stored for somebody who never does.
#[derive(Debug)]
pub struct Attempt {
    /// The name of the provider.
    pub(super) provider: String,
    /// Comes back in the address, so that nobody can finish what another browser began (RFC 6749, 10.12).
    pub(super) state: Secret,
    /// Comes back in the ID token, so that it belongs to this attempt (`OpenID` Connect Core 1.0, 3.1.2.1).
    pub(super) nonce: Secret,
    /// Proves that the code was made for this attempt (RFC 7636).
    pub(super) verifier: Secret,
    /// Where to go afterwards: a path of this server.
    pub next: String,
}

impl Attempt {
    /// An attempt at this provider.
    #[must_use]
    pub fn new(provider: &str, next: &str) -> Self {
        let secret = || Secret::generate("");
        let (provider, next) = (provider.to_owned(), next.to_owned());
        Self { provider, state: secret(), nonce: secret(), verifier: secret(), next }
    }

    /// The attempt as the value of a cookie.
    #[must_use]
    pub fn to_cookie(&self) -> String {
        let Self { provider, state, nonce, verifier, next } = self;
        let [state, nonce, verifier] = [state, nonce, verifier].map(Secret::expose);
        format!("{provider}.{state}.{nonce}.{verifier}.{}", BASE64.encode(next))
    }

    /// The attempt of a browser that comes back from this provider with this state; `None` if it never set out from here.
    #[must_use]
    pub fn from_cookie(cookie: &str, provider: &str, state: &str) -> Option<Self> {
        let mut parts = cookie.split('.');
        let (named, known) = (parts.next()?, parts.next()?);
        let [known, nonce, verifier] =
            [known, parts.next()?, parts.next()?].map(|text| Secret::parse("", text));
        let next = String::from_utf8(BASE64.decode(parts.next()?).ok()?).ok()?;
        let (known, came) = (known?, Secret::parse("", state)?);
        let is_this = named == provider && parts.next().is_none() && known.hash() == came.hash();
        let provider = provider.to_owned();
        is_this.then_some(Self { provider, state: known, nonce: nonce?, verifier: verifier?, next })
    }
}

#[cfg(test)]
mod tests {
    use super::Attempt;

    #[test]
    fn an_attempt_comes_back_to_the_browser_that_began_it() {
        let attempt = Attempt::new("campus", "/courses?q=a.b");
        let (cookie, state) = (attempt.to_cookie(), attempt.state.expose());
        let back = Attempt::from_cookie(&cookie, "campus", &state).unwrap();
        assert_eq!(back.next, "/courses?q=a.b");
        assert_eq!(back.to_cookie(), cookie);
        let other = Attempt::new("campus", "/");
        assert!(Attempt::from_cookie(&cookie, "campus", &other.state.expose()).is_none());
        assert!(Attempt::from_cookie(&cookie, "elsewhere", &state).is_none());
        assert!(Attempt::from_cookie(&cookie, "campus", "").is_none());
        assert!(Attempt::from_cookie(&format!("{cookie}.more"), "campus", &state).is_none());
        for damaged in ["", "campus", "campus....", "campus.a.b.c.d"] {
            assert!(Attempt::from_cookie(damaged, "campus", &state).is_none());
        }
    }
}
