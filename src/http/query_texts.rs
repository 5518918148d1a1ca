//! Values of query parameters from their texts.

use std::str::FromStr;

use serde::Deserialize;

/// Deserializes `true` or `false` from the text of a query parameter.
///
/// # Errors
/// For any other text.
pub fn bool_from_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let text = <String as Deserialize>::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|_| serde::de::Error::custom("must be `true` or `false`"))
}

/// Deserializes a query parameter from its text, with `FromStr` and its error.
///
/// # Errors
/// The error of `FromStr`.
pub fn from_text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: FromStr<Err: std::fmt::Display>,
{
    let text = <String as Deserialize>::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}
