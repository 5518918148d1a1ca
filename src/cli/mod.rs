//! The command line.

mod account;
mod adopt;
mod backup;
mod check;
mod doctor;
mod export;
mod import;
mod migrate;
mod new_file;
mod open;
mod openapi;
mod restore;
mod rush;
mod sample;
mod serve;
mod stop;
mod token;
mod waiting;

use std::io;

use clap::{Parser, Subcommand};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::config::{AgainstArgs, DatabaseArgs, ServeArgs};
use crate::db::Location;
use crate::{logging, priority};

/// Course registration: students, courses, and who is enrolled in what.
///
/// Without a command, it serves. It creates ./matricula.db if that does not exist. In a database that already has the
/// tables students and courses, it adds its own tables and does not alter those two.
#[derive(Debug, Parser)]
#[command(name = "matricula", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Serve the pages and the API (the default)
    Serve(Box<ServeArgs>),
    /// Migrate the database to the schema of this program; `serve` does this too
    Migrate {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        args: migrate::MigrateArgs,
    },
    /// Inspect a database and propose where its students, courses and enrollments are
    ///
    /// Prints a mapping file with a reason for each line, a sample of each kind, and the questions that only the owner
    /// can answer. Nothing is changed, unless --yes takes the proposal.
    Adopt {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        args: adopt::AdoptArgs,
    },
    /// Check that the tables agree with the event log
    ///
    /// Changes nothing, and can run next to a server.
    Check {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        against: AgainstArgs,
    },
    /// Copy an SQLite database into a new file, also while a server runs, and check the copy
    Backup {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        args: backup::BackupArgs,
    },
    /// Put a backup in the place of an SQLite database that is missing or empty, while no server runs
    Restore {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        args: restore::RestoreArgs,
    },
    /// Report what is wrong with the set-up, and what to do
    ///
    /// Checks the database and its disk, the clocks, the rights of the role, standbys, the certificate, and if asked the
    /// backups and the proxy. Exits with code 1 if something is wrong.
    Doctor {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        args: doctor::DoctorArgs,
    },
    /// Import students, courses and enrollments from files
    ///
    /// Says what would happen, and asks. Importing the same files again changes nothing.
    Import {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        args: import::ImportArgs,
    },
    /// Export students, courses, enrollments or waitlists to a file
    ///
    /// Changes nothing, and can run next to a server. `import` reads what it writes.
    Export {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        args: export::ExportArgs,
    },
    /// Add a sample school, to try things out
    Sample {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        args: sample::SampleArgs,
    },
    /// Create accounts for people
    #[command(subcommand)]
    Account(Box<account::AccountCommand>),
    /// Create, list and revoke tokens for programs
    #[command(subcommand)]
    Token(Box<token::TokenCommand>),
    /// Simulate registration day on a running server, and check that no seat was given twice
    Rush(Box<rush::RushArgs>),
    /// Print the OpenAPI 3.1 document
    Openapi,
}

/// Lowers the priority of a command that takes long, so that a server on the same machine answers first. To be called
/// before there are threads, which get the priority of the one that starts them.
///
/// An SQLite database has one lock: a program that holds it must not wait for a processor.
pub fn give_way(cli: &Cli) {
    let gives_way = match &cli.command {
        Some(CliCommand::Import { database, .. }) => matches!(database.database, Location::Server(_)),
        // It reads, which holds up nobody.
        Some(CliCommand::Backup { .. }) => true,
        _ => false,
    };
    if gives_way {
        priority::give_way();
    }
}

/// Runs a command.
///
/// # Errors
/// If the command fails; the message is for the person who ran it.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    handle_file_size_signal()?;
    let clock = Clock::System;
    let mut out = io::stdout();
    match cli.command {
        None => serve(cli.serve, clock).await,
        Some(CliCommand::Serve(args)) => serve(*args, clock).await,
        Some(CliCommand::Migrate { database, args }) => {
            migrate::run(args, &database.database, &clock, &mut out).await
        }
        Some(CliCommand::Adopt { database, args }) => {
            adopt::run(args, &database.database, &clock, &mut out).await
        }
        Some(CliCommand::Check { database, against }) => {
            check::run(&database.database, against.against.as_ref(), &clock, &mut out).await
        }
        Some(CliCommand::Backup { database, args }) => {
            backup::run(args, &database.database, &clock, &mut out).await
        }
        Some(CliCommand::Restore { database, args }) => {
            restore::run(args, &database.database, &clock, &mut out).await
        }
        Some(CliCommand::Doctor { database, args }) => doctor::run(args, &database, &clock, &mut out).await,
        Some(CliCommand::Import { database, args }) => {
            import::run(args, &database.database, clock, &mut out).await
        }
        Some(CliCommand::Export { database, args }) => {
            export::run(args, &database.database, &clock, &mut out).await
        }
        Some(CliCommand::Sample { database, args }) => {
            sample::run(args, &database.database, clock, &mut out).await
        }
        Some(CliCommand::Account(command)) => account::run(*command, clock, &mut out).await,
        Some(CliCommand::Token(command)) => token::run(*command, clock, &mut out).await,
        Some(CliCommand::Rush(args)) => rush::run(*args, &clock, &mut out).await,
        Some(CliCommand::Openapi) => openapi::run(&mut out),
    }
}

/// Serves with an output that never blocks, so that a reader that stops reading does not stop the server.
async fn serve(args: ServeArgs, clock: Clock) -> anyhow::Result<()> {
    let (mut out, _flush_on_drop) = logging::non_blocking(io::stdout());
    serve::run(args, clock, &mut out).await
}

/// Installs a handler for SIGXFSZ, which otherwise kills the program when a file reaches the size limit (`ulimit
/// -f`). With the handler, only the write fails, as on a full disk. The handler stays installed after the listener is
/// dropped.
fn handle_file_size_signal() -> io::Result<()> {
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}
