//! Plans: what they say, how they are read, and that exactly they are carried out.

use serde_json::{Value, json};

use super::{STUDENTS, brings_a_school, school_in_a_zip, zip};
use crate::import_cases::folder;
use crate::school::{Reply, School, errors};

#[tokio::test]
async fn a_plan_changes_nothing_and_is_carried_out_and_undone_as_it_says() {
    let school = School::open().await;
    let log = school.log().await;
    let reply: Reply = school
        .ask("POST", "/api/v1/imports")
        .header("content-type", "application/zip")
        .body(school_in_a_zip())
        .await
        .is_created();
    let import = reply.json();
    assert_eq!(reply.header("location"), format!("/api/v1/imports/{}", import["id"]));
    assert_eq!((&import["status"], &import["total"]), (&json!("planned"), &json!(5)), "{import:#}");
    assert_eq!(import["counts"]["new"], 5);
    assert_eq!(school.log().await, log);
    assert_eq!(school.all("/api/v1/students").await, Vec::<Value>::new());

    let applied = school.carries_out(&import).await;
    assert_eq!((&applied["done"], &applied["not_done"]), (&json!(5), &json!(0)));
    assert_eq!(school.all("/api/v1/students").await.len(), 2);
    let events = school.all("/api/v1/events").await;
    assert_eq!(events.len(), 6);
    let end = json!({"import": import["id"], "done": 5, "not_done": 0});
    assert_eq!((&events[5]["type"], &events[5]["data"]), (&json!("import.applied"), &end));
    let rows = school.rows_of(&import, "new").await;
    for event in &events[..5] {
        assert_eq!(event["data"]["import"], import["id"], "{event:#}");
        let row = rows.iter().find(|row| row["row"] == event["data"]["row"]).unwrap();
        let record = event["type"].as_str().unwrap().split('.').next().unwrap();
        assert_eq!(row["record"], record, "{row:#}");
    }
    // Once more is the same answer, and nothing happens.
    assert_eq!(school.carries_out(&import).await, applied);
    assert_eq!(school.all("/api/v1/events").await, events);

    let undone = school.takes_back(&import).await;
    assert_eq!(undone["remaining"], 0, "{undone:#}");
    for path in ["/api/v1/students", "/api/v1/courses"] {
        assert_eq!(school.all(path).await, Vec::<Value>::new());
    }
    let events = school.all("/api/v1/events").await;
    assert_eq!(events.len(), 12);
    assert_eq!((&events[11]["type"], &events[11]["data"]["remaining"]), (&json!("import.undone"), &json!(0)));
    assert!(events[6..].iter().all(|event| event["data"]["undone_import"] == import["id"]));
    assert_eq!(school.takes_back(&import).await, undone);
    let again = school.ask("POST", &format!("/api/v1/imports/{}/apply", import["id"])).await;
    again.is_refused(409, "import-state");
    assert_eq!(school.all("/api/v1/imports").await, [undone]);
}

#[tokio::test]
async fn a_plan_that_does_not_hold_any_more_is_not_carried_out() {
    let school = School::open().await;
    let import = school.plan(STUDENTS).await;
    school
        .post("/api/v1/students", json!({"name": "Zoë", "email": "z@example.edu", "number": "0042"}))
        .await
        .is_created();
    let refused = school.ask("POST", &format!("/api/v1/imports/{}/apply", import["id"])).await;
    refused.is_refused(409, "plan-changed");
    assert_eq!(school.all("/api/v1/students").await.len(), 1);
    // Something that has nothing to do with it does not matter.
    let import = school.plan(STUDENTS).await;
    school.student("Ben").await;
    school.carries_out(&import).await;
    assert_eq!(school.all("/api/v1/students").await.len(), 3);
}

#[tokio::test]
async fn a_file_that_is_no_table_is_refused_and_leaves_nothing_behind() {
    let school = School::open().await;
    let page = std::fs::read(folder("31").join("login.csv")).unwrap();
    let refused = school.brings("", page).await.is_refused(422, "files-refused");
    assert_eq!(refused["files"][0]["name"], "s.csv");
    assert_eq!(school.all("/api/v1/imports").await, Vec::<Value>::new());
    school.brings("&encoding=klingon", STUDENTS).await.is_refused(400, "invalid-request");
    school.brings("&kind=teachers", STUDENTS).await.is_refused(400, "invalid-request");
    school
        .ask("POST", "/api/v1/imports")
        .header("content-type", "application/json")
        .body(STUDENTS)
        .await
        .is_refused(415, "unsupported-media-type");
    school.get("/api/v1/imports/7").await.is_refused(404, "import-not-found");
    school.get("/api/v1/imports/x").await.is_refused(404, "import-not-found");
    school.ask("POST", "/api/v1/imports/7/apply").await.is_refused(404, "import-not-found");
    school.ask("POST", "/api/v1/imports/7/undo").await.is_refused(404, "import-not-found");
}

