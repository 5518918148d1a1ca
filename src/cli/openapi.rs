use std::io::Write;

/// Prints the OpenAPI document that a server has at /api/v1/openapi.json.
///
/// # Errors
/// If `out` cannot be written to.
pub(super) fn run(out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", crate::server::router::document().to_pretty_json()?)?;
    Ok(())
}
