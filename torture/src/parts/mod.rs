//! The parts of a run.

mod cuts;
mod full_disk;
mod histories;
mod kills;
mod operations;
mod power_loss;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use crate::host::{Engine, Host};
use crate::program::{Program, Server};
use crate::record::Progress;

/// A part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The server, and the database's processes, are killed under 64 clients
    Kills,
    /// The disk loses what was not flushed
    PowerLoss,
    /// Many operations, and no seat is sold twice
    Operations,
    /// Connections are cut at any byte, and the request is sent again with its key
    Cuts,
    /// The disk is full at any byte of a commit
    FullDisk,
    /// Histories of concurrent requests with kills are linearizable
    Histories,
}

impl Part {
    /// Its name on the command line, and in the name of its folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kills => "kills",
            Self::PowerLoss => "power-loss",
            Self::Operations => "operations",
            Self::Cuts => "cuts",
            Self::FullDisk => "full-disk",
            Self::Histories => "histories",
        }
    }

    /// Whether it makes sense on this engine: PostgreSQL writes its own files.
    pub(crate) fn runs_on(self, engine: Engine) -> bool {
        engine == Engine::Sqlite || !matches!(self, Self::PowerLoss | Self::FullDisk)
    }

    /// How many rounds prove it.
    fn target(self, engine: Engine) -> u64 {
        match (self, engine) {
            (Self::Kills, Engine::Sqlite) => 1_000,
            (Self::Kills, Engine::Postgresql) => 200,
            (Self::PowerLoss, _) => 5_000,
            (Self::Operations, _) => 10_000_000,
            (Self::Cuts, _) => 100_000,
            (Self::FullDisk, _) => 20_000,
            (Self::Histories, _) => 1_000_000,
        }
    }
}

/// What every part is given.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) program: Program,
    pub(crate) host: Host,
    /// The folder of this part on this engine.
    pub(crate) folder: PathBuf,
    pub(crate) progress: Progress,
    pub(crate) seed: u64,
    pub(crate) clients: usize,
    until: Instant,
    target: u64,
}

/// How long a part runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) seconds: Option<u64>,
    pub(crate) rounds: Option<u64>,
}

impl Run {
    /// Carries out a part, and returns its line of the summary.
    ///
    /// # Errors
    /// The first promise that was broken, with the seed, and where to look.
    pub(crate) async fn part(
        part: Part,
        program: &Program,
        host: Host,
        folder: &std::path::Path,
        (seed, clients): (u64, usize),
        bounds: Bounds,
    ) -> (Host, Result<String>) {
        let engine = host.engine();
        let folder = folder.join(format!("{}-{}", part.name(), engine.name().to_lowercase()));
        let mut progress = match Progress::open(&folder) {
            Ok(progress) => progress,
            Err(error) => return (host, Err(error)),
        };
        // A run that goes on is the same run.
        if progress.get("seed") == 0
            && let Err(error) = progress.add(&[("seed", seed)])
        {
            return (host, Err(error));
        }
        let seed = progress.get("seed");
        let began = Instant::now();
        // A run by time has no other end; one by neither ends at the target.
        let forever = Duration::from_hours(24 * 365);
        let until = began + bounds.seconds.map_or(forever, Duration::from_secs);
        let target = bounds.rounds.unwrap_or_else(|| part.target(engine));
        let program = program.clone();
        let mut run = Self { program, host, folder, progress, seed, clients, until, target };
        let result = match part {
            Part::Kills => kills::run(&mut run).await,
            Part::PowerLoss => power_loss::run(&mut run).await,
            Part::Operations => operations::run(&mut run).await,
            Part::Cuts => cuts::run(&mut run).await,
            Part::FullDisk => full_disk::run(&mut run).await,
            Part::Histories => histories::run(&mut run).await,
        };
        let name = format!("{} on {}", part.name(), engine.name());
        let result = match result {
            Ok(figures) => {
                Ok(format!("{name}: {figures} (seed {seed}, {:.0} s)", began.elapsed().as_secs_f64()))
            }
            Err(error) => Err(error.context(format!("{name}, seed {seed}; see {}", run.folder.display()))),
        };
        (run.host, result)
    }

    /// Whether there is more to do, after so many rounds.
    fn goes_on(&self, done: u64) -> bool {
        done < self.target && Instant::now() < self.until
    }

    /// Where the server writes what went wrong.
    fn errors(&self) -> PathBuf {
        self.folder.join("errors.log")
    }

    async fn serve(&self, database: &str) -> Result<Server> {
        self.program.serve(database, &self.errors()).await
    }

    async fn check(&self, database: &str) -> Result<()> {
        self.program.check(database).await.with_context(|| database.to_owned())
    }
}

/// A number with commas.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0, 999, 1_000, 10_000_000].map(grouped), ["0", "999", "1,000", "10,000,000"]);
    }
}
