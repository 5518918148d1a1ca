//! `matricula adopt`: what it prints, saves, asks and refuses.

use std::fs;
use std::process::Output;

use matricula::adoption::{self, Proposal};
use matricula::mapping::Mapping;
use serde_json::{Value, json};

use crate::adoption_of_servers_postgres_only::found::Found;
use crate::school::{Database, matricula};

const SCHOOL: &str = "
    create table student (id integer primary key, first_name text not null, last_name text, contact_email text);
    create table course (id integer primary key, title text not null);
    create table enrollment (id integer primary key, student_id integer not null references student (id),
        course_id integer not null references course (id), status text, dropped_at timestamp, created_at timestamp);
    create table attendance (student_id integer references student (id), course_id integer, day text);
    insert into student values (11, 'Ada', 'Lovell', 'ada@example.edu'), (12, 'Bo', null, null);
    insert into course values (31, 'Algebra');
    insert into enrollment values (1, 11, 31, 'active', null, '2024-09-02 08:00:00'),
        (2, 12, 31, 'active', null, '2024-09-03 08:00:00');";

const MAPPING: &str = r#"
[students]
table = "student"                                                                      # enrollment.student_id refers to it; 2 rows
id = "id"                                                                              # its primary key
name = "trim(coalesce(first_name, '') || ' ' || coalesce(last_name, ''))"              # first and last name; one may be missing
email = "contact_email"                                                                # the column that looks like the email address

[courses]
table = "course"  # enrollment.course_id refers to it; 1 row
id = "id"         # its primary key
name = "title"    # the column that looks like the name
# level: no column looks like it

[enrollments]
table = "enrollment"        # foreign keys link students and courses; 2 rows
student_id = "student_id"   # a foreign key to student
course_id = "course_id"     # a foreign key to course
enrolled_at = "created_at"  # the column that looks like the time of enrollment

# It would appear like this:
#   student 11: Ada Lovell, ada@example.edu
#   course 31: Algebra
#   student 11 is enrolled in course 31 since 2024-09-02 08:00:00

# These tables link students and courses too. They are not part of the mapping:
#   attendance (0 rows)
"#;

fn school(further: &str) -> Database {
    let database = Database::new();
    database.runs(&format!("{SCHOOL} {further}"));
    database
}

