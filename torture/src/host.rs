//! Where the databases of a run are: files, or a PostgreSQL server of our own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use tokio_postgres::NoTls;

use crate::program;

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    Sqlite,
    Postgresql,
}

impl Engine {
    /// As people write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgresql => "PostgreSQL",
        }
    }
}

/// Where the databases are.
#[derive(Debug)]
pub(crate) enum Host {
    /// In the folder of the part.
    Files,
    /// On our own server, with this number of databases so far.
    Postgres { server: Box<xtask::postgres::Server>, databases: u32 },
}

impl Host {
    /// # Errors
    /// If PostgreSQL cannot be started.
    pub(crate) fn start(engine: Engine) -> Result<Self> {
        Ok(match engine {
            Engine::Sqlite => Self::Files,
            Engine::Postgresql => {
                // A commit must outlive the processes. It need not outlive the machine: only processes are killed.
                let settings = ["synchronous_commit=on", "full_page_writes=on"];
                let server = xtask::postgres::Server::start_with(&settings, |_| Ok(()))?;
                Self::Postgres { server: Box::new(server), databases: 0 }
            }
        })
    }

    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Files => Engine::Sqlite,
            Self::Postgres { .. } => Engine::Postgresql,
        }
    }

    /// Creates an empty database, and returns what `--database` calls it.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) async fn create(&mut self, folder: &Path) -> Result<String> {
        match self {
            Self::Files => {
                fs::create_dir_all(folder)?;
                let path = file(folder);
                for end in ["", "-wal", "-shm", "-journal"] {
                    let mut name = path.clone().into_os_string();
                    name.push(end);
                    match fs::remove_file(name) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                            return Err(error.into());
                        }
                        _ => {}
                    }
                }
                Ok(path.display().to_string())
            }
            Self::Postgres { server, databases } => {
                *databases += 1;
                let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await?;
                let connection = tokio::spawn(connection);
                let name = format!("torture_{databases}");
                client.batch_execute(&format!("create database {name}")).await?;
                drop(client);
                connection.await??;
                Ok(server.database_url(&name))
            }
        }
    }

    /// The database of an earlier run in this folder, if there is one.
    pub(crate) fn existing(&self, folder: &Path) -> Option<String> {
        let path = file(folder);
        (matches!(self, Self::Files) && path.exists()).then(|| path.display().to_string())
    }

    /// Kills one of PostgreSQL's processes that serve a connection. PostgreSQL then closes all connections and recovers.
    ///
    /// # Errors
    /// If its processes cannot be listed.
    pub(crate) fn kill_backend(&self, chance: &mut fastrand::Rng) -> Result<()> {
        let Some(id) = self.postmaster()? else { return Ok(()) };
        match chance.choice(program::children(id)?) {
            Some(backend) => program::kill(backend),
            None => Ok(()),
        }
    }

    /// Kills PostgreSQL's first process, and starts it again once the others have noticed.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) async fn kill_postmaster(&mut self) -> Result<()> {
        let Some(id) = self.postmaster()? else { return Ok(()) };
        let Self::Postgres { server, .. } = self else { return Ok(()) };
        let others = program::children(id)?;
        program::kill(id)?;
        server.crash()?;
        let killed = Instant::now();
        while others.iter().any(|id| Path::new(&format!("/proc/{id}")).exists()) {
            ensure!(killed.elapsed() < Duration::from_mins(1), "PostgreSQL's processes do not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.start_again()
    }

    /// Waits until the database answers: PostgreSQL recovers for a moment after one of its processes was killed.
    ///
    /// # Errors
    /// If it takes longer than a minute.
    pub(crate) async fn recovered(&self) -> Result<()> {
        let Self::Postgres { server, .. } = self else { return Ok(()) };
        let began = Instant::now();
        while let Err(error) = answers(&server.url()).await {
            ensure!(began.elapsed() < Duration::from_mins(1), "PostgreSQL does not recover: {error}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    fn postmaster(&self) -> Result<Option<u32>> {
        let Self::Postgres { server, .. } = self else { return Ok(None) };
        let text = fs::read_to_string(server.data().join("postmaster.pid"))?;
        Ok(Some(text.lines().next().context("postmaster.pid is empty")?.parse()?))
    }
}

async fn answers(url: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute("select").await?;
    drop(client);
    Ok(connection.await??)
}

/// The database file in a folder.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("school.db")
}
