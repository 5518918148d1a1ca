//! The pages of students.

use regex::Regex;
use serde_json::json;

use crate::school::{Course, School, Student};

#[tokio::test]
async fn a_page_confirms_a_change_only_while_it_is_true() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    let page_with = async |what: &str| {
        school.page(&format!("/students/{}?{what}={}", ana.id, algebra.id)).await.is_page(200)
    };
    assert!(page_with("enrolled").await.contains("Enrolled in Algebra"));
    assert!(!page_with("dropped").await.contains("Dropped Algebra"));
    ana.drops(&algebra).await.is(204);
    assert!(!page_with("enrolled").await.contains("Enrolled in Algebra"));
    assert!(page_with("dropped").await.contains("Dropped Algebra . Undo"));
    assert!(page_with("left").await.contains("Left the waitlist of Algebra . Undo"));
}

#[tokio::test]
async fn the_forms_to_enroll_and_drop_show_the_outcome() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben, eve] = school.students(["Ana", "Ben", "Eve"]).await;
    let seats = json!({"capacity": 1, "waitlist_capacity": 1});
    school.put(&format!("{}/seats", algebra.url())).json(&seats).await.is_ok();
    let enroll = |student: &Student, course: &Course| {
        school.form(&format!("/students/{}/courses", student.id), &[("course_id", &course.id.to_string())])
    };
    let leads = enroll(&ana, &algebra).await.leads_to();
    assert!(school.page(&leads).await.is_page(200).contains("Enrolled in Algebra ."));
    let leads = enroll(&ben, &algebra).await.leads_to();
    let page = school.page(&leads).await.is_page(200);
    assert!(page.contains("Algebra is full: the student is on the waitlist."), "{page}");
    assert!(page.contains("waiting, place 1"), "{page}");
    let page = school.page(&format!("/students/{}?q=algebra", eve.id)).await.is_page(200);
    assert!(page.contains("Full Enroll anyway… in Algebra"), "{page}");
    let page = enroll(&eve, &algebra).await.is_page(409);
    assert!(page.contains("Algebra is full, and so is its waitlist."), "{page}");
    assert!(enroll(&ana, &algebra).await.is_page(409).contains("Ana has been enrolled in Algebra since "));
    let drop = format!("/students/{}/courses/{}/drop", ana.id, algebra.id);
    // Ben would get the seat.
    assert_eq!(school.form(&drop, &[]).await.leads_to(), drop);
    let asks = school.page(&drop).await.is_page(200);
    assert!(
        asks.contains("1 student is on the waitlist: the first of them gets the seat at once."),
        "{asks}"
    );
    assert_eq!(algebra.roster().await, ["Ana"]);
    let leads = school.form(&drop, &[("confirmed", "true")]).await.leads_to();
    let page = school.page(&leads).await.is_page(200);
    assert!(page.contains("if you undo this, the course has more students than seats. Undo"), "{page}");
    assert_eq!(algebra.roster().await, ["Ben"]);
    let restore = format!("/students/{}/courses/{}/restore", ana.id, algebra.id);
    let leads = school.form(&restore, &[]).await.leads_to();
    assert!(school.page(&leads).await.is_page(200).contains("Enrolled in Algebra as before."));
    assert!(
        school
            .form(&restore, &[])
            .await
            .is_page(409)
            .contains("Ana has nothing in Algebra that could be restored.")
    );
    // Ben has a seat, and the course is over-full: nobody gets Ana's.
    school.form(&drop, &[]).await.leads_to();
    // There is nothing to ask any more.
    assert_eq!(school.page(&drop).await.leads_to(), format!("/students/{}", ana.id));
    assert!(school.form(&drop, &[]).await.is_page(404).contains("Ana is not enrolled in Algebra."));
    assert!(
        school.form(&format!("/students/{}/courses", ana.id), &[]).await.is_page(400).contains("is required")
    );
    assert_eq!(botany.roster().await, [""; 0]);
    assert_eq!(algebra.roster().await, ["Ben"]);
    let history = school.page(&format!("/courses/{}", algebra.id)).await.is_page(200);
    for entry in [
        "Ben got a seat from the waitlist",
        "Ana dropped the course",
        "Seats were set: 1 seat, a waitlist of 1",
    ] {
        assert!(history.contains(entry), "{entry} is not in {history}");
    }
}

