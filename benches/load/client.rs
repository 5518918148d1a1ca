//! A client that costs little: requests made beforehand, answers read just far enough.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

/// What is asked, request by request.
pub(crate) struct Load {
    students: u64,
    chance: Rng,
    kind: Kind,
    status: u16,
}

enum Kind {
    Read,
    /// Each student in turn, in one fresh course after the other.
    Enroll {
        courses: Vec<u64>,
        next: u64,
    },
    Post,
}

impl Load {
    /// The courses of a random student.
    pub(crate) fn reads(students: u64) -> Self {
        Self { students, chance: Rng::with_seed(1), kind: Kind::Read, status: 200 }
    }

    /// A new enrollment each.
    pub(crate) fn enrollments(students: u64, courses: Vec<u64>) -> Self {
        Self { students, chance: Rng::with_seed(2), kind: Kind::Enroll { courses, next: 0 }, status: 201 }
    }

    /// The same request to a server that does not care.
    pub(crate) fn posts(students: u64) -> Self {
        Self { students, chance: Rng::with_seed(2), kind: Kind::Post, status: 201 }
    }

    fn next(&mut self) -> Vec<u8> {
        let student = self.chance.u64(1..=self.students);
        match &mut self.kind {
            Kind::Read => {
                format!("GET /api/v1/students/{student}/courses HTTP/1.1\r\nHost: localhost\r\n\r\n").into()
            }
            Kind::Enroll { courses, next } => {
                let place = usize::try_from(*next / self.students).unwrap_or_default() % courses.len();
                // A stride that shares no factor with the number of students visits all of them, far apart.
                let student = (*next).wrapping_mul(7_919) % self.students + 1;
                *next += 1;
                post(student, courses[place])
            }
            Kind::Post => post(student, 1007),
        }
    }
}

fn post(student: u64, course: u64) -> Vec<u8> {
    let body = format!("{{\"course_id\":{course}}}");
    format!(
        "POST /api/v1/students/{student}/courses HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}

/// An answer with what its list has in all.
pub(crate) struct Page {
    pub(crate) total: Option<i64>,
    pub(crate) body: Vec<u8>,
}

/// Reads a page of a list, on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<Page> {
    let mut connection = Connection::open(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let status = connection.ask(request.as_bytes()).await?;
    ensure!(status == 200, "{status}: {path}");
    let head = String::from_utf8_lossy(&connection.buffer).into_owned();
    let total = head.split("x-total-count: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
    Ok(Page { total, body: connection.body })
}

/// Adds courses and tells their ids.
pub(crate) async fn add_courses(address: SocketAddr, many: u64) -> Result<Vec<u64>> {
    let mut connection = Connection::open(address).await?;
    let mut ids = Vec::new();
    for number in 0..many {
        let body = format!("{{\"name\":\"Fresh {number}\",\"level\":\"graduate\"}}");
        let request = format!(
            "POST /api/v1/courses HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        ensure!(connection.ask(request.as_bytes()).await? == 201, "a course was not added");
        let answer = String::from_utf8_lossy(&connection.body).into_owned();
        let id = answer.split("\"id\":").nth(1).and_then(|rest| rest.split([',', '}']).next());
        ids.push(id.context("no id")?.parse()?);
    }
    Ok(ids)
}

/// Requests a second with all connections always busy.
pub(crate) async fn saturate(
    address: SocketAddr,
    load: &mut Load,
    connections: usize,
    span: Duration,
) -> Result<f64> {
    let status = load.status;
    let load = RefCell::new(load);
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let began = Instant::now();
    let asked = open.into_iter().map(|mut connection| {
        let load = &load;
        async move {
            let mut answered = 0_u32;
            while began.elapsed() < span {
                let request = load.borrow_mut().next();
                let told = connection.ask(&request).await?;
                ensure!(told == status, "{told}: {}", String::from_utf8_lossy(&connection.body));
                answered += 1;
            }
            Ok(answered)
        }
    });
    let answered = futures_util::future::try_join_all(asked).await?;
    Ok(f64::from(answered.iter().sum::<u32>()) / began.elapsed().as_secs_f64())
}

/// The latencies at a fixed rate, each from when its request was due.
pub(crate) async fn at_rate(
    address: SocketAddr,
    load: &mut Load,
    connections: usize,
    rate: u32,
    span: Duration,
) -> Result<Vec<Duration>> {
    let status = load.status;
    let idle = Rc::new(RefCell::new(VecDeque::new()));
    for _ in 0..connections {
        let connection = Connection::open(address).await?;
        idle.borrow_mut().push_back(connection);
    }
    let local = LocalSet::new();
    let requests = u32::try_from(span.as_secs()).unwrap_or(u32::MAX).saturating_mul(rate);
    local
        .run_until(async {
            let mut asked = JoinSet::new();
            let began = Instant::now();
            for number in 0..requests {
                let due = began + Duration::from_secs(1) * number / rate;
                while Instant::now() < due || idle.borrow().is_empty() {
                    tokio::task::yield_now().await;
                }
                let taken = idle.borrow_mut().pop_front();
                let mut connection = taken.context("no idle connection")?;
                let (idle, request) = (Rc::clone(&idle), load.next());
                asked.spawn_local(async move {
                    let told = connection.ask(&request).await?;
                    ensure!(told == status, "{told}: {}", String::from_utf8_lossy(&connection.body));
                    let latency = due.elapsed();
                    idle.borrow_mut().push_back(connection);
                    Ok(latency)
                });
            }
            asked.join_all().await.into_iter().collect()
        })
        .await
}

/// The latency that the part `p` of all stayed under; `sorted` is in order.
pub(crate) fn percentile(sorted: &[Duration], p: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let place = (sorted.len() as f64 * p) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096), body: Vec::new() })
    }

    /// Sends a request and reads its answer, whose length is told in its head; its status.
    async fn ask(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the connection was closed");
            let Some(head) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
                continue;
            };
            let text = std::str::from_utf8(&self.buffer[..head])?;
            let status = text.get(9..12).context("no status")?.parse()?;
            let length = text.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let end = head + 4 + length.context("no content-length")?;
            if self.buffer.len() >= end {
                self.body.clear();
                self.body.extend_from_slice(&self.buffer[head + 4..end]);
                return Ok(status);
            }
        }
    }
}
