//! Adopting an existing database: `students` and `courses` stay as they are.

mod django;
mod enrollments;
mod flask;
pub(crate) mod found;
mod refusals;

use self::found::Found;

/// Tables that only another program would create: names in mixed case, extra columns, nulls, numbers, bytes, a zero
/// byte in a text.
const STRANGE: &str = "
    create table Students (ID integer primary key, phone text, NAME varchar(5), email, born date default 'unknown');
    insert into Students values (3, null, 'Ana', 'ana@example.edu', '2001-02-03');
    insert into Students values (7, '+49', null, 12.5, null), (8, x'00ff', 'long ' || hex(zeroblob(400)), 'no address', 1);
    insert into Students (NAME, email) values (cast(x'416e6100426f' as text), cast(x'ff' as text));
    create index students_by_name on Students (NAME collate nocase);
    create trigger students_insert after insert on Students begin update courses set level = level; end;
    create table \"courses\"(id int not null, name text, level text, constraint pk primary key (id)) without rowid;
    insert into courses values (5, 'Algebra', 1), (9007199254740991, 'Zoölogy', '');
    create view rolls as select * from Students;
    create table rooms (id integer primary key, name text);
    insert into rooms values (1, 'Attic');
";

#[tokio::test]
async fn tables_from_the_sqlite3_shell_stay_as_they_are_byte_for_byte() {
    // A table without row ids has none to compare.
    let found = Found::by_shell(&STRANGE.replace(" without rowid", ""));
    let (before, rooms) = (found.students_and_courses(), found.rows("select * from rooms, rolls"));

    let report = found.migrate().await.unwrap();

    assert_eq!(found.students_and_courses(), before);
    assert_eq!(found.rows("select * from rooms, rolls"), rooms);
    assert_eq!(
        report.found,
        [
            "students: found, 4 rows, extra columns phone, born, will not be changed",
            "courses: found, 2 rows, will not be changed",
            "courses.id does not number its rows: only other programs can add rows to courses",
        ]
    );
    assert_eq!(report.applied.first().map(String::as_str), Some("V1__students"));
}

#[tokio::test]
async fn a_table_without_row_ids_is_adopted_too() {
    let found = Found::by_shell(STRANGE);
    let before = found.rows("select * from courses");
    found.migrate().await.unwrap();
    assert_eq!(found.rows("select * from courses"), before);
}

#[tokio::test]
async fn a_database_of_ours_stays_as_it_is_byte_for_byte() {
    let found = Found::by_matricula().await;
    let (before, files) = (found.students_and_courses(), found.files());

    let report = found.migrate().await.unwrap();

    assert_eq!(report.applied, [""; 0]);
    assert_eq!(found.files(), files);
    assert_eq!(found.students_and_courses(), before);
}

#[tokio::test]
async fn only_the_missing_table_is_created() {
    let found = Found::by_shell(
        "create table students (id integer primary key, name, email);
        insert into students values (4, 'Ana', 'ana@example.edu');",
    );

    let report = found.migrate().await.unwrap();

    assert_eq!(
        report.found,
        ["students: found, 1 row, will not be changed", "courses: missing, will be created"]
    );
    assert_eq!(found.rows("select * from students"), ["4|Ana|ana@example.edu"]);
    assert_eq!(found.rows("select count(*) from courses"), ["0"]);
}

#[tokio::test]
async fn a_unique_index_counts_as_a_key() {
    let found = Found::by_shell(
        "create table students (id integer, name, email);
        create unique index any_name on students (id);
        create table courses (id bigint unique, name, level, room text not null, seats int not null default 20);",
    );

    let report = found.migrate().await.unwrap();

    let remarks: Vec<_> = report.found.iter().filter(|line| line.contains("only other programs")).collect();
    assert_eq!(
        remarks,
        [
            "students.id does not number its rows: only other programs can add rows to students",
            "courses.id does not number its rows: only other programs can add rows to courses",
            "courses.room is required: only other programs can add rows to courses",
        ]
    );
}

#[tokio::test]
async fn rows_that_our_validation_would_refuse_are_served_as_they_are() {
    let long = "x".repeat(300);
    let found = Found::by_shell(&format!(
        "create table students (id integer primary key, name text, email text);
        insert into students values (1, '{long}', 'nowhere');"
    ));

    let school = found.opens().await;

    let student = school.get("/api/v1/students/1").await.is_ok();
    assert_eq!(student.json(), serde_json::json!({"id": 1, "name": long, "email": "nowhere"}));
}
