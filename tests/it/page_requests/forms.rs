//! Forms: carried out once, refused in the words of the API, and never overwriting what was not shown.

use serde_json::json;

use crate::school::{School, errors};

#[tokio::test]
async fn a_form_that_is_sent_twice_is_done_once() {
    let school = School::open().await;
    let blank = school.page("/courses/new").await.is_ok();
    let key = blank.hidden("idempotency_key");
    let fields = [("idempotency_key", key.as_str()), ("name", "Algebra"), ("level", "graduate")];
    let [one, other] =
        [school.form("/courses/new", &fields).await, school.form("/courses/new", &fields).await];
    assert_eq!(one.leads_to(), other.leads_to());
    assert_eq!(school.get("/api/v1/courses").await.ids().len(), 1);
    // The same key for another request is refused.
    let other = [("idempotency_key", key.as_str()), ("name", "Botany"), ("level", "graduate")];
    assert!(school.form("/courses/new", &other).await.is_page(422).contains("was used for another"));
    assert_ne!(school.page("/courses/new").await.hidden("idempotency_key"), key);
}

#[tokio::test]
async fn a_form_is_refused_in_the_words_of_the_api_and_keeps_what_was_typed() {
    let school = School::open().await;
    for (path, api, fields) in [
        ("/courses/new", "/api/v1/courses", [("name", " "), ("level", "undergraduate")]),
        ("/courses/new", "/api/v1/courses", [("name", "Tab\there"), ("level", "")]),
        ("/students/new", "/api/v1/students", [("name", "Zoë"), ("email", "zoe at home")]),
    ] {
        let body = json!({fields[0].0: fields[0].1, fields[1].0: fields[1].1});
        let problem = school.post(api, body).await.is_refused(400, "invalid-request");
        let page = school.form(path, &fields).await;
        for (name, typed) in fields {
            assert!(page.text().contains(&format!("name=\"{name}\" type=\"")), "{}", page.text());
            assert!(page.text().contains(&format!("value=\"{typed}\"")), "{typed:?} is lost");
        }
        let page = page.is_page(422);
        for error in errors(&problem) {
            let detail = error.split_once(": ").unwrap().1;
            assert!(page.contains(detail), "{detail:?} is not in {page}");
        }
    }
    assert_eq!(school.log().await, [""; 0]);
}

#[tokio::test]
async fn a_change_by_somebody_else_is_shown_before_it_is_replaced() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let path = format!("/courses/{}/edit", algebra.id);
    let seen = school.page(&path).await.is_ok().hidden("if_match");
    school.patch(&algebra.url(), json!({"name": "Linear Algebra"})).await.is_ok();
    let fields = |seen| [("if_match", seen), ("name", "Algebra I"), ("level", "undergraduate")];
    let refused = school.form(&path, &fields(seen.as_str())).await;
    let now = refused.hidden("if_match");
    assert!(refused.text().contains("value=\"Algebra I\""));
    assert!(refused.is_page(412).contains("It is now: Name Linear Algebra Level undergraduate"));
    school.form(&path, &fields(now.as_str())).await.leads_to();
    assert_eq!(school.get(&algebra.url()).await.is_ok().json()["name"], "Algebra I");
}

#[tokio::test]
async fn a_form_with_an_error_keeps_the_version_that_was_shown() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let path = format!("/courses/{}/edit", algebra.id);
    let seen = school.page(&path).await.is_ok().hidden("if_match");
    school.patch(&algebra.url(), json!({"level": "graduate"})).await.is_ok();
    let fields = |name| [("if_match", seen.as_str()), ("name", name), ("level", "undergraduate")];
    let mistaken = school.form(&path, &fields("")).await.is(422);
    assert_eq!(mistaken.hidden("if_match"), seen);
    assert!(school.form(&path, &fields("Algebra I")).await.is_page(412).contains("It is now"));
    let unreadable = [("if_match", "any"), ("name", "Algebra I"), ("level", "undergraduate")];
    school.form(&path, &unreadable).await.is(412);
    assert_eq!(school.get(&algebra.url()).await.is_ok().json()["level"], "graduate");
}

#[tokio::test]
async fn a_deletion_drops_nobody_if_the_page_named_no_students() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let path = format!("/courses/{}/delete", algebra.id);
    let page = school.page(&path).await.is_ok();
    let version = page.hidden("if_match");
    assert!(
        !page.text().contains("name=\"drop\"") && page.is_page(200).contains("No students are enrolled.")
    );
    ana.enrolls_in(&algebra).await.is_created();
    let refused = school.form(&path, &[("if_match", &version)]).await;
    assert_eq!(refused.hidden("drop"), "1");
    let key = refused.hidden("idempotency_key");
    let refused = refused.is_page(409);
    assert!(
        refused.contains(
            "Somebody has enrolled since you looked. 1 student is still enrolled and will be dropped."
        ),
        "{refused}"
    );
    let fields = [("idempotency_key", key.as_str()), ("if_match", &version), ("drop", "1")];
    // The second of two clicks gets the same answer.
    assert_eq!(school.form(&path, &fields).await.leads_to(), "/courses?deleted=1");
    assert_eq!(school.form(&path, &fields).await.leads_to(), "/courses?deleted=1");
    assert_eq!(ana.courses().await, [""; 0]);
}

