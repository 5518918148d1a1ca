//! Lists: complete, or in pages that miss nothing; searched and sorted.

use std::collections::BTreeSet;

use axum::http::header::LINK;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::school::{Reply, School, errors};

const STUDENTS: &str = "/api/v1/students";

/// Tables of a program that allows nulls.
pub(crate) const LAX: &str = "create table students (id integer primary key, name text, email text);
    create table courses (id integer primary key, name text, level text);";

/// All pages from this address on, in order.
pub(crate) async fn pages(school: &School, first: &str) -> Vec<Reply> {
    let mut pages = vec![school.get(first).await.is_ok()];
    while let Some(next) = pages.last().unwrap().next_page() {
        assert!(pages.len() < 1000, "there is no end to {first}");
        pages.push(school.get(next).await.is_ok());
    }
    pages
}

pub(crate) fn rows(pages: &[Reply]) -> Vec<Value> {
    pages.iter().flat_map(|page| page.json().as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn a_list_without_a_limit_is_complete() {
    let school = School::open_found(&format!(
        "{LAX} insert into courses values (1, 'Algebra', 'b');
         with recursive n (n) as (select 1 union all select n + 1 from n where n < 1700)
         insert into students select n, 'Student ' || n, 's' || n || '@example.edu' from n;"
    ))
    .await;
    for (url, first, last) in [
        (STUDENTS, 1, 1700),
        ("/api/v1/students?order=desc", 1700, 1),
        ("/api/v1/students?sort=name", 1, 1700),
        ("/api/v1/students?sort=email&order=desc&q=EXAMPLE", 1700, 1),
    ] {
        let list = school.get(url).await.is_ok();
        let ids = list.ids();
        assert_eq!((ids.len(), ids[0], ids[1699]), (1700, first, last), "{url}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1700);
        assert_eq!(list.header("x-total-count"), "1700");
        assert_eq!(list.header("content-type"), "application/json");
        assert_eq!(list.next_page(), None);
    }
    let after = school.get("/api/v1/students?limit=1000").await.is_ok();
    let rest = school.get(&after.next_page().unwrap().replace("limit=1000&", "")).await.is_ok();
    assert_eq!((rest.ids().len(), rest.header("x-total-count")), (700, "1700"));
    let all = school.get("/api/v1/students?limit=10000").await.is_ok();
    assert_eq!((all.ids().len(), all.next_page()), (1700, None));
}

/// For clients that do not read links.
#[tokio::test]
async fn the_cursor_of_the_next_page_has_a_header_of_its_own() {
    let school = School::open().await;
    school.students(["Ana", "Ben", "Cleo"]).await;
    for list in ["/api/v1/students?limit=2", "/api/v1/students?limit=2&sort=name", "/api/v1/events?limit=2"] {
        let first = school.get(list).await.is_ok();
        let cursor = first.header("x-next-cursor");
        assert!(first.next_page().unwrap().ends_with(&format!("&after={cursor}")), "{first:?}");
        let last = school.get(&format!("{list}&after={cursor}")).await.is_ok();
        assert_eq!((last.json().as_array().unwrap().len(), last.header("x-total-count")), (1, "3"));
        assert!(!last.headers.contains_key("x-next-cursor"), "{last:?}");
    }
}

#[tokio::test]
async fn a_page_links_to_the_next_under_the_host_that_the_client_used() {
    let school = School::open().await;
    school.students(["Ana", "Ben", "Cleo"]).await;
    let port = school.address.port();

    let first = school.get("/api/v1/students?limit=2").header("host", &format!("localhost:{port}")).await;

    let first = first.is_ok();
    let next = first.next_page().unwrap().to_owned();
    assert!(next.starts_with(&format!("http://localhost:{port}/api/v1/students?limit=2&after=")), "{next}");
    assert_eq!(first.headers.get_all(LINK).iter().count(), 1);
    assert_eq!((first.ids(), first.header("x-total-count")), (vec![1, 2], "3"));
    let last = school.get(next.split_once(&port.to_string()).unwrap().1).await.is_ok();
    assert_eq!((last.ids(), last.header("x-total-count")), (vec![3], "3"));
    assert_eq!(last.next_page(), None);
    for exactly in ["/api/v1/students?limit=3", "/api/v1/students?limit=10000", STUDENTS] {
        assert_eq!(school.get(exactly).await.is_ok().next_page(), None, "{exactly}");
    }
}

#[tokio::test]
async fn a_made_up_cursor_does_not_make_the_server_fail() {
    let school = School::open().await;
    school.students(["Ana", "Ben"]).await;
    let url = "/api/v1/students?sort=name&limit=1";
    let first = school.get(url).await.is_ok();
    let cursor = first.next_page().unwrap().split("after=").nth(1).unwrap().to_owned();
    let decoded = String::from_utf8(BASE64.decode(cursor).unwrap()).unwrap();
    for text in ["\\u0000", "A\\u0000na", "\\uffff", "\\\\", "'", "%"] {
        let forged = BASE64.encode(decoded.replace("\"1Ana\"", &format!("\"{text}\"")));
        assert_ne!(forged, BASE64.encode(&decoded), "{decoded}");
        for more in ["&limit=1", ""] {
            school.get(&format!("/api/v1/students?sort=name{more}&after={forged}")).await.is_ok();
        }
    }
}

#[tokio::test]
async fn behind_a_proxy_links_begin_with_the_public_address() {
    let school = School::open_behind("https://courses.example.edu/matricula/").await;
    school.students(["Ana", "Ben"]).await;

    let page = school.get("/api/v1/students?limit=1").await.is_ok();

    let next = page.next_page().unwrap();
    assert!(
        next.starts_with("https://courses.example.edu/matricula/api/v1/students?limit=1&after="),
        "{next}"
    );
    let asked = next.strip_prefix("https://courses.example.edu/matricula").unwrap();
    assert_eq!(school.get(asked).header("host", "courses.example.edu").await.is_ok().ids(), [2]);
}

#[tokio::test]
async fn a_link_repeats_the_query_and_has_no_comma() {
    let school = School::open().await;
    for name in ["a,b&c=d 1", "a,b&c=d 2", "A,B&C=D 3", "other"] {
        school.post(STUDENTS, json!({"name": name, "email": "a@example.edu"})).await.is_created();
    }

    let pages = pages(&school, "/api/v1/students?q=a,b%26c%3Dd&sort=name&order=desc&limit=1").await;

    assert_eq!(rows(&pages).iter().map(|row| &row["id"]).collect::<Vec<_>>(), [3, 2, 1]);
    for page in &pages {
        assert_eq!(page.header("x-total-count"), "3");
        if let Some(next) = page.next_page() {
            assert!(next.contains("q=a%2Cb%26c%3Dd&sort=name&order=desc&limit=1&after="), "{next}");
            assert!(!page.header("link").contains(','), "{next}");
            assert_eq!(next.matches("after=").count(), 1, "{next}");
        }
    }
}

#[tokio::test]
async fn every_row_that_stays_is_seen_once_while_others_come_and_go() {
    for order in ["", "&order=desc", "&sort=name", "&sort=email&order=desc"] {
        let school = School::open().await;
        for number in 0..30 {
            let body = json!({"name": format!("N{}", number % 4), "email": format!("e{}@x.org", number % 3)});
            school.post(STUDENTS, body).await.is_created();
        }
        let mut stay: BTreeSet<i64> = (1..=30).collect();
        let mut seen = Vec::new();
        let mut next = Some(format!("/api/v1/students?limit=4{order}"));
        while let Some(url) = next {
            let page = school.get(&url).await.is_ok();
            next = page.next_page().map(str::to_owned);
            seen.extend(page.ids());
            // A row behind us, a row ahead of us, and the row after which the next page begins.
            let ahead = stay.iter().find(|id| !seen.contains(id)).copied();
            for id in [seen.first().copied(), seen.last().copied(), ahead].into_iter().flatten() {
                if stay.remove(&id) {
                    school.delete(&format!("{STUDENTS}/{id}")).await.is(204);
                }
            }
            if seen.len() < 40 {
                for name in ["A", "N2", "Z"] {
                    school.post(STUDENTS, json!({"name": name, "email": "m@x.org"})).await.is_created();
                }
            }
        }
        let times = |id: &i64| seen.iter().filter(|one| *one == id).count();
        assert!(stay.len() > 5, "some rows stayed");
        assert!(stay.iter().all(|id| times(id) == 1), "{order}: {stay:?} in {seen:?}");
        assert!(seen.iter().all(|id| times(id) == 1), "{order}: no row twice in {seen:?}");
    }
}

#[tokio::test]
async fn lists_are_sorted_as_people_sort_with_the_id_for_ties_and_nulls_first() {
    let school = School::open_found(LAX).await;
    school.other_program_runs(
        "insert into students (name, email) values ('ben', 'B@x.org'), ('Ana', null), (null, 'z@x.org'), ('ANA', 'a@x.org'),
             ('Ångström', 'A@x.org'), ('ana', 'b@x.org'), (null, null), ('ångström', 'c@x.org'), ('Zoë', 'ß@x.org');
         insert into courses (name, level) select name, email from students order by id;",
    );
    let (by_id, by_name, by_second) =
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 7, 6, 2, 4, 8, 5, 1, 9], [2, 7, 4, 5, 6, 1, 8, 9, 3]);
    for (list, second) in [("students", "email"), ("courses", "level")] {
        for (sort, ascending) in
            [("", by_id), ("sort=id", by_id), ("sort=name", by_name), (&format!("sort={second}"), by_second)]
        {
            for order in ["", "order=asc", "order=desc"] {
                let mut expected = ascending;
                if order == "order=desc" {
                    expected.reverse();
                }
                let url = format!("/api/v1/{list}?{sort}&{order}").replace("?&", "?");
                let url = url.trim_end_matches(['&', '?']);
                assert_eq!(school.get(url).await.is_ok().ids(), expected, "{url}");
                let paged = format!("{url}{}limit=2", if url.contains('?') { '&' } else { '?' });
                let paged = pages(&school, &paged).await;
                assert_eq!(paged.iter().flat_map(Reply::ids).collect::<Vec<_>>(), expected, "{url}");
            }
        }
    }
}

#[tokio::test]
async fn a_search_finds_parts_of_words_and_takes_every_character_literally() {
    let school = School::open().await;
    for (name, email) in [
        ("Zoë Martin", "martin@example.edu"),
        ("ZOË", "z@example.edu"),
        ("Ana 100%", "ana_b@example.edu"),
        ("Back\\slash", "back@example.edu"),
        ("Ana 1000", "anaXb@example.edu"),
        ("Σοφία Παπαδοπούλου Νίκος", "sofia@example.edu"),
        ("ꟋA", "new@example.edu"),
    ] {
        school.post(STUDENTS, json!({"name": name, "email": email})).await.is_created();
        school.post("/api/v1/courses", json!({"name": name, "level": email})).await.is_created();
    }
    for list in ["students", "courses"] {
        for (q, found) in [
            ("zo%C3%AB", &[1, 2][..]),
            ("ZO%C3%8B", &[1, 2]),
            ("o%C3%AB+mar", &[1]),
            ("%20%20MARTIN%20", &[1]),
            ("EXAMPLE", &[1, 2, 3, 4, 5, 6, 7]),
            // Greek writes the last letter of a word in another way.
            ("%CE%9D%CE%8A%CE%9A%CE%9F%CE%A3", &[6]),
            ("%CE%94%CE%9F%CE%A0%CE%9F%CE%8E%CE%9B", &[6]),
            // A letter that is newer than PostgreSQL's tables of upper and lower case.
            ("%EA%9F%8B", &[7]),
            ("0%25", &[3]),
            ("%25", &[3]),
            ("_", &[3]),
            ("a_b", &[3]),
            ("%5C", &[4]),
            ("zoe", &[1, 2]),
            ("martin%2C+zo", &[1]),
            ("martin+z%40", &[]),
            ("%27%20or%201%3D1--", &[]),
        ] {
            let reply = school.get(&format!("/api/v1/{list}?q={q}")).await.is_ok();
            assert_eq!(reply.ids(), found, "{list} {q}");
            assert_eq!(reply.header("x-total-count"), found.len().to_string());
            let paged = pages(&school, &format!("/api/v1/{list}?q={q}&limit=1&sort=name")).await;
            assert_eq!(rows(&paged).len(), found.len(), "{list} {q}");
        }
    }
}

#[tokio::test]
async fn lists_of_associations_have_pages_too() {
    let school = School::open().await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    let [algebra, logic] = school.courses(["Algebra", "Logic"]).await;
    for (student, course) in [(&cleo, &algebra), (&ana, &logic), (&ana, &algebra), (&ben, &algebra)] {
        student.enrolls_in(course).await.is_created();
    }
    for (url, expected) in [(algebra.roster_url(), vec![3, 1, 2]), (ana.courses_url(), vec![2, 1])] {
        let pages = pages(&school, &format!("{url}?limit=1")).await;
        assert_eq!(pages.iter().flat_map(Reply::ids).collect::<Vec<_>>(), expected);
        assert!(pages.iter().all(|page| page.header("x-total-count") == expected.len().to_string()));
    }
    // A page after the last row is empty, not an error.
    let first = school.get(&format!("{}?limit=1", ana.courses_url())).await.is_ok();
    ana.drops(&algebra).await.is(204);
    assert_eq!(school.get(first.next_page().unwrap()).await.is_ok().text(), "[]");
}

#[tokio::test]
async fn a_cursor_is_valid_for_its_own_list_and_order_only() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let [algebra, logic] = school.courses(["Algebra", "Logic"]).await;
    for student in [&ana, &ben] {
        student.enrolls_in(&algebra).await.is_created();
        student.enrolls_in(&logic).await.is_created();
    }
    let lists = [
        STUDENTS.to_owned(),
        "/api/v1/students?order=desc".to_owned(),
        "/api/v1/students?sort=name".to_owned(),
        "/api/v1/courses".to_owned(),
        "/api/v1/courses?sort=name".to_owned(),
        ana.courses_url(),
        ben.courses_url(),
        algebra.roster_url(),
        logic.roster_url(),
    ];
    let with = |url: &str, more: &str| format!("{url}{}{more}", if url.contains('?') { '&' } else { '?' });
    for one in &lists {
        let page = school.get(&with(one, "limit=1")).await.is_ok();
        let cursor = page.next_page().unwrap().split_once("after=").unwrap().1;
        for other in &lists {
            let asking = school.get(&with(other, &format!("after={cursor}")));
            if one == other {
                assert_eq!(asking.await.is_ok().ids().len(), 1, "{one}");
            } else {
                let wrong = errors(&asking.await.is_refused(400, "invalid-request"));
                assert_eq!(
                    wrong,
                    ["after: is a cursor of another list or order; start again without a cursor"]
                );
            }
        }
    }
    for cursor in ["", "1", "abc", "%00", "bnVsbA", "W10", "WyJTdHVkZW50cyJd"] {
        for list in &lists {
            let problem = school.get(&with(list, &format!("after={cursor}"))).await;
            let wrong = errors(&problem.is_refused(400, "invalid-request"));
            assert_eq!(wrong, ["after: must be a cursor from a `Link` header of this list"], "{cursor}");
        }
    }
}

