//! On what it was measured.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::Bench;
use crate::data::POSTGRES;
use crate::journal::median;

pub(crate) fn describe(bench: &Bench, text: &mut String) -> Result<()> {
    let processor = field("/proc/cpuinfo", "model name");
    let kibibytes =
        field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse::<f64>().unwrap_or_default();
    let cores = std::fs::read_to_string("/proc/cpuinfo")?.matches("processor\t:").count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let postgres = xtask::postgres::programs()
        .map(|programs| said(Command::new(programs.join("postgres")).arg("--version")));
    let flush = flush(bench)? * 1e3;
    writeln!(
        text,
        "## The machine\n\n\
         - {processor}, {cores} cores, {:.0} GiB; Linux {}; a flush of 4 KB takes {flush:.2} ms\n\
         - {}; SQLite {}; {}, with {}\n\
         - SQLite is in WAL mode with `synchronous=full` for all contenders; PostgreSQL flushes every commit",
        kibibytes / (1024.0 * 1024.0),
        kernel.trim(),
        said(Command::new("rustc").arg("--version")),
        rusqlite::version(),
        postgres.unwrap_or_default(),
        POSTGRES.join(", "),
    )?;
    if bench.contenders.iter().any(|contender| !contender.program.is_rust()) {
        let peers: Vec<_> = ["requirements.txt", "package.json"]
            .iter()
            .filter_map(|name| fs::read_to_string(bench.places.peers.join(name)).ok())
            .flat_map(|list| list.lines().filter_map(version).collect::<Vec<_>>())
            .collect();
        writeln!(
            text,
            "- {}; Python {}; the peers are in `bench/peers/`: {}",
            said(Command::new("node").arg("--version")).replace('v', "Node "),
            said(Command::new(bench.places.python.join("python")).arg("-V")).trim_start_matches("Python "),
            peers.join(", ")
        )?;
    }
    Ok(())
}

/// What is named in a list of packages, if it is one of those that the peers are built on.
fn version(line: &str) -> Option<String> {
    const SHOWN: [&str; 11] = [
        "flask",
        "sqlalchemy",
        "gunicorn",
        "fastapi",
        "uvicorn",
        "django",
        "djangorestframework",
        "fastify",
        "better-sqlite3",
        "pg",
        "psycopg",
    ];
    let line: String = line.chars().filter(|c| !" \",".contains(*c)).collect();
    let (name, version) = line.split_once("==").or_else(|| line.split_once(':'))?;
    SHOWN.contains(&name.to_lowercase().as_str()).then(|| format!("{name} {version}"))
}

fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

fn said(command: &mut Command) -> String {
    command.output().map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned()).unwrap_or_default()
}

/// Seconds.
fn flush(bench: &Bench) -> Result<f64> {
    let path = bench.data.folder().join("flush");
    let mut file = File::create(&path)?;
    let mut took = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        took.push(began.elapsed().as_secs_f64());
    }
    fs::remove_file(path)?;
    Ok(median(took.into_iter()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_from_both_kinds_of_lists() {
        assert_eq!(version("Flask==3.1.2"), Some("Flask 3.1.2".to_owned()));
        assert_eq!(version("    \"fastify\": \"5.6.1\","), Some("fastify 5.6.1".to_owned()));
        assert_eq!(version("itsdangerous==2.2.0"), None);
        assert_eq!(version("{"), None);
    }
}
