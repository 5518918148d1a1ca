//! The pages with the keyboard alone, without scripts, on a phone, in dark colors, on paper, and for screen readers.

use serde_json::json;

use crate::school::{Browser, School};

/// A school with something on every page, and all its pages.
async fn populated_school() -> (School, Vec<(&'static str, String)>) {
    let school = School::open().await;
    let [algebra, _] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben, eve] = school.students(["Ana", "Ben", "Eve"]).await;
    let seats = json!({"capacity": 1, "waitlist_capacity": 2, "opens_at": "2026-09-01T08:00:00Z"});
    school.put(&format!("{}/seats", algebra.url())).json(&seats).await.is_ok();
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    eve.enrolls_in(&algebra).await.is(202);
    let (course, student) = (format!("/courses/{}", algebra.id), format!("/students/{}", ana.id));
    school.other_program_runs(&format!(
        "insert into matricula_sign_ins (at, outcome, way, network, times) \
         values ('2026-09-01T08:00:00.000Z', 'failed', 'password', '203.0.113.7', 3); \
         insert into matricula_accounts (id, name, address, role, created_at) \
         values (900, 'Ruth Office', 'ruth@example.edu', 'admin', '2026-09-01T08:00:00.000Z'); \
         insert into matricula_identities (provider, subject, account_id) values ('proxy', 'ruth', 900); \
         insert into matricula_disclosures (at, until, token_id, what, course_id, rows_sent, record) \
         values ('2026-09-01T08:00:00.000Z', '2026-09-01T08:00:00.000Z', 1, 'roster', {}, 2, 'one')",
        algebra.id
    ));
    let file = "number,name,email,phone\n1E+5,Zoë,zoe@example.edu,\n0043,Ana García,ana@example.edu,\n";
    for which in ["", "&encoding=utf-8"] {
        let path = format!("/api/v1/imports?name=students.csv{which}");
        school.ask("POST", &path).header("content-type", "text/csv").body(file).await.is_created();
    }
    school.ask("POST", "/api/v1/imports/1/apply").await.is_ok();
    let pages = vec![
        ("imports", "/imports".to_owned()),
        ("import", "/imports/2".to_owned()),
        ("import-applied", "/imports/1?show=new".to_owned()),
        ("courses", "/courses".to_owned()),
        ("courses-searched", "/courses?q=zoology".to_owned()),
        ("course", course.clone()),
        ("course-of-a-day", format!("{course}?as_of=2026-09-01")),
        ("roster", format!("{course}/roster")),
        ("course-new", "/courses/new".to_owned()),
        ("course-edit", format!("{course}/edit")),
        ("course-delete", format!("{course}/delete")),
        ("students", "/students".to_owned()),
        ("student", format!("{student}?q=b&dropped={}", algebra.id)),
        ("student-waits", format!("/students/{}?waits={}", eve.id, algebra.id)),
        ("student-new", "/students/new".to_owned()),
        ("student-edit", format!("{student}/edit")),
        ("student-delete", format!("{student}/delete")),
        ("registration", "/registration".to_owned()),
        ("find", "/find?q=a".to_owned()),
        ("sign-ins", "/sign-ins".to_owned()),
        ("accounts", "/accounts".to_owned()),
        ("account-edit", "/accounts/900/edit".to_owned()),
        ("tokens", "/tokens".to_owned()),
        ("problem", "/problems/course-full".to_owned()),
        ("course-to-enroll", format!("{course}?who=e&sort=name")),
        ("wall", "/registration?wall=true".to_owned()),
    ];
    (school, pages)
}

#[tokio::test]
async fn every_page_is_for_everyone_on_a_desktop_on_a_phone_and_in_dark_colors() {
    let (school, pages) = populated_school().await;
    let page = Browser::open(&school).await;
    for (name, path) in pages {
        page.goto(&path).await;
        page.looks_right(name).await;
    }
    page.goto("/courses/999").await;
    page.waits_for_text("There is no course 999.").await;
    page.looks_right("not-found").await;
    page.expects_status(404);
    page.has_no_complaints().await;
    page.loads_nothing_from_elsewhere().await;
}

