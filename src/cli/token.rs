//! `matricula token`: tokens for programs.

use std::io::Write;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use jiff::SignedDuration;

use crate::access::secret::Secret;
use crate::access::{self, TOKEN_PREFIX};
use crate::clock::{Clock, Stamp};
use crate::config::DatabaseArgs;
use crate::lists::{Limit, Page};
use crate::registrar::{
    Actor, Caller, Command, CreateToken, RevokeToken, Rights, Role, StudentId, Token, record_text,
};
use crate::server::School;
use crate::viewer::Viewer;

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token and print its secret, which cannot be shown again
    Create(CreateArgs),
    /// List the tokens that were not revoked, without their secrets
    List {
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Revoke a token; every server refuses it within a second
    Revoke {
        #[command(flatten)]
        database: DatabaseArgs,
        /// The id of the token
        id: i64,
    },
}

/// The token to create.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// What it is for
    #[arg(long, value_parser = record_text)]
    name: String,
    /// Its role: admin, registrar, instructor or student
    #[arg(long)]
    role: Role,
    /// A right of the role that it has, instead of all of them; repeat it for several
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<Rights>,
    /// The student who it acts for, for the role student
    #[arg(long, value_name = "ID", required_if_eq("role", "student"))]
    student: Option<i64>,
    /// When it stops working, from now: 90d, 12h [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires: Option<SignedDuration>,
}

/// Days or hours.
fn duration(text: &str) -> Result<SignedDuration, String> {
    let hours = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => days.parse::<i64>().ok().and_then(|days| days.checked_mul(24)),
        (None, Some(hours)) => hours.parse().ok(),
        (None, None) => None,
    };
    let hours = hours.filter(|hours| (1..=24 * 36_500).contains(hours));
    hours
        .map(SignedDuration::from_hours)
        .ok_or_else(|| "must be days or hours, like 90d or 12h, and at most 36500d".to_owned())
}

/// Creates, lists or revokes tokens, also next to a running server.
///
/// # Errors
/// If the database cannot be opened, or the command is refused.
pub(super) async fn run(command: TokenCommand, clock: Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    let (TokenCommand::Create(CreateArgs { database, .. })
    | TokenCommand::List { database }
    | TokenCommand::Revoke { database, .. }) = &command;
    let school = School::open(&database.database, clock.clone(), None).await?;
    let done = match command {
        TokenCommand::Create(args) => create(args, &school, &clock, out).await,
        TokenCommand::List { .. } => list(&school, &clock, out).await,
        TokenCommand::Revoke { id, .. } => submit(&school, RevokeToken { id }).await,
    };
    school.close().await;
    done
}

async fn create(args: CreateArgs, school: &School, clock: &Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    let CreateArgs { name, role, scopes, student, expires, .. } = args;
    let scopes = scopes.into_iter().reduce(Rights::or);
    if let Some(scopes) = scopes {
        let has_all = scopes.and(role.rights()) == scopes;
        anyhow::ensure!(has_all, "the scopes of the role {role} are {}", role.rights());
    }
    let expires_at = expires.map(|time| clock.now().checked_add(time)).transpose().context("--expires")?;
    let secret = Secret::generate(TOKEN_PREFIX);
    let command = CreateToken {
        name,
        role,
        scopes,
        student_id: student.map(StudentId),
        hash: secret.hash().to_hex(),
        expires_at: expires_at.map(Stamp::from),
    };
    submit(school, command).await?;
    writeln!(out, "{}", secret.expose())?;
    Ok(())
}

async fn list(school: &School, clock: &Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    let viewer = Viewer::of_program(&school.db);
    let tokens = access::tokens(&viewer).read(&viewer, &Page::first(Limit::MAX)).await?.rows;
    for Token { id, name, role, expires_at, used_at, .. } in tokens {
        let now = clock.stamp();
        let until = match expires_at {
            None => "does not expire".to_owned(),
            Some(time) if time <= now => format!("expired {time}"),
            Some(time) => format!("expires {time}"),
        };
        let used = used_at.map_or_else(|| "never used".to_owned(), |time| format!("used {time}"));
        writeln!(out, "{id}\t{role}\t{name}\t{until}\t{used}")?;
    }
    Ok(())
}

async fn submit<C: Command>(school: &School, command: C) -> anyhow::Result<()> {
    let done = school.app.registrar.submit(command, &Caller::program(Actor::Cli)).await;
    done.map(|_| ()).map_err(|refused| anyhow!("{}", refused.answer))
}
