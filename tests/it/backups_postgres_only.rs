//! A backup of a PostgreSQL database is made by PostgreSQL's own tools. (`matricula backup` copies files.)

use std::ffi::OsStr;
use std::process::{Command, Output};

use crate::school::{Database, School, matricula};

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn a_dump_that_is_restored_is_the_same_school() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    let dump = school.database().folder().join("school.dump");
    let mut pg_dump = Command::new("pg_dump");
    pg_dump.args(["--format=custom", "--file"]).args([dump.as_os_str(), school.database().argument()]);
    succeeds(&pg_dump.output().unwrap());
    let ben = school.student("Ben").await;
    ben.enrolls_in(&algebra).await.is(202);

    let copy = Database::new();
    let mut restore = Command::new("pg_restore");
    restore.args(["--no-owner", "--exit-on-error", "--dbname"]).args([copy.argument(), dump.as_os_str()]);
    succeeds(&restore.output().unwrap());

    let check = |arguments: &[&OsStr]| {
        succeeds(&matricula().arg("check").arg("--database").args(arguments).output().unwrap())
    };
    assert_eq!(check(&[copy.argument()]), "ok: 1 enrollment agrees with the 4 events in the log\n");
    let compared = check(&[school.database().argument(), OsStr::new("--against"), copy.argument()]);
    assert!(compared.contains("\nok: the log begins with all 4 events of "), "{compared}");
    assert!(compared.ends_with("; 2 have been added since\n"), "{compared}");
    // It is served, and what other programs write to it is on record.
    let copy = School::open_at(&copy).await;
    copy.student("Ben").await;
    copy.other_program_runs("insert into student_courses (student_id, course_id) values (2, 1)");
    assert_eq!(copy.log().await.last().unwrap(), "enrollment.created");
}

#[test]
fn the_command_names_the_tools() {
    for (command, tool) in [("backup", "`pg_dump --format=custom`"), ("restore", "`pg_restore`")] {
        let output =
            matricula().arg(command).arg("--database").arg(Database::new().argument()).arg("x").output();
        let message = String::from_utf8(output.unwrap().stderr).unwrap();
        assert!(message.contains(tool), "{message}");
    }
}
