//! A private PostgreSQL server that uses the installed programs: with its own data, on a free port, deleted afterwards.

use std::env;
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
/// Prefix of the folders of all servers; the id of the process that made the folder follows.
const FOLDER_PREFIX: &str = "matricula-postgres-";
/// A file system in memory. A test of the service begins with a new database, and making the files of one takes a disk
/// twice as long.
const MEMORY: &str = "/dev/shm";
const MIN_FREE_MIB: u32 = 3 * 1024;
/// How long a start or a stop may take on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(1);
/// No durability, since the data need not survive a crash of the machine. The connections are enough for 64 clients and
/// two services at a time.
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
/// PostgreSQL refuses to run as root: if root starts it, it runs as `nobody`.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    process: Option<Child>,
}

impl Server {
    /// Creates a server and starts it, with its data in memory if there is room.
    ///
    /// # Errors
    /// If PostgreSQL is not installed, or does not start; the error contains its output.
    pub fn start() -> Result<Self> {
        let place = if has_room(Path::new(MEMORY)) { PathBuf::from(MEMORY) } else { env::temp_dir() };
        Self::start_in(&place, &[], |_| Ok(()))
    }

    /// As [`Server::start`], on the disk, with more settings (`name=value`), after `prepare` has put files into the data
    /// folder.
    ///
    /// # Errors
    /// As [`Server::start`]; also the error of `prepare`.
    pub fn start_with(settings: &[&str], prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        Self::start_in(&env::temp_dir(), settings, prepare)
    }

    fn start_in(place: &Path, settings: &[&str], prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let programs = programs().context("PostgreSQL is not installed: `cargo xtask setup` installs it")?;
        remove_leftovers(place)?;
        let folder = new_folder(place)?;
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
        let output = initdb.arg(&data).stdin(Stdio::null()).output().context("cannot run initdb")?;
        ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        prepare(&data)?;
        give_to_nobody(&data)?;
        server.start_on_a_free_port()?;
        Ok(server)
    }

    /// Starts a hot standby of this server, which follows it asynchronously.
    ///
    /// # Errors
    /// If the server cannot be copied, or the copy does not start.
    pub fn start_standby(&self) -> Result<Self> {
        let folder = new_folder(&env::temp_dir())?;
        let (programs, settings) = (self.programs.clone(), self.settings.clone());
        let mut standby = Self { programs, folder, port: 0, settings, process: None };
        let mut copy = standby.command("pg_basebackup");
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname"]).arg(self.url());
        let output = copy.arg("--pgdata").arg(standby.data()).stdin(Stdio::null()).output()?;
        ensure!(output.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&output.stderr));
        standby.start_on_a_free_port()?;
        Ok(standby)
    }

    fn start_on_a_free_port(&mut self) -> Result<()> {
        // Another process may take the free port before PostgreSQL does.
        for _ in 0..5 {
            self.port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            if self.start_again().is_ok() {
                return Ok(());
            }
        }
        bail!("PostgreSQL does not start: {}", fs::read_to_string(self.log_file())?)
    }

    /// Its URL, as the superuser.
    #[must_use]
    pub fn url(&self) -> String {
        self.database_url("postgres")
    }

    /// The URL of one of its databases, as the superuser.
    #[must_use]
    pub fn database_url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1 that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts it again on the same port, after [`Server::stop`].
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        let mut postgres = self.command("postgres");
        postgres.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
        for setting in &self.settings {
            postgres.arg("-c").arg(setting);
        }
        let log = File::options().create(true).append(true).open(self.log_file())?;
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
            if started.elapsed() > TIMEOUT {
                process.kill().context("PostgreSQL is not ready, and cannot be stopped")?;
                bail!("PostgreSQL is not ready");
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it as an administrator would: closes all connections and keeps all commits.
    ///
    /// # Errors
    /// If it does not stop.
    pub fn stop(&mut self) -> Result<()> {
        self.end("INT")
    }

    /// Stops it as if it had crashed.
    ///
    /// # Errors
    /// If it does not stop.
    pub fn crash(&mut self) -> Result<()> {
        self.end("QUIT")
    }

    fn end(&mut self, signal: &str) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        Command::new("sh").args(["-c", &format!("kill -{signal} {}", process.id())]).status()?;
        let signaled = Instant::now();
        while process.try_wait()?.is_none() {
            if signaled.elapsed() > TIMEOUT {
                process.kill()?;
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// A command for one of its programs, as a user that PostgreSQL accepts. It ends with the thread that started it.
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
    #[expect(clippy::let_underscore_must_use, reason = "`drop` cannot report errors")]
    fn drop(&mut self) {
        let _ = self.crash();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The folder of the newest `postgres` and `initdb`; `None` if PostgreSQL is not installed.
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
        env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    })
}

#[expect(clippy::disallowed_methods, reason = "xtask has no config folder: it reads its environment itself")]
fn path() -> OsString {
    env::var_os("PATH").unwrap_or_default()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Whether a folder has room for the databases of some tests and a gigabyte of write-ahead log.
fn has_room(folder: &Path) -> bool {
    let output = Command::new("df").args(["--output=avail", "--block-size=1M"]).arg(folder).output();
    let free = output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok()?.lines().last()?.trim().parse::<u32>().ok());
    free.is_some_and(|free| free >= MIN_FREE_MIB)
}

fn new_folder(place: &Path) -> Result<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = place.join(format!("{FOLDER_PREFIX}{}-{number}", std::process::id()));
    fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    give_to_nobody(&folder)?;
    Ok(folder)
}

/// Gives the folder and everything in it to `nobody` if we are root, because the server then runs as `nobody`.
fn give_to_nobody(folder: &Path) -> Result<()> {
    if is_root() {
        let status = Command::new("chown").args(["-R", "nobody:nogroup"]).arg(folder).status()?;
        ensure!(status.success(), "cannot make nobody the owner of {}", folder.display());
    }
    Ok(())
}

/// Removes the folders of processes that were killed before they could remove them.
fn remove_leftovers(place: &Path) -> io::Result<()> {
    for entry in fs::read_dir(place)?.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(FOLDER_PREFIX)).and_then(|rest| {
            let (process, _) = rest.split_once('-')?;
            process.parse::<u32>().ok()
        });
        if owner.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            #[expect(clippy::let_underscore_must_use, reason = "another process may be removing it too")]
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_for_tests_is_in_memory_if_there_is_room() {
        assert!(!has_room(Path::new("/proc")));
        assert!(!has_room(Path::new("/no/such/folder")));
        let server = Server::start().unwrap();
        assert_eq!(server.folder.starts_with(MEMORY), has_room(Path::new(MEMORY)));
    }

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
    fn folders_of_a_killed_process_are_removed() {
        // Higher than the highest process id of Linux.
        let left = env::temp_dir().join(format!("{FOLDER_PREFIX}4194305-0"));
        fs::create_dir_all(left.join("data")).unwrap();
        remove_leftovers(&env::temp_dir()).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn a_server_that_cannot_start_says_why() {
        let error = Server::start_with(&["no_such_setting=1"], |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("no_such_setting"), "{error:#}");
    }
}
