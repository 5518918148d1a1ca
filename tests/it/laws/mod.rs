//! The rules of the architecture, checked against the source. Each rule is also tried on a made-up source that breaks
//! it.

mod imports;
mod layers;
mod source;

use regex::Regex;

use self::source::{Source, enforce, sources};

/// A rule: the pattern matches only in these places.
fn only_in(pattern: &str, places: &[&str]) -> impl Fn(&[Source]) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    move |sources| {
        let elsewhere = sources.iter().filter(|source| !source.is_at(places));
        elsewhere.flat_map(|source| lines_of(source, &pattern)).collect()
    }
}

/// A rule: the pattern matches in none of these places.
fn never_in(pattern: &str, places: &[&str]) -> impl Fn(&[Source]) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    move |sources| {
        let there = sources.iter().filter(|source| source.is_at(places));
        there.flat_map(|source| lines_of(source, &pattern)).collect()
    }
}

/// Lines that match, as `file:line: text`. Comments are ignored.
fn lines_of(source: &Source, pattern: &Regex) -> Vec<String> {
    let lines = source.without_tests().lines().enumerate();
    let matching = lines.filter(|(_, line)| pattern.is_match(line.split("//").next().unwrap_or_default()));
    matching.map(|(number, line)| format!("{}:{}: {}", source.path, number + 1, line.trim())).collect()
}

#[test]
fn code_below_http_does_not_use_http_libraries() {
    enforce(
        never_in(
            r"\b(axum|hyper|tower|tower_http)(::|\b)",
            &["registrar/", "db/", "lists/", "adoption/", "audit/", "*/store.rs"],
        ),
        &[("registrar/mod.rs", "use axum::http::StatusCode;")],
    );
    enforce(never_in(r"\butoipa\b", &["db/"]), &[("db/row.rs", "#[derive(utoipa::ToSchema)]\nstruct Row;")]);
}

#[test]
fn sql_is_only_in_its_places() {
    let statement = r#"(?:"|^\s*)(select |insert |update \w+ set |delete from |create |alter |drop (table|index)|with |pragma )"#;
    enforce(
        only_in(statement, &["*/store.rs", "registrar/commit/", "db/", "lists/records.rs"]),
        &[("students/api.rs", r#"let sql = "select id from students";"#)],
    );
}

#[test]
fn status_codes_are_only_in_their_places() {
    let places = [
        "*/api.rs",
        "pages/",
        "problems.rs",
        "http/",
        "metrics.rs",
        // The rehearsal is a client, which reads them from answers.
        "cli/rush/",
        // So is the check of the proxy.
        "doctor/proxy.rs",
    ];
    enforce(
        only_in(r"StatusCode|\b(200|201|204|304|404|409|412|503)\b", &places),
        &[("students/store.rs", "fn status() -> u16 { 404 }")],
    );
}

#[test]
fn html_is_only_in_templates() {
    enforce(
        only_in(r"<(html|body|div|p|h1|span|table)\b", &[]),
        &[("pages/students.rs", r#"let page = "<div>";"#)],
    );
}

#[test]
fn the_environment_is_read_in_one_place() {
    enforce(
        only_in(r"env::var|\benv = |env\(", &["config/"]),
        &[("db/mod.rs", r#"let home = std::env::var("HOME");"#)],
    );
}

#[test]
fn the_time_comes_from_the_clock() {
    enforce(
        only_in(r"Timestamp::now|SystemTime::now|Zoned::now", &["clock.rs"]),
        &[("students/store.rs", "let now = Timestamp::now();")],
    );
}

#[test]
fn threads_belong_to_the_database_the_registrar_passwords_and_long_work() {
    enforce(
        only_in(r"thread::(spawn|Builder)", &["db/", "registrar/", "access/passwords/", "priority.rs"]),
        &[("http/server.rs", "std::thread::spawn(|| ());")],
    );
}

fn long_handlers(sources: &[Source]) -> Vec<String> {
    let handlers = sources.iter().flat_map(handlers_of);
    let long = handlers.filter(|(_, body)| body.lines().count() > 15 + 1);
    long.map(|(path, body)| format!("{} lines in {path}:\n{body}", body.lines().count() - 1)).collect()
}

/// The bodies of the handlers in an `api.rs`, each with its file.
fn handlers_of(source: &Source) -> Vec<(&str, &str)> {
    let handler = Regex::new(r"(?ms)#\[utoipa::path\(.*?^\}").unwrap();
    let found = handler.find_iter(source.without_tests()).filter(|_| source.is_at(&["*/api.rs"]));
    found.map(|found| (&*source.path, found.as_str().split_once(" {\n").unwrap().1)).collect()
}

#[test]
fn handlers_are_short() {
    let long = format!("#[utoipa::path(get)]\nfn show() {{\n{}}}", "    step();\n".repeat(16));
    enforce(long_handlers, &[("students/api.rs", &long)]);
    let handlers = sources().iter().flat_map(handlers_of).count();
    assert!(handlers >= 17, "only {handlers} handlers were found");
}

fn long_files(sources: &[Source]) -> Vec<String> {
    let lines = sources.iter().map(|source| (&source.path, source.text.lines().count()));
    lines.filter(|(_, lines)| *lines > 400).map(|(path, lines)| format!("{path} has {lines} lines")).collect()
}

#[test]
fn no_file_has_more_than_400_lines() {
    enforce(long_files, &[("db/mod.rs", &"\n".repeat(401))]);
}

#[test]
fn nothing_is_left_unfinished() {
    let unfinished = r"todo!|unimplemented!|FIXME|\.unwrap\(\)";
    enforce(only_in(unfinished, &[]), &[("db/mod.rs", "let row = rows.next().unwrap();")]);
}

/// The libraries in a manifest, as code names them.
fn libraries(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    manifest["dependencies"].as_table().unwrap().keys().map(|name| name.replace('-', "_")).collect()
}

/// `fuzz/` compiles the modules that read files without the rest of the program, on a compiler that the tests do not have.
#[test]
fn the_fuzzed_modules_need_only_libraries_that_the_fuzzer_has() {
    let fuzzed = ["clock.rs", "count.rs", "files/", "text/"];
    let missing = libraries(include_str!("../../../Cargo.toml"));
    let has = libraries(include_str!("../../../fuzz/Cargo.toml"));
    let missing: Vec<_> = missing.into_iter().filter(|library| !has.contains(library)).collect();
    let pattern = format!(r"\b({})::", missing.join("|"));
    enforce(never_in(&pattern, &fuzzed), &[("files/reading/mod.rs", "use tokio::fs::File;")]);
}
