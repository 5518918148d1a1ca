//! Adopting a `student_courses` that another program created.

use serde_json::json;

use super::found::Found;
use crate::school::FIRST_DAY;

pub(super) const SCHOOL: &str = "
    create table students (id integer primary key, name text, email text);
    create table courses (id integer primary key, name text, level text);
    insert into students values (1, 'Ana', 'ana@example.edu'), (2, 'Ben', 'ben@example.edu');
    insert into courses values (1, 'Algebra', 'one'), (2, 'Biology', 'two');
";

fn school_with(association: &str) -> Found {
    Found::by_shell(&format!("{SCHOOL}{association}"))
}

#[tokio::test]
async fn found_rows_keep_their_ids_and_get_one_event_each_in_the_order_of_their_ids() {
    let found = school_with(
        "create table student_courses (id int, student_id int, course_id int);
        insert into student_courses values (9, 2, 1), (4, 1, 1), (6, 1, 2);",
    );

    let report = found.migrate().await.unwrap();

    assert_eq!(report.adopted, 3);
    assert_eq!(
        report.found[2],
        "student_courses: found, 3 rows, will be adopted with the current time as the time of enrollment"
    );
    assert_eq!(
        found.rows("select id, student_id, course_id, enrolled_at from student_courses order by id"),
        ["4|1|1|DAY", "6|1|2|DAY", "9|2|1|DAY"].map(|row| row.replace("DAY", FIRST_DAY))
    );
    assert_eq!(
        found.rows(
            "select seq, at, type, student_id, course_id, enrollment_id, actor, request_id, data from events"
        ),
        [
            "1|DAY|TYPE|1|1|4|migration||{}",
            "2|DAY|TYPE|1|2|6|migration||{}",
            "3|DAY|TYPE|2|1|9|migration||{}"
        ]
        .map(|row| row.replace("DAY", FIRST_DAY).replace("TYPE", "enrollment.adopted"))
    );
    assert_eq!(found.rows("select * from log_head"), [format!("1|3|9|{FIRST_DAY}|0|0")]);
    assert_eq!(found.rows("select name from sqlite_schema where name like 'matricula_found%'"), [""; 0]);
}

#[tokio::test]
async fn the_service_continues_from_the_adopted_rows() {
    let found = school_with(
        "create table student_courses (id integer primary key autoincrement, student_id int, course_id int);
        insert into student_courses values (3, 1, 1), (70, 1, 2);
        delete from student_courses where id = 70;",
    );
    let school = found.opens().await;

    let roster = school.get("/api/v1/courses/1/students").await.is_ok();
    let next = school.post("/api/v1/students/1/courses", json!({"course_id": 2})).await.is_created();

    assert_eq!(roster.json()[0]["name"], "Ana");
    // 70 was used once, so it is not used again.
    assert_eq!(next.json()["id"], 71);
    assert_eq!(school.log().await, ["enrollment.adopted", "enrollment.created"]);
    school.delete("/api/v1/students/1/courses/1").await.is(204);
}

#[tokio::test]
async fn extra_columns_keep_their_types_defaults_references_and_indexes() {
    let found = school_with(
        "create table terms (id integer primary key);
        insert into terms values (5);
        create table student_courses (
            id integer primary key, student_id integer not null references students (id) on delete cascade,
            course_id integer not null references courses, \"the \"\"grade\"\"\" varchar(2) not null default '-',
            made datetime not null default current_timestamp, term_id integer references terms (id) on delete set null,
            weight real not null, unique (course_id, student_id)
        );
        create index student_courses_term on student_courses (term_id) where term_id > 0;
        create index ix_course on student_courses (course_id);
        create view grades as select \"the \"\"grade\"\"\" as grade from student_courses;
        insert into student_courses values (1, 1, 1, 'A', '2020-01-01', 5, 1.5), (2, 2, 1, '', '', null, 1e300);",
    );

    let report = found.migrate().await.unwrap();

    assert_eq!(
        report.found.last().unwrap(),
        "student_courses.weight becomes optional: matricula does not set it"
    );
    assert_eq!(
        found.rows(
            "select \"the \"\"grade\"\"\", made, term_id, typeof(weight), weight = 1e300 from student_courses"
        ),
        ["A|2020-01-01|5|real|0", "|||real|1"]
    );
    assert_eq!(found.rows("select grade from grades"), ["A", ""]);
    assert_eq!(
        found.rows("select name from sqlite_schema where type = 'index' and tbl_name = 'student_courses' and sql <> ''"),
        ["student_courses_term", "student_courses_course"]
    );
    let school = found.opens().await;
    school.post("/api/v1/students/1/courses", json!({"course_id": 2})).await.is_created();
    assert_eq!(
        found.rows(
            "select \"the \"\"grade\"\"\", made > '2020', term_id, weight from student_courses where id = 3"
        ),
        ["-|1||"]
    );
}

#[tokio::test]
async fn an_empty_table_is_adopted_without_events() {
    let found = school_with("create table student_courses (id int, student_id int, course_id int);");
    found.migrate().await.unwrap();
    assert_eq!(found.rows("select * from log_head"), ["1|0|0||0|0"]);
    assert_eq!(found.rows("select * from events"), [""; 0]);
}

#[tokio::test]
async fn an_existing_unique_key_on_the_pair_is_accepted() {
    let found = school_with(
        "create table student_courses (student_id int, course_id int, id int not null unique, primary key (course_id, student_id));
        create unique index one_a_pair on student_courses (student_id, course_id);
        insert into student_courses values (1, 2, 8);",
    );
    found.migrate().await.unwrap();
    assert_eq!(found.rows("select id, student_id, course_id from student_courses"), ["8|1|2"]);
}
