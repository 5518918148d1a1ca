//! TLS for the server's own connections (RFC 8446, RFC 5246): handshakes, and renewing the certificate while it serves.

mod certificate;
mod validity;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use self::certificate::{Certificate, CertificateFiles, TlsError};
use crate::metrics::Metrics;
use crate::shares::{Client, Quota};

/// How often the files are read. A renewed certificate is served this much later, at most.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(2);

/// Handshakes at a time. A handshake takes a millisecond of a core and one or two round trips, so more than these are
/// connections that send nothing.
const MAX_HANDSHAKES: usize = 1_024;

/// The first byte of every TLS connection: a record of type `handshake`.
const HANDSHAKE_RECORD: u8 = 22;

/// The protocols that are offered (ALPN). The server speaks no HTTP/2.
const PROTOCOL: &[u8] = b"http/1.1";

/// The TLS of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls {
    files: Arc<CertificateFiles>,
    interval: Duration,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
    handshakes: Arc<Quota>,
    metrics: Metrics,
}

/// A connection whose first bytes have been read.
#[derive(Debug)]
pub(super) enum Accepted {
    /// The handshake is done.
    Tls(Box<TlsStream<TcpStream>>),
    /// The client does not speak TLS.
    Plain(TcpStream),
}

/// The certificate that new connections get.
#[derive(Debug)]
struct Current(RwLock<Certificate>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.read().key)
    }
}

impl Current {
    fn read(&self) -> Certificate {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, certificate: Certificate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certificate;
    }
}

impl Tls {
    /// TLS with the certificate in these files, which are read again every `interval` while [`Tls::watch`] runs.
    ///
    /// # Errors
    /// If the files cannot be used.
    pub fn open(files: CertificateFiles, interval: Duration, metrics: &Metrics) -> Result<Self, TlsError> {
        let certificate = files.read()?;
        metrics.tls_certificate_expires.set(certificate.expires_at_seconds());
        let current = Arc::new(Current(RwLock::new(certificate)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Current>::clone(&current));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // Clients that come back resume without signing, and the server keeps nothing for each of them.
        config.ticketer = ring::Ticketer::new()?;
        let (config, handshakes) = (Arc::new(config), Quota::new(MAX_HANDSHAKES));
        Ok(Self { files: Arc::new(files), interval, current, config, handshakes, metrics: metrics.clone() })
    }

    /// Reads the files again and again. New connections get a certificate that has changed; while the files cannot be
    /// used, they get the last one that could.
    pub async fn watch(&self) {
        let mut failure = None;
        loop {
            tokio::time::sleep(self.interval).await;
            let known = self.current.read().fingerprint;
            let files = Arc::clone(&self.files);
            let read = tokio::task::spawn_blocking(move || files.read_if_changed(known)).await;
            match read {
                Ok(Ok(changed)) => {
                    if let Some(certificate) = changed {
                        self.metrics.tls_certificate_expires.set(certificate.expires_at_seconds());
                        tracing::info!(expires_at = %certificate.expires_at_text(), "the certificate was renewed: new connections get the new one");
                        self.current.replace(certificate);
                    }
                    failure = None;
                    self.metrics.tls_reload_failed.set(0);
                }
                Ok(Err(error)) => {
                    let reason = error.to_string();
                    if failure.as_ref() != Some(&reason) {
                        tracing::error!(
                            "the certificate was not renewed, and the old one is still served: {reason}"
                        );
                    }
                    failure = Some(reason);
                    self.metrics.tls_reload_failed.set(1);
                }
                // The runtime is stopping.
                Err(_) => return,
            }
        }
    }

    /// Shakes hands with a client; `None` if that fails, takes longer than `timeout`, or too many others are at it.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        client: Client,
        timeout: Duration,
    ) -> Option<Accepted> {
        let accepted = match self.handshakes.take(Some(client), 1) {
            Ok(_place) => tokio::time::timeout(timeout, self.shake_hands(stream)).await.ok().flatten(),
            Err(_) => None,
        };
        if accepted.is_none() {
            self.metrics.tls_handshakes_failed.inc();
        }
        accepted
    }

    async fn shake_hands(&self, stream: TcpStream) -> Option<Accepted> {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1) if first[0] == HANDSHAKE_RECORD => {
                let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
                acceptor.accept(stream).await.ok().map(|stream| Accepted::Tls(Box::new(stream)))
            }
            // A method of HTTP begins with a letter.
            Ok(1) if first[0].is_ascii_uppercase() => Some(Accepted::Plain(stream)),
            _ => None,
        }
    }
}
