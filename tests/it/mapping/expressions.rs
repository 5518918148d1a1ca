//! Columns that a mapping computes.

use super::{MAPPING, TABLES, found, migrate};
use crate::school::Database;

#[tokio::test]
async fn an_expression_is_one_value_of_a_row_and_nothing_more() {
    let database = found();
    let name = "name = \"trim(first_name || ' ' || coalesce(last_name, ''))\"";
    for mistake in [
        "max(first_name)",
        "count(*)",
        "first_name), (last_name",
        "first_name; drop table person",
        "first_name --",
        "?1",
        ":name",
        "$1",
        "'open",
        "\\\"nothing\\\"",
    ] {
        let mistaken = MAPPING.replace(name, &format!("name = \"{mistake}\""));
        let refusal = migrate(&database, &mistaken).await.unwrap_err();
        assert!(refusal.contains("[students] name = "), "{mistake}: {refusal}");
    }
    let open = MAPPING.replace("state = 'active'", "state = 'active') or (1 = 1");
    assert!(migrate(&database, &open).await.unwrap_err().contains("a parenthesis closes"));
}

#[tokio::test]
async fn a_time_that_cannot_be_read_is_refused_sqlite_only() {
    let database = found();
    for time in ["HT-2019", "2020-02-30", "12:00", "2020"] {
        database
            .other_program()
            .execute_batch(&format!("update seat set since = '{time}' where state = 'active'"))
            .unwrap();
        let refusal = migrate(&database, MAPPING).await.unwrap_err();
        assert!(refusal.contains("seat has values in since that are not times:"), "{time}: {refusal}");
    }
}

#[tokio::test]
async fn an_expression_that_fails_for_a_row_or_fits_no_view_is_refused_postgres_only() {
    let database = found();
    let name = "name = \"trim(first_name || ' ' || coalesce(last_name, ''))\"";
    for (mistake, why) in
        [("1 / (number - 12)", "does not accept this value"), ("first_name, last_name", "record")]
    {
        let mistaken = MAPPING.replace(name, &format!("name = \"{mistake}\""));
        let refusal = migrate(&database, &mistaken).await.unwrap_err();
        assert!(refusal.contains("[students] name = ") && refusal.contains(why), "{refusal}");
    }
}

#[tokio::test]
async fn times_after_the_year_9999_are_still_to_come_and_times_before_christ_none_postgres_only() {
    let database = found();
    let set = |time: &str| {
        let sql = format!("update seat set since = '{time}' where state = 'active'");
        database.other_program().execute_batch(&sql).unwrap();
    };
    set("0044-03-15 BC");
    let refusal = migrate(&database, MAPPING).await.unwrap_err();
    assert!(refusal.contains("seat has values in since that are not times:"), "{refusal}");

    set("20000-01-01");
    migrate(&database, MAPPING).await.unwrap();
    let times =
        database.other_program().column("select distinct substr(enrolled_at, 1, 2) from student_courses");
    assert_eq!(times, ["20"]);
    let long = database
        .other_program()
        .column("select enrolled_at from student_courses where length(enrolled_at) <> 24");
    assert_eq!(long, [""; 0]);
}

#[tokio::test]
async fn a_number_is_a_time_in_seconds_or_milliseconds_since_1970() {
    let database = Database::new();
    let tables = TABLES
        .replace("since timestamp", "since bigint")
        .replace("'2026-02-01 10:00:00'", "1769940000")
        .replace("'2026-03-01 10:00:00'", "1772359200000")
        .replace("'2026-01-01 10:00:00'", "null");
    database.other_program().execute_batch(&tables).unwrap();

    migrate(&database, MAPPING).await.unwrap();

    let times = database
        .other_program()
        .column("select enrolled_at from student_courses where course_id = 31 order by student_id");
    assert_eq!(times, ["2026-02-01T10:00:00.000Z", "2026-03-01T10:00:00.000Z"]);
}
