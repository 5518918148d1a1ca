//! Runs every command of the documents and compares its output with the block below it.

use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;

use super::answers::{compare, rewritten};
use super::{Block, Document, documents, read, root, updates};
use crate::school::{Process, matricula};

/// The address of the server in the documents.
pub(super) const SERVER: &str = "127.0.0.1:8080";

/// A command and the answer that is printed after it.
pub(super) struct Example {
    pub(super) command: Block,
    answer: Block,
}

impl Document {
    /// Its commands, except those that build the program. A command without an answer is an error.
    pub(super) fn examples(&self) -> Result<Vec<Example>, String> {
        let mut examples = Vec::new();
        let mut blocks = self.blocks().into_iter().peekable();
        while let Some(command) = blocks.next() {
            if command.language == "sh" && !command.text.lines().any(|line| line.contains("cargo ")) {
                let answer =
                    blocks.next_if(|next| ["http", "json", "text"].contains(&next.language.as_str()));
                let missing = || format!("{}:{}: no answer is printed", self.path, command.line);
                let answer = answer.ok_or_else(missing)?;
                examples.push(Example { command, answer });
            }
        }
        Ok(examples)
    }

    /// The examples to run before its first one: those of the section that it names in a comment.
    fn before(&self) -> Vec<Example> {
        let comment = Regex::new(r"<!-- after (\S+)#(\S+) -->").unwrap();
        let Some(found) = comment.captures(&self.text) else { return Vec::new() };
        let path =
            if self.path.starts_with("docs/") { format!("docs/{}", &found[1]) } else { found[1].to_owned() };
        let section = read(&path).section(&found[2]);
        let section = section.unwrap_or_else(|| panic!("{}: there is no {}", self.path, &found[0]));
        let before = section.examples().unwrap();
        assert!(!before.is_empty(), "{}: nothing happens in {}", self.path, &found[0]);
        before
    }
}

#[tokio::test]
async fn every_example_of_the_documents_answers_as_printed_sqlite_only_they_name_a_file() {
    for tool in ["curl", "sqlite3"] {
        let found = Command::new(tool).arg("--version").output().is_ok_and(|found| found.status.success());
        assert!(found, "the examples of the documents need {tool}: apt-get install {tool}");
    }
    let (mut drifted, mut count) = (Vec::new(), 0);
    for document in documents() {
        let examples = document.examples().unwrap();
        count += examples.len();
        if !examples.is_empty() {
            drifted.extend(run_all(&document, examples).await);
        }
    }
    assert!(count >= 60, "only {count} examples were found");
    assert!(
        drifted.is_empty(),
        "{} examples have drifted (MATRICULA_UPDATE_DOCS=1 rewrites them)\n\n{}",
        drifted.len(),
        drifted.join("\n")
    );
}

/// Runs the examples of a document on a server and a database of its own, and returns those that have drifted.
async fn run_all(document: &Document, examples: Vec<Example>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".curlrc"), "silent\nshow-error\n").unwrap();
    let server = Process::serve_at(&folder.path().join("matricula.db")).await;
    let address = server.address.to_string();
    let answer_to =
        |command: &str| run(&command.replace(SERVER, &address), folder.path()).replace(&address, SERVER);
    for example in document.before() {
        answer_to(&example.command.text);
    }
    let (mut drifted, mut updated) = (Vec::new(), Vec::new());
    for Example { command, answer } in examples {
        let actual = answer_to(&command.text);
        if let Err(difference) = compare(&answer, &actual) {
            let place = format!("{}:{}", document.path, answer.line);
            if updates() {
                updated.push((answer.line, rewritten(&answer, &actual)));
            } else {
                drifted.push(format!("{place}: - is printed, + is answered\n{}{difference}", command.text));
            }
        }
    }
    if !updated.is_empty() {
        fs::write(root().join(&document.path), replaced(&document.text, updated)).unwrap();
    }
    drifted
}

/// The document with new texts in the blocks that begin at these lines.
fn replaced(document: &str, blocks: Vec<(usize, String)>) -> String {
    let mut lines: Vec<String> = document.lines().map(|line| format!("{line}\n")).collect();
    // From the end, so that the line numbers of earlier blocks stay valid.
    for (first, text) in blocks.into_iter().rev() {
        let length = lines[first..].iter().position(|line| line.starts_with("```")).unwrap();
        lines.splice(first..first + length, [text]);
    }
    lines.concat()
}

/// The output of a command, with the program on the path.
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

#[tokio::test]
async fn the_documents_show_the_line_that_a_ready_server_prints_sqlite_only_it_names_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve_at(&folder.path().join("matricula.db")).await;
    let line = server.line.replace(&server.address.to_string(), SERVER);
    assert!(read("docs/start/first-requests.md").text.contains(&format!("```text\n{line}```")), "{line}");
}

#[test]
fn a_command_without_an_answer_is_a_mistake() {
    let document = |text: &str| Document { path: "made-up.md".to_owned(), text: text.to_owned() };
    let examples =
        document("```sh\ncargo run\n```\n\n```sh\nmatricula check\n```\n\nIt is well.\n").examples();
    assert_eq!(examples.err().unwrap(), "made-up.md:5: no answer is printed");
    assert_eq!(document("```sh\na\n```\n\n```json\n{}\n```\n").examples().unwrap().len(), 1);
}

#[test]
fn an_answer_is_replaced_in_its_place() {
    let document = "a\n```sh\nx\n```\n```text\nold\nold\n```\nb\n```text\nold\n```\n";
    let updated = replaced(document, vec![(5, "new\n".to_owned()), (10, "newer\n".to_owned())]);
    assert_eq!(updated, "a\n```sh\nx\n```\n```text\nnew\n```\nb\n```text\nnewer\n```\n");
}
