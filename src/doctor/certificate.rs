//! Whether the certificate of the server can be used, and for how long.

use jiff::SignedDuration;

use super::finding::Finding;
use crate::clock::Clock;
use crate::http::tls::CertificateFiles;

/// A certificate that is renewed by itself is replaced a month before it expires, so this is late.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Checks the files of the certificate.
#[must_use]
pub fn certificate(files: &CertificateFiles, clock: &Clock) -> Finding {
    let certificate = match files.read() {
        Ok(certificate) => certificate,
        Err(error) => {
            return Finding::wrong(
                "certificate",
                error.to_string(),
                "correct the files, as `serve` needs them",
            );
        }
    };
    let Some(expires_at) = certificate.expires_at else {
        return Finding::unknown("certificate", "it does not say when it expires");
    };
    let remains = expires_at.duration_since(clock.now());
    let (days, advice) =
        (remains.as_hours() / 24, "renew it; the server serves the new one without a restart");
    if remains.is_negative() {
        Finding::wrong("certificate", format!("it expired {expires_at}"), advice)
    } else if remains < SOON {
        Finding::wrong("certificate", format!("it expires in {days} days, {expires_at}"), advice)
    } else {
        Finding::ok("certificate", format!("it fits its key and expires in {days} days"))
    }
}
