//! A server keeps running when nobody reads its output.

use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::process::{Child, Stdio};
use std::time::Duration;

use matricula::http::server::{self, Server};

use crate::school::{Client, Database, Process, matricula};

/// The capacity of a pipe.
const PIPE: usize = 64 * 1024;

/// A pipe that holds as much as it can.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(&vec![b'x'; PIPE]).unwrap();
    (reader, writer)
}

/// A server that logs every request.
fn serve(database: &Database) -> std::process::Command {
    let mut command = matricula();
    command.arg("--database").arg(database.argument()).args(["--log", "info", "--log-format", "json"]);
    command
}

async fn ends(mut child: Child) -> bool {
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap().success());
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("SIGTERM ends it").unwrap()
}

#[tokio::test]
async fn log_output_that_nobody_reads_blocks_nothing() {
    let database = Database::new();
    let (mut unread, stderr) = pipe().unwrap();
    let mut command = serve(&database);
    command.args(["--listen", "127.0.0.1:0"]).stderr(stderr);
    let server = Process::start(command).await;
    let client = Client::new(server.address);
    // Each request logs more than 200 bytes. A request that is blocked would wait forever.
    let asking = async {
        for _ in 0..3 * PIPE / 200 {
            client.ask("GET", "/api/v1/courses").await.is_ok();
        }
        client.ask("GET", "/healthz").await.is_ok();
        client.ask("GET", "/readyz").await.is_ok();
    };
    tokio::time::timeout(Duration::from_mins(1), asking).await.expect("the server still answers");

    let end = tokio::time::timeout(Duration::from_secs(30), server.terminate()).await;
    assert!(end.expect("SIGTERM ends it").success());
    let mut read = String::new();
    unread.read_to_string(&mut read).unwrap();
    assert!(read.len() >= PIPE / 2 && read.starts_with('{'), "{} bytes", read.len());
}

#[tokio::test]
async fn standard_output_that_nobody_reads_does_not_keep_it_from_serving() {
    let database = Database::new();
    let (_unread, stdout) = full_pipe();
    // Nobody reads the line with the address, so it has to be chosen before.
    let address = {
        let addresses = server::resolve("127.0.0.1:0").await.unwrap();
        Server::bind(&addresses).await.unwrap().local_addr()
    };
    let mut command = serve(&database);
    command.arg("--listen").arg(address.to_string()).stdout(stdout).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let id = child.id().to_string();
    let client = Client::new(address);
    let answered = async {
        while client.ask("GET", "/readyz").send().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let answered = tokio::time::timeout(Duration::from_secs(30), answered).await;
    let kill = std::process::Command::new("kill").args(["-TERM", &id]).status();
    assert!(kill.unwrap().success());
    assert!(ends(child).await);
    answered.expect("it serves");
}

#[tokio::test]
async fn the_program_does_not_wait_forever_to_write_its_last_message() {
    let (_unread, stderr) = full_pipe();
    let mut command = matricula();
    command.args(["check", "--database", "/nowhere/school.db"]).stderr(stderr).stdout(Stdio::null());
    assert!(!ends(command.spawn().unwrap()).await);
}