#[tokio::test]
async fn the_charset_of_the_request_counts_where_the_file_does_not_say_it() {
    let school = School::open().await;
    let file = b"number,name,email\n1,Jos\xe9,jose@example.edu\n".to_vec();
    let request = school.ask("POST", "/api/v1/imports?kind=students");
    let import = request
        .header("content-type", "text/csv; charset=\"windows-1252\"")
        .body(file)
        .await
        .is_created()
        .json();
    assert_eq!(import["files"][0]["encoding_guessed"], false);
    school.carries_out(&import).await;
    assert_eq!(school.all("/api/v1/students").await[0]["name"], "José");
}

#[tokio::test]
async fn rows_are_read_in_pages_by_what_they_do() {
    let school = School::open().await;
    let rows: Vec<_> = (0..1_234).map(|row| format!("{row:05},Student {row},s{row}@example.edu\n")).collect();
    let rows = rows.concat();
    let import = school.plan(&format!("number,name,email\n1E+9,Ben,ben@example.edu\n{rows}")).await;
    assert_eq!((&import["counts"]["refused"], &import["counts"]["new"]), (&json!(1), &json!(1_234)));
    let all = school.all(&format!("/api/v1/imports/{}/rows", import["id"])).await;
    assert_eq!(all.len(), 1_235);
    assert!(all.iter().zip(0..).all(|(row, number)| row["row"] == number));
    assert_eq!((&all[0]["line"], &all[0]["column"]), (&json!(2), &json!("number")), "{:#}", all[0]);
    let mut url = format!("/api/v1/imports/{}/rows?status=new&limit=500", import["id"]);
    let mut pages = Vec::new();
    loop {
        let page = school.get(&url).await.is_ok();
        assert_eq!(page.header("x-total-count"), "1234");
        pages.push(page.json().as_array().unwrap().clone());
        let Some(next) = page.next_page() else { break };
        url = next.to_owned();
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [500, 500, 234]);
    assert_eq!(pages.concat(), all[1..]);
    let other = format!("/api/v1/imports/{}/rows?limit=1&after=bm9uZQ", import["id"]);
    school.get(&other).await.is_refused(400, "invalid-request");
}

#[tokio::test]
async fn a_request_that_is_sent_twice_makes_one_import() {
    let school = School::open().await;
    let send = |file: &'static str| school.brings("", file).header("idempotency-key", "autumn");
    let first = send(STUDENTS).await.is_created().json();
    assert_eq!(send(STUDENTS).await.is_created().json(), first);
    send("number,name,email\n1,Ben,ben@example.edu\n").await.is_refused(422, "idempotency-key-reused");
    assert_eq!(school.all("/api/v1/imports").await.len(), 1);
}

