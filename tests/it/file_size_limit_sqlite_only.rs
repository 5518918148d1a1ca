//! A file that may not grow any more is treated as a full disk and does not end the server. PostgreSQL keeps its own
//! files.

use serde_json::json;

use crate::school::{Client, Process, matricula};

#[tokio::test]
async fn a_server_whose_file_may_not_grow_refuses_writes_and_goes_on_reading() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("sh");
    // About a megabyte: `ulimit` counts blocks of 512 bytes.
    command
        .current_dir(folder.path())
        .env_clear()
        .envs(matricula().get_envs().filter_map(|(name, value)| Some((name, value?))))
        .args(["-c", "ulimit -f 2000 && exec \"$0\" --listen 127.0.0.1:0 --log error"])
        .arg(matricula().get_program())
        .stderr(std::process::Stdio::null());
    let server = Process::start(command).await;
    let client = Client::new(server.address);
    let student = json!({"name": "A".repeat(255), "email": "ana@example.edu"});
    let mut added = 0;
    let refused = loop {
        let reply =
            client.ask("POST", "/api/v1/students").json(&student).send().await.expect("the server runs");
        if reply.status != 201 {
            break reply;
        }
        added += 1;
        assert!(added < 10_000, "the file did not reach its limit");
    };
    assert_eq!(refused.header("retry-after"), "1");
    refused.is_refused(503, "overloaded");
    assert_eq!(client.ask("GET", "/api/v1/students").await.is_ok().ids().len(), added);
    client.ask("GET", "/healthz").await.is_ok();
    assert!(server.terminate().await.success());
}
