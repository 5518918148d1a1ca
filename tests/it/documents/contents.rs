//! Everything that exists is described: settings, commands, endpoints, problems, tables, folders.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use clap::CommandFactory;
use matricula::adoption::{self, MigrateOptions};
use matricula::clock::Clock;
use matricula::mapping::Mapping;
use regex::Regex;
use serde_json::Value;

use super::{documents, read, root};
use crate::school::{Database, School};

/// The method and the path of a `curl` command, without the query.
fn request(command: &str) -> Option<(String, String)> {
    let url = Regex::new(r"http://127\.0\.0\.1:8080([^\s'?]*)").unwrap();
    let path = url.captures(command.strip_prefix("curl ")?)?[1].to_owned();
    let method = Regex::new(r"-X ([A-Z]+)").unwrap().captures(command).map(|found| found[1].to_owned());
    let usual = if command.contains("--json") { "POST" } else { "GET" };
    Some((method.unwrap_or_else(|| usual.to_owned()), path))
}

#[test]
fn the_first_page_is_short() {
    let length = read("README.md").text.len();
    assert!(length <= 6_000, "README.md has {length} bytes");
    let length = read("docs/contribute/architecture.md").text.len();
    assert!(length <= 13_000, "the architecture has {length} bytes");
}

#[test]
fn the_book_shows_every_endpoint_of_the_association() {
    let examples: Vec<_> = documents().iter().flat_map(|document| document.examples().unwrap()).collect();
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
                assert!(shown, "no document shows {method} {template}");
            }
        }
    }
    assert!(endpoints >= 7, "only {endpoints} endpoints were found");
}

#[test]
fn the_book_names_every_setting_of_the_server() {
    let settings_page = read("docs/operate/settings.md").text;
    let program = matricula::cli::Cli::command();
    let serve = program.find_subcommand("serve").unwrap();
    let mut settings = BTreeSet::new();
    for setting in serve.get_arguments().filter(|setting| setting.get_id() != "help") {
        let flag = format!("--{}", setting.get_long().unwrap());
        let variable = setting.get_env().and_then(|name| name.to_str()).expect("a setting has a variable");
        let defaults: Vec<_> =
            setting.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
        let row = format!("| `{flag}` | `{variable}` | ");
        let rest = settings_page.split_once(&row).unwrap_or_else(|| panic!("there is no row {row}")).1;
        assert!(defaults.iter().all(|value| rest.starts_with(&format!("`{value}`"))), "{flag}: {defaults:?}");
        settings.insert(flag);
    }
    let rows = settings_page.lines().filter(|line| line.starts_with("| `--"));
    let described: BTreeSet<_> = rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect();
    assert_eq!(described, settings);
    assert!(settings.len() >= 7, "only {settings:?} were found");
}

#[test]
fn the_book_has_a_section_for_every_command() {
    let program = matricula::cli::Cli::command();
    let names: BTreeSet<_> = program.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let headings: BTreeSet<_> = read("docs/operate/commands.md").anchors().into_iter().skip(1).collect();
    assert_eq!(headings, names);
}

#[test]
fn the_book_lists_every_kind_of_problem() {
    let page = read("docs/integrate/errors.md").text;
    let row = Regex::new(r"(?m)^\| `([a-z-]+)` \| (\d{3}) \|").unwrap();
    let listed: BTreeSet<_> =
        row.captures_iter(&page).map(|found| (found[1].to_owned(), found[2].to_owned())).collect();
    let kinds = matricula::problems::all();
    let kinds: BTreeSet<_> = kinds.map(|kind| (kind.slug.to_owned(), kind.status.to_string())).collect();
    assert_eq!(listed, kinds);
}

#[test]
fn the_book_lists_every_type_of_event() {
    let page = read("docs/integrate/events.md").text;
    let (_, table) = page.split_once("## Types").unwrap();
    for kind in matricula::registrar::EventKind::ALL {
        let kind = kind.as_str();
        assert!(table.contains(&format!("`{kind}`")), "the table of events has no {kind}");
    }
}