#[tokio::test]
async fn many_who_leave_with_their_enrollments_are_the_same_plan_each_time() {
    let school = School::open().await;
    let numbers: Vec<_> = (0..60).map(|number| format!("s{number}")).collect();
    let lines = |line: &dyn Fn(&String) -> String| numbers.iter().map(line).collect::<Vec<_>>().concat();
    let files = zip(&[
        (
            "students.csv",
            &format!("number,name,email\n{}", lines(&|it| format!("{it},Name {it},{it}@example.edu\n"))),
        ),
        ("courses.csv", "code,name,level\nMA1,Algebra,1\n"),
        ("enrollments.csv", &format!("student,course\n{}", lines(&|it| format!("{it},MA1\n")))),
    ]);
    let request = school.ask("POST", "/api/v1/imports").header("content-type", "application/zip");
    let import = request.body(files).await.is_created().json();
    school.carries_out(&import).await;
    let file = format!(
        "user_id,login_id,full_name,email,status\n{}",
        lines(&|it| format!("{it},{it},Name {it},{it}@example.edu,deleted\n"))
    );
    let removal = school.plan(&file).await;
    assert_eq!(removal["confirm"], 120, "{removal:#}");
    let url = format!("/api/v1/imports/{}/apply", removal["id"]);
    let refused = school.ask("POST", &url).await.is_refused(409, "import-would-remove");
    assert_eq!(refused["confirm"], 120);
    school.ask("POST", &format!("{url}?confirm=119")).await.is_refused(409, "import-would-remove");
    let applied = school.ask("POST", &format!("{url}?confirm=120")).await.is_ok().json();
    assert_eq!((&applied["status"], &applied["not_done"]), (&json!("applied"), &json!(0)), "{applied:#}");
    assert_eq!(school.all("/api/v1/students").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_number_that_has_moved_to_somebody_else_is_another_plan() {
    let school = School::open().await;
    let import = brings_a_school(&school).await;
    school.carries_out(&import).await;
    let drop = "course_id,user_id,role,status\nMA1,0042,student,deleted\n";
    let removal = school.plan(drop).await;
    let students = school.all("/api/v1/students").await;
    let id = |number: &str| students.iter().find(|it| it["number"] == number).unwrap()["id"].clone();
    let (zoe, ana) = (id("0042"), id("0043"));
    for (id, number) in [(&zoe, json!(null)), (&ana, json!("0042"))] {
        school.patch(&format!("/api/v1/students/{id}"), json!({"number": number})).await.is_ok();
    }
    let refused = school.ask("POST", &format!("/api/v1/imports/{}/apply", removal["id"])).await;
    refused.is_refused(409, "plan-changed");
}

#[tokio::test]
async fn a_file_with_foreign_headings_is_refused_with_its_columns_and_read_once_they_are_explained() {
    let school = School::open().await;
    let file = "N\u{fa}mero de alumno;Apelativo;Correo;Llave\n0042;Zo\u{eb};zoe@example.edu;abc\n";
    let refused = school.brings("", file).await.is_refused(422, "files-refused");
    let columns: Vec<_> =
        refused["files"][0]["ignored"].as_array().unwrap().iter().map(|it| &it["heading"]).collect();
    assert_eq!(columns, ["N\u{fa}mero de alumno", "Apelativo", "Correo", "Llave"], "{refused:#}");
    // A refused file leaves nothing behind.
    assert_eq!(school.all("/api/v1/imports").await.len(), 0);

    let columns = "&column=N%C3%BAmero%20de%20alumno:number&column=apelativo:name&column=CORREO:email&column=Llave:password";
    let import = school.brings(columns, file).await.is_created().json();
    assert_eq!(
        (&import["counts"]["new"], &import["counts"]["refused"]),
        (&json!(1), &json!(0)),
        "{import:#}"
    );
    assert_eq!(
        import["files"][0]["ignored"],
        json!([{"heading": "Llave", "why": "passwords are never read", "is_password": true}])
    );
    school.carries_out(&import).await;
    assert_eq!(school.all("/api/v1/students").await[0]["number"], "0042");
}

#[tokio::test]
async fn two_columns_of_one_meaning_and_a_missing_one_are_settled_by_saying_what_they_mean() {
    let school = School::open().await;
    let two = "number,name,full name,email\n1,Zoe,Zo\u{eb} Martin,zoe@example.edu\n";
    let refused = school.brings("", two).await.is_refused(422, "files-refused");
    assert_eq!(refused["files"][0]["code"], "two-columns-of-one-meaning");
    assert_eq!(refused["files"][0]["columns"].as_array().unwrap().len(), 3, "{refused:#}");
    let import = school.brings("&column=name:ignore", two).await.is_created().json();
    assert_eq!(import["counts"]["new"], 1);
    let missing = "number,Wer,email\n1,Zoe,zoe@example.edu\n";
    school.brings("", missing).await.is_refused(422, "files-refused");
    school.brings("&column=Wer:name", missing).await.is_created();
}

#[tokio::test]
async fn a_correction_that_is_none_is_refused() {
    let school = School::open().await;
    let answer = |query: &str| school.brings(query, STUDENTS);
    let problem = answer("&column=name").await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["column: must be a heading, `:` and a field, such as `Rufname:name`"]);
    let problem = answer("&column=a:name&column=b:shoe").await.is_refused(400, "invalid-request");
    assert!(errors(&problem)[0].contains("known are number, integration-id, name,"), "{problem:#}");
    answer("&kind=students&kind=courses").await.is_refused(400, "invalid-request");
}

#[tokio::test]
async fn a_row_that_the_plan_refuses_names_the_column_that_matters() {
    let school = School::open().await;
    let [ana] = school.students(["Ana"]).await;
    school.patch(&ana.url(), json!({"number": "1"})).await.is_ok();
    let import = school.plan("Student ID,Course code\n1,MA1\n2,MA1\n").await;
    let columns: Vec<_> =
        school.rows_of(&import, "refused").await.iter().map(|row| row["column"].clone()).collect();
    assert_eq!(columns, ["Course code", "Student ID"]);
}
