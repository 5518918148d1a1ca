//! No acknowledged change is lost and nothing is done twice, even when the server is killed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;
use matricula::audit::audit;
use matricula::clock::Clock;
use matricula::db::{Db, Location};
use matricula::registrar::{CreateCourse, CreateStudent};
use serde_json::json;
use tokio::sync::Notify;

use crate::school::{Client, Database, Process, matricula, submit};

const ROUNDS: u64 = 12;
const CLIENTS: i64 = 64;
const COURSES: i64 = 12;

/// What one client knows about its student's courses; `None` if the server died before it answered.
type Known = BTreeMap<i64, Option<bool>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_enrollment_survives_a_kill() {
    let database = Database::new();
    let location = database.location();
    create_school(location).await;
    let mut known: Vec<Known> = vec![Known::new(); usize::try_from(CLIENTS).unwrap()];

    for round in 0..ROUNDS {
        let mut server = Process::serve(&database).await;
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let enough = Arc::new(Notify::new());
        let fatal = Rng::with_seed(round).usize(1..1500);
        let clients: Vec<_> = known
            .drain(..)
            .zip(1..)
            .map(|(known, student)| {
                let (acknowledged, enough) = (Arc::clone(&acknowledged), Arc::clone(&enough));
                let (client, chance) = (Client::new(server.address), Rng::with_seed(round << 32 | student));
                tokio::spawn(enroll_and_drop(client, student, known, chance, move || {
                    if acknowledged.fetch_add(1, Ordering::SeqCst) + 1 == fatal {
                        enough.notify_one();
                    }
                }))
            })
            .collect();
        enough.notified().await;
        server.kill();
        for client in clients {
            known.push(client.await.unwrap());
        }

        // The next program that opens the database finds all of it.
        let school = matricula::server::School::open(location, Clock::System, None).await.unwrap();
        school.close().await;
        let db = Db::open(location).unwrap();
        assert_eq!(audit(&db).await.unwrap().findings, [], "round {round}");
        let sql = "select student_id, course_id from student_courses";
        let rows = db.query(sql, [], |row| Ok((row.int(0)?, row.int(1)?))).await.unwrap();
        for (known, student) in known.iter_mut().zip(1_i64..) {
            for (course, taken) in known {
                let found = rows.contains(&(student, *course));
                assert_eq!(
                    taken.unwrap_or(found),
                    found,
                    "round {round}: student {student}, course {course}"
                );
                *taken = Some(found);
            }
        }
        let expected = known.iter().flat_map(BTreeMap::values).filter(|taken| **taken == Some(true)).count();
        assert_eq!(rows.len(), expected, "round {round}: there is no enrollment that nobody asked for");
    }
}

async fn create_school(location: &Location) {
    let school = matricula::server::School::open(location, Clock::System, None).await.unwrap();
    let registrar = &school.app.registrar;
    for number in 0..CLIENTS {
        let (name, email) = (format!("Student {number}"), format!("{number}@example.edu"));
        submit(registrar, CreateStudent::new([("name", name), ("email", email)])).await.unwrap();
    }
    for number in 0..COURSES {
        let (name, level) = (format!("Course {number}"), "graduate".to_owned());
        submit(registrar, CreateCourse::new([("name", name), ("level", level)])).await.unwrap();
    }
    school.close().await;
}

/// Sends requests until the server is gone; every answer must agree with what this client did before.
async fn enroll_and_drop(
    client: Client,
    student: u64,
    mut known: Known,
    mut chance: Rng,
    acknowledged: impl Fn() + Send,
) -> Known {
    loop {
        let course = chance.i64(1..=COURSES);
        let taken = known.get(&course).copied().flatten().unwrap_or(false);
        let url = format!("/api/v1/students/{student}/courses");
        let enroll = chance.bool();
        let asking = if enroll {
            client.ask("POST", &url).json(&json!({"course_id": course}))
        } else {
            client.ask("DELETE", &format!("{url}/{course}"))
        };
        let Ok(reply) = asking.send().await else {
            known.insert(course, None);
            return known;
        };
        let expected = match (enroll, taken) {
            (true, false) => 201,
            (true, true) => 409,
            (false, true) => 204,
            (false, false) => 404,
        };
        assert_eq!(reply.status.as_u16(), expected, "student {student}, course {course}: {reply:?}");
        known.insert(course, Some(enroll));
        acknowledged();
    }
}

#[tokio::test]
async fn a_server_with_a_full_disk_refuses_writes_but_not_reads_until_there_is_room_sqlite_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("school.db");
    // A limit on the size of files stands for a full disk: for the engine, both are a failed write.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -S -f 480; exec \"$0\" \"$@\""]).arg(matricula().get_program());
    command.arg("--database").arg(&path).args(["--listen", "127.0.0.1:0", "--log", "off"]);
    let server = Process::start(command).await;
    let client = Client::new(server.address);
    let add = |number: i32| {
        let body = json!({"name": format!("Student {number}"), "email": "a@example.edu"});
        client.ask("POST", "/api/v1/students").json(&body)
    };

    let mut acknowledged = 0;
    let refused = loop {
        let reply = add(acknowledged).await;
        if reply.status.as_u16() != 201 {
            break reply;
        }
        acknowledged += 1;
        assert!(acknowledged < 10_000, "the disk did not fill up");
    };
    assert_eq!(refused.header("retry-after"), "1");
    let problem = refused.is_refused(503, "overloaded");
    assert!(problem["detail"].as_str().unwrap().contains("is full"), "{problem}");
    let list = client.ask("GET", "/api/v1/students?limit=1").await.is_ok();
    assert_eq!(list.header("x-total-count"), acknowledged.to_string());

    let id = server.id().to_string();
    let room = std::process::Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited"]).status();
    assert!(room.unwrap().success());
    add(acknowledged).await.is_created();
    assert!(server.terminate().await.success());
    let audit = audit(&Db::open(&path.as_path().into()).unwrap()).await.unwrap();
    assert_eq!((audit.events, audit.findings), (i64::from(acknowledged) + 1, Vec::new()));
}
