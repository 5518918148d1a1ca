//! A browser: what a person sees, hears and does on the pages of a school.
//!
//! Every lookup is retried, since the page may still be loading. After ten seconds the test fails and shows the page.

mod driver;
mod element;
mod keys;
mod look;
mod pictures;
mod verdicts;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::driver::Session;
pub(crate) use self::element::Element;
pub(crate) use self::look::Look;
use super::School;

const TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The visible text, on one line.
const VISIBLE: &str = r"return document.body.innerText.replace(/\s+/g, ' ')";

/// A chromium with a profile of its own; ends when dropped.
pub(crate) struct Browser {
    session: Session,
    /// Base URL of the school: `http://127.0.0.1:41231`.
    school: String,
    runs_scripts: bool,
    look: Look,
    /// Whether the same flow is also driven on the other screen.
    looks_at_own_screen_only: bool,
    expected: Mutex<BTreeSet<u16>>,
}

/// Kinds of browsers, and their settings.
impl Browser {
    /// A desktop browser.
    pub(crate) async fn open(school: &School) -> Self {
        Self::start(school.address, Look::DESK, false).await
    }

    /// A phone with a touch screen.
    pub(crate) async fn phone(school: &School) -> Self {
        Self::start(school.address, Look::PHONE, false).await
    }

    /// One of the browsers of a flow that is driven on both screens (`Look::BOTH`).
    pub(crate) async fn with_look(school: &School, look: Look) -> Self {
        Self::start(school.address, look, true).await
    }

    /// A desktop browser, for another site.
    pub(crate) async fn at(site: SocketAddr) -> Self {
        Self::start(site, Look::DESK, false).await
    }

    async fn start(site: SocketAddr, look: Look, looks_at_own_screen_only: bool) -> Self {
        let browser = Self {
            session: Session::start().await,
            school: format!("http://{site}"),
            runs_scripts: true,
            look,
            looks_at_own_screen_only,
            expected: Mutex::default(),
        };
        browser.takes(look).await;
        // Discards the requests of the browser's own start page.
        browser.requested_urls().await;
        browser
    }

    /// Pages that are opened from now on run no scripts.
    pub(crate) async fn without_scripts(mut self) -> Self {
        self.runs_scripts = false;
        self.lets_scripts_run(false).await;
        self
    }

    /// With a preference for dark colors.
    pub(crate) async fn dark(mut self) -> Self {
        self.look = self.look.dark();
        self.takes(self.look).await;
        self
    }

    /// Shows pages as they are printed.
    pub(crate) async fn prints(self) -> Self {
        self.session.devtools("Emulation.setEmulatedMedia", json!({"media": "print"})).await;
        self
    }

    /// In this time zone, for pages that are opened from now on.
    pub(crate) async fn in_zone(self, zone: &str) -> Self {
        self.session.devtools("Emulation.setTimezoneOverride", json!({"timezoneId": zone})).await;
        self
    }

    /// Whether pages that are opened now run scripts.
    pub(crate) const fn runs_scripts(&self) -> bool {
        self.runs_scripts
    }

    async fn lets_scripts_run(&self, run: bool) {
        self.session.devtools("Emulation.setScriptExecutionDisabled", json!({"value": !run})).await;
    }
}

/// What a person does.
impl Browser {
    pub(crate) async fn goto(&self, path: &str) {
        let url = format!("{}{path}", self.school);
        self.session.post("/url", json!({"url": url})).await.unwrap();
    }

    /// Clicks the first visible button, link or similar control whose name for screen readers is this.
    pub(crate) async fn click_text(&self, name: &str) {
        self.retry(name, async || self.look_for_control(name).await?.try_click().await).await;
    }

    /// Replaces the value of a field, found by its label or by CSS. In a list, selects the option that begins with the
    /// text. Dates and times are written as in HTML: `2026-09-01T08:00`.
    pub(crate) async fn type_into(&self, field: &str, text: &str) {
        self.retry(field, async || self.look_for_field(field).await?.try_fill(text).await).await;
    }

