//! A certificate and its private key, in two PEM files.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::validity::not_after;

/// The rights that users have who are neither the owner nor in the group of a file.
const OTHERS: u32 = 0o007;

/// The files of a certificate and its private key.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The certificate, followed by those that sign it, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// A certificate that fits its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    /// The hash of both files.
    pub(super) fingerprint: [u8; 32],
    /// When it expires; `None` if that cannot be read.
    pub expires_at: Option<Timestamp>,
}

/// Why TLS is not possible.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is something else.
    #[error("{}: it has no {what} in PEM ({reason})", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should have.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// Every user of the machine can read the key.
    #[error("{}: every user of this machine has rights to this private key: chmod o= {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The certificate and the key cannot be used together.
    #[error("{} and {} cannot be used together: {error}", files.certificate.display(), files.key.display())]
    Mismatch {
        /// The files.
        files: CertificateFiles,
        /// Why.
        error: rustls::Error,
    },
    /// TLS cannot be configured.
    #[error("TLS is not possible: {0}")]
    Library(#[from] rustls::Error),
}

impl CertificateFiles {
    /// Reads both files.
    ///
    /// # Errors
    /// If one of them cannot be read or is something else, every user can read the key, or they do not fit each other.
    pub fn read(&self) -> Result<Certificate, TlsError> {
        let (certificate, key) = self.contents()?;
        self.parse(&certificate, &key)
    }

    /// The certificate, if the files have changed.
    ///
    /// # Errors
    /// As [`CertificateFiles::read`].
    pub(super) fn read_if_changed(&self, known: [u8; 32]) -> Result<Option<Certificate>, TlsError> {
        let (certificate, key) = self.contents()?;
        if fingerprint(&certificate, &key) == known {
            return Ok(None);
        }
        self.parse(&certificate, &key).map(Some)
    }

    fn contents(&self) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), TlsError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |error| TlsError::Unreadable { path, error }
        };
        let certificate = fs::read(&self.certificate).map_err(unreadable(&self.certificate))?;
        let mut file = File::open(&self.key).map_err(unreadable(&self.key))?;
        let rights = file.metadata().map_err(unreadable(&self.key))?.permissions().mode();
        if rights & OTHERS != 0 {
            return Err(TlsError::Exposed { path: self.key.clone() });
        }
        let mut key = Zeroizing::new(Vec::new());
        file.read_to_end(&mut key).map_err(unreadable(&self.key))?;
        Ok((certificate, key))
    }

    fn parse(&self, certificate: &[u8], key: &[u8]) -> Result<Certificate, TlsError> {
        let malformed = |path: &Path, what, reason: String| {
            let path = path.to_owned();
            TlsError::Malformed { path, what, reason }
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.map_err(|error| malformed(&self.certificate, "certificate", error.to_string()))?;
        let Some(first) = chain.first() else {
            return Err(malformed(&self.certificate, "certificate", "nothing found".to_owned()));
        };
        let (expires_at, fingerprint) = (not_after(first), fingerprint(certificate, key));
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| malformed(&self.key, "private key without a passphrase", error.to_string()))?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|error| TlsError::Mismatch { files: self.clone(), error })?;
        Ok(Certificate { key: Arc::new(key), fingerprint, expires_at })
    }
}

impl Certificate {
    /// When it expires, in seconds since 1970; 0 if that cannot be read.
    #[must_use]
    pub fn expires_at_seconds(&self) -> i64 {
        self.expires_at.map_or(0, Timestamp::as_second)
    }

    pub(super) fn expires_at_text(&self) -> String {
        self.expires_at.map_or_else(|| "unknown".to_owned(), |time| time.to_string())
    }
}

fn fingerprint(certificate: &[u8], key: &[u8]) -> [u8; 32] {
    let length = certificate.len().to_be_bytes();
    Sha256::new().chain_update(length).chain_update(certificate).chain_update(key).finalize().into()
}
