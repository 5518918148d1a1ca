//! Many operations in one request.

use serde_json::{Value, json};

use crate::access::{WithToken as _, create};
use crate::school::{Course, School, Student, errors};

const BATCH: &str = "/api/v1/enrollments/batch";

fn enroll(student: &Student, course: &Course) -> Value {
    json!({"op": "enroll", "student_id": student.id, "course_id": course.id})
}

fn drop(student: &Student, course: &Course) -> Value {
    json!({"op": "drop", "student_id": student.id, "course_id": course.id})
}

fn swap(student: &Student, from: &Course, to: &Course) -> Value {
    json!({"op": "swap", "student_id": student.id, "from": from.id, "to": to.id})
}

fn statuses(results: &Value) -> Vec<i64> {
    let results = results.as_array().unwrap();
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], index);
    }
    results.iter().map(|result| result["status"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn each_operation_is_answered_as_it_would_be_by_itself() {
    let school = School::open().await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    let algebra = school.course("Algebra").await;
    algebra.seats(1, 1).await;
    let body = json!([
        enroll(&ana, &algebra),
        enroll(&ben, &algebra),
        enroll(&cleo, &algebra),
        enroll(&ana, &algebra),
        drop(&ana, &algebra),
        drop(&ana, &algebra),
        {"op": "enroll", "student_id": 99, "course_id": algebra.id},
        enroll(&cleo, &algebra),
    ]);
    let reply = school.post(BATCH, body).await.is_ok();
    let results = reply.json();
    assert_eq!(statuses(&results), [201, 202, 409, 409, 204, 404, 404, 202]);
    assert_eq!(
        results[0],
        json!({"index": 0, "status": 201, "enrollment": {"id": 1, "student_id": ana.id, "course_id": algebra.id, "enrolled_at": "2026-09-01T08:00:00.000Z"}})
    );
    assert_eq!(results[1]["waitlisted"]["position"], 1);
    for (place, kind) in
        [(2, "waitlist-full"), (3, "already-enrolled"), (5, "enrollment-not-found"), (6, "student-not-found")]
    {
        let problem = &results[place]["problem"];
        assert_eq!(problem["type"], format!("/problems/{kind}"));
        assert_eq!(problem["instance"], reply.header("x-request-id"));
    }
    assert_eq!(results[4], json!({"index": 4, "status": 204}));
    // The drop gave Ben a seat, and Cleo took Ben's place on the waitlist.
    assert_eq!((algebra.roster().await, algebra.waitlist().await), (vec!["Ben".into()], vec!["Cleo".into()]));
}

#[tokio::test]
async fn with_mode_all_everything_is_done_or_nothing() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    botany.seats(0, 0).await;
    let before = school.log().await;
    let all = format!("{BATCH}?mode=all");

    let body =
        json!([enroll(&ana, &algebra), enroll(&ana, &botany), enroll(&ben, &algebra), drop(&ben, &botany)]);
    let results = school.post(&all, body).await.is_ok().json();

    assert_eq!(statuses(&results), [424, 409, 424, 404]);
    assert_eq!(results[0], json!({"index": 0, "status": 424}));
    assert_eq!(results[1]["problem"]["type"], "/problems/course-full");
    assert_eq!(school.log().await, before);
    let results =
        school.post(&all, json!([enroll(&ana, &algebra), enroll(&ben, &algebra)])).await.is_ok().json();
    assert_eq!(statuses(&results), [201, 201]);
    assert_eq!(algebra.roster().await, ["Ana", "Ben"]);
}

#[tokio::test]
async fn a_seat_or_nothing() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.seats(1, 5).await;
    let seat = |student: &Student| json!({"course_id": algebra.id, "student_id": student.id, "wait": false});
    let mut body = seat(&ana);
    body.as_object_mut().unwrap().remove("student_id");
    school.post(&ana.courses_url(), body.clone()).await.is_created();
    let full = school.post(&ben.courses_url(), body).await.is_refused(409, "course-full");
    assert_eq!((&full["capacity"], &full["enrolled"]), (&json!(1), &json!(1)));
    let ensure = || school.put(&ben.enrollment_url(&algebra));
    ensure().json(&json!({"wait": false})).await.is_refused(409, "course-full");
    let problem = ensure().json(&json!({"seat": true})).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["/seat: is not a known field; the known ones are `wait`"]);
    ensure()
        .header("content-type", "text/plain")
        .body("wait")
        .await
        .is_refused(415, "unsupported-media-type");
    let mut operation = seat(&ben);
    operation["op"] = "enroll".into();
    let results = school.post(BATCH, json!([operation.clone()])).await.is_ok().json();
    assert_eq!(statuses(&results), [409]);
    operation["wait"] = "no".into();
    let problem = school.post(BATCH, json!([operation])).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["/0/wait: must be `true` or `false`"]);
    assert_eq!(algebra.waitlist().await, [""; 0]);
}

