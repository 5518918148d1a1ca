//! Litestream next to a server: a continuous copy of the database file. (PostgreSQL has standbys.)

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;

use crate::school::{Client, Database, Process, eventually, matricula};

/// Killed when dropped.
struct Litestream(Child);

impl Drop for Litestream {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program that `cargo xtask setup` installs, where it can be had.
fn litestream() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/venv/bin/litestream");
    program.exists().then_some(program)
}

fn enrollments(database: &Path) -> i64 {
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.query_row("select count(*) from student_courses", [], |row| row.get(0)).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_litestream_has_copied_when_everything_is_killed_is_a_sound_school() {
    let Some(program) = litestream() else {
        let skipped =
            "skipped: there is no target/tools/venv/bin/litestream; `cargo xtask setup` installs it";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    let database = Database::file();
    let sample =
        ["sample", "--students", "300", "--courses", "20", "--without-seats", "--seed", "3", "--database"];
    assert!(matricula().args(sample).arg(database.argument()).output().unwrap().status.success());
    let before = enrollments(Path::new(database.argument()));
    let mut server = Process::serve(&database).await;
    let replica = format!("file://{}", database.folder().join("replica").display());
    let mut replicate = Command::new(&program);
    replicate
        .arg("replicate")
        .arg(database.argument())
        .arg(&replica)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut copying = Litestream(replicate.spawn().unwrap());

    let confirmed = Arc::new(AtomicI64::new(0));
    let (count, client) = (Arc::clone(&confirmed), Client::new(server.address));
    let enrolling = tokio::spawn(async move {
        for (student, course) in (1..=300).flat_map(|student| (1..=20).map(move |course| (student, course))) {
            let url = format!("/api/v1/students/{student}/courses");
            let asked = client.ask("POST", &url).json(&json!({"course_id": course})).send().await;
            match asked {
                Ok(reply) => count.fetch_add(i64::from(reply.status.as_u16() == 201), Ordering::SeqCst),
                Err(_) => return,
            };
        }
    });
    let copies = std::cell::Cell::new(0);
    let restore = || {
        copies.set(copies.get() + 1);
        let copy = database.folder().join(format!("copy-{}.db", copies.get()));
        let output =
            Command::new(&program).args(["restore", "-o"]).arg(&copy).arg(&replica).output().unwrap();
        output.status.success().then_some(copy)
    };
    eventually("enrollments are in the copy", async || {
        restore().is_some_and(|copy| enrollments(&copy) > before)
    })
    .await;
    // As when the machine is lost.
    copying.0.kill().unwrap();
    server.kill();
    enrolling.await.unwrap();
    assert!(confirmed.load(Ordering::SeqCst) > 0);

    let copy = restore().unwrap();

    let check = matricula().arg("check").arg("--database").arg(&copy).output().unwrap();
    assert!(check.status.success(), "{check:?}");
    // On the machine that was not lost after all: the copy is an earlier state, and nothing else.
    let mut check = matricula();
    check.arg("check").arg("--database").arg(database.argument()).arg("--against").arg(&copy);
    let check = check.output().unwrap();
    assert!(check.status.success(), "{check:?}");
    assert!(String::from_utf8_lossy(&check.stdout).contains("ok: the log begins with all "), "{check:?}");
    // The copy is served.
    let server = Process::serve_at(&copy).await;
    Client::new(server.address).ask("GET", "/readyz").await.is_ok();
    assert!(server.terminate().await.success());
}