#[tokio::test]
async fn all_bad_parameters_of_a_list_are_reported_at_once() {
    let school = School::open().await;
    let number = "must be a whole number from 1 to 10,000";
    let long = format!("q={}", "%C3%AB".repeat(256));
    for (list, second, exact) in [
        ("students", "email", "`name`, `email`, `number`, `enrolled`, `id`"),
        ("courses", "level", "`name`, `level`, `code`, `open`, `free`, `waiting`, `include`, `id`"),
    ] {
        for (query, wrong) in [
            ("limit=0", vec![format!("limit: {number}")]),
            ("limit=abc", vec![format!("limit: {number}")]),
            ("limit=10001", vec![format!("limit: {number}")]),
            ("limit=-1&q=", vec![format!("limit: {number}"), "q: must not be empty".to_owned()]),
            ("q=a%0Ab", vec!["q: must not have control characters".to_owned()]),
            (&long, vec!["q: must have at most 255 characters, not 256".to_owned()]),
            ("limit=", vec![format!("limit: {number}")]),
            ("limit=1.0", vec![format!("limit: {number}")]),
            ("limit=%2B1", vec![format!("limit: {number}")]),
            ("limit=1&limit=1", vec!["limit: is given more than once".to_owned()]),
            ("limt=1", vec!["limt: is not a known parameter; did you mean `limit`?".to_owned()]),
            ("Limit=1", vec!["Limit: is not a known parameter; did you mean `limit`?".to_owned()]),
            (
                "sort=age&order=up",
                vec![
                    format!("sort: must be one of `id`, `name`, `{second}`"),
                    "order: must be `asc` or `desc`".to_owned(),
                ],
            ),
            (
                "page=2",
                vec![format!(
                    "page: is not a known parameter; the known ones are `limit`, `after`, `q`, `sort`, `order`, {exact}, `_start`, `_end`, `_sort`, `_order`"
                )],
            ),
        ] {
            let problem = school.get(&format!("/api/v1/{list}?{query}")).await;
            assert_eq!(errors(&problem.is_refused(400, "invalid-request")), wrong, "{query}");
        }
    }
}

#[tokio::test]
async fn a_head_request_has_the_headers_of_a_get_request() {
    let school = School::open().await;
    school.students(["Ana", "Ben"]).await;
    for url in
        [STUDENTS, "/api/v1/students?limit=1", "/api/v1/students/1", "/api/v1/events", "/api/v1/courses"]
    {
        let (head, get) = (school.client.ask("HEAD", url).await.is_ok(), school.get(url).await.is_ok());
        assert_eq!(head.text(), "", "{url}");
        for name in ["content-type", "content-length", "x-total-count", "link", "etag"] {
            assert_eq!(head.headers.get(name), get.headers.get(name), "{name} of {url}");
        }
    }
}
