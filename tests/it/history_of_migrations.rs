//! The history that earlier builds have recorded, on both engines: it stays valid, and any other is refused.

use matricula::adoption;
use matricula::clock::Clock;

use crate::school::{Database, OtherProgram, School};

const HISTORY: &str =
    "select version || '|' || name || '|' || checksum from matricula_migrations order by version";

/// As recorded by builds whose checksums the library refinery 0.10 computed. Existing databases have these rows: if a
/// test fails here, they would be refused.
const RECORDED_IN_FILES: [&str; 26] = [
    "1|students|7767331831636230670",
    "2|courses|3121713217963407798",
    "3|student_courses|766989643353046671",
    "4|event_log|18363468985587166540",
    "5|course_seats|17227747871117172851",
    "6|waitlist|14232141762480102607",
    "7|idempotency_keys|3436870646785186862",
    "8|nothing_lost|14773140689633357615",
    "9|writes_by_others|12715271737101715106",
    "10|writes_within_batches|16251011176909500396",
    "11|access|16361146577677343452",
    "12|sessions|14873501092995099956",
    "13|instructors|1053229577879877044",
    "14|records|875299819246139903",
    "15|uses_and_keys|7709313604871077128",
    "16|sign_on|17441487127969026794",
    "17|external_ids|8130055806316743087",
    "18|imports|3091218288804435234",
    "19|mode_of_imports|12722647187856423139",
    "20|deadlines|9007849446817473184",
    "21|restored_enrollments|13523046225782508095",
    "22|groups_and_holds|9367792184976117751",
    "23|seat_changes|15154665935212482785",
    "24|canvas_sections|1174151064431975257",
    "25|sections_by_import|1772267597351240476",
    "26|links_by_account|11579056079741475682",
];
const RECORDED_ON_SERVERS: [&str; 26] = [
    "1|students|3140361654377976359",
    "2|courses|15364452587283715718",
    "3|student_courses|5234619456313024842",
    "4|event_log|11454282820623459657",
    "5|course_seats|14197937339495739361",
    "6|waitlist|13463143290665751673",
    "7|idempotency_keys|8738425012596272055",
    "8|nothing_lost|16554778991189375179",
    "9|writes_by_others|13950448962149591392",
    "10|writes_within_batches|14438249905922229154",
    "11|access|9005557836296758405",
    "12|sessions|17031284128451131134",
    "13|instructors|16317317316653033625",
    "14|records|4989046909568867970",
    "15|uses_and_keys|10317571313289659594",
    "16|sign_on|10663110745457415904",
    "17|external_ids|2162890879267061508",
    "18|imports|5969476482488830322",
    "19|mode_of_imports|12722647187856423139",
    "20|deadlines|9007849446817473184",
    "21|restored_enrollments|1410570562612818916",
    "22|groups_and_holds|4697942097528776242",
    "23|seat_changes|15127567168869181712",
    "24|canvas_sections|15041463265775619605",
    "25|sections_by_import|1458653509569450066",
    "26|links_by_account|11579056079741475682",
];

fn recorded(database: &Database) -> [&'static str; 26] {
    if database.is_on_a_server() { RECORDED_ON_SERVERS } else { RECORDED_IN_FILES }
}

fn record(other: &OtherProgram, rows: &[&str]) {
    for row in rows {
        let [version, name, checksum] = row.split('|').collect::<Vec<_>>().try_into().unwrap();
        let values = format!("{version}, '{name}', '2026-09-01T08:00:00.000Z', '{checksum}'");
        other.execute_batch(&format!("insert into matricula_migrations values ({values})")).unwrap();
    }
}

