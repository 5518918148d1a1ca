use std::fmt;

use crate::count::to_i64;

/// A reason why an existing table cannot be adopted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdoptionProblem {
    /// The reason, as a sentence.
    pub what: String,
    /// Descriptions of the first rows concerned.
    pub rows: Vec<String>,
    /// The number of rows concerned.
    pub total: i64,
    /// Statements with which the table's owner could solve the problem.
    pub remedy: Option<String>,
}

impl AdoptionProblem {
    /// A reason that concerns the table's definition, not its rows.
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// Adds statements with which the owner could solve the problem.
    pub(super) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

impl fmt::Display for AdoptionProblem {
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

/// Everything that prevents a database from being adopted; at least one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptionProblems(pub Vec<AdoptionProblem>);

impl std::error::Error for AdoptionProblems {}

impl fmt::Display for AdoptionProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot be adopted; nothing in it was changed:")?;
        self.0.iter().try_for_each(|problem| problem.fmt(f))
    }
}
