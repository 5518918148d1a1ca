//! The facts that the commands of a batch need.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::known::{Known, Mark};
use super::{enrollment, limits, sets};
use crate::db::{DbError, Row, Tx};
use crate::registrar::command::{Command, Origin};
use crate::registrar::facts::Facts;
use crate::registrar::record::{Course, CourseId, Student, StudentId};
use crate::registrar::seats::{Limits, Waiting};
use crate::registrar::waitlist::Waitlist;

/// The last `seq`, the last enrollment's id, the time of the last event. Until the transaction ends, no other has them.
pub(super) async fn take_head(tx: &Tx<'_>) -> Result<(i64, i64, String), DbError> {
    let sql = "update log_head set last_seq = last_seq where id = 1 returning last_seq, last_enrollment_id, last_at";
    let head = tx.query(sql, &[], |row| Ok((row.int(0)?, row.int(1)?, row.text(2)?))).await?.pop();
    head.ok_or_else(|| DbError::Engine("the log has lost its head: run `matricula check`".to_owned()))
}

/// The facts of a batch, and what of them is worth knowing after it.
pub(super) struct Loaded {
    pub(super) facts: Facts,
    known: Known,
    limits: HashSet<CourseId>,
    seats: HashSet<CourseId>,
    others: i64,
}

impl Loaded {
    /// What is known now that the batch is committed.
    pub(super) fn after_commit(self) -> Known {
        let Self { facts, mut known, limits, seats, others } = self;
        known.keep(Mark { last_seq: facts.last_seq, others }, &limits, &seats, facts);
        known
    }
}

pub(super) async fn load_facts(
    tx: &Tx<'_>,
    commands: &[(&Command, &Origin)],
    now: String,
    known: &mut Known,
) -> Result<Loaded, DbError> {
    let (last_seq, last_enrollment_id, last_at) = take_head(tx).await?;
    let others = tx.writes_of_others()?;
    let mut known = known.take_as_of(Mark { last_seq, others });
    // The log's order is the order of its times, even when the machine's clock is put back.
    let mut facts = Facts { now: now.max(last_at), last_seq, last_enrollment_id, ..Facts::default() };
    let mut wanted = Wanted::by(commands);
    let unknown = known.give_limits(&wanted.limits, &mut facts);
    load_rows(tx, &wanted, &unknown, &mut facts).await?;
    // Who leaves with a deletion frees seats of courses that the command does not name.
    let left: HashSet<_> = wanted
        .all_of_student
        .iter()
        .flat_map(|id| facts.enrollments_of_student(*id))
        .map(|enrollment| enrollment.course_id)
        .chain(facts.waitlists.keys().copied())
        .filter(|course| !wanted.limits.contains(course))
        .collect();
    let unknown = known.give_limits(&left, &mut facts);
    facts.limits.extend(load_limits(tx, &unknown).await?);
    wanted.limits.extend(left);
    wanted.seats.extend(facts.limits.keys());
    let unknown = known.give_seats(&wanted.seats, &mut facts);
    load_seats(tx, &unknown, &mut facts).await?;
    let Wanted { limits, seats, .. } = wanted;
    Ok(Loaded { facts, known, limits, seats, others })
}

async fn load_rows(
    tx: &Tx<'_>,
    wanted: &Wanted,
    of_unknown_limits: &HashSet<CourseId>,
    facts: &mut Facts,
) -> Result<(), DbError> {
    let pairs: Vec<_> =
        wanted.pairs.iter().map(|(student, course)| vec![student.0.into(), course.0.into()]).collect();
    let (students, courses) = (sets(&wanted.students), sets(&wanted.courses));
    let (locked_students, locked_courses) = (sets(&wanted.locked_students), sets(&wanted.locked_courses));
    let (all_of_student, all_of_course) = (sets(&wanted.all_of_student), sets(&wanted.all_of_course));
    // Side by side: on a server they share one round trip.
    let (students, courses, locked_students, locked_courses, of_pairs, of_students, of_courses, waits, limits) = tokio::try_join!(
        tx.query_many(STUDENT, &students, student),
        tx.query_many(COURSE, &courses, course),
        tx.lock_many(STUDENT, &locked_students, student),
        tx.lock_many(COURSE, &locked_courses, course),
        tx.query_many(
            "select id, student_id, course_id, enrolled_at from student_courses where student_id = $1 and course_id = $2",
            &pairs,
            enrollment,
        ),
        tx.query_many(
            "select id, student_id, course_id, enrolled_at from student_courses where student_id = $1",
            &all_of_student,
            enrollment,
        ),
        tx.query_many(
            "select id, student_id, course_id, enrolled_at from student_courses where course_id = $1",
            &all_of_course,
            enrollment,
        ),
        tx.query_many(
            "select course_id from waitlist where student_id = $1",
            &all_of_student,
            |row| Ok(CourseId(row.int(0)?)),
        ),
        load_limits(tx, of_unknown_limits),
    )?;
    // Where a row was also locked, that is the newer reading.
    let students = students.into_iter().chain(locked_students).flatten();
    facts.students = students.map(|student| (student.id, student)).collect();
    let courses = courses.into_iter().chain(locked_courses).flatten();
    facts.courses = courses.map(|course| (course.id, course)).collect();
    let enrollments = [of_pairs, of_students, of_courses].into_iter().flatten().flatten();
    facts.enrollments = enrollments.map(|row| ((row.student_id, row.course_id), row)).collect();
    facts.waitlists = waits.into_iter().flatten().map(|course| (course, Waitlist::default())).collect();
    facts.limits.extend(limits);
    Ok(())
}

