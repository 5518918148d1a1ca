//! Reads what the files of an import name.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use futures_util::StreamExt as _;

use crate::db::{Arg, Db, DbError, Reach, Row};
use crate::registrar::{Course, CourseId, Enrollment, Limits, Student, WaitlistEntry, enrollment, limits};

/// The number of keys in one statement.
const KEYS_PER_STATEMENT: usize = 50;

/// The parameters of one statement for each few keys. The last key fills the rest, so that there is one prepared statement
/// for any number of keys.
fn statements<K: Clone + Into<Arg>>(keys: &[K]) -> impl Iterator<Item = Vec<Arg>> {
    keys.chunks(KEYS_PER_STATEMENT).map(|keys| {
        let filled = keys.iter().chain(std::iter::repeat(&keys[keys.len() - 1]));
        filled.take(KEYS_PER_STATEMENT).map(|key| key.clone().into()).collect()
    })
}

fn places(kind: &str) -> String {
    let places: Vec<_> = (1..=KEYS_PER_STATEMENT).map(|key| format!("cast(${key} as {kind})")).collect();
    places.join(", ")
}

/// Passes on the students with these numbers.
pub(super) async fn students_with_numbers(
    db: &Db,
    numbers: &[&str],
    mut take: impl FnMut(Student),
) -> Result<(), DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), cast(n.number as text) \
             from matricula_student_numbers n join students s on s.id = n.student_id where n.number in ({})",
            places("text")
        )
    });
    for args in statements(numbers) {
        db.query(SQL.as_str(), args, student).await?.into_iter().for_each(&mut take);
    }
    Ok(())
}

/// The courses with these codes.
pub(super) async fn courses_with_codes(db: &Db, codes: &[&str]) -> Result<Vec<Course>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select cast(c.id as bigint), cast(c.name as text), cast(c.level as text), cast(n.code as text) \
             from matricula_course_codes n join courses c on c.id = n.course_id where n.code in ({})",
            places("text")
        )
    });
    let mut found = Vec::new();
    for args in statements(codes) {
        found.extend(db.query(SQL.as_str(), args, course).await?);
    }
    Ok(found)
}

/// The students with these addresses, which are in lower case.
pub(super) async fn students_with_addresses(
    db: &Db,
    wanted: &HashSet<String>,
) -> Result<Vec<Student>, DbError> {
    let sql = "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), cast(n.number as text) \
               from students s left join matricula_student_numbers n on n.student_id = s.id";
    let mut rows = db.stream(sql, Vec::new(), student).await?;
    let mut found = Vec::new();
    while let Some(students) = rows.next().await {
        let is_wanted = |student: &Student| {
            student.email.as_ref().is_some_and(|email| wanted.contains(&email.trim().to_lowercase()))
        };
        found.extend(students?.into_iter().filter(is_wanted));
    }
    Ok(found)
}

/// Passes on all enrollments of these students.
pub(super) async fn enrollments_of(
    db: &Db,
    students: &[i64],
    mut take: impl FnMut(Enrollment),
) -> Result<(), DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select id, student_id, course_id, enrolled_at from student_courses where student_id in ({})",
            places("bigint")
        )
    });
    for args in statements(students) {
        db.query(SQL.as_str(), args, enrollment).await?.into_iter().for_each(&mut take);
    }
    Ok(())
}

/// All places of these students on waitlists.
pub(super) async fn waiting_of(db: &Db, students: &[i64]) -> Result<Vec<WaitlistEntry>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select student_id, course_id, joined_seq, joined_at from waitlist where student_id in ({})",
            places("bigint")
        )
    });
    let mut found = Vec::new();
    for args in statements(students) {
        found.extend(db.query(SQL.as_str(), args, waiting).await?);
    }
    Ok(found)
}

/// The limits of these courses, where they have any.
pub(super) async fn limits_of(db: &Db, courses: &[i64]) -> Result<HashMap<CourseId, Limits>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select course_id, capacity, waitlist_capacity, opens_at, closes_at from course_seats where course_id in ({})",
            places("bigint")
        )
    });
    let mut found = HashMap::new();
    for args in statements(courses) {
        let map = |row: &Row<'_>| Ok((CourseId(row.int(0)?), limits(row, 1)?));
        found.extend(db.query(SQL.as_str(), args, map).await?);
    }
    Ok(found)
}

/// How many students take the course.
pub(super) async fn enrolled_in(db: &Db, course: CourseId) -> Result<i64, DbError> {
    db.count(Reach::Range, "select count(*) from student_courses where course_id = $1", vec![course.0.into()])
        .await
}

/// How many enrollments and places on its waitlist the course has.
pub(super) async fn ends_of_course(db: &Db, course: CourseId) -> Result<i64, DbError> {
    let sql = "select (select count(*) from student_courses where course_id = $1) \
               + (select count(*) from waitlist where course_id = $1)";
    db.count(Reach::Range, sql, vec![course.0.into()]).await
}

/// Everybody on the waitlist of the course.
pub(super) async fn waitlist_of(db: &Db, course: CourseId) -> Result<Vec<WaitlistEntry>, DbError> {
    let sql = "select student_id, course_id, joined_seq, joined_at from waitlist where course_id = $1";
    db.read(Reach::Range, sql, [course.0.into()], waiting).await
}

fn student(row: &Row<'_>) -> Result<Student, DbError> {
    Ok(Student {
        id: row.int(0)?.into(),
        name: row.opt_text(1)?,
        email: row.opt_text(2)?,
        number: row.opt_text(3)?,
    })
}

fn course(row: &Row<'_>) -> Result<Course, DbError> {
    Ok(Course {
        id: row.int(0)?.into(),
        name: row.opt_text(1)?,
        level: row.opt_text(2)?,
        code: row.opt_text(3)?,
        seats: None,
    })
}

fn waiting(row: &Row<'_>) -> Result<WaitlistEntry, DbError> {
    Ok(WaitlistEntry {
        student_id: row.int(0)?.into(),
        course_id: row.int(1)?.into(),
        joined_seq: row.int(2)?,
        joined_at: row.stamp(3)?,
    })
}
