//! hyper refuses some requests itself, with an empty response. This module replaces it with a problem that has a
//! request id, like every other refusal. hyper has no hook for that, so the bytes are replaced on their way to the
//! socket, where it is known that no request is being answered.

use bytes::Bytes;

use super::observe::new_request_id;
use super::problem::{HeadTooLarge, MalformedRequest, Problem, UriTooLong};

/// The response to send instead of `bytes`; `None` if `bytes` is not an empty response with an error status.
#[must_use]
pub fn replacement(bytes: &[u8]) -> Option<Bytes> {
    let head = str::from_utf8(bytes).ok()?;
    let status: u16 = head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    if status < 400 || !head.ends_with("\r\n\r\n") {
        return None;
    }
    let problem = problem(status);
    let (status, id) = (problem.status(), new_request_id());
    let date = head
        .lines()
        .find(|line| line.starts_with("date: "))
        .map_or_else(String::new, |line| format!("{line}\r\n"));
    let body = problem.to_json(Some(&id)).to_string();
    // No request was read, so there is no method and no route to log.
    tracing::info!(target: "matricula::access", request_id = &*id, route = "unread", status = status.as_u16(), "request");
    Some(Bytes::from(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\nx-request-id: {id}\r\ncontent-length: {}\r\nconnection: close\r\n{date}\r\n{body}",
        body.len()
    )))
}

fn problem(status: u16) -> Problem {
    match status {
        414 => Problem::new::<UriTooLong>("The path and the query are longer than the server accepts."),
        431 => Problem::new::<HeadTooLarge>(
            "The first line and the headers of a request may have 64 KiB together, and at most 100 headers.",
        ),
        _ => Problem::new::<MalformedRequest>(
            "The first line, a header or the length of the body is not valid HTTP/1.1.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_error_response_becomes_a_problem_and_nothing_else_is_replaced() {
        let bare =
            b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\ndate: today\r\n\r\n";
        let sent = String::from_utf8(replacement(bare).unwrap().to_vec()).unwrap();
        let (head, body) = sent.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 414 URI Too Long\r\n") && head.ends_with("\r\ndate: today"),
            "{head}"
        );
        assert!(body.contains("/problems/uri-too-long"), "{body}");
        for other in
            [&b"HTTP/1.1 100 Continue\r\n\r\n"[..], b"", b"HTTP/1.1", b"HTTP/1.1 400 Bad\r\n\r\nx", b"\xff"]
        {
            assert_eq!(replacement(other), None);
        }
    }
}
