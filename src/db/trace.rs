//! Log output about statements.

/// Logs a statement as an engine runs it, without the values of its parameters.
pub(super) fn statement(sql: &str) {
    tracing::trace!(target: "matricula::sql", sql);
}
