//! Reads which instructors teach which courses.

use super::Instructor;
use crate::db::{DbError, Row};
use crate::lists::{ListRow, ShortListing};
use crate::registrar::{Course, CourseId, Refusal, Right};
use crate::viewer::Viewer;

/// The id of the course of [`Viewer::roster`], if the caller may see its students; otherwise null, which no row has. An
/// instructor sees those of the courses that they teach now. The arguments are the names of the three parameters.
macro_rules! visible_course {
    ($all:literal, $course:literal, $account:literal) => {
        concat!(
            "coalesce(cast(",
            $all,
            " as bigint), (select i.course_id from matricula_instructors i join courses t on t.id = i.course_id \
             where i.course_id = ",
            $course,
            " and i.account_id = ",
            $account,
            "))"
        )
    };
}
pub(crate) use visible_course;

/// Whether the caller may see the roster, the waitlist and the past of the course. Only for what a page shows: the
/// statements that read these check it themselves.
///
/// # Errors
/// When the database cannot be read.
pub async fn sees_roster(viewer: &Viewer, id: CourseId) -> Result<bool, DbError> {
    let sql = concat!("select 1 from courses c where c.id = ", visible_course!("$1", "$2", "$3"));
    Ok(viewer.db().query_opt(sql, viewer.roster(id), |row| row.int(0)).await?.is_some())
}

/// Refuses a caller who may not read the roster and the waitlist of the course.
///
/// # Errors
/// [`Refusal::Forbidden`], or when the database cannot be read.
pub async fn ensure_sees_roster(viewer: &Viewer, id: CourseId) -> Result<(), Refusal> {
    if viewer.has(Right::ReadRosters) || sees_roster(viewer, id).await? {
        Ok(())
    } else {
        Err(Refusal::Forbidden)
    }
}

/// The courses that the caller teaches, in order of their ids; none for a caller who is not an instructor.
#[must_use]
pub fn taught_courses(viewer: &Viewer) -> ShortListing<Course> {
    ShortListing {
        order: "taught-courses".to_owned(),
        rows: "select cast(c.id as bigint), cast(c.name as text), cast(c.level as text), cast(cc.code as text) \
               from matricula_instructors i join courses c on c.id = i.course_id \
               left join matricula_course_codes cc on cc.course_id = c.id where i.account_id = $1",
        args: vec![viewer.instructor().into()],
        map: |row| {
            let id = row.int(0)?;
            let (name, level, code) = (row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?);
            let course = Course { id: id.into(), name, level, code, seats: None };
            Ok(ListRow { row: course, text: None, id })
        },
    }
}

/// The instructors of a course, in order of their accounts; none for a caller who does not assign them.
#[must_use]
pub fn instructors_of(viewer: &Viewer, course_id: CourseId) -> ShortListing<Instructor> {
    let visible = viewer.assigns_instructors().then_some(course_id.0);
    ShortListing {
        order: format!("instructors-of-{course_id}"),
        rows: "select a.id, a.name, case when a.role = 'instructor' and a.disabled_at is null then 1 else 0 end \
               from matricula_instructors i join matricula_accounts a on a.id = i.account_id \
               join courses c on c.id = i.course_id where i.course_id = $1",
        args: vec![visible.into()],
        map: |row| Ok(ListRow { row: instructor(row)?, text: None, id: row.int(0)? }),
    }
}

/// The instructors who could be assigned to a course, in order of their names; none for a caller who does not assign
/// them.
///
/// # Errors
/// When the database cannot be read.
pub async fn candidates_for(viewer: &Viewer, course_id: CourseId) -> Result<Vec<Instructor>, DbError> {
    let visible = viewer.assigns_instructors().then_some(course_id.0);
    let sql = "select a.id, a.name, 1 from courses c join matricula_accounts a on a.role = 'instructor' \
               where c.id = cast($1 as bigint) and a.disabled_at is null and not exists \
               (select 1 from matricula_instructors i where i.course_id = cast($1 as bigint) and i.account_id = a.id)";
    let mut found = viewer.db().query(sql, [visible.into()], instructor).await?;
    found.sort_by_cached_key(|one| (one.name.to_lowercase(), one.account_id));
    Ok(found)
}

fn instructor(row: &Row<'_>) -> Result<Instructor, DbError> {
    Ok(Instructor { account_id: row.int(0)?, name: row.text(1)?, is_active: row.int(2)? == 1 })
}
