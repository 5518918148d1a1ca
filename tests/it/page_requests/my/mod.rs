//! The pages of a student who has signed in.

mod offers;

use serde_json::{Value, json};

use crate::access::{WithToken as _, create};
use crate::school::{Course, RequestBuilder, School, Student};

/// A student with a token: what their browser asks for.
struct Me<'a> {
    school: &'a School,
    token: String,
}

impl Me<'_> {
    fn visits(&self, path: &str) -> RequestBuilder {
        self.school.page(path).with_token(&self.token)
    }

    async fn reads(&self, path: &str) -> String {
        self.visits(path).await.is_page(200)
    }

    fn sends(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        self.school.form(path, fields).with_token(&self.token)
    }

    fn taps_enroll(&self, course: &Course, key: &str) -> RequestBuilder {
        self.sends(&format!("/my/courses/{}/enroll", course.id), &[("idempotency_key", key)])
    }

    fn joins_waitlist(&self, course: &Course, key: &str) -> RequestBuilder {
        let fields = [("idempotency_key", key), ("wait", "true")];
        self.sends(&format!("/my/courses/{}/enroll", course.id), &fields)
    }

    fn drops(&self, course: &Course, holds: &str, key: &str) -> RequestBuilder {
        let fields = [("idempotency_key", key), ("holds", holds)];
        self.sends(&format!("/my/courses/{}/drop", course.id), &fields)
    }

    fn swaps(&self, from: &Course, to: &Course, key: &str) -> RequestBuilder {
        let from = from.id.to_string();
        let fields = [("idempotency_key", key), ("from", &from)];
        self.sends(&format!("/my/courses/{}/swap", to.id), &fields)
    }
}

/// The office of a closed school, and the students with their tokens.
struct Office {
    token: String,
}

impl Office {
    async fn of(school: &School) -> Self {
        Self { token: create(school, None, json!({"name": "office", "role": "admin"})).await }
    }

    async fn lets_in<'a>(&self, school: &'a School, student: &Student) -> Me<'a> {
        let body = json!({"name": "phone", "role": "student", "student_id": student.id});
        Me { school, token: create(school, Some(&self.token), body).await }
    }

    async fn changes_seats(&self, school: &School, course: &Course, limits: Value) {
        school.patch(&course.seats_url(), limits).with_token(&self.token).await.is_ok();
    }

    async fn drops(&self, school: &School, student: &Student, course: &Course) {
        school.delete(&student.enrollment_url(course)).with_token(&self.token).await.is(204);
    }

    async fn roster(&self, school: &School, course: &Course) -> Vec<String> {
        let list = school.get(&course.roster_url()).with_token(&self.token).await.is_ok().json();
        list.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn my_courses_say_what_i_have_my_place_in_line_and_how_it_moved_and_name_nobody_else() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    algebra.seats(1, 5).await;
    for (student, status) in [(&ana, 201), (&ben, 202), (&cleo, 202), (&dan, 202)] {
        student.enrolls_in(&algebra).await.is(status);
    }
    dan.enrolls_in(&botany).await.is_created();
    let office = Office::of(&school).await;
    office.changes_seats(&school, &botany, json!({"drop_until": "2026-09-10T08:00:00Z"})).await;
    let me = office.lets_in(&school, &dan).await;
    assert_eq!(me.visits("/").await.leads_to(), "/my");
    assert_eq!(me.visits(&format!("/students/{}", dan.id)).await.leads_to(), "/my");
    let page = me.reads("/my").await;
    assert!(page.contains("You can drop it until 10 September 2026, 08:00 UTC ."), "{page}");
    assert!(page.contains("Algebra 3rd in line since 1 September 2026, 08:00 UTC"), "{page}");
    office.drops(&school, &ben, &algebra).await;
    let page = me.reads("/my").await;
    assert!(page.contains("Algebra 2nd in line was 3rd on 1 September 2026, 08:00 UTC"), "{page}");
    // Cleo gets the seat.
    office.drops(&school, &ana, &algebra).await;
    let part = me.visits("/my").header("hx-request-type", "partial").await.is_ok();
    assert!(part.text().contains("1st in line") && !part.text().contains("<html"), "{}", part.text());
    let paths = ["/my", "/my/record", "/courses", "/courses/1", "/my/courses/1/drop", "/my/confirmations/11"];
    for path in paths {
        let reply = me.visits(path).await.is_ok();
        assert_eq!(reply.header("cache-control"), "private, no-store", "{path}");
        assert!(reply.header("vary").contains("cookie"), "{path}");
        for other in ["Ana", "Ben", "Cleo"] {
            assert!(!reply.text().contains(other), "{path} names {other}: {}", reply.text());
        }
    }
}

