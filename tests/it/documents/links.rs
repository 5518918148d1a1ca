//! Links between documents lead somewhere, and every page of the book is in its table of contents.

use regex::Regex;

use super::{Document, documents, pages, read, root};

const CONTENTS: &str = "docs/SUMMARY.md";

/// The broken links of a document.
pub(super) fn broken(document: &Document) -> Vec<String> {
    let mut broken = Vec::new();
    for target in targets(document) {
        let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let wanted = if path.is_empty() { document.path.clone() } else { document.resolve(path) };
        // The book is built from its folder alone.
        let leaves_the_book = document.path.starts_with("docs/") && !wanted.starts_with("docs/");
        if leaves_the_book || !root().join(&wanted).exists() {
            broken.push(format!("{} links to {target}", document.path));
        } else if !anchor.is_empty() && !read_or(document, &wanted).anchors().iter().any(|it| it == anchor) {
            broken.push(format!("{} links to {target}, but there is no such heading", document.path));
        }
    }
    broken
}

fn read_or(document: &Document, path: &str) -> Document {
    if path == document.path {
        Document { path: document.path.clone(), text: document.text.clone() }
    } else {
        read(path)
    }
}

/// The targets of the links of a document, without those to other sites.
fn targets(document: &Document) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let prose = document.prose();
    let found = link.captures_iter(&prose).map(|found| found[1].to_owned());
    found.filter(|target| !target.contains("://")).collect()
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let documents = documents();
    let broken: Vec<String> = documents.iter().flat_map(broken).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let links: usize = documents.iter().map(|document| targets(document).len()).sum();
    assert!(links >= 150, "only {links} links were found");
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let contents = read(CONTENTS);
    let named: Vec<String> = targets(&contents).iter().map(|target| contents.resolve(target)).collect();
    for page in pages().iter().filter(|page| *page != CONTENTS) {
        let times = named.iter().filter(|name| *name == page).count();
        assert_eq!(times, 1, "{CONTENTS} names {page} {times} times");
    }
}
