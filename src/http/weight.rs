//! Weights in `Accept` (RFC 9110, 12.4.2).

/// `0.5` is 500; an invalid weight is ignored, which gives 1000.
#[must_use]
pub fn thousandths(weight: &str) -> u16 {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = format!("{decimals:0<3}");
    match (whole, digits.parse::<u16>()) {
        ("0", Ok(thousandths)) if digits.len() == 3 => thousandths,
        _ => 1000,
    }
}
