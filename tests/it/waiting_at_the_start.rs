//! A server that starts waits for a database that another program holds.

use std::fs::{self, File};

use crate::school::{Client, Process, School, eventually, matricula};

#[tokio::test]
async fn a_start_waits_for_another_program_and_says_so() {
    let school = School::open().await;
    school.student("Ana").await;
    let database = school.close().await;
    let holds = if database.is_on_a_server() {
        "begin; lock table log_head in access exclusive mode"
    } else {
        // A program that does not know of the write-ahead log keeps readers out as well.
        "pragma journal_mode = delete; begin exclusive"
    };
    let other = database.other_program();
    other.execute_batch(holds).unwrap();
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
