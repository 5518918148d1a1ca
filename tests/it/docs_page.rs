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
    browser.has_no_complaints().await;
    browser.loads_nothing_from_elsewhere().await;
}
