//! The documents are true: what README.md prints is what a reader gets, and what there is, is described.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::CommandFactory;
use regex::Regex;
use serde_json::Value;

use crate::school::{Process, matricula};

const README: &str = include_str!("../../README.md");
const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");
/// Where README.md believes the server to be.
const SERVER: &str = "127.0.0.1:8080";

/// A fenced block of a document.
struct Block {
    line: usize,
    language: String,
    text: String,
}

/// A command and the answer that is printed after it.
struct Example {
    command: Block,
    answer: Block,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in document.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                blocks.push(Block { line: number + 1, language: language.to_owned(), text: String::new() });
                open = true;
            }
            None if open => blocks.last_mut().unwrap().text.extend([line, "\n"]),
            None => {}
        }
    }
    assert!(!open, "a block is not closed");
    blocks
}

fn is_command(block: &Block) -> bool {
    block.language == "sh" && !block.text.starts_with("cargo ")
}

/// Every command of README.md but those that build; a command without an answer is a mistake.
fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    let mut blocks = blocks(README).into_iter().peekable();
    while let Some(command) = blocks.next() {
        if is_command(&command) {
            let answer = blocks.next_if(|next| ["http", "json", "text"].contains(&next.language.as_str()));
            let answer = answer.unwrap_or_else(|| panic!("README.md:{}: no answer is printed", command.line));
            examples.push(Example { command, answer });
        }
    }
    examples
}

/// The method and the path of a `curl` command, without the query.
fn request(command: &str) -> Option<(String, String)> {
    let url = Regex::new(r"http://127\.0\.0\.1:8080([^\s'?]*)").unwrap();
    let path = url.captures(command.strip_prefix("curl ")?)?[1].to_owned();
    let method = Regex::new(r"-X ([A-Z]+)").unwrap().captures(command).map(|found| found[1].to_owned());
    let usual = if command.contains("--json") { "POST" } else { "GET" };
    Some((method.unwrap_or_else(|| usual.to_owned()), path))
}

#[test]
fn the_readme_walks_through_every_endpoint_of_the_association() {
    let examples = examples();
    assert!(examples.len() >= 38, "only {} examples were found", examples.len());
    let asked: Vec<_> = examples.iter().filter_map(|example| request(&example.command.text)).collect();
    let document = serde_json::to_value(matricula::server::router::document()).unwrap();
    let mut endpoints = 0;
    for (template, operations) in document["paths"].as_object().unwrap() {
        let path =
            Regex::new(&format!("^{}$", template.replace('{', "(?<").replace('}', ">[0-9]+)"))).unwrap();
        for (method, operation) in operations.as_object().unwrap() {
            let tag = operation["tags"][0].as_str().unwrap();
            if ["enrollments", "seats", "events"].contains(&tag) {
                endpoints += 1;
                let shown = asked.iter().any(|(m, p)| m.eq_ignore_ascii_case(method) && path.is_match(p));
                assert!(shown, "README.md does not show {method} {template}");
            }
        }
    }
    assert!(endpoints >= 7, "only {endpoints} endpoints were found");
}

