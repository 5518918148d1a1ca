//! People sign in at a provider of their school (`OpenID` Connect), or at a proxy.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::school::{Client, Database, IdentityProvider, Process, Reply, RequestBuilder, matricula};

const SETTINGS: &str = r#"
[[provider]]
name = "campus"
label = "Campus account"
issuer = "ISSUER"
client_id = "matricula"
client_secret_file = "campus.secret"
student_claim = "student_number"
domains = ["example.edu", "example.com"]
[provider.roles]
admin = ["admins"]
registrar = ["office"]
instructor = ["faculty"]
"#;

/// The secret of the server at the provider.
pub(crate) const CLIENT_SECRET: &str = "a secret of the tests";

fn people() -> Value {
    let person = |name: &str, more: Value| {
        let mut claims = json!({"name": name, "email": format!("{}@example.edu", name.to_lowercase()), "email_verified": true});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    json!({
        "ruth": person("Ruth", json!({"groups": ["office", "faculty"]})),
        "ana": person("Ana", json!({"groups": ["everybody"]})),
        "ben": person("Ben", json!({"email": "b.private@example.com", "student_number": "2"})),
        "cara": person("Cara", json!({"email": "shared@example.edu"})),
        "ana2": person("Ana", json!({})),
        "zoe": person("Zoe", json!({})),
        "mallory": person("Mallory", json!({"email": "ana@example.edu", "email_verified": false})),
        "eve": person("Eve", json!({"email": "ana@example.edu", "student_number": 2})),
    })
}

/// A server with single sign-on, the students 1 to 4 (of whom the last two share an address), and a token of an admin.
pub(crate) struct Site {
    pub(crate) process: Process,
    pub(crate) database: Database,
    provider: IdentityProvider,
    pub(crate) admin: String,
}

impl Site {
    /// A browser that comes back from the lying provider with these claims, and the page where it ends. Without groups
    /// they give no role.
    pub(crate) async fn signs_in(&self, claims: Value) -> (Visitor, Reply) {
        let mut browser = self.browser();
        let page = browser.comes_back(&BASE64.encode(claims.to_string())).await;
        (browser, page)
    }

    /// The accounts, in order of creation.
    pub(crate) async fn accounts(&self) -> Vec<Value> {
        let accounts = self.ask("GET", "/api/v1/accounts").await.is_ok().json();
        accounts.as_array().unwrap().clone()
    }

    /// The latest change of an account, as the log has it.
    pub(crate) async fn last_change(&self) -> Value {
        let events = self.ask("GET", "/api/v1/events?type=account.changed&limit=1000").await.is_ok().json();
        events.as_array().unwrap().last().unwrap().clone()
    }

    pub(crate) async fn open(script: &str) -> Self {
        Self::open_with(script, &["--log", "error"], |_| {}).await
    }

    /// With these flags and this change of the command, as of where it writes its log.
    pub(crate) async fn open_with(
        script: &str,
        flags: &[&str],
        change: impl FnOnce(&mut std::process::Command),
    ) -> Self {
        let database = Database::new();
        let provider = IdentityProvider::start(script, &people());
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("sign-on.toml");
        std::fs::write(&settings, SETTINGS.replace("ISSUER", &provider.issuer)).unwrap();
        std::fs::write(folder.path().join("campus.secret"), format!("{CLIENT_SECRET}\n")).unwrap();
        let mut command = matricula();
        command.arg("--database").arg(database.argument()).args(["--listen", "127.0.0.1:0"]).args(flags);
        command.arg("--sign-on").arg(settings);
        change(&mut command);
        let process = Process::start(command).await;
        let admin = admin_token(&database);
        let site = Self { process, database, provider, admin };
        for (name, email) in [
            ("Ana", "Ana@example.edu"),
            ("Ben", "ben@example.edu"),
            ("Cara", "shared@example.edu"),
            ("Dan", "shared@example.edu"),
        ] {
            let body = json!({"name": name, "email": email});
            site.ask("POST", "/api/v1/students").json(&body).await.is_created();
        }
        site
    }

    fn client(&self) -> Client {
        Client::new(self.process.address)
    }

    /// A request of the admin.
    pub(crate) fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        self.client().ask(method, path).header("authorization", &format!("Bearer {}", self.admin))
    }

    pub(crate) fn browser(&self) -> Visitor {
        Visitor {
            client: self.client(),
            home: format!("http://{}", self.process.address),
            cookies: BTreeMap::new(),
        }
    }
}