#[tokio::test]
async fn a_deletion_drops_no_more_students_than_the_page_showed() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let algebra = school.course("Algebra").await;
    ana.enrolls_in(&algebra).await.is_created();
    let path = format!("/courses/{}/delete", algebra.id);
    let shown = school.page(&path).await.is_ok();
    let fields = [("if_match", shown.hidden("if_match")), ("drop", shown.hidden("drop"))];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    ben.enrolls_in(&algebra).await.is_created();

    let refused = school.form(&path, &fields).await;
    assert_eq!(refused.hidden("drop"), "2");
    assert!(refused.is_page(409).contains("Somebody has enrolled since you looked."));
    assert_eq!(algebra.roster().await, ["Ana", "Ben"]);
}

#[tokio::test]
async fn a_form_from_another_site_is_refused_and_so_is_a_body_that_is_no_form() {
    let school = School::open().await;
    let fields = [("name", "Algebra"), ("level", "graduate")];
    let foreign = school.form("/courses/new", &fields).header("sec-fetch-site", "cross-site").await;
    assert!(foreign.is_page(403).contains("for a page of another site"));
    let json = school.post("/courses/new", json!({"name": "Algebra", "level": "graduate"})).await;
    json.is_refused(415, "unsupported-media-type");
    let many: Vec<_> = (0..200).map(|_| ("name", "Algebra")).collect();
    assert!(school.form("/courses/new", &many).await.is_page(400).contains("must have at most 100 fields"));
    let large = "a".repeat(2 * 1024 * 1024);
    assert!(school.form("/courses/new", &[("name", &large)]).await.is_page(413).contains("more than 1 MiB"));
    assert_eq!(school.log().await, [""; 0]);
}

#[tokio::test]
async fn a_field_that_comes_back_as_it_was_shown_is_neither_checked_nor_written() {
    let school = School::open_found(
        "create table students (id integer primary key, name text, email text);
         create table courses (id integer primary key, name text, level text);
         insert into students (id, name, email) values (1, '  Pad  ', 'pad@example.edu'),
             (2, 'Two' || char(10) || 'lines', 'two@example.edu'), (3, null, 'nobody@example.edu'),
             (4, 'Dan', ' no address ');
         insert into courses (id, name, level) values (1, '  Pad  ', 'graduate'), (2, 'Botany', null);",
    )
    .await;
    // Browsers remove line breaks from a single-line input, and the blanks around an e-mail address.
    for (path, fields, table, unchanged) in [
        ("/students/1/edit", [("name", "  Pad  "), ("email", "new@example.edu")], "students", "name"),
        ("/students/2/edit", [("name", "Twolines"), ("email", "new@example.edu")], "students", "name"),
        ("/students/3/edit", [("name", ""), ("email", "new@example.edu")], "students", "name"),
        ("/students/4/edit", [("name", "Daniel"), ("email", "no address")], "students", "email"),
        ("/courses/1/edit", [("name", "  Pad  "), ("level", "undergraduate")], "courses", "name"),
        ("/courses/2/edit", [("name", "Biology"), ("level", "")], "courses", "level"),
    ] {
        let id = path.split('/').nth(2).unwrap();
        let sql = format!("select coalesce('=' || {unchanged}, 'null') from {table} where id = {id}");
        let before = school.other_program().column(&sql);
        let seen = school.page(path).await.is_ok().hidden("if_match");
        school.form(path, &[("if_match", seen.as_str()), fields[0], fields[1]]).await.leads_to();
        assert_eq!(school.other_program().column(&sql), before, "{path}");
    }
    let email = school.get("/api/v1/students/1").await.is_ok().json()["email"].clone();
    assert_eq!(email, "new@example.edu");
    // Padding can still be removed on purpose.
    let seen = school.page("/students/1/edit").await.is_ok().hidden("if_match");
    let fields = [("if_match", seen.as_str()), ("name", "Pad"), ("email", "new@example.edu")];
    school.form("/students/1/edit", &fields).await.leads_to();
    assert_eq!(school.get("/api/v1/students/1").await.is_ok().json()["name"], "Pad");
}

#[tokio::test]
async fn an_untouched_invalid_field_does_not_prevent_saving_or_hide_changes() {
    let school = School::open_found(
        "create table students (id integer primary key, name text, email text);
         create table courses (id integer primary key, name text, level text);
         insert into students (id, name, email) values (1, 'Dan', 'no address');",
    )
    .await;
    let path = "/students/1/edit";
    let shown = school.page(path).await.is_ok();
    let (key, seen) = (shown.hidden("idempotency_key"), shown.hidden("if_match"));
    let fields =
        [("idempotency_key", key.as_str()), ("if_match", &seen), ("email", "no address"), ("name", "Daniel")];
    // The second of two clicks gets the same answer.
    assert_eq!(school.form(path, &fields).await.leads_to(), "/students/1?saved=name");
    assert_eq!(school.form(path, &fields).await.leads_to(), "/students/1?saved=changed");
    // A late form is refused once, with the change, and can then be saved.
    let late = [("if_match", seen.as_str()), fields[2], ("name", "Danny")];
    let refused = school.form(path, &late).await;
    let seen = refused.hidden("if_match");
    assert!(refused.is_page(412).contains("Somebody has changed this since you opened it."));
    school.form(path, &[("if_match", seen.as_str()), late[1], late[2]]).await.leads_to();
    assert_eq!(
        school.other_program().column("select name || '/' || email from students"),
        ["Danny/no address"]
    );
    // A new value that is invalid is still refused.
    let seen = school.page(path).await.is_ok().hidden("if_match");
    let wrong = [("if_match", seen.as_str()), ("email", "still none"), late[2]];
    school.form(path, &wrong).await.is_page(422);
    school.form(path, &wrong[1..]).await.is_page(422);
}