#[tokio::test]
async fn after_the_deadline_for_drops_the_page_asks_staff_why() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let limits = json!({"capacity": 9, "drop_until": "2026-09-01T09:00:00Z", "waitlist_closes_at": "2026-09-01T09:00:00Z"});
    school.put(&algebra.seats_url()).json(&limits).await.is_ok();
    ana.enrolls_in(&algebra).await.is_created();
    school.let_pass(std::time::Duration::from_hours(1));
    let drop = format!("/students/{}/courses/{}/drop", ana.id, algebra.id);
    assert_eq!(school.form(&drop, &[]).await.leads_to(), drop);
    let asks = school.page(&drop).await.is_page(200);
    assert!(asks.contains("Students could drop the course until 1 September 2026, 09:00 UTC ."), "{asks}");
    for none in ["", " "] {
        let again = school.form(&drop, &[("confirmed", "true"), ("reason", none)]).await.is_page(422);
        assert!(again.contains("Reason is required."), "{again}");
    }
    let long = "x".repeat(501);
    let again = school.form(&drop, &[("confirmed", "true"), ("reason", &long)]).await.is_page(422);
    assert!(again.contains("must have at most 500 characters"), "{again}");
    assert_eq!(algebra.roster().await, ["Ana"]);
    let leads =
        school.form(&drop, &[("confirmed", "true"), ("reason", "medical withdrawal")]).await.leads_to();
    let page = school.page(&leads).await.is_page(200);
    assert!(page.contains("dropped Algebra , with an override: “ medical withdrawal ”"), "{page}");
}

#[tokio::test]
async fn a_refused_enrollment_keeps_the_search_and_says_when_registration_opens() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra & more").await);
    let seats = json!({"capacity": null, "opens_at": "2026-12-01T08:00:00Z"});
    school.put(&format!("{}/seats", algebra.url())).json(&seats).await.is_ok();
    let found = school.page(&format!("/students/{}?q=algebra+%26", ana.id)).await.is_ok();
    assert!(found.is_page(200).contains("Opens 1 December 2026, 08:00 UTC Enroll anyway…"));
    let action = format!("/students/{}/courses?q=algebra+%26", ana.id);
    let refused = school.form(&action, &[("course_id", &algebra.id.to_string())]).await;
    assert!(refused.text().contains("value=\"algebra &#38;\""), "{}", refused.text());
    let opens = "<time datetime=\"2026-12-01T08:00:00.000Z\">1 December 2026, 08:00 UTC</time>";
    assert!(refused.text().contains(opens), "{}", refused.text());
    let refused = refused.is_page(409);
    assert!(refused.contains("opens at 1 December 2026, 08:00 UTC ."), "{refused}");
    assert!(refused.contains("Algebra &#38; more undergraduate Opens"), "{refused}");
}

#[tokio::test]
async fn a_search_finds_students_as_they_are_now() {
    let school = School::open().await;
    school.other_program_runs(
        "insert into students (id, name, email) values (70, 'ZOË Found', 'found@example.edu')",
    );
    let found = async |q: &str| school.page(&format!("/students?q={q}")).await.is_page(200);
    assert!(found("zo%C3%AB").await.contains("ZOË Found"));
    let ana = school.student("Ana 100%").await;
    assert!(found("ANA").await.contains("Ana 100%"));
    assert!(found("0%25").await.contains("Ana 100%"));
    assert!(!found("a%25").await.contains("Ana"));
    school.patch(&ana.url(), json!({"name": "Beatrix", "email": "b@example.edu"})).await.is_ok();
    assert!(found("beatrix").await.contains("Beatrix"));
    assert!(!found("ana+100").await.contains("Beatrix"));
    school.delete(&ana.url()).await.is(204);
    assert!(!found("beatrix").await.contains("Beatrix"));
    // Students who match are read again, so that nobody is shown under an old name.
    school.other_program_runs("update students set name = 'Zoë Lost' where id = 70");
    assert!(found("zo%C3%AB").await.contains("Zoë Lost"));
    school.other_program_runs("delete from students where id = 70");
    assert!(!found("zo%C3%AB").await.contains("Zoë Lost"));
}

#[tokio::test]
async fn a_list_by_name_shows_everybody_once_in_both_directions() {
    let school = School::open().await;
    for number in 0..120 {
        // Four students share each name.
        school.student(&format!("Student {:02}", number * 7 % 30)).await;
    }
    let rows = Regex::new(r#"href="/students/(\d+)""#).unwrap();
    let next = Regex::new(r#"rel="next" href="([^"]+)""#).unwrap();
    let shown = async |first: &str| {
        let (mut shown, mut path) = (Vec::new(), Some(first.to_owned()));
        while let Some(asked) = path.take() {
            let page = school.page(&asked).await.is_ok();
            assert!(page.text().contains("120 students"), "{}", page.text());
            shown.extend(rows.captures_iter(page.text()).map(|row| row[1].parse::<i64>().unwrap()));
            path = next.captures(page.text()).map(|next| next[1].replace("&#38;", "&"));
        }
        shown
    };
    let api = school.get("/api/v1/students?sort=name").await.ids();
    assert_eq!(api.len(), 120);
    assert_eq!(shown("/students?sort=name").await, api);
    assert_eq!(shown("/students?sort=name&q=student").await, api);
    let reversed: Vec<_> = api.into_iter().rev().collect();
    assert_eq!(shown("/students?sort=name&order=desc").await, reversed);
}
