//! The tables of dependencies are made from the comments in the manifests.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use super::{read, root, updates};

const PAGE: &str = "docs/contribute/dependencies.md";
const MARK: &str =
    "<!-- The rest is written by a test: MATRICULA_UPDATE_DOCS=1 cargo nextest run documents -->\n";
/// A manifest, a section of it, and what the section is for.
const SECTIONS: [(&str, &str, &str); 6] = [
    ("Cargo.toml", "[dependencies]", "The program"),
    ("Cargo.toml", "[dev-dependencies]", "The tests"),
    ("bench/Cargo.toml", "[dependencies]", "The benchmark"),
    ("torture/Cargo.toml", "[dependencies]", "Torture"),
    ("torture/Cargo.toml", "[dev-dependencies]", "The tests of torture"),
    ("xtask/Cargo.toml", "[dependencies]", "The tools in xtask"),
];

/// The dependencies of a section, and the comment above each.
fn reasons(manifest: &str, section: &str) -> Result<BTreeMap<String, String>, String> {
    let lines = manifest.lines().skip_while(|line| *line != section).skip(1);
    let (mut reasons, mut comment) = (BTreeMap::new(), None);
    for line in lines.take_while(|line| !line.starts_with('[')) {
        if let Some(text) = line.strip_prefix("# ") {
            comment = Some(text.to_owned());
        } else if let Some((name, _)) = line.split_once(" = ") {
            let reason = comment.take().ok_or_else(|| format!("no comment says why {name} is there"))?;
            reasons.insert(name.to_owned(), reason);
        }
    }
    Ok(reasons)
}

#[test]
fn the_tables_of_dependencies_say_what_the_manifests_say() {
    let page = read(PAGE).text;
    let (before, written) = page.split_once(MARK).unwrap();
    let mut rendered = String::new();
    for (path, section, title) in SECTIONS {
        let reasons = reasons(&read(path).text, section).unwrap_or_else(|why| panic!("{path}: {why}"));
        assert!(!reasons.is_empty(), "{path} has no {section}");
        write!(rendered, "\n## {title}\n\n| crate | why |\n|---|---|\n").unwrap();
        for (name, reason) in reasons {
            writeln!(rendered, "| `{name}` | {reason} |").unwrap();
        }
    }
    if updates() {
        fs::write(root().join(PAGE), format!("{before}{MARK}{rendered}")).unwrap();
    } else {
        assert_eq!(written, rendered, "{PAGE} has drifted: MATRICULA_UPDATE_DOCS=1 rewrites it");
    }
}

#[test]
fn a_dependency_without_a_reason_is_noticed() {
    let manifest = "[dependencies]\n# times\njiff = \"1\"\nmemchr = \"2\"\n\n[profile]\na = 1\n";
    assert_eq!(reasons(manifest, "[dependencies]"), Err("no comment says why memchr is there".to_owned()));
    let known = reasons(&manifest.replace("memchr = \"2\"\n", ""), "[dependencies]").unwrap();
    assert_eq!(known, BTreeMap::from([("jiff".to_owned(), "times".to_owned())]));
}
