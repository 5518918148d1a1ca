//! No client takes all connections, all memory or all searches. A client that asks for too much is refused at once, and
//! health and metrics are answered whatever else is refused.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use matricula::http::limits::RequestLimits;
use matricula::http::server::Bounds;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpSocket;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::school::{Raw, RawAnswer, School, eventually};

const TIMEOUT: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_hours(1);

/// Three clients: each loopback address counts as one.
const ANA: [u8; 4] = [127, 0, 0, 1];
const BEN: [u8; 4] = [127, 0, 0, 2];
const CLEO: [u8; 4] = [127, 0, 0, 3];

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// A connection that has had one answer, and stays open.
async fn keeps_alive(client: [u8; 4], address: SocketAddr) -> Raw {
    let mut raw = Raw::connect_from(client, address).await;
    raw.sends(&get("/healthz")).await;
    assert_eq!(raw.answer().await.status(), 200);
    raw
}

/// The answer to a client over a new connection.
async fn asks(client: [u8; 4], address: SocketAddr, path: &str) -> RawAnswer {
    let mut raw = Raw::connect_from(client, address).await;
    raw.sends(&get(path)).await;
    raw.answer().await
}

#[tokio::test]
async fn a_client_has_its_share_of_the_connections_and_others_have_the_rest() {
    let bounds = Bounds { connections: 8, head: HOUR, idle: HOUR, ..Bounds::default() };
    let school = School::open_within(RequestLimits::default(), bounds).await;
    let mut ana = Vec::new();
    for _ in 0..4 {
        ana.push(keeps_alive(ANA, school.address).await);
    }

    let mut fifth = Raw::connect_from(ANA, school.address).await;
    fifth.sends(&get("/api/v1/students")).await;
    let answer = fifth.rest().await;
    answer.is_refused(429, "rate-limited");
    assert_eq!((answer.header("retry-after"), answer.header("connection")), (Some("1"), Some("close")));
    let mut ben = keeps_alive(BEN, school.address).await;
    ben.sends(&get("/api/v1/students")).await;
    assert_eq!(ben.answer().await.status(), 200);

    // A closed connection makes room.
    drop(ana.pop());
    let is_admitted = async || asks(ANA, school.address, "/api/v1/students").await.status() == 200;
    eventually("another connection is admitted", is_admitted).await;
}

#[tokio::test]
async fn when_all_connections_are_taken_requests_are_refused_but_health_is_answered() {
    let bounds = Bounds { connections: 4, head: HOUR, idle: HOUR, ..Bounds::default() };
    let school = School::open_within(RequestLimits::default(), bounds).await;
    let mut taken = Vec::new();
    for client in [ANA, ANA, BEN, BEN] {
        taken.push(keeps_alive(client, school.address).await);
    }
    let answer = asks(CLEO, school.address, "/api/v1/students").await;
    answer.is_refused(503, "overloaded");
    assert_eq!((answer.header("retry-after"), answer.header("connection")), (Some("1"), Some("close")));
    for client in [ANA, CLEO] {
        for path in ["/healthz", "/readyz", "/metrics"] {
            let mut raw = Raw::connect_from(client, school.address).await;
            raw.sends(&get(path)).await;
            assert_eq!(raw.rest().await.status(), 200, "{client:?} {path}");
        }
    }
}

#[tokio::test]
async fn unused_connections_are_closed_to_admit_new_ones() {
    let bounds = Bounds { connections: 8, head: HOUR, idle: Duration::ZERO, ..Bounds::default() };
    let school = School::open_within(RequestLimits::default(), bounds).await;
    let (mut first, mut silent) =
        (keeps_alive(ANA, school.address).await, Raw::connect_from(ANA, school.address).await);
    let mut others = Vec::new();
    // Each is admitted, although there are many more than there is room for.
    for _ in 0..100 {
        let one = async {
            loop {
                let mut raw = Raw::connect_from(ANA, school.address).await;
                raw.sends(&get("/api/v1/students")).await;
                if raw.answer().await.status() == 200 {
                    return raw;
                }
            }
        };
        others.push(timeout(TIMEOUT, one).await.expect("admitted in time"));
    }
    assert!(first.is_closed().await && silent.is_closed().await);
    let mut last = others.pop().unwrap();
    last.sends(&get("/healthz")).await;
    assert_eq!(last.answer().await.status(), 200, "the newest connection stays open");
}

