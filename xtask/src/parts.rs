//! The parts of `cargo xtask test` in order: quick ones first.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use xtask::postgres::Server;

use crate::book;
use crate::setup::{self, Scope};
use crate::shell::Shell;
use crate::torture;

/// A remark of a part that passed, such as what it had to skip.
type Note = Option<&'static str>;

/// A check, and its name on the command line.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    needs_tools: bool,
    work: fn(&Shell) -> Result<Note>,
}

pub(crate) const PARTS: &[Part] = &[
    part("fmt", "the formatting", fmt),
    part("clippy", "the lints, every one an error", clippy),
    part("deny", "licenses, sources and advisories of the dependencies", deny).with_tools(),
    part("typos", "the spelling", typos).with_tools(),
    part("book", "the documentation builds, and no link in it is broken", book).with_tools(),
    part("tests", "all tests, on both engines, and that they reach 90 % of the lines", tests).with_tools(),
    part("torture", "kills, power cuts, full disks, cut connections: nothing is lost", torture_it)
        .with_tools(),
    part("clean", "no file of the repository has changed (only with CI=true)", clean),
];

const fn part(name: &'static str, about: &'static str, work: fn(&Shell) -> Result<Note>) -> Part {
    Part { name, about, needs_tools: false, work }
}

impl Part {
    const fn with_tools(self) -> Self {
        Self { needs_tools: true, ..self }
    }
}

/// Returns the named parts, or all parts if no names are given.
pub(crate) fn select(names: &[&str]) -> Result<Vec<&'static Part>> {
    if names.is_empty() {
        return Ok(PARTS.iter().collect());
    }
    let known = || PARTS.iter().map(|part| part.name).collect::<Vec<_>>().join(", ");
    let find = |name: &&str| {
        let part = PARTS.iter().find(|part| part.name == *name);
        part.with_context(|| format!("there is no part `{name}`; the parts are: {}", known()))
    };
    names.iter().map(find).collect()
}

/// Runs the parts until one fails, then prints a summary with the time that each took.
pub(crate) fn run(parts: &[&Part], shell: &Shell, out: &mut impl Write) -> Result<()> {
    if parts.iter().any(|part| part.needs_tools) {
        setup::install(shell, Scope::All, out)?;
    }
    let mut summary = String::new();
    let mut failure = None;
    for part in parts {
        writeln!(out, "\n== {}: {}", part.name, part.about)?;
        let start = Instant::now();
        let result = (part.work)(shell);
        let verdict = match &result {
            Ok(None) => "passed".to_owned(),
            Ok(Some(note)) => format!("passed, but: {note}"),
            Err(error) => format!("FAILED: {error:#}"),
        };
        let line = format!("{:8}{:7.1} s  {verdict}", part.name, start.elapsed().as_secs_f64());
        writeln!(out, "== {line}")?;
        writeln!(summary, "   {}", line.lines().next().unwrap_or_default())?;
        if result.is_err() {
            failure = Some(part.name);
            break;
        }
    }
    write!(out, "\n== summary\n{summary}")?;
    match failure {
        Some(name) => bail!("the part `{name}` failed; `cargo xtask test {name}` runs it alone"),
        None => Ok(()),
    }
}

fn fmt(shell: &Shell) -> Result<Note> {
    shell.run("cargo fmt --all --check")?;
    Ok(None)
}

fn clippy(shell: &Shell) -> Result<Note> {
    shell.run("cargo clippy --workspace --all-targets --locked -- -D warnings")?;
    Ok(None)
}

fn deny(shell: &Shell) -> Result<Note> {
    shell.run("cargo deny --locked --workspace check bans licenses sources")?;
    if !shell.works("cargo deny --locked --workspace fetch db") {
        return Ok(Some("advisories SKIPPED: their database cannot be reached from here"));
    }
    shell.run("cargo deny --locked --workspace check --disable-fetch advisories")?;
    Ok(None)
}

fn typos(shell: &Shell) -> Result<Note> {
    shell.run("typos")?;
    Ok(None)
}

fn book(shell: &Shell) -> Result<Note> {
    book::build(shell)?;
    Ok(None)
}

fn tests(shell: &Shell) -> Result<Note> {
    let own = shell.postgres.is_none().then(Server::start).transpose()?;
    let server = own.as_ref().map(Server::url).or_else(|| shell.postgres.clone()).unwrap_or_default();
    // Also removes the test programs: lines of outdated ones would count as untested.
    shell.run("cargo llvm-cov clean --workspace")?;
    shell.run("cargo llvm-cov --no-report nextest --workspace --locked -E !test(postgres_only)")?;
    // Only the tests that run the service use an engine, so only they run again. The reference of the API has none.
    let on_postgres = "package(matricula)&kind(test)&!test(sqlite_only)&!test(/^docs_page::/)";
    shell.run_on(
        &server,
        &format!("cargo llvm-cov --no-report nextest --workspace --locked -E {on_postgres}"),
    )?;
    drop(own);
    // The program that tortures the service is itself a test.
    let report = "cargo llvm-cov report --fail-under-lines 90 --show-missing-lines --skip-functions";
    shell.run(&format!("{report} --ignore-filename-regex /torture/"))?;
    if has_doctests(&shell.root.join("src"))? {
        shell.run("cargo test --workspace --locked --doc")?;
    }
    Ok(None)
}

fn torture_it(shell: &Shell) -> Result<Note> {
    torture::test(shell)?;
    Ok(None)
}

