//! Who can reach the server, and whether it may listen there.

use std::net::SocketAddr;

use thiserror::Error;

use super::PublicUrl;

/// How clients reach the server.
#[derive(Clone, Debug, Default)]
pub struct Front {
    /// The address that they use, if it is not the one that the server listens on.
    pub public_url: Option<PublicUrl>,
    /// Whether the server itself speaks TLS.
    pub tls: bool,
}

impl Front {
    /// Whether clients reach the server with TLS, its own or a proxy's.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.public_url.as_ref().map_or(self.tls, |url| url.as_str().starts_with("https://"))
    }
}

/// Why the server refuses to listen on an address that other machines can reach.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ExposureError {
    /// Everyone could change everything.
    #[error(
        "refusing to listen on {0}: other machines can reach it, and nobody has to sign in yet, so everyone could read \
        and change everything. Listen on 127.0.0.1, allow it with --allow-unauthenticated and --public-url, or create \
        a token first: matricula token create --name NAME --role admin"
    )]
    ToEveryone(SocketAddr),
    /// The server would answer requests for any host.
    #[error(
        "refusing to listen on {0}: other machines can reach it, and without a public URL the server cannot protect \
        browsers from DNS rebinding. Give the address that clients use, like --public-url https://courses.example.edu"
    )]
    WithoutName(SocketAddr),
    /// Links would lead to an address without TLS, where nothing answers.
    #[error("the public URL is {0}, and with --tls-cert the server speaks TLS only: write it with https://")]
    PublicWithoutTls(String),
}

/// Checks that the public URL and the server's own TLS fit each other.
///
/// # Errors
/// If the server speaks TLS, and its public URL begins with `http://`.
pub fn check_front(front: &Front) -> Result<(), ExposureError> {
    match &front.public_url {
        Some(url) if front.tls && !front.is_secure() => {
            Err(ExposureError::PublicWithoutTls(url.as_str().to_owned()))
        }
        _ => Ok(()),
    }
}

/// Checks that the server may listen on these addresses; `closed` is whether everybody has to sign in, or may do without.
///
/// # Errors
/// If an address is not loopback, and `closed` is false or there is no `public_url`.
pub fn check_exposure(
    addresses: &[SocketAddr],
    closed: bool,
    public_url: Option<&PublicUrl>,
) -> Result<(), ExposureError> {
    match addresses.iter().find(|address| !is_loopback(address)) {
        Some(open) if !closed => Err(ExposureError::ToEveryone(*open)),
        Some(open) if public_url.is_none() => Err(ExposureError::WithoutName(*open)),
        _ => Ok(()),
    }
}

/// Whether only this machine can reach the address.
#[must_use]
pub fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