#[tokio::test]
async fn only_some_rejected_connections_are_answered_and_other_clients_still_get_health() {
    let bounds = Bounds { connections: 1, head: HOUR, idle: HOUR, ..Bounds::default() };
    let school = School::open_within(RequestLimits::default(), bounds).await;
    // They send nothing, for as long as the server allows.
    let mut crowd = Vec::new();
    let full = async {
        loop {
            let next = Raw::connect_from(ANA, school.address).await;
            if timeout(Duration::from_millis(1), next.0.readable()).await.is_ok() {
                return next;
            }
            crowd.push(next);
        }
    };
    let mut closed = timeout(TIMEOUT, full).await.expect("full in time");
    assert!(closed.is_closed().await);
    assert_eq!(asks(BEN, school.address, "/healthz").await.status(), 200);
    asks(BEN, school.address, "/students").await.is_refused(503, "overloaded");
}

/// A request whose body of one mebibyte is sent except for its last byte.
async fn almost_sends(client: [u8; 4], school: &School) -> Raw {
    let mut raw = Raw::connect_from(client, school.address).await;
    let head = "POST /api/v1/students HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    raw.sends(&format!("{head}Content-Length: {}\r\n\r\n{}", 1 << 20, " ".repeat((1 << 20) - 1))).await;
    raw
}