fn clean(shell: &Shell) -> Result<Note> {
    if !shell.ci {
        return Ok(Some("SKIPPED: runs only with CI=true"));
    }
    // Without `safe.directory`, git refuses to read a clone that another user has made.
    let changed = shell.read("git -c safe.directory=* status --porcelain")?;
    ensure!(changed.is_empty(), "generated files are not up to date:\n{changed}");
    Ok(None)
}

/// Whether any doc comment below `folder` has a code block. If none has, running doctests would compile everything for
/// nothing.
fn has_doctests(folder: &Path) -> Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            has_doctests(&path)?
        } else {
            path.extension().is_some_and(|it| it == "rs") && has_code_block(&fs::read_to_string(&path)?)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_code_block(source: &str) -> bool {
    source.lines().map(str::trim_start).any(|line| line.starts_with("/// ```") || line.starts_with("//! ```"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(parts: &[Part]) -> (Result<()>, String) {
        let mut out = Vec::new();
        let parts: Vec<&Part> = parts.iter().collect();
        let result = run(&parts, &Shell::open().unwrap(), &mut out);
        (result, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_quick_parts_come_first_and_clean_comes_last() {
        let names: Vec<&str> = select(&[]).unwrap().iter().map(|part| part.name).collect();
        assert_eq!(names, ["fmt", "clippy", "deny", "typos", "book", "tests", "torture", "clean"]);
    }

    #[test]
    fn the_error_for_an_unknown_part_lists_the_known_ones() {
        let message = select(&["fmt", "lint"]).unwrap_err().to_string();
        assert_eq!(
            message,
            "there is no part `lint`; the parts are: fmt, clippy, deny, typos, book, tests, torture, clean"
        );
    }

    #[test]
    fn the_first_failure_ends_the_run_and_is_in_the_summary() {
        let (result, text) = report(&[
            part("one", "", |_| Ok(Some("half of it SKIPPED"))),
            part("two", "", |_| bail!("it is broken")),
            part("three", "", |_| Ok(None)),
        ]);
        let message = result.unwrap_err().to_string();
        assert_eq!(message, "the part `two` failed; `cargo xtask test two` runs it alone");
        let (_, summary) = text.split_once("== summary").unwrap();
        assert!(summary.contains("passed, but: half of it SKIPPED"), "{text}");
        assert!(summary.contains("FAILED: it is broken"), "{text}");
        assert!(!text.contains("three"), "{text}");
    }

    #[test]
    fn a_run_passes_if_every_part_passes() {
        let (result, text) = report(&[part("one", "", |_| Ok(None)), part("two", "", |_| Ok(None))]);
        result.unwrap();
        assert_eq!(text.matches("passed").count(), 4, "{text}");
    }

    const PROGRAMS: [(&str, &str); 19] = [
        ("cargo", ""),
        ("typos", ""),
        ("mdbook", ""),
        ("git", ""),
        ("cc", ""),
        ("curl", ""),
        ("dpkg-deb", ""),
        ("systemd-analyze", ""),
        ("sqlite3", ""),
        ("initdb", ""),
        ("pgbouncer", ""),
        ("python3", ""),
        ("python", ""),
        ("npm", ""),
        ("chromium", ""),
        ("chromedriver", ""),
        ("etcd", ""),
        ("haproxy", ""),
        ("printenv", ""),
    ];

    #[test]
    fn a_full_run_installs_the_tools_and_runs_every_part() {
        let shell = Shell::rehearsal("whole", &PROGRAMS);
        fs::write(shell.root.join("src/lib.rs"), "/// ```\n/// 1 + 1;\n/// ```\npub struct S;").unwrap();
        for folder in ["docs", "target/book"] {
            fs::create_dir_all(shell.root.join(folder)).unwrap();
        }
        run(&select(&[]).unwrap(), &shell, &mut Vec::new()).unwrap();
        let log = shell.log();
        let (_, parts) = log.split_once("npm install").unwrap();
        let firsts = parts.lines().skip(1).map(|line| line.split(" --").next().unwrap_or(line));
        let expected = [
            "cargo fmt",
            "cargo clippy",
            "cargo deny",
            "cargo deny",
            "cargo deny",
            "typos ",
            "mdbook build",
            "cargo llvm-cov clean",
            "cargo llvm-cov",
            "cargo llvm-cov",
            "cargo llvm-cov report",
            "cargo test",
            "cargo llvm-cov",
            "git -c safe.directory=* status",
        ];
        assert!(firsts.eq(expected), "{log}");
    }

    #[test]
    fn advisories_that_cannot_be_reached_are_reported_as_skipped() {
        let shell = Shell::rehearsal("offline", &[("cargo", "test \"$5\" != db")]);
        let note = deny(&shell).unwrap().unwrap();
        assert!(note.contains("advisories SKIPPED"), "{note}");
    }

    #[test]
    fn a_changed_file_fails_only_in_ci() {
        let mut shell = Shell::rehearsal("changed", &[("git", "echo ' M docs/openapi.json'")]);
        let message = clean(&shell).unwrap_err().to_string();
        assert!(message.contains("docs/openapi.json"), "{message}");
        shell.ci = false;
        assert!(clean(&shell).unwrap().unwrap().contains("SKIPPED"));
    }

    #[test]
    fn a_block_of_code_in_a_doc_comment_is_a_doctest() {
        assert!(has_code_block("    /// ```\n    /// let a = 1;\n"));
        assert!(!has_code_block("// ```\nlet text = \"/// ```\";\n"));
        has_doctests(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    }
}
