//! What the pages of a student offer: only what works for this student.

use serde_json::json;

use super::Office;
use crate::access::WithToken as _;
use crate::school::School;

#[tokio::test]
async fn a_student_on_hold_or_at_the_limit_is_offered_only_what_works() {
    let school = School::open().await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    chemistry.seats(1, 5).await;
    ben.enrolls_in(&chemistry).await.is_created();
    ana.enrolls_in(&algebra).await.is_created();
    let office = Office::of(&school).await;
    let me = office.lets_in(&school, &ana).await;
    let has_button = |page: &str| page.contains("Enroll") || page.contains("Join waitlist");
    for path in ["/courses", "/courses/2", "/courses/3"] {
        assert!(has_button(&me.reads(path).await), "{path}");
    }

    school
        .ask("PUT", "/api/v1/rules")
        .json(&json!({"course_limit": 1}))
        .with_token(&office.token)
        .await
        .is_ok();
    let says = "You have 1 course, and may have 1. For another one, swap or drop one.";
    for path in ["/my", "/courses", "/courses/2", "/courses/3"] {
        let page = me.reads(path).await;
        assert!(page.contains(says), "{path}: {page}");
        assert!(!page.contains("Join waitlist") && !page.contains("Enroll "), "{path}: {page}");
    }
    assert!(me.reads("/courses/2").await.contains("Swap for one of my courses…"));
    assert!(me.reads("/courses?open=true").await.contains("Botany"), "it can be swapped for");
    me.swaps(&algebra, &botany, "swap").await.leads_to();
    // A group's own limit counts.
    let limit = json!({"course_limit": 2});
    school.ask("PUT", "/api/v1/groups/Honors").json(&limit).with_token(&office.token).await.is_ok();
    let join = format!("/api/v1/groups/Honors/students/{}", ana.id);
    school.put(&join).with_token(&office.token).await.is(204);
    assert!(has_button(&me.reads("/courses/1").await));

    let hold = json!({"reason": "Library fees."});
    let holds = format!("{}/holds", ana.url());
    school.post(&holds, hold).with_token(&office.token).await.is_created();
    let home = me.reads("/my").await;
    assert!(home.contains("No course is open to you as long as you are on hold."), "{home}");
    for path in ["/courses", "/courses/1", "/courses/3"] {
        let page = me.reads(path).await;
        assert!(page.contains("Library fees.") && !page.contains("Join waitlist"), "{path}: {page}");
        assert!(!page.contains("Enroll ") && !page.contains("Swap"), "{path}: {page}");
    }
    assert!(me.reads("/courses?open=true").await.contains("No course passes these filters."));
}

#[tokio::test]
async fn one_who_waits_can_take_a_free_seat_when_the_waitlist_has_ended() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    let office = Office::of(&school).await;
    let me = office.lets_in(&school, &ben).await;
    let ended = json!({"waitlist_closes_at": "2026-09-01T07:00:00Z"});
    office.changes_seats(&school, &algebra, ended).await;
    assert!(!me.reads("/courses/1").await.contains("A seat is free"));
    office.drops(&school, &ana, &algebra).await;
    let page = me.reads("/courses/1").await;
    assert!(page.contains("A seat is free, and is for whoever asks first."), "{page}");
    me.taps_enroll(&algebra, "k").await.leads_to();
    assert_eq!(office.roster(&school, &algebra).await, ["Ben"]);
}

#[tokio::test]
async fn a_question_promises_the_seat_to_nobody_on_hold() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    let question = "Your seat goes to the next student";
    let office = Office::of(&school).await;
    let me = office.lets_in(&school, &ana).await;
    let path = format!("/my/courses/{}/drop", algebra.id);
    assert!(me.reads(&path).await.contains(question));
    let hold = json!({"reason": "fees"});
    school.post(&format!("{}/holds", ben.url()), hold).with_token(&office.token).await.is_created();
    assert!(!me.reads(&path).await.contains(question));
}

#[tokio::test]
async fn the_forms_of_the_staff_are_not_for_students() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let office = Office::of(&school).await;
    let phone = office.lets_in(&school, &ana).await;
    let course = algebra.id.to_string();
    let own = format!("/students/{}/courses", ana.id);
    phone.sends(&own, &[("course_id", &course)]).await.is_page(403);
    assert_eq!(office.roster(&school, &algebra).await, [""; 0]);
    phone.taps_enroll(&algebra, "k").await.leads_to();
    for form in ["drop", "leave", "restore", "override"] {
        phone.sends(&format!("{own}/{course}/{form}"), &[("confirmed", "true")]).await.is_page(403);
    }
    phone.visits(&format!("{own}/{course}/drop")).await.is_page(403);
    assert_eq!(office.roster(&school, &algebra).await, ["Ana"]);
}
