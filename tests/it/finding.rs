//! People and courses are found the way people type, and sorted the way people look for them: the same by the API, on
//! the pages and on rosters.

use regex::Regex;
use serde_json::json;

use crate::access::WithToken as _;
use crate::lists::pages;
use crate::school::{Course, Database, Reply, School};

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
    let as_of = "as_of=2026-09-01T08:00:00Z";
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

#[tokio::test]
async fn courses_are_found_by_their_seats_and_windows_as_on_the_page() {
    let school = School::open().await;
    let students = school.students(["Ana", "Ben", "Eve"]).await;
    let courses = school.courses(["Algebra", "Botany", "Chemistry", "Drama", "English"]).await;
    let [algebra, botany, chemistry, _, english] = &courses;
    school.patch(&botany.url(), json!({"code": "B1"})).await.is_ok();
    // Full with a waitlist; full; seats left; no limit; not open yet.
    algebra.seats(1, 5).await;
    botany.seats(1, 0).await;
    chemistry.seats(2, 0).await;
    school.put(&english.seats_url()).json(&json!({"capacity": 1, "opens_at": "2026-09-02T08:00:00Z"})).await;
    for (student, course) in [(0, algebra), (1, algebra), (0, botany), (0, chemistry)] {
        students[student].ensures_enrollment_in(course).await;
    }
    for (query, found) in [
        ("open=true", &[1, 2, 3, 4][..]),
        ("free=true", &[3, 4, 5]),
        ("waiting=true", &[1]),
        ("open=true&free=true", &[3, 4]),
        ("open=true&waiting=true", &[1]),
        ("free=true&waiting=true", &[]),
        ("free=true&q=english", &[5]),
        ("free=true&q=algebra", &[]),
    ] {
        assert_eq!(listed_courses(&school, query).await, found, "{query}");
    }
    // Programs can ask for the others, and by code.
    for (query, found) in [
        ("open=false", &[5][..]),
        ("free=false", &[1, 2]),
        ("waiting=false&open=true", &[2, 3, 4]),
        ("open=true&code=B1", &[2]),
        ("free=true&code=B1", &[]),
        ("open=true&sort=name&order=desc&q=ra", &[4, 3, 2, 1]),
        ("open=true&sort=name&order=desc&q=bra", &[1]),
    ] {
        let list = school.get(&format!("/api/v1/courses?{query}")).await.is_ok();
        assert_eq!((list.ids(), list.header("x-total-count")), (found.to_vec(), &*found.len().to_string()));
    }
    // Rows are those of the whole list.
    let all = school.get("/api/v1/courses").await.is_ok().json();
    let open = school.get("/api/v1/courses?open=true").await.is_ok().json();
    assert_eq!(open.as_array().unwrap()[..], all.as_array().unwrap()[..4]);
    // Each change is seen at once.
    students[0].drops(botany).await.is(204);
    assert_eq!(school.get("/api/v1/courses?free=true").await.is_ok().ids(), [2, 3, 4, 5]);
    school.let_pass(std::time::Duration::from_hours(24));
    assert_eq!(school.get("/api/v1/courses?open=true").await.is_ok().ids(), [1, 2, 3, 4, 5]);
    let csv = school.get("/api/v1/courses?waiting=true").header("accept", "text/csv").await.is_ok();
    assert!(csv.text().contains("Algebra") && !csv.text().contains("Botany"), "{}", csv.text());
    let refused = school.get("/api/v1/courses?open=yes").await.is_refused(400, "invalid-request");
    assert_eq!(refused["errors"][0]["detail"], "must be `true` or `false`");
    // A cursor of the list by ids is not one of what was found.
    let first = school.get("/api/v1/courses?limit=1").await.is_ok();
    let cursor = Regex::new("after=([^>&]+)").unwrap().captures(first.header("link")).unwrap()[1].to_owned();
    school.get(&format!("/api/v1/courses?open=true&after={cursor}")).await.is_refused(400, "invalid-request");
}

/// The courses that the API and the page list, which are the same.
async fn listed_courses(school: &School, query: &str) -> Vec<i64> {
    let url = format!("/api/v1/courses?{query}");
    let ids = school.get(&url).await.is_ok().ids();
    let paged = pages(school, &format!("{url}&limit=1")).await;
    assert!(paged.iter().all(|page| page.header("x-total-count") == ids.len().to_string()));
    assert_eq!(paged.iter().flat_map(Reply::ids).collect::<Vec<_>>(), ids, "{url} in pages");
    let page = school.get(&format!("/courses?sort=id&{query}")).header("accept", "text/html").await.is_ok();
    assert_eq!(shown(&page, "courses"), ids, "the page: {query}");
    ids
}

#[tokio::test]
async fn courses_are_open_to_students_as_they_are_to_them() {
    let school = School::open().await;
    let [ana, _] = school.students(["Ana", "Ben"]).await;
    let courses = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    let [algebra, botany, chemistry] = &courses;
    ana.enrolls_in(algebra).await.is_created();
    school.put("/api/v1/groups/Seniors").json(&json!({"course_limit": null})).await.is_ok();
    school.put("/api/v1/groups/Seniors/students/1").await.is(204);
    let seats =
        json!({"opens_at": "2026-09-09T08:00:00Z", "group_opens_at": {"Seniors": "2026-09-01T08:00:00Z"}});
    school.patch(&botany.seats_url(), seats).await.is_ok();
    chemistry.seats(0, 0).await;
    let token = |id: i64| {
        school.post("/api/v1/tokens", json!({"name": "Phone", "role": "student", "student_id": id}))
    };
    let admin = school.post("/api/v1/tokens", json!({"name": "Office", "role": "admin"}));
    let admin = admin.await.is_created().json()["token"].as_str().unwrap().to_owned();
    let mut tokens = Vec::new();
    for id in [1, 2] {
        let token = token(id).with_token(&admin).await.is_created().json();
        tokens.push(token["token"].as_str().unwrap().to_owned());
    }
    let open =
        async |token: &str| school.get("/api/v1/courses?open=true").with_token(token).await.is_ok().ids();
    // Ana takes Algebra, and Botany opens for her group; Chemistry is full.
    assert_eq!(open(&tokens[0]).await, [2]);
    assert_eq!(open(&tokens[1]).await, [1]);
    assert_eq!(open(&admin).await, [1, 3]);
}

#[tokio::test]
async fn a_row_without_an_id_is_not_found_and_disturbs_nobody() {
    let database = Database::new();
    database.runs(
        "create table students (id bigint unique, name text, email text);
         create table courses (id bigint unique, name text, level text);
         insert into students (id, name, email) values (1, 'Ana', '');
         insert into courses (id, name, level) values (1, 'Algebra', '');",
    );
    School::open_at(&database).await.close().await;
    database.runs(
        "insert into students (id, name, email) values (null, 'Anna', '');
         insert into courses (id, name, level) values (null, 'Analysis', '')",
    );
    let school = School::open_at(&database).await;
    for list in ["students", "courses"] {
        for query in ["q=a", "sort=name"] {
            assert_eq!(
                school.get(&format!("/api/v1/{list}?{query}")).await.is_ok().ids(),
                [1],
                "{list} {query}"
            );
        }
    }
}