pub(crate) async fn serve(database: &Database, flags: &[&str]) -> Process {
    let mut command = matricula();
    command
        .arg("--database")
        .arg(database.argument())
        .args(["--listen", "127.0.0.1:0", "--log", "error"])
        .args(flags);
    Process::start(command).await
}

pub(crate) fn admin_token(database: &Database) -> String {
    let mut command = matricula();
    command.args(["token", "create", "--name", "Tests", "--role", "admin"]);
    let created = command.arg("--database").arg(database.argument()).output().unwrap();
    String::from_utf8(created.stdout).unwrap().trim().to_owned()
}

/// A browser without scripts: it keeps cookies and follows redirects, also to another site.
pub(crate) struct Visitor {
    client: Client,
    home: String,
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
    async fn signs_in_as(&mut self, person: &str) -> (String, Reply) {
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

#[tokio::test]
async fn groups_give_roles_and_the_role_follows_them() {
    let site = Site::open("server.mjs").await;
    let page = site.browser().visit("/sign-in?next=/courses").await.1.is_ok();
    assert!(page.text().contains("href=\"/sign-in/campus?next=%2Fcourses\">Sign in with Campus account<"));

    let mut ruth = site.browser();
    let (address, page) = ruth.signs_in_as("ruth").await;
    assert!(address.ends_with("/api/v1/me"), "{address} {}", page.text());
    let me = page.is_ok().json();
    assert_eq!((&me["role"], &me["student_id"]), (&json!("registrar"), &Value::Null));
    ruth.visit("/api/v1/students").await.1.is_ok();
    ruth.visit("/api/v1/tokens").await.1.is(403);

    let accounts = site.ask("GET", "/api/v1/accounts").await.is_ok().json();
    assert_eq!((&accounts[0]["name"], &accounts[0]["address"]), (&json!("Ruth"), &json!("ruth@example.edu")));
    let created = site.ask("GET", "/api/v1/events?type=account.created").await.is_ok().json();
    assert_eq!(created[0]["actor"], "sign-on");
    assert_eq!(created[0]["data"]["provider"], json!(site.provider.issuer));
    assert!(!created.to_string().contains("ruth@"));

    // Again, it is the same account.
    let mut again = site.browser();
    again.signs_in_as("ruth").await.1.is_ok();
    assert_eq!(again.me().await["actor"], me["actor"]);
    assert_eq!(site.ask("GET", "/api/v1/accounts").await.is_ok().json().as_array().unwrap().len(), 1);

    // The groups of the provider count, not what an admin of this server has changed.
    let url = format!("/api/v1/accounts/{}", accounts[0]["id"]);
    site.ask("PATCH", &url).json(&json!({"role": "admin"})).await.is_ok();
    let mut third = site.browser();
    third.signs_in_as("ruth").await.1.is_ok();
    assert_eq!(third.me().await["role"], "registrar");
    assert_eq!(ruth.me().await["role"], "registrar");

    site.ask("PATCH", &url).json(&json!({"enabled": false})).await.is_ok();
    let refused = site.browser().signs_in_as("ruth").await.1.is(403);
    assert!(refused.text().contains("Your account is disabled."), "{}", refused.text());
    ruth.visit("/api/v1/students").await.1.is(401);
}

#[tokio::test]
async fn a_student_is_found_by_a_verified_address_or_by_the_id() {
    let site = Site::open("server.mjs").await;
    for (person, student) in [("ana", 1), ("ben", 2)] {
        let mut browser = site.browser();
        let me = browser.signs_in_as(person).await.1.is_ok().json();
        assert_eq!((&me["role"], &me["student_id"]), (&json!("student"), &json!(student)), "{person}");
        browser.visit(&format!("/api/v1/students/{student}")).await.1.is_ok();
        browser.visit(&format!("/api/v1/students/{}", 3 - student)).await.1.is(404);
    }
    for (person, reason) in [
        ("zoe", "No student and no account here has your e-mail address."),
        ("cara", "More than one student here could be you."),
        ("ana2", "The account here that could be yours is already used with another sign-in."),
        ("mallory", "No student and no account here has your e-mail address."),
        ("eve", "More than one student here could be you."),
    ] {
        let mut browser = site.browser();
        let (_, page) = browser.signs_in_as(person).await;
        let page = page.is(403);
        assert!(page.text().contains(reason), "{person}: {}", page.text());
        assert!(page.text().contains("Tell the registrar’s office") && page.text().contains(person));
        browser.visit("/api/v1/me").await.1.is(401);
    }
    assert_eq!(site.ask("GET", "/api/v1/accounts").await.is_ok().json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_successor_of_a_deleted_student_gets_nothing() {
    let site = Site::open("server.mjs").await;
    site.browser().signs_in_as("ana").await.1.is_ok();
    site.ask("DELETE", "/api/v1/students/1").await.is(204);
    site.database.runs("insert into students (id, name, email) values (1, 'Ann', 'other@example.edu')");
    let page = site.browser().signs_in_as("ana").await.1.is(403);
    assert!(page.text().contains("The student of your account was deleted."), "{}", page.text());
}

#[tokio::test]
async fn an_account_that_an_admin_has_made_is_linked_and_keeps_its_role() {
    let site = Site::open("server.mjs").await;
    let body = json!({"name": "Zoe Admin", "address": "Zoe@Example.edu", "role": "admin"});
    let account = site.ask("POST", "/api/v1/accounts").json(&body).await.is_created().json();
    let mut zoe = site.browser();
    zoe.signs_in_as("zoe").await.1.is_ok();
    let me = zoe.me().await;
    assert_eq!((&me["role"], &me["actor"]), (&json!("admin"), &json!(format!("account:{}", account["id"]))));
    // Whoever has no other way in is still an admin who can sign in.
    let tokens = site.ask("GET", "/api/v1/tokens").await.is_ok().json();
    site.ask("DELETE", &format!("/api/v1/tokens/{}", tokens[0]["id"])).await.is(204);
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_found_at_once() {
    let mut site = Site::open("server.mjs").await;
    site.browser().signs_in_as("ruth").await.1.is_ok();
    site.provider.rotates_its_key();
    site.browser().signs_in_as("ruth").await.1.is_ok();
}

#[tokio::test]
async fn an_attempt_belongs_to_one_browser_and_one_session() {
    let site = Site::open("liar.mjs").await;
    let comes_back = |state: &str, code: &str| format!("/sign-in/campus/callback?code={code}&state={state}");

    let mut ruth = site.browser();
    let (state, nonce) = leaves(&mut ruth).await;
    let back = comes_back(&state, &format!("honest~{nonce}"));
    // Another browser, with an attempt of its own or without one.
    let mut other = site.browser();
    other.visit(&back).await.1.is(403);
    let (own_state, _) = leaves(&mut other).await;
    other.visit(&back).await.1.is(403);
    // The code of somebody else's attempt has another nonce.
    other.visit(&comes_back(&own_state, &format!("honest~{nonce}"))).await.1.is(403);
    other.visit("/api/v1/me").await.1.is(401);

    let cookies = ruth.cookies.clone();
    ruth.visit(&back).await.1.is_ok();
    assert_eq!(ruth.me().await["role"], "registrar");
    // The same address again, even with the cookie of the attempt.
    ruth.visit(&back).await.1.is(403);
    let mut replayed = Visitor { cookies, ..site.browser() };
    let page = replayed.visit(&back).await.1.is(403);
    assert!(page.text().contains("has signed in already"), "{}", page.text());
    replayed.visit("/api/v1/me").await.1.is(401);

    for wrong in [
        "/sign-in/campus/callback".to_owned(),
        "/sign-in/campus/callback?code=honest".to_owned(),
        format!("/sign-in/campus/callback?code=a&code=b&state={state}"),
        "/sign-in/elsewhere/callback?code=a&state=b".to_owned(),
        "/sign-in/elsewhere".to_owned(),
    ] {
        let status = site.browser().visit(&wrong).await.1.status;
        assert!(status == 403 || status == 404, "{wrong}: {status}");
    }
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

#[tokio::test]
async fn what_the_provider_has_not_signed_for_this_attempt_is_not_believed() {
    let site = Site::open("liar.mjs").await;
    for lie in [
        "other-audience",
        "several-audiences",
        "other-issuer",
        "other-nonce",
        "no-nonce",
        "expired",
        "not-signed",
        "signed-with-the-clients-secret",
        "signed-by-somebody-else",
        "signed-with-an-unknown-key",
        "changed-after-signing",
        "other-access-token",
        "no-id-token",
        "refused",
        "endless",
        "elsewhere",
        "address-not-verified",
        "verified-by-omission",
        "address-elsewhere",
        "look-alike-address",
        "two-kinds-of-student",
        "no-identifier",
        "long-identifier",
    ] {
        let mut browser = site.browser();
        let (state, nonce) = leaves(&mut browser).await;
        let address = format!("/sign-in/campus/callback?code={lie}~{nonce}&state={state}");
        let (_, page) = browser.visit(&address).await;
        let expected = if ["endless", "elsewhere"].contains(&lie) { 502 } else { 403 };
        assert_eq!(page.status, expected, "{lie}: {}", page.text());
        browser.visit("/api/v1/me").await.1.is(401);
    }
    let mut browser = site.browser();
    let (state, nonce) = leaves(&mut browser).await;
    let back = format!("/sign-in/campus/callback?code=honest~{nonce}&state={state}");
    browser.visit(&format!("{back}&iss=https%3A%2F%2Flogin.example.com")).await.1.is(403);
    let denied = format!("/sign-in/campus/callback?error=access_denied&state={state}");
    let page = browser.visit(&denied).await.1.is(403);
    assert!(page.text().contains("Campus account did not sign you in."), "{}", page.text());
    assert_eq!(site.ask("GET", "/api/v1/accounts").await.is_ok().json(), json!([]));
    browser.visit(&format!("{back}&session_state=unknown")).await.1.is_ok();
}

#[tokio::test]
async fn an_address_gives_nobody_more_than_its_owner_has() {
    let site = Site::open("liar.mjs").await;
    // A student without an account yet, whose record has the address of a parent, who is an admin.
    for (name, email) in [("Kim", "cara.kim@example.edu"), ("Child", "parent@example.edu")] {
        site.ask("POST", "/api/v1/students").json(&json!({"name": name, "email": email})).await.is_created();
    }
    let parent = json!({"name": "Parent", "address": "parent@example.edu", "role": "admin"});
    site.ask("POST", "/api/v1/accounts").json(&parent).await.is_created();
    let mut child = site.browser();
    child.comes_back("a-child").await.is_ok();
    let me = child.me().await;
    assert_eq!((&me["role"], &me["student_id"]), (&json!("student"), &json!(6)));

    // Without an address that counts, the groups give the role, and no address is taken from anybody.
    let mut office = site.browser();
    office.comes_back("no-address").await.is_ok();
    assert_eq!(office.me().await["role"], "registrar");
    let accounts = site.ask("GET", "/api/v1/accounts").await.is_ok().json();
    assert_eq!(accounts[2]["address"], json!(format!("new at {}", site.provider.issuer)));
    office.visit("/account").await.1.is_ok();
}

#[tokio::test]
async fn an_address_that_looks_alike_is_another_one() {
    let site = Site::open("liar.mjs").await;
    // With the Kelvin sign, which is a k in lower case.
    for email in ["cara.\u{212a}im@example.edu"; 3] {
        site.ask("POST", "/api/v1/students").json(&json!({"name": "Kim", "email": email})).await.is_created();
    }
    let kim = json!({"name": "Kim", "email": "Cara.Kim@example.edu"});
    site.ask("POST", "/api/v1/students").json(&kim).await.is_created();
    let claims = |subject: &str| json!({"sub": subject, "email": "cara.kim@example.edu"});
    let (mut browser, page) = site.signs_in(claims("kim")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(browser.me().await["student_id"], 8);

    // Two who have the address itself are two, however many look alike.
    site.ask("DELETE", "/api/v1/students/8").await.is(204);
    for _ in 0..2 {
        site.ask("POST", "/api/v1/students").json(&kim).await.is_created();
    }
    let page = site.signs_in(claims("another")).await.1.is(403);
    assert!(page.text().contains("More than one student here could be you."), "{}", page.text());
}

#[tokio::test]
async fn a_name_from_a_provider_is_as_names_are_here() {
    let site = Site::open("liar.mjs").await;
    let long = "s".repeat(255);
    for claims in [
        json!({"sub": "a", "name": " \u{200b}\u{202e}Ru\u{7}th\u{2028} \u{200d}Office ", "groups": ["office"]}),
        json!({"sub": long, "name": "\u{202e}\u{200b}", "email": null, "groups": ["office"]}),
    ] {
        site.signs_in(claims).await.1.is_ok();
    }
    let accounts = site.accounts().await;
    assert_eq!(accounts[0]["name"], "Ruth Office");
    assert_eq!(accounts[1]["name"], json!(long));
    for account in accounts {
        let name = json!({"name": account["name"]});
        site.ask("PATCH", &format!("/api/v1/accounts/{}", account["id"])).json(&name).await.is_ok();
    }
}

#[tokio::test]
async fn who_has_no_address_and_no_password_is_told_so() {
    let site = Site::open("liar.mjs").await;
    let claims = json!({"sub": "k2", "email": null, "groups": ["office"]});
    let (mut browser, _) = site.signs_in(claims).await;
    let page = browser.visit("/account").await.1.is_ok();
    assert!(page.text().contains("<dd>none: you sign in at your provider</dd>"), "{}", page.text());
    assert!(!page.text().contains("k2 at"), "{}", page.text());
    let fields = [("present", "some old password"), ("password", "seven quiet lanterns")];
    let page = browser.post("/account/password", &fields).await.1.is(409);
    assert!(page.text().contains("Your account has no password"), "{}", page.text());
    browser.visit("/account").await.1.is_ok();

    // Of somebody else at the same provider, who has a student's number alone.
    site.signs_in(json!({"sub": "ben", "email": null, "student_number": "2"})).await.1.is_ok();
    let page = site.signs_in(json!({"sub": "eve", "email": null, "student_number": "2"})).await.1.is(403);
    assert!(page.text().contains("could be yours is already used") && !page.text().contains("your e-mail"));
}

#[tokio::test]
async fn without_the_provider_the_server_runs_and_says_what_is_wrong() {
    let site = Site::open("server.mjs").await;
    let Site { process, database, admin, provider } = site;
    drop(provider);
    let browser = Client::new(process.address);
    let page = browser.ask("GET", "/sign-in/campus").header("accept", "text/html").await.is(502);
    assert!(page.text().contains("Campus account cannot be reached"), "{}", page.text());
    browser.ask("GET", "/api/v1/me").header("authorization", &format!("Bearer {admin}")).await.is_ok();
    drop(database);
}

#[tokio::test]
async fn nobody_is_let_in_before_the_first_account() {
    let database = Database::new();
    let provider = IdentityProvider::start("server.mjs", &people());
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("sign-on.toml");
    let content = SETTINGS.replace("ISSUER", &provider.issuer);
    std::fs::write(&settings, &content).unwrap();
    std::fs::write(folder.path().join("campus.secret"), "a secret of the tests").unwrap();
    let process = serve(&database, &["--sign-on", settings.to_str().unwrap()]).await;
    let client = Client::new(process.address);
    client.ask("GET", "/api/v1/students").await.is_refused(401, "unauthorized");
    let mut ruth = Visitor { client, home: format!("http://{}", process.address), cookies: BTreeMap::new() };
    let page = ruth.signs_in_as("ruth").await.1.is(409);
    assert!(page.text().contains("has to be an admin’s"), "{}", page.text());
}

#[tokio::test]
async fn a_trusted_proxy_names_the_person() {
    let database = Database::new();
    let token = admin_token(&database);
    let process =
        serve(&database, &["--trust-user-header", "X-Remote-User", "--trusted-proxy", "127.0.0.1"]).await;
    let client = Client::new(process.address);
    let admin = |request: RequestBuilder| request.header("authorization", &format!("Bearer {token}"));
    let through = |request: RequestBuilder, user: &str| request.header("X-Remote-User", user);
    let body = json!({"name": "Ana", "email": "ana@example.edu"});
    admin(client.ask("POST", "/api/v1/students")).json(&body).await.is_created();
    let body = json!({"name": "Ruth", "address": "ruth@example.edu", "role": "registrar"});
    let account = admin(client.ask("POST", "/api/v1/accounts")).json(&body).await.is_created().json();

    let me = async |user: &str| through(client.ask("GET", "/api/v1/me"), user).await;
    assert_eq!(me("ruth@example.edu").await.is_ok().json()["role"], "registrar");
    let ana = me("Ana@example.edu").await.is_ok().json();
    assert_eq!((&ana["role"], &ana["student_id"]), (&json!("student"), &json!(1)));
    let page = me("zoe@example.edu").await.is_refused(403, "forbidden");
    assert!(page["detail"].as_str().unwrap().contains("you have signed in as zoe@example.edu"));
    client.ask("GET", "/api/v1/me").await.is_refused(401, "unauthorized");
    // In another case, and with a token of the proxy's own.
    assert_eq!(me("ANA@EXAMPLE.EDU").await.is_ok().json()["actor"], ana["actor"]);
    let passed_on =
        client.ask("GET", "/api/v1/me").header("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.");
    through(passed_on, "ana@example.edu").await.is_ok();
    // The name of somebody whom the server remembers is no token.
    let known = "katherine.jones@school.edu";
    let body = json!({"name": "Katherine", "address": known, "role": "admin"});
    admin(client.ask("POST", "/api/v1/accounts")).json(&body).await.is_created();
    me(known).await.is_ok();
    let forged = format!("mtr_{}", BASE64.encode(format!("proxy {known}")));
    let forged = client.ask("GET", "/api/v1/me").header("authorization", &format!("Bearer {forged}"));
    forged.await.is_refused(401, "unauthorized");
    let twice = through(client.ask("GET", "/api/v1/me"), "ana@example.edu");
    through(twice, "ruth@example.edu").await.is_refused(401, "unauthorized");

    // A page of another site cannot write with somebody's session at the proxy.
    let course = json!({"name": "Algebra", "level": "1"});
    let write = || through(client.ask("POST", "/api/v1/courses"), "ruth@example.edu").json(&course);
    write().await.is_refused(403, "forbidden");
    write().header("sec-fetch-site", "cross-site").await.is_refused(403, "forbidden");
    write().header("sec-fetch-site", "same-origin").await.is_created();

    // The rights end at once.
    let url = format!("/api/v1/accounts/{}", account["id"]);
    admin(client.ask("PATCH", &url)).json(&json!({"enabled": false})).await.is_ok();
    let refused = me("ruth@example.edu").await.is_refused(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("Your account is disabled."));
}

#[tokio::test]
async fn the_header_of_everybody_else_is_nothing() {
    let database = Database::new();
    let _token = admin_token(&database);
    let process = serve(
        &database,
        &["--trust-user-header", "X-Remote-User", "--trusted-proxy", "10.0.0.0/8,127.0.0.9"],
    )
    .await;
    let client = Client::new(process.address);
    let request = client.ask("GET", "/api/v1/me").header("X-Remote-User", "ruth@example.edu");
    request.await.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_refused_at_start() {
    let database = Database::new();
    for (flags, expected) in [
        (vec!["--trust-user-header", "X-Remote-User"], "--trust-user-header needs --trusted-proxy"),
        (vec!["--trusted-proxy", "10.0.0.1"], "--trusted-proxy needs --trust-user-header"),
        (vec!["--trust-user-header", "Cookie", "--trusted-proxy", "10.0.0.1"], "send this header themselves"),
        (vec!["--trusted-proxy", "proxy.example.edu"], "it must be an address or a network"),
        (vec!["--sign-on", "/nowhere/sign-on.toml"], "cannot read /nowhere/sign-on.toml"),
    ] {
        let mut command = matricula();
        command.arg("--database").arg(database.argument()).args(["--listen", "127.0.0.1:0"]).args(&flags);
        let output = command.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(expected), "{flags:?}: {error}");
    }
}