#[tokio::test]
async fn every_example_of_the_readme_answers_as_printed_sqlite_only_they_name_a_file() {
    for tool in ["curl", "sqlite3"] {
        let found = Command::new(tool).arg("--version").output().is_ok_and(|found| found.status.success());
        assert!(found, "the examples of README.md need {tool}: apt-get install {tool}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".curlrc"), "silent\nshow-error\n").unwrap();
    let server = Process::serve_at(&folder.path().join("matricula.db")).await;
    let address = server.address.to_string();

    let mut drifted = Vec::new();
    if !README.contains(&format!("```text\n{}```", server.line.replace(&address, SERVER))) {
        drifted.push(format!("README.md does not print the line of the server: {}", server.line));
    }
    for example in examples() {
        let told = run(&example.command.text.replace(SERVER, &address), folder.path());
        let told = told.replace(&address, SERVER);
        if let Err(difference) = compare(&example.answer, &told) {
            let Example { command, answer } = example;
            drifted.push(format!(
                "README.md:{}: - is printed, + is told\n{}{difference}",
                answer.line, command.text
            ));
        }
    }
    drop(server);
    assert!(drifted.is_empty(), "{} examples have drifted\n\n{}", drifted.len(), drifted.join("\n"));
}

/// What a person would see after the command, with the program on the path.
fn run(command: &str, folder: &Path) -> String {
    let program = Path::new(matricula().get_program()).parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("sh");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MATRICULA_")) {
        shell.env_remove(name);
    }
    let output = shell
        .arg("-c")
        .arg(format!("exec 2>&1\n{command}"))
        .env("PATH", format!("{}:{path}", program.display()))
        .env("CURL_HOME", folder)
        .current_dir(folder)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn compare(printed: &Block, told: &str) -> Result<(), String> {
    let (printed_text, told) = (masked(&printed.text), masked(&told.replace('\r', "")));
    if printed.language != "http" {
        return same(&printed_text, &told, printed.language == "json");
    }
    let (printed_head, printed_body) = printed_text.split_once("\n\n").unwrap_or((&printed_text, ""));
    let (told_head, told_body) = told.split_once("\n\n").unwrap_or((&told, ""));
    // Of the headers README.md shows those that matter, in the order in which they come.
    let printed_head = printed_head.trim_end();
    let shown: BTreeSet<&str> =
        printed_head.lines().skip(1).filter_map(|line| line.split(':').next()).collect();
    let matters = |line: &str| line.starts_with("HTTP/") || shown.contains(line.split(':').next().unwrap());
    let told_head: Vec<&str> = told_head.lines().filter(|line| matters(line)).collect();
    same(printed_head, &told_head.join("\n"), false)?;
    same(printed_body, told_body, printed_head.contains("json"))
}

/// Times and request ids are another's every time.
fn masked(text: &str) -> String {
    let text = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").unwrap().replace_all(text, "<time>");
    Regex::new(r"\b[0-9a-f]{16}-[0-9a-f]+\b").unwrap().replace_all(&text, "<request id>").into_owned()
}

fn same(printed: &str, told: &str, json: bool) -> Result<(), String> {
    let (mut printed, mut told) = (printed.trim().to_owned(), told.trim().to_owned());
    // Both in one form, so that what differs are members and values; their order counts.
    if json {
        (printed, told) = (one_value_a_line(&printed), one_value_a_line(&told));
    }
    if printed == told {
        return Ok(());
    }
    let (mut before, mut after) = (printed.lines(), told.lines());
    let mut difference = String::new();
    loop {
        match (before.next(), after.next()) {
            (None, None) => return Err(difference),
            (Some(a), Some(b)) if a == b => difference.extend(["  ", a, "\n"]),
            (a, b) => {
                difference.extend(a.into_iter().flat_map(|a| ["- ", a, "\n"]));
                difference.extend(b.into_iter().flat_map(|b| ["+ ", b, "\n"]));
            }
        }
    }
}

/// JSON without the white space between its values, broken after each comma and bracket.
fn one_value_a_line(text: &str) -> String {
    let (mut lines, mut quoted, mut escaped) = (String::new(), false, false);
    for letter in text.chars().filter(|letter| *letter != '\n') {
        if !quoted && letter == ' ' {
            continue;
        }
        lines.push(letter);
        if !quoted && ",{[".contains(letter) {
            lines.push('\n');
        }
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
    }
    lines
}

#[test]
fn a_drifted_answer_is_noticed_and_shown() {
    let block = |language: &str, text: &str| Block { line: 1, language: language.into(), text: text.into() };
    let printed = block("http", "HTTP/1.1 200 OK\netag: \"a\"\n\n[\n  {\"id\": 1, \"x\": \"a b\"}\n]\n");
    let told = |status: &str, tag: &str, body: &str| {
        compare(&printed, &format!("HTTP/1.1 {status}\r\ndate: now\r\netag: \"{tag}\"\r\n\r\n{body}"))
    };
    let json = block("json", "{\"id\": 1, \"x\": \"a b\"}\n");
    assert_eq!(compare(&json, "{\"id\":1,\"x\":\"a b\"}"), Ok(()));
    assert_eq!(
        compare(&json, "{\"id\":1,\"x\":\"ab\"}").unwrap_err(),
        "  {\n  \"id\":1,\n- \"x\":\"a b\"}\n+ \"x\":\"ab\"}\n"
    );
    assert!(compare(&json, "{\"x\":\"a b\",\"id\":1}").is_err());
    assert!(compare(&json, "").is_err());
    assert!(told("201 Created", "a", "[{\"id\": 1, \"x\": \"a b\"}]").is_err());
    assert!(told("200 OK", "b", "[{\"id\": 1, \"x\": \"a b\"}]").is_err());
    assert!(told("200 OK", "a", "[]").is_err());
    let time = block("text", "since 2026-09-01T08:00:00.000Z\n");
    assert_eq!(compare(&time, "since 2031-01-01T00:00:00.999Z"), Ok(()));
    assert!(compare(&time, "since 2031").is_err());
}

#[test]
fn the_readme_names_every_setting_of_the_server() {
    let program = matricula::cli::Cli::command();
    let serve = program.find_subcommand("serve").unwrap();
    let mut settings = BTreeSet::new();
    for setting in serve.get_arguments().filter(|setting| setting.get_id() != "help") {
        let flag = format!("--{}", setting.get_long().unwrap());
        let variable = setting.get_env().and_then(|name| name.to_str()).expect("a setting has a variable");
        let row = format!("| `{flag}` | `{variable}` | ");
        assert!(README.contains(&row), "README.md has no row {row}");
        settings.insert(flag);
    }
    let rows = README.lines().filter(|line| line.starts_with("| `--"));
    let described: BTreeSet<_> = rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect();
    assert_eq!(described, settings);
    assert!(settings.len() >= 7, "only {settings:?} were found");
}

#[test]
fn the_architecture_says_why_each_dependency_is_there() {
    let mut names = BTreeSet::new();
    for manifest in [include_str!("../../Cargo.toml"), include_str!("../../xtask/Cargo.toml")] {
        let mut depends = false;
        for line in manifest.lines() {
            if line.starts_with('[') {
                depends = line.ends_with("dependencies]");
            } else if let Some((name, _)) = line.split_once(" = ").filter(|_| depends) {
                names.insert(name.to_owned());
            }
        }
    }
    assert!(names.len() >= 35 && names.contains("axum") && names.contains("tempfile"), "{names:?}");
    for name in names {
        assert!(ARCHITECTURE.contains(&format!("| `{name}` |")), "ARCHITECTURE.md does not say why {name}");
    }
}

#[test]
fn the_architecture_describes_the_house_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(root.join("src")).unwrap() {
        let entry = entry.unwrap();
        let slash = if entry.path().is_dir() { "/" } else { "" };
        let name = format!("`{}{slash}`", entry.file_name().to_str().unwrap());
        assert!(ARCHITECTURE.contains(&name), "ARCHITECTURE.md does not know {name}");
    }
    let files = Regex::new(r"`([\w/.-]+\.(?:rs|sql|toml|json|md))`").unwrap();
    for file in files.captures_iter(ARCHITECTURE).map(|found| found[1].to_owned()) {
        let exists = ["", "src", "src/students", "src/http", "tests/it"]
            .iter()
            .any(|place| root.join(place).join(&file).is_file());
        assert!(exists, "ARCHITECTURE.md speaks of {file}, which is not there");
    }
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let link = Regex::new(r"\]\(([^)#:]+)\)").unwrap();
    let mut links = 0;
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            links += 1;
            assert!(root.join(&target).exists(), "{document} links to {target}");
        }
    }
    assert!(links >= 5, "only {links} links were found");
}