#[tokio::test]
async fn a_swap_gets_the_new_seat_or_keeps_the_old_one() {
    let school = School::open().await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    for course in [&algebra, &botany] {
        course.seats(1, 5).await;
    }
    ana.enrolls_in(&algebra).await.is_created();
    cleo.enrolls_in(&algebra).await.is(202);
    ben.enrolls_in(&botany).await.is_created();
    let swaps = async |student: &Student, from: &Course, to: &Course| {
        school.post(BATCH, json!([swap(student, from, to)])).await.is_ok().json()[0].clone()
    };

    let full = swaps(&ana, &algebra, &botany).await;
    assert_eq!((&full["status"], &full["problem"]["type"]), (&json!(409), &json!("/problems/course-full")));
    assert_eq!((ana.courses().await, botany.waitlist().await.len()), (vec!["Algebra".into()], 0));

    let done = swaps(&ana, &algebra, &chemistry).await;
    assert_eq!((&done["status"], &done["enrollment"]["course_id"]), (&json!(201), &json!(chemistry.id)));
    assert_eq!(ana.courses().await, ["Chemistry"]);
    assert_eq!(algebra.roster().await, ["Cleo"], "the seat that Ana gave up");

    for (student, from, to, status, kind) in [
        (&ana, &algebra, &botany, 404, "enrollment-not-found"),
        (&ana, &chemistry, &chemistry, 409, "already-enrolled"),
    ] {
        let refused = swaps(student, from, to).await;
        assert_eq!(refused["status"], status);
        assert_eq!(refused["problem"]["type"], format!("/problems/{kind}"));
    }
    // Somebody who only waits holds no seat.
    ana.enrolls_in(&algebra).await.is(202);
    assert_eq!(swaps(&ana, &algebra, &botany).await["status"], 404);
    assert_eq!(ana.courses().await, ["Chemistry"]);
}

#[tokio::test]
async fn two_students_exchange_their_seats_in_full_courses() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    for course in [&algebra, &botany] {
        course.seats(1, 5).await;
    }
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&botany).await.is_created();
    for course in [&algebra, &botany] {
        cleo.enrolls_in(course).await.is(202);
    }
    let all = format!("{BATCH}?mode=all");
    let exchange = json!([swap(&ana, &algebra, &botany), swap(&ben, &botany, &algebra)]);
    assert_eq!(statuses(&school.post(BATCH, exchange.clone()).await.is_ok().json()), [409, 409]);

    let results = school.post(&all, exchange).await.is_ok().json();
    assert_eq!(statuses(&results), [201, 201]);
    assert_eq!((algebra.roster().await, botany.roster().await), (vec!["Ben".into()], vec!["Ana".into()]));
    assert_eq!((algebra.waitlist().await.len(), botany.waitlist().await.len()), (1, 1));

    // Seats that a request gives up serve it first, whatever the order, and then the waitlist.
    let results =
        school.post(&all, json!([enroll(&dan, &algebra), drop(&ben, &algebra)])).await.is_ok().json();
    assert_eq!(statuses(&results), [201, 204]);
    assert_eq!((algebra.roster().await, algebra.waitlist().await), (vec!["Dan".into()], vec!["Cleo".into()]));
    let log = school.get("/api/v1/events?type=enrollment.created").await.is_ok().json();
    assert_eq!(log.as_array().unwrap().last().unwrap()["data"], json!({"freed_in_request": true}));
    let results = school.post(&all, json!([drop(&dan, &algebra), drop(&ana, &botany)])).await.is_ok().json();
    assert_eq!(statuses(&results), [204, 204]);
    assert_eq!((algebra.roster().await, botany.roster().await), (vec!["Cleo".into()], vec!["Cleo".into()]));

    // Without a seat for everybody nothing happens.
    let exchange = json!([swap(&cleo, &algebra, &botany), drop(&cleo, &botany), enroll(&ana, &botany)]);
    let results = school.post(&all, exchange).await.is_ok().json();
    assert_eq!(statuses(&results)[0], 409, "Cleo is in Botany already: {results}");
    assert_eq!(cleo.courses().await, ["Algebra", "Botany"]);
}

