//! Until when a certificate is valid. rustls checks the certificates of others, but does not say when its own expires.

use jiff::Timestamp;

/// A constructed value of the certificate (RFC 5280): a sequence.
const SEQUENCE: u8 = 0x30;
/// The version, which the oldest certificates leave out.
const VERSION: u8 = 0xa0;
/// A time with a year of two digits.
const UTC_TIME: u8 = 0x17;
/// A time with a year of four digits.
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate in DER expires; `None` if it is malformed.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = value(certificate, SEQUENCE)?;
    let (mut fields, _) = value(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        (_, _, fields) = element(fields)?;
    }
    // The serial number, the algorithm and the issuer come before the validity.
    for _ in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (validity, _) = value(fields, SEQUENCE)?;
    let (_, _, end) = element(validity)?;
    let (tag, text, _) = element(end)?;
    time(tag, str::from_utf8(text).ok()?)
}

/// The content of an element with this tag, and everything after it.
fn value(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// The tag and the content of the first element, and everything after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..0x80 => (short, rest),
        long => {
            let (length, rest) =
                rest.split_at_checked(long - 0x80).filter(|(length, _)| length.len() <= 4)?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// RFC 5280 allows one form of each kind: with seconds and in UTC.
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let text = match tag {
        // A year below 50 is in this century.
        UTC_TIME if text < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| text.get(from..to);
    let (date, time) =
        ([part(0, 4)?, part(4, 6)?, part(6, 8)?], [part(8, 10)?, part(10, 12)?, part(12, 15)?]);
    format!("{}T{}", date.join("-"), time.join(":")).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        for (tag, text, time_is) in [
            (UTC_TIME, "261231235959Z", "2026-12-31T23:59:59Z"),
            (UTC_TIME, "500101000000Z", "1950-01-01T00:00:00Z"),
            (GENERALIZED_TIME, "20500101000000Z", "2050-01-01T00:00:00Z"),
        ] {
            assert_eq!(time(tag, text).unwrap().to_string(), time_is);
        }
        for (tag, text) in
            [(UTC_TIME, ""), (UTC_TIME, "2612312359Z"), (4, "20500101000000Z"), (UTC_TIME, "26é")]
        {
            assert_eq!(time(tag, text), None, "{text}");
        }
    }

    #[test]
    fn a_certificate_that_is_cut_off_has_no_time() {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let der = key.cert.der();
        assert_eq!(not_after(der).unwrap().to_string(), "4096-01-01T00:00:00Z");
        for end in 0..der.len() {
            let _ = not_after(&der[..end]);
        }
        assert_eq!(not_after(&der[..40]), None);
    }
}
