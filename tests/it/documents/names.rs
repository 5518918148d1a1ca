//! Every name in backticks exists: files, commands, flags, variables, tables, metrics, addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use clap::CommandFactory;
use regex::Regex;

use super::contents::tables_of_the_program;
use super::{Document, documents, links, root};

/// Flags of other programs that the documents name.
const OTHERS_FLAGS: [&str; 3] = ["--help", "--json", "--tool"];
/// Folders below which a document may name a file without naming the folder.
const FROM: [&str; 3] = ["", "src", "src/students"];
/// Addresses outside the API, which are not in the OpenAPI document.
const OUTSIDE_THE_API: [&str; 9] =
    ["/", "/api", "/api/v1", "/docs", "/docs/", "/healthz", "/healthz/proxy", "/metrics", "/readyz"];

/// Patterns that are tried on every name.
struct Patterns {
    statement: Regex,
    task: Regex,
    event: Regex,
    path: Regex,
    extension: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns {
    statement: Regex::new(r"^(?:update|delete from|insert into) (\w+)").unwrap(),
    task: Regex::new(r"cargo xtask (\w+)(?: (\w+))?").unwrap(),
    event: Regex::new(r"^(student|course|enrollment|seats|waitlist)\.[a-z]+$").unwrap(),
    path: Regex::new(r"^[\w.-]+(/[\w.-]+)*/?$").unwrap(),
    extension: Regex::new(r"\.(rs|sql|toml|json|md|html|css|svg|png|js|sh|snap|yml)$").unwrap(),
});

/// Everything that a document may name.
struct Known {
    tables: BTreeMap<String, BTreeSet<String>>,
    /// The flags of each command; those of `bench` and `torture` under their names.
    flags: BTreeMap<String, BTreeSet<String>>,
    /// The sources of the program, of the tests, of `xtask`, of the benchmark and of `torture`.
    sources: String,
    metrics: String,
    addresses: Vec<Regex>,
}

impl Known {
    async fn new() -> Self {
        let tables = tables_of_the_program().await;
        let tables =
            tables.into_iter().map(|(name, columns)| (name, columns.into_iter().collect())).collect();
        let document = serde_json::to_value(matricula::server::router::document()).unwrap();
        let mut addresses: Vec<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
        addresses.extend(OUTSIDE_THE_API.map(str::to_owned));
        addresses.push("/api/v1/openapi.json".to_owned());
        let mut sources = String::new();
        for folder in ["src", "tests", "xtask/src", "bench/src", "torture/src"] {
            append_sources(&root().join(folder), &mut sources);
        }
        Self {
            tables,
            flags: flags(),
            sources,
            metrics: fs::read_to_string(root().join("src/metrics.rs")).unwrap(),
            addresses: addresses.iter().map(|address| pattern(address)).collect(),
        }
    }

    /// The names in a document that do not exist.
    fn mistakes(&self, document: &Document) -> Vec<String> {
        let mut mistakes = links::broken(document);
        let prose = document.prose();
        // A name may be broken over two lines.
        let spans = Regex::new(r"`([^`]+)`").unwrap();
        for span in spans.captures_iter(&prose).map(|found| found[1].replace('\n', " ")) {
            mistakes.extend(self.mistake_in_a_span(&span));
        }
        for block in document.blocks() {
            let commands = block.text.lines().filter(|line| line.contains(" --") || line.ends_with(" serve"));
            mistakes.extend(commands.filter_map(|line| self.mistake_in_a_command(line)));
        }
        let variables = Regex::new(r"\bMATRICULA_[A-Z_]+").unwrap();
        for variable in variables.find_iter(&document.text).map(|found| found.as_str()) {
            if !self.sources.contains(&format!("\"{variable}\"")) {
                mistakes.push(format!("no program reads {variable}"));
            }
        }
        mistakes.into_iter().map(|mistake| format!("{}: {mistake}", document.path)).collect()
    }