fn adopt(database: &Database, arguments: &[&str]) -> Output {
    let mut command = matricula();
    command.arg("adopt").arg("--database").arg(database.argument()).args(arguments).output().unwrap()
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Asserts exit code 1 and an error in one line with these words. Returns what was printed before it.
#[track_caller]
fn fails(output: &Output, words: &str) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains(words) && error.trim_end().lines().count() == 1,
        "{error:?} does not say {words:?}"
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn it_prints_a_mapping_file_with_a_reason_for_each_line() {
    let database = school("");

    let printed = succeeds(&adopt(&database, &[]));

    let (first, rest) = printed.split_once('\n').unwrap();
    assert!(first.ends_with(": 2 students, 1 course, 2 enrollments. Nothing was changed."), "{first}");
    let spaces = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(spaces(rest), spaces(MAPPING), "{rest}");
    let mapping = Mapping::parse(&printed).unwrap();
    assert_eq!(mapping.enrollments.unwrap().enrolled_at.as_deref(), Some("created_at"));
    let tables = "select count(*) from matricula_migrations";
    assert!(database.other_program().execute_batch(tables).is_err(), "nothing is created");
}

#[test]
fn it_saves_the_mapping_in_a_new_file_only() {
    let database = school("");
    let file = database.folder().join("mapping.toml");
    let path = file.to_str().unwrap();

    let printed = succeeds(&adopt(&database, &["--write", path]));
    assert_eq!(fs::read_to_string(&file).unwrap(), printed);

    fs::write(&file, "mine").unwrap();
    fails(&adopt(&database, &["--write", path]), "mapping.toml");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn programs_get_the_same_as_json() {
    let printed: Value = serde_json::from_str(&succeeds(&adopt(&school(""), &["--json"]))).unwrap();
    assert_eq!(printed["mapping"]["students"]["email"], "contact_email");
    assert_eq!(printed["rows"], json!({"students": 2, "courses": 1, "enrollments": 2}));
    assert_eq!(printed["samples"]["course"], json!({"id": 31, "name": "Algebra", "level": null}));
    assert_eq!(printed["other_links"], json!([{"table": "attendance", "rows": 0}]));
    assert_eq!(printed["questions"], json!([]));
    let line = &printed["lines"][1];
    assert_eq!(*line, json!({"part": "students", "key": "id", "value": "id", "reason": "its primary key"}));
}

#[test]
fn it_does_not_migrate_while_a_question_is_open() {
    let database = school("update enrollment set status = 'gone' where id = 2;");
    let printed = fails(&adopt(&database, &["--yes"]), "only you can answer 1 question");
    assert!(
        printed.contains("\n# Only you can answer:\n#   1. The column status of enrollment has"),
        "{printed}"
    );
    assert!(printed.contains("\n#      [enrollments] where = \"status = 'gone'\"\n"), "{printed}");
    assert!(Mapping::parse(&printed).is_ok());
}

#[test]
fn what_fits_as_it_is_is_migrated_without_a_mapping() {
    let database = Database::new();
    database.runs(
        "create table students (id integer primary key, name text, email text); insert into students values (4, 'Ana', null);
        create table teachers (id integer primary key, name text); insert into teachers values (1, 'Eve');",
    );
    let printed = succeeds(&adopt(&database, &[]));
    let first = "1 student, 0 courses, 0 enrollments. No table courses: it is created. It fits as it is and needs no mapping.";
    assert!(printed.contains(first) && printed.contains("#   student 4: Ana\n"), "{printed}");

    let printed = succeeds(&adopt(&database, &["--yes"]));
    assert!(printed.contains("students: found, 1 row, will not be changed"), "{printed}");

    let printed = succeeds(&adopt(&database, &["--yes"]));
    assert!(printed.contains("has migrated") && printed.contains("there is nothing to adopt"), "{printed}");
}

#[test]
fn a_file_that_does_not_exist_is_not_created_sqlite_only() {
    let database = Database::file();
    fails(&adopt(&database, &[]), "the file does not exist");
    assert!(fs::read_dir(database.folder()).unwrap().next().is_none());
}

#[test]
fn a_database_without_a_school_is_refused() {
    let database = Database::new();
    database.runs("create table bands (id integer primary key); insert into bands values (1);");
    let printed = fails(
        &adopt(&database, &["--yes"]),
        "no table looks like students or courses; there are bands (1 row)",
    );
    assert!(printed.contains("# It cannot be adopted:"), "{printed}");
}

/// The questions, and for each answer how many enrollments would be left.
async fn asked(database: &Database) -> Vec<(String, Vec<String>)> {
    let Proposal { questions, mapping, .. } = adoption::propose(database.location()).await.unwrap();
    let mapping = mapping.unwrap();
    let left = |answer: &String| {
        let mut text = toml::to_string(&mapping).unwrap();
        text += answer;
        let rows = Mapping::parse(&text).unwrap().enrollments.unwrap();
        let sql = format!("select count(*) from \"{}\" where {}", rows.table, rows.r#where.unwrap());
        database.other_program().column(&sql).concat()
    };
    questions
        .into_iter()
        .map(|question| (question.text, question.answers.iter().map(left).collect()))
        .collect()
}

#[tokio::test]
async fn each_answer_about_rows_works_when_it_is_pasted() {
    let database = school(
        "create table \"Enrolments\" (\"ID\" integer primary key, \"studentId\" integer, \"courseId\" integer, \"isActive\" integer, \"droppedAt\" timestamp);
        drop table enrollment;
        insert into \"Enrolments\" values (1, 11, 31, 1, null), (2, 12, 31, 1, null), (3, 12, 31, 0, '2024-09-05 08:00:00'),
            (4, 99, 31, 1, null), (5, null, 31, null, null);",
    );
    assert_eq!(
        asked(&database).await,
        [
            (
                "The column isActive of Enrolments has LITERAL (3 rows), 0 (1 row), NULL (1 row). Which rows are enrollments? If all, leave the mapping as it is.",
                &["3", "1", "1"][..]
            ),
            ("1 row of Enrolments has a value in droppedAt. Are these enrollments too? If so, leave the mapping as it is.", &["4"]),
            ("2 rows of Enrolments refer to a student or a course that does not exist. Leave them out?", &["3"]),
            ("Enrolments has 1 enrollment more than once: several rows with the same student and course. Which row should be used?", &["4"]),
        ]
        .map(|(text, left)| {
            let quote = if database.is_on_a_server() { "'" } else { "" };
            let text = text.replace("LITERAL", &format!("{quote}1{quote}")).replace(", 0 (", &format!(", {quote}0{quote} ("));
            (text, left.iter().map(ToString::to_string).collect())
        })
    );
}

#[tokio::test]
async fn an_empty_table_raises_no_question_about_its_rows() {
    let database = school("delete from enrollment; update student set last_name = null;");
    assert_eq!(asked(&database).await, []);
}

#[tokio::test]
async fn users_of_several_roles_and_deleted_rows_are_pointed_out() {
    let database = Database::new();
    database.runs(
        "create table users (id integer primary key, name text, role text);
        create table courses (id integer primary key, name text, deleted_at timestamp);
        create table course_user (user_id integer, course_id integer);
        insert into users values (1, 'Ana', 'student'), (2, 'Eve', 'teacher'), (3, 'Bo', 'student');
        insert into courses values (1, 'Algebra', null), (2, 'Gone', '2024-09-05 08:00:00');",
    );
    let asked: Vec<_> = asked(&database).await.into_iter().map(|(text, _)| text).collect();
    assert_eq!(
        asked,
        [
            "All rows of users would appear as students, whatever their role: it has 'student' (2 rows), 'teacher' (1 row). Is that right?",
            "1 row of courses has a value in deleted_at and would appear in courses all the same. Is that right?",
        ]
    );
}

#[tokio::test]
async fn a_table_that_may_not_be_read_is_named_postgres_only() {
    let found = Found::by_owner(
        "create table \"Student\" (id int primary key, name text); create table course (id int primary key, name text);",
        "grant select on course to registrar",
    );
    let proposal = adoption::propose(found.location()).await.unwrap();
    assert_eq!(
        proposal.unusable,
        [
            "the role registrar may not read \"Student\"; its owner could run: grant select on \"Student\" to registrar;"
        ]
    );
}
