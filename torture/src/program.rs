//! The program under test: started, killed, and asked whether its database is right.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// The program.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) binary: PathBuf,
    /// Variables for its process.
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
}

impl Program {
    /// # Errors
    /// If there is no such file.
    pub(crate) fn new(binary: &Path) -> Result<Self> {
        ensure!(binary.is_file(), "there is no {}: build it, or name it with --matricula", binary.display());
        Ok(Self { binary: binary.to_owned(), variables: Vec::new() })
    }

    /// The same with more variables.
    pub(crate) fn with(&self, variables: impl IntoIterator<Item = (&'static str, PathBuf)>) -> Self {
        let variables = self.variables.iter().cloned().chain(variables).collect();
        Self { binary: self.binary.clone(), variables }
    }

    fn command(&self) -> Command {
        // The server must not outlive this program, however that ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig=KILL", "--"]).arg(&self.binary).stdin(Stdio::null());
        // No setting of the caller changes what is under test.
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
        // What a build for coverage writes at its end.
        command.env("LLVM_PROFILE_FILE", "/dev/null");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the server; it may not listen yet.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn spawn(&self, database: &str, errors: &Path) -> Result<Starting> {
        let mut command = self.command();
        command.args(["serve", "--database", database, "--listen", "127.0.0.1:0", "--log", "error"]);
        // One machine is all clients, and must not be refused for that.
        command.args(["--client-share", "100"]);
        let errors = File::options().create(true).append(true).open(errors)?;
        let child = command.stdout(Stdio::piped()).stderr(errors).spawn();
        Ok(Starting { child: Killed(child.with_context(|| format!("{}", self.binary.display()))?) })
    }

    /// Starts the server, and waits until it listens.
    ///
    /// # Errors
    /// If it ends before that.
    pub(crate) async fn serve(&self, database: &str, errors: &Path) -> Result<Server> {
        self.spawn(database, errors)?.listening().await.with_context(|| format!("see {}", errors.display()))
    }

    /// Runs `matricula check`.
    ///
    /// # Errors
    /// If it finds something; with its output.
    pub(crate) async fn check(&self, database: &str) -> Result<()> {
        let mut command = self.command();
        command.args(["check", "--database", database]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn()?;
        let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
        let text = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        ensure!(output.status.success(), "`matricula check` ended with {}: {}", output.status, text.concat());
        Ok(())
    }
}

/// A process that is killed when this is dropped.
#[derive(Debug)]
struct Killed(Child);

impl Killed {
    fn kill(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        #[expect(clippy::let_underscore_must_use, reason = "`drop` cannot report errors")]
        let _ = self.kill();
    }
}

/// A server that was started.
#[derive(Debug)]
pub(crate) struct Starting {
    child: Killed,
}

impl Starting {
    /// Kills it at once.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()
    }

    /// Waits until it listens.
    ///
    /// # Errors
    /// If it ends before that.
    pub(crate) async fn listening(mut self) -> Result<Server> {
        let output = self.child.0.stdout.take().context("the output was taken before")?;
        let read = move || {
            let mut line = String::new();
            let mut output = BufReader::new(output);
            output.read_line(&mut line).map(|_| (line, output))
        };
        let (line, output) = tokio::task::spawn_blocking(read).await??;
        let address = line.split("://").nth(1).and_then(|rest| rest.split([' ', '/', '\n']).next());
        match address.and_then(|address| address.parse().ok()) {
            Some(address) => Ok(Server { child: self.child, address, _output: output }),
            None => bail!("the server did not start: {line:?}"),
        }
    }
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Server {
    child: Killed,
    pub(crate) address: SocketAddr,
    /// Open as long as it runs: it may write more.
    _output: BufReader<std::process::ChildStdout>,
}

impl Server {
    /// Sends SIGKILL: nothing is shut down.
    ///
    /// # Errors
    /// If it has ended by itself.
    pub(crate) fn kill(mut self) -> Result<()> {
        if let Some(status) = self.child.0.try_wait()? {
            bail!("the server has ended by itself, with {status}");
        }
        self.child.kill()
    }
}

/// Kills a process with this id.
///
/// # Errors
/// If the id is none.
pub(crate) fn kill(id: u32) -> Result<()> {
    let process = i32::try_from(id).ok().and_then(Pid::from_raw).context("no process has the id 0")?;
    // It may have ended in the meantime.
    match kill_process(process, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The ids of the processes that this one has started.
///
/// # Errors
/// If `/proc` cannot be read.
pub(crate) fn children(parent: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let mut state = String::new();
        // A process may end while the list is read.
        if File::open(format!("/proc/{id}/stat")).and_then(|mut it| it.read_to_string(&mut state)).is_err() {
            continue;
        }
        // After the name in parentheses: the state, and the parent.
        let parent_of = state.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        if parent_of == Some(parent.to_string().as_str()) {
            found.push(id);
        }
    }
    Ok(found)
}