    fn mistake_in_a_span(&self, span: &str) -> Option<String> {
        if span.contains("matricula ") || span.contains("cargo ") {
            return self.mistake_in_a_command(span);
        }
        if let Some(flag) = span.strip_prefix("--") {
            let name = flag.split([' ', '=']).next().unwrap();
            return (!self.has_flag(&format!("--{name}")))
                .then(|| format!("no command has the flag --{name}"));
        }
        if let Some((name, columns)) = as_table(span) {
            let known = self.tables.get(&name);
            let fits = known.is_some_and(|known| columns.iter().all(|column| known.contains(column)));
            return (!fits).then(|| format!("there is no table {span}"));
        }
        if let Some(found) = PATTERNS.statement.captures(span) {
            return (!self.tables.contains_key(&found[1]))
                .then(|| format!("there is no table {}", &found[1]));
        }
        if let Some(name) = span.strip_prefix("matricula_").filter(|name| is_word(name)) {
            let registered = format!("\"{}\"", name.trim_end_matches("_total"));
            let exists = self.tables.contains_key(span) || self.metrics.contains(&registered);
            return (!exists).then(|| format!("there is no metric and no table {span}"));
        }
        if let Some(address) = as_address(span) {
            let exists = ["", "/api/v1"].iter().any(|base| {
                let whole = format!("{base}{address}");
                self.addresses.iter().any(|known| known.is_match(&whole))
            });
            return (!exists).then(|| format!("nothing has the address {address}"));
        }
        if is_event(span) && span.parse::<matricula::registrar::EventKind>().is_err() {
            return Some(format!("there is no event {span}"));
        }
        if is_file(span) && !FROM.iter().any(|from| exists(&root().join(from), span)) {
            return Some(format!("there is no file {span}"));
        }
        None
    }

    /// A command line of `matricula` or of `cargo xtask`, anywhere in this text.
    fn mistake_in_a_command(&self, text: &str) -> Option<String> {
        if let Some(found) = PATTERNS.task.captures(text) {
            let task = &found[1];
            if !self.sources.contains(&format!("cargo xtask {task}")) {
                return Some(format!("there is no `cargo xtask {task}`"));
            }
            let part = found.get(2).map(|part| part.as_str()).filter(|_| task == "test");
            return part
                .filter(|part| !self.sources.contains(&format!("part(\"{part}\"")))
                .map(|part| format!("the test has no part {part}"));
        }
        let (_, line) =
            text.split_once("matricula ").filter(|(before, _)| !before.ends_with(['-', '/', '.']))?;
        let line = line.split('|').next().unwrap();
        let name = line.split(' ').next().filter(|word| is_word(word)).unwrap_or("serve");
        if name == "help" {
            return None;
        }
        let Some(known) = self.flags.get(name) else { return Some(format!("there is no command {name}")) };
        let flags = Regex::new(r"(?:^| )(--[a-z-]+)").unwrap();
        let unknown =
            flags.captures_iter(line).map(|found| found[1].to_owned()).find(|flag| !known.contains(flag));
        unknown.map(|flag| format!("{name} has no flag {flag}"))
    }

    fn has_flag(&self, flag: &str) -> bool {
        OTHERS_FLAGS.contains(&flag) || self.flags.values().any(|known| known.contains(flag))
    }
}

/// Appends the Rust files below a folder.
pub(super) fn append_sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // This file contains names that do not exist.
        let is_own = path.ends_with("documents/names.rs");
        if path.is_dir() {
            append_sources(&path, text);
        } else if !is_own && path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// The flags of each command, and those of the benchmark and of `torture`, which are programs of their own.
