//! Kills, power cuts, full disks and lost connections: builds the program that makes them, and runs it.

use std::io;

use anyhow::Result;

use crate::setup::{self, Scope};
use crate::shell::Shell;

/// Where the databases and the progress of a run are.
const FOLDER: &str = "target/torture";

/// Tortures the optimized program, with the flags of `torture`.
pub(crate) fn run(flags: &[&str], shell: &Shell) -> Result<()> {
    setup::install(shell, Scope::Packages, &mut io::stdout())?;
    shell.run("cargo build --release --locked --package torture --package matricula")?;
    shell.run(&format!("target/release/torture --folder {FOLDER} {}", flags.join(" ")))
}

/// Tortures the program that the tests use, for two minutes. The same command builds it as that of the tests, so that
/// nothing is compiled twice.
pub(crate) fn test(shell: &Shell) -> Result<()> {
    shell.run(
        "cargo llvm-cov --no-report nextest --workspace --locked --run-ignored only --no-capture \
         -E package(torture)",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_flags_are_passed_on() {
        let found = "cargo cc git dpkg-deb systemd-analyze curl sqlite3 initdb pgbouncer etcd haproxy python3 npm chromium chromedriver printenv";
        let found: Vec<_> = found.split(' ').map(|program| (program, "")).collect();
        let shell = Shell::rehearsal("torture", &found);
        fs::create_dir_all(shell.root.join("target/release")).unwrap();
        fs::copy(shell.root.join("bin/cargo"), shell.root.join("target/release/torture")).unwrap();
        run(&["kills", "--seconds", "60"], &shell).unwrap();
        let log = shell.log();
        assert!(log.contains("--folder target/torture kills --seconds 60"), "{log}");
    }
}