/// The check itself: a page that is too wide, and each kind of finding of axe, is a failure.
#[tokio::test]
#[should_panic(expected = "pixels wide on a screen of 390")]
async fn a_page_that_is_wider_than_a_phone_does_not_look_right() {
    let school = School::open().await;
    let page = Browser::open(&school).await;
    page.goto("/courses").await;
    page.run("document.querySelector('main').append(Object.assign(document.createElement('hr'), {className: 'wide'}));
        const sheet = new CSSStyleSheet();
        sheet.replaceSync('.wide { width: 400px }');
        document.adoptedStyleSheets = [sheet];").await;
    page.looks_right("too-wide").await;
}

#[tokio::test]
#[should_panic(expected = "heading-order (moderate)")]
async fn a_small_barrier_does_not_look_right() {
    let school = School::open().await;
    let page = Browser::open(&school).await;
    page.goto("/courses").await;
    page.run("document.querySelector('main').append(Object.assign(document.createElement('h4'), {textContent: 'Deep'}))")
        .await;
    page.looks_right("small-barrier").await;
}

#[tokio::test]
async fn an_empty_school_says_what_to_do_next() {
    let school = School::open().await;
    let page = Browser::open(&school).await;
    for path in ["/courses", "/students", "/registration"] {
        page.goto(path).await;
        page.looks_right(&format!("empty{}", path.replace('/', "-"))).await;
    }
    page.has_no_complaints().await;
}

#[tokio::test]
async fn the_keyboard_is_enough() {
    let school = School::open().await;
    school.course("Algebra").await;
    let ana = school.student("Ana").await;
    let page = Browser::open(&school).await;
    page.goto(&format!("/students/{}", ana.id)).await;
    page.press("Tab").await;
    page.waits_for_focus("Skip to content").await;
    page.press("Enter").await;
    for name in ["Edit", "Delete", "Course name"] {
        page.press("Tab").await;
        page.waits_for_focus(name).await;
    }
    for letter in ["a", "l", "g"] {
        page.press(letter).await;
    }
    page.waits_for_text("Enroll").await;
    page.waits_for("#choice button").await;
    for name in ["Find", "Algebra", "Enroll in Algebra"] {
        page.press("Tab").await;
        page.waits_for_focus(name).await;
    }
    page.press("Enter").await;
    page.waits_for_text("Enrolled in Algebra.").await;
    assert_eq!(ana.courses().await, ["Algebra"]);
    page.has_no_complaints().await;
}

#[tokio::test]
async fn everything_except_the_live_board_works_without_scripts() {
    let school = School::open().await;
    let page = Browser::open(&school).await.without_scripts().await;
    page.goto("/courses").await;
    page.click_text("Load the sample school").await;
    page.waits_for_text("40 courses").await;
    page.type_into("Search by name, level or code", "logic 101").await;
    page.click_text("Search").await;
    page.waits_for_text("1 course").await;
    page.click_text("Logic 101").await;
    page.waits_for_path("/courses/1").await;
    page.type_into("Capacity", "500").await;
    page.type_into("Registration opens", "2026-08-01T08:00:00Z").await;
    page.click_text("Save seats").await;
    page.waits_for_text("The seats are saved.").await;
    page.waits_for_text("of 500").await;
    page.goto("/students/1").await;
    page.type_into("Course name", "logic").await;
    page.click_text("Find").await;
    page.waits_for_path("/students/1?q=logic").await;
    page.goto("/students/new").await;
    page.type_into("Name", "Zoë Martin").await;
    page.type_into("E-mail", "zoe@example.edu").await;
    page.click_text("Add").await;
    page.waits_for_path("/students/501?saved=added").await;
    page.type_into("Course name", "logic 101").await;
    page.click_text("Find").await;
    page.click_text("Enroll in Logic 101").await;
    page.waits_for_text("Enrolled in Logic 101.").await;
    page.click_text("Drop Logic 101").await;
    page.click_text("Undo").await;
    page.waits_for_text("Enrolled in Logic 101 as before.").await;
    page.goto("/registration").await;
    page.waits_for_text("Enrollments per minute").await;
    assert_eq!(page.find_all(".board li").await.len(), 40);
    page.has_no_complaints().await;
    page.loads_nothing_from_elsewhere().await;
}

#[tokio::test]
async fn a_printed_roster_is_a_roster_and_nothing_else() {
    let (school, pages) = populated_school().await;
    let (_, roster) = pages.into_iter().find(|(name, _)| *name == "roster").unwrap();
    let page = Browser::open(&school).await.prints().await;
    page.goto(&roster).await;
    page.waits_for_text("Ana").await;
    for gone in ["header", ".actions", "footer"] {
        let shown =
            page.run(&format!("return getComputedStyle(document.querySelector('{gone}')).display")).await;
        assert_eq!(shown, "none", "{gone} is printed");
    }
    page.picture("roster-printed").await;
}
