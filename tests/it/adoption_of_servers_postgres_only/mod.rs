//! Adopting a database on a server, where the existing tables belong to other roles.

pub(crate) mod found;
mod refusals;

use serde_json::json;

use self::found::Found;

/// Tables that only another program would create.
const STRANGE: &str = "
    create type level as enum ('beginner', 'advanced');
    create table students (
        id bigint generated always as identity primary key, phone varchar(20) default 'none', name text not null,
        email varchar(120) unique, born date check (born > '1900-01-01'), tags text[], initial text
        generated always as (left(name, 1)) stored
    );
    create index students_by_name on students (lower(name)) where phone is not null;
    create table courses (id smallint primary key, name character(10), level level not null, room int default 5);
    create function remember() returns trigger language plpgsql as 'begin new.phone := ''seen''; return new; end';
    create trigger remembers before insert on students for each row execute function remember();
    alter table courses disable trigger user;
    comment on table students is 'everybody';
    comment on column courses.room is 'since 2019';
    alter table courses add constraint room_is_there check (room > 0) not valid;
    insert into students (name, email, born) values ('Ana', 'ana@example.edu', '2001-02-03'), ('Zoë', null, null);
    insert into courses values (7, 'Algebra', 'beginner', null), (9, 'Biology', 'advanced', 3);
    create role readers; grant select on students to readers; grant update (phone) on students to readers;";

const GRANTS: &str = "grant create on schema public to registrar;
    grant select, insert, update, delete, references on students, courses to registrar;";

#[tokio::test]
async fn tables_of_another_role_stay_as_they_are_in_every_part() {
    let found = Found::by_owner(STRANGE, GRANTS);
    let tables = ["students", "courses"];
    let before = found.dump(&tables);
    assert!(
        before.contains("GRANT UPDATE(phone)") && before.contains("everybody") && before.contains("Zoë"),
        "{before}"
    );

    let dry_run = found.dry_run().await.unwrap();
    assert_eq!(found.dump(&tables), before);
    let report = found.migrate().await.unwrap();

    assert_eq!(found.dump(&tables), before);
    assert_eq!(dry_run.found, report.found);
    assert_eq!(
        report.found,
        [
            "students: found, 2 rows, extra columns phone, born, tags, initial, will not be changed",
            "courses: found, 2 rows, extra columns room, will not be changed",
            "courses.id does not number its rows: only other programs can add rows to courses",
        ]
    );
    let refused = OwnRole::new(&found).alters("students");
    assert!(refused.contains("must be owner of table students"), "{refused}");
}

/// A connection with matricula's role.
struct OwnRole(crate::school::OtherProgram);

impl OwnRole {
    fn new(found: &Found) -> Self {
        Self(found.database().other_program())
    }

    fn alters(&self, table: &str) -> String {
        self.0.execute_batch(&format!("alter table {table} add column more text")).unwrap_err()
    }
}

#[tokio::test]
async fn found_rows_are_served_whatever_their_types() {
    let found = Found::by_owner(STRANGE, GRANTS);
    let school = found.opens().await;

    let ana = school.get("/api/v1/students/1").await.is_ok();
    assert_eq!(ana.json(), json!({"id": 1, "name": "Ana", "email": "ana@example.edu"}));
    school.post("/api/v1/students/1/courses", json!({"course_id": 9})).await.is_created();
    school
        .post("/api/v1/students/1/courses", json!({"course_id": 8}))
        .await
        .is_refused(404, "course-not-found");
    let new = school.post("/api/v1/students", json!({"name": "Eve", "email": "eve@example.edu"})).await;
    assert_eq!(new.is_created().json()["id"], 3);
    let course = school.patch("/api/v1/courses/9", json!({"level": "beginner"})).await.is_ok();
    assert_eq!(course.json()["level"], "beginner");
    let refused = school.patch("/api/v1/courses/9", json!({"level": "expert"})).await;
    refused.is_refused(409, "row-refused");
    school
        .patch("/api/v1/students/1", json!({"email": "eve@example.edu"}))
        .await
        .is_refused(409, "row-refused");
    let list = school.get("/api/v1/courses?sort=level&q=BIO").await.is_ok();
    assert_eq!(list.ids(), [9]);
    assert_eq!(found.rows("select phone from students where id = 3"), ["seen"]);
}

#[tokio::test]
async fn a_missing_right_is_a_refusal_that_says_so() {
    let found = Found::by_owner(
        STRANGE,
        "grant create on schema public to registrar; grant select, references on students, courses to registrar;",
    );
    let report = found.migrate().await.unwrap();
    let remark =
        "students: the role registrar may not insert, so only other programs can add rows to students";
    assert!(report.found.contains(&remark.to_owned()), "{:?}", report.found);

    let school = found.opens().await;
    school.post("/api/v1/students/1/courses", json!({"course_id": 9})).await.is_created();
    let refused = school.post("/api/v1/students", json!({"name": "Eve", "email": "eve@example.edu"})).await;
    let problem = refused.is_refused(503, "overloaded");
    assert!(problem["detail"].as_str().unwrap().contains("until an administrator repairs it"), "{problem}");
    school.get("/api/v1/students/1/courses").await.is_ok();
}

