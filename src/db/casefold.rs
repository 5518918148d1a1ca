//! Texts without regard to case.

/// A text for comparison without regard to case: in Unicode's lower case, with one form of the Greek sigma, which has
/// another at the end of a word.
#[must_use]
pub fn casefold(text: &str) -> String {
    let lower = text.to_lowercase();
    if lower.contains('ς') { lower.replace('ς', "σ") } else { lower }
}
