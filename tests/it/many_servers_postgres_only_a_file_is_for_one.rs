//! Several servers on one database: one log and one decision at a time, whatever is cut off or restarted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use matricula::adoption;
use matricula::audit::audit;
use matricula::clock::Clock;
use matricula::db::Db;
use serde_json::json;
use tokio::sync::Notify;
use xtask::postgres::Server;

use crate::school::{Client, Database, Process, Reply, School, eventually};
use crate::sign_in;

const ROUNDS: usize = 12;
/// Answers in each round before the next failure.
const ANSWERS: usize = 600;
const CLIENTS: i64 = 64;
const COURSES: i64 = 12;

/// What one client knows about its student's courses; `None` if the server could not say.
type Known = BTreeMap<i64, Option<bool>>;

/// What all clients share.
struct Run {
    over: AtomicBool,
    answers: AtomicUsize,
    answered: Notify,
}

#[tokio::test]
async fn a_sign_in_waits_for_a_change_of_the_password_on_another_server() {
    let (school, _) = sign_in::school().await;
    let admin = "select id from matricula_accounts where role = 'admin'";
    let other = school.other_program();
    // What another server does for a change of the password, before its commit.
    other
        .execute_batch(&format!(
            "begin; update matricula_accounts set password = 'another' where id = ({admin}); \
             delete from matricula_sessions where account_id = ({admin})"
        ))
        .unwrap();
    let asking = tokio::spawn(
        sign_in::form(
            school.ask("POST", "/sign-in"),
            &[("address", "ruth@example.edu"), ("password", sign_in::PASSWORD)],
        )
        .into_future(),
    );
    let watcher = school.other_program();
    let waiting =
        "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    eventually("the sign-in waits", async || {
        assert!(!asking.is_finished(), "a session was opened with the old password");
        !watcher.column(waiting).is_empty()
    })
    .await;
    other.execute_batch("commit").unwrap();
    asking.await.unwrap().is(422);
    assert_eq!(watcher.column("select count(*)::text from matricula_sessions"), ["0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_connections_are_cut_and_the_database_restarts() {
    let mut server = Server::start().unwrap();
    let database = Database::new_on(server.url());
    database.runs(&format!(
        "create table students (id integer primary key, name text, email text);
         create table courses (id integer primary key, name text, level text);
         insert into students select n, 'Student ' || n, 's@example.edu' from generate_series(1, {CLIENTS}) n;
         insert into courses select n, 'Course ' || n, 'graduate' from generate_series(1, {COURSES}) n;"
    ));
    // At once, so that both find a database that has not been migrated.
    let (one, two) = tokio::join!(Process::serve(&database), Process::serve(&database));
    let addresses = [one.address, two.address];
    let run =
        Arc::new(Run { over: AtomicBool::new(false), answers: AtomicUsize::new(0), answered: Notify::new() });
    let clients: Vec<_> = (1..=CLIENTS)
        .map(|student| {
            let servers = addresses.map(Client::new);
            tokio::spawn(enroll_and_drop(servers, student, Arc::clone(&run)))
        })
        .collect();

    let mut chance = Rng::with_seed(7);
    for round in 0..ROUNDS {
        let before = run.answers.load(Ordering::SeqCst);
        while run.answers.load(Ordering::SeqCst) < before + ANSWERS {
            run.answered.notified().await;
        }
        if round % 4 == 3 {
            tokio::task::block_in_place(|| {
                if round % 8 == 3 { server.crash() } else { server.stop() }.unwrap();
                server.start_again().unwrap();
            });
        } else {
            let every = chance.u32(1..4);
            database.runs(&format!(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where application_name = 'matricula' and pid % {every} = 0"
            ));
        }
    }
    // Both recover by themselves.
    for address in addresses {
        let client = Client::new(address);
        client.ask("GET", "/api/v1/students?limit=1").await.is_ok();
        let course = json!({"name": "Recovery", "level": "one"});
        client.ask("POST", "/api/v1/courses").json(&course).await.is_created();
    }
    run.over.store(true, Ordering::SeqCst);
    let mut known: Vec<Known> = Vec::new();
    for client in clients {
        known.push(client.await.unwrap());
    }
    assert!(one.terminate().await.success());
    assert!(two.terminate().await.success());

    let db = Db::open(database.location()).unwrap();
    let found = audit(&db).await.unwrap();
    assert_eq!(found.findings, []);
    let head = db.query("select last_seq from log_head", [], |row| row.int(0)).await.unwrap();
    assert_eq!(head, [found.events]);
    let sql = "select student_id, course_id from student_courses";
    let rows = db.query(sql, [], |row| Ok((row.int(0)?, row.int(1)?))).await.unwrap();
    for (known, student) in known.iter().zip(1_i64..) {
        for (course, taken) in known {
            let found = rows.contains(&(student, *course));
            assert_eq!(taken.unwrap_or(found), found, "student {student}, course {course}");
        }
    }
}

/// Sends requests to both servers; every answer must agree with what this client did before on either.
async fn enroll_and_drop(servers: [Client; 2], student: i64, run: Arc<Run>) -> Known {
    let mut known = Known::new();
    let mut chance = Rng::with_seed(u64::try_from(student).unwrap());
    while !run.over.load(Ordering::SeqCst) {
        let course = chance.i64(1..=COURSES);
        let client = &servers[chance.usize(..2)];
        let url = format!("/api/v1/students/{student}/courses");
        let enroll = chance.bool();
        let reply = if enroll {
            client.ask("POST", &url).json(&json!({"course_id": course})).await
        } else {
            client.ask("DELETE", &format!("{url}/{course}")).await
        };
        let taken = known.get(&course).copied().unwrap_or(Some(false));
        if reply.status.as_u16() == 503 {
            if is_unknown(&reply) {
                known.insert(course, None);
            }
        } else {
            let expected: &[u16] = match (enroll, taken) {
                (true, Some(false)) => &[201],
                (true, Some(true)) => &[409],
                (true, None) => &[201, 409],
                (false, Some(true)) => &[204],
                (false, Some(false)) => &[404],
                (false, None) => &[204, 404],
            };
            let status = reply.status.as_u16();
            assert!(expected.contains(&status), "student {student}, course {course}, {taken:?}: {reply:?}");
            known.insert(course, Some(enroll));
        }
        run.answers.fetch_add(1, Ordering::SeqCst);
        run.answered.notify_one();
    }
    known
}

/// Whether a 503 says that the outcome is unknown; every other one says that nothing was changed.
fn is_unknown(reply: &Reply) -> bool {
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("may have been made or not") || detail.contains("nothing was changed"),
        "{detail}"
    );
    detail.contains("may have been made")
}

