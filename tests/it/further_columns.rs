//! Values in extra columns, which other programs store with an enrollment, survive a drop.

use crate::school::{Database, School};

const FOUND: &str = "create table students (id integer primary key, name text, email text);
    create table courses (id integer primary key, name text, level text);
    create table student_courses (id integer primary key, student_id integer, course_id integer, grade text, points integer,
        \"half price\" text default 'no');
    insert into students (id, name, email) values (1, 'Ana', 'ana@example.edu'), (2, 'Ben', 'ben@example.edu');
    insert into courses (id, name, level) values (1, 'Algebra', 'one'), (2, 'Botany', 'one');
    insert into student_courses (id, student_id, course_id, grade, points, \"half price\") values (1, 1, 1, 'A', 15, 'yes'),
        (2, 2, 1, 'B', null, null);";

const ROWS: &str = "select student_id || ' ' || coalesce(grade, '-') || ' ' || coalesce(cast(points as text), '-') || ' ' || \
    coalesce(\"half price\", '-') from student_courses where course_id = 1 order by student_id";

#[tokio::test]
async fn a_grade_comes_back_when_the_student_enrolls_again() {
    let school = School::open_found(FOUND).await;
    let rows = || school.other_program().column(ROWS);
    assert_eq!(rows(), ["1 A 15 yes", "2 B - -"]);
    for student in [1, 2] {
        school.delete(&format!("/api/v1/students/{student}/courses/1")).await.is(204);
    }
    assert_eq!(rows(), [""; 0]);
    for student in [1, 2] {
        school.put(&format!("/api/v1/students/{student}/courses/1")).await.is_created();
    }
    assert_eq!(rows(), ["1 A 15 yes", "2 B - -"]);
    // Once restored, it is no longer stored: the current value counts.
    school.other_program_runs("update student_courses set grade = 'C' where student_id = 1");
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    school.put("/api/v1/students/1/courses/1").await.is_created();
    assert_eq!(rows(), ["1 C 15 yes", "2 B - -"]);
    // Other courses are not affected.
    school.put("/api/v1/students/1/courses/2").await.is_created();
    let other =
        school.other_program().column("select coalesce(grade, '-') from student_courses where course_id = 2");
    assert_eq!(other, ["-"]);
}

#[tokio::test]
async fn a_dropped_grade_survives_a_restart_and_comes_back_through_the_waitlist_too() {
    let school = School::open_found(FOUND).await;
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    let database = school.close().await;
    let school = School::open_at(&database).await;
    let limits = serde_json::json!({"capacity": 1, "waitlist_capacity": 1});
    school.put("/api/v1/courses/1/seats").json(&limits).await.is_ok();
    school.put("/api/v1/students/1/courses/1").await.is(202);
    school.delete("/api/v1/students/2/courses/1").await.is(204);
    assert_eq!(school.other_program().column(ROWS), ["1 A 15 yes"]);
}

#[tokio::test]
async fn stored_values_are_deleted_with_their_student_or_course() {
    let school = School::open_found(FOUND).await;
    let stored = || school.other_program().column("select distinct student_id from kept_columns order by 1");
    for student in [1, 2] {
        school.delete(&format!("/api/v1/students/{student}/courses/1")).await.is(204);
    }
    assert_eq!(stored(), ["1", "2"]);
    school.delete("/api/v1/students/1").await.is(204);
    assert_eq!(stored(), ["2"]);
    school.delete("/api/v1/courses/1").await.is(204);
    assert_eq!(stored(), [""; 0]);
}

#[tokio::test]
async fn a_value_that_a_column_no_longer_accepts_does_not_keep_the_student_out() {
    let school = School::open_found(FOUND).await;
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    school.other_program_runs("create unique index one_grade on student_courses (grade)");
    school.other_program_runs("update student_courses set grade = 'A' where student_id = 2");
    school.put("/api/v1/students/1/courses/1").await.is_created();
    assert_eq!(school.other_program().column(ROWS), ["1 - 15 yes", "2 A - -"]);
}

#[tokio::test]
async fn bytes_and_numbers_come_back_as_they_were_sqlite_only() {
    let school = School::open_found(FOUND).await;
    school
        .other_program_runs("update student_courses set grade = x'00FF', points = 1.5 where student_id = 1");
    let sql =
        "select typeof(grade) || hex(grade) || typeof(points) from student_courses where student_id = 1";
    let before = school.other_program().column(sql);
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    school.put("/api/v1/students/1/courses/1").await.is_created();
    assert_eq!(school.other_program().column(sql), before);
}

#[tokio::test]
async fn a_table_that_refers_to_the_association_is_named_before_anything_is_done() {
    let database = Database::new();
    database.runs(FOUND);
    database.runs(
        "create table attendance (id integer primary key, enrollment_id bigint references student_courses (id) on delete cascade);
         insert into attendance (id, enrollment_id) values (1, 1);",
    );
    let error = matricula::adoption::migrate(database.location(), &matricula::clock::Clock::System)
        .await
        .unwrap_err();
    let error = error.to_string();
    assert!(error.contains("the table attendance refers to student_courses (on delete cascade)"), "{error}");
    assert_eq!(database.other_program().column("select count(*) from attendance"), ["1"]);
}

#[tokio::test]
async fn a_value_that_cannot_be_restored_keeps_nobody_from_enrolling_postgres_only() {
    let school = School::open_found(FOUND).await;
    // A deferred constraint, as Django creates them: checked when the transaction ends.
    school.other_program_runs(
        "create table terms (id integer primary key); insert into terms values (7), (8);
         alter table student_courses add column term integer references terms (id) deferrable initially deferred;
         update student_courses set term = 6 + student_id",
    );
    for student in [1, 2] {
        school.delete(&format!("/api/v1/students/{student}/courses/1")).await.is(204);
    }
    school.other_program_runs("delete from terms where id = 7");
    let operations = serde_json::json!([
        {"op": "enroll", "student_id": 1, "course_id": 1}, {"op": "enroll", "student_id": 2, "course_id": 1}
    ]);
    school.post("/api/v1/enrollments/batch?mode=all", operations).await.is_ok();
    let terms = "select student_id || ' ' || coalesce(grade, '-') || ' ' || coalesce(term, 0) from student_courses order by 1";
    assert_eq!(school.other_program().column(terms), ["1 A 0", "2 B 8"]);
}

/// A grade and its date are both there, or neither is.
const GRADED_AT: &str = "update student_courses set grade = null;
    alter table student_courses add column graded_at text check ((grade is null) = (graded_at is null));
    update student_courses set grade = 'A', graded_at = 'May'";

#[tokio::test]
async fn columns_that_share_a_rule_come_back_together() {
    let school = School::open_found(FOUND).await;
    school.other_program_runs(GRADED_AT);
    school.other_program_runs("create unique index one_points on student_courses (points)");
    let graded_at =
        || school.other_program().column("select graded_at from student_courses order by student_id");
    for student in [1, 2] {
        school.delete(&format!("/api/v1/students/{student}/courses/1")).await.is(204);
    }
    school.put("/api/v1/students/2/courses/1").await.is_created();
    assert_eq!((rows(&school), graded_at()), (vec!["2 A - -".to_owned()], vec!["May".to_owned()]));
    // A third column that is refused does not separate the two.
    school.other_program_runs("update student_courses set points = 15 where student_id = 2");
    school.put("/api/v1/students/1/courses/1").await.is_created();
    assert_eq!(rows(&school), ["1 A - yes", "2 A 15 -"]);
    assert_eq!(graded_at(), ["May", "May"]);
}

#[tokio::test]
async fn a_value_that_was_refused_comes_back_the_next_time() {
    let school = School::open_found(FOUND).await;
    let again = async || {
        school.delete("/api/v1/students/1/courses/1").await.is(204);
        school.put("/api/v1/students/1/courses/1").await.is_created();
    };
    school.other_program_runs("create unique index one_points on student_courses (points)");
    school.other_program_runs("create unique index one_price on student_courses (\"half price\")");
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    school.other_program_runs(
        "update student_courses set points = 15, \"half price\" = 'yes' where student_id = 2",
    );
    school.put("/api/v1/students/1/courses/1").await.is_created();
    assert_eq!(rows(&school), ["1 A - no", "2 B 15 yes"]);
    again().await;
    assert_eq!(rows(&school), ["1 A - no", "2 B 15 yes"]);
    school.other_program_runs(
        "update student_courses set points = 1, \"half price\" = '2' where student_id = 2",
    );
    again().await;
    assert_eq!(rows(&school), ["1 A 15 yes", "2 B 1 2"]);
    assert_eq!(school.other_program().column("select count(*) from kept_columns"), ["0"]);
}

#[tokio::test]
async fn a_value_that_was_written_since_wins_over_one_that_was_refused() {
    let school = School::open_found(FOUND).await;
    school.other_program_runs("create unique index one_price on student_courses (\"half price\")");
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    school.other_program_runs("update student_courses set \"half price\" = 'yes' where student_id = 2");
    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.other_program_runs("update student_courses set \"half price\" = '1' where student_id = 1");
    school.other_program_runs("update student_courses set \"half price\" = '2' where student_id = 2");
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    school.put("/api/v1/students/1/courses/1").await.is_created();
    assert_eq!(rows(&school), ["1 A 15 1", "2 B - 2"]);
}

#[tokio::test]
async fn the_value_of_a_removed_column_is_stored_until_the_column_is_back() {
    let school = School::open_found(FOUND).await;
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    school.other_program_runs("alter table student_courses drop column points");
    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    school.other_program_runs("alter table student_courses add column points integer");
    school.put("/api/v1/students/1/courses/1").await.is_created();
    assert_eq!(rows(&school), ["1 A 15 yes", "2 B - -"]);
}

#[tokio::test]
async fn a_column_name_in_another_case_is_another_column_postgres_only() {
    let school = School::open_found(FOUND).await;
    school.other_program_runs("alter table student_courses add column \"ID\" text");
    school.other_program_runs("update student_courses set \"ID\" = 'theirs'");
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    school.put("/api/v1/students/1/courses/1").await.is_created();
    let theirs = school.other_program().column("select \"ID\" from student_courses");
    assert_eq!(theirs, ["theirs", "theirs"]);
}

fn rows(school: &School) -> Vec<String> {
    school.other_program().column(ROWS)
}
