//! Settings that a server, a database or a role may have, under which the same statement would mean something else.

use serde_json::json;

use crate::school::{Client, Database, Process, School};

/// All settings that could change the meaning of a statement or the form of its result.
const STRANGE: [&str; 12] = [
    "standard_conforming_strings = off",
    "escape_string_warning = on",
    "backslash_quote = off",
    "transform_null_equals = on",
    "datestyle = 'SQL, DMY'",
    "intervalstyle = 'iso_8601'",
    "bytea_output = 'escape'",
    "extra_float_digits = -15",
    "client_min_messages = 'error'",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_read_only = on",
    "statement_timeout = '60s'",
];

#[tokio::test]
async fn the_answers_are_the_same_whatever_the_settings_of_the_database() {
    let database = Database::new();
    let other = database.other_program();
    let name = &other.column("select current_database()")[0];
    for setting in STRANGE {
        other.execute_batch(&format!("alter database {name} set {setting}")).unwrap();
    }
    let school = School::open_at(&database).await;
    let algebra = school.course("Algebra").await;
    for name in ["Ana 100% \\ _ ~ O'Hara", "Ben"] {
        let ana = school.post("/api/v1/students", json!({"name": name, "email": "a@example.edu"})).await;
        let url = ana.is_created().header("location").to_owned();
        school.post(&format!("{url}/courses"), json!({"course_id": algebra.id})).await.is_created();
    }
    for (query, found) in
        [("%25", 1), ("%5C", 1), ("_", 1), ("~", 1), ("%27", 1), ("o%27h", 1), ("%25%25", 0), ("a", 2)]
    {
        let list = school.get(&format!("/api/v1/students?q={query}&sort=name")).await.is_ok();
        assert_eq!(list.ids().len(), found, "{query}");
        let page = school.get(&format!("/api/v1/students?q={query}&sort=email&limit=1")).await.is_ok();
        assert_eq!(page.header("x-total-count"), found.to_string(), "{query}");
    }
    assert_eq!(algebra.roster().await.len(), 2);
    school.get("/readyz").await.is_ok();
}

#[tokio::test]
async fn no_filter_of_the_log_output_reveals_names() {
    let database = Database::new();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = crate::school::matricula();
    command.arg("--database").arg(database.argument()).args(["--listen", "127.0.0.1:0"]);
    command.args(["--log", "trace,tokio_postgres=trace,tokio_postgres::query=debug,hyper=trace"]);
    command.stderr(std::fs::File::create(&log).unwrap());
    let server = Process::start(command).await;
    let client = Client::new(server.address);
    let ana = json!({"name": "Ana Secret", "email": "secret@example.edu"});
    client.ask("POST", "/api/v1/students").json(&ana).await.is_created();
    client.ask("GET", "/api/v1/students?q=secret").await.is_ok();
    assert!(server.terminate().await.success());
    let text = std::fs::read_to_string(log).unwrap();
    assert!(text.contains("/api/v1/students") && !text.to_lowercase().contains("secret"), "{text}");
}
