//! Migrations: forward only, each in a transaction, checksummed, recorded, safe to run twice and from many at once.

use std::path::Path;
use std::process::Stdio;

use futures_util::future::join_all;
use matricula::adoption;
use matricula::clock::Clock;

use crate::adoption_of_files_sqlite_only::found::Found;
use crate::school::{Process, matricula};

const VERSIONS: &str = "select version, name from matricula_migrations order by version";
const ALL: [&str; 26] = [
    "1|students",
    "2|courses",
    "3|student_courses",
    "4|event_log",
    "5|course_seats",
    "6|waitlist",
    "7|idempotency_keys",
    "8|nothing_lost",
    "9|writes_by_others",
    "10|writes_within_batches",
    "11|access",
    "12|sessions",
    "13|instructors",
    "14|records",
    "15|uses_and_keys",
    "16|sign_on",
    "17|external_ids",
    "18|imports",
    "19|mode_of_imports",
    "20|deadlines",
    "21|restored_enrollments",
    "22|groups_and_holds",
    "23|seat_changes",
    "24|canvas_sections",
    "25|sections_by_import",
    "26|links_by_account",
];

fn run(database: &Path, more: &[&str]) -> (bool, String, String) {
    let output = matricula().arg("migrate").arg("--database").arg(database).args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_new_database_gets_every_migration_once() {
    let found = Found::nothing();
    assert_eq!(found.migrate().await.unwrap().applied.len(), ALL.len());
    let files = found.files();

    assert_eq!(found.migrate().await.unwrap().applied, [""; 0]);

    assert_eq!(found.files(), files);
    assert_eq!(found.rows(VERSIONS), ALL);
}

#[test]
fn the_command_says_what_it_did() {
    let found = Found::nothing();
    let shown = found.path.display().to_string();
    let (done, printed, _) = run(&found.path, &[]);
    assert!(done);
    assert_eq!(
        printed.replace(&shown, "school.db"),
        "students: missing, will be created\ncourses: missing, will be created\napplied V1__students\n\
         applied V2__courses\napplied V3__student_courses\napplied V4__event_log\n\
         applied V5__course_seats\napplied V6__waitlist\napplied V7__idempotency_keys\n\
         applied V8__nothing_lost\napplied V9__writes_by_others\n\
         applied V10__writes_within_batches\napplied V11__access\napplied V12__sessions\n\
         applied V13__instructors\napplied V14__records\napplied V15__uses_and_keys\napplied V16__sign_on\n\
         applied V17__external_ids\napplied V18__imports\napplied V19__mode_of_imports\napplied V20__deadlines\n\
         applied V21__restored_enrollments\napplied V22__groups_and_holds\n\
         applied V23__seat_changes\n\
         applied V24__canvas_sections\napplied V25__sections_by_import\n\
         applied V26__links_by_account\nschool.db is up to date\n"
    );
    assert_eq!(run(&found.path, &[]).1, format!("{shown} is up to date\n"));
    assert_eq!(run(&found.path, &["--dry-run"]).1, format!("-- {shown} is up to date\n"));
}

#[test]
fn eight_processes_at_once_migrate_once() {
    let found = Found::nothing();
    let start = || {
        let mut command = matricula();
        command.arg("migrate").arg("--database").arg(&found.path).stdout(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = (0..8).map(|_| start()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(found.rows(VERSIONS), ALL);
}

#[tokio::test]
async fn eight_servers_that_start_at_once_on_a_new_file_all_start() {
    let found = Found::nothing();
    let servers = join_all((0..8).map(|_| Process::serve_at(&found.path))).await;
    assert!(servers.iter().all(|server| server.line.contains("http://")));
    assert_eq!(found.rows(VERSIONS), ALL);
}

#[test]
fn eight_threads_at_once_adopt_once() {
    let found = Found::by_shell(
        "create table students (id integer primary key, name, email); insert into students values (1, '', '');
        create table courses (id integer primary key, name, level); insert into courses values (1, '', '');
        create table student_courses (id, student_id, course_id); insert into student_courses values (1, 1, 1);",
    );
    let applied: usize = std::thread::scope(|scope| {
        let migrate = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(adoption::migrate(found.location(), &Clock::System)).unwrap().applied.len()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(migrate)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(applied, ALL.len());
    assert_eq!(found.rows(VERSIONS), ALL);
    assert_eq!(found.rows("select type from events"), ["enrollment.adopted"]);
}

#[test]
fn a_dry_run_prints_a_script_and_changes_nothing() {
    let found = Found::by_shell(
        "create table students (id integer primary key, name, email); insert into students values (1, 'Ana', '');
        create table courses (id integer primary key, name, level); insert into courses values (1, 'Algebra', '');
        create table student_courses (id int, student_id int, course_id int, grade text);
        insert into student_courses values (7, 1, 1, 'A');",
    );
    let before = found.files();

    let (done, script, _) = run(&found.path, &["--dry-run"]);

    assert!(done);
    assert_eq!(found.files(), before);
    assert!(script.starts_with("-- students: found, 1 row, will not be changed\n"), "{script}");
    assert!(script.contains("\nalter table student_courses add column \"grade\" TEXT;\n"), "{script}");
    // The script is what a migration would run, so another program can run it.
    found.shell(&script);
    assert_eq!(found.rows("select id, student_id, course_id, grade from student_courses"), ["7|1|1|A"]);
    assert_eq!(found.rows("select last_seq, last_enrollment_id from log_head"), ["1|7"]);
}

#[test]
fn a_dry_run_creates_no_file() {
    let found = Found::nothing();
    let mut migrate = matricula();
    migrate.args(["migrate", "--dry-run", "--database"]).arg(&found.path);
    let output = migrate.current_dir(found.path.parent().unwrap()).output().unwrap();
    let script = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && script.contains("create table students"), "{script}");
    assert_eq!(found.files().len(), 0);
}

#[tokio::test]
async fn a_history_that_is_not_ours_is_refused_without_a_byte_changed() {
    for (change, reason) in [
        (
            "insert into matricula_migrations values (900, 'teleport', '2030-01-01T00:00:00Z', '1')",
            "which does not know V900__teleport): use the newer version, or restore a backup",
        ),
        (
            "update matricula_migrations set checksum = '12345' where version = 3",
            "its migration V3__student_courses differs from the one in this version",
        ),
        ("delete from matricula_migrations where version = 3", "has a gap: V3__student_courses is missing"),
        ("update matricula_migrations set checksum = 'x'", "an invalid checksum: \"x\""),
    ] {
        let found = Found::nothing();
        found.migrate().await.unwrap();
        found.shell(change);
        let before = found.files();

        let error = found.migrate().await.unwrap_err().to_string();

        assert!(error.contains(reason), "{error}");
        assert_eq!(found.files(), before);
    }
}

#[tokio::test]
async fn a_migrated_database_is_not_examined_again() {
    let found = Found::nothing();
    found.migrate().await.unwrap();
    // Adoption would refuse this row; in a migrated database only `check` reports it.
    found.shell("insert into students values (-5, '', '')");
    assert_eq!(found.migrate().await.unwrap().applied, [""; 0]);
}

#[tokio::test]
async fn an_import_of_an_older_program_has_a_mode() {
    let scripts = Found::nothing().dry_run().await.unwrap().statements;
    let found = Found::nothing();
    for script in &scripts[..18] {
        found.shell(script);
    }
    found.shell(
        "insert into matricula_imports (created_at, actor, status, settings, report, digest, total, done, not_done, \
         remaining, touched_at, record) values ('', '', 'planned', '{\"kind\":null,\"mode\":null,\"encoding\":null}', \
         '{}', '', 1, 0, 0, 0, '', '')",
    );
    found.shell(&scripts[18]);
    let settings = found.rows("select settings from matricula_imports");
    assert_eq!(settings, [r#"{"kind":null,"mode":"add","encoding":null}"#]);
}

#[tokio::test]
async fn every_migration_keeps_the_data_that_was_there_before_it() {
    let scripts = Found::nothing().dry_run().await.unwrap().statements;
    let data = [
        "insert into students (name, email) values ('Ana', 'ana@example.edu'), ('Ben', 'ben@example.edu');",
        "insert into courses (name, level) values ('Algebra', 'one');",
        "insert into student_courses values (1, 1, 1, '2026-09-01T08:00:00.000Z');",
        "insert into events values (1, '2026-09-01T08:00:00.000Z', 'enrollment.created', 1, 1, 1, null, null, '{}'); \
         update log_head set last_seq = 1, last_enrollment_id = 1, last_at = '2026-09-01T08:00:00.000Z';",
        "insert into course_seats values (1, 30, 10, null, '2026-09-30T08:00:00.000Z');",
        "insert into waitlist values (2, 1, 2, '2026-09-01T08:00:00.000Z');",
        "insert into idempotency_keys values ('key', 0, 'print', '2026-09-01T08:00:00.000Z', \
         '{\"Ok\":{\"Student\":{\"id\":2,\"name\":\"Ben\",\"email\":\"ben@example.edu\"}}}');",
        "insert into kept_columns values (2, 1, 'grade', 'A');",
        "insert into student_courses (student_id, course_id) values (2, 1);",
        "insert into courses (name, level) values ('Botany', 'one');",
        "insert into matricula_people values (5, 1);",
        "insert into matricula_links values ('hash', 5, '2026-09-02T08:00:00.000Z');",
        "insert into matricula_instructors values (1, 5);",
        "insert into matricula_sign_ins (at, outcome, way, times) \
         values ('2026-09-01T08:00:00.000Z', 'failed', 'password', 2);",
        "insert into matricula_token_uses values (5, '2026-09-02T08:00:00.000Z');",
        "insert into matricula_identities values ('https://login.example.edu', 'ruth', 5);",
        "insert into matricula_student_numbers values (1, '0042'); insert into matricula_course_codes values (1, 'A1');",
        "insert into matricula_imports (created_at, actor, status, settings, report, digest, total, done, not_done, \
         remaining, touched_at, record) values ('2026-09-01T08:00:00.000Z', 'cli', 'planned', '{}', '{}', '', 1, 0, 0, \
         0, '2026-09-01T08:00:00.000Z', 'random'); \
         insert into matricula_import_files values (1, 0, 0, 'students.csv', 'bnVtYmVy'); \
         insert into matricula_import_rows values (1, 'plan', 0, '[]'); \
         insert into matricula_import_entries values (1, 1, 2);",
        "insert into matricula_imports (created_at, actor, status, settings, report, digest, total, done, not_done, \
         remaining, touched_at, record) values ('2026-09-01T08:00:00.000Z', 'cli', 'planned', '{\"mode\":\"full\"}', \
         '{}', '', 1, 0, 0, 0, '2026-09-01T08:00:00.000Z', 'other');",
        "update course_seats set drop_until = '2026-10-30T08:00:00.000Z';",
        "insert into student_courses (student_id, course_id) values (1, 2);",
        "insert into matricula_groups values ('Seniors', 8); insert into matricula_group_students values ('Seniors', 1); \
         insert into matricula_holds values (7, 1, 'fees', '2026-09-01T08:00:00.000Z');",
        "insert into matricula_seat_changes (created_at, actor, status, courses, seats, named, planned, unchanged, refused, \
         moves_up, done, not_done, undone, remaining, moved_up, touched_at, record) values ('2026-09-01T08:00:00.000Z', \
         'cli', 'planned', '{}', '{\"capacity\":40}', '', 1, 0, 0, 0, 0, 0, 0, 0, 0, '2026-09-01T08:00:00.000Z', 'one'); \
         insert into matricula_seat_change_courses values (1, 1, 1, 'planned', null, '{}', 2, 0, 0, null, null);",
        "insert into matricula_canvas_sections values ('S1', 'A', 'Algebra', null, 'A1');",
        "insert into matricula_canvas_sections values ('S1', 1, 1, 'A', 'Algebra', null, 'A1');",
        "update matricula_links set account_id = 6;",
    ];
    assert_eq!(scripts.len(), data.len(), "a new migration brings sample data");
    let found = Found::nothing();
    let mut expected: Vec<(Vec<String>, String)> = Vec::new();
    for (script, data) in scripts.iter().zip(data) {
        found.shell(script);
        for (rows, sql) in &expected {
            assert_eq!(&found.rows(sql), rows, "after {script}");
        }
        found.shell(data);
        let tables = found.rows(
            "select name from sqlite_schema where type = 'table' and name <> 'sqlite_sequence' order by name",
        );
        expected = tables
            .into_iter()
            .map(|table| {
                // A later migration may add columns.
                let columns =
                    found.rows(&format!("select name from pragma_table_info('{table}')")).join(", ");
                format!("select {columns} from {table}")
            })
            .map(|sql| (found.rows(&sql), sql))
            .collect();
        assert_eq!(found.rows("select * from pragma_foreign_key_check"), [""; 0]);
    }
    // A stored answer is linked to the student whom it names, so that it is deleted with the student.
    assert_eq!(found.rows("select student_id from idempotency_keys"), ["2"]);
}

#[test]
fn a_path_that_cannot_be_a_database_is_one_clear_line_and_exit_code_one() {
    let found = Found::nothing();
    let folder = found.path.parent().unwrap();
    for (path, reason) in [
        (folder.to_owned(), "a directory, not a database"),
        (folder.join("no/school.db"), "does not exist"),
        ("/dev/null".into(), "not a regular file"),
        (
            "/proc/school.db".into(),
            "it cannot be opened or created: check that this user can read and write its folder",
        ),
    ] {
        let (done, printed, complaint) = run(&path, &[]);
        assert!(!done && printed.is_empty(), "{printed}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(complaint.trim_end().ends_with(reason), "{complaint}");
        assert!(complaint.contains(&path.display().to_string()), "{complaint}");
    }
}
