use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};

use std::io::{BufRead, BufReader};

use super::Database;

/// The real program, serving in a process of its own; killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) line: String,
}

/// The program, without any of its variables in the environment.
pub(crate) fn matricula() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matricula"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MATRICULA_")) {
        command.env_remove(name);
    }
    command
}

impl Process {
    pub(crate) async fn serve(database: &Database) -> Self {
        Self::serve_at(database.argument()).await
    }

    /// Serves, with this value of `--database`.
    pub(crate) async fn serve_at(database: impl AsRef<OsStr>) -> Self {
        let mut command = matricula();
        command.arg("--database").arg(database.as_ref()).args(["--listen", "127.0.0.1:0", "--log", "error"]);
        Self::start(command).await
    }

    pub(crate) async fn start(mut command: Command) -> Self {
        let start = move || {
            let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            (child, line)
        };
        let (mut child, line) = tokio::task::spawn_blocking(start).await.unwrap();
        let address = line.split("://").nth(1).and_then(|rest| rest.split([' ', '/', '\n']).next());
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            let _ = child.kill();
            panic!("no address in {line:?}: {:?}", child.wait());
        };
        Self { child, address, line }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGKILL: nothing is shut down.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM and returns the exit status.
    pub(crate) async fn terminate(self) -> ExitStatus {
        let mut process = self;
        let id = process.child.id().to_string();
        assert!(Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status().unwrap().success());
        tokio::task::spawn_blocking(move || process.child.wait().unwrap()).await.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
