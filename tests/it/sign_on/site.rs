//! A server whose people sign in at a provider.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use super::visitor::Visitor;
use crate::school::{Client, Database, IdentityProvider, Process, Reply, RequestBuilder, matricula};

pub(super) const SETTINGS: &str = r#"
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

pub(super) fn people() -> Value {
    let person = |name: &str, more: Value| {
        let mut claims = json!({"name": name, "email": format!("{}@example.edu", name.to_lowercase()), "email_verified": true});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    json!({
        "ruth": person("Ruth", json!({"groups": ["office", "faculty"]})),
        "ana": person("Ana", json!({"groups": ["everybody"]})),
        "ben": person("Ben", json!({"email": "b.private@example.com", "student_number": "1"})),
        "cara": person("Cara", json!({"email": "shared@example.edu"})),
        "ana2": person("Ana", json!({})),
        "zoe": person("Zoe", json!({})),
        "mallory": person("Mallory", json!({"email": "ana@example.edu", "email_verified": false})),
        "eve": person("Eve", json!({"email": "ana@example.edu", "student_number": 1})),
    })
}

/// A server with single sign-on, the students 1 to 4 (of whom the last two share an address), and a token of an admin.
pub(crate) struct Site {
    pub(crate) process: Process,
    pub(crate) database: Database,
    pub(super) provider: IdentityProvider,
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
        // The numbers are the ids of others.
        for (name, email, number) in [
            ("Ana", "Ana@example.edu", Some("2")),
            ("Ben", "ben@example.edu", Some("1")),
            ("Cara", "shared@example.edu", None),
            ("Dan", "shared@example.edu", None),
        ] {
            let mut body = json!({"name": name, "email": email});
            if let Some(number) = number {
                body["number"] = json!(number);
            }
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