async fn migrate(database: &Database) -> Result<Vec<String>, String> {
    let done = adoption::migrate(database.location(), &Clock::System).await;
    done.map(|report| report.applied).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_new_database_records_what_earlier_builds_recorded() {
    let database = Database::new();
    assert_eq!(migrate(&database).await.unwrap().len(), 26);
    assert_eq!(database.other_program().column(HISTORY), recorded(&database));
}

#[tokio::test]
async fn a_database_of_an_earlier_build_stays_as_it_is() {
    let database = Database::new();
    migrate(&database).await.unwrap();
    let other = database.other_program();
    other
        .execute_batch(
            "drop table matricula_migrations;
             create table matricula_migrations (
                 version bigint primary key, name varchar(255), applied_on varchar(255), checksum varchar(255)
             );",
        )
        .unwrap();
    record(&other, &recorded(&database));

    assert_eq!(migrate(&database).await.unwrap(), [""; 0]);

    assert_eq!(other.column(HISTORY), recorded(&database));
    let applied_on = "select distinct applied_on from matricula_migrations";
    assert_eq!(other.column(applied_on), ["2026-09-01T08:00:00.000Z"]);
}

/// A new database as the build left it that had this many migrations.
pub(crate) async fn database_of_build(migrations: usize) -> Database {
    let database = Database::new();
    let script = adoption::dry_run(database.location(), &Clock::System, &adoption::MigrateOptions::default())
        .await
        .unwrap()
        .statements;
    let other = database.other_program();
    other
        .execute_batch(
            "create table matricula_migrations (
                 version bigint primary key, name varchar(255), applied_on varchar(255), checksum varchar(255)
             );",
        )
        .unwrap();
    for migration in &script[..migrations] {
        // It is in the engine's own dialect.
        other.execute_batch(migration).unwrap();
    }
    record(&other, &recorded(&database)[..migrations]);
    database
}

