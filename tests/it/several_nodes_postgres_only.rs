//! A database whose tables are on several nodes is refused. Citus is not installed: the tests create its catalogs.

use std::fmt::Write as _;

use matricula::adoption;
use matricula::clock::Clock;

use crate::school::{Database, School};

const CATALOGS: &str = "
    create table pg_dist_partition (
        logicalrelid regclass not null, partmethod \"char\" not null, partkey text, colocationid integer not null default 0,
        repmodel \"char\" not null default 's', autoconverted boolean not null default false
    );
    create table pg_dist_shard (
        logicalrelid regclass not null, shardid bigint not null, shardstorage \"char\" not null,
        shardminvalue text, shardmaxvalue text
    );
    create table pg_dist_placement (
        placementid bigint not null, shardid bigint not null, shardstate integer not null, shardlength bigint not null,
        groupid integer not null
    );";

/// A database of ours in a cluster that has placed these tables: name, method and the group of each shard's placement.
async fn placed(tables: &[(&str, &str, &[i64])]) -> Database {
    let database = School::open().await.close().await;
    let mut script = CATALOGS.to_owned();
    let mut shard = 102_008;
    for (name, method, groups) in tables {
        write!(script, "insert into pg_dist_partition values ('{name}', '{method}', null, 3, 't');").unwrap();
        for group in *groups {
            // Each shard of a divided table is on one node; a copied table has one shard, which is on every node.
            if *method == "h" || *group == groups[0] {
                shard += 1;
                write!(script, "insert into pg_dist_shard values ('{name}', {shard}, 't', null, null);")
                    .unwrap();
            }
            write!(script, "insert into pg_dist_placement values ({shard}, {shard}, 1, 0, {group});")
                .unwrap();
        }
    }
    database.other_program().execute_batch(&script).unwrap();
    database
}

const OURS: [&str; 36] = [
    "students",
    "courses",
    "student_courses",
    "events",
    "log_head",
    "course_seats",
    "waitlist",
    "idempotency_keys",
    "kept_columns",
    "matricula_access",
    "matricula_accounts",
    "matricula_course_codes",
    "matricula_group_students",
    "matricula_groups",
    "matricula_holds",
    "matricula_import_entries",
    "matricula_import_files",
    "matricula_import_rows",
    "matricula_imports",
    "matricula_instructors",
    "matricula_keys",
    "matricula_links",
    "matricula_people",
    "matricula_identities",
    "matricula_used_states",
    "matricula_rules",
    "matricula_seat_changes",
    "matricula_seat_change_courses",
    "matricula_canvas_sections",
    "matricula_sessions",
    "matricula_student_numbers",
    "matricula_token_uses",
    "matricula_sign_ins",
    "matricula_disclosures",
    "matricula_tokens",
    "matricula_migrations",
];

async fn refusal(database: &Database) -> String {
    let serve_error =
        matricula::server::School::open(database.location(), Clock::System, None).await.unwrap_err();
    let migrate_error = adoption::migrate(database.location(), &Clock::System).await.unwrap_err();
    let dry_run_error =
        adoption::dry_run(database.location(), &Clock::System, &adoption::MigrateOptions::default())
            .await
            .unwrap_err();
    assert_eq!(format!("{serve_error:#}"), migrate_error.to_string());
    assert_eq!(dry_run_error.to_string(), migrate_error.to_string());
    migrate_error.to_string()
}

#[tokio::test]
async fn a_table_that_is_divided_over_nodes_is_refused_with_a_remedy() {
    let database = placed(&[("students", "h", &[1, 2, 1, 2]), ("courses", "n", &[0, 1, 2])]).await;
    let error = refusal(&database).await;
    for words in [
        "its tables are on several nodes",
        "students divided over the nodes 1, 2",
        "courses copied to the nodes 0, 1, 2",
        "events on node 0",
        "a seat could be given out twice",
        "Keep each institution in one schema on one node",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[tokio::test]
async fn tables_that_lie_whole_on_different_nodes_are_refused() {
    let error = refusal(&placed(&[("student_courses", "n", &[2])]).await).await;
    assert!(error.contains("student_courses on node 2") && error.contains("log_head on node 0"), "{error}");
}

#[tokio::test]
async fn a_schema_that_lies_whole_on_one_node_is_served() {
    let tables = OURS.map(|name| (name, "n", &[2_i64][..]));
    let database = placed(&tables).await;
    let school = School::open_at(&database).await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    ana.enrolls_in(&algebra).await.is_created();
}

#[tokio::test]
async fn a_schema_without_triggers_is_migrated_with_a_remark() {
    for place in [
        "create table pg_dist_schema (schemaid regnamespace); insert into pg_dist_schema values ('public')",
        "create table student_courses (id integer, student_id integer, course_id integer);
         insert into pg_dist_partition values ('student_courses', 'n', null, 3, 's')",
    ] {
        let database = Database::new();
        database.runs(CATALOGS);
        database.runs(place);
        // The catalogs of this test are tables like any other.
        let options = adoption::MigrateOptions { new_school: true, ..adoption::MigrateOptions::default() };
        let report = adoption::migrate_with(database.location(), &Clock::System, &options).await.unwrap();
        let remark = "student_courses: Citus allows no triggers on distributed tables, so writes of other programs \
                      cannot be logged: only matricula may write there";
        assert!(report.found.contains(&remark.to_owned()), "{:?}", report.found);
        let triggers = "select count(*) from pg_trigger where not tgisinternal";
        assert_eq!(database.other_program().column(triggers), ["0"]);
        let school = School::open_at(&database).await;
        let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
        ana.enrolls_in(&algebra).await.is_created();
    }
}

#[tokio::test]
async fn divided_tables_of_another_schema_do_not_matter() {
    let database = placed(&[]).await;
    database.runs(
        "create schema other; create table other.students (id bigint);
         insert into pg_dist_partition values ('other.students', 'h', null, 3, 's');
         insert into pg_dist_shard values ('other.students', 1, 't', null, null), ('other.students', 2, 't', null, null);
         insert into pg_dist_placement values (1, 1, 1, 0, 1), (2, 2, 1, 0, 2);",
    );
    drop(School::open_at(&database).await);
}
