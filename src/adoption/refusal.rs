use std::fmt;

use crate::count::to_i64;

/// Why a found table cannot be adopted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, a sentence.
    pub what: String,
    /// The rows that it is about, the first of them.
    pub rows: Vec<String>,
    /// How many rows it is about in all.
    pub total: i64,
    /// Statements that the table's owner could run.
    pub remedy: Option<String>,
}

impl Refusal {
    /// A refusal for what a table is, not for its rows.
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// The same, with statements that its owner could run.
    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n- {}", self.what)?;
        for row in &self.rows {
            write!(f, "\n    {row}")?;
        }
        let shown = to_i64(self.rows.len());
        if self.total > shown {
            write!(f, "\n    and {} more", self.total - shown)?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "\n  Its owner could run:")?;
            for line in remedy.lines() {
                write!(f, "\n    {line}")?;
            }
        }
        Ok(())
    }
}

/// Everything that stands in the way of adopting a database, at least one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals(pub Vec<Refusal>);

impl std::error::Error for Refusals {}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot be adopted; nothing in it was changed:")?;
        self.0.iter().try_for_each(|refusal| refusal.fmt(f))
    }
}
