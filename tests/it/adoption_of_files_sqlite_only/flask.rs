//! A real Flask-SQLAlchemy application, which knows nothing of matricula.

use super::found::Found;
use crate::school::FIRST_DAY;

const SCHOOL: &str = "create
    add-student|Ana|ana@example.edu
    add-student|Zoë Ω|zoe@example.edu
    add-student|Ben|ben@example.edu
    delete-student|1
    add-course|Algebra|beginner
    add-course|Biology|advanced";

#[tokio::test]
async fn its_tables_stay_as_they_are_and_it_goes_on_using_them() {
    let found = Found::by_flask(SCHOOL);
    let before = found.students_and_courses();

    found.migrate().await.unwrap();

    assert_eq!(found.students_and_courses(), before);
    let printed = found.flask(
        "list|students
        add-student|Eve|eve@example.edu
        rename-student|2|Zoe
        delete-student|3
        list|students
        add-course|Chemistry|beginner
        list|courses",
    );
    assert_eq!(
        printed.lines().collect::<Vec<_>>(),
        [
            r#"["Zo\u00eb \u03a9","Ben"]"#,
            "4",
            "2",
            "3",
            r#"["Zoe","Eve"]"#,
            "3",
            r#"["Algebra","Biology","Chemistry"]"#
        ]
    );
}

#[tokio::test]
async fn it_reads_and_writes_while_the_service_runs() {
    let found = Found::by_flask(SCHOOL);
    let school = found.opens().await;
    let (eve, chemistry) = (school.student("Eve").await, school.course("Chemistry").await);
    eve.enrolls_in(&chemistry).await.is_created();

    let printed = found.flask("list|students\n add-student|Gus|gus@example.edu\n rename-student|4|Eva");

    assert_eq!(printed.lines().collect::<Vec<_>>(), [r#"["Zo\u00eb \u03a9","Ben","Eve"]"#, "5", "4"]);
    assert_eq!(chemistry.roster().await, ["Eva"]);
    let gus = school.get("/api/v1/students/5").await.is_ok();
    assert_eq!(gus.json()["name"], "Gus");
    school
        .post("/api/v1/students/5/courses", serde_json::json!({"course_id": chemistry.id}))
        .await
        .is_created();
    assert_eq!(chemistry.roster().await, ["Eva", "Gus"]);
}

#[tokio::test]
async fn its_own_association_is_adopted_with_its_grades() {
    let found = Found::by_flask(&SCHOOL.replace("create", "create-with-association"));
    found.flask("enroll|2|1|A\n enroll|3|1|B\n enroll|2|2|-");
    let before = found.students_and_courses();

    let report = found.migrate().await.unwrap();

    assert_eq!(report.adopted, 3);
    assert_eq!(found.students_and_courses(), before);
    assert_eq!(
        found.rows("select id, student_id, course_id, enrolled_at, grade from student_courses order by id"),
        ["1|2|1|DAY|A", "2|3|1|DAY|B", "3|2|2|DAY|-"].map(|row| row.replace("DAY", FIRST_DAY))
    );
    let school = found.opens().await;
    assert_eq!(school.log().await, ["enrollment.adopted"; 3]);
    assert_eq!(found.flask("list|grades"), r#"["A","B","-"]"#);
}

#[tokio::test]
async fn it_goes_on_writing_its_own_association() {
    let found = Found::by_flask(&SCHOOL.replace("create", "create-with-association"));
    found.flask("enroll|2|1|A\n enroll|3|1|B");
    found.migrate().await.unwrap();
    // Without a server, and next to one.
    found.flask("enroll|2|2|C\n drop|3|1");
    let school = found.opens().await;
    found.flask("enroll|3|2|D\n grade|2|1|F");

    assert_eq!(
        found.rows("select type, student_id, course_id, enrollment_id, actor from events where seq > 2"),
        [
            "enrollment.created|2|2|3|database",
            "enrollment.dropped|3|1|2|database",
            "enrollment.created|3|2|4|database"
        ]
    );
    assert_eq!(found.flask("list|grades"), r#"["F","C","D"]"#);
    let roster = school.get("/api/v1/courses/2/students").await.is_ok();
    assert_eq!(roster.ids(), [2, 3]);
    // Each drops what the other has added.
    school.delete("/api/v1/students/3/courses/2").await.is(204);
    school.put("/api/v1/students/3/courses/1").await.is_created();
    found.flask("drop|3|1");
    assert_eq!(school.log().await.last().unwrap(), "enrollment.dropped");
}
