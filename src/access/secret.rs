//! Secrets of sessions and API tokens: random, shown once, stored only as a hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The length of a secret in bytes. 256 bits cannot be guessed: ASVS 5.0 (7.2.3) asks for at least 128.
const LENGTH: usize = 32;

/// A random secret, as text URL-safe base64 (RFC 4648, section 5) without padding: 43 characters after a prefix that
/// says what it is for, such as `mtr_`, so that a token that was published by mistake can be recognized.
///
/// There is no comparison of secrets, and none in constant time is needed: a secret is looked up in the database by its
/// [`SecretHash`]. The time of a lookup reveals something about hashes at most, and nobody can find a secret for a hash of
/// their choice.
///
/// Its `Debug` output has no part of it, and it is overwritten in memory when it is dropped.
pub struct Secret {
    prefix: &'static str,
    bytes: Zeroizing<[u8; LENGTH]>,
}

impl Secret {
    /// A new secret from the system's random source.
    #[must_use]
    pub fn generate(prefix: &'static str) -> Self {
        Self { prefix, bytes: Zeroizing::new(random_bytes()) }
    }

    /// Reads a secret; `None` unless the text is exactly one with this prefix. Each secret has a single text.
    #[must_use]
    pub fn parse(prefix: &'static str, text: &str) -> Option<Self> {
        let decoded = Zeroizing::new(BASE64.decode(text.strip_prefix(prefix)?).ok()?);
        let bytes = decoded.as_slice().try_into().ok()?;
        Some(Self { prefix, bytes: Zeroizing::new(bytes) })
    }

    /// The secret as text, to be given to its owner and not kept.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut text = self.prefix.to_owned();
        BASE64.encode_string(*self.bytes, &mut text);
        text
    }

    /// The hash, to be stored in place of the secret.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(*self.bytes).into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The SHA-256 of the 32 bytes of a [`Secret`] (not of its text). A fast hash without salt is right for secrets that
/// are random and long; passwords, which people choose, need a slow one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; LENGTH]);

impl SecretHash {
    /// A hash that was taken before.
    #[must_use]
    pub fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    /// The hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// The hash as text for the database: 64 hexadecimal digits in lower case.
    #[must_use]
    pub fn to_hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

/// Bytes from the system's random source.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "every system that this program runs on has a random source; a HashMap needs it too"
    )]
    getrandom::fill(&mut bytes).expect("the system has a random source");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_43_characters_after_its_prefix_and_is_read_back() {
        let token = Secret::generate("mtr_");
        let text = token.expose();
        assert!(text.starts_with("mtr_") && text.len() == 4 + 43, "{text}");
        let is_url_safe = |it: char| it.is_ascii_alphanumeric() || "-_".contains(it);
        assert!(text.chars().all(is_url_safe), "{text}");
        let read = Secret::parse("mtr_", &text).unwrap();
        assert_eq!((read.expose(), read.hash()), (text, token.hash()));
        assert_eq!(Secret::generate("").expose().len(), 43);
    }

    #[test]
    fn no_two_secrets_are_the_same() {
        assert_ne!(Secret::generate("").hash(), Secret::generate("").hash());
    }

    #[test]
    fn any_other_text_is_not_a_secret() {
        let zeros = format!("mtr_{}", "A".repeat(43));
        assert!(Secret::parse("mtr_", &zeros).is_some());
        for wrong in [
            String::new(),
            "mtr_".to_owned(),
            "A".repeat(43),
            zeros.replace("mtr_", "MTR_"),
            zeros.replace("mtr_", "mtr_mtr_"),
            zeros[..46].to_owned(),
            format!("{zeros}A"),
            format!("{zeros}="),
            format!(" {zeros}"),
            format!("{zeros}\n"),
            // The standard alphabet.
            format!("mtr_+{}", "A".repeat(42)),
            format!("mtr_/{}", "A".repeat(42)),
            format!("mtr_é{}", "A".repeat(41)),
            // The last character has two bits that no byte uses; a second text of the same secret is refused.
            format!("mtr_{}B", "A".repeat(42)),
            // More and fewer bytes.
            format!("mtr_{}", "A".repeat(44)),
            format!("mtr_{}", "A".repeat(42)),
        ] {
            assert!(Secret::parse("mtr_", &wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn debug_output_has_no_part_of_a_secret() {
        assert_eq!(format!("{:?}", Secret::generate("mtr_")), "Secret");
    }

    /// From `head -c 32 /dev/zero | sha256sum`.
    #[test]
    fn the_hash_is_the_sha_256_of_the_bytes() {
        let zeros = Secret::parse("", &"A".repeat(43)).unwrap().hash();
        assert_eq!(zeros.to_hex(), "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
        assert_eq!(zeros.as_bytes()[..3], [0x66, 0x68, 0x7a]);
    }
}
