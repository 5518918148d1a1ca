use std::io::Write;

/// Prints the document that a server tells at /api/v1/openapi.json.
pub(super) fn run(out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", crate::server::router::document().to_pretty_json()?)?;
    Ok(())
}
