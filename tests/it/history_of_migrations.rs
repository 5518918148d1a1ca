//! The history that earlier builds have recorded, on both engines: it stays valid, and any other is refused.

use matricula::adoption;
use matricula::clock::Clock;

use crate::school::{Database, OtherProgram};

const HISTORY: &str =
    "select version || '|' || name || '|' || checksum from matricula_migrations order by version";

/// As recorded by builds whose checksums the library refinery 0.10 computed. Existing databases have these rows: if a
/// test fails here, they would be refused.
const RECORDED_IN_FILES: [&str; 8] = [
    "1|students|7767331831636230670",
    "2|courses|3121713217963407798",
    "3|student_courses|766989643353046671",
    "4|event_log|18363468985587166540",
    "5|course_seats|17227747871117172851",
    "6|waitlist|14232141762480102607",
    "7|idempotency_keys|3436870646785186862",
    "8|nothing_lost|14773140689633357615",
];
const RECORDED_ON_SERVERS: [&str; 8] = [
    "1|students|3140361654377976359",
    "2|courses|15364452587283715718",
    "3|student_courses|5234619456313024842",
    "4|event_log|11454282820623459657",
    "5|course_seats|14197937339495739361",
    "6|waitlist|13463143290665751673",
    "7|idempotency_keys|8738425012596272055",
    "8|nothing_lost|16554778991189375179",
];

fn recorded(database: &Database) -> [&'static str; 8] {
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
    assert_eq!(migrate(&database).await.unwrap().len(), 8);
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

#[tokio::test]
async fn an_older_database_gets_the_migrations_that_it_lacks() {
    let database = Database::new();
    migrate(&database).await.unwrap();
    let other = database.other_program();
    other
        .execute_batch(
            "drop index idempotency_keys_student;
             alter table idempotency_keys drop column student_id;
             alter table log_head drop column keeps;
             drop table kept_columns;
             alter table events drop column batch;
             delete from matricula_migrations where version = 8;",
        )
        .unwrap();

    assert_eq!(migrate(&database).await.unwrap(), ["V8__nothing_lost"]);

    assert_eq!(other.column(HISTORY), recorded(&database));
}

#[tokio::test]
async fn any_other_history_is_refused_and_stays_as_it_is() {
    for (change, reason) in [
        (
            "insert into matricula_migrations values (9, 'terms', '', '1')",
            "it was created by a newer version of matricula (migration V9__terms is unknown to this one): \
             use that version",
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
