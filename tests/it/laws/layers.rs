//! Which part of the source may depend on which, and that no files depend on each other in a cycle.

use std::collections::BTreeSet;

use super::imports::{Dependencies, cycles, dependencies};
use super::source::{Source, enforce, is_at};

/// A part of the source.
struct Layer {
    name: &'static str,
    /// The files in it, except those that are in a layer above.
    places: &'static [&'static str],
    /// The layers below that its files may depend on, in addition to its own.
    below: &'static str,
}

impl Layer {
    fn below(&self) -> impl Iterator<Item = &'static str> {
        self.below.split_whitespace()
    }
}

const fn layer(name: &'static str, places: &'static [&'static str], below: &'static str) -> Layer {
    Layer { name, places, below }
}

/// From the top, which people and clients use, to the bottom, which everything uses.
const LAYERS: &[Layer] = &[
    layer(
        "cli",
        &["main.rs", "cli/"],
        "schools server doctor sample audit adoption access exports imports files viewer lists mapping http config registrar db metrics ground",
    ),
    layer(
        "schools",
        &["schools/"],
        "server pages state imports subjects access adoption http config db metrics ground",
    ),
    layer("doctor", &["doctor/"], "audit http config mapping registrar db ground"),
    layer(
        "server",
        &["server/"],
        "pages api gate state subjects imports access adoption lists viewer mapping problems http config registrar db metrics ground",
    ),
    layer(
        "pages",
        &["pages/"],
        "api state subjects imports files access viewer mapping sample problems http lists registrar db ground",
    ),
    layer(
        "api",
        &["*/api.rs", "*/queries.rs"],
        "state exports imports files subjects access viewer problems http lists registrar ground",
    ),
    layer("gate", &["access/gate.rs"], "state access http registrar db ground"),
    layer("state", &["state.rs"], "subjects imports access viewer mapping http registrar db metrics ground"),
    layer("exports", &["exports/"], "subjects files lists viewer registrar db ground"),
    // The subjects and their reads: they know nothing of HTTP, and `http/` knows nothing of them.
    layer(
        "subjects",
        &[
            "students/",
            "courses/",
            "instructors/",
            "enrollments/",
            "batch/",
            "seats/",
            "seat_changes/",
            "events/",
            "registration/",
            "roll/",
            "disclosures/",
            "groups/",
            "holds/",
            "rules/",
        ],
        "lists viewer registrar db ground",
    ),
    layer("access", &["access/"], "lists viewer registrar db ground"),
    layer("problems", &["problems.rs"], "imports http registrar ground"),
    layer("http", &["http/"], "lists config mapping registrar db metrics ground"),
    layer("sample", &["sample/"], "registrar ground"),
    layer("audit", &["audit/"], "registrar db ground"),
    layer("adoption", &["adoption/"], "mapping db ground"),
    layer("imports", &["imports/"], "files lists viewer mapping registrar db ground"),
    layer("files", &["files/"], "ground"),
    layer("lists", &["lists/"], "viewer registrar db ground"),
    layer("viewer", &["viewer.rs"], "registrar db ground"),
    layer("config", &["config/"], "db ground"),
    layer("registrar", &["registrar/"], "mapping db metrics ground"),
    layer("mapping", &["mapping/"], "db ground"),
    layer("db", &["db/"], "ground"),
    layer("metrics", &["metrics.rs", "traces.rs"], "ground"),
    layer(
        "ground",
        &[
            "background.rs",
            "clock.rs",
            "count.rs",
            "demand.rs",
            "priority.rs",
            "shares.rs",
            "redact.rs",
            "text/",
            "logging/",
            "lib.rs",
        ],
        "",
    ),
];

fn layer_of(file: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.places.iter().any(|place| is_at(file, place)))
}

/// Files in no layer, and dependencies that the table does not allow.
fn wrong_dependencies(sources: &[Source]) -> Vec<String> {
    let unplaced = sources.iter().filter(|source| layer_of(&source.path).is_none());
    let mut wrong: Vec<_> = unplaced.map(|source| format!("{} is in no layer", source.path)).collect();
    for (from, to) in each(&dependencies(sources)) {
        let (Some(upper), Some(lower)) = (layer_of(from), layer_of(to)) else { continue };
        if upper != lower && !LAYERS[upper].below().any(|name| name == LAYERS[lower].name) {
            let (upper, lower) = (LAYERS[upper].name, LAYERS[lower].name);
            wrong.push(format!("{from} depends on {to}: {upper} may not depend on {lower}"));
        }
    }
    wrong
}

fn each(dependencies: &Dependencies) -> impl Iterator<Item = (&str, &str)> {
    dependencies.iter().flat_map(|(from, all)| all.iter().map(move |to| (from.as_str(), to.as_str())))
}

fn cycles_of_files(sources: &[Source]) -> Vec<String> {
    let dependencies = dependencies(sources);
    cycles(&dependencies).iter().map(|cycle| described(&dependencies, cycle)).collect()
}

fn described(dependencies: &Dependencies, cycle: &BTreeSet<String>) -> String {
    let within = each(dependencies).filter(|(from, to)| cycle.contains(*from) && cycle.contains(*to));
    let lines: Vec<_> = within.map(|(from, to)| format!("\n    {from} -> {to}")).collect();
    format!("a cycle:{}", lines.concat())
}

