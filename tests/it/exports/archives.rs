//! Archives in the formats of other systems.

use serde_json::json;

use super::{a_difficult_school, add_course, add_student, enroll, exported, strict, unzipped};
use crate::school::{Database, School, matricula};

#[tokio::test]
async fn a_strict_reader_accepts_a_oneroster_archive() {
    let school = a_difficult_school().await;
    let files = unzipped(&exported(school.database(), &["oneroster"]));
    let accepted = strict::read(&files).unwrap();
    let count = |name: &str| accepted.files[name].len();
    assert_eq!((count("users"), count("roles")), (14, 14));
    assert_eq!((count("courses"), count("classes"), count("enrollments")), (4, 4, 18));
    let users = &accepted.files["users"];
    let zoe = &users[0];
    assert_eq!((&*zoe["sourcedId"], &*zoe["givenName"], &*zoe["familyName"]), ("0042", "Zoë", "Martin"));
    let madona = users.iter().find(|user| user["familyName"] == "Madona").unwrap();
    assert_eq!((&*madona["givenName"], &*madona["identifier"]), ("-", ""));
    // A number that OneRoster does not allow as `sourcedId` is written so that it can be read again.
    let hooft = users.iter().find(|user| user["familyName"] == "'tHooft").unwrap();
    assert_eq!((&*hooft["sourcedId"], &*hooft["identifier"]), ("@@2312", "#12"), "{hooft:?}");
    let logic = &accepted.files["classes"][1];
    assert_eq!((&*logic["title"], &*logic["classCode"], &*logic["grades"]), ("=1+1", "CS 101", "graduate"));
    let year = &accepted.files["academicSessions"][0];
    assert_eq!((year["startDate"].get(4..), year["endDate"].get(4..)), (Some("-08-01"), Some("-08-01")));
}

#[tokio::test]
async fn a_strict_reader_accepts_the_archive_of_an_empty_school() {
    let school = School::open().await;
    let files = unzipped(&exported(school.database(), &["oneroster"]));
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["academicSessions.csv", "orgs.csv", "manifest.csv"]);
    strict::read(&files).unwrap();
    add_student(&school, "Ana", None).await;
    let files = unzipped(&exported(school.database(), &["oneroster"]));
    assert_eq!(strict::read(&files).unwrap().files["users"].len(), 1);
}

#[tokio::test]
async fn the_strict_reader_can_refuse() {
    let school = a_difficult_school().await;
    let files = unzipped(&exported(school.database(), &["oneroster"]));
    let damaged = |name: &str, from: &str, to: &str| {
        let mut files = files.clone();
        let (_, text) = files.iter_mut().find(|(found, _)| found == name).unwrap();
        assert!(text.contains(from), "{text}");
        *text = text.replacen(from, to, 1);
        strict::read(&files).unwrap_err()
    };
    for (name, from, to, why) in [
        ("manifest.csv", "file.results,absent\r\n", "", "the manifest says None of results"),
        ("manifest.csv", "file.users,bulk", "file.users,absent", "the manifest has"),
        ("users.csv", "0042,,,true", "0042,active,,true", "status is"),
        ("users.csv", "0042,,,true", "0043,,,true", "0043 is there twice"),
        ("users.csv", "0042,,,true", "00 42,,,true", "sourcedId is"),
        ("classes.csv", ",scheduled,", ",sometimes,", "classType is"),
        ("enrollments.csv", "MATH-101", "MATH-999", "which is not in classes"),
        ("orgs.csv", "sourcedId", "SourcedId", "not written as"),
    ] {
        let found = damaged(name, from, to);
        assert!(found.contains(why), "{name}: {found}");
    }
}

#[tokio::test]
async fn a_canvas_archive_has_the_files_of_the_standard() {
    let school = School::open().await;
    let (ana, algebra) =
        (add_student(&school, "Ana", Some("0042")).await, add_course(&school, "Algebra", Some("A 1")).await);
    let files = |school: &School| unzipped(&exported(school.database(), &["canvas"]));
    let courses = "course_id,short_name,long_name,status\r\nA 1,A 1,Algebra,active\r\n";
    let of = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let users = "user_id,login_id,full_name,email,status\r\n0042,0042,Ana,someone@example.edu,active\r\n";
    let enrollments = "course_id,user_id,role,status\r\n";
    let expected = [of("users.csv", users), of("courses.csv", courses), of("enrollments.csv", enrollments)];
    assert_eq!(files(&school), expected, "also files without rows");
    enroll(&school, ana, algebra).await;
    let (_, enrollments) = files(&school).remove(2);
    assert_eq!(enrollments, "course_id,user_id,role,status\r\nA 1,0042,student,active\r\n");
}