#[test]
fn the_collection_asks_for_every_endpoint_of_the_association_too() {
    let text = include_str!("../../docs/matricula.postman_collection.json");
    let collection: Value = serde_json::from_str(text).unwrap();
    let mut requests = BTreeSet::new();
    let mut folders = vec![&collection["item"]];
    // Two of a sort are told apart by a number at the end.
    let variable = Regex::new(r"\{\{(\w+?)(?:_\d)?\}\}").unwrap();
    while let Some(items) = folders.pop() {
        for item in items.as_array().unwrap() {
            if item["item"].is_array() {
                folders.push(&item["item"]);
                continue;
            }
            assert!(item["event"].to_string().contains("pm.test("), "{} tests nothing", item["name"]);
            let url = item["request"]["url"].as_str().unwrap().split('?').next().unwrap();
            let path = variable.replace_all(url, "{$1}");
            requests.insert(format!("{} {path}", item["request"]["method"].as_str().unwrap()));
        }
    }
    for request in [
        "POST {base_url}/api/v1/students/{student_id}/courses",
        "GET {base_url}/api/v1/students/{student_id}/courses",
        "PUT {base_url}/api/v1/students/{student_id}/courses/{course_id}",
        "GET {base_url}/api/v1/students/{student_id}/courses/{course_id}",
        "DELETE {base_url}/api/v1/students/{student_id}/courses/{course_id}",
        "GET {base_url}/api/v1/courses/{course_id}/students",
        "GET {base_url}/api/v1/events",
    ] {
        assert!(requests.contains(request), "the collection has no {request}: {requests:?}");
    }
}
