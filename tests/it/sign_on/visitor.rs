//! A browser that follows redirects between the server and the provider, with the cookies of both.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::school::{Client, Reply, RequestBuilder};

/// A browser without scripts: it keeps cookies and follows redirects, also to another site.
pub(crate) struct Visitor {
    pub(super) client: Client,
    pub(super) home: String,
    /// The values, by site, path and name.
    pub(crate) cookies: BTreeMap<(String, String, String), String>,
}

impl Visitor {
    /// Goes to an address of the server or of the provider, and on from there. Returns where it ends, and the page.
    pub(crate) async fn visit(&mut self, address: &str) -> (String, Reply) {
        let first = self.client.ask("GET", &absolute(&self.home, address));
        self.follow(address, first).await
    }

    pub(crate) async fn post(&mut self, address: &str, fields: &[(&str, &str)]) -> (String, Reply) {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let request = self.client.ask("POST", &absolute(&self.home, address));
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(body.finish());
        self.follow(address, request).await
    }

    async fn follow(&mut self, address: &str, mut request: RequestBuilder) -> (String, Reply) {
        let mut address = absolute(&self.home, address);
        for _ in 0..20 {
            let cookies = self.cookies_for(&address);
            if !cookies.is_empty() {
                request = request.header("cookie", &cookies);
            }
            let reply = request.header("accept", "text/html").await;
            self.keep(&address, &reply);
            if !reply.status.is_redirection() {
                return (address, reply);
            }
            address = absolute(&address, reply.header("location"));
            request = self.client.ask("GET", &address);
        }
        panic!("redirected for ever: {address}");
    }

    fn keep(&mut self, address: &str, reply: &Reply) {
        for line in reply.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let mut parts = line.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let parts: Vec<_> = parts.collect();
            let path =
                parts.iter().find_map(|part| part.to_lowercase().strip_prefix("path=").map(str::to_owned));
            let key = (site(address), path.unwrap_or_default(), name.to_owned());
            if value.is_empty() || parts.contains(&"Max-Age=0") {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
    }

    fn cookies_for(&self, address: &str) -> String {
        let (here, path) = (site(address), address.splitn(4, '/').nth(3).unwrap_or_default().to_lowercase());
        let fitting = self
            .cookies
            .iter()
            .filter(|((site, under, _), _)| *site == here && format!("/{path}").starts_with(under.as_str()));
        let pairs: Vec<_> = fitting.map(|((_, _, name), value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Signs in at the real provider, as one of its people. Returns where it ends, and the page.
    pub(super) async fn signs_in_as(&mut self, person: &str) -> (String, Reply) {
        let (mut address, mut page) = self.visit("/sign-in/campus?next=/api/v1/me").await;
        while !address.starts_with(&self.home) {
            assert_eq!(page.status, 200, "{address}: {}", page.text());
            let prompt = if page.text().contains("name=\"login\"") { "login" } else { "consent" };
            (address, page) =
                self.post(&address, &[("prompt", prompt), ("login", person), ("password", "any")]).await;
        }
        (address, page)
    }

    /// Goes to the lying provider, and comes back with this lie.
    pub(crate) async fn comes_back(&mut self, lie: &str) -> Reply {
        let (state, nonce) = leaves(self).await;
        self.visit(&format!("/sign-in/campus/callback?code={lie}~{nonce}&state={state}")).await.1
    }

    pub(crate) async fn me(&mut self) -> Value {
        self.visit("/api/v1/me").await.1.is_ok().json()
    }
}

/// The address that a page at `from` calls `address`.
fn absolute(from: &str, address: &str) -> String {
    if address.starts_with('/') { format!("{}{address}", site(from)) } else { address.to_owned() }
}

/// Scheme, host and port of an address.
fn site(address: &str) -> String {
    address.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}

/// Goes to the provider. Returns state and nonce.
pub(crate) async fn leaves(browser: &mut Visitor) -> (String, String) {
    let reply = browser.client.ask("GET", &format!("{}/sign-in/campus", browser.home)).await.is(303);
    browser.keep(&browser.home.clone(), &reply);
    let (_, query) = reply.header("location").split_once('?').unwrap();
    let pairs: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(pairs["code_challenge_method"], "S256");
    assert_eq!(pairs["response_type"], "code");
    (pairs["state"].clone(), pairs["nonce"].clone())
}
