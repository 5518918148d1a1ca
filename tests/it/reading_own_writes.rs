//! The header `X-Matricula-Seq`: where the log ended after a write, so that a read at another server can wait for it.

use serde_json::json;

use crate::school::{Client, Process, Reply, School, errors};

const SEQ: &str = "X-Matricula-Seq";

fn seq(reply: &Reply) -> i64 {
    reply.header(SEQ).parse().expect("the place in the log")
}

#[tokio::test]
async fn every_answer_to_a_write_says_where_the_log_ended() {
    let school = School::open().await;
    let ana = json!({"name": "Ana", "email": "ana@example.edu"});
    let algebra = json!({"name": "Algebra", "level": "one"});
    assert_eq!(seq(&school.post("/api/v1/students", ana.clone()).await.is_created()), 1);
    assert_eq!(seq(&school.post("/api/v1/courses", algebra).await.is_created()), 2);
    assert_eq!(seq(&school.put("/api/v1/students/1/courses/1").await.is_created()), 3);
    // Nothing new: it says how far the log reached when that was found out.
    assert_eq!(seq(&school.put("/api/v1/students/1/courses/1").await.is_ok()), 3);
    let refused = school.post("/api/v1/students/1/courses", json!({"course_id": 1})).await.is(409);
    assert_eq!(seq(&refused), 3);
    let renamed = school.patch("/api/v1/students/1", json!({"name": "Anna"})).await.is_ok();
    assert_eq!(seq(&renamed), 4);

    let twice = || school.ask("POST", "/api/v1/students").header("idempotency-key", "a").json(&ana);
    assert_eq!(seq(&twice().await.is_created()), 5);
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    let replayed = twice().await.is_created();
    assert_eq!((replayed.header("idempotency-replayed"), seq(&replayed)), ("true", 6));
}

#[tokio::test]
async fn what_writes_nothing_has_no_place_in_the_log() {
    let school = School::open().await;
    let ana = json!({"name": "Ana", "email": "ana@example.edu"});
    school.post("/api/v1/students", ana).await.is_created();
    for reply in [
        school.get("/api/v1/students/1").await.is_ok(),
        school.post("/api/v1/students", json!({"name": ""})).await.is(400),
    ] {
        assert!(!reply.headers.contains_key(SEQ), "{reply:?}");
    }
    // Answered while it is carried out: the last of its commits is still to come.
    let many: Vec<_> = (0..501).map(|_| json!({"op": "enroll", "student_id": 1, "course_id": 9})).collect();
    let streamed = school.post("/api/v1/enrollments/batch", json!(many)).await.is_ok();
    assert!(!streamed.headers.contains_key(SEQ));
    let short = school.post("/api/v1/enrollments/batch", json!(many[..500])).await.is_ok();
    assert_eq!(seq(&short), 1);
}

#[tokio::test]
async fn a_server_that_writes_answers_a_read_at_once_whatever_it_asks_for() {
    let school = School::open().await;
    school.course("Algebra").await;
    for wanted in ["0", "1", "9007199254740991"] {
        school.get("/api/v1/courses/1").header(SEQ, wanted).await.is_ok();
    }
}

#[tokio::test]
async fn a_place_that_is_none_is_refused_by_name() {
    let school = School::open().await;
    for wrong in ["", "x", "-1", "+1", "1.0", " 1,2", "9007199254740992", "99999999999999999999"] {
        let refused =
            school.get("/api/v1/courses").header(SEQ, wrong).await.is_refused(400, "invalid-request");
        assert_eq!(
            errors(&refused),
            [
                "X-Matricula-Seq: must be a single whole number from 0 to 9007199254740991, as an answer to a write has it"
            ]
        );
    }
    let twice = school.get("/api/v1/courses").header(SEQ, "1").header(SEQ, "1").await;
    twice.is_refused(400, "invalid-request");
}

/// Searches and the board answer from memory, which another server does not write to.
#[tokio::test]
async fn a_read_at_another_server_of_the_database_is_never_behind_postgres_only() {
    let school = School::open().await;
    let other = Process::serve(school.database()).await;
    let other = Client::new(other.address);
    for number in 1..=20 {
        let course = json!({"name": format!("Course {number}"), "level": "one"});
        let ana = json!({"name": format!("Ana {number}"), "email": "ana@example.edu"});
        school.post("/api/v1/courses", course).await.is_created();
        let place = seq(&school.post("/api/v1/students", ana).await.is_created()).to_string();
        let read = async |path: String| other.ask("GET", &path).header(SEQ, &place).await.is_ok();
        assert_eq!(read(format!("/api/v1/students?q=ana+{number}")).await.header("x-total-count"), "1");
        assert_eq!(read("/api/v1/students".to_owned()).await.header("x-total-count"), number.to_string());
        assert!(read("/registration".to_owned()).await.text().contains(&format!("Course {number}<")));

        let enrolled = school.put(&format!("/api/v1/students/{number}/courses/{number}")).await.is_created();
        let place = seq(&enrolled).to_string();
        let roster = other.ask("GET", &format!("/api/v1/courses/{number}/students")).header(SEQ, &place);
        assert_eq!(roster.await.is_ok().header("x-total-count"), "1");
    }
}
