//! What nobody should have to see: complaints in the console, barriers, requests to somebody else.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Browser;

/// Runs axe, with the rules that are laws and those that are good manners.
const AXE: &str = "
    const tell = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})
        .then(found => tell(found.violations), error => tell(String(error)));";

/// The whole page, also what is below the window's edge.
const EXTENT: &str = "
    const {scrollWidth: width, scrollHeight: height} = document.documentElement;
    return {x: 0, y: 0, width, height, scale: 1};";

impl Browser {
    /// Until the next verdict, an answer of this status is no complaint: chromium always writes it into the console.
    pub(crate) fn expects_status(&self, status: u16) {
        self.expected.lock().unwrap().insert(status);
    }

    /// No warning and no error has come into the console since the last verdict.
    pub(crate) async fn has_no_complaints(&self) {
        let entries = self.session.log("browser").await;
        let expected = std::mem::take(&mut *self.expected.lock().unwrap());
        let is_expected = |entry: &Value| {
            let message = entry["message"].as_str().unwrap_or_default();
            entry["source"] == "network"
                && expected.iter().any(|status| message.contains(&format!("a status of {status} ")))
        };
        let complaints: Vec<_> = entries
            .iter()
            .filter(|entry| ["WARNING", "SEVERE"].contains(&entry["level"].as_str().unwrap_or_default()))
            .filter(|entry| !is_expected(entry))
            .map(|entry| format!("{} {} {}", entry["level"], entry["source"], entry["message"]))
            .collect();
        assert!(complaints.is_empty(), "the console at {}:\n{}", self.path().await, complaints.join("\n"));
    }

    /// axe finds nothing that would be a serious barrier to somebody.
    pub(crate) async fn is_accessible(&self) {
        let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/node_modules/axe-core/axe.min.js");
        let axe = fs::read_to_string(&axe)
            .unwrap_or_else(|_| panic!("{} is missing: run `cargo xtask setup`", axe.display()));
        // Those of the page have had their chance when it was opened.
        self.lets_scripts_run(true).await;
        self.run(&axe).await;
        let violations = self.session.run_to_the_call(AXE).await.unwrap();
        self.lets_scripts_run(self.runs_scripts).await;
        let Value::Array(violations) = violations else { panic!("axe: {violations}") };
        let barriers: Vec<_> = violations
            .iter()
            .filter(|rule| ["serious", "critical"].contains(&rule["impact"].as_str().unwrap_or_default()))
            .map(barrier)
            .collect();
        assert!(barriers.is_empty(), "barriers at {}:\n{}", self.path().await, barriers.join("\n"));
    }

    /// The addresses that were asked for since this was last told.
    pub(crate) async fn asked(&self) -> Vec<String> {
        let entries = self.session.log("performance").await;
        let asked = entries.iter().filter_map(|entry| {
            let entry: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let told = &entry["message"]["params"];
            let url = match entry["message"]["method"].as_str()? {
                "Network.requestWillBeSent" => &told["request"]["url"],
                "Network.webSocketCreated" => &told["url"],
                _ => return None,
            };
            url.as_str().map(str::to_owned)
        });
        asked.collect()
    }

    /// Nobody but the school was asked for anything, since `asked` was last told.
    pub(crate) async fn loads_nothing_from_elsewhere(&self) {
        let homes = [&format!("{}/", self.school), "data:", "about:"];
        let asked = self.asked().await;
        let away: Vec<_> =
            asked.iter().filter(|url| !homes.iter().any(|home| url.starts_with(home))).collect();
        assert!(away.is_empty(), "{} asks for {away:?}", self.path().await);
    }

    /// The whole page into `target/pictures`, where somebody wants to look at it (`MATRICULA_PICTURES=1`).
    pub(crate) async fn picture(&self, name: &str) {
        if std::env::var_os("MATRICULA_PICTURES").is_none() {
            return;
        }
        let wanted = json!({"format": "png", "captureBeyondViewport": true, "clip": self.run(EXTENT).await});
        let taken = self.session.devtools("Page.captureScreenshot", wanted).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pictures");
        fs::create_dir_all(&folder).unwrap();
        let picture = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }
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
