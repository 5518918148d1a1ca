//! Other programs write to `student_courses` themselves: their rows get an id and a time, and each change is in the log
//! once. The audit of each closing school compares the log with the rows.

use serde_json::{Value, json};

use crate::school::{Database, School, eventually};

const ENROLLED: &str = "select student_id || ' ' || course_id || ' ' || id from student_courses order by 1";

/// A school with the students Ana, Ben and Cleo and the courses Algebra and Botany.
pub(crate) async fn school() -> School {
    let school = School::open().await;
    school.students(["Ana", "Ben", "Cleo"]).await;
    school.courses(["Algebra", "Botany"]).await;
    school
}

/// The entries of the log about enrollments and waitlists: type, student, course, enrollment, actor.
pub(crate) async fn enrollments_in_the_log(school: &School) -> Vec<String> {
    let log = school.get("/api/v1/events").await.is_ok().json();
    let entries = log.as_array().unwrap().iter().filter(|entry| {
        let kind = entry["type"].as_str().unwrap();
        kind.starts_with("enrollment.") || kind.starts_with("waitlist.")
    });
    entries.map(line).collect()
}

fn line(entry: &Value) -> String {
    let text = |name: &str| entry[name].to_string().replace(['"'], "");
    ["type", "student_id", "course_id", "enrollment_id", "actor"].map(text).join(" ")
}

/// An insert of pairs as Django's `add` sends it, which leaves out those that exist.
fn insert_or_ignore(database: &Database, pairs: &str) {
    let columns = "student_courses (course_id, student_id)";
    database.runs(&if database.is_on_a_server() {
        format!("insert into {columns} values {pairs} on conflict do nothing")
    } else {
        format!("insert or ignore into {columns} values {pairs}")
    });
}

#[tokio::test]
async fn a_pair_gets_an_id_a_time_and_an_event() {
    let school = school().await;
    let other = school.other_program();
    other.execute_batch("insert into student_courses (student_id, course_id) values (2, 1)").unwrap();
    assert_eq!(enrollments_in_the_log(&school).await, ["enrollment.created 2 1 1 database"]);
    let enrollment = school.get("/api/v1/students/2/courses/1").await.is_ok().json();
    let log = school.get("/api/v1/events?type=enrollment.created").await.is_ok().json();
    assert_eq!(enrollment["id"], 1);
    assert_eq!(enrollment["enrolled_at"], log[0]["at"]);
    assert_eq!(log[0]["seq"], 6);
    // matricula goes on after it.
    let next = school.put("/api/v1/students/1/courses/1").await.is_created().json();
    assert_eq!(next["id"], 2);
}

#[tokio::test]
async fn a_pair_that_exists_is_ignored_without_an_event() {
    let school = school().await;
    school.put("/api/v1/students/1/courses/1").await.is_created();
    insert_or_ignore(school.database(), "(1, 1), (1, 2)");
    insert_or_ignore(school.database(), "(1, 1), (1, 2)");
    let log = enrollments_in_the_log(&school).await;
    assert_eq!(log[0], "enrollment.created 1 1 1 anonymous");
    assert!(log[1].starts_with("enrollment.created 2 1 ") && log[1].ends_with(" database"), "{log:?}");
    assert_eq!(log.len(), 2);
}

#[tokio::test]
async fn many_rows_of_one_statement_are_logged_in_order_without_a_gap() {
    let school = school().await;
    school.other_program_runs(
        "insert into student_courses (student_id, course_id) select s.id, c.id from students s, courses c order by 1, 2",
    );
    school.other_program_runs("delete from student_courses");
    let log = school.get("/api/v1/events").await.is_ok().json();
    let seqs: Vec<_> = log.as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (1..=17).collect::<Vec<_>>());
    let log = enrollments_in_the_log(&school).await;
    assert_eq!(
        (log[0].as_str(), log[5].as_str()),
        ("enrollment.created 1 1 1 database", "enrollment.created 3 2 6 database")
    );
    assert!(log[6..].iter().all(|entry| entry.starts_with("enrollment.dropped")), "{log:?}");
    // The ids do not come back.
    let next = school.put("/api/v1/students/1/courses/1").await.is_created().json();
    assert_eq!(next["id"], 7);
}

