//! A real Django application, which knows nothing of matricula and writes the association by itself.

use super::found::Found;

const SCHOOL: &str = "create
    add-student|Ana
    add-student|Ben
    add-student|Cleo
    add-course|Algebra
    add-course|Botany
    add|Algebra|Ana|Ben";

#[tokio::test]
async fn it_goes_on_adding_and_removing_students() {
    let found = Found::nothing();
    found.django(SCHOOL);
    found.migrate().await.unwrap();
    // Without a server, and next to one. Who is there already is not added twice.
    found.django("add|Algebra|Ana|Cleo\n remove|Algebra|Ben");
    let school = found.opens().await;
    found.django("set|Botany|Ana|Ben\n set|Botany|Ben|Cleo");

    assert_eq!(
        found.rows("select type, student_id, course_id, actor from events"),
        [
            "enrollment.adopted|1|1|migration",
            "enrollment.adopted|2|1|migration",
            "enrollment.created|3|1|database",
            "enrollment.dropped|2|1|database",
            "enrollment.created|1|2|database",
            "enrollment.created|2|2|database",
            "enrollment.dropped|1|2|database",
            "enrollment.created|3|2|database",
        ]
    );
    // Each sees what the other has written.
    school.put("/api/v1/students/2/courses/1").await.is_created();
    school.delete("/api/v1/students/1/courses/1").await.is(204);
    assert_eq!(found.django("roster|Algebra"), "Ben Cleo");
    let roster = school.get("/api/v1/courses/2/students").await.is_ok();
    assert_eq!(roster.ids(), [2, 3]);
    // It deletes a student after their enrollments.
    found.django("delete-student|Ben");
    assert_eq!(school.get("/api/v1/courses/1/students").await.is_ok().ids(), [3]);
}
