//! The registration board in a browser.

use serde_json::json;

use crate::school::{Browser, School};

#[tokio::test]
async fn the_board_shows_how_seats_fill_without_loading_again() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, eve] = school.students(["Ana", "Ben", "Eve"]).await;
    let seats = json!({"capacity": 1, "waitlist_capacity": 1});
    school.put(&format!("{}/seats", algebra.url())).json(&seats).await.is_ok();
    let page = Browser::open(&school).await;
    page.goto("/registration").await;
    page.waits_for_text("0 of 1").await;
    page.run("window.isStill = true").await;
    ana.enrolls_in(&algebra).await.is_created();
    page.waits_for_text("1 of 1").await;
    ben.enrolls_in(&algebra).await.is(202);
    eve.enrolls_in(&algebra).await.is_refused(409, "waitlist-full");
    page.waits_for_text("1 waiting").await;
    page.waits_for_text("The waitlist is full 1").await;
    assert_eq!(page.run("return window.isStill").await, true, "the page was not loaded again");
    assert_eq!(page.attribute("#live meter", "value").await.as_deref(), Some("1"));
    page.is_accessible().await;
    page.has_no_complaints().await;
    page.loads_nothing_from_elsewhere().await;
}
