//! What hyper answers by itself, before any of our code: a status without content. It becomes a problem with a request id,
//! as every other refusal is. There is no hook for it, so it is replaced on its way to the socket, where it is known that no
//! request is being answered.

use bytes::Bytes;

use super::observe::new_request_id;
use super::problem::{HeadTooLarge, MalformedRequest, Problem, UriTooLong};

/// The answer that is sent in place of `bytes`; `None` where they are no bare refusal.
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
    // No request was read, so there is neither a method nor a route.
    tracing::info!(target: "matricula::access", request_id = &*id, route = "unread", status = status.as_u16(), "request");
    Some(Bytes::from(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\nx-request-id: {id}\r\ncontent-length: {}\r\nconnection: close\r\n{date}\r\n{body}",
        body.len()
    )))
}

fn problem(status: u16) -> Problem {
    match status {
        414 => Problem::new::<UriTooLong>("The path and the query are longer than the server reads."),
        431 => Problem::new::<HeadTooLarge>(
            "The first line and the headers of a request may have 64 KiB together, and be a hundred at most.",
        ),
        _ => Problem::new::<MalformedRequest>(
            "The first line, a header or the length of the body is not as HTTP/1.1 has it.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_refusal_becomes_a_problem_and_nothing_else_is_touched() {
        let bare =
            b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\ndate: today\r\n\r\n";
        let told = String::from_utf8(replacement(bare).unwrap().to_vec()).unwrap();
        let (head, body) = told.split_once("\r\n\r\n").unwrap();
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
