//! Reads what the files of an import name.

use std::collections::HashMap;
use std::sync::LazyLock;

use futures_util::StreamExt as _;

use super::steps::Pair;
use crate::db::{Arg, Db, DbError, Reach, Row};
use crate::registrar::{Course, CourseId, EnrollmentId, Limits, Student, StudentId, WaitlistEntry, limits};

/// A student and a course, and whether it is a place on the waitlist.
pub(super) type Taken = (Pair, bool);

/// The number of keys in one statement.
pub(super) const KEYS_PER_STATEMENT: usize = 50;

/// The parameters of one statement for each few keys. The last key fills the rest, so that there is one prepared statement
/// for any number of keys.
pub(super) fn statements<K: Clone + Into<Arg>>(keys: &[K]) -> impl Iterator<Item = Vec<Arg>> {
    keys.chunks(KEYS_PER_STATEMENT).map(|keys| {
        let filled = keys.iter().chain(std::iter::repeat(&keys[keys.len() - 1]));
        filled.take(KEYS_PER_STATEMENT).map(|key| key.clone().into()).collect()
    })
}

pub(super) fn places(kind: &str) -> String {
    let places: Vec<_> = (1..=KEYS_PER_STATEMENT).map(|key| format!("cast(${key} as {kind})")).collect();
    places.join(", ")
}

/// The students with these numbers.
pub(super) async fn students_with_numbers(db: &Db, numbers: &[String]) -> Result<Vec<Student>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), cast(n.number as text) \
             from matricula_student_numbers n join students s on s.id = n.student_id where n.number in ({})",
            places("text")
        )
    });
    let mut found = Vec::new();
    for args in statements(numbers) {
        found.extend(db.query(SQL.as_str(), args, student).await?);
    }
    Ok(found)
}

/// The courses with these codes.
pub(super) async fn courses_with_codes(db: &Db, codes: &[String]) -> Result<Vec<Course>, DbError> {
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

/// The students with these ids.
pub(super) async fn students_with_ids(db: &Db, ids: &[i64]) -> Result<Vec<Student>, DbError> {
    static SQL: LazyLock<String> =
        LazyLock::new(|| format!("{ALL_STUDENTS} where s.id in ({})", places("bigint")));
    let mut found = Vec::new();
    for args in statements(ids) {
        found.extend(db.query(SQL.as_str(), args, student).await?);
    }
    Ok(found)
}

/// The courses with these ids.
pub(super) async fn courses_with_ids(db: &Db, ids: &[i64]) -> Result<Vec<Course>, DbError> {
    static SQL: LazyLock<String> =
        LazyLock::new(|| format!("{ALL_COURSES} where c.id in ({})", places("bigint")));
    let mut found = Vec::new();
    for args in statements(ids) {
        found.extend(db.query(SQL.as_str(), args, course).await?);
    }
    Ok(found)
}

const ALL_STUDENTS: &str = "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), cast(n.number as text) \
     from students s left join matricula_student_numbers n on n.student_id = s.id";
const ALL_COURSES: &str = "select cast(c.id as bigint), cast(c.name as text), cast(c.level as text), cast(n.code as text) \
     from courses c left join matricula_course_codes n on n.course_id = c.id";

/// Streams all rows of a statement and keeps the wanted ones.
async fn kept<T: Send + 'static>(
    db: &Db,
    sql: &'static str,
    map: fn(&Row<'_>) -> Result<T, DbError>,
    is_wanted: impl Fn(&T) -> bool,
) -> Result<Vec<T>, DbError> {
    let mut rows = db.stream(sql, Vec::new(), map).await?;
    let mut found = Vec::new();
    while let Some(some) = rows.next().await {
        found.extend(some?.into_iter().filter(&is_wanted));
    }
    Ok(found)
}

/// The wanted students.
pub(super) async fn students_who(
    db: &Db,
    is_wanted: impl Fn(&Student) -> bool,
) -> Result<Vec<Student>, DbError> {
    kept(db, ALL_STUDENTS, student, is_wanted).await
}

/// The wanted courses.
pub(super) async fn courses_which(
    db: &Db,
    is_wanted: impl Fn(&Course) -> bool,
) -> Result<Vec<Course>, DbError> {
    kept(db, ALL_COURSES, course, is_wanted).await
}

/// All students.
pub(super) async fn all_students(db: &Db) -> Result<Vec<Student>, DbError> {
    kept(db, ALL_STUDENTS, student, |_| true).await
}

/// All courses.
pub(super) async fn all_courses(db: &Db) -> Result<Vec<Course>, DbError> {
    kept(db, ALL_COURSES, course, |_| true).await
}

/// All enrollments and places on waitlists.
pub(super) async fn all_taken(db: &Db) -> Result<Vec<Taken>, DbError> {
    let sql = "select student_id, course_id, 0 from student_courses \
               union all select student_id, course_id, 1 from waitlist";
    kept(db, sql, taken, |_| true).await
}

/// The enrollments and places on waitlists in these courses.
pub(super) async fn taken_in(db: &Db, courses: &[i64]) -> Result<Vec<Taken>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let places = places("bigint");
        format!(
            "select student_id, course_id, 0 from student_courses where course_id in ({places}) \
             union all select student_id, course_id, 1 from waitlist where course_id in ({places})"
        )
    });
    let mut found = Vec::new();
    for args in statements(courses) {
        found.extend(db.read(Reach::Range, SQL.as_str(), args, taken).await?);
    }
    Ok(found)
}