/// The messages are in the first column of the table; `...` stands for a part that is left out.
#[test]
fn the_messages_in_the_troubleshooting_page_are_those_of_the_program() {
    let page = read("docs/operate/troubleshooting.md").text;
    let (_, table) = page.split_once("|---|---|---|\n").unwrap();
    let rows: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 25, "only {} messages were found", rows.len());
    // Joins texts that are broken over two lines of the source.
    let sources = Regex::new(r"\\\n\s*").unwrap().replace_all(&sources(), "").into_owned();
    for row in rows {
        let messages = row.split('|').nth(1).unwrap();
        for message in messages.split('`').skip(1).step_by(2) {
            for part in message.split("...").map(str::trim).filter(|part| !part.is_empty()) {
                assert!(sources.contains(part), "no message of the program contains {part:?}");
            }
        }
    }
}

fn sources() -> String {
    let mut text = String::new();
    super::names::append_sources(&root().join("src"), &mut text);
    text
}

#[tokio::test]
async fn the_book_says_which_tables_adoption_adds_sqlite_only_it_reads_the_catalog() {
    let tables = tables_of_the_program().await;
    let page = read("docs/adopt/rules.md").text.replace('\n', " ");
    let (_, sentence) = page.split_once("These tables are added:").unwrap();
    let (sentence, _) = sentence.split_once(". ").unwrap();
    let named: BTreeSet<String> = sentence.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let found = ["students", "courses", "student_courses"].map(str::to_owned);
    let added: BTreeSet<String> = tables.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(named, &added - &BTreeSet::from(found));

    let book = read("docs/contribute/tables.md").text;
    for (name, columns) in tables {
        let written = format!("`{name}({})`", columns.join(", "));
        assert!(book.contains(&written), "the list of tables does not say {written}");
    }
}

/// Every table of a new file, and its columns.
/// The tables of the program: those of a new school, and the one that only a school with a mapping has.
pub(super) async fn tables_of_the_program() -> Vec<(String, Vec<String>)> {
    let new = School::open_at(&Database::file()).await.close().await;
    let mapped = Database::file();
    mapped
        .other_program()
        .execute_batch("create table s (id integer primary key, n text); create table c (id integer primary key, n text)")
        .unwrap();
    let mapping = "students = {table = 's', id = 'id', name = 'n'}
        courses = {table = 'c', id = 'id', name = 'n'}";
    let options =
        MigrateOptions { mapping: Some(Mapping::parse(mapping).unwrap()), ..MigrateOptions::default() };
    adoption::migrate_with(mapped.location(), &Clock::System, &options).await.unwrap();

    let mut tables: BTreeMap<_, _> = tables(&mapped).collect();
    tables.retain(|name, _| name != "s" && name != "c");
    tables.extend(self::tables(&new));
    tables.into_iter().collect()
}

fn tables(database: &Database) -> impl Iterator<Item = (String, Vec<String>)> {
    let other = database.other_program();
    let names =
        other.column("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'");
    names.into_iter().map(move |name| {
        let columns = other.column(&format!("select name from pragma_table_info('{name}') order by cid"));
        (name, columns)
    })
}

#[test]
fn the_architecture_describes_the_sources_as_they_are() {
    let architecture = read("docs/contribute/architecture.md").text;
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let entry = entry.unwrap();
        let slash = if entry.path().is_dir() { "/" } else { "" };
        let name = format!("`{}{slash}`", entry.file_name().to_str().unwrap());
        assert!(architecture.contains(&name), "the architecture does not mention {name}");
    }
}

#[test]
fn the_collection_has_a_request_for_every_endpoint_of_the_association() {
    let text = include_str!("../../../docs/matricula.postman_collection.json");
    let collection: Value = serde_json::from_str(text).unwrap();
    let mut requests = BTreeSet::new();
    let mut folders = vec![&collection["item"]];
    // Variables of the same kind have a number at the end.
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