#[tokio::test]
async fn a_row_that_is_inserted_with_an_id_has_that_id_unless_it_was_used_before() {
    let school = school().await;
    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    let insert = |id: i64, student: i64| {
        school.other_program().execute_batch(&format!(
            "insert into student_courses (id, student_id, course_id, enrolled_at) values ({id}, {student}, 1, 'long ago')"
        ))
    };
    insert(40, 1).unwrap();
    insert(20, 2).unwrap();
    for id in [1, 0, -5, 9_007_199_254_740_992] {
        let refusal = insert(id, 3).unwrap_err();
        assert!(refusal.contains("leave it out, and the row gets one"), "{refusal}");
    }
    // An id far above the others keeps nobody out.
    insert(9_007_199_254_740_000, 3).unwrap();
    assert_eq!(
        enrollments_in_the_log(&school).await[2..],
        [
            "enrollment.created 1 1 40 database",
            "enrollment.created 2 1 20 database",
            "enrollment.created 3 1 9007199254740000 database"
        ]
    );
    assert_eq!(school.put("/api/v1/students/1/courses/2").await.is_created().json()["id"], 41);
}

#[tokio::test]
async fn another_pair_is_another_enrollment() {
    let school = school().await;
    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.other_program_runs("update student_courses set course_id = 2 where student_id = 1");
    assert_eq!(
        enrollments_in_the_log(&school).await[1..],
        ["enrollment.dropped 1 1 1 database", "enrollment.created 1 2 2 database"]
    );
    assert_eq!(school.other_program().column(ENROLLED), ["1 2 2"]);
    // A program that writes all columns of a row changes nothing.
    school.other_program_runs("update student_courses set id = id, student_id = student_id, course_id = 2");
    assert_eq!(enrollments_in_the_log(&school).await.len(), 3);
    let refusal = school.other_program().execute_batch("update student_courses set id = 9").unwrap_err();
    assert!(refusal.contains("student_courses.id cannot be changed"), "{refusal}");
    assert_eq!(school.put("/api/v1/students/2/courses/1").await.is_created().json()["id"], 3);
}

#[tokio::test]
async fn a_deleted_row_is_a_drop() {
    let school = school().await;
    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.other_program_runs("delete from student_courses where student_id = 1");
    assert_eq!(enrollments_in_the_log(&school).await[1..], ["enrollment.dropped 1 1 1 database"]);
    // The next row does not get the id again, whoever adds it.
    school.other_program_runs("insert into student_courses (student_id, course_id) values (1, 1)");
    assert_eq!(school.other_program().column(ENROLLED), ["1 1 2"]);
}

#[tokio::test]
async fn an_id_that_a_batch_gave_and_took_back_is_not_used_again() {
    let school = school().await;
    let operations = json!([
        {"op": "enroll", "student_id": 1, "course_id": 1}, {"op": "drop", "student_id": 1, "course_id": 1}
    ]);
    school.post("/api/v1/enrollments/batch?mode=all", operations).await.is_ok();
    school.other_program_runs("insert into student_courses (student_id, course_id) values (1, 1)");
    assert_eq!(enrollments_in_the_log(&school).await[2], "enrollment.created 1 1 2 database");
}

#[tokio::test]
async fn what_another_program_rolls_back_was_never_there() {
    let school = school().await;
    let other = school.other_program();
    other
        .execute_batch("begin; insert into student_courses (student_id, course_id) values (1, 1); rollback")
        .unwrap();
    assert_eq!(enrollments_in_the_log(&school).await, [""; 0]);
    assert_eq!(school.put("/api/v1/students/2/courses/1").await.is_created().json()["id"], 1);
    assert_eq!(school.log().await.len(), 6);
}