#[tokio::test]
async fn a_repeated_tap_gives_the_same_confirmation_and_enrolls_once() {
    let school = School::open().await;
    let (algebra, ana) = (school.course("Algebra").await, school.student("Ana").await);
    let office = Office::of(&school).await;
    let me = office.lets_in(&school, &ana).await;
    let shown = me.visits("/courses").await.is_ok();
    let key = shown.hidden("idempotency_key");
    let (first, second) = tokio::join!(me.taps_enroll(&algebra, &key), me.taps_enroll(&algebra, &key));
    let confirmation = first.leads_to();
    assert_eq!(second.leads_to(), confirmation);
    assert_eq!(me.taps_enroll(&algebra, &key).await.leads_to(), confirmation);
    // Another form, from another page.
    assert_eq!(me.taps_enroll(&algebra, "other").await.leads_to(), confirmation);
    assert_eq!(me.joins_waitlist(&algebra, "third").await.leads_to(), confirmation);
    let page = me.reads(&confirmation).await;
    let seq = confirmation.rsplit('/').next().unwrap();
    assert!(page.starts_with(&format!("Confirmation {seq} You are enrolled in Algebra")), "{page}");
    assert!(page.contains("Student Ana") && page.contains("When 1 September 2026, 08:00 UTC"), "{page}");
    assert!(page.contains("You have a seat. You can drop it at any time."), "{page}");
    assert!(me.reads("/courses").await.contains("Algebra undergraduate Enrolled"));
    // The lost answer of the first tap arrives after a drop: nothing happens again.
    let dropped = me.drops(&algebra, "seat", "drop").await.leads_to();
    assert_eq!(me.taps_enroll(&algebra, &key).await.leads_to(), confirmation);
    assert_eq!(me.drops(&algebra, "seat", "drop").await.leads_to(), dropped);
    assert_eq!(me.drops(&algebra, "seat", "again").await.leads_to(), dropped);
    assert!(me.reads(&dropped).await.contains("You dropped Algebra"));
    assert!(me.reads(&confirmation).await.contains("This is over"));
    assert_eq!(office.roster(&school, &algebra).await, [""; 0]);
    me.taps_enroll(&algebra, "anew").await.leads_to();
    assert_eq!(office.roster(&school, &algebra).await, ["Ana"]);
}

