//! The files of the API: their contents, and who may read them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{a_difficult_school, add_course, add_student, enroll, exported, import, strict, text, unzipped};
use crate::access::{WithToken as _, create};
use crate::school::{School, errors, eventually};

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const TABLES: [&str; 4] = ["students", "courses", "enrollments", "waitlists"];

#[tokio::test]
async fn a_file_has_its_type_and_a_name_with_the_day() {
    let school = School::open().await;
    let algebra = add_course(&school, "Algebra", None).await;
    let mut files = vec![
        (format!("courses/{algebra}/students"), format!("roster-of-course-{algebra}")),
        (format!("courses/{algebra}/waitlist"), format!("waitlist-of-course-{algebra}")),
    ];
    files.extend(TABLES.map(|name| (format!("exports/{name}"), name.to_owned())));
    for (path, name) in files {
        for (ending, kind) in [("csv", "text/csv; charset=utf-8"), ("xlsx", XLSX)] {
            let file = school.get(&format!("/api/v1/{path}.{ending}")).await.is_ok();
            let disposition = format!("attachment; filename=\"{name}-2026-09-01.{ending}\"");
            assert_eq!(
                (file.header("content-type"), file.header("content-disposition")),
                (kind, &*disposition)
            );
            assert_eq!(file.header("cache-control"), "no-store");
        }
    }
    for name in ["canvas", "oneroster"] {
        let file = school.get(&format!("/api/v1/exports/{name}.zip")).await.is_ok();
        let disposition = format!("attachment; filename=\"{name}-2026-09-01.zip\"");
        assert_eq!(
            (file.header("content-type"), file.header("content-disposition")),
            ("application/zip", &*disposition)
        );
        let head = school.ask("HEAD", &format!("/api/v1/exports/{name}.zip")).await.is_ok();
        assert_eq!((head.header("content-type"), head.body.len()), ("application/zip", 0));
    }
    let head = school.ask("HEAD", "/api/v1/exports/students.csv").await.is_ok();
    assert_eq!((head.header("content-type"), head.body.len()), ("text/csv; charset=utf-8", 0));
}

#[tokio::test]
async fn the_api_and_the_command_line_write_the_same() {
    let school = a_difficult_school().await;
    let get = async |path: &str| school.get(&format!("/api/v1/{path}")).await.is_ok().body;
    for what in TABLES {
        assert_eq!(get(&format!("exports/{what}.csv")).await, exported(school.database(), &[what]));
        let xlsx = exported(school.database(), &[what, "--format", "xlsx"]);
        assert!(get(&format!("exports/{what}.xlsx")).await == xlsx, "{what}");
        let exact = exported(school.database(), &[what, "--for", "machine", "--bom"]);
        assert!(exact.starts_with(b"\xef\xbb\xbf"));
        assert_eq!(get(&format!("exports/{what}.csv?for=machine&bom=true")).await, exact);
    }
    for what in ["roster", "waitlists"] {
        let path = if what == "roster" { "students" } else { "waitlist" };
        let file = exported(school.database(), &[what, "--course", "1"]);
        assert_eq!(get(&format!("courses/1/{path}.csv")).await, file);
    }
    let canvas = get("exports/canvas.zip").await;
    assert_eq!(unzipped(&canvas), unzipped(&exported(school.database(), &["canvas"])));
    strict::read(&unzipped(&get("exports/oneroster.zip").await)).unwrap();
}

#[tokio::test]
async fn formulas_are_harmless_unless_a_program_wants_the_texts() {
    let school = School::open().await;
    add_student(&school, "=cmd|' /C calc'!A0", Some("-1")).await;
    let get = async |path: &str| school.get(path).await.is_ok().text().to_owned();
    let harmless = "number,name,email\r\n'-1,'=cmd|' /C calc'!A0,someone@example.edu\r\n";
    assert_eq!(get("/api/v1/exports/students.csv").await, harmless);
    let exact = "number,name,email\r\n-1,=cmd|' /C calc'!A0,someone@example.edu\r\n";
    assert_eq!(get("/api/v1/exports/students.csv?for=machine").await, exact);
    let other = School::open().await;
    import(&other, &[("students.csv", harmless.as_bytes())]);
    let student = other.get("/api/v1/students?number=-1").await.is_ok().json();
    assert_eq!(student[0]["name"], "=cmd|' /C calc'!A0");
}