    /// Presses keys in the element that has the focus: `Tab`, `Shift+Tab`, `Enter`, `x`.
    pub(crate) async fn press(&self, key: &str) {
        self.session.post("/actions", keys::pressing(key)).await.unwrap();
    }

    /// Runs a function body in the page and returns its result.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.session.run(script, json!([])).await.unwrap_or_else(|refusal| panic!("{script}: {refusal}"))
    }
}

/// What a person sees now.
impl Browser {
    /// Path and query of the current address.
    pub(crate) async fn path(&self) -> String {
        let url = self.session.get("/url").await.unwrap();
        let url = url.as_str().unwrap();
        url.strip_prefix(&self.school).unwrap_or(url).to_owned()
    }

    pub(crate) async fn title(&self) -> String {
        self.session.get("/title").await.unwrap().as_str().unwrap().to_owned()
    }

    /// Name for screen readers of the element that has the focus; if it has none, its tag and id.
    pub(crate) async fn focused(&self) -> String {
        self.retry("the focus", async || {
            let focused = Element::from_json(
                self,
                &self.session.run("return document.activeElement", json!([])).await?,
            )?;
            let (name, tag) = (focused.try_name().await?, focused.tag().await?);
            Ok(if name.is_empty() || tag == "body" { tag } else { name })
        })
        .await
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        self.retry(css, async || self.look(css).await?.try_text().await).await
    }

    pub(crate) async fn value(&self, css: &str) -> String {
        self.retry(css, async || self.look(css).await?.try_value().await).await
    }

    pub(crate) async fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.retry(css, async || self.look(css).await?.try_attribute(name).await).await
    }

    /// The first match, visible or not.
    pub(crate) async fn find(&self, css: &str) -> Element<'_> {
        self.retry(css, async || self.look(css).await).await
    }

    /// All matches, of which there must be at least one.
    pub(crate) async fn find_all(&self, css: &str) -> Vec<Element<'_>> {
        self.retry(css, async || {
            let found = self.look_for_all(css).await?;
            if found.is_empty() { Err("there is none".to_owned()) } else { Ok(found) }
        })
        .await
    }
}

/// What a person waits for.
impl Browser {
    pub(crate) async fn waits_for(&self, css: &str) {
        self.find(css).await;
    }

    /// Waits until the page shows this text; any white space between words counts as one space.
    pub(crate) async fn waits_for_text(&self, text: &str) {
        self.waits_until(text, async || Ok(self.visible_text().await?.contains(text))).await;
    }

    pub(crate) async fn waits_for_path(&self, path: &str) {
        self.waits_until(path, async || Ok(self.path().await == path)).await;
    }

    /// Waits until `focused` returns this name.
    pub(crate) async fn waits_for_focus(&self, name: &str) {
        self.waits_until(&format!("focus on {name}"), async || Ok(self.focused().await == name)).await;
    }

    async fn waits_until(&self, wanted: &str, holds: impl AsyncFn() -> Result<bool, String>) {
        self.retry(wanted, async || if holds().await? { Ok(()) } else { Err("not yet".to_owned()) }).await;
    }

    /// Retries until it succeeds or the time is up.
    async fn retry<T>(&self, wanted: &str, work: impl AsyncFn() -> Result<T, String>) -> T {
        let begin = Instant::now();
        loop {
            match work().await {
                Ok(done) => return done,
                Err(_) if begin.elapsed() < TIMEOUT => tokio::time::sleep(POLL_INTERVAL).await,
                Err(refusal) => {
                    let (path, text) = (self.path().await, self.visible_text().await);
                    let text = text.unwrap_or_else(|error| error);
                    let console = self.session.log("browser").await;
                    panic!("waited for {wanted}: {refusal}\nat {path}: {text}\nthe console: {console:?}");
                }
            }
        }
    }

    async fn visible_text(&self) -> Result<String, String> {
        Ok(self.session.run(VISIBLE, json!([])).await?.as_str().unwrap_or_default().to_owned())
    }
}
