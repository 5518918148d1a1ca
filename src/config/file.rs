//! The settings file: TOML with the names of the flags of `serve`. Its values take the place of the defaults, so flags
//! and variables override them.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Args as _, Command};
use thiserror::Error;
use toml::de::{DeTable, DeValue};

use super::ServeArgs;
use crate::db::Location;
use crate::redact::without_passwords;

/// Not settings of the file: `config` names the file itself, and `schools` cannot be combined with `database`, `public-url`,
/// `sign-on` and `new-school`.
const LEFT_OUT: [&str; 2] = ["config", "schools"];

/// How similar a name has to be to be suggested.
const SIMILAR: f64 = 0.8;

/// Why a settings file cannot be used. The messages contain no passwords.
#[derive(Debug, Error)]
pub(super) enum SettingsFileError {
    /// It cannot be read.
    #[error("cannot read the settings file {}: {error}", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Something in it is not right.
    #[error("{}, line {line}: {reason}", path.display())]
    Wrong {
        /// Its path.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// The settings in a file: the name of each, the variable with the same meaning, and its values as a flag has them.
#[derive(Debug)]
pub(super) struct SettingsFile(Vec<Setting>);

#[derive(Debug)]
struct Setting {
    name: String,
    variable: Option<OsString>,
    values: Vec<OsString>,
}

impl SettingsFile {
    /// Reads a settings file.
    ///
    /// # Errors
    /// If it cannot be read, is not TOML, or has an unknown name or a value that its flag would not accept.
    pub(super) fn read(path: &Path) -> Result<Self, SettingsFileError> {
        let unreadable = |error| SettingsFileError::Unreadable { path: path.to_owned(), error };
        let text = std::fs::read(path).map_err(unreadable)?;
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let wrong = |offset: usize, reason: String| {
            let line = 1 + text.iter().take(offset).filter(|byte| **byte == b'\n').count();
            SettingsFileError::Wrong { path: path.to_owned(), line, reason }
        };
        let content = str::from_utf8(&text)
            .map_err(|error| wrong(error.valid_up_to(), "this is not UTF-8".to_owned()))?;
        // The error itself would repeat the line, which may contain a password.
        let table = DeTable::parse(content)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        let folder = absolute.parent().unwrap_or(&absolute);
        let mut entries: Vec<_> = table.get_ref().iter().collect();
        entries.sort_unstable_by_key(|(name, _)| name.span().start);
        let settings = entries.into_iter().map(|(name, value)| {
            let flag = flag(name.get_ref()).map_err(|reason| wrong(name.span().start, reason))?;
            setting(name.get_ref(), &flag, value.get_ref(), folder)
                .map_err(|reason| wrong(value.span().start, format!("{}: {reason}", name.get_ref())))
        });
        settings.collect::<Result<_, _>>().map(Self)
    }

    /// The command with these settings as its defaults, and as those of its subcommands, wherever the variable with
    /// the same meaning is read.
    #[must_use]
    pub(super) fn apply(&self, command: Command) -> Command {
        let has = |arg: &Arg, setting: &Setting| {
            arg.get_long() == Some(&setting.name) && arg.get_env() == setting.variable.as_deref()
        };
        let with_default = |arg: Arg| match self.0.iter().find(|setting| has(&arg, setting)) {
            Some(setting) => arg.default_values(setting.values.clone()),
            None => arg,
        };
        command.mut_args(with_default).mut_subcommands(|command| self.apply(command))
    }
}

/// The flags of `serve` that may be in the file.
fn flags() -> impl Iterator<Item = Arg> {
    let serve = ServeArgs::augment_args(Command::new("serve"));
    let flags: Vec<_> = serve.get_arguments().filter(|arg| is_setting(arg)).cloned().collect();
    flags.into_iter()
}

fn is_setting(flag: &Arg) -> bool {
    flag.get_long().is_some_and(|name| !LEFT_OUT.contains(&name))
}

fn flag(name: &str) -> Result<Arg, String> {
    flags().find(|flag| flag.get_long() == Some(name)).ok_or_else(|| {
        let mut names: Vec<_> = flags().filter_map(|flag| Some(flag.get_long()?.to_owned())).collect();
        names.sort_unstable();
        let similarity = |known: &str| strsim::jaro_winkler(&name.to_lowercase(), known);
        let closest = names.iter().max_by(|one, other| similarity(one).total_cmp(&similarity(other)));
        let closest = closest.filter(|known| similarity(known) >= SIMILAR);
        let meant = closest.map_or_else(String::new, |known| format!(" Did you mean {known}?"));
        let name = without_passwords(name);
        format!("there is no setting {name}.{meant} The settings are {}.", names.join(", "))
    })
}

fn setting(name: &str, flag: &Arg, value: &DeValue<'_>, folder: &Path) -> Result<Setting, String> {
    let values = values(flag, value)?;
    let values: Vec<_> = values.into_iter().map(|value| from_folder(flag, value, folder)).collect();
    if !matches!(flag.get_action(), ArgAction::SetTrue) {
        values.iter().try_for_each(|value| check(name, flag, value))?;
    }
    let variable = flag.get_env().map(OsStr::to_owned);
    Ok(Setting { name: name.to_owned(), variable, values })
}

/// The values as the flag would have them.
fn values(flag: &Arg, value: &DeValue<'_>) -> Result<Vec<OsString>, String> {
    let is_list = matches!(flag.get_action(), ArgAction::Append);
    let (found, expected) = match (flag.get_action(), value) {
        (ArgAction::SetTrue, DeValue::Boolean(yes)) => (Some(vec![yes.to_string()]), ""),
        (ArgAction::SetTrue, _) => (None, "true or false"),
        _ if flag.get_value_parser().type_id() == TypeId::of::<u8>() => {
            (value.as_integer().map(|number| vec![number.to_string()]), "a whole number")
        }
        (_, DeValue::String(text)) => (Some(vec![text.to_string()]), ""),
        (_, DeValue::Array(list)) if is_list => {
            let texts = list.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            (texts.collect(), "a list of texts in quotes")
        }
        _ if is_list => (None, "a text in quotes, or a list of them"),
        _ => (None, "a text in quotes"),
    };
    let found = found.ok_or_else(|| format!("it must be {expected}, not {}", kind(value)))?;
    Ok(found.into_iter().map(OsString::from).collect())
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "such a list",
        DeValue::Table(_) => "a table",
    }
}

/// A file that is named without its folder is next to the settings file: the same file wherever the program is started.
fn from_folder(flag: &Arg, value: OsString, folder: &Path) -> OsString {
    let kind = flag.get_value_parser().type_id();
    if kind == TypeId::of::<PathBuf>() {
        return folder.join(value).into();
    }
    match Location::parse(&value) {
        Ok(Location::File(path)) if kind == TypeId::of::<Location>() && path != Path::new(":memory:") => {
            folder.join(path).into()
        }
        _ => value,
    }
}

/// Checks a value as on the command line.
fn check(name: &str, flag: &Arg, value: &OsStr) -> Result<(), String> {
    let mut word = OsString::from(format!("--{name}="));
    word.push(value);
    let command = Command::new("serve").no_binary_name(true).arg(flag.clone());
    command.try_get_matches_from([word]).map(|_| ()).map_err(|error| {
        let message = without_passwords(&error.to_string());
        let message = message.split_once("\n\nFor more information").map_or(&*message, |(reason, _)| reason);
        let words: Vec<_> = message.trim_start_matches("error: ").split_whitespace().collect();
        words.join(" ")
    })
}