const STUDENT: &str = "select cast(id as bigint), cast(name as text), cast(email as text) from students where id = cast($1 as bigint)";

fn student(row: &Row<'_>) -> Result<Student, DbError> {
    Ok(Student { id: row.int(0)?.into(), name: row.opt_text(1)?, email: row.opt_text(2)? })
}

const COURSE: &str = "select cast(id as bigint), cast(name as text), cast(level as text) from courses where id = cast($1 as bigint)";

fn course(row: &Row<'_>) -> Result<Course, DbError> {
    Ok(Course { id: row.int(0)?.into(), name: row.opt_text(1)?, level: row.opt_text(2)?, seats: None })
}

async fn load_limits(tx: &Tx<'_>, courses: &HashSet<CourseId>) -> Result<HashMap<CourseId, Limits>, DbError> {
    let sql = "select course_id, capacity, waitlist_capacity, opens_at, closes_at from course_seats where course_id = $1";
    let found =
        tx.query_many(sql, &sets(courses), |row| Ok((CourseId(row.int(0)?), limits(row, 1)?))).await?;
    Ok(found.into_iter().flatten().collect())
}

/// How full the courses are, counted from rows: a number that is kept beside them in a table drifts from them.
async fn load_seats(tx: &Tx<'_>, courses: &HashSet<CourseId>, facts: &mut Facts) -> Result<(), DbError> {
    let courses_asked = sets(courses);
    let (counts, waits) = tokio::try_join!(
        tx.query_many(
            "select count(*) from student_courses where course_id = $1",
            &courses_asked,
            |row| row.int(0),
        ),
        tx.query_many(
            "select student_id, course_id, joined_seq, joined_at, \
             case when exists (select 1 from students where id = cast(waitlist.student_id as bigint)) then 0 else 1 end \
             from waitlist where course_id = $1",
            &courses_asked,
            waiting,
        ),
    )?;
    facts.enrolled.extend(courses.iter().copied().zip(counts.into_iter().flatten()));
    facts.waitlists.extend(courses.iter().copied().zip(waits.into_iter().map(Waitlist::from_iter)));
    Ok(())
}

fn waiting(row: &Row<'_>) -> Result<Waiting, DbError> {
    Ok(Waiting {
        student_id: row.int(0)?.into(),
        course_id: row.int(1)?.into(),
        joined_seq: row.int(2)?,
        joined_at: row.text(3)?,
        is_gone: row.int(4)? != 0,
    })
}

/// What the commands of a batch speak of.
#[derive(Default)]
struct Wanted {
    students: HashSet<StudentId>,
    courses: HashSet<CourseId>,
    /// Of these it matters what their rows say; in one order, so that two servers cannot wait for each other.
    locked_students: BTreeSet<StudentId>,
    locked_courses: BTreeSet<CourseId>,
    pairs: HashSet<(StudentId, CourseId)>,
    all_of_student: HashSet<StudentId>,
    all_of_course: HashSet<CourseId>,
    /// Of which limits matter, if there are any.
    limits: HashSet<CourseId>,
    /// Of which it matters how full they are, whether or not they have limits.
    seats: HashSet<CourseId>,
}

impl Wanted {
    fn by(commands: &[(&Command, &Origin)]) -> Self {
        let mut wanted = Self::default();
        for (command, _) in commands {
            wanted.add(command);
        }
        wanted
    }

    fn add(&mut self, command: &Command) {
        match command {
            Command::CreateStudent { .. } | Command::CreateCourse { .. } => {}
            Command::UpdateStudent { id, .. } => {
                self.locked_students.insert(*id);
            }
            Command::DeleteStudent { id, expected, .. } => {
                self.students.insert(*id);
                self.locked_students.extend(expected.is_some().then_some(id));
                self.all_of_student.insert(*id);
            }
            Command::UpdateCourse { id, .. } => {
                self.limits.insert(*id);
                self.locked_courses.insert(*id);
            }
            Command::DeleteCourse { id, expected, .. } => {
                self.add_course(*id);
                self.locked_courses.extend(expected.is_some().then_some(id));
                self.all_of_course.insert(*id);
                self.seats.insert(*id);
            }
            Command::Enroll { student_id, course_id } | Command::Drop { student_id, course_id, .. } => {
                self.students.insert(*student_id);
                self.add_course(*course_id);
                self.pairs.insert((*student_id, *course_id));
            }
            Command::Batch { operations, .. } => {
                for operation in operations {
                    self.add(&(*operation).into());
                }
            }
            Command::SetSeats { course_id, .. } | Command::RemoveSeats { course_id } => {
                self.add_course(*course_id);
                self.seats.insert(*course_id);
            }
        }
    }

    fn add_course(&mut self, id: CourseId) {
        self.courses.insert(id);
        self.limits.insert(id);
    }
}
