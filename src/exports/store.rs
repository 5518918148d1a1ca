//! Reads what is exported.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use super::own_ids::{ExternalIds, OwnIds};
use super::stream::RowStream;
use crate::clock::Stamp;
use crate::db::{Arg, Db, DbError, Reach, Row, migrate};
use crate::events::store::{same_course, same_student};
use crate::files::made_up_id::SchoolTag;
use crate::registrar::{Right, Student};
use crate::viewer::Viewer;

/// A student or a course of an enrollment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) id: i64,
    /// The number or code.
    pub(super) external_id: Option<String>,
    pub(super) name: Option<String>,
}

/// An enrollment. Who or what has been deleted since is `None`.
#[derive(Debug)]
pub(super) struct EnrollmentLine {
    pub(super) student: Option<Named>,
    pub(super) course: Option<Named>,
    pub(super) enrolled_at: Stamp,
}

/// A place on a waitlist.
#[derive(Debug)]
pub(super) struct WaitlistLine {
    pub(super) course: Named,
    /// 1 is the next to get a seat.
    pub(super) position: i64,
    pub(super) student: Named,
    pub(super) joined_at: Stamp,
}

/// A student with the names of their groups.
#[derive(Debug)]
pub(super) struct Grouped {
    pub(super) student: Student,
    pub(super) groups: Vec<String>,
}

/// A row of a set of files.
#[derive(Debug)]
pub(super) enum ArchiveRow {
    /// A student with the address.
    Student(Named, Option<String>),
    /// The same again, for the file of roles.
    Role(Named, Option<String>),
    /// A course with its level.
    Course(Named, Option<String>),
    /// The same again, for the file of classes.
    Class(Named, Option<String>),
    /// A student and a course.
    Enrollment(Named, Named),
}

/// Makes the ids of records in files.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn own_ids(viewer: &Viewer) -> Result<OwnIds, DbError> {
    let db = viewer.db();
    let tag = SchoolTag::new(&migrate::set_up_at(db).await?);
    let numbers = external_ids(
        db,
        "select cast(number as text) from matricula_student_numbers where substr(cast(number as text), 1, 10) = $1",
        "select cast(number as text), min(student_id) from matricula_student_numbers \
         group by cast(number as text) having count(*) > 1",
        &tag,
    );
    let codes = external_ids(
        db,
        "select cast(code as text) from matricula_course_codes where substr(cast(code as text), 1, 10) = $1",
        "select cast(code as text), min(course_id) from matricula_course_codes \
         group by cast(code as text) having count(*) > 1",
        &tag,
    );
    let (numbers, codes) = (numbers.await?, codes.await?);
    Ok(OwnIds::new(tag, numbers, codes))
}

/// The numbers that differ from those of other students only in their case.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn numbers_alike(viewer: &Viewer) -> Result<HashSet<String>, DbError> {
    let sql = "select cast(number as text) from matricula_student_numbers where casefold(cast(number as text)) in \
               (select casefold(cast(number as text)) from matricula_student_numbers group by 1 having count(*) > 1)";
    Ok(viewer.db().read(Reach::Scan, sql, [], |row| row.text(0)).await?.into_iter().collect())
}

/// Whether any student is in a group.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn has_members(viewer: &Viewer) -> Result<bool, DbError> {
    let sql = "select 1 from matricula_group_students m join students s on s.id = m.student_id limit 1";
    Ok(viewer.db().query_opt(sql, [], |row| row.int(0)).await?.is_some())
}

/// The students with their groups.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn grouped(db: &Db, students: Vec<Student>) -> Result<Vec<Grouped>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let ids: Vec<_> = (1..=STUDENTS_PER_STATEMENT).map(|id| format!("cast(${id} as bigint)")).collect();
        format!(
            "select student_id, group_name from matricula_group_students where student_id in ({})",
            ids.join(", ")
        )
    });
    let mut groups: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for some in students.chunks(STUDENTS_PER_STATEMENT) {
        let last = &some[some.len() - 1];
        let ids = some.iter().chain(std::iter::repeat(last)).take(STUDENTS_PER_STATEMENT);
        let ids: Vec<Arg> = ids.map(|student| student.id.0.into()).collect();
        for (id, group) in db.query(SQL.as_str(), ids, |row| Ok((row.int(0)?, row.text(1)?))).await? {
            groups.entry(id).or_default().push(group);
        }
    }
    let grouped = students.into_iter().map(|student| {
        let mut groups = groups.remove(&student.id.0).unwrap_or_default();
        groups.sort_unstable();
        Grouped { student, groups }
    });
    Ok(grouped.collect())
}

