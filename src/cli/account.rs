//! `matricula account`: accounts for people.

use std::io::Write;

use anyhow::anyhow;
use clap::{Args, Subcommand};

use crate::access::secret::Secret;
use crate::access::sign_in::link_expires_at;
use crate::clock::Clock;
use crate::config::{DatabaseArgs, LinkArgs, PublicUrl};
use crate::registrar::{Actor, Caller, CreateAccount, Role, StudentId, email_address, record_text};
use crate::server::School;

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Create an account and print a link with which its owner sets a password; it works once, for a day
    Add(AddArgs),
}

/// The account to create.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The person's role: admin, registrar, instructor or student
    #[arg(long)]
    role: Role,
    /// The student who the person is, for the role student
    #[arg(long, value_name = "ID", required_if_eq("role", "student"))]
    student: Option<i64>,
    #[command(flatten)]
    link: LinkArgs,
    /// The person's name
    #[arg(value_parser = record_text)]
    name: String,
    /// The person's e-mail address
    #[arg(value_parser = email_address)]
    address: String,
}

/// Creates an account, also next to a running server.
///
/// # Errors
/// If the database cannot be opened, or the command is refused.
pub(super) async fn run(command: AccountCommand, clock: Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    let AccountCommand::Add(AddArgs {
        database,
        role,
        student,
        link: LinkArgs { public_url },
        name,
        address,
    }) = command;
    let secret = Secret::generate("");
    let link = Some((secret.hash().to_hex(), link_expires_at(&clock)));
    let school = School::open(&database.database, clock, None).await?;
    let command = CreateAccount { name, address, role, student_id: student.map(StudentId), link };
    let done = school.app.registrar.submit(command, &Caller::program(Actor::Cli)).await;
    school.close().await;
    done.map_err(|refused| anyhow!("{}", refused.answer))?;
    let base = public_url.as_ref().map_or("http://127.0.0.1:8080", PublicUrl::as_str);
    writeln!(out, "{base}/set-password/{}", secret.expose())?;
    Ok(())
}
