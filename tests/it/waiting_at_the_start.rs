//! A server that starts waits for a database that is away or that another program holds.

use std::fs::{self, File};

use tokio::net::{TcpListener, TcpStream};
use xtask::postgres::Server;

use crate::school::{Client, Process, School, eventually, matricula};

#[tokio::test]
async fn a_start_waits_for_another_program_and_says_so() {
    waits_for("begin; lock table log_head in access exclusive mode", "begin immediate").await;
}

#[tokio::test]
async fn a_start_waits_for_a_program_that_locks_enrollments() {
    waits_for("begin; lock table student_courses in access exclusive mode", "begin exclusive").await;
}

#[tokio::test]
async fn a_start_waits_for_a_program_that_keeps_readers_out_as_well() {
    let holds = "begin; lock table matricula_migrations in access exclusive mode";
    waits_for(holds, "pragma journal_mode = delete; begin exclusive").await;
}

#[tokio::test]
async fn a_start_waits_for_a_server_that_does_not_answer_yet_postgres_only() {
    let server = Server::start().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = server.url().replace(&format!(":{}", server.port()), &format!(":{port}"));
    // The first connections are closed at once, as by a server that still starts.
    let connections = tokio::spawn(async move {
        for _ in 0..3 {
            drop(listener.accept().await.unwrap());
        }
        while let Ok((mut client, _)) = listener.accept().await {
            let mut real = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut real).await });
        }
    });
    let school = Process::serve_at(&url).await;
    Client::new(school.address).ask("GET", "/api/v1/students").await.is_ok();
    connections.abort();
}

/// Another program holds the database by one of these statements, on a server or in a file.
async fn waits_for(on_a_server: &str, in_a_file: &str) {
    let school = School::open().await;
    school.student("Ana").await;
    let database = school.close().await;
    let other = database.other_program();
    other.execute_batch(if database.is_on_a_server() { on_a_server } else { in_a_file }).unwrap();
    let output = database.folder().join("output");
    let mut command = matricula();
    command.args(["serve", "--listen", "127.0.0.1:0", "--database"]).arg(database.argument());
    command.stderr(File::create(&output).unwrap());
    let starts = tokio::spawn(Process::start(command));
    eventually("the server says that it waits", async || {
        fs::read_to_string(&output).unwrap().contains("waiting for")
    })
    .await;
    assert!(!starts.is_finished(), "it serves");
    drop(other);
    let server = starts.await.unwrap();
    let students = Client::new(server.address).ask("GET", "/api/v1/students").await.is_ok().json();
    assert_eq!(students[0]["name"], "Ana");
}
