//! A school whose tables and columns have other names.

mod expressions;

use matricula::adoption::{self, MigrateOptions};
use matricula::clock::Clock;
use matricula::mapping::Mapping;
use matricula::server;
use serde_json::json;

use crate::school::{Database, School, errors};

pub(crate) const TABLES: &str = "create table person (number integer primary key, first_name text, last_name text);
    create table class (number integer primary key, title text, credits integer default 3);
    create table seat (person integer, class integer, since timestamp, state text);
    insert into person values (11, 'Ada', 'Lovell'), (12, 'Bo', null);
    insert into class (number, title) values (31, 'Algebra'), (32, 'Botany');
    insert into seat values (11, 31, '2026-02-01 10:00:00', 'active'), (12, 31, '2026-03-01 10:00:00', 'active'),
        (12, 32, null, 'active'), (11, 32, '2026-01-01 10:00:00', 'ended');";

pub(crate) const MAPPING: &str = "[students]
    table = 'person'
    id = 'number'
    name = \"trim(first_name || ' ' || coalesce(last_name, ''))\"
    [courses]
    table = 'class'
    id = 'number'
    name = 'title'
    [enrollments]
    table = 'seat'
    student_id = 'person'
    course_id = 'class'
    enrolled_at = 'since'
    where = \"state = 'active'\"";

fn found() -> Database {
    let database = Database::new();
    database.other_program().execute_batch(TABLES).unwrap();
    database
}

pub(crate) async fn migrate(database: &Database, mapping: &str) -> Result<adoption::Report, String> {
    let options = MigrateOptions { mapping: Some(Mapping::parse(mapping)?), ..MigrateOptions::default() };
    let migrated = adoption::migrate_with(database.location(), &Clock::System, &options).await;
    migrated.map_err(|error| error.reason.to_string())
}

#[tokio::test]
async fn students_courses_and_enrollments_are_served_from_their_own_tables() {
    let database = found();
    let report = migrate(&database, MAPPING).await.unwrap();
    assert_eq!(report.adopted, 3);
    assert!(report.found.contains(&"enrollments: 1 row of seat left out by where".to_owned()), "{report:?}");

    let school = School::open_at(&database).await;

    let students = school.get("/api/v1/students?sort=name").await.is_ok().json();
    assert_eq!(
        students,
        json!([{"id": 11, "name": "Ada Lovell", "email": null}, {"id": 12, "name": "Bo", "email": null}])
    );
    let found = school.get("/api/v1/students?q=LOVE").await.is_ok();
    assert_eq!(found.ids(), [11]);
    let roster = |time: &str| school.get(&format!("/api/v1/courses/31/students?as_of={time}"));
    assert_eq!(roster("2026-01-15T00:00:00Z").await.is_ok().ids(), [0; 0]);
    assert_eq!(roster("2026-02-15T00:00:00Z").await.is_ok().ids(), [11]);
    assert_eq!(roster("2026-03-15T00:00:00Z").await.is_ok().ids(), [11, 12]);
    school.put("/api/v1/students/11/courses/32").await.is_created();
    school.delete("/api/v1/students/12?drop=true").await.is(204);
    assert_eq!(database.other_program().column("select first_name from person"), ["Ada"]);
    assert_eq!(database.other_program().column("select count(*) || '' from seat"), ["4"]);
}

#[tokio::test]
async fn a_new_row_and_a_change_go_to_the_school_s_own_columns() {
    let database = found();
    migrate(&database, MAPPING).await.unwrap();
    let school = School::open_at(&database).await;

    school.patch("/api/v1/courses/31", json!({"name": "Logic"})).await.is_ok();
    assert_eq!(
        database.other_program().column("select title || credits from class order by number"),
        ["Logic3", "Botany3"]
    );
    let course = school.post("/api/v1/courses", json!({"name": "Chemistry"})).await.is_created().json();
    assert_eq!(course, json!({"id": 33, "name": "Chemistry", "level": null}));
    for body in [json!({"name": "Eve"}), json!({"email": "eve@example.edu"})] {
        let refused =
            school.patch("/api/v1/students/11", body.clone()).await.is_refused(409, "read-only-field");
        let field = body.as_object().unwrap().keys().next().unwrap().clone();
        assert_eq!(refused["pointer"], format!("/{field}"));
        let why = if field == "name" {
            "The database computes name"
        } else {
            "This school has no column for email"
        };
        assert_eq!(refused["detail"], format!("{why}, so it cannot be set."));
        school.post("/api/v1/students", body).await.is_refused(409, "read-only-field");
    }
    let problem = school.post("/api/v1/courses", json!({})).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["/name: is required"]);
}

