//! Which characters the bytes of a file mean.

use std::borrow::Cow;
use std::str::FromStr;

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::delimited::line_breaks;
use super::refusals::FileRefusal;

/// An encoding of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(into = "&'static str", try_from = "String")]
#[schema(value_type = String, min_length = 1, example = "windows-1252")]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    /// The encoding with this label of the [Encoding Standard](https://encoding.spec.whatwg.org/#names-and-labels), in
    /// any case: `utf-8`, `windows-1252`, `latin1`, `utf-16le`, ...
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        let replacement = encoding_rs::REPLACEMENT;
        encoding_rs::Encoding::for_label(label.as_bytes()).filter(|found| *found != replacement).map(Self)
    }

    /// Its name, such as `UTF-8` or `windows-1252`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl From<Encoding> for &'static str {
    fn from(encoding: Encoding) -> Self {
        encoding.name()
    }
}

impl FromStr for Encoding {
    type Err = &'static str;

    fn from_str(label: &str) -> Result<Self, Self::Err> {
        Self::from_label(label).ok_or("must be the name of an encoding, such as `utf-8` or `windows-1252`")
    }
}

impl TryFrom<String> for Encoding {
    type Error = &'static str;

    fn try_from(label: String) -> Result<Self, Self::Error> {
        label.parse()
    }
}

/// The most bytes of a file that is decoded into a second text. UTF-8 is read where it is.
const MAX_DECODED_BYTES: usize = 128 << 20;

/// The text of a file.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) encoding: Encoding,
    /// Nothing in the file says that it has this encoding.
    pub(super) is_guessed: bool,
}

/// Decodes a file. The byte order mark decides, otherwise the forced encoding; without both, what is valid UTF-8 is
/// UTF-8, and what is not is Windows-1252. The mark is not part of the text.
///
/// # Errors
/// Bytes that the encoding does not have, bytes of two encodings in one file, or too many bytes to be decoded.
pub(super) fn decode(bytes: &[u8], forced: Option<Encoding>) -> Result<Decoded<'_>, FileRefusal> {
    if let Some((marked, length)) = encoding_rs::Encoding::for_bom(bytes) {
        return decoded(&bytes[length..], marked, false);
    }
    if let Some(Encoding(forced)) = forced {
        return decoded(bytes, forced, false);
    }
    if let Some(guessed) = utf_16_without_mark(bytes) {
        return decoded(bytes, guessed, true);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Decoded { text: Cow::Borrowed(text), encoding: Encoding(UTF_8), is_guessed: false }),
        Err(error) if is_mostly_utf_8(bytes) => {
            Err(FileRefusal::not_in_encoding("UTF-8", line_at(bytes, error.valid_up_to())))
        }
        Err(_) => decoded(bytes, WINDOWS_1252, true),
    }
}

fn decoded<'a>(
    bytes: &'a [u8],
    encoding: &'static encoding_rs::Encoding,
    is_guessed: bool,
) -> Result<Decoded<'a>, FileRefusal> {
    if encoding != UTF_8 && bytes.len() > MAX_DECODED_BYTES {
        return Err(FileRefusal::too_large(
            "The bytes of a file that is not UTF-8 are",
            MAX_DECODED_BYTES as u64,
        ));
    }
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(Decoded { text, encoding: Encoding(encoding), is_guessed }),
        None => Err(FileRefusal::not_in_encoding(encoding.name(), first_malformed(bytes, encoding))),
    }
}

/// The bytes of a text in an encoding, without a byte order mark. A character that the encoding does not have becomes another
/// one.
pub(super) fn encode(text: &str, Encoding(encoding): Encoding) -> Vec<u8> {
    if encoding == UTF_16LE {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    } else if encoding == UTF_16BE {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    } else {
        encoding.encode(text).0.into_owned()
    }
}

/// The line of the first bytes that the encoding does not have.
fn first_malformed(bytes: &[u8], encoding: &'static encoding_rs::Encoding) -> u32 {
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    let before = text.find('\u{fffd}').unwrap_or(0);
    line_at(text.as_bytes(), before)
}

