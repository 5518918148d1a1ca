//! Builds the benchmark, installs the programs that the service is compared with, and runs it.

use std::fs;
use std::io;

use anyhow::Result;

use crate::setup::{self, Scope};
use crate::shell::Shell;

/// Where the measurements, the data and the peers are.
const FOLDER: &str = "target/bench";

/// Runs the benchmark with its own flags.
pub(crate) fn run(flags: &[&str], shell: &Shell) -> Result<()> {
    setup::install(shell, Scope::Packages, &mut io::stdout())?;
    shell.run("cargo build --release --locked --package bench --package matricula")?;
    install_peers(shell)?;
    shell.run(&format!("target/release/bench --folder {FOLDER} {}", flags.join(" ")))
}

/// Copies the sources of the peers, and installs their packages if the lists of packages have changed.
fn install_peers(shell: &Shell) -> Result<()> {
    let sources = shell.root.join("bench/peers");
    let folder = shell.root.join(FOLDER).join("peers");
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(&sources)? {
        let entry = entry?;
        fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    let lists = ["requirements.txt", "package.json"].map(|name| fs::read_to_string(sources.join(name)));
    let [python, node] = lists;
    // A virtual environment works only where it was made.
    let wanted = format!("{}\n{}\n{}", shell.root.display(), python?, node?);
    let stamp = folder.join("stamp");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    for line in [
        format!("python3 -m venv --clear {FOLDER}/venv"),
        format!(
            "{FOLDER}/venv/bin/python -m pip install --quiet --no-deps --requirement {FOLDER}/peers/requirements.txt"
        ),
        format!("npm install --silent --no-audit --no-fund --prefix {FOLDER}/peers"),
    ] {
        shell.run(&line)?;
    }
    Ok(fs::write(stamp, wanted)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_are_installed_once_and_the_flags_are_passed_on() {
        let found = "cargo cc git dpkg-deb systemd-analyze curl sqlite3 initdb pgbouncer etcd haproxy python3 npm chromium chromedriver printenv";
        let found: Vec<_> = found.split(' ').map(|program| (program, "")).collect();
        let shell = Shell::rehearsal("bench", &found);
        let peers = shell.root.join("bench/peers");
        fs::create_dir_all(&peers).unwrap();
        fs::write(peers.join("requirements.txt"), "flask==1").unwrap();
        fs::write(peers.join("package.json"), "{}").unwrap();
        let python = shell.root.join(FOLDER).join("venv/bin");
        fs::create_dir_all(&python).unwrap();
        fs::create_dir_all(shell.root.join("target/release")).unwrap();
        for (program, place) in
            [("python3", python.join("python")), ("cargo", shell.root.join("target/release/bench"))]
        {
            fs::copy(shell.root.join("bin").join(program), place).unwrap();
        }
        run(&["--quick"], &shell).unwrap();
        run(&[], &shell).unwrap();
        let log = shell.log();
        assert_eq!(log.matches("npm install").count(), 1, "{log}");
        assert!(log.contains("--folder target/bench --quick"), "{log}");
        assert!(shell.root.join(FOLDER).join("peers/package.json").exists());
    }
}
