//! Long lists are counted once, however many pages they have, and distant pages are cheap.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::school::{Reply, School, errors};

/// 1,200 students, all enrolled in Algebra, which has as many seats, and in Botany, which has one: the others wait.
async fn a_large_school() -> School {
    let school = School::open_found(
        "create table students (id integer primary key, name text not null, email text not null);
         create table courses (id integer primary key, name text not null, level text not null);
         insert into courses values (1, 'Algebra', 'b'), (2, 'Botany', 'b');
         with recursive n (n) as (select 1 union all select n + 1 from n where n < 1200)
         insert into students select n, 'Student ' || n, 's' || n || '@example.edu' from n;",
    )
    .await;
    school.put("/api/v1/courses/1/seats").json(&json!({"capacity": 1200})).await.is_ok();
    let botany = json!({"capacity": 1, "waitlist_capacity": 2000});
    school.put("/api/v1/courses/2/seats").json(&botany).await.is_ok();
    for course in [1, 2] {
        let enroll = |student| json!({"op": "enroll", "student_id": student, "course_id": course});
        let operations: Vec<_> = (1..=1200).map(enroll).collect();
        school.post("/api/v1/enrollments/batch", json!(operations)).await.is_ok();
    }
    school
}

fn cursor_of(page: &Reply) -> Value {
    let after = page.next_page().unwrap().split_once("after=").unwrap().1;
    serde_json::from_slice(&BASE64.decode(after).unwrap()).unwrap()
}

fn with_cursor(url: &str, cursor: &Value) -> String {
    format!("{url}&after={}", BASE64.encode(cursor.to_string()))
}

#[tokio::test]
async fn a_list_is_counted_for_its_first_page_only() {
    let school = School::open().await;
    let students = school.students(["Ana A", "Ben A", "Cleo A", "Dan A", "Elif A"]).await;
    let [algebra, botany, ..] =
        school.courses(["Algebra", "Botany", "Chemistry", "Drawing", "English"]).await;
    botany.seats(0, 10).await;
    for student in &students {
        student.enrolls_in(&algebra).await.is_created();
        student.enrolls_in(&botany).await.is(202);
    }
    let lists = [
        "/api/v1/students?limit=2".to_owned(),
        "/api/v1/students?sort=name&limit=2".to_owned(),
        "/api/v1/students?q=a&limit=2".to_owned(),
        "/api/v1/courses?limit=2".to_owned(),
        "/api/v1/events?type=student.created&limit=2".to_owned(),
        format!("/api/v1/events?course_id={}&type=enrollment.created&limit=2", algebra.id),
        format!("{}?limit=2", algebra.roster_url()),
        format!("{}?limit=2", botany.waitlist_url()),
    ];
    let mut pages = Vec::new();
    for list in &lists {
        pages.push(school.get(list).await.is_ok());
    }
    // Every list gets one more row while a client pages through it.
    let zoe = school.student("Zoe A").await;
    school.course("Zoology").await;
    zoe.enrolls_in(&algebra).await.is_created();
    zoe.enrolls_in(&botany).await.is(202);

    for (list, mut page) in lists.iter().zip(pages) {
        let mut rows = 0;
        loop {
            assert_eq!(page.header("x-total-count"), "5", "{list}");
            rows += page.json().as_array().unwrap().len();
            let Some(next) = page.next_page().map(str::to_owned) else { break };
            page = school.get(&next).await.is_ok();
        }
        assert_eq!(rows, 6, "{list}: the new row is on a later page");
        assert_eq!(school.get(list).await.is_ok().header("x-total-count"), "6", "{list}");
    }
}