#[tokio::test]
async fn pages_ask_only_for_what_can_be_written() {
    let database = found();
    migrate(&database, MAPPING).await.unwrap();
    let school = School::open_at(&database).await;
    let page = school.get("/courses/31/edit").await.is_ok();
    assert!(page.text().contains("name=\"name\"") && !page.text().contains("name=\"level\""), "{page:?}");
    let page = school.get("/students/12").await.is_ok();
    assert!(page.text().contains("Bo") && !page.text().contains("(no name)"), "{page:?}");
}

#[tokio::test]
async fn every_mistake_of_a_mapping_is_reported_at_once_and_nothing_is_changed() {
    let database = found();
    let mistaken = MAPPING
        .replace("coalesce(last_name", "coalesce(surname")
        .replace("'class'\n    id", "'lesson'\n    id")
        .replace("enrolled_at = 'since'", "enrolled_at = 'begun'")
        .replace("state =", "condition =");

    let refusal = migrate(&database, &mistaken).await.unwrap_err();

    for mistake in [
        "[students] name = ",
        "[courses] table = \"lesson\": there is no such table; there are class, person, seat",
        "[enrollments] enrolled_at = \"begun\": the table seat has no such column",
        "[enrollments] where = ",
    ] {
        assert!(refusal.contains(mistake), "{mistake}: {refusal}");
    }
    migrate(&database, MAPPING).await.unwrap();
}

#[tokio::test]
async fn an_association_that_is_rebuilt_has_the_columns_that_it_has() {
    let database = Database::new();
    let tables = "create table students (id integer primary key, name text, email text);
        create table courses (id integer primary key, name text, level text);
        create table student_courses (student_id integer, course_id integer, since integer);";
    database.other_program().execute_batch(tables).unwrap();
    let mapping = "[enrollments]
        table = 'student_courses'
        student_id = 'student'
        course_id = 'course_id'
        enrolled_at = 'begun'";

    let refusal = migrate(&database, mapping).await.unwrap_err();

    for mistake in [
        "[enrollments] student_id = \"student\": in student_courses this column is called student_id",
        "[enrollments] enrolled_at = \"begun\": the table student_courses has no such column",
    ] {
        assert!(refusal.contains(mistake), "{mistake}: {refusal}");
    }
}

#[tokio::test]
async fn a_database_whose_mapping_another_program_deleted_is_refused() {
    let database = found();
    migrate(&database, MAPPING).await.unwrap();
    database.other_program().execute_batch("delete from matricula_mapping").unwrap();
    let refusal = adoption::migrate(database.location(), &Clock::System).await.unwrap_err().to_string();
    assert!(refusal.contains("another program has deleted its row"), "{refusal}");
}

#[tokio::test]
async fn a_column_that_is_renamed_under_the_server_is_noticed() {
    let database = found();
    migrate(&database, MAPPING).await.unwrap();
    let school = School::open_at(&database).await;
    school.other_program_runs("alter table class rename column title to subject");
    if !database.is_on_a_server() {
        // On a server, the views of open connections follow the new name.
        let problem = school.get("/readyz").await.is_refused(503, "overloaded");
        assert!(problem["detail"].as_str().unwrap().contains("when they were adopted"), "{problem}");
    }
    let refusal = server::School::open(database.location(), Clock::System, None).await.unwrap_err();
    let refusal = format!("{refusal:#}");
    assert!(refusal.contains("when they were adopted") && refusal.contains("title"), "{refusal}");
    school.other_program_runs("alter table class rename column subject to title");
}

#[tokio::test]
async fn rows_are_described_whatever_their_columns_are_called() {
    let database = Database::new();
    let tables = TABLES.replace("seat (person integer", "seat (\"person's\" integer");
    database.other_program().execute_batch(&tables).unwrap();
    database.other_program().execute_batch("insert into seat values (99, 31, null, 'active')").unwrap();
    let mapping = MAPPING.replace("student_id = 'person'", "student_id = \"person's\"");

    let refusal = migrate(&database, &mapping).await.unwrap_err();

    assert!(refusal.contains("person's 99, class 31"), "{refusal}");
}

#[tokio::test]
async fn another_mapping_is_refused_with_what_differs() {
    let database = found();
    migrate(&database, MAPPING).await.unwrap();
    migrate(&database, MAPPING).await.unwrap();
    let other = MAPPING.replace("name = 'title'", "level = 'title'");
    let refusal = migrate(&database, &other).await.unwrap_err();
    assert!(
        refusal.contains("[courses] name is \"title\" in the database and left out in the file"),
        "{refusal}"
    );
    assert!(
        refusal.contains("[courses] level is left out in the database and \"title\" in the file"),
        "{refusal}"
    );
}

