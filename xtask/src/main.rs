//! Development tasks: `cargo xtask test` runs every check of this repository.

mod bench;
mod book;
mod components;
mod fuzz;
mod parts;
mod release;
mod setup;
mod shell;
mod torture;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::parts::{PARTS, Part};
use crate::release::Kind;
use crate::shell::Shell;

const USAGE: &str = "\
cargo xtask test            run all parts in order, until one fails
cargo xtask test <part>...  run these parts
cargo xtask list            list the parts
cargo xtask setup           install what the tests need: lists it and asks first
cargo xtask package         build the Debian package in target/package
cargo xtask package --dev   the same of the program that the tests use, in a minute
cargo xtask package --static  build the program for any Linux: it needs no library
cargo xtask bench           measure the service and what people would use instead: bench/RESULTS.md
cargo xtask fuzz [seconds]  read damaged files, for each reader as long as this (600)
cargo xtask bench --quick   the same in five minutes; --help lists the other flags
cargo xtask torture         kills, power cuts, full disks and lost connections: nothing is lost; --help lists the flags
";

#[derive(Debug)]
enum Task<'a> {
    Test(Vec<&'static Part>),
    List,
    Setup,
    Bench(&'a [&'a str]),
    Fuzz(u32),
    Torture(&'a [&'a str]),
    Package(Kind),
    Help,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match parse(&words).and_then(|task| run(&task)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::let_underscore_must_use, reason = "the exit code reports the failure too")]
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse<'a>(words: &'a [&'a str]) -> Result<Task<'a>> {
    match words {
        ["test", names @ ..] => Ok(Task::Test(parts::select(names)?)),
        ["list"] => Ok(Task::List),
        ["setup"] => Ok(Task::Setup),
        ["package"] => Ok(Task::Package(Kind::Release)),
        ["package", "--dev"] => Ok(Task::Package(Kind::Dev)),
        ["package", "--static"] => Ok(Task::Package(Kind::Static)),
        ["fuzz"] => Ok(Task::Fuzz(600)),
        ["fuzz", seconds] => Ok(Task::Fuzz(seconds.parse().context("the seconds are a number")?)),
        ["bench", flags @ ..] => Ok(Task::Bench(flags)),
        ["torture", flags @ ..] => Ok(Task::Torture(flags)),
        [] | ["help" | "-h" | "--help"] => Ok(Task::Help),
        other => bail!("unknown task `{}`:\n{USAGE}", other.join(" ")),
    }
}

fn run(task: &Task<'_>) -> Result<()> {
    match task {
        Task::Test(parts) => parts::run(parts, &Shell::open()?, &mut io::stdout()),
        Task::Setup => setup::install_and_report(&Shell::open()?, &mut io::stdout()),
        Task::Package(kind) => release::run(*kind, &Shell::open()?, &mut io::stdout()),
        Task::Fuzz(seconds) => fuzz::run(*seconds, &Shell::open()?),
        Task::Bench(flags) => bench::run(flags, &Shell::open()?),
        Task::Torture(flags) => torture::run(flags, &Shell::open()?),
        Task::List => {
            for part in PARTS {
                writeln!(io::stdout(), "{:8}{}", part.name, part.about)?;
            }
            Ok(())
        }
        Task::Help => Ok(write!(io::stdout(), "{USAGE}")?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_without_names_means_every_part() {
        let Task::Test(parts) = parse(&["test"]).unwrap() else { panic!("not a test") };
        assert_eq!(parts.len(), PARTS.len());
    }

    #[test]
    fn an_unknown_task_shows_the_usage() {
        let message = parse(&["tset", "fmt"]).unwrap_err().to_string();
        assert!(message.starts_with("unknown task `tset fmt`:"), "{message}");
        assert!(message.contains("cargo xtask setup"), "{message}");
    }

    #[test]
    fn help_and_list_need_nothing_installed() {
        for words in [&[][..], &["--help"], &["list"]] {
            run(&parse(words).unwrap()).unwrap();
        }
        assert!(matches!(parse(&["setup"]).unwrap(), Task::Setup));
        assert!(matches!(parse(&["torture", "kills"]).unwrap(), Task::Torture(["kills"])));
        assert!(matches!(parse(&["package"]).unwrap(), Task::Package(Kind::Release)));
        assert!(matches!(parse(&["package", "--static"]).unwrap(), Task::Package(Kind::Static)));
    }
}
