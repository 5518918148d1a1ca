//! Tables that other programs made, with rules of their own.

use matricula::audit::audit;
use matricula::db::Db;
use matricula::registrar::{
    CreateCourse, CreateStudent, DeleteStudent, FieldValues, Refusal, StudentId, UpdateStudent,
};
use serde_json::json;

use crate::school::{School, submit};

/// As most programs create them: SQLite uses the highest id again once its row is gone.
const STUDENTS: &str = "create table students (id integer primary key, name text, email text);
    insert into students (id, name, email) values (1, 'Ana', 'ana@example.edu'), (7, 'Ben', 'ben@example.edu');";

#[tokio::test]
async fn a_new_row_never_gets_the_id_of_a_row_that_is_deleted_later_in_its_batch() {
    let school = School::open_found(STUDENTS).await;
    let other = school.other_program();
    other.execute_batch("begin immediate").unwrap();
    let registrar = &school.registrar;
    let (name, email) = ("Cleo".to_owned(), "cleo@example.edu".to_owned());
    // While the other program holds the lock, the commands after the first gather and share a commit.
    let first = UpdateStudent {
        id: StudentId(1),
        values: FieldValues::new([("name", "Anna".to_owned())]),
        expected: None,
    };
    let first = submit(registrar, first);
    let create = submit(registrar, CreateStudent::new([("name", name), ("email", email)]));
    let delete = DeleteStudent { id: StudentId(7), drop: false, max_dropped: None, expected: None };
    let delete = submit(registrar, delete);
    let release = async {
        tokio::task::yield_now().await;
        drop(other);
    };
    let (_, created, deleted, ()) = tokio::join!(first, create, delete, release);
    deleted.unwrap();

    let id = created.unwrap().id;
    assert_ne!(id, StudentId(7));
    school.get(&format!("/api/v1/students/{id}")).await.is_ok();
    school.get("/api/v1/students/7").await.is_refused(404, "student-not-found");
}

#[tokio::test]
async fn a_change_that_a_trigger_suppresses_is_a_refusal_without_an_event() {
    let school = School::open_found(STUDENTS).await;
    school.other_program_runs(if school.database().is_on_a_server() {
        "create function ignore() returns trigger language plpgsql as 'begin return null; end';
         create trigger keep before delete on students for each row execute function ignore();
         create trigger still before update on students for each row execute function ignore();"
    } else {
        "create trigger keep before delete on students begin select raise(ignore); end;
         create trigger still before update on students begin select raise(ignore); end;"
    });
    school.delete("/api/v1/students/7").await.is_refused(409, "row-refused");
    school.patch("/api/v1/students/7", json!({"name": "Benno"})).await.is_refused(409, "row-refused");
    assert_eq!(school.log().await, [""; 0]);
    assert_eq!(school.get("/api/v1/students/7").await.is_ok().json()["name"], "Ben");
}

#[tokio::test]
async fn the_message_of_a_trigger_is_not_shown() {
    let school = School::open_found(STUDENTS).await;
    school.other_program_runs(if school.database().is_on_a_server() {
        "create function complain() returns trigger language plpgsql as 'begin raise exception $$Secret name$$; end';
         create trigger strict before insert on students for each row execute function complain();"
    } else {
        "create trigger strict before insert on students begin select raise(abort, 'Secret name'); end;"
    });
    let body = json!({"name": "Cleo", "email": "cleo@example.edu"});
    let problem = school.post("/api/v1/students", body).await.is_refused(409, "row-refused");
    assert_eq!(problem["detail"], "The database refused the row: a trigger of the table refuses it.");
}

#[tokio::test]
async fn ids_that_javascript_could_not_read_are_not_assigned() {
    let school = School::open_found(STUDENTS).await;
    school.other_program_runs("insert into students values (9007199254740991, 'Last', 'last@example.edu')");
    let body = json!({"name": "Cleo", "email": "cleo@example.edu"});
    school.post("/api/v1/students", body).await.is_refused(409, "row-refused");
    school.get("/api/v1/students/9007199254740991").await.is_ok();
}

