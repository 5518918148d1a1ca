//! Requests that only a broken or hostile client sends: refused before they are read, with little of them in the
//! answer.

use serde_json::{Value, json};

use crate::school::{RawAnswer, Reply, School, errors};

const STUDENTS: &str = "/api/v1/students";

/// Large enough for any answer to a bad request.
const SMALL: usize = 4096;

#[tokio::test]
async fn an_unreadable_request_is_refused_with_a_problem_and_a_request_id() {
    let school = School::open().await;
    let long = "x".repeat(500_000);
    let many = "X-Many: 1\r\n".repeat(200);
    for (head, status, kind) in [
        ("NOT HTTP\r\n\r\n".to_owned(), 400, "malformed-request"),
        ("GET /healthz HTTP/7.1\r\nHost: localhost\r\n\r\n".to_owned(), 400, "malformed-request"),
        ("GET /healthz HTTP/1.1\r\nHost: local\0host\r\n\r\n".to_owned(), 400, "malformed-request"),
        ("GET /heal\x7fthz\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400, "malformed-request"),
        (
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n".to_owned(),
            400,
            "malformed-request",
        ),
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", &long[..65_535 - 30]), 404, "not-found"),
        (format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 431, "request-head-too-large"),
        (
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n"),
            431,
            "request-head-too-large",
        ),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), 431, "request-head-too-large"),
    ] {
        let head = head.replace("\r\nHost", "\r\nConnection: close\r\nHost");
        let problem = school.says(&head).await.is_refused(status, kind);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{problem}");
    }
}

#[tokio::test]
async fn an_unreadable_request_is_refused_after_others_on_its_connection_too() {
    let school = School::open().await;
    let mut client = school.connects().await;
    client.sends("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(client.answer().await.status(), 200);
    client.sends("nonsense\r\n\r\n").await;
    client.rest().await.is_refused(400, "malformed-request");

    // Both at once: the answers come in order, each of them complete.
    let both = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nnonsense\r\n\r\n";
    let answer = school.says(both).await;
    let (first, second) = answer.0.split_at(answer.0.rfind("HTTP/1.1 400").unwrap());
    assert!(first.starts_with("HTTP/1.1 200") && first.ends_with("\r\n\r\nok\n"), "{first}");
    RawAnswer(second.to_owned()).is_refused(400, "malformed-request");
}

#[tokio::test]
async fn a_health_check_over_http_1_0_needs_no_host() {
    let school = School::open().await;
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1/courses"] {
        let answer = school.says(&format!("GET {path} HTTP/1.0\r\n\r\n")).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.0);
    }
    school.says("GET /healthz HTTP/1.0\r\nHost: evil.example\r\n\r\n").await.is_refused(403, "forbidden");
    school.says("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await.is_refused(400, "invalid-request");

    // Without a host, links are relative.
    school.courses(["Algebra", "Botany"]).await;
    let page = school.says("GET /api/v1/courses?limit=1 HTTP/1.0\r\n\r\n").await;
    assert_eq!(
        page.header("link"),
        Some("</api/v1/courses?limit=1&after=WyJjb3Vyc2VzLklkLkFzYyIsbnVsbCwxLDJd>; rel=\"next\"")
    );
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let school = School::open().await;
    let ana = json!({"name": "Ana", "email": "ana@example.edu"});
    school.post(STUDENTS, ana.clone()).header("content-encoding", "identity").await.is_created();
    for coding in ["gzip", "GZIP", "br", "identity, gzip", "x"] {
        let asking = school.post(STUDENTS, ana.clone()).header("content-encoding", coding);
        asking.await.is_refused(415, "unsupported-media-type");
    }
    let twice = school.post(STUDENTS, ana).header("content-encoding", "identity");
    twice.header("content-encoding", "gzip").await.is_refused(415, "unsupported-media-type");
    let form = school.client.ask("POST", "/students/new").body("name=Ana&email=ana%40example.edu");
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    form.header("content-encoding", "deflate").await.is_refused(415, "unsupported-media-type");
    assert_eq!(school.log().await.len(), 1);
}

