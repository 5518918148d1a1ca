//! Runs programs in the root of the repository, with the tools of the tests first on the `PATH`.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xtask::postgres;

/// Debian's LLVM of the same version as rustc's: an older one cannot read the coverage data of rustc.
const LLVM: &str = "/usr/lib/llvm-22/bin";

/// Where Debian puts pgbouncer; not on the `PATH` of every user.
const SBIN: &str = "/usr/sbin";

pub(crate) struct Shell {
    pub(crate) root: PathBuf,
    /// Whether this is a run of CI (`CI=true`).
    pub(crate) ci: bool,
    /// Whether questions can be asked on a terminal.
    pub(crate) is_terminal: bool,
    path: OsString,
    /// Whether the caller has set `LLVM_COV`, to choose the LLVM that reads the coverage data.
    llvm_given: bool,
    /// Where Cargo keeps the sources of dependencies.
    pub(crate) cargo_home: PathBuf,
    /// The URL of the developer's own PostgreSQL server, if the tests are to use it.
    pub(crate) postgres: Option<String>,
}

impl Shell {
    #[expect(clippy::disallowed_methods, reason = "xtask has no config folder: its environment is read here")]
    pub(crate) fn open() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let own = root.join("target/tools/venv/bin");
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(
            [own].into_iter().chain(env::split_paths(&path)).chain(postgres::programs()).chain([SBIN.into()]),
        )?;
        let postgres = env::var("MATRICULA_TEST_POSTGRES").ok().filter(|url| !url.is_empty());
        let ci = env::var_os("CI").is_some_and(|it| it == "true");
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let llvm_given = env::var_os("LLVM_COV").is_some();
        let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cargo");
        let cargo_home = env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from);
        Ok(Self { root, ci, is_terminal, path, llvm_given, cargo_home, postgres })
    }

    /// Runs a command, whose words are separated by spaces. It must succeed.
    pub(crate) fn run(&self, line: &str) -> Result<()> {
        self.run_on("", line)
    }

    /// As [`Shell::run`], for tests on the PostgreSQL server with this URL, or on SQLite if `server` is empty.
    pub(crate) fn run_on(&self, server: &str, line: &str) -> Result<()> {
        let mut command = self.command(line);
        let status = command
            .env("MATRICULA_TEST_POSTGRES", server)
            .status()
            .with_context(|| format!("cannot run `{line}`"))?;
        ensure!(status.success(), "`{line}` ended with {status}");
        Ok(())
    }

    /// As [`Shell::run`], with these variables.
    pub(crate) fn run_with(&self, variables: &[(&str, String)], line: &str) -> Result<()> {
        let mut command = self.command(line);
        let status = command.envs(variables.iter().map(|(name, value)| (name, value))).status();
        let status = status.with_context(|| format!("cannot run `{line}`"))?;
        ensure!(status.success(), "`{line}` ended with {status}");
        Ok(())
    }

    /// Whether a command succeeds; discards its output.
    pub(crate) fn works(&self, line: &str) -> bool {
        self.command(line).output().is_ok_and(|output| output.status.success())
    }

    /// Returns the output of a command, which must succeed.
    pub(crate) fn read(&self, line: &str) -> Result<String> {
        let output = self.command(line).output().with_context(|| format!("cannot run `{line}`"))?;
        ensure!(output.status.success(), "`{line}` ended with {}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    fn command(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).current_dir(&self.root).env("PATH", &self.path).stdin(Stdio::null());
        if !self.llvm_given && Path::new(LLVM).join("llvm-cov").exists() {
            command.envs(coverage(LLVM));
        }
        command
    }
}

fn coverage(llvm: &str) -> [(&'static str, String); 3] {
    [
        ("LLVM_COV", format!("{llvm}/llvm-cov")),
        ("LLVM_PROFDATA", format!("{llvm}/llvm-profdata")),
        ("CARGO_LLVM_COV_SETUP", "no".to_owned()),
    ]
}

#[cfg(test)]
impl Shell {
    /// The shell of a test. It has only these programs, each a shell script; every call is written to `log`.
    pub(crate) fn rehearsal(test: &str, programs: &[(&str, &str)]) -> Self {
        use std::fs;
        use std::os::unix::fs::PermissionsExt;

        let root = env::temp_dir().join(format!("{}{test}", rehearsal_prefix()));
        let path = root.join("bin");
        fs::create_dir_all(root.join("src")).unwrap();
        fs::create_dir_all(&path).unwrap();
        for (name, body) in programs {
            let program = path.join(name);
            fs::write(&program, format!("#!/bin/sh\necho \"{name} $*\" >> log\n{body}\n")).unwrap();
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let postgres = Some("postgres://rehearsal".to_owned());
        Self {
            root,
            ci: true,
            is_terminal: false,
            path: path.into(),
            llvm_given: true,
            cargo_home: "/cargo".into(),
            postgres,
        }
    }

    /// The calls so far, one per line.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.root.join("log")).unwrap()
    }
}

/// Prefix of the folders that [`Shell::rehearsal`] makes in this process: only these are removed.
#[cfg(test)]
fn rehearsal_prefix() -> String {
    format!("xtask-rehearsal-{}-", std::process::id())
}

#[cfg(test)]
impl Drop for Shell {
    fn drop(&mut self) {
        let name = self.root.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&rehearsal_prefix()) {
            std::fs::remove_dir_all(&self.root).unwrap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_run_in_the_root_of_the_repository() {
        let shell = Shell::open().unwrap();
        assert_eq!(shell.read("pwd").unwrap().trim(), shell.root.to_str().unwrap());
        assert!(shell.works("test -f xtask/Cargo.toml"));
        shell.run("test -d .").unwrap();
    }

    #[test]
    fn the_error_names_the_command_that_failed() {
        let shell = Shell::open().unwrap();
        assert_eq!(shell.run("false").unwrap_err().to_string(), "`false` ended with exit status: 1");
        assert_eq!(shell.read("no-such-program").unwrap_err().to_string(), "cannot run `no-such-program`");
        assert!(!shell.works("no-such-program"));
    }

    #[test]
    fn the_tools_of_the_tests_come_first_on_the_path() {
        let shell = Shell::open().unwrap();
        let path = shell.read("printenv PATH").unwrap();
        assert!(path.starts_with(shell.root.join("target/tools/venv/bin").to_str().unwrap()), "{path}");
    }

    #[test]
    fn coverage_is_read_by_the_matching_llvm() {
        let names = coverage("/llvm").map(|(name, value)| format!("{name}={value}"));
        assert_eq!(
            names,
            ["LLVM_COV=/llvm/llvm-cov", "LLVM_PROFDATA=/llvm/llvm-profdata", "CARGO_LLVM_COV_SETUP=no"]
        );
    }
}
