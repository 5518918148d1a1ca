//! People and courses are found the way people type, and sorted the way people look for them: the same by the API, on
//! the pages and on rosters.

use regex::Regex;
use serde_json::json;

use crate::lists::pages;
use crate::school::{Course, Reply, School};

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The ids of the rows on a page of students or courses.
fn shown(page: &Reply, list: &str) -> Vec<i64> {
    let rows = Regex::new(&format!(r#"<a href="/{list}/(\d+)"><bdi>"#)).unwrap();
    rows.captures_iter(page.text()).map(|row| row[1].parse().unwrap()).collect()
}

/// A school whose students and courses have these names. All students take the first course, the last one first.
async fn school_of(names: &[&str]) -> School {
    let school = School::open().await;
    for name in names {
        let student = json!({"name": name, "email": "s@example.edu"});
        school.post("/api/v1/students", student).await.is_created();
        school.post("/api/v1/courses", json!({"name": name, "level": "one"})).await.is_created();
    }
    for student in (1..=names.len()).rev() {
        let enroll = json!({"course_id": 1});
        school.post(&format!("/api/v1/students/{student}/courses"), enroll).await.is_created();
    }
    school
}

/// The ids that the API, the pages and a roster list, which are the same; sorted by name.
async fn listed(school: &School, query: &str) -> Vec<i64> {
    let api = school.get(&format!("/api/v1/students?sort=name&{query}")).await.is_ok();
    let ids = api.ids();
    assert_eq!(api.header("x-total-count"), ids.len().to_string());
    for list in ["/api/v1/courses", "/api/v1/courses/1/students"] {
        let url = format!("{list}?sort=name&{query}");
        assert_eq!(school.get(&url).await.is_ok().ids(), ids, "{url}");
        let paged = pages(school, &format!("{url}&limit=1")).await;
        assert_eq!(paged.iter().flat_map(Reply::ids).collect::<Vec<_>>(), ids, "{url} in pages");
    }
    for list in ["students", "courses"] {
        let page = school.get(&format!("/{list}?sort=name&{query}")).header("accept", "text/html");
        assert_eq!(shown(&page.await.is_ok(), list), ids, "the page of {list}: {query}");
    }
    ids
}

#[tokio::test]
async fn people_and_courses_are_found_the_way_people_type() {
    let school = school_of(&[
        "Ana Lopez",
        "José López",
        "Jose\u{301} Smith",
        "O\u{2019}Brien  Pat",
        "İstanbul Straße",
        "John Smith",
    ])
    .await;
    for (typed, found) in [
        ("lopez", &[1, 2][..]),
        ("LÓPEZ", &[1, 2]),
        ("jose", &[2, 3]),
        ("Jos\u{e9}", &[2, 3]),
        ("jose\u{301}", &[2, 3]),
        ("o'brien", &[4]),
        ("o`BRIEN", &[4]),
        ("O\u{2bc}Brien", &[4]),
        ("istanbul", &[5]),
        ("İSTANBUL", &[5]),
        ("strasse", &[5]),
        ("STRASSE", &[5]),
        ("straße", &[5]),
        ("Smith, John", &[6]),
        ("smith,jo", &[6, 3]),
        ("  pat   o ", &[4]),
        ("pat o'b", &[4]),
        ("smith lopez", &[]),
        (",", &[]),
    ] {
        assert_eq!(listed(&school, &format!("q={}", encoded(typed))).await, found, "{typed:?}");
    }
    // What is stored is never changed by it.
    assert_eq!(school.get("/api/v1/students/4").await.is_ok().json()["name"], "O\u{2019}Brien  Pat");
}

#[tokio::test]
async fn names_are_sorted_as_people_look_for_them() {
    let school = school_of(&[
        "Rush 10",
        "zoe",
        "Ångström",
        "Rush 2",
        "Zoë",
        "Łódź",
        "Lopez",
        "López",
        "Lope\u{301}z",
        "Lopez",
    ])
    .await;
    // Equal to the collation are 8 with one character and 9 with two, which comes first by code points? No: o before ó.
    assert_eq!(listed(&school, "").await, [3, 6, 7, 10, 9, 8, 4, 1, 2, 5]);
    assert_eq!(listed(&school, "q=z").await, [6, 7, 10, 9, 8, 2, 5]);
}

#[tokio::test]
async fn a_roster_is_searched_and_sorted_now_and_at_a_time() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    for (name, number) in [("Ben Li", "3"), ("Ana Li", "11"), ("Eve Oh", "7"), ("Élan Li", "03")] {
        let student = json!({"name": name, "email": "li@example.edu", "number": number});
        let student = school.post("/api/v1/students", student).await.is_created();
        let courses = format!("{}/courses", student.header("location"));
        school.post(&courses, json!({"course_id": algebra.id})).await.is_created();
    }
    let as_of = "as_of=2999-01-01T00:00:00Z";
    for time in ["", as_of] {
        let ids = async |query: &str| {
            let url = format!("{}?{query}&{time}", algebra.roster_url());
            let list = school.get(url.trim_end_matches('&')).await.is_ok();
            let paged = pages(&school, &format!("{url}&limit=1").replace("&&", "&")).await;
            assert!(paged.iter().all(|page| page.header("x-total-count") == list.header("x-total-count")));
            assert_eq!(paged.iter().flat_map(Reply::ids).collect::<Vec<_>>(), list.ids(), "{url}");
            list.ids()
        };
        assert_eq!(ids("sort=enrolled").await, [1, 2, 3, 4]);
        assert_eq!(ids("sort=name").await, [2, 1, 4, 3]);
        assert_eq!(ids("q=li").await, [1, 2, 3, 4]);
        assert_eq!(ids("q=li,+ana").await, [2]);
        assert_eq!(ids("q=elan").await, [4]);
        // Exactly the number 3, and the id 3, come before what has a 3 in it.
        assert_eq!(ids("q=3").await, [1, 3, 4]);
        assert_eq!(ids("q=3&sort=name").await, [1, 3, 4]);
        assert_eq!(ids("q=nobody").await, [0; 0]);
    }
    let cursor = school.get(&format!("{}?sort=name&limit=1", algebra.roster_url())).await.is_ok();
    let other_order = cursor.next_page().unwrap().replace("sort=name", "sort=enrolled");
    school.get(&other_order).await.is_refused(400, "invalid-request");
    school.get("/api/v1/courses/99/students?q=li").await.is_refused(404, "course-not-found");
    school.get(&format!("{}?sort=email", algebra.roster_url())).await.is_refused(400, "invalid-request");
}

#[tokio::test]
async fn a_complete_search_of_a_large_school_is_complete() {
    let school = School::open_found(
        "create table students (id integer primary key, name text, email text);
         create table courses (id integer primary key, name text, level text);
         with recursive n (n) as (select 1 union all select n + 1 from n where n < 1700)
         insert into students select n, 'Student ' || n, 's' || n || '@example.edu' from n;",
    )
    .await;
    for (query, first, last) in [("q=STUDENT", 1, 1700), ("q=s&sort=name&order=desc", 1700, 1)] {
        let all = school.get(&format!("/api/v1/students?{query}")).await.is_ok();
        let ids = all.ids();
        assert_eq!((ids.len(), ids[0], ids[1699], all.header("x-total-count")), (1700, first, last, "1700"));
        let csv = school.get(&format!("/api/v1/students?{query}")).header("accept", "text/csv").await.is_ok();
        assert_eq!((csv.text().lines().count(), csv.header("x-total-count")), (1701, "1700"));
    }
}

#[tokio::test]
async fn a_change_is_found_at_once_by_whoever_made_it() {
    let school = School::open().await;
    school.student("Ana").await;
    let found = async |q: &str| school.get(&format!("/api/v1/students?q={q}")).await.is_ok().ids();
    assert_eq!(found("ana").await, [1]);
    let ben = school.student("Ben").await;
    assert_eq!(found("ben").await, [ben.id]);
    school.patch(&ben.url(), json!({"name": "Beatrix"})).await.is_ok();
    assert_eq!((found("ben").await, found("beatrix").await), (vec![ben.id], vec![ben.id]));
    school.other_program_runs("insert into students (id, name, email) values (70, 'Zoë', 'z@example.edu')");
    assert_eq!(found("zoe").await, [70]);
    school.delete(&ben.url()).await.is(204);
    assert_eq!(found("beatrix").await, [0; 0]);
    let course: Course = school.course("Algebra").await;
    assert_eq!(school.get("/api/v1/courses?q=algebra").await.is_ok().ids(), [course.id]);
    school.patch(&course.url(), json!({"code": "M-1"})).await.is_ok();
    assert_eq!(
        school
            .get("/api/v1/courses?q=m\u{2010}1".replace('\u{2010}', "%E2%80%90").as_str())
            .await
            .is_ok()
            .ids(),
        [course.id]
    );
}
