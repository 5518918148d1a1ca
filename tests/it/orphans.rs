//! Rows that another program leaves behind when it deletes a student or a course without enforcing foreign keys hold no
//! seat, are not counted, and are dropped with an event.

use serde_json::json;

use crate::school::{School, eventually};

#[tokio::test]
async fn a_student_deleted_by_another_program_holds_no_seat() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    school.put(&algebra.seats_url()).json(&json!({"capacity": 1})).await.is_ok();
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    ana.enrolls_in(&algebra).await.is_created();
    school.other_program_runs("pragma foreign_keys = off; delete from students where id = 1");

    // Counts, lists and decisions use the same rows, even before the first change is requested.
    let seats = |json: serde_json::Value| json["enrolled"].clone();
    assert_eq!(seats(school.get("/api/v1/courses/1/seats").await.is_ok().json()), 0);
    assert_eq!(school.get("/api/v1/courses/1").await.is_ok().json()["seats"]["enrolled"], 0);
    assert_eq!(school.get("/api/v1/courses").await.is_ok().json()[0]["seats"]["enrolled"], 0);
    let roster = school.get("/api/v1/courses/1/students").await.is_ok();
    assert_eq!((roster.json(), roster.header("x-total-count")), (json!([]), "0"));
    // PostgreSQL does not report that another program has written: it takes a second until rows are counted again.
    eventually("Ben has the seat", async || ben.enrolls_in(&algebra).await.status == 201).await;
    let log: Vec<String> = school.log().await;
    assert_eq!(log[log.len() - 3..], ["enrollment.dropped", "student.deleted", "enrollment.created"]);
}

#[tokio::test]
async fn a_freed_seat_goes_to_the_first_on_the_waitlist() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    school.put(&algebra.seats_url()).json(&json!({"capacity": 1, "waitlist_capacity": 5})).await.is_ok();
    let [ana, ben, cleo, _dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    ana.enrolls_in(&algebra).await.is_created();
    for student in [&ben, &cleo] {
        student.enrolls_in(&algebra).await.is(202);
    }
    let delete = "pragma foreign_keys = off; delete from students where id in (1, 2)";
    let school = if school.database().is_on_a_server() {
        // That a course is full is cached for a second; a school that opens sweeps at once.
        let database = school.close().await;
        database.runs(delete);
        School::open_at(&database).await
    } else {
        school.other_program_runs(delete);
        // Only existing students are counted, even before the first change is requested.
        let place = school.get("/api/v1/courses/1/waitlist").await.is_ok().json();
        assert_eq!(
            (&place[0]["student_id"], &place[0]["position"], place.as_array().unwrap().len()),
            (&json!(3), &json!(1), 1)
        );
        assert_eq!(school.get("/api/v1/courses/1/seats").await.is_ok().json()["waitlisted"], 1);
        school
    };
    // Dan comes later and does not pass Cleo.
    let dan = json!({"course_id": 1});
    let reply = school.post("/api/v1/students/4/courses", dan).await.is(202);
    assert_eq!(reply.json()["position"], 1);
    let roster = school.get("/api/v1/courses/1/students").await.is_ok().json();
    assert_eq!((&roster[0]["name"], roster.as_array().unwrap().len()), (&json!("Cleo"), 1));
}

#[tokio::test]
async fn a_sweep_drops_orphaned_rows_with_events() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    for (student, course) in [(&ana, &algebra), (&ana, &botany), (&ben, &botany)] {
        student.enrolls_in(course).await.is_created();
    }
    school.put(&botany.seats_url()).json(&json!({"capacity": 30})).await.is_ok();
    let database = school.close().await;
    database.runs(
        "pragma foreign_keys = off; delete from students where id = 1; delete from courses where id = 2",
    );
    // A school looks for such rows when it opens.
    let school = School::open_at(&database).await;
    let mut log = Vec::new();
    eventually("the deletions are logged", async || {
        log = school.get("/api/v1/events").await.is_ok().json().as_array().unwrap().clone();
        log.len() >= 13
    })
    .await;
    let mut swept: Vec<_> = log[8..]
        .iter()
        .map(|event| json!([event["type"], event["student_id"], event["course_id"], event["actor"]]))
        .collect();
    swept.sort_by_key(ToString::to_string);
    assert_eq!(
        json!(swept),
        json!([
            ["course.deleted", null, 2, "database"],
            ["enrollment.dropped", 1, 1, "database"],
            ["enrollment.dropped", 1, 2, "database"],
            ["enrollment.dropped", 2, 2, "database"],
            ["seats.removed", null, 2, "database"],
        ])
        .as_array()
        .map(|first| json!([first.as_slice(), &[json!(["student.deleted", 1, null, "database"])]].concat()))
        .unwrap()
    );
}

#[tokio::test]
async fn an_id_that_is_used_again_inherits_nothing_even_without_a_write_in_between_sqlite_only() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    school.student("Ana").await.enrolls_in(&algebra).await.is_created();
    school.other_program_runs("pragma foreign_keys = off; delete from students where id = 1");
    let is_logged = async || school.log().await.last().unwrap() == "student.deleted";
    eventually("the deletion is logged", is_logged).await;
    school.other_program_runs("insert into students (id, name, email) values (1, 'Zoe', 'zoe@example.edu')");
    assert_eq!(school.get("/api/v1/students/1/courses").await.is_ok().json(), json!([]));
}

#[tokio::test]
async fn orphaned_rows_do_not_prevent_the_deletion_of_a_course() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    ana.enrolls_in(&algebra).await.is_created();
    school.other_program_runs("pragma foreign_keys = off; delete from students where id = 1");
    school.delete(&algebra.url()).await.is(204);
}

#[tokio::test]
async fn the_enrollments_of_a_deleted_course_are_in_no_list() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let ana = school.student("Ana").await;
    for course in [&algebra, &botany] {
        ana.enrolls_in(course).await.is_created();
    }
    school.other_program_runs("pragma foreign_keys = off; delete from courses where id = 1");
    let courses = school.get(&ana.courses_url()).await.is_ok();
    assert_eq!((courses.ids(), courses.header("x-total-count")), (vec![2], "1"));
    school.get(&ana.enrollment_url(&algebra)).await.is_refused(404, "enrollment-not-found");
    // Enrollments in deleted courses do not prevent the deletion of a student.
    ana.drops(&botany).await.is(204);
    school.delete(&ana.url()).await.is(204);
}

#[tokio::test]
async fn rows_with_invalid_ids_keep_nobody_out_sqlite_only() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    school.put(&algebra.seats_url()).json(&json!({"capacity": 1})).await.is_ok();
    // SQLite accepts any value: ids that are not numbers, and a number that is not a valid id.
    school.other_program_runs(
        "pragma foreign_keys = off;
         insert into student_courses (id, student_id, course_id, enrolled_at) values
         (901, 'ana', 1, ''), (902, 1, 'algebra', ''), (903, 9000000000000000000, 1, '')",
    );
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is_refused(409, "course-full");
    assert_eq!(school.get(&algebra.seats_url()).await.is_ok().json()["enrolled"], 1);
    school.student("Cleo").await;
    ben.enrolls_in(&botany).await.is_created();
    school.delete(&format!("{}?drop=true", ben.url())).await.is(204);
    // The program that wrote them has to remove them.
    school.delete(&format!("{}?drop=true", ana.url())).await.is_refused(409, "row-refused");
    school.other_program_runs("delete from student_courses where id in (901, 902)");
    school.delete(&format!("{}?drop=true", ana.url())).await.is(204);
}
