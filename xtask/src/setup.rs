//! What the tests need beside Rust: Debian packages, and pinned tools in `target/tools`. Nothing is installed before it was
//! listed and somebody agreed: on a terminal, or with `CI=true`.

use std::fmt;
use std::fs;
use std::io::{self, BufRead, Write};

use anyhow::{Result, ensure};

use crate::shell::Shell;

const PYTHON: &str = include_str!("../requirements.txt");
const NODE: &str = "newman@6.2.2 axe-core@4.14.1";

/// Something that the machine must have: a line that succeeds where it is there, the packages that bring it, and what it is
/// for.
struct Need {
    probe: &'static str,
    packages: &'static str,
    purpose: &'static str,
}

const NEEDS: &[Need] = &[
    need("cc --version", "gcc libc6-dev", "compiles SQLite and links programs"),
    need("git --version", "git", "shows whether a test has changed a file of the repository"),
    need("curl --version", "curl", "runs the commands of the README"),
    need("sqlite3 --version", "sqlite3", "another program that uses the same file"),
    need("initdb --version", "postgresql", "the second engine, as a private server that ends with the tests"),
    need("pgbouncer --version", "pgbouncer", "PostgreSQL behind a pool of connections"),
    need("python3 -m ensurepip --version", "python3 python3-venv", "runs the tools from PyPI"),
    need("npm --version", "nodejs npm", "runs the tools from npm"),
    need("chromium --version", "chromium", "opens the pages"),
    need("chromedriver --version", "chromium-driver", "drives Chromium"),
    need("printenv LLVM_COV", "llvm-22", "reads the coverage that rustc records"),
];

/// The tools that somebody calls; what these depend on is in `requirements.txt`.
const TOOLS: &[[&str; 2]] = &[
    ["cargo-nextest", "runs the tests"],
    ["cargo-llvm-cov", "measures their coverage"],
    ["cargo-deny", "checks licenses and advisories of the dependencies"],
    ["typos", "checks the spelling"],
    ["Flask", "a program whose database is adopted, with Flask-SQLAlchemy and psycopg2"],
    ["schemathesis", "a client that knows only the OpenAPI document"],
    ["newman", "plays the Postman collection (npm)"],
    ["axe-core", "checks the pages for accessibility (npm)"],
];

const fn need(probe: &'static str, packages: &'static str, purpose: &'static str) -> Need {
    Need { probe, packages, purpose }
}

/// How much is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Packages and tools: for the tests.
    All,
    /// For the benchmark.
    Packages,
}

/// What this machine lacks.
struct Missing {
    needs: Vec<&'static Need>,
    tools: bool,
}

/// Installs what is missing, once somebody has agreed; quick and silent where nothing is.
pub(crate) fn install(shell: &Shell, scope: Scope, out: &mut impl Write) -> Result<()> {
    let missing = Missing::find(shell, scope);
    if missing.is_nothing() {
        return Ok(());
    }
    agree(&missing, shell, &mut io::stdin().lock(), out)?;
    if !missing.needs.is_empty() {
        for line in package_lines(&missing.packages()) {
            run(shell, &line, out)?;
        }
    }
    if missing.tools { install_tools(shell, out) } else { Ok(()) }
}

/// The same for who has asked for nothing else, and so is told that nothing is missing, too.
pub(crate) fn run_alone(shell: &Shell, out: &mut impl Write) -> Result<()> {
    if Missing::find(shell, Scope::All).is_nothing() {
        return Ok(writeln!(out, "Nothing is missing.")?);
    }
    install(shell, Scope::All, out)
}

impl Missing {
    fn find(shell: &Shell, scope: Scope) -> Self {
        let needs = NEEDS.iter().filter(|need| !shell.works(need.probe)).collect();
        let stamp = fs::read_to_string(shell.root.join(STAMP));
        Self { needs, tools: scope == Scope::All && stamp.ok() != Some(wanted(shell)) }
    }

    fn is_nothing(&self) -> bool {
        self.needs.is_empty() && !self.tools
    }

