//! Third-party clients: schemathesis, which knows only the OpenAPI document, and newman, which runs the Postman
//! collection.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::school::{Database, Process, School, matricula};

/// A program that `cargo xtask setup` has installed.
pub(crate) fn tool(path: &str) -> Command {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools").join(path);
    assert!(program.exists(), "{} is missing: run `cargo xtask setup`", program.display());
    Command::new(program)
}

#[track_caller]
pub(crate) fn passes(output: &Output) {
    let printed = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&printed));
}

/// A school with people in it, so that a client that guesses small ids finds somebody.
fn populated() -> Database {
    let database = Database::new();
    let mut sample = matricula();
    sample.arg("sample").arg("--database").arg(database.argument()).args([
        "--students",
        "60",
        "--courses",
        "12",
    ]);
    passes(&sample.output().unwrap());
    database
}

/// Runs schemathesis with these arguments on every operation of the document; it must make at least `least` requests.
async fn schemathesis(arguments: &[&str], least: u64) {
    let folder = tempfile::tempdir().unwrap();
    let database = populated();
    let mut create = matricula();
    create.args(["token", "create", "--name", "schemathesis", "--role", "admin", "--database"]);
    let created = create.arg(database.argument()).output().unwrap();
    passes(&created);
    let authorization =
        format!("Authorization: Bearer {}", String::from_utf8_lossy(&created.stdout).trim_end());
    let server = Process::serve(&database).await;
    let address = format!("http://{}/api/v1/openapi.json", server.address);
    let output = tool("venv/bin/schemathesis")
        .arg("--config-file")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/schemathesis.toml"))
        .args(["run", &address, "--header", &authorization])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    drop(server);
    passes(&output);
    let printed = String::from_utf8_lossy(&output.stdout);
    let selected =
        printed.lines().find_map(|line| line.trim().strip_prefix("Selected: ")).unwrap_or_default();
    let document = serde_json::to_value(matricula::server::router::document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
    // All but the one that revokes tokens, which would find its own, and the stream of events, which has no end.
    assert_eq!(
        selected,
        format!("{}/{operations}", operations - 2),
        "some operations were not requested:\n{printed}"
    );
    let generated = printed.split(" generated, ").next().and_then(|before| before.split_whitespace().last());
    let generated: u64 = generated.and_then(|number| number.parse().ok()).unwrap_or_default();
    assert!(generated >= least, "only {generated} requests were made:\n{printed}");
    passes(&matricula().arg("check").arg("--database").arg(database.argument()).output().unwrap());
}

/// No 5xx; no status, media type, header or body that is not documented; nothing refused that the document allows,
/// nothing accepted that it forbids; no method that it does not list.
#[tokio::test]
async fn a_client_that_knows_only_the_document_is_never_surprised() {
    schemathesis(&["--phases", "examples,coverage,fuzzing"], 1000).await;
}

/// Rows can be read after they were created and not after they were deleted, in sequences of requests that follow the
/// links in answers.
///
/// The request id is fixed here: schemathesis takes `X-Request-Id` for the id of something and sends it as a number,
/// which its own HTTP client then refuses.
#[tokio::test]
async fn a_client_that_follows_links_is_never_surprised() {
    schemathesis(&["--phases", "stateful", "--max-examples", "25", "--header", "X-Request-Id: stories"], 50)
        .await;
}

/// Twice on one server: the collection must not depend on the ids of a new database.
#[tokio::test]
async fn the_postman_collection_passes_on_a_new_database_and_on_one_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new();
    let server = Process::serve(&database).await;
    let collection = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/matricula.postman_collection.json");
    for run in ["new", "used"] {
        let report = folder.path().join(format!("{run}.json"));
        let output = tool("node_modules/.bin/newman")
            .arg("run")
            .arg(&collection)
            .args(["--color", "off", "--reporters", "cli,json", "--reporter-json-export"])
            .arg(&report)
            .args(["--env-var", &format!("base_url=http://{}", server.address)])
            .current_dir(folder.path())
            .output()
            .unwrap();
        passes(&output);
        let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
        let counted = |what: &str| report["run"]["stats"][what]["total"].as_u64().unwrap();
        assert!(counted("requests") >= 36, "only {} requests were made", counted("requests"));
        assert!(counted("assertions") >= counted("requests"), "there are requests that test nothing");
        assert_eq!(report["run"]["failures"], Value::Array(Vec::new()));
    }
}

/// What redocly complains about in this document: the rules that it recommends, warnings included.
fn lint(document: &Value) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("openapi.json"), document.to_string()).unwrap();
    let output = tool("node_modules/.bin/redocly")
        .args(["lint", "openapi.json", "--extends", "recommended", "--format", "json"])
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(report["totals"]["ignored"], 0);
    problems.iter().map(|problem| format!("{}: {}", problem["ruleId"], problem["message"])).collect()
}

/// What spectral complains about in this document: its rules for OpenAPI, warnings and hints included.
fn spectral(document: &Value) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("openapi.json"), document.to_string()).unwrap();
    std::fs::write(folder.path().join("rules.json"), r#"{"extends": "spectral:oas"}"#).unwrap();
    let output = tool("node_modules/.bin/spectral")
        .args([
            "lint",
            "openapi.json",
            "--ruleset",
            "rules.json",
            "--format",
            "json",
            "--output",
            "report.json",
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let report = std::fs::read(folder.path().join("report.json"));
    let report: Value =
        serde_json::from_slice(&report.unwrap_or_else(|error| panic!("{error}: {output:?}"))).unwrap();
    let problems = report.as_array().unwrap().iter();
    problems
        .map(|problem| format!("{}: {} {}", problem["code"], problem["message"], problem["path"]))
        .collect()
}

/// The document, and one in which an operation has no summary and no tags: each checker has to see that.
async fn good_and_bad_documents() -> [Value; 2] {
    let school = School::open().await;
    let good = school.get("/api/v1/openapi.json").await.is_ok().json();
    let mut bad = good.clone();
    let operation = bad["paths"]["/api/v1/courses"]["get"].as_object_mut().unwrap();
    operation.remove("summary");
    operation.remove("tags");
    [good, bad]
}

#[tokio::test]
async fn redocly_has_nothing_to_say_about_the_document() {
    let [good, bad] = good_and_bad_documents().await;
    assert_eq!(lint(&good), [""; 0]);
    let complaints = lint(&bad);
    assert!(complaints.iter().any(|complaint| complaint.contains("operation-summary")), "{complaints:?}");
}

#[tokio::test]
async fn spectral_has_nothing_to_say_about_the_document_sqlite_only() {
    let [good, bad] = good_and_bad_documents().await;
    assert_eq!(spectral(&good), [""; 0]);
    let complaints = spectral(&bad);
    assert!(complaints.iter().any(|complaint| complaint.contains("operation-tags")), "{complaints:?}");
}
