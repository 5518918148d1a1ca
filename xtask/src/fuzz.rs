//! Gives damaged files to the readers.

use anyhow::Result;

use crate::shell::Shell;

/// Runs each reader for so many seconds, with the checks of a development build.
pub(crate) fn run(seconds: u32, shell: &Shell) -> Result<()> {
    shell.run(&format!(
        "env MATRICULA_FUZZ_SECONDS={seconds} cargo test --locked --test it -- --nocapture damaged_files_are_read_or_refused"
    ))
}