#[tokio::test]
async fn a_list_is_csv_for_those_who_want_it() {
    let school = School::open().await;
    let ana = add_student(&school, "Ana", Some("0042")).await;
    let ben = add_student(&school, "Ben", None).await;
    let algebra = add_course(&school, "Algebra", Some("MATH-1")).await;
    enroll(&school, ana, algebra).await;
    enroll(&school, ben, algebra).await;
    let csv = async |path: &str| {
        let reply = school.get(path).header("accept", "text/csv, */*;q=0.1").await.is_ok();
        assert_eq!(reply.header("content-type"), "text/csv; charset=utf-8");
        assert!(reply.headers.get_all("vary").iter().any(|vary| vary == "accept"), "{reply:?}");
        reply
    };
    for (list, export) in [
        ("students".to_owned(), "exports/students.csv".to_owned()),
        ("courses".to_owned(), "exports/courses.csv".to_owned()),
        (format!("courses/{algebra}/students"), format!("courses/{algebra}/students.csv")),
        (format!("courses/{algebra}/waitlist"), format!("courses/{algebra}/waitlist.csv")),
    ] {
        let export = school.get(&format!("/api/v1/{export}")).await.is_ok();
        assert_eq!(csv(&format!("/api/v1/{list}")).await.text(), export.text());
    }
    let taken = csv(&format!("/api/v1/students/{ana}/courses")).await;
    assert_eq!(taken.text(), "code,name,level\r\nMATH-1,Algebra,graduate\r\n");
    // The query counts, and so do pages.
    let page = csv("/api/v1/students?limit=1&order=desc").await;
    assert_eq!((page.header("x-total-count"), page.text().lines().count()), ("2", 2));
    assert!(page.text().contains("Ben") && page.next_page().is_some());
    assert_eq!(csv("/api/v1/students?q=ana").await.text().lines().count(), 2);
    // All other clients get JSON.
    for accept in [
        "*/*",
        "application/json",
        "text/html, */*;q=0.8",
        "application/json, text/csv",
        "application/xml",
        "text/csv;q=0",
    ] {
        let reply = school.get("/api/v1/students").header("accept", accept).await.is_ok();
        assert_eq!(reply.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn media_types_that_a_client_does_not_accept_are_not_sent() {
    let school = School::open().await;
    add_course(&school, "Algebra", None).await;
    for (path, accept) in [
        ("/api/v1/exports/students.csv", "application/json"),
        ("/api/v1/exports/students.xlsx", "text/csv"),
        ("/api/v1/exports/canvas.zip", "text/*"),
        ("/api/v1/courses/1/waitlist.csv", "application/json"),
    ] {
        school.get(path).header("accept", accept).await.is_refused(406, "not-acceptable");
    }
    school.get("/api/v1/exports/canvas.zip").header("accept", "application/*").await.is_ok();
}

#[tokio::test]
async fn a_wrong_query_is_refused() {
    let school = School::open().await;
    add_course(&school, "Algebra", None).await;
    for (path, expected) in [
        ("exports/students.csv?as_of=2026-09-01T08:00:00Z", "as_of: is not a known parameter"),
        ("exports/students.csv?for=excel", "for: must be `spreadsheet` or `machine`"),
        ("exports/students.csv?bom=1", "bom: must be `true` or `false`"),
        ("exports/students.xlsx?bom=true", "bom: is not a known parameter"),
        ("exports/enrollments.csv?as_of=yesterday", "as_of: must be"),
        ("exports/enrollments.csv?limit=5", "limit: is not a known parameter"),
        ("exports/canvas.zip?as_of=2026-09-01T08:00:00Z", "as_of: is not a known parameter"),
        ("courses/1/students.csv?bom=true&bom=true", "bom: is given more than once"),
    ] {
        let problem = school.get(&format!("/api/v1/{path}")).await.is_refused(400, "invalid-request");
        assert!(errors(&problem)[0].starts_with(expected), "{path}: {problem}");
    }
    for file in ["students.csv", "students.xlsx", "waitlist.csv", "waitlist.xlsx"] {
        school.get(&format!("/api/v1/courses/99/{file}")).await.is_refused(404, "course-not-found");
        school.get(&format!("/api/v1/courses/x/{file}")).await.is_refused(404, "course-not-found");
    }
}

#[tokio::test]
async fn the_census_is_of_a_moment_of_the_past() {
    let school = School::open().await;
    let ana = add_student(&school, "Ana", Some("0042")).await;
    let ben = add_student(&school, "Ben", Some("0043")).await;
    let (algebra, botany) =
        (add_course(&school, "Algebra", Some("A")).await, add_course(&school, "Botany", Some("B")).await);
    enroll(&school, ana, algebra).await;
    enroll(&school, ben, algebra).await;
    school.let_pass(Duration::from_hours(24));
    school.delete(&format!("/api/v1/students/{ana}/courses/{algebra}")).await.is(204);
    enroll(&school, ana, botany).await;
    school.let_pass(Duration::from_hours(24));
    school.delete(&format!("/api/v1/students/{ben}?drop=true")).await.is(204);
    let census = async |time: &str| {
        let path = format!("/api/v1/exports/enrollments.csv?as_of={time}");
        let file = school.get(&path).await.is_ok();
        let day = &time[..10];
        assert!(file.header("content-disposition").contains(&format!("enrollments-{day}.csv")));
        assert_eq!(file.body, exported(school.database(), &["enrollments", "--as-of", time]));
        file.text().lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(census("2026-08-31T08:00:00Z").await, [""; 0]);
    // Ben has been deleted, so his cells are empty.
    assert_eq!(census("2026-09-01T12:00:00Z").await, ["0042,A", ",A"]);
    assert_eq!(census("2026-09-02T12:00:00Z").await, [",A", "0042,B"]);
    assert_eq!(census("2026-09-03T08:00:00Z").await, ["0042,B"]);
    let roster = format!("/api/v1/courses/{algebra}/students.csv?as_of=2026-09-01T12:00:00Z");
    let roster = school.get(&roster).await.is_ok();
    assert_eq!(
        roster.header("content-disposition"),
        format!("attachment; filename=\"roster-of-course-{algebra}-2026-09-01.csv\"")
    );
    let lines: Vec<_> = roster.text().lines().skip(1).collect();
    assert_eq!(
        lines,
        ["0042,Ana,someone@example.edu,2026-09-01T08:00:00.000Z", ",,,2026-09-01T08:00:00.000Z"]
    );
    // Another student with Ben's id was not there.
    school.other_program_runs(&format!(
        "insert into students (id, name, email) values ({ben}, 'Eve', 'e@example.edu')"
    ));
    assert_eq!(census("2026-09-01T12:00:00Z").await, ["0042,A", ",A"]);
}

/// A closed school with Ana and Ben in Algebra, and the secret of an admin's token.
async fn a_closed_school() -> (School, String) {
    let school = School::open().await;
    let ana = add_student(&school, "Ana", Some("0042")).await;
    let ben = add_student(&school, "Ben", None).await;
    let algebra = add_course(&school, "Algebra", None).await;
    enroll(&school, ana, algebra).await;
    enroll(&school, ben, algebra).await;
    let admin = create(&school, None, json!({"name": "Admin", "role": "admin"})).await;
    (school, admin)
}

#[tokio::test]
async fn scopes_say_which_files_a_token_gets() {
    let (school, admin) = a_closed_school().await;
    let all = [
        "exports/students.csv",
        "exports/courses.csv",
        "exports/enrollments.xlsx",
        "exports/waitlists.csv",
        "courses/1/students.csv",
        "courses/1/waitlist.xlsx",
        "exports/canvas.zip",
        "exports/oneroster.zip",
    ];
    for (role, scopes, allowed) in [
        ("registrar", json!(["catalogue:read"]), vec![1]),
        ("registrar", json!(["students:read"]), vec![0]),
        ("registrar", json!(["rosters:read"]), vec![2, 3, 4, 5]),
        ("registrar", json!(["students:read", "rosters:read"]), vec![0, 2, 3, 4, 5]),
        ("registrar", json!(["catalogue:read", "students:read", "rosters:read"]), (0..8).collect()),
        ("registrar", Value::Null, (0..8).collect()),
        // A token teaches no course.
        ("instructor", Value::Null, vec![1]),
    ] {
        let mut body = json!({"name": "Program", "role": role});
        if !scopes.is_null() {
            body["scopes"] = scopes.clone();
        }
        let token = create(&school, Some(&admin), body).await;
        for (place, path) in all.iter().enumerate() {
            let reply = school.get(&format!("/api/v1/{path}")).with_token(&token).await;
            if allowed.contains(&place) {
                reply.is_ok();
            } else {
                reply.is_refused(403, "forbidden");
            }
        }
    }
    let ana = json!({"name": "App", "role": "student", "student_id": 1});
    let ana = create(&school, Some(&admin), ana).await;
    for path in all.iter().filter(|path| !path.contains("courses.csv")) {
        school.get(&format!("/api/v1/{path}")).with_token(&ana).await.is_refused(403, "forbidden");
    }
    // A list as CSV has the same rows as the list.
    let own = school.get("/api/v1/students").with_token(&ana).header("accept", "text/csv").await.is_ok();
    assert_eq!(own.text(), "number,name,email\r\n0042,Ana,someone@example.edu\r\n");
}

#[tokio::test]
async fn a_student_sees_which_programs_have_read_files_with_them() {
    let (school, admin) = a_closed_school().await;
    let token = create(&school, Some(&admin), json!({"name": "Mirror", "role": "registrar"})).await;
    let files = [
        ("exports/students.csv", "students", 2),
        ("exports/enrollments.xlsx", "students", 2),
        // Two students, one course, two enrollments.
        ("exports/canvas.zip", "students", 5),
        ("exports/oneroster.zip", "students", 8),
        ("courses/1/students.csv", "roster", 2),
    ];
    for (place, (path, list, rows)) in files.into_iter().enumerate() {
        school.let_pass(Duration::from_mins(2));
        school.get(&format!("/api/v1/{path}")).with_token(&token).await.is_ok();
        eventually("it is recorded", async || {
            let path = "/api/v1/students/1/disclosures";
            let entries = school.get(path).with_token(&admin).await.is_ok().json();
            entries.as_array().unwrap().len() == place + 1
                && entries[place]["list"] == list
                && entries[place]["rows"] == rows
        })
        .await;
    }
    school.let_pass(Duration::from_mins(2));
    school.get("/api/v1/exports/courses.csv").with_token(&token).await.is_ok();
    school.get("/api/v1/students").with_token(&token).header("accept", "text/csv").await.is_ok();
    eventually("the list is recorded once", async || {
        let path = "/api/v1/students/1/disclosures?order=desc&limit=2";
        let entries = school.get(path).with_token(&admin).await.is_ok().json();
        entries[0]["list"] == "students" && entries[0]["rows"] == 2 && entries[1]["list"] == "roster"
    })
    .await;
}

#[tokio::test]
async fn a_long_file_is_sent_in_short_pieces() {
    let school = School::open_found(
        "create table students (id integer primary key, name text not null, email text not null);
         create table courses (id integer primary key, name text not null, level text not null);
         insert into courses values (1, 'Algebra', 'b');
         with recursive n (n) as (select 1 union all select n + 1 from n where n < 20000)
         insert into students select n, 'Student ' || n, 's' || n || '@example.edu' from n;",
    )
    .await;
    for first in [1, 10_001] {
        let enroll = |student| json!({"op": "enroll", "student_id": student, "course_id": 1});
        let operations: Vec<_> = (first..first + 10_000).map(enroll).collect();
        school.post("/api/v1/enrollments/batch", json!(operations)).await.is_ok();
    }
    for (path, rows) in [
        ("exports/students.csv", 20_001),
        ("exports/enrollments.csv", 20_001),
        ("courses/1/students.csv", 20_001),
        ("exports/students.xlsx", 0),
        ("exports/canvas.zip", 0),
        ("exports/oneroster.zip", 0),
    ] {
        let pieces = school.get(&format!("/api/v1/{path}")).pieces().await;
        let longest = pieces.iter().map(axum::body::Bytes::len).max().unwrap();
        assert!(pieces.len() > 10 && longest < 256 * 1024, "{path}: {} of {longest}", pieces.len());
        let file = pieces.concat();
        if rows > 0 {
            assert_eq!(text(&file).lines().count(), rows, "{path}");
        }
        if path.contains("oneroster") {
            assert_eq!(strict::read(&unzipped(&file)).unwrap().files["enrollments"].len(), 20_000);
        }
    }
}

#[tokio::test]
async fn pages_offer_files_to_those_who_may_have_them() {
    let (school, admin) = a_closed_school().await;
    let page =
        async |path: &str, token: &str| school.get(path).with_token(token).await.is_ok().text().to_owned();
    for (path, file) in [
        ("/students", "/api/v1/exports/students"),
        ("/courses", "/api/v1/exports/courses"),
        ("/courses/1", "/api/v1/courses/1/students"),
        ("/imports", "/api/v1/exports/students"),
        ("/imports", "/api/v1/exports/courses"),
        ("/imports", "/api/v1/exports/enrollments"),
        ("/imports", "/api/v1/exports/waitlists"),
    ] {
        let page = page(path, &admin).await;
        for link in [format!("{file}.csv?bom=true"), format!("{file}.xlsx")] {
            assert!(page.contains(&format!("href=\"{link}\"")), "{path}: {page}");
            school.get(&link).with_token(&admin).await.is_ok();
        }
    }
    for archive in ["/api/v1/exports/canvas.zip", "/api/v1/exports/oneroster.zip"] {
        assert!(page("/imports", &admin).await.contains(&format!("href=\"{archive}\"")), "{archive}");
        school.get(archive).with_token(&admin).await.is_ok();
    }
    // The day is not over.
    let past = page("/courses/1?as_of=2026-09-01", &admin).await;
    let link = "/api/v1/courses/1/students.csv?bom=true&amp;as_of=2026-09-01T08:00:00.000Z";
    assert!(past.contains(link), "{past}");
    school.get(&link.replace("&amp;", "&")).with_token(&admin).await.is_ok();
    let ana = json!({"name": "App", "role": "student", "student_id": 1});
    let ana = create(&school, Some(&admin), ana).await;
    for path in ["/courses", "/courses/1"] {
        assert!(!page(path, &ana).await.contains(".csv"), "{path}");
    }
}
