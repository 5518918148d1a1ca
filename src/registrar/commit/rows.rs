//! Converts rows to records.

use std::collections::BTreeMap;

use crate::clock::Stamp;
use crate::db::{Arg, DbError, Row};
use crate::registrar::group_name::GroupName;
use crate::registrar::limits::Limits;
use crate::registrar::record::{Course, Enrollment, Student};

/// Reads an enrollment from the columns `id, student_id, course_id, enrolled_at`.
///
/// # Errors
/// When a column has another type.
pub fn enrollment(row: &Row<'_>) -> Result<Enrollment, DbError> {
    Ok(Enrollment {
        id: row.int(0)?.into(),
        student_id: row.int(1)?.into(),
        course_id: row.int(2)?.into(),
        enrolled_at: row.stamp(3)?,
    })
}

/// Reads limits from the columns `capacity, waitlist_capacity, opens_at, closes_at, waitlist_closes_at, drop_until` and
/// `group_opens_at`, starting at column `first`.
///
/// # Errors
/// When a column has another type.
pub fn limits(row: &Row<'_>, first: usize) -> Result<Limits, DbError> {
    Ok(Limits {
        capacity: row.opt_int(first)?,
        waitlist_capacity: row.int(first + 1)?,
        opens_at: row.opt_stamp(first + 2)?,
        closes_at: row.opt_stamp(first + 3)?,
        waitlist_closes_at: row.opt_stamp(first + 4)?,
        drop_until: row.opt_stamp(first + 5)?,
        group_opens_at: group_openings(row.opt_text(first + 6)?)?,
    })
}

/// Reads the column `group_opens_at`.
///
/// # Errors
/// When it is not an object of names and times.
pub fn group_openings(text: Option<String>) -> Result<BTreeMap<GroupName, Stamp>, DbError> {
    let openings = text.map(|text| serde_json::from_str(&text)).transpose();
    openings
        .map(Option::unwrap_or_default)
        .map_err(|error| DbError::Engine(format!("group_opens_at in course_seats: {error}")))
}

/// The text for the column `group_opens_at`.
pub(super) fn stored_openings(openings: &BTreeMap<GroupName, Stamp>) -> Arg {
    Arg::Text((!openings.is_empty()).then(|| serde_json::json!(openings).to_string()))
}

pub(super) fn sets<'a, T: Copy + Into<i64> + 'a>(ids: impl IntoIterator<Item = &'a T>) -> Vec<Vec<Arg>> {
    ids.into_iter().map(|id| vec![Arg::Int(Some((*id).into()))]).collect()
}

/// The student without the number, which enrollments do not need.
pub(super) const STUDENT: &str = "select cast(id as bigint), cast(name as text), cast(email as text), cast(null as text) from students where id = cast($1 as bigint)";

/// The student with the number. No join: a server does not lock rows of the optional side of one.
pub(super) const STUDENT_WITH_NUMBER: &str = "select cast(id as bigint), cast(name as text), cast(email as text), \
    (select cast(sn.number as text) from matricula_student_numbers sn where sn.student_id = students.id) \
    from students where id = cast($1 as bigint)";

pub(super) fn student(row: &Row<'_>) -> Result<Student, DbError> {
    let (name, email, number) = (row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?);
    Ok(Student { id: row.int(0)?.into(), name, email, number })
}

/// The course without the code, which enrollments do not need.
pub(super) const COURSE: &str = "select cast(id as bigint), cast(name as text), cast(level as text), cast(null as text) from courses where id = cast($1 as bigint)";

/// The course with the code.
pub(super) const COURSE_WITH_CODE: &str = "select cast(id as bigint), cast(name as text), cast(level as text), \
    (select cast(cc.code as text) from matricula_course_codes cc where cc.course_id = courses.id) \
    from courses where id = cast($1 as bigint)";

pub(super) fn course(row: &Row<'_>) -> Result<Course, DbError> {
    let (name, level, code) = (row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?);
    Ok(Course { id: row.int(0)?.into(), name, level, code, seats: None })
}
