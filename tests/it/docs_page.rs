//! The API reference in a browser.

use crate::school::{Browser, School};

#[tokio::test]
async fn the_reference_shows_every_operation_and_loads_nothing_from_elsewhere() {
    let document = serde_json::to_value(matricula::server::router::document()).unwrap();
    let school = School::open().await;
    let browser = Browser::open(&school).await;
    browser.goto("/docs/").await;
    browser.waits_for_text(document["info"]["title"].as_str().unwrap()).await;
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            browser.waits_for_text(operation["summary"].as_str().unwrap()).await;
        }
    }
    browser.picture("docs-desk").await;
    browser.is_accessible_but_for(&["nested-interactive"]).await;
    browser.waits_for_text("Programs can do everything that these pages do.").await;
    let frame = "const of = (css, name) => getComputedStyle(document.querySelector(css))[name];
        return [of('.opblock-summary-path', 'fontFamily').split(',')[0], of('.opblock', 'backgroundColor') == of('header', 'backgroundColor')]";
    assert_eq!(
        browser.run(frame).await,
        serde_json::json!(["Inter", true]),
        "the reference looks like the pages"
    );
    browser.has_no_complaints().await;
    browser.loads_nothing_from_elsewhere().await;
}
