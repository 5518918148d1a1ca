//! Reads groups and their members.

use crate::db::{DbError, Reach, Row};
use crate::lists::{ListRow, Listing};
use crate::registrar::{Group, GroupName, Student, StudentId};
use crate::viewer::Viewer;

/// All groups, in order of their names.
#[must_use]
pub fn groups() -> Listing<Group> {
    Listing {
        reach: Reach::Page,
        count_reach: Reach::Range,
        order: "groups".to_owned(),
        count: "select count(*) from matricula_groups",
        count_args: Vec::new(),
        rows: "select name, course_limit from matricula_groups where name > cast($1 as text) order by name limit $2",
        args: Box::new(|after| vec![after.and_then(|after| after.text.clone()).unwrap_or_default().into()]),
        map: |row| {
            let group = group(row)?;
            Ok(ListRow { text: Some(group.name.to_string()), row: group, id: 0 })
        },
    }
}

/// The group with this name; `None` if there is none.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(viewer: &Viewer, name: &GroupName) -> Result<Option<Group>, DbError> {
    let sql = "select name, course_limit from matricula_groups where name = cast($1 as text)";
    viewer.db().query_opt(sql, [name.as_str().into()], group).await
}

/// All groups and the number of students in each, in order of their names.
///
/// # Errors
/// When the database cannot be read.
pub async fn counted(viewer: &Viewer) -> Result<Vec<(Group, i64)>, DbError> {
    let sql = "select g.name, g.course_limit, (select count(*) from matricula_group_students m \
               join students s on s.id = m.student_id where m.group_name = g.name) from matricula_groups g order by g.name";
    viewer.db().read(Reach::Range, sql, [], |row| Ok((group(row)?, row.int(2)?))).await
}

/// The groups of a student, in order of their names; none if the caller may not see the student.
#[must_use]
pub fn groups_of(viewer: &Viewer, student_id: StudentId) -> Listing<Group> {
    let visible = viewer.student(student_id);
    Listing {
        reach: Reach::Page,
        count_reach: Reach::Range,
        order: format!("groups-of-{student_id}"),
        count: "select count(*) from matricula_group_students m join students s on s.id = m.student_id \
                where m.student_id = $1",
        count_args: vec![visible.into()],
        rows: "select g.name, g.course_limit from matricula_group_students m \
               join matricula_groups g on g.name = m.group_name join students s on s.id = m.student_id \
               where m.student_id = $1 and g.name > cast($2 as text) order by g.name limit $3",
        args: Box::new(move |after| {
            vec![visible.into(), after.and_then(|after| after.text.clone()).unwrap_or_default().into()]
        }),
        map: |row| {
            let group = group(row)?;
            Ok(ListRow { text: Some(group.name.to_string()), row: group, id: 0 })
        },
    }
}

/// The students in a group, in order of their ids; none if the caller may not see all students.
#[must_use]
pub fn students_in(viewer: &Viewer, name: &GroupName) -> Listing<Student> {
    let visible = viewer.sees_students().then(|| name.as_str().to_owned());
    let asked = visible.clone();
    Listing {
        reach: Reach::Page,
        count_reach: Reach::Range,
        order: format!("students-in-{name}"),
        count: "select count(*) from matricula_group_students m join students s on s.id = m.student_id \
                where m.group_name = cast($1 as text)",
        count_args: vec![visible.into()],
        rows: "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), cast(sn.number as text) \
               from matricula_group_students m join students s on s.id = m.student_id \
               left join matricula_student_numbers sn on sn.student_id = s.id \
               where m.group_name = cast($1 as text) and m.student_id > $2 order by m.student_id limit $3",
        args: Box::new(move |after| vec![asked.clone().into(), after.map_or(0, |after| after.id).into()]),
        map: |row| {
            let student = Student {
                id: row.int(0)?.into(),
                name: row.opt_text(1)?,
                email: row.opt_text(2)?,
                number: row.opt_text(3)?,
            };
            let id = student.id.0;
            Ok(ListRow { row: student, text: None, id })
        },
    }
}

fn group(row: &Row<'_>) -> Result<Group, DbError> {
    Ok(Group { name: GroupName::from_stored(row.text(0)?), course_limit: row.opt_int(1)? })
}