/// The numbers of students, of courses, and of enrollments plus places on waitlists.
pub(super) async fn totals(db: &Db) -> Result<[i64; 3], DbError> {
    let count = |sql| db.count(Reach::Scan, sql, Vec::new());
    Ok([
        count("select count(*) from students").await?,
        count("select count(*) from courses").await?,
        count("select (select count(*) from student_courses) + (select count(*) from waitlist)").await?,
    ])
}

/// All enrollments of these students, each with its id.
pub(super) async fn seats_of(db: &Db, students: &[i64]) -> Result<Vec<(Pair, EnrollmentId)>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select id, student_id, course_id from student_courses where student_id in ({})",
            places("bigint")
        )
    });
    let mut found = Vec::new();
    for args in statements(students) {
        found.extend(db.query(SQL.as_str(), args, seat).await?);
    }
    Ok(found)
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
            "select course_id, capacity, waitlist_capacity, opens_at, closes_at, waitlist_closes_at, drop_until, group_opens_at \
             from course_seats where course_id in ({})",
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

/// The number of students in each of these courses; empty courses are left out.
pub(super) async fn enrolled_in(db: &Db, courses: &[i64]) -> Result<HashMap<CourseId, i64>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select course_id, count(*) from student_courses where course_id in ({}) group by course_id",
            places("bigint")
        )
    });
    let mut found = HashMap::new();
    for args in statements(courses) {
        let map = |row: &Row<'_>| Ok((CourseId(row.int(0)?), row.int(1)?));
        found.extend(db.read(Reach::Range, SQL.as_str(), args, map).await?);
    }
    Ok(found)
}

/// Everybody on the waitlists of these courses, each with whether they are on hold.
pub(super) async fn waitlists_of(db: &Db, courses: &[i64]) -> Result<Vec<(WaitlistEntry, bool)>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select student_id, course_id, joined_seq, joined_at, on_hold from waitlist where course_id in ({})",
            places("bigint")
        )
    });
    let mut found = Vec::new();
    for args in statements(courses) {
        let map = |row: &Row<'_>| Ok((waiting(row)?, row.int(4)? != 0));
        found.extend(db.read(Reach::Range, SQL.as_str(), args, map).await?);
    }
    Ok(found)
}

fn seat(row: &Row<'_>) -> Result<(Pair, EnrollmentId), DbError> {
    Ok(((StudentId(row.int(1)?), CourseId(row.int(2)?)), row.int(0)?.into()))
}

fn taken(row: &Row<'_>) -> Result<Taken, DbError> {
    Ok(((StudentId(row.int(0)?), CourseId(row.int(1)?)), row.int(2)? != 0))
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