#[tokio::test]
async fn enroll_gives_a_seat_or_says_what_else_there_is_and_the_same_tap_works_when_a_seat_comes_free() {
    let school = School::open().await;
    let [logic, section, _] = school.courses(["Logic", "Logic", "Botany"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    logic.seats(1, 1).await;
    ana.enrolls_in(&logic).await.is_created();
    let office = Office::of(&school).await;
    let me = office.lets_in(&school, &ben).await;
    let refused = me.taps_enroll(&logic, "k").await.is_page(409);
    assert!(
        refused.starts_with("Logic undergraduate Logic is full: the last seat went to somebody else."),
        "{refused}"
    );
    assert!(refused.contains("You would be 1st in line."), "{refused}");
    assert!(refused.contains("Join waitlist of Logic"), "{refused}");
    let others = refused.split_once("Others with a free seat").unwrap().1;
    assert!(others.starts_with(" Logic undergraduate"), "{others}");
    assert!(others.contains("Botany"), "{others}");
    office.drops(&school, &ana, &logic).await;
    let confirmation = me.taps_enroll(&logic, "k").await.leads_to();
    assert_eq!(office.roster(&school, &logic).await, ["Ben"]);
    // The tap that worked is not carried out a second time, even after a drop.
    me.drops(&logic, "seat", "drop").await.leads_to();
    assert_eq!(me.taps_enroll(&logic, "k").await.leads_to(), confirmation);
    assert_eq!(office.roster(&school, &logic).await, [""; 0]);
    me.taps_enroll(&logic, "anew").await.leads_to();
    // A waitlist that is full, too.
    let [cleo, dan, eve] = ["Cleo", "Dan", "Eve"].map(|name| json!({"name": name, "email": "s@example.edu"}));
    let mut ids = Vec::new();
    for body in [cleo, dan, eve] {
        let added = school.post("/api/v1/students", body).with_token(&office.token).await.is_created();
        ids.push(added.json()["id"].clone());
    }
    let mut tokens = Vec::new();
    for id in ids {
        let body = json!({"name": "phone", "role": "student", "student_id": id});
        tokens.push(Me { school: &school, token: create(&school, Some(&office.token), body).await });
    }
    let [cleo, dan, eve] = tokens.as_slice() else { unreachable!() };
    let waits = cleo.joins_waitlist(&logic, "k").await.leads_to();
    let page = cleo.reads(&waits).await;
    assert!(page.contains("You are on the waitlist of Logic"), "{page}");
    assert!(page.contains("You are 1st in line now."), "{page}");
    assert_eq!(cleo.taps_enroll(&logic, "other").await.leads_to(), waits);
    let full = dan.joins_waitlist(&logic, "k").await.is_page(409);
    assert!(full.contains("Logic is full, and so is its waitlist."), "{full}");
    assert!(full.contains("All places on the waitlist are taken, too."), "{full}");
    // Joining the waitlist gives a seat if there is one.
    let seat = eve.joins_waitlist(&section, "k").await.leads_to();
    assert!(eve.reads(&seat).await.contains("You are enrolled in Logic"));
}

#[tokio::test]
async fn a_swap_never_loses_the_seat_and_says_what_was_given_up() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    botany.seats(1, 0).await;
    ben.enrolls_in(&botany).await.is_created();
    ana.enrolls_in(&algebra).await.is_created();
    let office = Office::of(&school).await;
    let me = office.lets_in(&school, &ana).await;
    let choose = format!("/my/courses/{}/swap", botany.id);
    let page = me.reads(&choose).await;
    assert!(page.contains("Take Botany instead of … You keep the seat that you have"), "{page}");
    assert!(page.contains("Botany is full now."), "{page}");
    let refused = me.swaps(&algebra, &botany, "k").await.is_page(409);
    assert!(refused.contains("Botany is full: the last seat went to somebody else."), "{refused}");
    assert_eq!(office.roster(&school, &algebra).await, ["Ana"]);
    office.changes_seats(&school, &botany, json!({"capacity": 2})).await;
    let confirmation = me.swaps(&algebra, &botany, "k").await.leads_to();
    let page = me.reads(&confirmation).await;
    assert!(page.contains("You are enrolled in Botany"), "{page}");
    assert!(page.contains("Instead of Algebra , which you gave up"), "{page}");
    assert_eq!(me.swaps(&algebra, &botany, "k").await.leads_to(), confirmation);
    assert_eq!(me.swaps(&algebra, &botany, "other").await.leads_to(), confirmation);
    assert_eq!(office.roster(&school, &botany).await, ["Ben", "Ana"]);
    assert_eq!(me.visits(&choose).await.leads_to(), format!("/courses/{}", botany.id));
    assert_eq!(me.sends(&choose, &[("from", "x")]).await.leads_to(), choose);
    // The seat was given up before, and the new one has gone since.
    me.drops(&botany, "seat", "drop").await.leads_to();
    let gone = me.swaps(&algebra, &botany, "late").await.is_page(404);
    assert!(gone.contains("You have no seat in Algebra."), "{gone}");
}

#[tokio::test]
async fn leaving_asks_first_and_takes_no_seat_that_came_in_the_meantime() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    cleo.enrolls_in(&algebra).await.is(202);
    let office = Office::of(&school).await;
    let (ana_phone, ben_phone) = (office.lets_in(&school, &ana).await, office.lets_in(&school, &ben).await);
    let question = format!("/my/courses/{}/drop", algebra.id);
    let asks = ana_phone.reads(&question).await;
    assert!(asks.contains("Your seat goes to the next student on the waitlist at once."), "{asks}");
    let asks = ben_phone.reads(&question).await;
    assert!(asks.contains("Leave the waitlist of Algebra ? You are 1st in line."), "{asks}");
    ana_phone.drops(&algebra, "seat", "k").await.leads_to();
    // Ben has got the seat, and taps what his phone still shows.
    let page = ben_phone.drops(&algebra, "place", "k").await.is_page(409);
    assert!(
        page.starts_with("You have got a seat in the meantime. You still have it: nothing was dropped."),
        "{page}"
    );
    assert_eq!(office.roster(&school, &algebra).await, ["Ben"]);
    office.changes_seats(&school, &algebra, json!({"closes_at": "2026-09-01T08:00:01Z"})).await;
    school.let_pass(std::time::Duration::from_secs(2));
    let late = ben_phone.drops(&algebra, "seat", "late").await.is_page(409);
    assert!(
        late.contains(
            "Registration for Algebra closed at 1 September 2026, 08:00 UTC . Ask the registrar’s office."
        ),
        "{late}"
    );
    assert!(ben_phone.reads(&question).await.contains("now only the registrar’s office can."));
    let cleo_phone = office.lets_in(&school, &cleo).await;
    // A form that is about a seat, or about nothing, leaves no waitlist.
    let page = cleo_phone.drops(&algebra, "seat", "seat").await.is_page(409);
    assert!(page.starts_with("Leave the waitlist of Algebra ?"), "{page}");
    assert_eq!(cleo_phone.sends(&question, &[]).await.leads_to(), question);
    let left = cleo_phone.drops(&algebra, "place", "k").await.leads_to();
    assert!(cleo_phone.reads(&left).await.contains("You left the waitlist of Algebra"));
    assert_eq!(cleo_phone.visits(&question).await.leads_to(), format!("/courses/{}", algebra.id));
}

