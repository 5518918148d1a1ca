//! Checks for every page: messages in the console, accessibility, requests to other sites.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Browser;

/// Runs axe with the WCAG rules of levels A and AA and its best practices, or with these rules.
const AXE: &str = "
    const [rules, done] = arguments;
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const only = rules ? {type: 'rule', values: rules} : {type: 'tag', values: tags};
    axe.run(document, {runOnly: only, resultTypes: ['violations']})
        .then(found => done(found.violations), error => done(String(error)));";

/// The rules of axe that depend on colors.
const RULES_OF_COLORS: [&str; 2] = ["color-contrast", "link-in-text-block"];

/// The size and the colors of the window, for messages.
const LOOK: &str =
    "return `${innerWidth} px, ${matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'}`";

/// What chromium says of a page that changes its address often in a few seconds, as react-admin does.
const THROTTLED: &str = "Throttling navigation to prevent the browser from hanging";

impl Browser {
    /// Allows answers with this status until the next check: chromium always reports them in the console.
    pub(crate) fn expects_status(&self, status: u16) {
        self.expected.lock().unwrap().insert(status);
    }

    /// Asserts that the console got no warning and no error since the last check.
    pub(crate) async fn has_no_complaints(&self) {
        let entries = self.session.log("browser").await;
        let expected = std::mem::take(&mut *self.expected.lock().unwrap());
        let is_expected = |entry: &Value| {
            let message = entry["message"].as_str().unwrap_or_default();
            entry["source"] == "network"
                && expected.iter().any(|status| message.contains(&format!("a status of {status} ")))
                || message.contains(THROTTLED)
        };
        let complaints: Vec<_> = entries
            .iter()
            .filter(|entry| ["WARNING", "SEVERE"].contains(&entry["level"].as_str().unwrap_or_default()))
            .filter(|entry| !is_expected(entry))
            .map(|entry| format!("{} {} {}", entry["level"], entry["source"], entry["message"]))
            .collect();
        assert!(complaints.is_empty(), "the console at {}:\n{}", self.path().await, complaints.join("\n"));
    }

    /// Asserts that axe finds no barrier, however small; for a second look in other colors, by the rules of colors only.
    pub(super) async fn is_accessible(&self, by_colors_only: bool) {
        // axe is a script. The page's own scripts do not start now: they run only when a page is opened.
        self.lets_scripts_run(true).await;
        if self.run("return !('axe' in window)").await == true {
            self.run(&axe()).await;
        }
        let rules = if by_colors_only { json!(RULES_OF_COLORS) } else { Value::Null };
        let violations = self.session.run_async(AXE, rules).await.unwrap();
        self.lets_scripts_run(self.runs_scripts).await;
        let Value::Array(violations) = violations else { panic!("axe: {violations}") };
        let barriers: Vec<_> = violations.iter().map(barrier).collect();
        assert!(
            barriers.is_empty(),
            "barriers at {}, {}:\n{}",
            self.path().await,
            self.run(LOOK).await,
            barriers.join("\n")
        );
    }

    /// URLs requested since the last call.
    pub(crate) async fn requested_urls(&self) -> Vec<String> {
        let entries = self.session.log("performance").await;
        let urls = entries.iter().filter_map(|entry| {
            let entry: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let params = &entry["message"]["params"];
            let url = match entry["message"]["method"].as_str()? {
                "Network.requestWillBeSent" => &params["request"]["url"],
                "Network.webSocketCreated" => &params["url"],
                _ => return None,
            };
            url.as_str().map(str::to_owned)
        });
        urls.collect()
    }

    /// Asserts that only the school was requested since the last check.
    pub(crate) async fn loads_nothing_from_elsewhere(&self) {
        let allowed = [&format!("{}/", self.school), "data:", "about:"];
        let urls = self.requested_urls().await;
        let elsewhere: Vec<_> =
            urls.iter().filter(|url| !allowed.iter().any(|start| url.starts_with(start))).collect();
        assert!(elsewhere.is_empty(), "{} requests {elsewhere:?}", self.path().await);
    }
}

/// The script of axe, which `cargo xtask setup` installs.
fn axe() -> String {
    let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/node_modules/axe-core/axe.min.js");
    fs::read_to_string(&axe)
        .unwrap_or_else(|_| panic!("{} is missing: run `cargo xtask setup`", axe.display()))
}

fn barrier(rule: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let nodes = rule["nodes"].as_array().into_iter().flatten();
    let nodes =
        nodes.map(|node| format!("\n  {}\n    {}", text(&node["html"]), text(&node["failureSummary"])));
    format!(
        "{} ({}): {}{}",
        text(&rule["id"]),
        text(&rule["impact"]),
        text(&rule["help"]),
        nodes.collect::<String>()
    )
}
