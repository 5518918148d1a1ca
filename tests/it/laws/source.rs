//! The source that is checked: ours, or a made-up one that breaks a rule.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of `src/`.
pub(super) struct Source {
    /// Its path below `src/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Without the module's own tests, which have other rules. Clippy ensures that nothing follows them.
    pub(super) fn without_tests(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
    }

    pub(super) fn is_at(&self, places: &[&str]) -> bool {
        places.iter().any(|place| is_at(&self.path, place))
    }
}

/// A place is a folder (`http/`), a file (`clock.rs`), or a file of that name in any folder (`*/store.rs`).
pub(super) fn is_at(path: &str, place: &str) -> bool {
    match place.strip_prefix('*') {
        Some(name) => path.ends_with(name),
        None => path == place || (place.ends_with('/') && path.starts_with(place)),
    }
}

/// All Rust files of `src/`.
pub(super) fn sources() -> Vec<Source> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    below(&root, &mut found);
    found.sort();
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    let sources: Vec<_> =
        found.iter().map(|path| Source::new(&name(path), &fs::read_to_string(path).unwrap())).collect();
    assert!(sources.len() > 30, "the source was not found");
    sources
}

/// Enforces a rule: nothing in `src/` breaks it, and it reports a source that does.
#[track_caller]
pub(super) fn enforce(rule: impl Fn(&[Source]) -> Vec<String>, broken: &[(&str, &str)]) {
    let found = rule(&sources());
    assert!(found.is_empty(), "{} breaches of the rule:\n{}", found.len(), found.join("\n"));
    let broken: Vec<_> = broken.iter().map(|(path, text)| Source::new(path, text)).collect();
    assert!(!rule(&broken).is_empty(), "the rule does not notice a source that breaks it");
}
