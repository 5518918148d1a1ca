//! Starts programs on the server's core and stops them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::net::TcpStream;

/// The core of the program that is measured.
const SERVER: usize = 0;
/// The core of the client.
const CLIENT: usize = 1;
/// How long a contender may take to start, or to stop.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Runs `start` on the server's core; processes and threads that it starts stay there.
///
/// # Errors
/// If the machine does not have two cores; also the error of `start`.
pub(crate) fn on_server_core<T>(start: impl FnOnce() -> Result<T>) -> Result<T> {
    pin(SERVER)?;
    let started = start();
    pin(CLIENT)?;
    started
}

fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores)
        .context("the benchmark needs two cores: one for the server and one for the client")
}

/// A server that runs as long as this value lives, with all processes that it starts.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Service {
    /// Starts a server that prints its address. Its log goes to a file.
    pub(crate) fn start(command: &Command) -> Result<Self> {
        let mut log = tempfile::tempfile()?;
        let mut child = spawn(command, Stdio::piped(), log.try_clone()?.into())?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let address = line.split("http://").nth(1).and_then(|rest| rest.split([' ', '\n']).next());
        let Some(address) = address else {
            let mut reason = String::new();
            log.rewind()?;
            log.read_to_string(&mut reason)?;
            bail!("{command:?} printed no address: {line:?}\n{reason}");
        };
        let address = address.parse()?;
        Ok(Self { child, address })
    }

    /// Starts a server on a given port, and waits until it listens.
    pub(crate) async fn start_on_free_port(command: impl FnOnce(u16) -> Command) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let command = command(address.port());
        let mut service = Self { child: spawn(&command, Stdio::null(), Stdio::inherit())?, address };
        let began = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = service.child.try_wait()? {
                bail!("{command:?} ended with {status}");
            }
            ensure!(began.elapsed() < TIMEOUT, "{command:?} does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(service)
    }

    /// Resident memory of the process in MiB, without the processes that it has started.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }

    /// Sends SIGTERM, and waits until the process has ended.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.signal(Signal::TERM);
        let signaled = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(signaled.elapsed() < TIMEOUT, "a contender does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // The processes may have ended already.
        let _ = group.map(|group| kill_process_group(group, signal));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        #[expect(clippy::let_underscore_must_use, reason = "`drop` cannot report errors")]
        let _ = self.child.wait();
    }
}

/// Starts a process in a group of its own, so that its workers are stopped with it. It ends with the thread that
/// started it.
fn spawn(command: &Command, output: Stdio, errors: Stdio) -> Result<Child> {
    let mut guarded = Command::new("setpriv");
    guarded.args(["--pdeathsig=TERM", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        value.map(|value| guarded.env(name, value));
    }
    if let Some(folder) = command.get_current_dir() {
        guarded.current_dir(folder);
    }
    guarded.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
    on_server_core(|| guarded.spawn().with_context(|| format!("cannot run {guarded:?}")))
}