#[tokio::test]
async fn an_older_database_gets_the_migrations_that_it_lacks() {
    let database = database_of_build(7).await;

    assert_eq!(
        migrate(&database).await.unwrap(),
        [
            "V8__nothing_lost",
            "V9__writes_by_others",
            "V10__writes_within_batches",
            "V11__access",
            "V12__sessions",
            "V13__instructors",
            "V14__records",
            "V15__uses_and_keys",
            "V16__sign_on",
            "V17__external_ids",
            "V18__imports",
            "V19__mode_of_imports",
            "V20__deadlines",
            "V21__restored_enrollments",
            "V22__groups_and_holds",
            "V23__seat_changes",
            "V24__canvas_sections",
            "V25__sections_by_import",
            "V26__links_by_account"
        ]
    );

    assert_eq!(database.other_program().column(HISTORY), recorded(&database));
    assert_eq!(migrate(&database).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn an_association_of_an_earlier_build_takes_pairs_and_keeps_all_that_it_has() {
    let database = database_of_build(8).await;
    let other = database.other_program();
    other
        .execute_batch(
            "insert into students (id, name, email) values (1, 'Ana', ''), (2, 'Ben', '');
             insert into courses (id, name, level) values (1, 'Algebra', ''), (2, 'Botany', '');
             insert into student_courses (id, student_id, course_id, enrolled_at)
                 values (4, 1, 1, '2026-09-01T08:00:00.000Z');
             insert into events (seq, at, type, student_id, course_id, enrollment_id, data)
                 values (1, '2026-09-01T08:00:00.000Z', 'enrollment.created', 1, 1, 4, '{}');
             update log_head set last_seq = 1, last_enrollment_id = 9, last_at = '2026-09-01T08:00:00.000Z';
             create table terms (id integer primary key);
             insert into terms values (5);
             alter table student_courses add column grade text check (grade <> 'Z') default 'none';
             alter table student_courses add column term integer references terms (id);
             create index by_grade on student_courses (grade);
             create table visits (id integer primary key, enrollment integer references student_courses (id));
             insert into visits values (1, 4);
             update student_courses set grade = 'A', term = 5;",
        )
        .unwrap();
    let rows = "select id || ' ' || student_id || ' ' || course_id || ' ' || enrolled_at || ' ' || grade || ' ' || \
                coalesce(term, 0) from student_courses where id = 4";
    let before = other.column(rows);

    assert_eq!(
        migrate(&database).await.unwrap(),
        [
            "V9__writes_by_others",
            "V10__writes_within_batches",
            "V11__access",
            "V12__sessions",
            "V13__instructors",
            "V14__records",
            "V15__uses_and_keys",
            "V16__sign_on",
            "V17__external_ids",
            "V18__imports",
            "V19__mode_of_imports",
            "V20__deadlines",
            "V21__restored_enrollments",
            "V22__groups_and_holds",
            "V23__seat_changes",
            "V24__canvas_sections",
            "V25__sections_by_import",
            "V26__links_by_account"
        ]
    );

    // A connection that was open before sees it too.
    other.execute_batch("insert into student_courses (student_id, course_id) values (2, 2)").unwrap();
    assert_eq!(other.column(rows), before);
    let inserted = "select id || ' ' || grade from student_courses where student_id = 2";
    assert_eq!(other.column(inserted), ["10 none"]);
    let refused = "update student_courses set grade = 'Z'";
    other.execute_batch(refused).unwrap_err();
    other.execute_batch("drop index by_grade").unwrap();
    let school = School::open_at(&database).await;
    assert_eq!(school.log().await, ["enrollment.created", "enrollment.created"]);
    // A row that another table refers to stays.
    other.execute_batch("delete from student_courses where id = 4").unwrap_err();
}

#[tokio::test]
async fn an_association_that_another_program_recreated_is_migrated_with_a_remark_sqlite_only() {
    let database = database_of_build(8).await;
    let other = database.other_program();
    other
        .execute_batch(
            "insert into students (id, name, email) values (1, 'Ana', '');
             insert into courses (id, name, level) values (1, 'Algebra', '');
             drop table student_courses;
             create table student_courses (\"id\" integer primary key, student_id integer not null,
                 course_id integer not null, enrolled_at text not null , unique (student_id, course_id));",
        )
        .unwrap();
    let report = adoption::migrate(database.location(), &Clock::System).await.unwrap();
    assert_eq!(
        report.found,
        [
            "student_courses: another program has recreated it, so rows that other programs insert must have an id and \
             enrolled_at"
        ]
    );
    let refused =
        other.execute_batch("insert into student_courses (student_id, course_id) values (1, 1)").unwrap_err();
    assert!(refused.contains("NOT NULL constraint failed: student_courses.enrolled_at"), "{refused}");
    other
        .execute_batch("insert into student_courses (student_id, course_id, enrolled_at) values (1, 1, '')")
        .unwrap();
    let school = School::open_at(&database).await;
    assert_eq!(school.log().await, ["enrollment.created"]);
}

#[tokio::test]
async fn any_other_history_is_refused_and_stays_as_it_is() {
    for (change, reason) in [
        (
            "insert into matricula_migrations values (99, 'terms', '', '1')",
            concat!(
                "a newer version of matricula has migrated it (this is version ",
                env!("CARGO_PKG_VERSION"),
                ", which does not know V99__terms): use the newer version, or restore a backup"
            ),
        ),
        (
            "update matricula_migrations set checksum = '12345' where version = 3",
            "its migration V3__student_courses differs from the one in this version: it was created by a \
             modified matricula",
        ),
        (
            "update matricula_migrations set name = 'pupils' where version = 1",
            "its migration V1__pupils differs from the one in this version: it was created by a modified matricula",
        ),
        (
            "delete from matricula_migrations where version in (3, 4)",
            "its history in matricula_migrations has a gap: V3__student_courses is missing",
        ),
        (
            "update matricula_migrations set checksum = '-1' where version = 2",
            "matricula_migrations contains an invalid checksum: \"-1\"",
        ),
    ] {
        let database = Database::new();
        migrate(&database).await.unwrap();
        let other = database.other_program();
        other.execute_batch(change).unwrap();
        let before = other.column(HISTORY);

        let refusal = migrate(&database).await.unwrap_err();

        assert!(refusal.ends_with(&format!(": {reason}")), "{refusal}");
        assert_eq!(other.column(HISTORY), before);
    }
}