    fn packages(&self) -> String {
        self.needs.iter().map(|need| need.packages).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The tests need more than this machine has.")?;
        if !self.needs.is_empty() {
            writeln!(f, "\nDebian packages, for the whole machine:")?;
        }
        for need in &self.needs {
            writeln!(f, "  {:22}{}", need.packages, need.purpose)?;
        }
        if self.tools {
            writeln!(f, "\nTools from PyPI and npm at pinned versions, into target/tools only:")?;
            for [tool, purpose] in TOOLS {
                writeln!(f, "  {tool:22}{purpose}")?;
            }
        }
        writeln!(f)
    }
}

/// # Errors
/// When nobody has agreed, or this user may not install packages; nothing has been installed then.
fn agree(missing: &Missing, shell: &Shell, answers: &mut impl BufRead, out: &mut impl Write) -> Result<()> {
    write!(out, "{missing}")?;
    ensure!(
        missing.needs.is_empty() || may_install_packages(shell)?,
        "packages are missing, and only root on Debian can install them here: apt-get install {packages}\n\
         (Elsewhere: programs of these names; for llvm-22 an LLVM no older than rustc's, by LLVM_COV and LLVM_PROFDATA.)",
        packages = missing.packages()
    );
    if shell.ci {
        return Ok(());
    }
    ensure!(
        shell.is_terminal,
        "nothing is installed unasked: run `cargo xtask setup` on a terminal, or set CI=true"
    );
    write!(out, "Install all of this? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    ensure!(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()), "nothing was installed");
    Ok(())
}

fn may_install_packages(shell: &Shell) -> Result<bool> {
    Ok(shell.works("apt-get --version") && shell.read("id -u")?.trim() == "0")
}

const FOLDER: &str = "target/tools";
/// Says what is in the folder; written last.
const STAMP: &str = "target/tools/stamp";

/// What the stamp says once this version's tools are there. A virtual environment works only where it was made, so the place
/// is part of it.
fn wanted(shell: &Shell) -> String {
    format!("{}\n{NODE}\n{PYTHON}", shell.root.display())
}

fn install_tools(shell: &Shell, out: &mut impl Write) -> Result<()> {
    let folder = shell.root.join(FOLDER);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for line in tool_lines() {
        run(shell, &line, out)?;
    }
    Ok(fs::write(shell.root.join(STAMP), wanted(shell))?)
}

fn run(shell: &Shell, line: &str, out: &mut impl Write) -> Result<()> {
    writeln!(out, "== setup: {line}")?;
    shell.run(line)
}

fn package_lines(packages: &str) -> [String; 2] {
    [
        "apt-get update -q".to_owned(),
        format!(
            "env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends {packages}"
        ),
    ]
}

fn tool_lines() -> [String; 3] {
    [
        format!("python3 -m venv {FOLDER}/venv"),
        "python -m pip install --quiet --no-deps --requirement xtask/requirements.txt".to_owned(),
        format!("npm install --silent --no-audit --no-fund --ignore-scripts --prefix {FOLDER} {NODE}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that has everything but `lacks`, with `more`.
    fn machine(test: &str, lacks: &[&str], more: &[(&str, &str)]) -> Shell {
        let all = "cc git curl sqlite3 initdb pgbouncer python3 python npm chromium chromedriver printenv";
        let mut programs: Vec<_> =
            all.split(' ').filter(|program| !lacks.contains(program)).map(|program| (program, "")).collect();
        programs.extend(more);
        Shell::rehearsal(test, &programs)
    }

    fn install_all(shell: &Shell) -> Result<String> {
        let mut out = Vec::new();
        install(shell, Scope::All, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    fn asked(shell: &Shell, answer: &str) -> (Result<()>, String) {
        let mut out = Vec::new();
        let agreed = agree(&Missing::find(shell, Scope::All), shell, &mut answer.as_bytes(), &mut out);
        (agreed, String::from_utf8(out).unwrap())
    }

    const ROOT: [(&str, &str); 3] = [("id", "echo 0"), ("apt-get", ""), ("env", "")];

    #[test]
    fn tools_are_installed_once() {
        let shell = machine("once", &[], &[]);
        assert!(install_all(&shell).unwrap().contains("newman"));
        assert_eq!(install_all(&shell).unwrap(), "");
        let mut out = Vec::new();
        run_alone(&shell, &mut out).unwrap();
        assert_eq!(out, b"Nothing is missing.\n");
        let log = shell.log();
        assert_eq!(log.matches("python3 -m venv target/tools/venv").count(), 1, "{log}");
        assert_eq!(log.matches("python -m pip install").count(), 1, "{log}");
        assert_eq!(log.matches("npm install").count(), 1, "{log}");
        assert!(!log.contains("apt-get"), "{log}");
    }

    #[test]
    fn tools_of_other_versions_are_replaced() {
        let shell = machine("replaced", &[], &[]);
        let old = shell.root.join("target/tools/old");
        fs::create_dir_all(&old).unwrap();
        run_alone(&shell, &mut Vec::new()).unwrap();
        assert!(!old.exists());
    }

    #[test]
    fn the_benchmark_needs_no_tools() {
        let shell = machine("packages", &[], &[]);
        install(&shell, Scope::Packages, &mut Vec::new()).unwrap();
        assert!(!shell.log().contains("install"));
    }

    #[test]
    fn root_installs_the_packages_that_are_missing_and_no_others() {
        let shell = machine("root", &["npm"], &[&ROOT[..], &[("npm", "test \"$1\" != --version")]].concat());
        let told = install_all(&shell).unwrap();
        assert!(told.contains("\n  nodejs npm            runs the tools from npm\n"), "{told}");
        assert!(!told.contains("sqlite3"), "{told}");
        let log = shell.log();
        assert!(log.contains("--no-install-recommends nodejs npm\n"), "{log}");
    }

    #[test]
    fn a_user_who_may_not_install_packages_is_told_which() {
        let lacks = ["curl", "sqlite3", "initdb", "pgbouncer", "chromium", "chromedriver", "printenv"];
        let shell = machine("nobody", &lacks, &[("apt-get", ""), ("id", "echo 1000")]);
        let message = install_all(&shell).unwrap_err().to_string();
        assert!(
            message.contains(
                "apt-get install curl sqlite3 postgresql pgbouncer chromium chromium-driver llvm-22\n"
            ),
            "{message}"
        );
        assert!(!shell.log().contains("install"));
    }

    #[test]
    fn on_a_terminal_somebody_has_to_agree() {
        let mut shell = machine("terminal", &["curl"], &ROOT);
        (shell.ci, shell.is_terminal) = (false, true);
        for (answer, agrees) in [("y\n", true), ("YES\n", true), ("n\n", false), ("\n", false), ("", false)] {
            let (agreed, told) = asked(&shell, answer);
            assert_eq!(agreed.is_ok(), agrees, "{answer:?}");
            assert!(told.contains("\n  curl                  runs the commands of the README\n"), "{told}");
            assert!(told.ends_with("[y/N] "), "{told}");
        }
    }

    #[test]
    fn without_a_terminal_only_ci_installs() {
        let mut shell = machine("silent", &[], &[]);
        assert!(asked(&shell, "").0.is_ok());
        shell.ci = false;
        let (agreed, told) = asked(&shell, "y\n");
        assert!(agreed.unwrap_err().to_string().contains("cargo xtask setup"));
        assert!(told.contains("cargo-nextest"), "{told}");
        assert!(install_all(&shell).is_err());
        assert!(!shell.log().contains("install"));
        shell.ci = true;
        install_all(&shell).unwrap();
        shell.ci = false;
        assert_eq!(install_all(&shell).unwrap(), "");
    }

    #[test]
    fn every_tool_has_one_version() {
        let tools =
            PYTHON.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).chain(NODE.split(' '));
        for tool in tools {
            assert!(tool.contains("==") || tool.contains('@'), "`{tool}` has no version");
        }
    }

    #[test]
    fn every_tool_that_is_listed_is_installed() {
        for [tool, _] in TOOLS {
            assert!(PYTHON.contains(&format!("{tool}==")) || NODE.contains(&format!("{tool}@")), "{tool}");
        }
    }
}