#[tokio::test]
async fn a_confirmation_belongs_to_one_student() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    ben.enrolls_in(&algebra).await.is_created();
    let office = Office::of(&school).await;
    let (me, ben) = (office.lets_in(&school, &ana).await, office.lets_in(&school, &ben).await);
    let own = me.taps_enroll(&algebra, "k").await.leads_to();
    ben.visits(&own).await.is_page(404);
    // Ben's enrollment, Ana's own record, and numbers that no entry has.
    for seq in ["4", "2", "999", "0", "-1", "x", "9007199254740992"] {
        let path = format!("/my/confirmations/{seq}");
        assert!(me.visits(&path).await.is_page(404).contains("There is no page at this address."), "{seq}");
    }
    assert!(ben.reads("/my/confirmations/4").await.contains("You are enrolled in Algebra"));
    let history = me.visits("/my/record").await.is_ok();
    assert!(history.text().contains(&format!("href=\"{own}\"")), "{}", history.text());
    for path in ["/my", "/my/record", &own] {
        school.page(path).with_token(&office.token).await.is(403);
    }
    // A course that has been deleted since.
    school.delete(&format!("{}?drop=true", algebra.url())).with_token(&office.token).await.is(204);
    let page = me.reads(&own).await;
    assert!(page.contains("You are enrolled in deleted course 1") && page.contains("This is over"), "{page}");
}

#[tokio::test]
async fn the_catalogue_says_what_each_course_is_to_me() {
    let school = School::open().await;
    let [mine, open, opens, closed, full, line] =
        school.courses(["Mine", "Open", "Opens", "Closed", "Stuffed", "Line"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    ana.enrolls_in(&mine).await.is_created();
    open.seats(9, 0).await;
    for (course, places) in [(&full, 2), (&line, 2)] {
        course.seats(1, places).await;
        ben.enrolls_in(course).await.is_created();
    }
    ana.enrolls_in(&line).await.is(202);
    let limits = [
        (&opens, json!({"opens_at": "2026-09-03T08:00:00Z"})),
        (&closed, json!({"closes_at": "2026-09-01T07:00:00Z"})),
    ];
    let office = Office::of(&school).await;
    for (course, limits) in limits {
        office.changes_seats(&school, course, limits).await;
    }
    let me = office.lets_in(&school, &ana).await;
    let page = me.reads("/courses").await;
    for row in [
        "Mine undergraduate Enrolled",
        "Open undergraduate 9 seats free · Open Enroll",
        "Opens undergraduate 0 students, no limit · Opens 3 September 2026, 08:00 UTC",
        "Closed undergraduate 0 students, no limit · Closed 1 September 2026, 07:00 UTC",
        "Stuffed undergraduate Full Join waitlist of Stuffed",
        "Line undergraduate 1st in line",
    ] {
        assert!(page.contains(row), "{row} is not in {page}");
    }
    let found = me.reads("/courses?open=true").await;
    assert!(
        found.contains("2 courses") && found.contains("Open undergraduate") && found.contains("Stuffed"),
        "{found}"
    );
    assert!(me.reads("/courses?open=true&free=true").await.contains("1 course "));
    assert!(me.reads("/courses?q=zoology").await.contains("No course has “ zoology ” in its name"));
    assert!(me.reads("/courses?q=min&open=true").await.contains("and passes these filters"));
    let part = me.visits("/courses?q=stu").header("hx-request-type", "partial").await.is_ok();
    assert!(part.text().trim_start().starts_with("<div id=\"rows\"") && part.text().contains("Stuffed"));
    let home = me.reads("/my").await;
    assert!(home.contains("Opens next for you 3 September 2026, 08:00 UTC Opens"), "{home}");
    assert!(home.contains("1 course has a free seat for you, 1 other has a waitlist."), "{home}");
    let page = me.reads(&format!("/courses/{}", opens.id)).await;
    assert!(page.contains("Opens for you 3 September 2026, 08:00 UTC"), "{page}");
    let early = me.taps_enroll(&opens, "k").await.is_page(409);
    assert!(
        early.contains("Registration for Opens opens for you at 3 September 2026, 08:00 UTC ."),
        "{early}"
    );
    let late = me.taps_enroll(&closed, "late").await.is_page(409);
    assert!(late.contains("Ask the registrar’s office: staff can still enroll you."), "{late}");
    school.let_pass(std::time::Duration::from_hours(48));
    me.taps_enroll(&opens, "k").await.leads_to();
    me.visits("/courses/99").await.is_page(404);
    me.sends("/my/courses/99/enroll", &[]).await.is_page(404);
}
