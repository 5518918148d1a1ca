//! The laws of the house, read from its source.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

struct Source {
    path: String,
    text: String,
}

fn sources() -> Vec<Source> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(&path, found) } else { found.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    below(&root, &mut found);
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    let own = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        // A module's own tests have other laws.
        text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
    };
    let sources: Vec<_> = found.iter().map(|path| Source { path: name(path), text: own(path) }).collect();
    assert!(sources.len() > 30, "the house was not found");
    sources
}

/// Lines of `src/` that match and stand in none of the places where they may, as `file:line: text`.
fn strays(pattern: &str, places: &[&str]) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let elsewhere =
        sources().into_iter().filter(|source| !places.iter().any(|place| at(&source.path, place)));
    let mut strays = Vec::new();
    for source in elsewhere {
        for (number, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if pattern.is_match(code) {
                strays.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    strays
}

/// A place is a folder (`http/`), a file (`config.rs`), or a file of that name in any room (`*/store.rs`).
fn at(path: &str, place: &str) -> bool {
    match place.strip_prefix('*') {
        Some(name) => path.ends_with(name),
        None => path == place || (place.ends_with('/') && path.starts_with(place)),
    }
}

#[track_caller]
fn only_in(what: &str, pattern: &str, places: &[&str]) {
    let strays = strays(pattern, places);
    assert!(strays.is_empty(), "{what} stand only in {places:?}, but here too:\n{}", strays.join("\n"));
    assert!(!self::strays(pattern, &[]).is_empty(), "the pattern for {what} finds nothing at all");
}

#[test]
fn the_heart_knows_no_http_and_the_cellar_no_student() {
    let rooms = "students|courses|enrollments|events|seats|batch|registration|sample|ui|audit|adoption|cli|app|school|http";
    for (house, above) in [
        ("registrar/", format!(r"crate::(\{{|({rooms}|config)\b)|\b(axum|hyper|tower)\b")),
        ("db/", format!(r"crate::(\{{|({rooms}|registrar|config|metrics)\b)|\b(axum|hyper|tower|utoipa)\b")),
        (
            "http/",
            r"crate::(\{|(students|courses|enrollments|events|seats|batch|registration|sample|ui|audit|cli|app|school|adoption)\b)".to_owned(),
        ),
        (
            "ui/",
            r"crate::(\{|(students|courses|enrollments|events|seats|batch|registration|sample|audit|cli|app|school|adoption)\b)".to_owned(),
        ),
    ] {
        let pattern = Regex::new(&above).unwrap();
        for source in sources().iter().filter(|source| source.path.starts_with(house)) {
            for line in source.text.lines().map(|line| line.split("//").next().unwrap_or_default()) {
                assert!(!pattern.is_match(line), "an arrow points uphill in {}: {line}", source.path);
            }
        }
    }
}

#[test]
fn sql_has_its_addresses() {
    let statement = r#"(?:"|^\s*)(select |insert |update \w+ set |delete from |create |alter |drop (table|index)|with |pragma )"#;
    only_in("statements", statement, &["*/store.rs", "registrar/commit/", "db/"]);
}

#[test]
fn status_codes_have_their_addresses() {
    only_in(
        "status codes",
        r"StatusCode|\b(200|201|204|304|404|409|412|503)\b",
        // The rehearsal is a client, to whom they are answers.
        &["*/api.rs", "*/pages.rs", "ui/", "http/", "metrics.rs", "cli/rush/"],
    );
}

#[test]
fn html_has_its_addresses() {
    let strays = strays(r"<(html|body|div|p|h1|span|table)\b", &["*/pages.rs"]);
    assert_eq!(strays, [""; 0]);
}

#[test]
fn the_environment_is_read_in_one_place() {
    only_in("the environment", r"env::var|\benv = |env\(", &["config.rs"]);
}

#[test]
fn the_time_comes_from_the_clock() {
    only_in("the wall's time", r"Timestamp::now|SystemTime::now|Zoned::now", &["clock.rs"]);
}

#[test]
fn threads_belong_to_the_cellar_and_the_heart() {
    only_in("threads", r"thread::(spawn|Builder)", &["db/", "registrar/"]);
}

#[test]
fn handlers_are_short() {
    let handler = Regex::new(r"(?ms)#\[utoipa::path\(.*?^\}").unwrap();
    let mut handlers = 0;
    for source in sources().iter().filter(|source| source.path.ends_with("/api.rs")) {
        for found in handler.find_iter(&source.text) {
            handlers += 1;
            let body = found.as_str().split_once(" {\n").unwrap().1;
            let lines = body.lines().count() - 1;
            assert!(lines <= 15, "{} lines in {}:\n{}", lines, source.path, found.as_str());
        }
    }
    assert!(handlers >= 17, "only {handlers} handlers were found");
}

#[test]
fn every_file_has_one_subject() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines", source.path);
    }
}

#[test]
fn nothing_is_left_unfinished() {
    let strays = strays(r"todo!|unimplemented!|FIXME|\.unwrap\(\)", &[]);
    assert_eq!(strays, [""; 0]);
}