/// Cycles of subjects: a subject does not depend on one that depends on it, whichever of their files do.
fn cycles_of_subjects(sources: &[Source]) -> Vec<String> {
    let subject = |file: &str| {
        let layer = LAYERS[layer_of(file)?].name;
        let (subject, _) = file.split_once('/').filter(|_| ["api", "subjects"].contains(&layer))?;
        Some(subject.to_owned())
    };
    let mut subjects = Dependencies::new();
    for (from, to) in each(&dependencies(sources)) {
        if let (Some(from), Some(to)) = (subject(from), subject(to)) {
            subjects.entry(to.clone()).or_default();
            let others = subjects.entry(from.clone()).or_default();
            others.extend(Some(to).filter(|to| *to != from));
        }
    }
    cycles(&subjects).iter().map(|cycle| described(&subjects, cycle)).collect()
}

/// Entries of the table that name no layer further down.
fn upward(layers: &[Layer]) -> Vec<String> {
    let mut upward = Vec::new();
    for (place, layer) in layers.iter().enumerate() {
        let further_down: Vec<_> = layers[place + 1..].iter().map(|layer| layer.name).collect();
        let wrong = layer.below().filter(|name| !further_down.contains(name));
        upward.extend(wrong.map(|name| format!("{name} is not below {}", layer.name)));
    }
    upward
}

#[test]
fn the_table_of_layers_itself_points_down() {
    assert_eq!(upward(LAYERS), [""; 0]);
    assert_eq!(upward(&[layer("db", &[], ""), layer("http", &[], "db")]), ["db is not below http"]);
}

#[test]
fn dependencies_point_down() {
    enforce(wrong_dependencies, &[("cellar/mod.rs", "")]);
    let item = |path: &'static str| (path, "pub struct Thing;");
    for (from, text, to) in [
        ("students/store.rs", "use crate::http::reply::Thing;", "http/reply.rs"),
        ("students/store.rs", "use crate::pages::kit::Thing;", "pages/kit/mod.rs"),
        ("students/mod.rs", "fn f() { crate::state::Thing; }", "state.rs"),
        ("http/reply.rs", "use crate::students::Thing as It;", "students/mod.rs"),
        ("lists/mod.rs", "use crate::{http::reply::{self, Thing}};", "http/reply.rs"),
        ("db/row.rs", "use super::super::students::Thing;", "students/mod.rs"),
        ("db/row.rs", "use crate::metrics; fn f() -> metrics::Thing {}", "metrics.rs"),
        (
            "registrar/event.rs",
            "fn f() { println!(\"{}\", crate::http::problem::Thing); }",
            "http/problem.rs",
        ),
        ("state.rs", "use crate::students::api::*;", "students/api.rs"),
        ("main.rs", "use matricula::{students::Thing as It};", "students/mod.rs"),
    ] {
        let made_up = [item(to), (from, text)].map(|(path, text)| Source::new(path, text));
        // A module exists only if its parents do.
        let parents = ["lib.rs", "http/mod.rs", "students/mod.rs", "db/mod.rs", "pages/mod.rs"];
        let parents = parents.into_iter().filter(|path| *path != to && *path != from);
        let all: Vec<_> = parents.map(|path| Source::new(path, "")).chain(made_up).collect();
        let found = wrong_dependencies(&all);
        assert!(
            matches!(found.as_slice(), [one] if one.starts_with(&format!("{from} depends on {to}"))),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn no_file_depends_on_one_that_depends_on_it() {
    enforce(
        cycles_of_files,
        &[
            ("db/a.rs", "use super::b::B; pub struct A;"),
            ("db/b.rs", "use super::a::A; pub struct B;"),
            ("db/mod.rs", ""),
        ],
    );
}

#[test]
fn no_subject_depends_on_one_that_depends_on_it() {
    let stores = [
        ("lib.rs", ""),
        ("seats/mod.rs", ""),
        ("seats/store.rs", "pub const FEW: i64 = 1;"),
        ("seats/api.rs", "use crate::courses::store::find;"),
        ("courses/mod.rs", ""),
        ("courses/store.rs", "use crate::seats::store::FEW; pub fn find() {}"),
    ];
    enforce(cycles_of_subjects, &stores);
}

/// Re-exports, a module's own tests, links in documentation and visibility are no dependencies.
#[test]
fn re_exports_tests_and_visibility_are_no_dependencies() {
    let made_up = [
        ("lib.rs", ""),
        ("db/mod.rs", "mod a;\nmod b;\npub use self::a::A;\npub(crate) use self::b::B;"),
        ("db/a.rs", "pub struct A;\n#[cfg(test)]\nmod tests { use crate::http::Far; }"),
        (
            "db/b.rs",
            "/// [`crate::http::Far`]\n#[cfg(test)] fn t() { crate::http::Far; }\npub(in crate::db) struct B(super::A);",
        ),
        ("http/mod.rs", "pub struct Far;"),
    ];
    let made_up = made_up.map(|(path, text)| Source::new(path, text));
    let dependencies = dependencies(&made_up);
    assert_eq!(each(&dependencies).collect::<Vec<_>>(), [("db/b.rs", "db/a.rs")]);
}