#[tokio::test]
async fn paging_by_name_shows_every_row_once_whatever_is_in_the_name() {
    let school = School::open_found(STUDENTS).await;
    school.other_program_runs(
        "insert into students (name, email) values (x'5A6FC3AB', 'a'), (null, 'b'), (42, 'c'), ('ΟΔΥΣΣΕΥΣ', 'd'),
         ('İpek', 'e'), ('', 'f'), (4.5, 'g'), (x'FF', 'h')",
    );
    for order in ["asc", "desc"] {
        let mut ids = Vec::new();
        let mut page = school.get(&format!("/api/v1/students?sort=name&order={order}&limit=1")).await.is_ok();
        loop {
            ids.push(page.json()[0]["id"].as_i64().unwrap());
            let Some(next) = page.next_page().map(str::to_owned) else { break };
            page = school.client.ask("GET", &next).await.is_ok();
        }
        let all = school.get(&format!("/api/v1/students?sort=name&order={order}")).await.is_ok().ids();
        assert_eq!(ids, all, "{order}");
        assert_eq!(all.len(), 10);
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_when_the_file_is_gone_sqlite_only() {
    let school = School::open().await;
    school.course("Algebra").await;
    let moved = school.database().folder().join("school.moved");
    std::fs::rename(school.database().argument(), &moved).unwrap();

    let body = json!({"name": "Ana", "email": "ana@example.edu"});
    school.post("/api/v1/students", body.clone()).await.is_refused(503, "overloaded");

    std::fs::rename(&moved, school.database().argument()).unwrap();
    school.post("/api/v1/students", body).await.is_created();
    let found = audit(&Db::open(school.database().location()).unwrap()).await.unwrap();
    assert_eq!((found.events, found.findings), (2, Vec::new()));
}

#[tokio::test]
async fn a_row_that_breaks_another_programs_rule_on_the_association_is_refused() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    school.other_program_runs("create unique index one_course on student_courses (student_id)");
    ana.enrolls_in(&algebra).await.is_created();
    ana.enrolls_in(&botany).await.is_refused(409, "row-refused");
    ana.ensures_enrollment_in(&botany).await.is_refused(409, "row-refused");
    // She waits for a seat that she cannot have.
    botany.seats(1, 5).await;
    ben.enrolls_in(&botany).await.is_created();
    ana.enrolls_in(&botany).await.is(202);
    ben.drops(&botany).await.is_refused(409, "row-refused");
    let more = json!({"capacity": 2, "waitlist_capacity": 5});
    school.put(&botany.seats_url()).json(&more).await.is_refused(409, "row-refused");
    school.delete(&botany.seats_url()).await.is_refused(409, "row-refused");
    assert_eq!(botany.roster().await, ["Ben"]);
}

#[tokio::test]
async fn a_failing_trigger_fails_no_other_command() {
    let school = School::open_found(STUDENTS).await;
    school.other_program_runs(if school.database().is_on_a_server() {
        "create function broken() returns trigger language plpgsql as 'begin perform nowhere(); return new; end';
         create trigger broken before insert on students for each row execute function broken();"
    } else {
        "create trigger broken before insert on students begin select nowhere(); end;"
    });
    let other = school.other_program();
    other.execute_batch("begin immediate").unwrap();
    let registrar = &school.registrar;
    let course = |name: &str| {
        let (name, level) = (name.to_owned(), "one".to_owned());
        submit(registrar, CreateCourse::new([("name", name), ("level", level)]))
    };
    let (name, email) = ("Cleo".to_owned(), "cleo@example.edu".to_owned());
    let cleo = submit(registrar, CreateStudent::new([("name", name), ("email", email)]));
    let release = async {
        tokio::task::yield_now().await;
        drop(other);
    };
    // While the other program holds the lock, the commands after the first gather and share a commit.
    let (first, before, cleo, after, ()) =
        tokio::join!(course("Algebra"), course("Logic"), cleo, course("Biology"), release);

    assert!(matches!(cleo, Err(Refusal::Engine(_))), "{cleo:?}");
    for course in [first, before, after] {
        course.unwrap();
    }
    school.get("/readyz").await.is_ok();
}

#[tokio::test]
async fn the_message_of_a_function_with_its_own_error_code_is_not_shown_postgres_only() {
    let school = School::open_found(STUDENTS).await;
    school.other_program_runs(
        "create function complain() returns trigger language plpgsql as
         'begin raise exception $$Secret name$$ using errcode = $$45000$$; end';
         create trigger strict before insert on students for each row execute function complain();",
    );
    let body = json!({"name": "Cleo", "email": "cleo@example.edu"});
    let problem = school.post("/api/v1/students", body).await.is_refused(409, "row-refused");
    assert_eq!(problem["detail"], "The database refused the row: a trigger of the table refuses it.");
    school.get("/readyz").await.is_ok();
}

#[tokio::test]
async fn a_column_whose_type_another_program_changes_is_written_with_the_new_type_postgres_only() {
    let school = School::open_found(
        "create table students (id bigserial primary key, name varchar(100), email varchar(100));",
    )
    .await;
    school.other_program_runs(
        "create function same() returns trigger language plpgsql as
         'begin if new.name = $$Nobody$$ then return null; end if; return new; end';
         create trigger same before insert on students for each row execute function same();",
    );
    let ana = || school.post("/api/v1/students", json!({"name": "Ana", "email": "ana@example.edu"}));
    ana().await.is_created();
    for name in ["text", "varchar(300)", "text"] {
        school.other_program_runs(&format!("alter table students alter column name type {name}"));
        ana().await.is_created();
        school.patch("/api/v1/students/1", json!({"name": format!("Anna {name}")})).await.is_ok();
    }
}
