//! Caches do not store answers that name people, or revalidate them; no other site may frame our pages.

use serde_json::json;

use crate::school::School;

#[tokio::test]
async fn answers_about_people_are_not_stored_or_are_revalidated() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    let seen = school.get(&ana.url()).await.is_ok();
    let tag = seen.header("etag").to_owned();
    let unchanged = school.get(&ana.url()).header("if-none-match", &tag).await.is(304);
    for reply in [seen, unchanged, school.get(&algebra.url()).await.is_ok()] {
        assert_eq!(reply.header("cache-control"), "private, no-cache", "{reply:?}");
        assert_eq!(reply.header("vary"), "authorization, cookie", "{reply:?}");
    }
    for reply in [
        school.get("/api/v1/students").await.is_ok(),
        school.get("/api/v1/students?limit=1").await.is_ok(),
        school.get(&ana.courses_url()).await.is_ok(),
        school.get(&algebra.roster_url()).await.is_ok(),
        school.get(&ana.enrollment_url(&algebra)).await.is_ok(),
        school.get("/api/v1/events").await.is_ok(),
        school.get("/api/v1/students/99").await.is(404),
        school.get("/api/v1/students?limit=none").await.is(400),
        ana.enrolls_in(&algebra).await.is(409),
        ana.drops(&algebra).await.is(204),
        school
            .post("/api/v1/enrollments/batch", json!([{"op": "drop", "student_id": 1, "course_id": 1}]))
            .await
            .is_ok(),
    ] {
        assert_eq!(reply.header("cache-control"), "no-store", "{reply:?}");
        let vary: Vec<_> = reply.headers.get_all("vary").iter().collect();
        assert_eq!(vary.last().unwrap(), &"authorization, cookie", "{reply:?}");
    }
    let page = school.get("/students").header("accept", "text/html").await.is_ok();
    assert_eq!(page.header("cache-control"), "private, no-store");
    assert_eq!(page.header("vary"), "accept, hx-request-type, authorization, cookie");
    // Health and metrics are not stored either.
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(school.get(path).await.is_ok().header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn no_page_of_ours_can_be_framed() {
    let school = School::open().await;
    for path in [
        "/courses",
        "/problems/stale",
        "/nowhere",
        "/docs/",
        "/docs/index.html",
        "/students/0",
        "/api/v1/nowhere",
    ] {
        let reply = school.get(path).header("accept", "text/html").await;
        if !reply.header("content-type").starts_with("text/html") {
            continue;
        }
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!reply.header("content-security-policy").contains("script-src 'self' 'unsafe"), "{path}");
        assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "same-origin", "{path}");
    }
    assert!(school.get("/docs/").await.is_ok().text().contains("swagger"));
}