#[tokio::test]
async fn eight_migrations_at_once_migrate_once() {
    let database = Database::new();
    database.runs(
        "create table students (id integer primary key, name text, email text);
         create table student_courses (id integer, student_id integer, course_id integer);",
    );
    let migrations = (0..8).map(|_| adoption::migrate(database.location(), &Clock::System));
    let done = futures_util::future::join_all(migrations).await;
    let mut applied: Vec<usize> = done.into_iter().map(|report| report.unwrap().applied.len()).collect();
    applied.sort_unstable();
    assert_eq!(applied, [0, 0, 0, 0, 0, 0, 0, 26]);
}

#[tokio::test]
async fn a_write_that_cannot_lock_the_head_is_refused_within_seconds() {
    let database = Database::new();
    let server = Process::serve(&database).await;
    let client = Client::new(server.address);
    let course = json!({"name": "Algebra", "level": "one"});
    let other = database.other_program();
    other.execute_batch("begin immediate").unwrap();

    let waiting = tokio::spawn(client.ask("POST", "/api/v1/courses").json(&course).into_future());
    // Reads never wait for writes.
    client.ask("GET", "/api/v1/courses").await.is_ok();
    let refused = tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap();

    let problem = refused.is_refused(503, "overloaded");
    assert!(problem["detail"].as_str().unwrap().contains("nothing was changed"), "{problem}");
    drop(other);
    client.ask("POST", "/api/v1/courses").json(&course).await.is_created();
}

#[tokio::test]
async fn a_transaction_that_the_database_aborts_is_retried_and_done_once() {
    let school = School::open().await;
    school.other_program_runs(
        "create sequence tries;
         create function give_up() returns trigger language plpgsql as $$ begin
            case nextval('tries')
                when 1 then raise exception 'could not serialize access' using errcode = '40001';
                when 2 then raise exception 'deadlock detected' using errcode = '40P01';
                else return new;
            end case;
         end $$;
         create trigger give_up before insert on students for each row execute function give_up();",
    );
    school.post("/api/v1/students", json!({"name": "Ana", "email": "ana@example.edu"})).await.is_created();
    assert_eq!(school.database().other_program().column("select last_value from tries"), ["3"]);
    assert_eq!(school.log().await, ["student.created"]);
}
