//! Reads the command line, the environment and the settings file.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{ArgMatches, Command, Parser};

use super::file::SettingsFile;
use crate::redact::without_passwords;

/// Reads the command line, the environment, and the settings file that one of them names.
///
/// # Errors
/// The requested help, or an invalid setting, to be printed by clap.
pub fn parse<C: Parser>(line: impl IntoIterator<Item = OsString>) -> Result<C, clap::Error> {
    let line: Vec<_> = line.into_iter().collect();
    matches::<C>(&line).and_then(|matches| C::from_arg_matches(&matches)).map_err(|error| {
        // clap repeats what it did not understand, such as a database URL with a password in the wrong place.
        let (original, redacted) = (error.to_string(), without_passwords(&error.to_string()));
        let message = redacted.strip_prefix("error: ").unwrap_or(&redacted);
        if original == redacted { error } else { clap::Error::raw(error.kind(), message) }
    })
}

/// Parses twice if there is a settings file: its values become the defaults, which flags and variables override.
fn matches<C: Parser>(line: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let command = unset_empty(C::command());
    let matches = command.clone().try_get_matches_from(line)?;
    let Some(path) = settings_file(&matches) else { return Ok(matches) };
    let file = SettingsFile::read(path)
        .map_err(|why| clap::Error::raw(ErrorKind::ValueValidation, format!("{why}\n")).with_cmd(&command))?;
    file.apply(command).try_get_matches_from(line)
}

/// The settings file of the command that is run.
fn settings_file(matches: &ArgMatches) -> Option<&Path> {
    let nested = matches.subcommand().and_then(|(_, matches)| settings_file(matches));
    // Some commands have no such flag.
    nested.or_else(|| matches.try_get_one::<PathBuf>("config").ok()?.map(PathBuf::as_path))
}

/// `MATRICULA_LISTEN=` in a unit file or a compose file means "not set"; clap would read an empty value.
fn unset_empty(command: Command) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(unset_empty)
}