fn flags() -> BTreeMap<String, BTreeSet<String>> {
    let program = matricula::cli::Cli::command();
    let mut flags: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for command in program.get_subcommands() {
        let own = command.get_arguments().filter_map(|argument| argument.get_long());
        let of_parts = command.get_subcommands().flat_map(clap::Command::get_arguments);
        let own = own.chain(of_parts.filter_map(|argument| argument.get_long()));
        let own = own.chain(["help"]).map(|name| format!("--{name}"));
        flags.insert(command.get_name().to_owned(), own.collect());
    }
    let pattern = Regex::new(r"#\[arg\(long[^\n]*\]\s+(?:pub )?(\w+):").unwrap();
    for (name, known) in [("bench", "--quick"), ("torture", "--rounds")] {
        let source = fs::read_to_string(root().join(name).join("src/main.rs")).unwrap();
        let fields: BTreeSet<_> =
            pattern.captures_iter(&source).map(|found| format!("--{}", found[1].replace('_', "-"))).collect();
        assert!(fields.contains(known), "the flags of {name} were not found: {fields:?}");
        flags.insert(name.to_owned(), fields);
    }
    flags
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// `events(seq, at)`: a table and its columns.
fn as_table(span: &str) -> Option<(String, Vec<String>)> {
    let (name, rest) = span.split_once('(')?;
    let columns: Vec<_> = rest.strip_suffix(')')?.split(", ").map(str::to_owned).collect();
    (is_word(name) && columns.iter().all(|column| is_word(column))).then(|| (name.to_owned(), columns))
}

/// The path of an address of the server, perhaps after a method.
fn as_address(span: &str) -> Option<&str> {
    let methods = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE ", ""];
    let path = methods.iter().find_map(|method| span.strip_prefix(method))?.split('?').next()?;
    (path.starts_with('/') && path != "/24" && !path.contains(' ')).then_some(path)
}

/// Matches the addresses of a template, with numbers or names in its places.
fn pattern(template: &str) -> Regex {
    let places = Regex::new(r"\\\{\w+\\\}").unwrap();
    let escaped = regex::escape(template);
    Regex::new(&format!("^{}$", places.replace_all(&escaped, r"(\d+|\{\w+\})"))).unwrap()
}

fn is_event(span: &str) -> bool {
    PATTERNS.event.is_match(span)
}

/// Whether a span is written as a file or a folder of the repository.
fn is_file(span: &str) -> bool {
    let is_elsewhere = ["./", "target/", "application/", "text/"].iter().any(|it| span.starts_with(it));
    PATTERNS.path.is_match(span) && !is_elsewhere && (span.contains('/') || PATTERNS.extension.is_match(span))
}

fn exists(from: &Path, name: &str) -> bool {
    let path = from.join(name);
    if name.ends_with('/') { path.is_dir() } else { path.exists() }
}

#[tokio::test]
async fn everything_that_a_document_names_exists_sqlite_only_it_reads_the_catalog() {
    let known = Known::new().await;
    let mistakes: Vec<_> = documents().iter().flat_map(|document| known.mistakes(document)).collect();
    assert!(mistakes.is_empty(), "{} mistakes\n{}", mistakes.len(), mistakes.join("\n"));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_noticed_sqlite_only_it_reads_the_catalog() {
    let known = Known::new().await;
    let mistakes = |text: &str| {
        let path = "docs/operate/made-up.md".to_owned();
        known.mistakes(&Document { path, text: text.to_owned() })
    };
    for (wrong, mistake) in [
        ("`src/nowhere.rs`", "there is no file src/nowhere.rs"),
        ("`registrar/nowhere/`", "there is no file registrar/nowhere/"),
        ("`matricula enroll`", "there is no command enroll"),
        ("`matricula check --thoroughly`", "check has no flag --thoroughly"),
        ("```text\nmatricula serve --no-such-flag x\n```", "serve has no flag --no-such-flag"),
        ("`cargo xtask tset`", "there is no `cargo xtask tset`"),
        ("`cargo xtask test lint`", "the test has no part lint"),
        ("`--no-such-flag`", "no command has the flag --no-such-flag"),
        ("MATRICULA_NOTHING", "no program reads MATRICULA_NOTHING"),
        ("`grades(id)`", "there is no table grades(id)"),
        ("`events(seq, name)`", "there is no table events(seq, name)"),
        ("`update grades`", "there is no table grades"),
        ("`matricula_moods_total`", "there is no metric and no table matricula_moods_total"),
        ("`GET /api/v1/teachers`", "nothing has the address /api/v1/teachers"),
        ("`course.burned`", "there is no event course.burned"),
        ("[a](nowhere.md)", "docs/operate/made-up.md links to nowhere.md"),
        (
            "[a](proxy.md#nowhere)",
            "docs/operate/made-up.md links to proxy.md#nowhere, but there is no such heading",
        ),
        ("[a](../../README.md)", "docs/operate/made-up.md links to ../../README.md"),
    ] {
        assert_eq!(mistakes(wrong), [format!("docs/operate/made-up.md: {mistake}")]);
    }
    let right = "`src/state.rs` `students/` `matricula check --database x` `--listen` MATRICULA_LISTEN `cargo xtask test fmt` \
                 `events(seq, at)` `update log_head` `matricula_queue_depth` `PUT /api/v1/courses/3/seats` \
                 `/students/{student_id}` `seats.set` `application/json` `/readyz` [a](proxy.md#caches-and-frames)";
    assert_eq!(mistakes(right), [""; 0]);
}