#[tokio::test]
async fn the_log_names_the_course_that_a_swap_gave_up_and_nothing_that_did_not_matter() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    botany.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    school.post(BATCH, json!([swap(&ana, &algebra, &botany)])).await.is_ok();
    // The request itself frees the seat, but passes nobody over: nobody waits.
    let body = json!([drop(&ana, &botany), enroll(&ben, &botany)]);
    let results = school.post(&format!("{BATCH}?mode=all"), body).await.is_ok().json();
    assert_eq!(statuses(&results), [204, 201]);

    let log = school.get("/api/v1/events?type=enrollment.created").await.is_ok().json();
    let data: Vec<_> = log.as_array().unwrap().iter().map(|entry| &entry["data"]).collect();
    assert_eq!(data, [&json!({}), &json!({"in_place_of": algebra.id}), &json!({})]);
}

#[tokio::test]
async fn a_swap_of_a_student_who_does_not_exist_says_so() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let operation = json!({"op": "swap", "student_id": 99, "from": algebra.id, "to": botany.id});
    for url in [BATCH.to_owned(), format!("{BATCH}?mode=all")] {
        let results = school.post(&url, json!([operation])).await.is_ok().json();
        assert_eq!(statuses(&results), [404]);
        assert_eq!(results[0]["problem"]["type"], "/problems/student-not-found");
    }
}

#[tokio::test]
async fn with_mode_all_a_place_on_a_waitlist_is_not_swapped_for_a_seat() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let ana = school.student("Ana").await;
    algebra.seats(0, 5).await;
    ana.enrolls_in(&algebra).await.is(202);
    let all = format!("{BATCH}?mode=all");
    let results = school.post(&all, json!([swap(&ana, &algebra, &botany)])).await.is_ok().json();
    assert_eq!(statuses(&results), [404]);
    assert_eq!(results[0]["problem"]["type"], "/problems/enrollment-not-found");
    assert_eq!((ana.courses().await.len(), algebra.waitlist().await), (0, vec!["Ana".to_owned()]));
}

#[tokio::test]
async fn with_mode_all_a_seat_can_be_given_up_and_taken_again_several_times() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    ana.enrolls_in(&algebra).await.is_created();
    let operations = json!([drop(&ana, &algebra), enroll(&ana, &algebra), drop(&ana, &algebra)]);
    let results = school.post(&format!("{BATCH}?mode=all"), operations).await.is_ok().json();
    assert_eq!(statuses(&results), [204, 201, 204]);
    assert_eq!(algebra.roster().await, [""; 0]);
}

#[tokio::test]
async fn with_mode_all_students_give_up_no_seats_but_their_own() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    for student in [&ana, &ben] {
        student.enrolls_in(&algebra).await.is_created();
    }
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let body = json!({"name": "phone", "role": "student", "student_id": ana.id});
    let phone = create(&school, Some(&admin), body).await;
    let all = format!("{BATCH}?mode=all");

    for operations in [
        vec![drop(&ben, &algebra)],
        vec![drop(&ana, &algebra), drop(&ben, &algebra)],
        vec![swap(&ben, &algebra, &botany)],
        // Nor is a student told what others do not have.
        vec![swap(&ben, &botany, &algebra)],
        vec![drop(&ben, &botany)],
    ] {
        let results = school.post(&all, json!(operations)).with_token(&phone).await.is_ok().json();
        let last = results.as_array().unwrap().last().unwrap();
        assert_eq!(last["problem"]["type"], "/problems/student-not-found", "{results}");
    }

    let roster = school.get(&algebra.roster_url()).with_token(&admin).await.is_ok().json();
    assert_eq!(roster.as_array().unwrap().len(), 2);
    let own = school.post(&all, json!([swap(&ana, &algebra, &botany)])).with_token(&phone).await.is_ok();
    assert_eq!(statuses(&own.json()), [201]);
}

#[tokio::test]
async fn one_who_waits_gets_the_seat_that_the_same_request_gives_up() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben, cleo] = school.students(["Ana", "Ben", "Cleo"]).await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    cleo.enrolls_in(&algebra).await.is(202);
    cleo.enrolls_in(&botany).await.is_created();
    let exchange = json!([swap(&cleo, &botany, &algebra), swap(&ana, &algebra, &botany)]);
    let results = school.post(&format!("{BATCH}?mode=all"), exchange).await.is_ok().json();
    assert_eq!(statuses(&results), [201, 201]);
    assert_eq!((algebra.roster().await, algebra.waitlist().await), (vec!["Cleo".into()], vec!["Ben".into()]));
    assert_eq!(botany.roster().await, ["Ana"]);
}