#[tokio::test]
async fn changes_of_matricula_are_logged_once() {
    let school = school().await;
    school.put("/api/v1/courses/1/seats").json(&json!({"capacity": 1, "waitlist_capacity": 5})).await.is_ok();
    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.put("/api/v1/students/2/courses/1").await.is(202);
    // Only the answer of a refusal is stored: the head is marked and released without an entry.
    let again = school.post("/api/v1/students/1/courses", json!({"course_id": 1}));
    again.header("idempotency-key", "again").await.is(409);
    school.delete("/api/v1/students/1?drop=true").await.is(204);
    let log = enrollments_in_the_log(&school).await;
    assert_eq!(
        log,
        [
            "enrollment.created 1 1 1 anonymous",
            "waitlist.joined 2 1 null anonymous",
            "enrollment.dropped 1 1 1 anonymous",
            "waitlist.promoted 2 1 2 anonymous"
        ]
    );
    // Nor does a batch leave the mark behind that keeps the triggers quiet.
    school.other_program_runs("delete from student_courses");
    assert_eq!(enrollments_in_the_log(&school).await.len(), 5);
}

#[tokio::test]
async fn rules_do_not_bind_other_programs_but_their_rows_are_counted() {
    let school = school().await;
    school.put("/api/v1/courses/1/seats").json(&json!({"capacity": 1})).await.is_ok();
    school.put("/api/v1/students/1/courses/1").await.is_created();
    insert_or_ignore(school.database(), "(1, 2)");
    let seats = school.get("/api/v1/courses/1/seats").await.is_ok().json();
    assert_eq!((&seats["enrolled"], &seats["capacity"]), (&json!(2), &json!(1)));
    school.put("/api/v1/students/3/courses/1").await.is_refused(409, "course-full");
    // One of two leaves, and the course is still full.
    school.other_program_runs("delete from student_courses where student_id = 1");
    school.put("/api/v1/students/3/courses/1").await.is_refused(409, "course-full");
    school.other_program_runs("delete from student_courses");
    school.put("/api/v1/students/3/courses/1").await.is_created();
}

#[tokio::test]
async fn a_student_whom_another_program_enrolls_leaves_the_waitlist() {
    let school = school().await;
    school.put("/api/v1/courses/1/seats").json(&json!({"capacity": 1, "waitlist_capacity": 5})).await.is_ok();
    school.put("/api/v1/students/1/courses/1").await.is_created();
    for student in [2, 3] {
        school.put(&format!("/api/v1/students/{student}/courses/1")).await.is(202);
    }
    school.other_program_runs("insert into student_courses (student_id, course_id) values (3, 1)");
    assert_eq!(
        enrollments_in_the_log(&school).await[3..],
        ["waitlist.left 3 1 null database", "enrollment.created 3 1 2 database"]
    );
    // Also by a change of the pair.
    school.put("/api/v1/students/3/courses/2").await.is_created();
    school.other_program_runs(
        "update student_courses set student_id = 2 where student_id = 3 and course_id = 1",
    );
    assert_eq!(school.get("/api/v1/courses/1/waitlist").await.is_ok().json(), json!([]));
}

#[tokio::test]
async fn a_seat_that_another_program_frees_goes_to_the_waitlist() {
    let school = school().await;
    school.put("/api/v1/courses/1/seats").json(&json!({"capacity": 1, "waitlist_capacity": 5})).await.is_ok();
    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.put("/api/v1/students/2/courses/1").await.is(202);
    school.other_program_runs("delete from student_courses");
    eventually("the seat is given to Ben", async || {
        enrollments_in_the_log(&school).await.last().unwrap() == "waitlist.promoted 2 1 2 database"
    })
    .await;
    // As long as no server runs, that is a note of the audit.
    let database = school.close().await;
    let school = School::open_at(&database).await;
    school.put("/api/v1/students/3/courses/1").await.is(202);
    let database = school.close().await;
    database.runs("delete from student_courses");
    let audit =
        matricula::audit::audit(&matricula::db::Db::open(database.location()).unwrap()).await.unwrap();
    assert_eq!(audit.findings, []);
    assert_eq!(audit.notes[0].rows, ["course 1"]);
}