#[tokio::test]
async fn an_unknown_key_of_a_mapping_is_refused() {
    for (mistake, message) in [
        (
            "phone = 'x'",
            "[students] has an unknown key phone; the known ones are table, id, name, email, number",
        ),
        ("[teachers]", "unknown field `teachers`"),
        ("name = ", "TOML parse error at line 5"),
    ] {
        let text = MAPPING.replace("[courses]", &format!("{mistake}\n[courses]"));
        let error = Mapping::parse(&text).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

#[tokio::test]
async fn a_database_with_other_tables_gets_no_empty_school_unasked() {
    let database = found();
    let open = adoption::migrate(database.location(), &Clock::System).await;
    let refusal = open.unwrap_err().to_string();
    assert!(refusal.contains("matricula adopt --database") && refusal.contains("--new-school"), "{refusal}");
    assert!(refusal.contains("\n    class\n    person\n    seat"), "{refusal}");

    let options = MigrateOptions { new_school: true, ..MigrateOptions::default() };
    adoption::migrate_with(database.location(), &Clock::System, &options).await.unwrap();

    let school = School::open_at(&database).await;
    assert_eq!(school.get("/api/v1/students").await.is_ok().json(), json!([]));
}

#[tokio::test]
async fn a_table_that_links_students_and_courses_and_is_left_out_is_named() {
    let database = Database::new();
    let tables = "create table students (id integer primary key, name text, email text);
        create table courses (id integer primary key, name text, level text);
        create table enrollments (student_id integer references students (id), course_id integer references courses (id));
        insert into students values (1, 'Ana', 'ana@example.edu');
        insert into courses values (1, 'Algebra', 'graduate');
        insert into enrollments values (1, 1);";
    database.other_program().execute_batch(tables).unwrap();

    let report = adoption::migrate(database.location(), &Clock::System).await.unwrap();

    let line = "enrollments: 1 row not taken over";
    assert!(report.found.iter().any(|found| found.starts_with(line)), "{report:?}");
}

#[tokio::test]
async fn what_another_program_deletes_takes_its_enrollments_along_if_it_did_before() {
    let database = Database::new();
    let tables = TABLES
        .replace(
            "person integer, class",
            "person integer references person (number) on delete cascade, class",
        )
        .replace("since timestamp", "since timestamp, other integer");
    let tables = tables.replace(", 'active')", ", null, 'active')").replace(", 'ended')", ", null, 'ended')");
    database.other_program().execute_batch(&tables).unwrap();
    migrate(&database, MAPPING).await.unwrap();
    let school = School::open_at(&database).await;

    database.other_program().execute_batch("delete from person where number = 12").unwrap();

    let log = school.get("/api/v1/events?student_id=12&type=enrollment.dropped").await.is_ok().json();
    let dropped = log.as_array().unwrap();
    assert_eq!(dropped.len(), 2);
    assert!(dropped.iter().all(|event| event["actor"] == "database"), "{log}");
    assert_eq!(school.get("/api/v1/courses/31/students").await.is_ok().ids(), [11]);
}

#[tokio::test]
async fn a_school_that_was_migrated_before_there_were_instructors_gets_their_table() {
    let database = found();
    migrate(&database, MAPPING).await.unwrap();
    database
        .other_program()
        .execute_batch(
            "drop table matricula_instructors; drop table matricula_sign_ins; drop table matricula_disclosures;
             drop table matricula_token_uses; drop table matricula_keys; drop table matricula_identities;
             drop table matricula_used_states; drop table matricula_student_numbers;
             drop table matricula_course_codes; drop table matricula_imports;
             drop table matricula_import_files; drop table matricula_import_rows;
             drop table matricula_import_entries; alter table matricula_accounts drop column by_groups;
             alter table course_seats drop column waitlist_closes_at;
             alter table course_seats drop column drop_until;
             alter table course_seats drop column group_opens_at;
             alter table waitlist drop column on_hold; drop table matricula_group_students;
             drop table matricula_groups; drop table matricula_holds; drop table matricula_rules;
             drop table matricula_canvas_sections; drop table matricula_seat_changes;
             drop table matricula_seat_change_courses; drop index matricula_links_account;
             delete from matricula_migrations where version >= 13",
        )
        .unwrap();

    let report = migrate(&database, MAPPING).await.unwrap();
    assert_eq!(report.applied[0], "V13__instructors");

    // It refers to the school's own table.
    let other = database.other_program();
    other
        .execute_batch(
            "insert into class (number, title) values (33, 'Chess'); insert into matricula_instructors values (33, 5)",
        )
        .unwrap();
    other.execute_batch("insert into matricula_instructors values (99, 5)").unwrap_err();
    other.execute_batch("delete from class where number = 33").unwrap();
    assert_eq!(other.column("select account_id || '' from matricula_instructors"), [""; 0]);
}
