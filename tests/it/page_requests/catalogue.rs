//! The list of courses: its filters, its order, its pages.

use regex::Regex;
use serde_json::json;

use crate::school::School;

/// Names of the courses in a list, in its order.
async fn listed(school: &School, query: &str) -> Vec<String> {
    let page = school.page(&format!("/courses?{query}")).await.is_ok();
    let row = Regex::new(r#"<th scope="row"><a href="/courses/\d+"><bdi>([^<]*)"#).unwrap();
    row.captures_iter(page.text()).map(|row| row[1].to_owned()).collect()
}

#[tokio::test]
async fn courses_are_filtered_by_registration_seats_waitlist_and_level() {
    let school = School::open().await;
    let [full, later, over, _] = school.courses(["Full", "Later", "Over", "Unlimited"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    full.seats(1, 5).await;
    ana.enrolls_in(&full).await.is_created();
    ben.enrolls_in(&full).await.is(202);
    let opens = json!({"capacity": 9, "opens_at": "2026-12-01T08:00:00Z"});
    school.put(&later.seats_url()).json(&opens).await.is_ok();
    let closes = json!({"capacity": 5, "closes_at": "2026-08-01T08:00:00Z"});
    school.put(&over.seats_url()).json(&closes).await.is_ok();
    school.patch(&over.url(), json!({"level": "graduate"})).await.is_ok();

    assert_eq!(listed(&school, "").await, ["Full", "Later", "Over", "Unlimited"]);
    assert_eq!(listed(&school, "open=true").await, ["Full", "Unlimited"]);
    assert_eq!(listed(&school, "free=true").await, ["Later", "Over", "Unlimited"]);
    assert_eq!(listed(&school, "waiting=true").await, ["Full"]);
    assert_eq!(listed(&school, "level=graduate").await, ["Over"]);
    assert_eq!(listed(&school, "open=true&free=true&q=limit").await, ["Unlimited"]);
    assert_eq!(listed(&school, "sort=seats").await, ["Full", "Over", "Later", "Unlimited"]);
    assert_eq!(listed(&school, "sort=seats&order=desc").await, ["Unlimited", "Later", "Over", "Full"]);
    let page = school.page("/courses").await.is_page(200);
    for state in [
        "Waitlist open",
        "Opens 1 December 2026, 08:00 UTC",
        "Closed 1 August 2026, 08:00 UTC",
        "0 students, no limit",
    ] {
        assert!(page.contains(state), "{state} is not in {page}");
    }
    let none = school.page("/courses?level=doctoral").await.is_page(200);
    assert!(none.contains("No course passes these filters. Show all courses"), "{none}");
}

#[tokio::test]
async fn the_list_is_paged_both_ways_and_keeps_its_filters() {
    let school = School::open().await;
    for number in 1..=120 {
        school.course(&format!("Course {number}")).await;
    }
    let link = async |path: &str, to: &str| {
        let page = school.page(path).await.is_ok();
        let link = Regex::new(&format!(r#"href="([^"]+)">{to}"#)).unwrap();
        link.captures(page.text()).map(|link| link[1].replace("&#38;", "&"))
    };
    let first = "/courses?q=course&free=true";
    let second = link(first, "Next page").await.unwrap();
    assert_eq!(second, "/courses?sort=name&order=asc&q=course&free=true&page=2");
    let names = listed(&school, second.split_once('?').unwrap().1).await;
    // In the order of the numbers in their names.
    assert_eq!((names.len(), &*names[0], &*names[49]), (50, "Course 51", "Course 100"));
    let last = link(&second, "Last page").await.unwrap();
    assert_eq!(listed(&school, last.split_once('?').unwrap().1).await.len(), 20);
    assert_eq!(link(&last, "Next page").await, None);
    assert_eq!(link(&last, "Previous page").await.as_deref(), Some(&*second));
    let back = link(&second, "First page").await.unwrap();
    assert_eq!(listed(&school, back.split_once('?').unwrap().1).await[0], "Course 1");
}

#[tokio::test]
async fn courses_that_another_program_adds_or_deletes_are_seen_at_once() {
    let school = School::open().await;
    school.course("Algebra").await;
    assert_eq!(listed(&school, "").await, ["Algebra"]);
    school.other_program_runs("insert into courses (id, name, level) values (99, 'Found', 'graduate')");
    assert_eq!(listed(&school, "").await, ["Algebra", "Found"]);
    school.other_program_runs("delete from courses where id = 99");
    assert_eq!(listed(&school, "").await, ["Algebra"]);
}
