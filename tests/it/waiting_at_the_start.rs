//! A server that starts waits for a database that another program holds.

use std::fs::{self, File};

use crate::school::{Client, Process, School, eventually, matricula};

#[tokio::test]
async fn a_start_waits_for_another_program_and_says_so() {
    waits_for("begin; lock table log_head in access exclusive mode", "begin immediate").await;
}

#[tokio::test]
async fn a_start_waits_for_a_program_that_keeps_readers_out_as_well() {
    let holds = "begin; lock table matricula_migrations in access exclusive mode";
    waits_for(holds, "pragma journal_mode = delete; begin exclusive").await;
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