/// The answer to a complete request, for whose body there may be no room.
async fn sends(client: [u8; 4], school: &School) -> RawAnswer {
    let mut raw = Raw::connect_from(client, school.address).await;
    let head = "POST /api/v1/students HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let body = format!(r#"{{"name":"Ana","email":"ana@example.edu"{}}}"#, " ".repeat(1000));
    raw.sends(&format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await;
    raw.rest().await
}

#[tokio::test]
async fn bodies_that_never_end_take_a_share_of_the_memory_for_bodies_and_give_it_back() {
    let limits = RequestLimits { all_bodies: 4 << 20, ..RequestLimits::default() };
    let school = School::open_within(limits, Bounds::default()).await;
    let [first, second] = [almost_sends(ANA, &school).await, almost_sends(ANA, &school).await];
    // It takes a moment until the bodies arrive.
    let refused = async {
        loop {
            let answer = sends(ANA, &school).await;
            if answer.status() != 201 {
                return answer;
            }
        }
    };
    let refused = timeout(TIMEOUT, refused).await.expect("the memory is taken in time");
    refused.is_refused(429, "rate-limited");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(sends(BEN, &school).await.status(), 201);

    let [_third, _fourth] = [almost_sends(BEN, &school).await, almost_sends(BEN, &school).await];
    let refused = async {
        loop {
            let answer = sends(CLEO, &school).await;
            if answer.status() != 201 {
                return answer;
            }
        }
    };
    let refused = timeout(TIMEOUT, refused).await.expect("the memory is taken in time");
    refused.is_refused(503, "overloaded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    // Reads are not affected, and closed connections give their memory back.
    assert_eq!(asks(ANA, school.address, "/api/v1/courses").await.status(), 200);
    drop((first, second));
    eventually("the memory is given back", async || sends(ANA, &school).await.status() == 201).await;
}

#[tokio::test]
async fn a_body_that_is_declared_larger_than_the_room_left_is_refused_before_it_arrives() {
    let limits = RequestLimits { all_bodies: 1 << 20, ..RequestLimits::default() };
    let school = School::open_within(limits, Bounds::default()).await;
    let mut raw = school.connects().await;
    let head = "POST /api/v1/students HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    raw.sends(&format!("{head}Content-Length: {}\r\n\r\n", 1 << 20)).await;
    raw.answer().await.is_refused(429, "rate-limited");
}

/// A school whose list of students is longer than what a socket can buffer, and takes a while to search.
async fn large_school() -> School {
    let school = School::open().await;
    let long = "x".repeat(245);
    school.other_program_runs(&format!(
        "with recursive n(n) as (select 1 union all select n + 1 from n where n < 30000)
         insert into students (name, email)
         select '{long}' || n, 'student' || n || '@example.edu' from n"
    ));
    school
}

#[tokio::test]
async fn long_lists_that_a_client_does_not_read_leave_room_for_others() {
    let school = large_school().await;
    let mut unread = Vec::new();
    let refused = async {
        loop {
            let mut raw = Raw::connect_from(ANA, school.address).await;
            raw.sends(&get("/api/v1/students")).await;
            raw.0.readable().await.unwrap();
            let mut head = [0; 12];
            raw.0.peek(&mut head).await.unwrap();
            if !head.ends_with(b"200") {
                return raw.answer().await;
            }
            unread.push(raw);
        }
    };
    let refused = timeout(TIMEOUT, refused).await.expect("refused in time");
    refused.is_refused(429, "rate-limited");
    let mut ben = Raw::connect_from(BEN, school.address).await;
    ben.sends("GET /api/v1/students HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let all = ben.rest().await;
    assert!(all.status() == 200 && all.header("x-total-count") == Some("30000"), "{:.300}", all.0);
}

#[tokio::test]
async fn a_client_with_too_many_searches_is_refused_at_once_and_others_can_still_search() {
    let school = large_school().await;
    let began = Instant::now();
    let full = Notify::new();
    let searches = join_all((0..300).map(|_| async {
        let answer = asks(ANA, school.address, "/api/v1/students?q=example&limit=1").await;
        if answer.status() != 200 {
            full.notify_one();
        }
        answer
    }));
    let other = async {
        // Once the first search has been refused, as many are waiting as can wait.
        full.notified().await;
        asks(BEN, school.address, "/api/v1/students?q=student777%40").await
    };
    let (answers, found) = tokio::join!(searches, other);

    assert!(found.status() == 200 && found.header("x-total-count") == Some("1"), "{}", found.0);
    let mut refused = 0;
    for answer in answers {
        match answer.status() {
            200 => {}
            // On a slow machine, a search may also have waited too long.
            503 => {
                answer.is_refused(503, "overloaded");
            }
            _ => {
                answer.is_refused(429, "rate-limited");
                refused += 1;
            }
        }
    }
    assert!((1..300).contains(&refused), "{refused} searches were refused");
    assert!(began.elapsed() < TIMEOUT, "nobody waits for long");
}

#[tokio::test]
async fn long_answers_that_a_client_does_not_read_take_a_share_of_the_memory_and_give_it_back() {
    let bounds = Bounds { memory: 9 << 20, ..Bounds::default() };
    let school = School::open_within(RequestLimits::default(), bounds).await;
    let long = "x".repeat(245);
    school.other_program_runs(&format!(
        "with recursive n(n) as (select 1 union all select n + 1 from n where n < 10000)
         insert into students (id, name, email)
         select n, '{long}' || n, 'student' || n || '@example.edu' from n"
    ));
    school.other_program_runs("insert into courses (id, name, level) values (1, 'Algebra', 'graduate')");
    school.other_program_runs(
        "insert into student_courses (id, student_id, course_id, enrolled_at)
         select id, id, 1, '2026-09-01T08:00:00.000Z' from students",
    );
    let path = "/api/v1/students?limit=10000";
    let mut unread = Vec::new();
    let refused = async {
        loop {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(4096).unwrap();
            let mut raw = Raw(socket.connect(school.address).await.unwrap());
            raw.sends(&get(path)).await;
            raw.0.readable().await.unwrap();
            let mut head = [0; 12];
            raw.0.peek(&mut head).await.unwrap();
            if !head.ends_with(b"200") {
                return raw.answer().await;
            }
            unread.push(raw);
        }
    };
    let refused = timeout(TIMEOUT, refused).await.expect("refused in time");
    refused.is_refused(429, "rate-limited");
    assert_eq!(refused.header("retry-after"), Some("1"));
    // A page takes as much memory before it is compressed.
    let page = "GET /courses/1/roster HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n";
    let page = school.says(&format!("{page}Connection: close\r\n\r\n")).await;
    assert_eq!(page.status(), 429, "{:.300}", page.0);

    // Short answers still work, other clients have their share, and memory is given back on the same connection.
    assert_eq!(asks(ANA, school.address, "/api/v1/students/1").await.status(), 200);
    let mut ben = Raw::connect_from(BEN, school.address).await;
    for _ in 0..5 {
        ben.sends(&get(path)).await;
        assert_eq!(ben.answer().await.status(), 200);
    }
    drop(unread);
    let is_answered = async || asks(ANA, school.address, path).await.status() == 200;
    eventually("the memory is given back", is_answered).await;
    school.other_program_runs("delete from student_courses");
}

#[tokio::test]
async fn long_heads_that_never_end_take_a_share_of_the_memory() {
    let bounds = Bounds { memory: 1 << 20, head: HOUR, ..Bounds::default() };
    let school = School::open_within(RequestLimits::default(), bounds).await;
    let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: {}", "x".repeat(60_000));
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::connect_from(ANA, school.address).await;
        raw.sends(&long).await;
        open.push(raw);
    }
    let closed = async {
        loop {
            for raw in &mut open {
                if timeout(Duration::from_millis(1), raw.0.read_u8()).await.is_ok() {
                    return;
                }
            }
        }
    };
    timeout(TIMEOUT, closed).await.expect("some are closed in time");
    assert_eq!(asks(ANA, school.address, "/healthz").await.status(), 200);
    let mut ben = Raw::connect_from(BEN, school.address).await;
    for _ in 0..20 {
        ben.sends(&format!("{long}\r\n\r\n")).await;
        assert_eq!(ben.answer().await.status(), 200);
    }
}
