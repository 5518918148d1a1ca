use crate::clock::Stamp;

/// A bound parameter. A null keeps its type, which PostgreSQL needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Arg {
    /// A 64-bit integer or its null.
    Int(Option<i64>),
    /// A text or its null.
    Text(Option<String>),
}

impl Arg {
    /// Whether the text has a NUL character. SQLite files can hold such texts; PostgreSQL rejects them.
    pub(super) fn has_nul(&self) -> bool {
        matches!(self, Self::Text(Some(text)) if text.contains('\0'))
    }
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Arg {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<String>> for Arg {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<&Stamp> for Arg {
    fn from(time: &Stamp) -> Self {
        time.as_str().into()
    }
}

impl From<Option<&Stamp>> for Arg {
    fn from(time: Option<&Stamp>) -> Self {
        Self::Text(time.map(|time| time.as_str().to_owned()))
    }
}
