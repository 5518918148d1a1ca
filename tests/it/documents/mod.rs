//! The documents are true: readers get the output that is printed, all names exist, and everything that exists is
//! described.

mod answers;
mod contents;
mod dashboards;
mod dependencies;
mod examples;
mod links;
mod names;

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The documents at the root of the repository; all others are pages of the book.
const AT_THE_ROOT: [&str; 5] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];

/// A document, by its path from the root of the repository.
struct Document {
    path: String,
    text: String,
}

/// A fenced block of a document.
struct Block {
    /// The line number of its first fence, from 1.
    line: usize,
    language: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> Document {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Document { path: path.to_owned(), text }
}

/// Whether to rewrite answers that have drifted.
fn updates() -> bool {
    std::env::var_os("MATRICULA_UPDATE_DOCS").is_some_and(|value| value == "1")
}

/// Every document, the root's first.
fn documents() -> Vec<Document> {
    let pages = pages();
    assert!(pages.len() > 40, "only {} pages of the book were found", pages.len());
    AT_THE_ROOT.iter().map(|path| (*path).to_owned()).chain(pages).map(|path| read(&path)).collect()
}

/// The paths of the pages of the book, its table of contents among them.
fn pages() -> Vec<String> {
    let (mut folders, mut found) = (vec![root().join("docs")], Vec::<PathBuf>::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    let name = |path: &PathBuf| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    found.iter().map(name).collect()
}

impl Document {
    fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut open = false;
        for (number, line) in self.text.lines().enumerate() {
            match line.strip_prefix("```") {
                Some(_) if open => open = false,
                Some(language) => {
                    blocks.push(Block {
                        line: number + 1,
                        language: language.to_owned(),
                        text: String::new(),
                    });
                    open = true;
                }
                None if open => blocks.last_mut().unwrap().text.extend([line, "\n"]),
                None => {}
            }
        }
        assert!(!open, "{}: a block is not closed", self.path);
        blocks
    }

    /// The text outside of fenced blocks.
    fn prose(&self) -> String {
        let mut open = false;
        let is_prose = |line: &&str| {
            let fence = line.starts_with("```");
            open ^= fence;
            !open && !fence
        };
        self.text.lines().filter(is_prose).collect::<Vec<_>>().join("\n")
    }

    /// The anchor of each heading, as mdBook and GitHub make it.
    fn anchors(&self) -> Vec<String> {
        let prose = self.prose();
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }

    /// The text below the heading with this anchor, up to the next heading.
    fn section(&self, wanted: &str) -> Option<Document> {
        let mut lines = self.text.lines().skip_while(|line| {
            !line.starts_with('#') || anchor(line.trim_start_matches('#').trim()) != wanted
        });
        lines.next()?;
        let text = lines.take_while(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        Some(Document { path: self.path.clone(), text })
    }

    /// A path that this document names, from the root of the repository.
    fn resolve(&self, target: &str) -> String {
        let mut parts: Vec<&str> = self.path.split('/').collect();
        parts.pop();
        for part in target.split('/') {
            match part {
                ".." => drop(parts.pop()),
                "." | "" => {}
                part => parts.push(part),
            }
        }
        parts.join("/")
    }
}

fn anchor(heading: &str) -> String {
    let cleaned = Regex::new(r"[^\w\- ]").unwrap().replace_all(heading, "").to_lowercase();
    cleaned.replace(' ', "-")
}

#[test]
fn headings_have_the_anchors_that_the_book_gives_them() {
    for (heading, wanted) in [
        ("The files belong to the server", "the-files-belong-to-the-server"),
        ("One institution, one schema, one node (Citus)", "one-institution-one-schema-one-node-citus"),
        ("`serve` does not start", "serve-does-not-start"),
    ] {
        assert_eq!(anchor(heading), wanted);
    }
}
