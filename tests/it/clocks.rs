//! Two times: the clock decides, the time in the log only orders. A clock that was wrong once does not move
//! registration.

use std::time::Duration;

use matricula::clock::Clock;
use matricula::registrar::{Admission, CourseId, Enroll, StudentId};
use serde_json::json;

use crate::school::{FIRST_DAY, School, submit};

#[tokio::test]
async fn a_clock_that_was_wrong_once_closes_nothing_for_good() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let ana = school.student("Ana").await;
    school
        .put(&algebra.seats_url())
        .json(&json!({"capacity": null, "closes_at": "2026-09-30T00:00:00Z"}))
        .await
        .is_ok();
    school
        .put(&botany.seats_url())
        .json(&json!({"capacity": null, "opens_at": "2026-09-10T00:00:00Z"}))
        .await
        .is_ok();
    school.clock.set("2100-01-01T00:00:00Z".parse().unwrap());
    school.student("From the future").await;
    school.clock.set(FIRST_DAY.parse().unwrap());

    let enrolled = ana.enrolls_in(&algebra).await.is_created();
    // Times in the log do not go back all the same.
    assert_eq!(enrolled.json()["enrolled_at"], "2100-01-01T00:00:00.000Z");
    ana.enrolls_in(&botany).await.is_refused(409, "registration-not-open");
    let database = school.close().await;
    let school = School::open_at(&database).await;
    school.put("/api/v1/students/2/courses/1").await.is_created();
}

#[tokio::test]
async fn a_log_that_is_ahead_of_the_clock_is_reported() {
    let school = School::open().await;
    school.student("Ana").await;
    school.get("/readyz").await.is_ok();
    school.let_pass(Duration::from_secs(90));
    school.student("Ben").await;
    school.clock.set(FIRST_DAY.parse().unwrap());
    school.student("Cleo").await;
    let problem = school.get("/readyz").await.is_refused(503, "overloaded");
    assert!(problem["detail"].as_str().unwrap().contains("the log is 90 s ahead of the clock"), "{problem}");
    let metrics = school.get("/metrics").await.is_ok().text().to_owned();
    assert!(metrics.contains("\nmatricula_log_ahead_seconds 90.0\n"), "{metrics}");
    // Up to a minute is tolerated.
    school.let_pass(Duration::from_secs(40));
    school.student("Dan").await;
    school.get("/readyz").await.is_ok();
    school.let_pass(Duration::from_mins(1));
    school.student("Eve").await;
    assert!(school.get("/metrics").await.is_ok().text().contains("\nmatricula_log_ahead_seconds 0.0\n"));
}

#[tokio::test]
async fn stored_answers_expire_by_the_clock() {
    let school = School::open().await;
    let ask = || {
        let body = json!({"name": "Ana", "email": "ana@example.edu"});
        school.post("/api/v1/students", body).header("idempotency-key", "one")
    };
    school.clock.set("2100-01-01T00:00:00Z".parse().unwrap());
    let other = school.post("/api/v1/students", json!({"name": "Zoe", "email": "z@example.edu"}));
    other.header("idempotency-key", "from-the-future").await.is_created();
    school.clock.set(FIRST_DAY.parse().unwrap());
    let first = ask().await.is_created().json();
    assert_eq!(ask().await.is_created().json(), first);
    school.let_pass(Duration::from_hours(25));
    assert_ne!(ask().await.is_created().json(), first);
    // The answer that was stored while the clock was wrong is gone too.
    let keys = school.other_program().column("select key from idempotency_keys");
    assert_eq!(keys, ["one"]);
}

#[tokio::test]
async fn servers_use_the_clock_of_their_database_postgres_only() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    school.student("Ana").await;
    let opens = (jiff::Timestamp::now() + Duration::from_mins(30)).to_string();
    school.put(&algebra.seats_url()).json(&json!({"capacity": 30, "opens_at": opens})).await.is_ok();
    // A database server whose clock is an hour ahead of this machine's.
    let database = school.close().await;
    database.other_program().execute_batch(
        "do $$ begin execute format('alter database %I set search_path = public, pg_catalog', current_database()); end $$;
         create function public.clock_timestamp() returns timestamptz language sql
             as $$ select pg_catalog.clock_timestamp() + interval '1 hour' $$;",
    )
    .unwrap();
    let school = matricula::server::School::open(database.location(), Clock::System, None).await.unwrap();
    let command = Enroll::new(StudentId(1), CourseId(1));
    let admission = submit(&school.app.registrar, command).await;
    assert!(matches!(admission, Ok(Admission::Enrolled(_))), "{admission:?}");
    school.close().await;
}
