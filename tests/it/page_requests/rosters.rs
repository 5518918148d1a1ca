//! Enrolling and dropping from the page of a course, its past, and what a page says about what was done.

use std::time::Duration;

use serde_json::json;

use crate::school::School;

#[tokio::test]
async fn a_pasted_list_has_a_result_for_each_line() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    algebra.seats(3, 1).await;
    for (name, email, number) in [
        ("Ana García", "ana@example.edu", "0042"),
        ("Ben Ito", "ben@example.edu", "0043"),
        ("Eve Kim", "eve@example.edu", "0044"),
        ("Eve Kim", "eve.kim@example.edu", "0045"),
        ("Zoë Martin", "zoe@example.edu", "0046"),
        ("Late Comer", "late@example.edu", "0047"),
    ] {
        let student = json!({"name": name, "email": email, "number": number});
        school.post("/api/v1/students", student).await.is_created();
    }
    let lines =
        "0042\nben@example.edu\r\n\nEVE KIM\nEve Kim <eve.kim@example.edu>\nMartin, Zoë\n0042\nNobody\n0047";
    let path = format!("/courses/{}/students/list", algebra.id);
    let page = school.form(&path, &[("people", lines)]).await.is_page(200);
    for result in [
        "Ana García 0042 enrolled",
        "Ben Ito 0043 enrolled",
        "EVE KIM 2 students fit: write 0044 or 0045.",
        "Eve Kim 0045 enrolled",
        "Zoë Martin 0046 waitlist, place 1",
        "Ana García 0042 Ana García has been enrolled in Algebra since",
        "Nobody Nobody has this number, address or name.",
        "Late Comer 0047 Algebra is full, and so is its waitlist.",
    ] {
        assert!(page.contains(result), "{result} is not in {page}");
    }
    assert_eq!(algebra.roster().await, ["Ana García", "Ben Ito", "Eve Kim"]);
    let empty = school.form(&path, &[("people", " \n ")]).await.is_page(422);
    assert!(empty.contains("Write or paste at least one line."), "{empty}");
    let long = "0042\n".repeat(1_001);
    let long = school.form(&path, &[("people", &long)]).await.is_page(422);
    assert!(long.contains("A list may have up to 1000 lines; this one has 1001."), "{long}");
}