#[tokio::test]
async fn with_mode_all_a_batch_has_at_most_a_thousand_operations() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let algebra = school.course("Algebra").await;
    let pair = [enroll(&ana, &algebra), drop(&ana, &algebra)];
    let operations = |count| json!(pair.iter().cycle().take(count).cloned().collect::<Vec<_>>());
    let all = format!("{BATCH}?mode=all");
    let results = school.post(&all, operations(1_000)).await.is_ok().json();
    assert_eq!(statuses(&results), [201, 204].repeat(500));
    let before = school.log().await.len();
    let problem = school.post(&all, operations(1_001)).await.is_refused(400, "invalid-request");
    let detail = ": must have at most 1,000 objects with `mode=all`, because all other writes wait for them";
    assert_eq!(errors(&problem), [detail]);
    assert_eq!(school.log().await.len(), before);
    school.post(BATCH, operations(1_001)).await.is_ok();
}

#[tokio::test]
async fn ten_thousand_operations_are_done_and_answered_in_order() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let algebra = school.course("Algebra").await;
    let pair = [enroll(&ana, &algebra), drop(&ana, &algebra)];
    let body: Vec<_> = pair.iter().cycle().take(10_000).cloned().collect();
    let results = school.post(BATCH, json!(body)).await.is_ok().json();
    assert_eq!(statuses(&results), [201, 204].repeat(5_000));
    let last = school.get("/api/v1/events?limit=1").await.is_ok();
    assert_eq!(last.header("x-total-count"), "10002");

    let too_many: Vec<_> = pair.iter().cycle().take(10_001).cloned().collect();
    let problem = school.post(BATCH, json!(too_many)).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), [": must be a JSON array of 1 to 10,000 objects"]);
}

#[tokio::test]
async fn a_batch_that_is_sent_again_is_done_once() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let algebra = school.course("Algebra").await;
    // More than one commit.
    let pair = [enroll(&ana, &algebra), drop(&ana, &algebra)];
    let body: Vec<_> = pair.iter().cycle().take(1_201).cloned().collect();
    let ask = || school.post(BATCH, json!(body)).header("idempotency-key", "import-2026");
    let first = ask().await.is_ok();
    let again = ask().await.is_ok();
    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.body, first.body);
    assert_eq!(school.log().await.len(), 2 + 1_201);
    let other = school.post(BATCH, json!(pair)).header("idempotency-key", "import-2026");
    other.await.is_refused(422, "idempotency-key-reused");
}

#[tokio::test]
async fn errors_in_a_batch_are_reported_with_their_place_and_nothing_is_done() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let algebra = school.course("Algebra").await;
    let body = json!([
        enroll(&ana, &algebra),
        {"op": "trade", "student_id": 0, "course_id": algebra.id},
        {"op": "drop", "student": ana.id, "course_id": algebra.id},
        7,
    ]);
    let problem = school.post(BATCH, body).await.is_refused(400, "invalid-request");
    assert_eq!(
        errors(&problem),
        [
            "/1/op: must be `enroll`, `drop` or `swap`",
            "/1/student_id: must be a whole number from 1 to 9,007,199,254,740,991",
            "/2/student_id: is required",
            "/2/student: is not a known field; did you mean `student_id`?",
            "/3: must be a JSON object",
        ]
    );
    for none in [json!([]), json!({}), json!("enroll"), json!(null)] {
        let problem = school.post(BATCH, none).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), [": must be a JSON array of 1 to 10,000 objects"]);
    }
    let broken =
        school.client.ask("POST", BATCH).header("content-type", "application/json").body("[{\"op\": ");
    broken.await.is_refused(400, "malformed-json");
    let many: Vec<_> = (0..500).map(|_| json!({})).collect();
    let problem = school.post(BATCH, json!(many)).await.is_refused(400, "invalid-request");
    assert_eq!(problem["detail"], "The request has 1500 errors; `errors` lists the first 100.");
    assert_eq!(errors(&problem).len(), 100);
    let body = json!([enroll(&ana, &algebra)]);
    school.post(&format!("{BATCH}?mode=some"), body).await.is_refused(400, "invalid-request");
    assert_eq!(school.log().await, ["student.created", "course.created"]);
}

#[tokio::test]
async fn a_batch_may_have_eight_mebibytes() {
    let school = School::open().await;
    let mebibyte = " ".repeat(1024 * 1024);
    let ask =
        |body: String| school.client.ask("POST", BATCH).header("content-type", "application/json").body(body);
    // Within the limit: refused only because it is empty.
    ask(format!("{}[]", mebibyte.repeat(7))).await.is_refused(400, "invalid-request");
    let problem = ask(format!("{}[]", mebibyte.repeat(8))).await.is_refused(413, "payload-too-large");
    assert_eq!(problem["detail"], "The body has more than 8 MiB (8388608 bytes).");
}
