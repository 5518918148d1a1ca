//! A private PostgreSQL of this machine's own programs: nobody else's data, on a free port, gone afterwards.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// Where Debian puts the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// How the folders of all servers begin; the number of the process that made one follows.
const FOLDERS: &str = "matricula-postgres-";
/// How long a start or a stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// It need not survive a crash of the machine; 64 clients and two services at once fit.
const SETTINGS: [&str; 8] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=300",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "log_min_messages=fatal",
    "log_destination=stderr",
];

/// A server that runs as long as this value lives, and no longer than the thread that started it.
///
/// PostgreSQL refuses to run as root: where root starts it, it runs as `nobody`.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    process: Option<Child>,
}

impl Server {
    /// Makes a new one and starts it.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start; what it said is in the error.
    pub fn start() -> Result<Self> {
        Self::start_with(&[], |_| Ok(()))
    }

    /// The same with settings of its own (`name=value`), once `prepare` has put files into its folder.
    ///
    /// # Errors
    /// As [`Server::start`]; also what `prepare` said.
    pub fn start_with(settings: &[&str], prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let programs = programs().context("PostgreSQL is not installed: `cargo xtask setup` installs it")?;
        remove_leftovers()?;
        let folder = new_folder()?;
        let settings = SETTINGS.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
        let mut server = Self { programs, folder, port: 0, settings, process: None };
        let data = server.data();
        let mut initdb = server.command("initdb");
        initdb.args([
            "--no-sync",
            "--auth=trust",
            "--locale=C",
            "--encoding=UTF8",
            "--username=postgres",
            "-D",
        ]);
        let made = initdb.arg(&data).stdin(Stdio::null()).output().context("cannot run initdb")?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        prepare(&data)?;
        give_to_nobody(&data)?;
        // Between looking for a free port and taking it somebody else may take it.
        for _ in 0..5 {
            server.port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            if server.start_again().is_ok() {
                return Ok(server);
            }
        }
        bail!("PostgreSQL does not start: {}", fs::read_to_string(server.log())?)
    }

    /// Its address, as the user who may do everything.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The same for one of its databases.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port that it listens on, at 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its data is.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts it once more, on the same port, after [`Server::stop`].
    ///
    /// # Errors
    /// When it does not.
    pub fn start_again(&mut self) -> Result<()> {
        let mut postgres = self.command("postgres");
        postgres.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
        for setting in &self.settings {
            postgres.arg("-c").arg(setting);
        }
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut process =
            postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().context("postgres")?;
        let started = Instant::now();
        loop {
            if let Some(status) = process.try_wait()? {
                bail!("PostgreSQL ended with {status}");
            }
            let state = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|line| ["ready", "standby"].contains(&line.trim())) {
                self.process = Some(process);
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                process.kill().context("PostgreSQL is not ready, and cannot be stopped")?;
                bail!("PostgreSQL is not ready");
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it as its administrator would: connections are cut, what is committed is kept.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn stop(&mut self) -> Result<()> {
        self.end("INT")
    }

    /// Stops it as a crash would.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn crash(&mut self) -> Result<()> {
        self.end("QUIT")
    }

    fn end(&mut self, signal: &str) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        Command::new("sh").args(["-c", &format!("kill -{signal} {}", process.id())]).status()?;
        let asked = Instant::now();
        while process.try_wait()?.is_none() {
            if asked.elapsed() > PATIENCE {
                process.kill()?;
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// One of its programs, as a user that it accepts; it ends with the thread that started it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        if is_root() {
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
        }
        command.args(["--pdeathsig=QUIT", "--"]).arg(self.programs.join(program)).current_dir(&self.folder);
        command
    }
}

impl Drop for Server {
    #[expect(clippy::let_underscore_must_use, reason = "a drop has nowhere to report to")]
    fn drop(&mut self) {
        let _ = self.crash();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The folder of the newest `postgres` and `initdb`.
#[must_use]
pub fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|version| Some((version.file_name().to_str()?.parse::<u32>().ok()?, version.path())))
        .map(|(version, folder)| (version, folder.join("bin")))
        .filter(|(_, folder)| folder.join("initdb").exists())
        .max();
    newest.map(|(_, folder)| folder).or_else(|| {
        let path = path();
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the workshop has no config.rs: it reads its environment itself"
)]
fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn new_folder() -> Result<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("{FOLDERS}{}-{number}", std::process::id()));
    fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    give_to_nobody(&folder)?;
    Ok(folder)
}

/// Everything in it, so that a server that is not root's can use what root put there.
fn give_to_nobody(folder: &Path) -> Result<()> {
    if is_root() {
        let given = Command::new("chown").args(["-R", "nobody:nogroup"]).arg(folder).status()?;
        ensure!(given.success(), "cannot give {} to nobody", folder.display());
    }
    Ok(())
}

/// Removes the folders of processes that were killed before they could.
fn remove_leftovers() -> io::Result<()> {
    for entry in fs::read_dir(std::env::temp_dir())?.flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(FOLDERS)).and_then(|rest| {
            let (process, _) = rest.split_once('-')?;
            process.parse::<u32>().ok()
        });
        if maker.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            #[expect(clippy::let_underscore_must_use, reason = "another process may be removing it, too")]
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_stops_starts_again_on_its_port_and_leaves_nothing() {
        let mut server = Server::start_with(&["application_name=rehearsal"], |data| {
            fs::write(data.join("note"), "put there before the start")?;
            Ok(())
        })
        .unwrap();
        let (folder, port) = (server.folder.clone(), server.port);
        assert!(server.data().join("note").exists());
        server.stop().unwrap();
        TcpListener::bind(("127.0.0.1", port)).unwrap();
        server.start_again().unwrap();
        assert_eq!(server.url(), format!("postgres://postgres@127.0.0.1:{port}/postgres"));
        drop(server);
        assert!(!folder.exists());
        TcpListener::bind(("127.0.0.1", port)).unwrap();
    }

    #[test]
    fn what_a_killed_run_has_left_is_removed() {
        // Above the highest number that Linux gives to a process.
        let left = std::env::temp_dir().join(format!("{FOLDERS}4194305-0"));
        fs::create_dir_all(left.join("data")).unwrap();
        remove_leftovers().unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn a_server_that_cannot_start_says_why() {
        let error = Server::start_with(&["no_such_setting=1"], |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("no_such_setting"), "{error:#}");
    }
}