/// The number of students in one statement.
const STUDENTS_PER_STATEMENT: usize = 50;

async fn external_ids(
    db: &Db,
    made_up: &'static str,
    shared: &'static str,
    tag: &SchoolTag,
) -> Result<ExternalIds, DbError> {
    let made_up = db.read(Reach::Range, made_up, [tag.as_str().into()], |row| row.text(0)).await?;
    let shared = db.read(Reach::Range, shared, [], |row| Ok((row.text(0)?, row.int(1)?))).await?;
    Ok(ExternalIds { made_up: made_up.into_iter().collect(), shared: shared.into_iter().collect() })
}

/// The least id of the rows that a caller with these rights may read; null, which is less than no id, for others.
fn from_first(viewer: &Viewer, rights: &[Right]) -> Arg {
    rights.iter().all(|right| viewer.has(*right)).then_some(i64::MIN).into()
}

/// All enrollments, or those at a time, according to the log: in order of enrollment. None for a caller who may not read
/// all rosters.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn enrollments(
    viewer: &Viewer,
    time: Option<&Stamp>,
) -> Result<RowStream<EnrollmentLine>, DbError> {
    let visible = from_first(viewer, &[Right::ReadRosters]);
    let now = "select s.id, cast(sn.number as text), cast(s.name as text), c.id, cast(cc.code as text), \
               cast(c.name as text), sc.enrolled_at from student_courses sc join students s on s.id = sc.student_id \
               join courses c on c.id = sc.course_id \
               left join matricula_student_numbers sn on sn.student_id = s.id \
               left join matricula_course_codes cc on cc.course_id = c.id where sc.id >= $1 order by sc.id";
    // An enrollment begins once, and every end is followed by nothing or by a restoration. One whose student or course
    // another program has deleted ended with that.
    let then = concat!(
        "select s.id, cast(sn.number as text), cast(s.name as text), c.id, cast(cc.code as text), \
         cast(c.name as text), e.enrolled_at from (select enrollment_id, min(student_id) as student_id, \
         min(course_id) as course_id, min(at) as enrolled_at, min(seq) as seq from events \
         where enrollment_id >= $1 and at <= $2 group by enrollment_id having count(*) % 2 = 1) e \
         left join students s on s.id = e.student_id and ",
        same_student!("e.student_id", "e.seq"),
        " left join courses c on c.id = e.course_id and ",
        same_course!("e.course_id", "e.seq"),
        " left join matricula_student_numbers sn on sn.student_id = s.id \
         left join matricula_course_codes cc on cc.course_id = c.id \
         where not exists (select 1 from events d where d.student_id = e.student_id \
         and d.type || '' = 'student.deleted' and d.seq > e.seq and d.at <= $2) \
         and not exists (select 1 from events d where d.type = 'course.deleted' and d.course_id + 0 = e.course_id \
         and d.seq > e.seq and d.at <= $2) order by e.enrollment_id"
    );
    match time {
        None => viewer.db().stream(now, vec![visible], line).await,
        Some(time) => viewer.db().stream(then, vec![visible, time.into()], line).await,
    }
}

/// All waitlists, in order of the courses. None for a caller who may not read them.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn waitlists(viewer: &Viewer) -> Result<RowStream<WaitlistLine>, DbError> {
    let sql = "select c.id, cast(cc.code as text), cast(c.name as text), s.id, cast(sn.number as text), \
               cast(s.name as text), w.joined_at, row_number() over (partition by w.course_id order by w.joined_seq) \
               from waitlist w join students s on s.id = w.student_id join courses c on c.id = w.course_id \
               left join matricula_student_numbers sn on sn.student_id = s.id \
               left join matricula_course_codes cc on cc.course_id = c.id \
               where w.joined_seq >= $1 order by w.course_id, w.joined_seq";
    let map = |row: &Row<'_>| {
        Ok(WaitlistLine {
            course: named(row, 0)?,
            student: named(row, 3)?,
            joined_at: row.stamp(6)?,
            position: row.int(7)?,
        })
    };
    viewer.db().stream(sql, vec![from_first(viewer, &[Right::ReadRosters])], map).await
}