fn line_at(bytes: &[u8], offset: usize) -> u32 {
    line_breaks(&bytes[..offset]).saturating_add(1)
}

/// UTF-16 of European text: every other byte is zero.
fn utf_16_without_mark(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let start = &bytes[..bytes.len().min(4096)];
    let zeros = |parity: usize| start.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let many = start.len() / 5;
    match (even, odd) {
        (0, odd) if odd > many => Some(UTF_16LE),
        (even, 0) if even > many => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether there are at least as many letters of several bytes as bytes that are wrong: the file is not Windows-1252.
fn is_mostly_utf_8(bytes: &[u8]) -> bool {
    let (mut letters, mut wrong) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        letters += chunk.valid().bytes().filter(|byte| *byte >= 0xc0).count();
        wrong += usize::from(!chunk.invalid().is_empty());
    }
    letters >= wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(bytes: &[u8], forced: Option<&str>) -> (String, &'static str, bool) {
        let forced = forced.map(|label| Encoding::from_label(label).unwrap());
        let decoded = decode(bytes, forced).unwrap();
        (decoded.text.into_owned(), decoded.encoding.name(), decoded.is_guessed)
    }

    #[test]
    fn the_mark_decides_then_the_forced_encoding_then_a_guess() {
        let says = |text: &str, name, is_guessed| (text.to_owned(), name, is_guessed);
        assert_eq!(text_of(b"\xef\xbb\xbfZo\xc3\xab", Some("latin1")), says("Zoë", "UTF-8", false));
        assert_eq!(text_of(b"\xff\xfeZ\0o\0\xeb\0", None), says("Zoë", "UTF-16LE", false));
        assert_eq!(text_of(b"\xfe\xff\0Z\0o\0\xeb", None), says("Zoë", "UTF-16BE", false));
        assert_eq!(text_of(b"\0Z\0o\0\xeb\0,", None), says("Zoë,", "UTF-16BE", true));
        assert_eq!(text_of(b"Z\0o\0\xeb\0,\0", None), says("Zoë,", "UTF-16LE", true));
        assert_eq!(text_of(b"Zo\xc3\xab", None), says("Zoë", "UTF-8", false));
        assert_eq!(text_of(b"Zo\xeb, 5 \x80", None), says("Zoë, 5 €", "windows-1252", true));
        assert_eq!(text_of(b"Zo\xc3\xab", Some("ISO-8859-1")), says("ZoÃ«", "windows-1252", false));
        assert_eq!(text_of(b"\xc8\xe2", Some("windows-1251")), says("Ив", "windows-1251", false));
    }

    #[test]
    fn a_large_file_has_to_be_utf_8() {
        let bytes = vec![b'a'; MAX_DECODED_BYTES + 1];
        let forced = |label| decode(&bytes, Encoding::from_label(label)).map(|decoded| decoded.text.len());
        assert_eq!(forced("utf-8"), Ok(bytes.len()));
        assert_eq!(forced("latin1").unwrap_err().code, "too-large");
    }

    #[test]
    fn bytes_of_two_encodings_are_refused_with_their_line() {
        let mixed = "Zoë\nAnn\nJos".bytes().chain(*b"\xe9\n").collect::<Vec<_>>();
        assert_eq!(decode(&mixed, None).unwrap_err(), FileRefusal::not_in_encoding("UTF-8", 3));
        let forced = Encoding::from_label("utf-8");
        assert_eq!(decode(b"a\nZo\xeb", forced).unwrap_err(), FileRefusal::not_in_encoding("UTF-8", 2));
        assert_eq!(
            decode(b"\xff\xfeZ\0\0\xd8Z\0", None).unwrap_err(),
            FileRefusal::not_in_encoding("UTF-16LE", 1)
        );
        assert_eq!(Encoding::from_label("klingon"), None);
    }
}
