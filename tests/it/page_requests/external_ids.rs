//! Numbers and codes on the pages.

use serde_json::json;

use crate::school::School;

#[tokio::test]
async fn a_number_is_entered_changed_and_removed_on_the_form() {
    let school = School::open().await;
    let blank = school.page("/students/new").await.is_ok();
    assert!(blank.text().contains("name=\"number\" type=\"text\""));
    let fields = |number| [("name", "Ana"), ("email", "ana@example.edu"), ("number", number)];
    let path = school.form("/students/new", &fields(" 0042 ")).await.leads_to();
    assert_eq!(path, "/students/1?saved=added");
    assert!(school.page("/students/1").await.is_page(200).contains("number 0042"));
    assert!(school.page("/students").await.is_page(200).contains("Ana 0042"));
    school.form("/students/1/edit", &fields("0043")).await.leads_to();
    assert_eq!(school.get("/api/v1/students/1").await.is_ok().json()["number"], "0043");
    school.form("/students/1/edit", &fields("")).await.leads_to();
    assert_eq!(school.get("/api/v1/students/1").await.is_ok().json().get("number"), None);
    // Without one, it is optional.
    school.form("/students/new", &fields("")).await.leads_to();
    assert_eq!(school.log().await.len(), 4);
}

#[tokio::test]
async fn one_that_is_taken_is_refused_at_the_field() {
    let school = School::open().await;
    let taken = json!({"name": "Ana", "email": "a@example.edu", "number": "1"});
    school.post("/api/v1/students", taken).await.is_created();
    school.post("/api/v1/courses", json!({"name": "Logic", "level": "one", "code": "L1"})).await.is_created();
    let ben = school.student("Ben").await;
    let botany = school.course("Botany").await;
    let student = [("name", "Ben"), ("email", "ben@example.edu"), ("number", "1")];
    let course = [("name", "Botany"), ("level", "undergraduate"), ("code", "L1")];
    let edits = [format!("/students/{}/edit", ben.id), format!("/courses/{}/edit", botany.id)];
    for (path, fields, field, why) in [
        ("/students/new", student, "number", "Another student has this number."),
        (&edits[0], student, "number", "Another student has this number."),
        ("/courses/new", course, "code", "Another course has this code."),
        (&edits[1], course, "code", "Another course has this code."),
    ] {
        let page = school.form(path, &fields).await;
        let typed = format!("value=\"{}\" autocomplete=\"off\" aria-invalid=\"true\"", fields[2].1);
        assert!(page.text().contains(&typed), "{}", page.text());
        assert!(page.text().contains(&format!("aria-describedby=\"{field}-error\" autofocus")));
        assert!(page.is_page(422).contains(why));
    }
    // The rest of the form was not saved either.
    assert_eq!(school.log().await.len(), 4);
}

#[tokio::test]
async fn rosters_waitlists_and_the_pages_of_students_show_numbers_and_codes() {
    let school = School::open().await;
    let logic = json!({"name": "Logic", "level": "one", "code": "L-1"});
    school.post("/api/v1/courses", logic).await.is_created();
    school.put("/api/v1/courses/1/seats").json(&json!({"capacity": 1, "waitlist_capacity": 1})).await.is_ok();
    for (name, number) in [("Ana", "001"), ("Ben", "002")] {
        let student = json!({"name": name, "email": "s@example.edu", "number": number});
        school.post("/api/v1/students", student).await.is_created();
    }
    for student in [1, 2] {
        school.put(&format!("/api/v1/students/{student}/courses/1")).await;
    }
    let page = school.page("/courses/1").await.is_page(200);
    assert!(page.contains("code L-1") && page.contains("Ana 001") && page.contains("Ben 002"), "{page}");
    assert!(school.page("/courses/1/roster").await.is_page(200).contains("Ana 001"));
    assert!(school.page("/students/1").await.is_page(200).contains("Logic L-1"));
    assert!(school.page("/students/2?q=l-1").await.is_page(200).contains("L-1 , one"));
    assert!(school.page("/courses?q=L-1").await.is_page(200).contains("Logic L-1"));
}
