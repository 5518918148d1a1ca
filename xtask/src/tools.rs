//! What the tests need beside Rust: Debian packages, and pinned tools in `target/tools`.

use std::fs;
use std::io::{self, Write};

use anyhow::{Result, ensure};

use crate::shell::Shell;

const PYTHON: &str = include_str!("../requirements.txt");
/// The runner of Postman collections, and what finds barriers in pages.
const NODE: &str = "newman@6.2.2 axe-core@4.14.1";

/// Something that the machine must have: a line that succeeds where it is there, and the packages that bring it.
struct Need {
    probe: &'static str,
    packages: &'static str,
}

const NEEDS: &[Need] = &[
    Need { probe: "cc --version", packages: "gcc libc6-dev" },
    Need { probe: "curl --version", packages: "curl" },
    Need { probe: "sqlite3 --version", packages: "sqlite3" },
    Need { probe: "initdb --version", packages: "postgresql" },
    Need { probe: "pgbouncer --version", packages: "pgbouncer" },
    Need { probe: "python3 -m ensurepip --version", packages: "python3 python3-venv" },
    Need { probe: "npm --version", packages: "nodejs npm" },
    Need { probe: "chromium --version", packages: "chromium" },
    Need { probe: "chromedriver --version", packages: "chromium-driver" },
    Need { probe: "printenv LLVM_COV", packages: "llvm-22" },
];

/// Installs what is missing; quick where nothing is.
pub(crate) fn install(shell: &Shell) -> Result<()> {
    install_packages(shell)?;
    install_tools(shell)
}

/// The packages alone.
pub(crate) fn install_packages(shell: &Shell) -> Result<()> {
    let missing = missing(|probe| shell.works(probe));
    if !missing.is_empty() {
        let can_install = shell.works("apt-get --version") && shell.read("id -u")?.trim() == "0";
        for line in package_lines(&missing, can_install)? {
            run(shell, &line)?;
        }
    }
    Ok(())
}

fn install_tools(shell: &Shell) -> Result<()> {
    let folder = shell.root.join("target/tools");
    let stamp = folder.join("stamp");
    // A virtual environment works only where it was made, so the place is part of the stamp.
    let wanted = format!("{}\n{NODE}\n{PYTHON}", shell.root.display());
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for line in tool_lines() {
        run(shell, &line)?;
    }
    Ok(fs::write(stamp, wanted)?)
}

fn run(shell: &Shell, line: &str) -> Result<()> {
    writeln!(io::stdout(), "== tools: {line}")?;
    shell.run(line)
}

fn missing(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    NEEDS.iter().filter(|need| !is_there(need.probe)).map(|need| need.packages).collect()
}

fn package_lines(missing: &[&str], can_install: bool) -> Result<[String; 2]> {
    let packages = missing.join(" ");
    ensure!(
        can_install,
        "the tests need more than this machine has. As root, on Debian: apt-get install {packages}\n\
         (Elsewhere: programs of these names; for llvm-22 an LLVM no older than rustc's, by LLVM_COV and LLVM_PROFDATA.)"
    );
    Ok([
        "apt-get update -q".to_owned(),
        format!(
            "env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends {packages}"
        ),
    ])
}

fn tool_lines() -> [String; 3] {
    [
        "python3 -m venv target/tools/venv".to_owned(),
        "python -m pip install --quiet --no-deps --requirement xtask/requirements.txt".to_owned(),
        format!("npm install --silent --no-audit --no-fund --ignore-scripts --prefix target/tools {NODE}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING_MISSING: [(&str, &str); 11] = [
        ("cc", ""),
        ("curl", ""),
        ("sqlite3", ""),
        ("initdb", ""),
        ("pgbouncer", ""),
        ("python3", ""),
        ("python", ""),
        ("npm", ""),
        ("chromium", ""),
        ("chromedriver", ""),
        ("printenv", ""),
    ];

    #[test]
    fn tools_are_installed_once() {
        let shell = Shell::rehearsal("once", &NOTHING_MISSING);
        install(&shell).unwrap();
        install(&shell).unwrap();
        let log = shell.log();
        assert_eq!(log.matches("python3 -m venv target/tools/venv").count(), 1, "{log}");
        assert_eq!(log.matches("python -m pip install").count(), 1, "{log}");
        assert_eq!(log.matches("npm install").count(), 1, "{log}");
        assert!(!log.contains("apt-get"), "{log}");
    }

    #[test]
    fn tools_of_other_versions_are_replaced() {
        let shell = Shell::rehearsal("replaced", &NOTHING_MISSING);
        let old = shell.root.join("target/tools/old");
        fs::create_dir_all(&old).unwrap();
        install(&shell).unwrap();
        assert!(!old.exists());
    }

    #[test]
    fn root_installs_the_packages_that_are_missing_and_no_others() {
        let missing = [("npm", "test \"$1\" != --version"), ("id", "echo 0"), ("apt-get", ""), ("env", "")];
        let shell =
            Shell::rehearsal("root", &[&NOTHING_MISSING[..7], &NOTHING_MISSING[8..], &missing[..]].concat());
        install(&shell).unwrap();
        let log = shell.log();
        assert!(log.contains("--no-install-recommends nodejs npm\n"), "{log}");
    }

    #[test]
    fn who_may_not_install_is_told_what_to_install() {
        let programs = [("cc", ""), ("python3", ""), ("npm", ""), ("apt-get", ""), ("id", "echo 1000")];
        let shell = Shell::rehearsal("nobody", &programs);
        let message = install(&shell).unwrap_err().to_string();
        assert!(
            message.contains(
                "apt-get install curl sqlite3 postgresql pgbouncer chromium chromium-driver llvm-22\n"
            ),
            "{message}"
        );
    }

    #[test]
    fn every_tool_has_one_version() {
        let tools =
            PYTHON.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).chain(NODE.split(' '));
        for tool in tools {
            assert!(tool.contains("==") || tool.contains('@'), "`{tool}` has no version");
        }
    }
}