#[tokio::test]
async fn a_made_up_total_is_repeated_if_it_is_a_number_and_refused_otherwise() {
    let school = School::open().await;
    school.students(["Ana", "Ben", "Cleo"]).await;
    let list = "/api/v1/students?limit=1";
    let first = cursor_of(&school.get(list).await.is_ok());
    let with_total = |total: Value| json!([first[0], first[1], first[2], total]);

    let forged = school.get(&with_cursor(list, &with_total(json!(999)))).await.is_ok();
    assert_eq!((forged.ids(), forged.header("x-total-count")), (vec![2], "999"));
    for total in [json!(-1), json!(1.5), json!("3"), json!(9_007_199_254_740_992_i64), json!([3])] {
        let problem = school.get(&with_cursor(list, &with_total(total))).await;
        let wrong = errors(&problem.is_refused(400, "invalid-request"));
        assert_eq!(wrong, ["after: must be a cursor from a `Link` header of this list"]);
    }
    // A cursor of an earlier version has no total, so the list is counted.
    let earlier = json!([first[0], first[1], first[2]]);
    let page = school.get(&with_cursor(list, &earlier)).await.is_ok();
    assert_eq!((page.ids(), page.header("x-total-count")), (vec![2], "3"));

    let log = school.get("/api/v1/events?limit=1&after=1&total=999").await.is_ok();
    assert_eq!(log.header("x-total-count"), "999");
    for total in ["-1", "1.5", "a", "9007199254740992"] {
        let problem = school.get(&format!("/api/v1/events?limit=1&after=1&total={total}")).await;
        let wrong = errors(&problem.is_refused(400, "invalid-request"));
        assert_eq!(wrong, ["total: must be a whole number from 0 to 9,007,199,254,740,991"]);
    }
}

#[tokio::test]
async fn large_courses_are_counted_to_the_last_student() {
    let school = a_large_school().await;
    let (algebra, botany) = (
        json!({"capacity": 1200, "enrolled": 1200, "waitlisted": 0}),
        json!({"capacity": 1, "enrolled": 1, "waitlisted": 1199}),
    );
    for (course, expected) in [(1, algebra), (2, botany)] {
        let shown = school.get(&format!("/api/v1/courses/{course}")).await.is_ok().json();
        assert_eq!(shown["seats"], expected);
        let seats = school.get(&format!("/api/v1/courses/{course}/seats")).await.is_ok().json();
        let listed = school.get("/api/v1/courses?limit=2").await.is_ok().json();
        for count in ["enrolled", "waitlisted"] {
            assert_eq!(seats[count], expected[count]);
            assert_eq!(listed[course - 1]["seats"][count], expected[count]);
        }
    }
}

#[tokio::test]
async fn a_page_of_a_waitlist_continues_the_positions_of_the_page_before() {
    let school = a_large_school().await;
    let list = "/api/v1/courses/2/waitlist?limit=500";
    let positions = |page: &Reply| -> Vec<i64> {
        page.json().as_array().unwrap().iter().map(|row| row["position"].as_i64().unwrap()).collect()
    };
    let first = school.get(list).await.is_ok();
    let cursor = cursor_of(&first);
    assert_eq!(cursor[1], "500", "where the page ended, so that the next page need not count: {cursor}");
    // A client that read its page before somebody left continues where the page ended.
    school.delete("/api/v1/students/2/courses/2").await.is(204);
    let second = school.get(first.next_page().unwrap()).await.is_ok();
    assert_eq!(positions(&second), (501..=1000).collect::<Vec<_>>());
    // An invalid position is replaced by counting: 499 students of the first page still wait.
    for text in [json!(null), json!("-1"), json!("many"), json!("1000001"), json!("9".repeat(30))] {
        let forged = with_cursor(list, &json!([cursor[0], text, cursor[2], cursor[3]]));
        let page = school.get(&forged).await.is_ok();
        assert_eq!(positions(&page), (500..1000).collect::<Vec<_>>(), "{text}");
    }
    let all = school.get("/api/v1/courses/2/waitlist").await.is_ok();
    assert_eq!(positions(&all), (1..=1198).collect::<Vec<_>>(), "also if the list is streamed");
}
