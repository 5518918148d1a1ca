//! What a check found.

use serde::Serialize;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Something has to be done.
    Wrong,
    /// It cannot be checked from here.
    Unknown,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked, in a word.
    pub check: &'static str,
    /// The result.
    pub state: State,
    /// What was found.
    pub detail: String,
    /// What to do, if something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, state: State::Ok, detail: detail.into(), advice: None }
    }

    pub(super) fn wrong(check: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Wrong, detail: detail.into(), advice: Some(advice.into()) }
    }

    pub(super) fn unknown(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, state: State::Unknown, detail: detail.into(), advice: None }
    }
}

/// Bytes in a unit that people read easily: 2,047 bytes, 2 KiB, 5 MiB.
pub(super) fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fitting = units.into_iter().find(|(_, shift)| bytes >> shift >= 2);
    fitting.map_or_else(|| format!("{bytes} bytes"), |(unit, shift)| format!("{} {unit}", bytes >> shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_say_them() {
        for (bytes, words) in
            [(0, "0 bytes"), (2_047, "2047 bytes"), (2_048, "2 KiB"), (5 << 20, "5 MiB"), (7 << 30, "7 GiB")]
        {
            assert_eq!(size(bytes), words);
        }
    }
}
