//! Pictures of pages in `target/pictures`, if they are wanted (`MATRICULA_PICTURES=1`).

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Browser;

/// The whole page, including the part outside the window.
const EXTENT: &str = "
    const {scrollWidth: width, scrollHeight: height} = document.documentElement;
    return {x: 0, y: 0, width, height, scale: 1};";

/// The page down to a height.
const TOP: &str = "
    const [height] = arguments;
    return {x: 0, y: 0, width: document.documentElement.scrollWidth, height, scale: 1};";

/// An element and a little of what is around it.
const AROUND: &str = "
    const [css] = arguments, box = document.querySelector(css).getBoundingClientRect();
    return {x: box.x + scrollX - 8, y: box.y + scrollY - 8, width: box.width + 16, height: box.height + 16, scale: 1};";

/// Of pictures for the book, in CSS pixels: pages have two columns from 960 on, and a page of the book shows 750.
const WIDTH_FOR_THE_BOOK: u32 = 1000;

impl Browser {
    /// Saves the whole page.
    pub(crate) async fn picture(&self, name: &str) {
        if are_wanted() {
            self.save(name, EXTENT, Value::Null).await;
        }
    }

    /// Saves the page down to this height in CSS pixels, for the book.
    pub(crate) async fn picture_to(&self, height: u32, name: &str) {
        self.picture_for_the_book(name, TOP, json!(height)).await;
    }

    /// Saves an element and a little of what is around it, for the book.
    pub(crate) async fn picture_of(&self, css: &str, name: &str) {
        self.picture_for_the_book(name, AROUND, json!(css)).await;
    }

    /// In light colors and at a width that is still readable on a page of the book.
    async fn picture_for_the_book(&self, name: &str, clip: &str, of: Value) {
        if !are_wanted() {
            return;
        }
        let screen =
            json!({"width": WIDTH_FOR_THE_BOOK, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.session.devtools("Emulation.setDeviceMetricsOverride", screen).await;
        self.save(&format!("book-{name}"), clip, of).await;
        self.takes(self.look).await;
    }

    async fn save(&self, name: &str, clip: &str, of: Value) {
        let clip = self.session.run(clip, json!([of])).await.unwrap();
        let wanted = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let taken = self.session.devtools("Page.captureScreenshot", wanted).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pictures");
        fs::create_dir_all(&folder).unwrap();
        let picture = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }
}

fn are_wanted() -> bool {
    std::env::var_os("MATRICULA_PICTURES").is_some()
}