/// What Canvas would not keep as it is: it strips blanks, compares logins without regard to case, and skips users with
/// longer logins or with addresses that are none.
#[tokio::test]
async fn a_canvas_archive_has_only_ids_logins_and_addresses_that_canvas_keeps() {
    let school = School::open().await;
    let long = "N".repeat(101);
    for (name, number) in
        [("Ana", "Straße"), ("Ben", "STRASSE"), ("Cleo", "Äb"), ("Dan", "äB"), ("Eve", &*long)]
    {
        add_student(&school, name, Some(number)).await;
    }
    let columns = |database: &Database, columns: &[usize]| -> Vec<String> {
        let files = unzipped(&exported(database, &["canvas"]));
        let rows = files[0].1.trim_end().split("\r\n").skip(1).map(|row| row.split(',').collect::<Vec<_>>());
        rows.map(|row| columns.iter().map(|at| row[*at]).collect::<Vec<_>>().join(" ")).collect()
    };
    let ids_and_logins = columns(school.database(), &[0, 1]);
    let made_up = |at: usize| {
        let login = ids_and_logins[at].split(' ').next_back().unwrap();
        login.starts_with('m') && login.ends_with(&format!("-{}", at + 1))
    };
    assert_eq!(ids_and_logins[..2], ["Straße Straße", "STRASSE STRASSE"]);
    assert!(made_up(2) && made_up(3) && made_up(4), "{ids_and_logins:?}");
    assert!(
        ids_and_logins[2].starts_with("Äb ") && ids_and_logins[4].starts_with(&long),
        "{ids_and_logins:?}"
    );

    let database = Database::new();
    database.runs(
        "create table person (id integer primary key, name text, mail text, nr text);
         create table class (id integer primary key, title text);
         insert into person values (1, 'Ana', 'ana@example.edu', ' 7 '), (2, 'Ben', 'no mail', '7'), (3, 'Cleo', null, ' ')",
    );
    let text = "[students]\ntable = 'person'\nid = 'id'\nname = 'name'\nemail = 'mail'\nnumber = 'nr'\n\
                [courses]\ntable = 'class'\nid = 'id'\nname = 'title'\n";
    migrate_with(&database, text);
    let rows = columns(&database, &[0, 3]);
    assert!(rows[0].starts_with('m') && rows[0].ends_with("-1 ana@example.edu"), "{rows:?}");
    assert_eq!(rows[1], "7 ");
    assert!(rows[2].starts_with('m') && rows[2].ends_with("-3 "), "{rows:?}");
}

fn migrate_with(database: &Database, mapping: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mapping.toml");
    std::fs::write(&file, mapping).unwrap();
    let mut command = matricula();
    command.arg("migrate").arg("--database").arg(database.argument()).arg("--mapping").arg(file);
    assert!(command.output().unwrap().status.success());
}

#[tokio::test]
async fn grades_are_a_list_without_empty_items() {
    let school = School::open().await;
    for (name, level) in [("A", "9-10"), ("B", "a,,b"), ("C", " , ")] {
        school.post("/api/v1/courses", json!({"name": name, "level": level})).await.is_created();
    }
    let accepted = strict::read(&unzipped(&exported(school.database(), &["oneroster"]))).unwrap();
    let grades: Vec<_> = accepted.files["classes"].iter().map(|row| row["grades"].as_str()).collect();
    assert_eq!(grades, ["9-10", "a,b", ""]);
}

#[tokio::test]
async fn two_records_of_a_schools_own_table_with_the_same_number_have_ids_of_their_own() {
    let database = Database::new();
    database.runs(
        "create table person (id integer primary key, name text, nr text);
         create table class (id integer primary key, title text, code text);
         insert into person values (1, 'Ana', '42'), (2, 'Ben', '42');
         insert into class values (7, 'Algebra', 'A'), (8, 'Botany', 'A')",
    );
    let text = "[students]\ntable = 'person'\nid = 'id'\nname = 'name'\nnumber = 'nr'\n\
                [courses]\ntable = 'class'\nid = 'id'\nname = 'title'\ncode = 'code'\n";
    migrate_with(&database, text);
    let school = School::open_at(&database).await;
    enroll(&school, 2, 8).await;
    let accepted = strict::read(&unzipped(&exported(&database, &["oneroster"]))).unwrap();
    let ids =
        |file: &str| accepted.files[file].iter().map(|row| row["sourcedId"].as_str()).collect::<Vec<_>>();
    assert_eq!((ids("users")[0], ids("classes")[0]), ("42", "A"));
    assert!(ids("users")[1].ends_with("-2") && ids("classes")[1].ends_with("-8"), "{accepted:?}");
    assert_eq!(accepted.files["enrollments"][0]["userSourcedId"], ids("users")[1]);
}

#[tokio::test]
async fn records_that_another_program_wrote_have_a_name_and_a_line_each() {
    let school = School::open_found(
        "create table students (id integer primary key, name text, email text);
         create table courses (id integer primary key, name text, level text);
         insert into students values (5, 'Ana' || char(10) || 'Maria', null), (6, null, 'ben@example.edu');
         insert into courses values (7, null, null);",
    )
    .await;
    school.put("/api/v1/students/5/courses/7").await.is_created();
    let files = unzipped(&exported(school.database(), &["oneroster"]));
    let accepted = strict::read(&files).unwrap();
    let users = &accepted.files["users"];
    assert_eq!((&*users[0]["givenName"], &*users[0]["familyName"]), ("Ana", "Maria"));
    assert_eq!(users[1]["familyName"], users[1]["sourcedId"]);
    let canvas = unzipped(&exported(school.database(), &["canvas"]));
    assert!(canvas[0].1.contains("\"Ana\nMaria\""), "{}", canvas[0].1);
    school.patch("/api/v1/students/6", json!({"number": "6"})).await.is_ok();
}
