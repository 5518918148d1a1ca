//! Writes the manual pages and the completions of shells into a folder: `cargo run --example manual -- FOLDER`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_complete::aot::generate_to;
use matricula::cli::Cli;

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| OsString::from("target/manual"));
    write_manual(&PathBuf::from(folder))
}

/// Writes `man/` with a page for each command, and `completions/` with a file for each shell.
pub(crate) fn write_manual(folder: &Path) -> io::Result<()> {
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    let command = Cli::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, &man)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut Cli::command(), "matricula", &completions)?;
    }
    Ok(())
}