#[tokio::test]
async fn a_line_means_the_one_student_whom_all_its_parts_fit() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    for (name, email, number) in [
        ("Ana García", "ana@example.edu", Some("0042")),
        ("Ben Ito", "ben@example.edu", Some("0043")),
        ("Eve Kim", "office@example.edu", Some("0044")),
        ("Kim", "office@example.edu", Some("0045")),
        ("Zoë Martin", "zoe@example.edu", None),
        ("Mary Ann", "ma@example.edu", Some("0046")),
        ("Mary Ann Smith", "mas@example.edu", Some("0047")),
        ("James Thomas", "jt@example.edu", Some("0048")),
        ("Thomas James", "tj@example.edu", Some("0049")),
        ("Nguyễn Văn Hùng", "hung@example.edu", Some("0050")),
        ("Ana Ruiz", "ruiz@example.edu", Some("0051")),
        ("Ana María Ruiz", "ruiz@example.edu", Some("0052")),
        ("王小明", "wang@example.edu", Some("0053")),
        ("Zed Holder", "zed@example.edu", Some("15")),
        ("No Number", "no@example.edu", None),
    ] {
        let student = json!({"name": name, "email": email, "number": number});
        school.post("/api/v1/students", student).await.is_created();
    }
    // So many that her name is not among the first that a page would show.
    for number in 0..60 {
        school.student(&format!("Abel Li {number}")).await;
    }
    school.student("Li").await;
    let path = format!("/courses/{}/students/list", algebra.id);
    let (nobody, several) =
        ("Nobody has this number, address or name.", "The parts of this line mean different students.");
    for (line, result) in [
        ("0042 <ben@example.edu>", several),
        ("0042; Ben Ito", several),
        ("0042\tBen\tGarcía", several),
        ("García, Ben, 0042", several),
        ("0042\tNobody Here", several),
        ("Ben Ito <ana@example.edu>", several),
        ("Carla Kim <office@example.edu>", several),
        ("0042; 9999", "Nobody has the number or address 9999."),
        ("5\tEve Unknown", "Nobody has the number or address 5."),
        ("Ben Ito <ben@other.edu>", "Nobody has the number or address ben@other.edu."),
        ("Kim\tLópez", nobody),
        ("Mary Ann\tJones", nobody),
        ("Kim, Eve; Zed Unknown", nobody),
        ("Thomas\tJames", "2 students fit: write 0048 or 0049."),
        ("Nguyễn Văn Hưng", nobody),
        ("0042\tBen A. Ito", several),
        ("0042\tBen Ito\tA", several),
        ("Ben Ito\tTA: Ana García\tana@example.edu", several),
        ("Ana García <ana@example.edu>; Ben Ito <ben@other.edu>", several),
        ("#0042", "Ana García 0042 enrolled"),
        ("Ana Ruiz\tMother: María López\truiz@example.edu", "2 students fit: write 0051 or 0052."),
        ("Ana M. Ruiz <ruiz@example.edu>", "2 students fit: write 0051 or 0052."),
        ("Ana <ruiz@example.edu>", "2 students fit: write 0051 or 0052."),
        ("5", nobody),
        (&"0042,".repeat(61), "This line has more than 60 words."),
        ("office@example.edu", "2 students fit: write 0044 or 0045."),
        ("Eve, Kim, office@example.edu", "Eve Kim 0044 enrolled"),
        ("Kim <office@example.edu>", "Kim 0045 enrolled"),
        ("0042, Garcia, Ana, 3rd year", "Ana García 0042 Ana García has been enrolled in Algebra"),
        ("#5", "Zoë Martin enrolled"),
        ("#15", "No Number enrolled"),
        ("15", "Zed Holder 15 enrolled"),
        ("thomas james", "Thomas James 0049 enrolled"),
        ("Nguyen Van Hung", "Nguyễn Văn Hùng 0050 enrolled"),
        ("1\t0053\t王小明\t物理\t87", "王小明 0053 enrolled"),
        ("1. Ana García - 0042 | BIO101", "Ana García 0042 Ana García has been enrolled in Algebra"),
        ("\u{feff}'0042\u{200b}", "Ana García 0042 Ana García has been enrolled in Algebra"),
        ("0042 García, A.", "Ana García 0042 Ana García has been enrolled in Algebra"),
        ("MAILTO:Ana@example.edu", "Ana García 0042 Ana García has been enrolled in Algebra"),
        ("Smith\tMary Ann", "Mary Ann Smith 0047 enrolled"),
        ("mary ann", "Mary Ann 0046 enrolled"),
        ("Ito\tBEN", "Ben Ito 0043 enrolled"),
        ("li", "Li enrolled"),
    ] {
        let page = school.form(&path, &[("people", line)]).await.is_page(200);
        assert!(page.contains(result), "{line}: {result} is not in {page}");
    }
}

#[tokio::test]
async fn a_refused_student_is_enrolled_anyway_with_a_reason() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.seats(1, 0).await;
    ana.enrolls_in(&algebra).await.is_created();
    let students = format!("/courses/{}/students", algebra.id);
    let ben_id = ben.id.to_string();
    let refused = school.form(&format!("{students}?who=ben"), &[("student_id", &ben_id)]).await.is_page(409);
    assert!(refused.contains("Algebra is full."), "{refused}");
    assert!(refused.contains("Ben gets a seat even if the course is full"), "{refused}");
    let anyway = format!("{students}/{}/override", ben.id);
    assert!(school.form(&anyway, &[("reason", " ")]).await.is_page(422).contains("Reason is required."));
    let leads = school.form(&anyway, &[("reason", "senior")]).await.leads_to();
    assert!(school.page(&leads).await.is_page(200).contains("Ben is enrolled."));
    assert_eq!(algebra.roster().await, ["Ana", "Ben"]);
    // The address of a refused form can be opened again.
    assert_eq!(school.page(&students).await.leads_to(), format!("/courses/{}", algebra.id));
    let drop = format!("{students}/{}/drop", ben.id);
    let leads = school.form(&drop, &[]).await.leads_to();
    assert!(school.page(&leads).await.is_page(200).contains("Ben is dropped."));
    assert!(school.form(&drop, &[]).await.is_page(404).contains("Ben is not enrolled in Algebra."));
    ben.enrolls_in(&algebra).await.is_refused(409, "course-full");
}

