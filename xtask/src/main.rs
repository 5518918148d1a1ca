//! The workshop: every check of this repository by one command, `cargo xtask test`.

mod bench;
mod book;
mod parts;
mod setup;
mod shell;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::parts::{PARTS, Part};
use crate::shell::Shell;

const USAGE: &str = "\
cargo xtask test            every part in order, until one fails
cargo xtask test <part>...  these parts
cargo xtask list            the parts
cargo xtask setup           install what the tests need: lists it and asks first
cargo xtask bench           how fast the service is, and what people would use instead: bench/RESULTS.md
cargo xtask bench --quick   the same in five minutes; --help tells the other flags
";

#[derive(Debug)]
enum Task<'a> {
    Test(Vec<&'static Part>),
    List,
    Setup,
    Bench(&'a [&'a str]),
    Help,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match task(&words).and_then(|task| carry_out(&task)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::let_underscore_must_use, reason = "the exit code says it, too")]
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn task<'a>(words: &'a [&'a str]) -> Result<Task<'a>> {
    match words {
        ["test", names @ ..] => Ok(Task::Test(parts::select(names)?)),
        ["list"] => Ok(Task::List),
        ["setup"] => Ok(Task::Setup),
        ["bench", flags @ ..] => Ok(Task::Bench(flags)),
        [] | ["help" | "-h" | "--help"] => Ok(Task::Help),
        other => bail!("`{}` is no task of the workshop:\n{USAGE}", other.join(" ")),
    }
}

fn carry_out(task: &Task<'_>) -> Result<()> {
    match task {
        Task::Test(parts) => parts::run(parts, &Shell::open()?, &mut io::stdout()),
        Task::Setup => setup::run_alone(&Shell::open()?, &mut io::stdout()),
        Task::Bench(flags) => bench::run(flags, &Shell::open()?),
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
    fn test_alone_means_every_part() {
        let Task::Test(parts) = task(&["test"]).unwrap() else { panic!("not a test") };
        assert_eq!(parts.len(), PARTS.len());
    }

    #[test]
    fn a_line_that_is_no_task_is_answered_with_the_usage() {
        let message = task(&["tset", "fmt"]).unwrap_err().to_string();
        assert!(message.starts_with("`tset fmt` is no task of the workshop:"), "{message}");
        assert!(message.contains("cargo xtask setup"), "{message}");
    }

    #[test]
    fn help_and_list_need_nothing_installed() {
        for words in [&[][..], &["--help"], &["list"]] {
            carry_out(&task(words).unwrap()).unwrap();
        }
        assert!(matches!(task(&["setup"]).unwrap(), Task::Setup));
    }
}