/// Students, courses and enrollments, in this order.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn canvas(viewer: &Viewer) -> Result<RowStream<ArchiveRow>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| one_snapshot(&[STUDENTS, COURSES, ENROLLMENTS]));
    archive(viewer, SQL.as_str()).await
}

/// Students, their roles, courses, their classes, and enrollments, in this order.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn one_roster(viewer: &Viewer) -> Result<RowStream<ArchiveRow>, DbError> {
    static SQL: LazyLock<String> =
        LazyLock::new(|| one_snapshot(&[STUDENTS, ROLES, COURSES, CLASSES, ENROLLMENTS]));
    archive(viewer, SQL.as_str()).await
}

async fn archive(viewer: &Viewer, sql: &'static str) -> Result<RowStream<ArchiveRow>, DbError> {
    let rights = [Right::ReadStudents, Right::ReadRosters, Right::ReadCatalogue];
    viewer.db().stream(sql, vec![from_first(viewer, &rights)], archive_row).await
}

const STUDENTS: i64 = 1;
const ROLES: i64 = 2;
const COURSES: i64 = 3;
const CLASSES: i64 = 4;
const ENROLLMENTS: i64 = 5;

/// One statement for all files of a set, so that no row refers to one that was added or deleted in the meantime.
fn one_snapshot(parts: &[i64]) -> String {
    let parts = parts.iter().map(|part| match *part {
        STUDENTS | ROLES => format!(
            "select {part} as part, cast(s.id as bigint) as place, cast(s.id as bigint) as id, \
             cast(sn.number as text) as external_id, cast(s.name as text) as name, cast(s.email as text) as further, \
             cast(null as bigint) as course_id, cast(null as text) as code from students s \
             left join matricula_student_numbers sn on sn.student_id = s.id where s.id >= cast($1 as bigint)"
        ),
        COURSES | CLASSES => format!(
            "select {part}, cast(c.id as bigint), cast(c.id as bigint), cast(cc.code as text), cast(c.name as text), \
             cast(c.level as text), cast(null as bigint), cast(null as text) from courses c \
             left join matricula_course_codes cc on cc.course_id = c.id where c.id >= cast($1 as bigint)"
        ),
        _ => format!(
            "select {part}, sc.id, cast(s.id as bigint), cast(sn.number as text), cast(null as text), \
             cast(null as text), cast(c.id as bigint), cast(cc.code as text) from student_courses sc \
             join students s on s.id = sc.student_id join courses c on c.id = sc.course_id \
             left join matricula_student_numbers sn on sn.student_id = s.id \
             left join matricula_course_codes cc on cc.course_id = c.id where sc.id >= cast($1 as bigint)"
        ),
    });
    format!("{} order by part, place", parts.collect::<Vec<_>>().join(" union all "))
}

fn archive_row(row: &Row<'_>) -> Result<ArchiveRow, DbError> {
    let record = Named { id: row.int(2)?, external_id: row.opt_text(3)?, name: row.opt_text(4)? };
    let further = row.opt_text(5)?;
    Ok(match row.int(0)? {
        STUDENTS => ArchiveRow::Student(record, further),
        ROLES => ArchiveRow::Role(record, further),
        COURSES => ArchiveRow::Course(record, further),
        CLASSES => ArchiveRow::Class(record, further),
        _ => {
            let course = Named { id: row.int(6)?, external_id: row.opt_text(7)?, name: None };
            ArchiveRow::Enrollment(record, course)
        }
    })
}

fn line(row: &Row<'_>) -> Result<EnrollmentLine, DbError> {
    let known = |first| row.opt_int(first).and_then(|id| id.map(|_| named(row, first)).transpose());
    Ok(EnrollmentLine { student: known(0)?, course: known(3)?, enrolled_at: row.stamp(6)? })
}

fn named(row: &Row<'_>, first: usize) -> Result<Named, DbError> {
    Ok(Named { id: row.int(first)?, external_id: row.opt_text(first + 1)?, name: row.opt_text(first + 2)? })
}
