//! Counts: conversion to the integers of SQL and JSON, and to text.

/// A length or a count as a signed integer.
#[must_use]
#[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "memory cannot hold 2^63 items")]
pub fn to_i64(count: usize) -> i64 {
    i64::try_from(count).expect("a count is below 2^63")
}

/// A count with its noun: `1 student`, `12,000 students`.
#[must_use]
pub fn counted(count: i64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{} {noun}s", thousands(count)) }
}

/// A number as people write it: `1,000,000`.
#[must_use]
pub fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
