//! Numbers of things in memory, as the engines and JSON have them.

/// A length or count as a signed number.
#[must_use]
#[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "no memory holds 2^63 things")]
pub fn to_i64(count: usize) -> i64 {
    i64::try_from(count).expect("a count is below 2^63")
}
