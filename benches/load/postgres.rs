//! The service on PostgreSQL beside the service on a file, and beside what most services do: one insert a transaction.

use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio_postgres::NoTls;

use crate::client::{self, Load};
use crate::{Args, CONNECTIONS, Server, make};

/// As many connections as the service has.
const POOL: u64 = 14;
const COURSES: u64 = 1000;

pub(crate) async fn measure(args: &Args, out: &mut impl Write) -> Result<()> {
    let durable = ["fsync=on", "synchronous_commit=on", "full_page_writes=on"];
    let server = xtask::postgres::Server::start_with(&durable, |_| Ok(()))?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bench.db");
    writeln!(out, "making {} students on both engines ...", args.students)?;
    make(file.as_os_str(), args.students)?;
    make(server.url().as_ref(), args.students)?;
    let on = |database: &std::ffi::OsStr| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_matricula"));
        Server::start(command.arg("--database").arg(database).args([
            "--listen",
            "127.0.0.1:0",
            "--log",
            "warn",
        ]))
    };
    let services = [on(file.as_os_str())?, on(server.url().as_ref())?];
    let students = u64::from(args.students);
    let span = Duration::from_secs(args.seconds);
    let mut writes = Vec::new();
    for service in &services {
        writes.push(Load::enrollments(students, client::add_courses(service.address, 400).await?));
    }
    let plain = Plain::connect(&server.url(), students).await?;

    let mut rates = [const { Vec::new() }; 5];
    for round in 1..=args.rounds {
        for (place, service) in services.iter().enumerate() {
            let mut reads = Load::reads(students);
            rates[place].push(client::saturate(service.address, &mut reads, CONNECTIONS, span).await?);
            let write = &mut writes[place];
            rates[2 + place].push(client::saturate(service.address, write, CONNECTIONS, span).await?);
        }
        rates[4].push(plain.insert(span).await?);
        writeln!(out, "round {round} of {} done", args.rounds)?;
    }
    let [read_file, read_server, write_file, write_server, inserts] = rates.map(|mut round| {
        round.sort_by(f64::total_cmp);
        round[round.len() / 2]
    });
    writeln!(out, "\n{students} students; medians of {} rounds of {} s", args.rounds, args.seconds)?;
    writeln!(
        out,
        "| | a file | PostgreSQL | ratio | plain inserts, {POOL} connections | PostgreSQL to plain |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    writeln!(
        out,
        "| GET /students/{{id}}/courses | {read_file:.0} | {read_server:.0} | {:.2} | | |",
        read_server / read_file
    )?;
    writeln!(
        out,
        "| POST /students/{{id}}/courses, durable | {write_file:.0} | {write_server:.0} | {:.2} | {inserts:.0} | {:.2} |",
        write_server / write_file,
        write_server / inserts
    )?;
    Ok(())
}

/// A table as ours, without a log, and connections that insert into it, a row a transaction.
struct Plain {
    clients: Vec<tokio_postgres::Client>,
    students: u64,
    next: Arc<AtomicU64>,
}

impl Plain {
    async fn connect(url: &str, students: u64) -> Result<Self> {
        let mut clients = Vec::new();
        for _ in 0..POOL {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            clients.push(client);
        }
        clients[0]
            .batch_execute(
                "create table plain (id bigint generated always as identity primary key,
                    student_id bigint not null references students (id),
                    course_id bigint not null references courses (id),
                    enrolled_at text not null, unique (student_id, course_id));
                 create index plain_course on plain (course_id)",
            )
            .await?;
        Ok(Self { clients, students, next: Arc::default() })
    }

    /// Rows a second.
    async fn insert(&self, span: Duration) -> Result<f64> {
        let started = Instant::now();
        let before = self.next.load(Ordering::Relaxed);
        let sql = "insert into plain (student_id, course_id, enrolled_at) values ($1, $2, $3)";
        let working = self.clients.iter().map(async |client| {
            let statement = client.prepare(sql).await?;
            while started.elapsed() < span {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                let student = i64::try_from(number % self.students + 1)?;
                let course = i64::try_from(number / self.students % COURSES + 1)?;
                client.execute(&statement, &[&student, &course, &"2026-09-01T08:00:00.000Z"]).await?;
            }
            anyhow::Ok(())
        });
        futures_util::future::try_join_all(working).await?;
        let inserted = self.next.load(Ordering::Relaxed) - before;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let rate = inserted as f64 / started.elapsed().as_secs_f64();
        Ok(rate)
    }
}