#[tokio::test]
async fn the_past_of_a_course_is_only_the_past() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is_created();
    school.let_pass(Duration::from_hours(48));
    school.delete(&format!("{}?drop=true", ben.url())).await.is(204);
    algebra.seats(1, 5).await;
    let [eve] = school.students(["Eve"]).await;
    eve.enrolls_in(&algebra).await.is(202);
    let path = format!("/courses/{}", algebra.id);
    let past = school.page(&format!("{path}?as_of=2026-09-01")).await.is_page(200);
    assert!(
        past.contains("You are looking at the past. As of the end of 1 September 2026 : 2 students."),
        "{past}"
    );
    let deleted = format!("deleted student {}", ben.id);
    assert!(past.contains(&deleted), "{past}");
    for present in ["Save seats", "Enroll students", "Waitlist", "Eve", "Drop", "dropped the course", "Edit"]
    {
        assert!(!past.contains(present), "{present} is in {past}");
    }
    let roster = school.page(&format!("{path}/roster?as_of=2026-09-01&sort=name")).await.is_page(200);
    assert!(roster.contains(&deleted) && roster.find("Ana") < roster.find(&deleted), "{roster}");
    let now = school.page(&path).await.is_page(200);
    assert!(now.contains(&format!("{deleted} dropped the course")), "{now}");
    let today = school.page(&format!("{path}?as_of=2026-09-03")).await.is_page(200);
    assert!(today.contains("As of today, 3 September 2026, 08:00 UTC"), "{today}");
}

#[tokio::test]
async fn a_page_says_what_was_saved_and_names_what_it_may_repeat() {
    let school = School::open().await;
    let student = |name| [("name", name), ("email", "lopez@example.edu")];
    let leads = school.form("/students/new", &student("Ana López")).await.leads_to();
    let page = school.page(&leads).await.is_page(200);
    assert!(page.contains("The student is added.") && !page.contains("Another student"), "{page}");
    let leads = school.form("/students/new", &student("Ben López")).await.leads_to();
    let page = school.page(&leads).await.is_page(200);
    let mentioned = "The student is added. Another student has this address: Ana López . If it is the same, delete one of them.";
    assert!(page.contains(mentioned), "{page}");

    let course = |name, level| [("name", name), ("level", level)];
    school.form("/courses/new", &course("Logic", "introductory")).await.leads_to();
    let leads = school.form("/courses/new", &course("LOGIC", "graduate")).await.leads_to();
    let page = school.page(&leads).await.is_page(200);
    assert!(page.contains("Another course has this name: Logic ( introductory )"), "{page}");

    let edit = "/courses/2/edit";
    let leads = school.form(edit, &course("Logic II", "graduate")).await.leads_to();
    assert_eq!(leads, "/courses/2?saved=name");
    assert!(school.page(&leads).await.is_page(200).contains("Saved. Name: Logic II ."));
    let leads = school.form(edit, &course("Logic II", "graduate")).await.leads_to();
    assert!(school.page(&leads).await.is_page(200).contains("Nothing was changed."));
    // Two clicks change it once.
    let fields = [("name", "Logic III"), ("level", "graduate"), ("idempotency_key", "k")];
    school.form(edit, &fields).await.leads_to();
    let leads = school.form(edit, &fields).await.leads_to();
    assert!(school.page(&leads).await.is_page(200).contains("The changes are saved."));
    // An address that somebody made up says nothing.
    assert!(!school.page("/courses/2?saved=secret").await.is_page(200).contains("Saved"));
    let deleted = school.page("/courses?deleted=9").await.is_page(200);
    assert!(
        deleted.contains("The course is deleted. The history of its students calls it “deleted course 9”.")
    );
    assert!(!school.page("/courses?deleted=2").await.is_page(200).contains("is deleted"));
}