#[tokio::test]
async fn our_tables_go_to_the_first_schema_of_the_search_path() {
    let script = "create table students (id serial primary key, name text, email text);
        create table courses (id serial primary key, name text, level text);
        insert into students (name, email) values ('Ana', 'ana@example.edu');
        create table events (what text); insert into events values ('a concert');
        create schema registration authorization registrar;";
    let grants = "grant select, references on students, courses to registrar;";
    let found = Found::with_options(script, grants, "?options=-csearch_path%3Dregistration%2Cpublic");
    let before = found.dump(&["students", "courses", "public.events"]);

    found.opens().await.get("/api/v1/students/1/courses").await.is_ok();

    assert_eq!(found.dump(&["students", "courses", "public.events"]), before);
    let ours = "select relname from pg_class where relkind = 'r' and relnamespace = 'registration'::regnamespace order by 1";
    assert_eq!(
        found.rows(ours),
        [
            "course_seats",
            "events",
            "idempotency_keys",
            "kept_columns",
            "log_head",
            "matricula_access",
            "matricula_accounts",
            "matricula_canvas_sections",
            "matricula_course_codes",
            "matricula_disclosures",
            "matricula_group_students",
            "matricula_groups",
            "matricula_holds",
            "matricula_identities",
            "matricula_import_entries",
            "matricula_import_files",
            "matricula_import_rows",
            "matricula_imports",
            "matricula_instructors",
            "matricula_keys",
            "matricula_links",
            "matricula_migrations",
            "matricula_people",
            "matricula_rules",
            "matricula_seat_change_courses",
            "matricula_seat_changes",
            "matricula_sessions",
            "matricula_sign_ins",
            "matricula_student_numbers",
            "matricula_token_uses",
            "matricula_tokens",
            "matricula_used_states",
            "student_courses",
            "waitlist"
        ]
    );
}

const FLASK: &str = "create role flask login; grant create on schema public to flask;";
const SCHOOL: &str = "create-with-association
    add-student|Ana|ana@example.edu
    add-student|Zoë Ω|zoe@example.edu
    add-course|Algebra|beginner
    add-course|Biology|advanced
    enroll|1|1|A
    enroll|2|1|B";

#[tokio::test]
async fn a_flask_application_keeps_its_tables_and_goes_on() {
    let found = Found::by_owner(FLASK, "");
    found.flask(
        &SCHOOL
            .replace("create-with-association", "create")
            .replace("enroll|1|1|A\n", "list|grades\n")
            .replace("list|grades\n    enroll|2|1|B", "list|courses"),
    );
    found.owner_runs(&format!("{GRANTS} grant usage on all sequences in schema public to registrar"));
    let before = found.dump(&["students", "courses"]);
    assert!(before.contains("character varying(80) NOT NULL") && before.contains("nextval("), "{before}");

    found.migrate().await.unwrap();

    assert_eq!(found.dump(&["students", "courses"]), before);
    let school = found.opens().await;
    let (eve, chemistry) = (school.student("Eve").await, school.course("Chemistry").await);
    eve.enrolls_in(&chemistry).await.is_created();
    let printed =
        found.flask("list|students\n add-student|Gus|gus@example.edu\n rename-student|3|Eva\n list|courses");
    assert_eq!(
        printed.lines().collect::<Vec<_>>(),
        [r#"["Ana","Zo\u00eb \u03a9","Eve"]"#, "4", "3", r#"["Algebra","Biology","Chemistry"]"#]
    );
    assert_eq!(chemistry.roster().await, ["Eva"]);
    school.post("/api/v1/students/4/courses", json!({"course_id": chemistry.id})).await.is_created();
    assert_eq!(chemistry.roster().await, ["Eva", "Gus"]);
}

#[tokio::test]
async fn its_own_association_is_adopted_with_its_grades_grants_and_owner() {
    let found = Found::by_owner(FLASK, "");
    found.flask(SCHOOL);
    found.owner_runs(&format!(
        "{GRANTS} grant flask to registrar; grant usage on all sequences in schema public to registrar;
         create role readers; grant select on student_courses to readers; grant update (grade) on student_courses to readers;
         comment on column student_courses.grade is 'A to F';"
    ));
    let before = found.dump(&["students", "courses"]);

    let report = found.migrate().await.unwrap();

    assert_eq!(report.adopted, 2);
    assert_eq!(found.dump(&["students", "courses"]), before);
    assert_eq!(
        found.rows("select student_id || ' ' || course_id || ' ' || grade from student_courses order by id"),
        ["1 1 A", "2 1 B"]
    );
    assert_eq!(found.rows("select tableowner from pg_tables where tablename = 'student_courses'"), ["flask"]);
    assert_eq!(
        found.rows(
            "select has_table_privilege('readers', 'student_courses', 'select')
            and has_column_privilege('readers', 'student_courses', 'grade', 'update')
            and not has_column_privilege('readers', 'student_courses', 'course_id', 'update')
            and col_description('student_courses'::regclass, 5) = 'A to F'"
        ),
        ["t"]
    );
    assert_eq!(found.flask("list|grades"), r#"["A","B"]"#);
    let school = found.opens().await;
    assert_eq!(school.log().await, ["enrollment.adopted"; 2]);
    let next = school.post("/api/v1/students/1/courses", json!({"course_id": 2})).await.is_created();
    assert_eq!(next.json()["id"], 3);
    // The application goes on writing there, and has no right on the log.
    found.flask("enroll|2|2|C\n drop|1|1\n grade|2|1|F");
    assert_eq!(
        found.rows(
            "select type || ' ' || student_id || ' ' || course_id || ' ' || enrollment_id || ' ' || actor
            from events where seq > 3 order by seq"
        ),
        ["enrollment.created 2 2 4 database", "enrollment.dropped 1 1 1 database"]
    );
    assert_eq!(found.flask("list|grades"), r#"["F",null,"C"]"#);
}
