//! Elements of a page, and how they are found.

use serde_json::{Value, json};

use super::Browser;
use super::driver::{as_argument, element_id};

const CONTROLS: &str = "a[href], button, summary, input:is([type=submit], [type=button], [type=checkbox], [type=radio]), \
                        [role=button], [role=link], [role=tab], [role=menuitem]";
const FIELDS: &str = "input, select, textarea";

/// Visible elements whose name may match. The browser computes the exact names, but only one per request.
const CANDIDATES: &str = r"
    const [css, name] = arguments;
    const bare = text => text.replace(/\s+/g, '');
    const texts = element => [
        element.textContent, element.value, element.title, element.ariaLabel,
        ...[...(element.labels ?? []), ...(element.ariaLabelledByElements ?? [])].map(label => label.textContent),
        ...[...element.querySelectorAll('[alt], [aria-label]')].map(part => part.alt ?? part.ariaLabel),
    ];
    return [...document.querySelectorAll(css)].filter(element =>
        element.checkVisibility({visibilityProperty: true}) && bare(texts(element).join('')).includes(bare(name)));";

/// Sets the value directly: the keys of a date field depend on the language of the browser.
const SET: &str = "
    const [field, value] = arguments;
    field.focus();
    field.value = value;
    for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, {bubbles: true}));";

const TAG: &str = "const [it] = arguments; return it.tagName.toLowerCase() + (it.id && '#' + it.id)";

/// Control and A, Control released, Backspace.
const CLEAR: &str = "\u{E009}a\u{E000}\u{E003}";

/// An element of the open page; it is gone once another page is open.
pub(crate) struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Browser {
    pub(super) async fn look(&self, css: &str) -> Result<Element<'_>, String> {
        let found = self.session.post("/element", json!({"using": "css selector", "value": css})).await?;
        Element::from_json(self, &found)
    }

    pub(super) async fn look_for_all(&self, css: &str) -> Result<Vec<Element<'_>>, String> {
        let found = self.session.post("/elements", json!({"using": "css selector", "value": css})).await?;
        found.as_array().unwrap().iter().map(|found| Element::from_json(self, found)).collect()
    }

    pub(super) async fn look_for_control(&self, name: &str) -> Result<Element<'_>, String> {
        self.look_for_named(CONTROLS, name).await
    }

    /// Finds a field by its label or by CSS.
    pub(super) async fn look_for_field(&self, field: &str) -> Result<Element<'_>, String> {
        match self.look_for_named(FIELDS, field).await {
            Ok(found) => Ok(found),
            Err(_) => self.look(field).await,
        }
    }

    async fn look_for_named(&self, css: &str, name: &str) -> Result<Element<'_>, String> {
        let candidates = self.session.run(CANDIDATES, json!([css, name])).await?;
        for candidate in candidates.as_array().unwrap() {
            let candidate = Element::from_json(self, candidate)?;
            if candidate.try_name().await? == name {
                return Ok(candidate);
            }
        }
        Err("no visible element has this name".to_owned())
    }
}

impl<'a> Element<'a> {
    pub(super) fn from_json(browser: &'a Browser, found: &Value) -> Result<Self, String> {
        Ok(Self { browser, id: element_id(found)? })
    }

    pub(crate) async fn text(&self) -> String {
        self.try_text().await.unwrap()
    }

    pub(crate) async fn attribute(&self, name: &str) -> Option<String> {
        self.try_attribute(name).await.unwrap()
    }

    pub(super) async fn try_click(&self) -> Result<(), String> {
        self.post("click", json!({})).await
    }

    pub(super) async fn try_text(&self) -> Result<String, String> {
        self.get("text").await.map(Option::unwrap_or_default)
    }

    pub(super) async fn try_value(&self) -> Result<String, String> {
        self.get("property/value").await.map(Option::unwrap_or_default)
    }

    pub(super) async fn try_attribute(&self, name: &str) -> Result<Option<String>, String> {
        self.get(&format!("attribute/{name}")).await
    }

    pub(super) async fn try_name(&self) -> Result<String, String> {
        self.get("computedlabel").await.map(Option::unwrap_or_default)
    }

    pub(super) async fn tag(&self) -> Result<String, String> {
        let tag = self.browser.session.run(TAG, json!([as_argument(&self.id)])).await?;
        Ok(tag.as_str().unwrap_or_default().to_owned())
    }

    pub(super) async fn try_fill(&self, text: &str) -> Result<(), String> {
        match self.get("property/type").await?.unwrap_or_default().as_str() {
            "date" | "time" | "datetime-local" | "month" | "week" => {
                self.browser.session.run(SET, json!([as_argument(&self.id), text])).await.map(drop)
            }
            "file" | "select-one" => self.post("value", json!({"text": text})).await,
            _ => self.post("value", json!({"text": format!("{CLEAR}{text}")})).await,
        }
    }

    async fn get(&self, what: &str) -> Result<Option<String>, String> {
        let value = self.browser.session.get(&format!("/element/{}/{what}", self.id)).await?;
        Ok(value.as_str().map(str::to_owned))
    }

    async fn post(&self, what: &str, body: Value) -> Result<(), String> {
        self.browser.session.post(&format!("/element/{}/{what}", self.id), body).await.map(drop)
    }
}
