//! The command line.

mod check;
mod migrate;
mod openapi;
mod rush;
mod sample;
mod serve;

use std::io;

use clap::{Parser, Subcommand};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::config::{DatabaseArgs, ServeArgs};
use crate::logging;

/// Course registration: students, courses, and who is enrolled in what.
///
/// Without a command it serves. It makes ./matricula.db if there is none; on a database that already has students and
/// courses it adds tables of its own and leaves those two as they are.
#[derive(Debug, Parser)]
#[command(name = "matricula", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API (what happens without a command)
    Serve(Box<ServeArgs>),
    /// Bring the database to the schema of this program; `serve` does it too
    Migrate {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        args: migrate::MigrateArgs,
    },
    /// Verify that the tables say what the log says
    Check {
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Add a believable school, to try things on
    Sample {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        args: sample::SampleArgs,
    },
    /// Rehearse registration day on a running server, and prove that no seat was sold twice
    Rush(Box<rush::RushArgs>),
    /// Print the OpenAPI 3.1 document
    Openapi,
}

/// Runs a command to its end.
///
/// # Errors
/// What a person should read, one clear line each.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    outlive_the_file_size_limit()?;
    let clock = Clock::Wall;
    let mut out = io::stdout();
    match cli.command {
        None => serve(cli.serve, clock).await,
        Some(Command::Serve(args)) => serve(*args, clock).await,
        Some(Command::Migrate { database, args }) => {
            migrate::run(args, &database.database, &clock, &mut out).await
        }
        Some(Command::Check { database }) => check::run(&database.database, &clock, &mut out).await,
        Some(Command::Sample { database, args }) => {
            sample::run(args, &database.database, clock, &mut out).await
        }
        Some(Command::Rush(args)) => rush::run(*args, &clock, &mut out).await,
        Some(Command::Openapi) => openapi::run(&mut out),
    }
}

/// A server does not wait for its output to be read.
async fn serve(args: ServeArgs, clock: Clock) -> anyhow::Result<()> {
    let (mut out, _until_printed) = logging::non_blocking(io::stdout());
    serve::run(args, clock, &mut out).await
}

/// A file that has reached the limit of its size (`ulimit -f`) is a write that fails, as on a full disk, not the end of the
/// program: the signal that comes with it kills whoever has no handler. A handler stays, also without its listener.
fn outlive_the_file_size_limit() -> io::Result<()> {
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}
