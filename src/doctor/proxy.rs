//! What a proxy does to requests and answers, seen from the address that clients use.

use std::time::{Duration, Instant};

use axum::http::Uri;
use axum::http::uri::{Authority, Scheme};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};

use super::finding::Finding;
use crate::config::PublicUrl;
use crate::http::proxy_echo::{ECHO, Echo, PAUSE};

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Checks the way from this machine to the server at this address, which clients use.
pub async fn proxy(url: &PublicUrl) -> Vec<Finding> {
    match ask(url).await {
        Ok(findings) => findings,
        Err(error) => vec![Finding::wrong(
            "proxy",
            format!("{} cannot be reached: {error}", url.as_str()),
            "start the server and the proxy, and check the address, its name and its certificate",
        )],
    }
}

async fn ask(url: &PublicUrl) -> Result<Vec<Finding>, String> {
    let client = reqwest::Client::builder().redirect(Policy::none()).timeout(TIMEOUT).build();
    let client = client.map_err(|error| chain(&error))?;
    let response =
        client.get(format!("{}{ECHO}", url.as_str())).send().await.map_err(|error| chain(&error))?;
    if response.status() != StatusCode::OK {
        return Ok(vec![refused(&response)]);
    }
    let (mut body, mut first) = (Vec::new(), None);
    let mut response = response;
    while let Some(chunk) = response.chunk().await.map_err(|error| chain(&error))? {
        first.get_or_insert_with(Instant::now);
        body.extend_from_slice(&chunk);
    }
    let between = first.map_or(Duration::ZERO, |first| first.elapsed());
    let Some(echo) = Echo::parse(&body) else {
        let advice = "the address has to lead to this version of matricula";
        return Ok(vec![Finding::wrong("proxy", "something else than matricula answers there", advice)]);
    };
    Ok(vec![host(url, &echo), public_url(url, &echo), forwarded(url, &echo), stream(between)])
}

/// An error and its causes: reqwest's own text does not say why.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn refused(response: &Response) -> Finding {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_problem = kind.is_some_and(|kind| kind.starts_with("application/problem+json"));
    let (detail, advice) = match response.status() {
        status @ (StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED) if !is_problem => (
            format!("something in front of the server refuses the request ({status})"),
            "look at the rules of the proxy for addresses and passwords (nginx: allow, deny, auth_basic)",
        ),
        StatusCode::FORBIDDEN => (
            "the server refuses the request, which arrives for another host".to_owned(),
            "let the proxy pass on the Host header (nginx: proxy_set_header Host $host), and set --public-url to the address \
             that clients use",
        ),
        status if status.is_redirection() => (
            format!("the address answers with a redirection ({status})"),
            "give the address to which it leads",
        ),
        status if status.is_server_error() => (
            format!("the proxy or the server answers {status}"),
            "start the server, and correct its address in the proxy",
        ),
        status => (format!("the address answers {status}"), "the proxy has to pass on every path"),
    };
    Finding::wrong("proxy", detail, advice)
}

fn host(url: &PublicUrl, echo: &Echo) -> Finding {
    let host = echo.host.as_deref().unwrap_or("none");
    let is_known = echo.host.as_deref().is_some_and(|host| host.eq_ignore_ascii_case(url.authority()));
    if is_known {
        Finding::ok("host", "the Host header arrives as clients send it")
    } else if echo.public_url.is_some() {
        Finding::ok("host", format!("{host} arrives as the Host header, and links begin with the public URL"))
    } else {
        Finding::wrong(
            "host",
            format!("{host} arrives as the Host header, so links lead there"),
            format!("set --public-url {}, or let the proxy pass on the Host header", url.as_str()),
        )
    }
}

fn public_url(url: &PublicUrl, echo: &Echo) -> Finding {
    let is_https = url.origin().starts_with("https://");
    let advice = format!("set --public-url {}", url.as_str());
    match &echo.public_url {
        Some(public) if public == url.as_str() => {
            Finding::ok("public URL", "it is the address that clients use")
        }
        Some(public) => Finding::wrong(
            "public URL",
            format!("it is {public}, and not the address that clients use"),
            advice,
        ),
        None if is_https && !echo.tls => Finding::wrong(
            "public URL",
            "there is none, so that links begin with http:// and the cookies of sessions are not for TLS only",
            advice,
        ),
        None => Finding::ok("public URL", "there is none, and none is needed"),
    }
}

fn forwarded(url: &PublicUrl, echo: &Echo) -> Finding {
    let scheme =
        url.as_str().parse::<Uri>().ok().and_then(|uri| uri.scheme().cloned()).unwrap_or(Scheme::HTTP);
    let is_local = url
        .authority()
        .parse::<Authority>()
        .is_ok_and(|authority| ["localhost", "127.0.0.1", "[::1]"].contains(&authority.host()));
    match &echo.forwarded_proto {
        Some(proto) if proto != scheme.as_str() => Finding::wrong(
            "scheme",
            format!("the proxy says in X-Forwarded-Proto that clients use {proto}, and they use {scheme}"),
            "correct the header in the outermost proxy (nginx: proxy_set_header X-Forwarded-Proto $scheme)",
        ),
        _ if scheme == Scheme::HTTP && !is_local => Finding::wrong(
            "scheme",
            "clients reach the server without TLS: passwords and sessions can be read on the way",
            "use a proxy with TLS, or --tls-cert",
        ),
        Some(proto) => Finding::ok("scheme", format!("clients use {proto}, as X-Forwarded-Proto says")),
        None => Finding::ok(
            "scheme",
            format!("clients use {scheme}; X-Forwarded-Proto is not set, and not needed"),
        ),
    }
}

fn stream(between: Duration) -> Finding {
    if between >= PAUSE / 2 {
        Finding::ok("stream", "answers arrive as they are written")
    } else {
        Finding::wrong(
            "stream",
            "the proxy holds back answers until they are complete, so that the live pages stand still",
            "turn buffering off (nginx: proxy_buffering off)",
        )
    }
}
