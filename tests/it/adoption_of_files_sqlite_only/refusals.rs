//! Databases that are refused: with every reason at once, and without changing a byte.

use super::enrollments::SCHOOL;
use super::found::Found;

/// The text of the refusal, after the path. Asserts that every file stays the same, byte for byte.
async fn refused(found: &Found) -> String {
    let before = found.files();
    let error = found.migrate().await.unwrap_err();
    assert_eq!(found.files(), before);
    assert_eq!(found.dry_run().await.unwrap_err().to_string(), error.to_string());
    assert_eq!(found.files(), before);
    error.to_string().strip_prefix(&format!("{}: ", found.path.display())).unwrap().to_owned()
}

async fn refused_script(script: &str) -> String {
    refused(&Found::by_shell(script)).await
}

async fn refused_association(script: &str) -> String {
    refused_script(&format!("{SCHOOL}{script}")).await
}

#[tokio::test]
async fn missing_columns_are_all_named_and_a_mapping_can_leave_them_out() {
    let found = Found::by_shell(
        "create table students (id integer primary key, name text);
        create table courses (code integer primary key, title text);
        insert into courses values (1, 'Algebra');",
    );

    let refusal = refused(&found).await;

    insta::assert_snapshot!(refusal, @r"
    cannot be adopted; nothing in it was changed:
    - students has no column email: a mapping says where it is, or leaves it out (`matricula adopt` proposes one)
    - courses has no column id: a mapping says which column has the ids (`matricula adopt` proposes one)
    - courses has no column name: a mapping says where it is, or leaves it out (`matricula adopt` proposes one)
    - courses has no column level: a mapping says where it is, or leaves it out (`matricula adopt` proposes one)
    ");
    let mapping = "[students]\ntable = 'students'\nid = 'id'\nname = 'name'\n\
                   [courses]\ntable = 'courses'\nid = 'code'\nname = 'title'";
    found.migrate_with(mapping).await.unwrap();
}

/// Runs the statements that a refusal offers, as the owner would.
fn run_remedies(found: &Found, refusal: &str) {
    let statements: Vec<&str> =
        refusal.lines().filter(|line| line.starts_with("    ") && line.ends_with(';')).collect();
    found.shell(&statements.join("\n"));
}

#[tokio::test]
async fn an_id_that_nothing_can_refer_to_is_refused_with_the_index_that_helps() {
    for key in ["id integer", "id integer, name2 text, primary key (id, name2)"] {
        let found = Found::by_shell(&format!("create table students (name text, email text, {key});"));
        let refusal = refused(&found).await;
        assert!(refusal.contains("- students.id is not a key, so nothing can refer to it"), "{refusal}");
        assert!(refusal.contains("    create unique index students_id on students (id);"), "{refusal}");
        run_remedies(&found, &refusal);
        found.migrate().await.unwrap();
    }
}

#[tokio::test]
async fn ids_that_are_not_positive_safe_integers_are_listed() {
    let refusal = refused_script(
        "create table students (id varchar(36) primary key, name text, email text);
        insert into students values ('b1-c2', 'Ana', ''), (null, 'Ben', ''), (3, 'Eve', '');
        create table courses (id integer primary key, name text, level text);
        insert into courses values (-1, '', ''), (0, '', ''), (9007199254740992, '', ''), (1, '', '');",
    )
    .await;

    insta::assert_snapshot!(refusal, @r#"
    cannot be adopted; nothing in it was changed:
    - students.id is declared "varchar(36)": only whole numbers can be ids for now
    - students has ids that are not whole numbers from 1 to 9007199254740991:
        id NULL
        id '3'
        id 'b1-c2'
    - courses has ids that are not whole numbers from 1 to 9007199254740991:
        id -1
        id 0
        id 9007199254740992
    "#);
}

#[tokio::test]
async fn a_view_is_refused() {
    let refusal =
        refused_script("create view students as select 1 as id; create view student_courses as select 1;")
            .await;
    assert!(refusal.contains("- students is a view: only an ordinary table can be referred to"), "{refusal}");
    assert!(refusal.contains("- student_courses is a view, not a table"), "{refusal}");
}

#[tokio::test]
async fn a_name_that_is_already_taken_is_refused() {
    let found = Found::by_shell(&format!(
        "{SCHOOL}create table Events (id integer); create index events_course on Events (id);"
    ));
    let refusal = refused(&found).await;
    assert!(
        refusal.contains("- the name events is taken: there is another table with that name"),
        "{refusal}"
    );
    // Our index gets another name.
    assert!(!refusal.contains("events_course"), "{refusal}");
    run_remedies(&found, &refusal);
    found.migrate().await.unwrap();
    let indexes = "select name from sqlite_schema where name like '%events_course' order by 1";
    assert_eq!(found.rows(indexes), ["events_course", "matricula_events_course"]);
}

#[tokio::test]
async fn rows_that_cannot_be_adopted_are_listed_by_kind() {
    let refusal = refused_association(
        "create table student_courses (id, student_id, course_id);
        insert into student_courses values (1, 1, 1), (2, 1, 1), (3, 1, 9), (4, 9, 1), (4, 2, 2), (null, 2, 1);
        insert into student_courses values (5, null, 2), (6, 1, '2');",
    )
    .await;

    insta::assert_snapshot!(refusal, @r"
    cannot be adopted; nothing in it was changed:
    - student_courses has rows without a usable id (a whole number from 1 to 9007199254740991):
        id NULL, student_id 2, course_id 1
    - student_courses has rows without a usable student_id (a whole number from 1 to 9007199254740991):
        id 5, student_id NULL, course_id 2
    - student_courses has rows without a usable course_id (a whole number from 1 to 9007199254740991):
        id 6, student_id 1, course_id '2'
    - student_courses has the same id more than once:
        id 4, student_id 2, course_id 2
        id 4, student_id 9, course_id 1
    - student_courses has the same student and course more than once:
        id 1, student_id 1, course_id 1
        id 2, student_id 1, course_id 1
    - student_courses has rows whose student_id is not in students:
        id 4, student_id 9, course_id 1
    - student_courses has rows whose course_id is not in courses:
        id 3, student_id 1, course_id 9
    ");
}

#[tokio::test]
async fn twenty_of_many_rows_are_listed_and_the_others_counted() {
    let refusal = refused_association(
        "create table student_courses (id integer primary key, student_id int, course_id int);
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 123)
        insert into student_courses select i, 1, 1 from n;",
    )
    .await;
    assert_eq!(refusal.lines().filter(|line| line.contains("student_id 1, course_id 1")).count(), 20);
    assert!(refusal.ends_with("    and 103 more"), "{refusal}");
}

#[tokio::test]
async fn rows_that_refer_to_a_missing_table_are_dangling() {
    let refusal = refused_script(
        "create table student_courses (id int, student_id int, course_id int);
        insert into student_courses values (1, 2, 3);",
    )
    .await;
    assert!(refusal.contains("rows whose student_id is not in students:\n    id 1"), "{refusal}");
    assert!(refusal.contains("rows whose course_id is not in courses:\n    id 1"), "{refusal}");
}

#[tokio::test]
async fn everything_that_a_rebuild_would_lose_is_named_with_a_remedy() {
    let found = Found::by_shell(&format!(
        "{SCHOOL}create table terms (a int, b int, primary key (a, b));
        create table student_courses (
            student_id int references terms (a), course_id int unique, enrolled_at date, a int, b int,
            grade text check (grade <> 'check') collate nocase, doubled int as (a * 2),
            foreign key (a, b) references terms (a, b) deferrable initially deferred
        );
        create unique index one_grade on student_courses (grade);
        create unique index one_letter on student_courses (substr(grade, 1, 1));
        create trigger \"on insert\" after insert on student_courses begin select 1; end;"
    ));

    let refusal = refused(&found).await;

    let reasons: Vec<&str> = refusal.lines().filter(|line| line.starts_with("- ")).collect();
    assert_eq!(
        reasons,
        [
            "- student_courses.student_id refers to terms, not to students",
            "- the trigger on insert on student_courses would be lost",
            "- student_courses has a unique key over an expression, a rule that matricula does not know",
            "- student_courses has a unique key (grade), a rule that matricula does not know",
            "- student_courses has a unique key (course_id), a rule that matricula does not know",
            "- student_courses would lose `check` in its definition when it is rebuilt",
            "- student_courses would lose `collate` in its definition when it is rebuilt",
            "- student_courses would lose its computed column doubled when it is rebuilt",
            "- student_courses would lose its foreign key to several columns of terms when it is rebuilt",
        ]
    );
    for remedy in [
        "drop trigger \"on insert\";",
        "drop index \"one_grade\";",
        "create table student_courses as select * from student_courses_plain;",
    ] {
        assert!(refusal.contains(&format!("\n    {remedy}")), "{refusal}");
    }
}

#[tokio::test]
async fn columns_that_only_have_another_name_can_be_renamed_with_the_statement() {
    let found = Found::by_shell(&format!(
        "{SCHOOL}create table student_courses (id int, \"Student\" int, course_id int);"
    ));
    let refusal = refused(&found).await;
    let rename = "alter table student_courses rename column \"Student\" to student_id;";
    assert!(refusal.contains(rename), "{refusal}");
    run_remedies(&found, &refusal);
    found.migrate().await.unwrap();
}

#[tokio::test]
async fn an_extra_column_with_dangling_references_is_refused() {
    let refusal = refused_association(
        "create table terms (id integer primary key);
        create table student_courses (id integer primary key, student_id int, course_id int, term int references terms);
        insert into student_courses values (1, 1, 1, 5);",
    )
    .await;
    assert!(refusal.contains("rows that do not exist:\n    row 1 refers to terms"), "{refusal}");
}

#[tokio::test]
async fn a_refused_database_keeps_its_journal_mode() {
    let found = Found::by_shell("pragma journal_mode = wal; create table students (id integer);");
    refused(&found).await;
    assert_eq!(found.rows("pragma journal_mode"), ["wal"]);
}

#[tokio::test]
async fn a_path_that_is_not_a_database_is_refused_in_one_line() {
    let found = Found::nothing();
    std::fs::write(&found.path, "name,email\nAna,ana@example.edu\n".repeat(100)).unwrap();
    assert_eq!(refused(&found).await, "it is not an SQLite database, or it is encrypted");

    std::fs::remove_file(&found.path).unwrap();
    std::fs::create_dir(&found.path).unwrap();
    let error = found.migrate().await.unwrap_err().to_string();
    assert_eq!(error, format!("{}: a directory, not a database", found.path.display()));
}
