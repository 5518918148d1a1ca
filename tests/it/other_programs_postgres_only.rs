//! What other programs can do to the shared tables on PostgreSQL alone: cascade, truncate, and write with few rights.

use crate::other_programs::{enrollments_in_the_log, school};
use crate::school::eventually;

#[tokio::test]
async fn deletions_that_follow_a_student_are_logged() {
    let school = school().await;
    school.other_program_runs(
        "alter table student_courses drop constraint student_courses_student_id_fkey;
         alter table student_courses add foreign key (student_id) references students (id) on delete cascade",
    );
    school.put("/api/v1/students/1/courses/1").await.is_created();
    school.put("/api/v1/students/1/courses/2").await.is_created();
    school.put("/api/v1/students/2/courses/2").await.is_created();
    school.other_program_runs("delete from students where id = 1");
    assert_eq!(
        enrollments_in_the_log(&school).await[3..],
        ["enrollment.dropped 1 1 1 database", "enrollment.dropped 1 2 2 database"]
    );
    school.other_program_runs("truncate student_courses");
    let log = enrollments_in_the_log(&school).await;
    assert_eq!(log.last().unwrap(), "enrollment.dropped 2 2 3 database");
    let deleted = "student.deleted".to_owned();
    eventually("the deletion is logged", async || school.log().await.contains(&deleted)).await;
    assert_eq!(enrollments_in_the_log(&school).await.len(), 6);
}

#[tokio::test]
async fn a_program_without_rights_on_the_log_is_logged_too() {
    let school = school().await;
    let role = format!("clerk_{:08x}", fastrand::u32(..));
    school.other_program_runs(&format!(
        "create role {role}; grant select, insert, update, delete on student_courses to {role}"
    ));
    let other = school.other_program();
    // Its temporary table does not take the place of the log.
    other.execute_batch("create temporary table events (seq bigint); grant all on events to public").unwrap();
    other
        .execute_batch(&format!(
            "set role {role}; insert into student_courses (student_id, course_id) values (1, 1), (2, 1);
             update student_courses set course_id = 2 where student_id = 1; delete from student_courses"
        ))
        .unwrap();
    assert_eq!(enrollments_in_the_log(&school).await.len(), 6);
    let refusal = other
        .execute_batch(
            "create temporary table mine (id bigint, student_id bigint, course_id bigint);
             create trigger mine after truncate on mine for each statement execute function matricula_log_deleted()",
        )
        .unwrap_err();
    assert!(refusal.contains("permission denied for function"), "{refusal}");
    other.execute_batch(&format!("reset role; drop owned by {role}; drop role {role}")).unwrap();
}
