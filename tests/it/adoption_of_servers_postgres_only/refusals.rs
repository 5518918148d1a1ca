//! Databases that are refused: with every reason at once, and without changing anything.

use super::GRANTS;
use super::found::Found;

async fn refused(found: &Found) -> String {
    let before = found.names();
    let error = found.migrate().await.unwrap_err().to_string();
    assert_eq!(found.dry_run().await.unwrap_err().to_string(), error);
    assert_eq!(found.names(), before);
    error.split_once("/postgres: ").unwrap().1.to_owned()
}

#[tokio::test]
async fn tables_that_cannot_be_referred_to_are_named_with_every_reason() {
    let found = Found::by_owner(
        "create table students (id varchar(36) primary key, name text);
         create unlogged table courses (id bigint primary key, name text, level text);
         create view student_courses as select 1 as id;
         create table events (id int); create sequence log_head;",
        "grant create on schema public to registrar",
    );
    let refusal = refused(&found).await;
    insta::assert_snapshot!(refusal);
}

#[tokio::test]
async fn a_role_with_too_few_rights_gets_the_statements_that_grant_them() {
    let tables = "create table students (id bigint primary key, name text, email text);
         create table courses (\"ID\" bigint primary key, name text, level text);
         create table student_courses (id int primary key, student_id int, course_id int);";
    let found = Found::by_owner(tables, "");
    let refusal = refused(&found).await;
    insta::assert_snapshot!(refusal);
    found.owner_runs("grant create on schema public to registrar");
    let refusal = refused(&found).await;
    insta::assert_snapshot!(refusal);
    // The owner runs the statements that the refusal offers.
    for line in refusal.lines().filter(|line| line.starts_with("    ") && line.ends_with(';')) {
        found.owner_runs(line);
    }
    found.owner_runs("alter table courses rename column \"ID\" to id; grant all on courses to registrar");
    found.migrate().await.unwrap();
}

#[tokio::test]
async fn everything_that_a_rebuild_would_lose_is_named_with_a_remedy() {
    let found = Found::by_owner(
        "create table students (id bigint primary key, name text, email text);
         create table courses (id bigint primary key, name text, level text);
         create table terms (id serial primary key, a int, b int, unique (a, b));
         create table student_courses (
             id serial primary key, student_id bigint references terms (id) deferrable, course_id text unique,
             enrolled_at date, grade text check (grade <> '-'), a int, b int, doubled int generated always as (a * 2) stored,
             number serial, foreign key (a, b) references terms (a, b)
         );
         create unique index one_grade on student_courses (grade);
         create unique index one_letter on student_courses (substr(grade, 1, 1));
         create view grades as select grade from student_courses;
         create table appeals (enrollment_id int references student_courses);
         create publication changes for table student_courses;
         create rule quiet as on delete to student_courses do also nothing;
         alter table student_courses enable row level security;
         create function f() returns trigger language plpgsql as 'begin return new; end';
         create trigger t after insert on student_courses for each row execute function f();",
        &format!("{GRANTS} alter table student_courses owner to registrar;"),
    );
    let refusal = refused(&found).await;
    insta::assert_snapshot!(refusal);
}

#[tokio::test]
async fn rows_that_cannot_be_adopted_are_listed_by_kind() {
    let found = Found::by_owner(
        "create table students (id int primary key, name text, email text);
         create table courses (id int primary key, name text, level text);
         insert into students values (1, 'Ana', 'a'), (0, 'Nobody', 'n');
         create table student_courses (id int, student_id int, course_id int);
         insert into student_courses values (1, 1, 1), (1, 2, null), (null, 1, 1);",
        &format!("{GRANTS} alter table student_courses owner to registrar;"),
    );
    let refusal = refused(&found).await;
    insta::assert_snapshot!(refusal);
}
