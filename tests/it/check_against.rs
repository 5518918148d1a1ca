//! `matricula check --against`: whether a database still has all that an earlier state of it has, such as a backup.

use std::process::Output;

use crate::school::{Database, School, matricula};

fn check(database: &Database, against: &Database) -> Output {
    let mut command = matricula();
    command.arg("check").arg("--database").arg(database.argument()).arg("--against").arg(against.argument());
    command.output().unwrap()
}

/// The line of standard output with this beginning, without the names of databases.
#[track_caller]
fn line(output: &Output, beginning: &str, against: &Database) -> String {
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    let line = printed.lines().find(|line| line.trim_start().starts_with(beginning));
    let line = line.unwrap_or_else(|| panic!("no line {beginning:?} in {output:?}"));
    line.trim_start().replace(&against.location().to_string(), "BACKUP")
}

/// Ana takes Algebra; the log has three entries.
async fn school() -> Database {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
    school.close().await
}

/// Students with these names are added.
async fn goes_on(database: &Database, names: &[&str]) {
    let school = School::open_at(database).await;
    for name in names {
        school.student(name).await;
    }
    school.close().await;
}

#[tokio::test]
async fn a_school_that_went_on_since_the_backup_has_all_that_is_in_it() {
    let database = school().await;
    let backup = database.copy();
    let same = check(&database, &backup);
    assert!(same.status.success(), "{same:?}");
    assert_eq!(
        line(&same, "ok: the log", &backup),
        "ok: the log begins with all 3 events of BACKUP; none has been added since"
    );
    goes_on(&database, &["Ben", "Cleo"]).await;
    let longer = check(&database, &backup);
    assert!(longer.status.success(), "{longer:?}");
    assert_eq!(
        line(&longer, "ok: the log", &backup),
        "ok: the log begins with all 3 events of BACKUP; 2 have been added since"
    );
}

#[tokio::test]
async fn confirmed_changes_that_were_lost_are_counted() {
    let database = school().await;
    let lost = database.copy();
    goes_on(&database, &["Ben", "Cleo"]).await;
    let output = check(&lost, &database);
    assert_eq!(output.status.code(), Some(1));
    line(&output, "BROKEN: the log goes on where that of the backup ends", &database);
    assert_eq!(
        line(&output, "the log ends", &database),
        "the log ends before seq 4; the backup has 2 events more"
    );
    assert!(!String::from_utf8_lossy(&output.stdout).contains("another program"));
}

#[tokio::test]
async fn the_entry_at_which_two_logs_part_is_shown() {
    let database = school().await;
    let backup = database.copy();
    goes_on(&backup, &["Ben"]).await;
    let other = School::open_at(&database).await;
    other.course("Botany").await;
    other.close().await;
    let output = check(&database, &backup);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        line(&output, "seq 4", &backup),
        "seq 4: course.created course 2 at 2026-09-01T08:00:00.000Z; \
         in the backup: student.created student 2 at 2026-09-01T08:00:00.000Z"
    );
}

#[tokio::test]
async fn an_entry_whose_details_were_changed_is_shown() {
    let database = school().await;
    let backup = database.copy();
    database.runs("update events set actor = 'somebody' where seq = 2");
    let output = check(&database, &backup);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        line(&output, "seq 2", &backup),
        "seq 2: course.created course 1 at 2026-09-01T08:00:00.000Z has other details in the backup"
    );
}

#[tokio::test]
async fn students_who_are_gone_without_an_entry_are_noted() {
    let database = Database::new();
    database.runs(
        "create table students (id integer primary key, name text, email text);
         create table courses (id integer primary key, name text, level text);
         insert into students (id, name, email) values (1, 'Ana', ''), (2, 'Ben', ''), (3, 'Cleo', '');",
    );
    School::open_at(&database).await.close().await;
    let backup = database.copy();
    let school = School::open_at(&database).await;
    // With an entry in the log, and without one.
    school.delete("/api/v1/students/2").await.is(204);
    school.other_program_runs("delete from students where id = 3");
    school.close().await;
    let output = check(&database, &backup);
    assert!(output.status.success(), "{output:?}");
    line(&output, "note: students are gone without an entry in the log", &backup);
    assert_eq!(line(&output, "student 3", &backup), "student 3");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("student 2"));
}

#[tokio::test]
async fn a_backup_of_an_earlier_version_can_be_compared() {
    let database = school().await;
    let backup = database.copy();
    // Later versions have added these.
    backup.runs("drop table matricula_canvas_sections; drop table matricula_seat_change_courses");
    backup.runs("drop table matricula_seat_changes");
    backup.runs("delete from matricula_migrations where version >= 23");
    let output = check(&database, &backup);
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn a_database_without_a_log_cannot_be_compared() {
    let (database, other) = (school().await, Database::new());
    other.runs("create table terms (id integer primary key)");
    let output = check(&database, &other);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("has no log to compare with"), "{message}");
}

#[test]
fn a_value_that_is_no_database_is_refused_without_repeating_it() {
    let output = matricula().args(["check", "--against", "mysql://ana:secret@db/school"]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains("invalid value for --against: ") && !message.contains("secret"), "{message}");
}