#[tokio::test]
async fn a_body_is_sent_in_chunks_or_whole_and_no_other_way() {
    let school = School::open().await;
    let body = r#"{"name":"Ana","email":"ana@example.edu"}"#;
    let ask = |codings: &str| {
        format!(
            "POST {STUDENTS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             {codings}\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
    };
    assert_eq!(school.says(&ask("Connection: close\r\nTransfer-Encoding: Chunked\r\n")).await.status(), 201);
    for codings in [
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
    ] {
        // The body is not taken for another request.
        school.says(&ask(codings)).await.is_refused(400, "malformed-request");
    }
    assert_eq!(school.log().await.len(), 1);
}

#[tokio::test]
async fn no_more_than_a_few_words_of_a_bad_request_are_in_the_answer() {
    let school = School::open().await;
    let (ana, long) = (school.student("Ana").await, "é".repeat(200_000));
    let fields = json!({"name": "Ana", "email": "ana@example.edu", &long: 1});
    let problem = school.post(STUDENTS, fields).await.is_refused(400, "invalid-request");
    let wrong = errors(&problem).join("");
    assert!(wrong.starts_with("/ééé") && wrong.contains("…: is not a known field"), "{wrong:.200}");
    assert!(problem.to_string().len() < SMALL, "{} bytes", problem.to_string().len());

    let url = &long[..20_000];
    let form = school.client.ask("POST", "/students/new").header("accept", "text/html");
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let typed = form.body(format!("name={long}&email=a%40example.edu&if_match={long}")).await.is(422);
    assert!(typed.text().contains("must have at most 255 characters") && typed.body.len() < 4 * SMALL);

    let mut replies: Vec<(String, Reply)> = Vec::new();
    for path in [
        format!("{STUDENTS}?{}=1", encoded(url)),
        format!("{STUDENTS}?limit={}", encoded(url)),
        format!("{STUDENTS}?sort={}", encoded(url)),
        format!("{STUDENTS}?q={}", encoded(url)),
        format!("{STUDENTS}?after={}", encoded(url)),
        format!("/api/v1/events?type={}", encoded(url)),
        format!("{STUDENTS}/{}", encoded(url)),
        format!("/api/v1/courses/{}", encoded(url)),
        format!("{STUDENTS}/%FF{}", encoded(url)),
        format!("{}/{}", ana.courses_url(), encoded(url)),
        format!("/problems/{}", encoded(url)),
        format!("/courses?q={}", encoded(url)),
        format!("/courses/1?as_of={}", encoded(url)),
        format!("/students?sort={}", encoded(url)),
        format!("/students/1?q={}", encoded(url)),
    ] {
        replies.push((path.clone(), school.get(&path).await));
        replies.push((path.clone(), school.get(&path).header("accept", "text/html").await));
    }
    for method in ["x".repeat(20_000), "GET".repeat(1000)] {
        replies.push((STUDENTS.to_owned(), school.client.ask(&method, STUDENTS).await));
    }
    for (path, reply) in replies {
        assert!(reply.status.is_client_error(), "{path:.40}: {reply:?}");
        let (bytes, head) = (reply.body.len(), format!("{:?}", reply.headers).len());
        assert!(bytes < SMALL && head < SMALL, "{path:.40} {bytes} + {head}: {:.300}", reply.text());
    }
    let named: Value = school.get(&format!("{STUDENTS}/{}", "9".repeat(2000))).await.json();
    assert_eq!(named["student_id"], format!("{}…", "9".repeat(64)));
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn a_time_needs_a_valid_offset() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    for (offset, is_valid) in [
        ("Z", true),
        ("z", true),
        ("%2B00:00", true),
        ("-00:00", true),
        ("%2B14:00", true),
        ("-12:30", true),
        ("%2B23:59", true),
        ("%2B24:00", false),
        ("%2B25:00", false),
        ("-25:59", false),
        ("%2B05:60", false),
        ("%2B05:30:30", false),
        ("%2B0530", false),
        ("%2B05", false),
        ("%2B00:00[Europe/Berlin]", false),
        ("Z[UTC]", false),
        ("", false),
    ] {
        let time = format!("2026-08-31T07:00:00{offset}");
        let roster = school.get(&format!("{}?as_of={time}", algebra.roster_url())).await;
        assert_eq!(roster.status.as_u16(), if is_valid { 200 } else { 400 }, "as_of {time}");
        let page = school.get(&format!("/courses/1?as_of=2026-09-01&until={time}")).await;
        assert_eq!(page.status.as_u16(), if is_valid { 200 } else { 400 }, "until {time}");
        let window = json!({"capacity": 1, "opens_at": time.replace("%2B", "+")});
        let set = school.put(&algebra.seats_url()).json(&window).await;
        assert_eq!(set.status.as_u16(), if is_valid { 200 } else { 400 }, "opens_at {time}");
        let form = school.client.ask("POST", "/courses/1/seats");
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        let form = form.body(format!("capacity=&waitlist_capacity=0&opens_at={time}&closes_at=")).await;
        assert_eq!(form.status.as_u16(), if is_valid { 303 } else { 422 }, "typed {time}");
    }
}

#[tokio::test]
async fn a_refusal_says_that_the_connection_ends_if_the_body_was_not_read() {
    let school = School::open().await;
    let body = r#"{"name":"Ana","email":"ana@example.edu"}"#;
    let head = |path: &str, more: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    for (path, more, status) in
        [("/nowhere", "", 404), ("/api/v1/students", "Origin: https://elsewhere.example\r\n", 403)]
    {
        let mut raw = school.connects().await;
        raw.sends(&head(path, more)).await;
        let answer = raw.answer().await;
        assert_eq!((answer.status(), answer.header("connection")), (status, Some("close")), "{path}");
    }
    // What was read leaves the connection as it was.
    let mut raw = school.connects().await;
    for (text, status) in [(body, 201), ("{}", 400)] {
        raw.sends(&head("/api/v1/students", "").replace(&body.len().to_string(), &text.len().to_string()))
            .await;
        raw.sends(text).await;
        let answer = raw.answer().await;
        assert_eq!((answer.status(), answer.header("connection")), (status, None), "{}", answer.0);
    }
}
