//! The pages of courses.

use std::time::Duration;

use regex::Regex;
use serde_json::json;

use crate::school::{Reply, School};

#[tokio::test]
async fn seats_are_set_by_a_form() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let path = format!("/courses/{}/seats", algebra.id);
    let fields = |capacity, opens| {
        [("capacity", capacity), ("waitlist_capacity", "5"), ("opens_at", opens), ("closes_at", "")]
    };
    let leads = school.form(&path, &fields("30", "2026-09-01T10:00:00+02:00")).await.leads_to();
    assert!(school.page(&leads).await.is_page(200).contains("The seats are saved."));
    let seats = format!("/api/v1/courses/{}/seats", algebra.id);
    let saved = school.get(&seats).await.is_ok().json();
    assert_eq!(saved["capacity"], 30);
    assert_eq!(saved["opens_at"], "2026-09-01T08:00:00.000Z");
    school.form(&path, &fields("", "")).await.leads_to();
    assert_eq!(school.get(&seats).await.is_ok().json()["capacity"], json!(null));
    let refused = school.form(&path, &fields("many", "tomorrow")).await;
    assert!(refused.text().contains("value=\"tomorrow\""));
    let refused = refused.is_page(422);
    assert!(refused.contains("Capacity must be a whole number from 0 to 1,000,000."), "{refused}");
    assert!(refused.contains("Write the time like 2026-09-01T08:00:00Z."), "{refused}");
    let window =
        [fields("", "2026-09-02T08:00:00Z")[..3].to_vec(), vec![("closes_at", "2026-09-01T08:00:00Z")]];
    let refused = school.form(&path, &window.concat()).await.is_page(422);
    assert!(refused.contains("Registration must close after it opens."), "{refused}");
    // The address of a refused form can be opened again.
    assert_eq!(school.page(&path).await.leads_to(), format!("/courses/{}", algebra.id));
}

#[tokio::test]
async fn seats_that_somebody_else_has_set_are_shown_before_they_are_replaced() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let seats = format!("{}/seats", algebra.url());
    school.put(&seats).json(&json!({"capacity": 30})).await.is_ok();
    let seen = school.page(&format!("/courses/{}", algebra.id)).await.is_ok().hidden("if_match");
    let limits = json!({"capacity": 40, "waitlist_capacity": 5, "closes_at": "2026-12-01T08:00:00Z"});
    school.put(&seats).json(&limits).await.is_ok();
    let path = format!("/courses/{}/seats", algebra.id);
    let fields = |seen| {
        let limits = [("capacity", "30"), ("waitlist_capacity", "0"), ("opens_at", ""), ("closes_at", "")];
        [vec![("if_match", seen)], limits.to_vec()].concat()
    };
    let refused = school.form(&path, &fields(seen.as_str())).await;
    let now = refused.hidden("if_match");
    assert!(refused.text().contains("value=\"30\""));
    let refused = refused.is_page(412);
    let now_set = "40 seats, a waitlist of 5, closes 1 December 2026, 08:00 UTC . Save to replace this.";
    assert!(refused.contains(&format!("They are now: {now_set}")), "{refused}");
    school.form(&path, &fields(now.as_str())).await.leads_to();
    assert_eq!(school.get(&seats).await.is_ok().json()["capacity"], 30);
}

#[tokio::test]
async fn a_roster_is_shown_as_it_was_at_the_end_of_a_day() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    ana.enrolls_in(&algebra).await.is_created();
    school.let_pass(Duration::from_hours(24));
    ana.drops(&algebra).await.is(204);
    ben.enrolls_in(&algebra).await.is_created();
    let path = format!("/courses/{}", algebra.id);
    let roster = async |path: String| {
        let page = school.page(&path).await.is_page(200);
        page.split("History").next().unwrap().to_owned()
    };
    for page in [path.clone(), format!("{path}/roster")] {
        let then = roster(format!("{page}?as_of=2026-09-01")).await;
        assert!(then.contains("Ana") && !then.contains("Ben"), "{then}");
        let now = roster(page).await;
        assert!(now.contains("Ben") && !now.contains("Ana "), "{now}");
    }
    assert!(roster(format!("{path}?as_of=2026-08-31")).await.contains("Nobody was enrolled then."));
    for (day, why) in [
        ("soon", "Choose a day, like 2026-09-01."),
        ("2026-09-05", "This day has not come yet: choose today or an earlier day."),
    ] {
        let refused = school.page(&format!("{path}?as_of={day}")).await;
        assert!(refused.text().contains(&format!("value=\"{day}\" aria-invalid=\"true\"")), "{day}");
        assert!(refused.is_page(422).contains(why), "{day}");
        school.page(&format!("{path}/roster?as_of={day}")).await.is_page(400);
    }
}

#[tokio::test]
async fn the_chosen_day_stays_while_the_history_is_paged() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    for number in 0..25 {
        school.patch(&algebra.url(), json!({"name": format!("Algebra {number}")})).await.is_ok();
    }
    school.let_pass(Duration::from_hours(24));
    ana.drops(&algebra).await.is(204);
    let asked = format!("/courses/{}?as_of=2026-09-01&until=2026-09-01T21%3A59%3A59.999Z", algebra.id);
    let to = |page: &Reply, name: &str| {
        let link = Regex::new(&format!("href=\"([^\"]+)#history\">{name}")).unwrap();
        link.captures(page.text()).unwrap()[1].replace("&#38;", "&").replace("&amp;", "&")
    };
    let latest = school.page(&asked).await.is_ok();
    let earlier = school.page(&to(&latest, "Earlier")).await.is_ok();
    let back = school.page(&to(&earlier, "Latest")).await.is_ok();
    for page in [latest, earlier, back] {
        assert!(page.text().contains("until=2026-09-01T21%3A59%3A59.999Z"), "{}", page.text());
        let page = page.is_page(200);
        assert!(page.contains("As of the end of 1 September 2026 : 1 student."), "{page}");
    }
}

#[tokio::test]
async fn a_long_list_and_a_long_history_have_more_pages() {
    let school = School::open().await;
    for number in 0..60 {
        school.course(&format!("Course {number}")).await;
    }
    let first = school.page("/courses?q=course&sort=name").await.is_ok();
    let next = Regex::new(r#"rel="next" href="([^"]+)""#).unwrap();
    let next = next.captures(first.text()).unwrap()[1].replace("&#38;", "&");
    let first = first.is_page(200);
    assert!(
        first.contains("60 courses") && first.contains("Course 0 ") && !first.contains("Course 50 "),
        "{first}"
    );
    let second = school.page(&next).await.is_page(200);
    assert!(second.contains("Course 50 ") && second.contains("Previous page"), "{second}");
    let ana = school.student("Ana").await;
    for number in 0..25 {
        school.patch(&ana.url(), json!({"name": format!("Ana {number}")})).await.is_ok();
    }
    let latest = school.page(&format!("/students/{}", ana.id)).await.is_ok();
    let earlier = Regex::new(r#"href="([^"]+before=\d+)#history""#).unwrap();
    let earlier = earlier.captures(latest.text()).unwrap()[1].to_owned();
    assert!(!latest.is_page(200).contains("was added"));
    assert!(school.page(&earlier).await.is_page(200).contains("was added"));
}