#[tokio::test]
async fn a_stream_hears_of_writes_by_others() {
    let school = school().await;
    let mut stream =
        school.get("/api/v1/events?after=5").header("accept", "text/event-stream").listen().await;
    school.other_program_runs("insert into student_courses (student_id, course_id) values (1, 1)");
    school.other_program_runs("delete from student_courses");
    assert_eq!(stream.seqs(2).await, [6, 7]);
}

#[tokio::test]
async fn rows_that_are_replaced_are_dropped_sqlite_only() {
    let school = school().await;
    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.put("/api/v1/students/2/courses/1").await.is_created();
    school.other_program_runs("insert or replace into student_courses (student_id, course_id) values (1, 1)");
    school.other_program_runs("update or replace student_courses set student_id = 1 where student_id = 2");
    assert_eq!(
        enrollments_in_the_log(&school).await[2..],
        [
            "enrollment.dropped 1 1 1 database",
            "enrollment.created 1 1 3 database",
            "enrollment.dropped 2 1 2 database",
            "enrollment.dropped 1 1 3 database",
            "enrollment.created 1 1 4 database",
        ]
    );
}

#[tokio::test]
async fn the_other_program_learns_the_id_of_its_row() {
    let school = school().await;
    let other = school.other_program();
    let insert = "insert into student_courses (student_id, course_id) values (1, 1)";
    if school.database().is_on_a_server() {
        assert_eq!(other.column(&format!("{insert} returning id")), ["1"]);
    } else {
        other.execute_batch(insert).unwrap();
        assert_eq!(other.column("select last_insert_rowid()"), ["1"]);
        assert_eq!(other.column("select changes()"), ["1"]);
    }
}

/// Two students of our own and two of another program change courses at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_at_once_breaks_no_promise() {
    const ROUNDS: usize = 150;
    let school = school().await;
    school.student("Dan").await;
    school.put("/api/v1/courses/1/seats").json(&json!({"capacity": 1, "waitlist_capacity": 9})).await.is_ok();
    let database = school.database().clone();
    let others: Vec<_> = [3, 4]
        .map(|student| {
            let database = database.clone();
            std::thread::spawn(move || {
                let other = database.other_program();
                let mut chance = fastrand::Rng::with_seed(student);
                for _ in 0..ROUNDS {
                    let course = chance.i64(1..=2);
                    let pair = format!("student_id = {student} and course_id = {course}");
                    let is_there =
                        other.column(&format!("select count(*) from student_courses where {pair}")) == ["1"];
                    let sql = if is_there {
                        format!("delete from student_courses where {pair}")
                    } else {
                        format!(
                            "insert into student_courses (student_id, course_id) values ({student}, {course})"
                        )
                    };
                    other.execute_batch(&sql).unwrap();
                }
            })
        })
        .into();
    let mut chance = fastrand::Rng::with_seed(7);
    for _ in 0..ROUNDS {
        let (student, course) = (chance.i64(1..=2), chance.i64(1..=2));
        let path = format!("/api/v1/students/{student}/courses/{course}");
        let reply = if chance.bool() { school.put(&path).await } else { school.delete(&path).await };
        assert!(reply.status.as_u16() < 500, "{reply:?}");
    }
    for other in others {
        other.join().unwrap();
    }
    let log = enrollments_in_the_log(&school).await;
    let theirs = log.iter().filter(|entry| entry.ends_with("database") && !entry.starts_with("waitlist"));
    assert_eq!(theirs.count(), 2 * ROUNDS);
}
