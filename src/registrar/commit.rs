//! One batch, one transaction: load the facts, decide, apply what happens to the tables and append it to the log.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::command::{Answer, Command, Origin};
use super::decide::decide;
use super::event::Event;
use super::facts::Facts;
use super::record::{Course, CourseId, Enrollment, EnrollmentId, MAX_ID, Student, StudentId};
use super::refusal::Refusal;
use crate::db::{Arg, DbError, Row, Tx, Writer};

/// What each command of the batch came to, in order.
pub(super) type Outcome = Vec<Result<Answer, Refusal>>;

/// Carries out the commands, in order, as one transaction. The answers may be told when this returns.
///
/// # Errors
/// When the engine fails: then nothing of the batch was kept.
pub(super) async fn commit(
    writer: &mut Writer,
    commands: &[(&Command, &Origin)],
    now: String,
) -> Result<Outcome, DbError> {
    let mut tx = writer.begin().await?;
    let (mut facts, head) = load_facts(&mut tx, commands, now).await?;
    let mut happened = Vec::with_capacity(commands.len());
    let mut outcome = Vec::with_capacity(commands.len());
    for (command, origin) in commands {
        outcome.push(decide(command, &facts).map(|(events, answer)| {
            for event in events {
                facts.apply(&event);
                happened.push((event, *origin));
            }
            answer
        }));
    }
    if happened.is_empty() {
        // Refusals change nothing, so there is nothing to wait for the disk for.
        return Ok(outcome);
    }
    let numbered = apply_to_tables(&mut tx, &happened).await?;
    numbered.replace_provisional_ids(&mut happened, &mut outcome);
    append_to_log(&mut tx, &happened, &facts, head).await?;
    tx.commit().await?;
    Ok(outcome)
}

async fn load_facts(
    tx: &mut Tx<'_>,
    commands: &[(&Command, &Origin)],
    now: String,
) -> Result<(Facts, i64), DbError> {
    let head = tx
        .query(
            "update log_head set last_seq = last_seq where id = 1 returning last_seq, last_enrollment_id, last_at",
            &[],
            |row| Ok((row.int(0)?, row.int(1)?, row.text(2)?)),
        )
        .await?
        .pop();
    let Some((last_seq, last_enrollment_id, last_at)) = head else {
        return Err(DbError::Engine("the log has lost its head: run `matricula check`".to_owned()));
    };
    // The log's order is the order of its times, even when the machine's clock is put back.
    let mut facts = Facts { now: now.max(last_at), last_enrollment_id, ..Facts::default() };
    let wanted = Wanted::by(commands);

    let found = tx
        .query_many(
            "select cast(id as bigint), name, email from students where id = cast($1 as bigint)",
            &sets(&wanted.students),
            |row| Ok(Student { id: row.int(0)?.into(), name: row.opt_text(1)?, email: row.opt_text(2)? }),
        )
        .await?;
    facts.students = found.into_iter().flatten().map(|student| (student.id, student)).collect();
    let found = tx
        .query_many(
            "select cast(id as bigint), name, level from courses where id = cast($1 as bigint)",
            &sets(&wanted.courses),
            |row| Ok(Course { id: row.int(0)?.into(), name: row.opt_text(1)?, level: row.opt_text(2)? }),
        )
        .await?;
    facts.courses = found.into_iter().flatten().map(|course| (course.id, course)).collect();

    let pairs: Vec<_> =
        wanted.pairs.iter().map(|(student, course)| vec![student.0.into(), course.0.into()]).collect();
    let enrollments = [
        tx.query_many(
            "select id, student_id, course_id, enrolled_at from student_courses where student_id = $1 and course_id = $2",
            &pairs,
            enrollment,
        )
        .await?,
        tx.query_many(
            "select id, student_id, course_id, enrolled_at from student_courses where student_id = $1",
            &sets(&wanted.all_of_student),
            enrollment,
        )
        .await?,
        tx.query_many(
            "select id, student_id, course_id, enrolled_at from student_courses where course_id = $1",
            &sets(&wanted.all_of_course),
            enrollment,
        )
        .await?,
    ];
    let enrollments = enrollments.into_iter().flatten().flatten();
    facts.enrollments = enrollments.map(|row| ((row.student_id, row.course_id), row)).collect();
    Ok((facts, last_seq))
}

/// What the commands of a batch speak of.
#[derive(Default)]
struct Wanted {
    students: HashSet<StudentId>,
    courses: HashSet<CourseId>,
    pairs: HashSet<(StudentId, CourseId)>,
    all_of_student: HashSet<StudentId>,
    all_of_course: HashSet<CourseId>,
}

impl Wanted {
    fn by(commands: &[(&Command, &Origin)]) -> Self {
        let mut wanted = Self::default();
        for (command, _) in commands {
            match command {
                Command::CreateStudent { .. } | Command::CreateCourse { .. } => {}
                Command::UpdateStudent { id, .. } => {
                    wanted.students.insert(*id);
                }
                Command::DeleteStudent { id, .. } => {
                    wanted.students.insert(*id);
                    wanted.all_of_student.insert(*id);
                }
                Command::UpdateCourse { id, .. } => {
                    wanted.courses.insert(*id);
                }
                Command::DeleteCourse { id, .. } => {
                    wanted.courses.insert(*id);
                    wanted.all_of_course.insert(*id);
                }
                Command::Enroll { student_id, course_id } | Command::Drop { student_id, course_id } => {
                    wanted.students.insert(*student_id);
                    wanted.courses.insert(*course_id);
                    wanted.pairs.insert((*student_id, *course_id));
                }
            }
        }
        wanted
    }
}

/// The ids that the tables gave to the batch's new rows, by their stand-ins.
#[derive(Default)]
struct Numbered {
    students: HashMap<StudentId, StudentId>,
    courses: HashMap<CourseId, CourseId>,
}

impl Numbered {
    fn replace_provisional_ids(&self, happened: &mut [(Event, &Origin)], outcome: &mut Outcome) {
        if self.students.is_empty() && self.courses.is_empty() {
            return;
        }
        let student = |student: &mut Student| {
            if let Some(id) = self.students.get(&student.id) {
                student.id = *id;
            }
        };
        let course = |course: &mut Course| {
            if let Some(id) = self.courses.get(&course.id) {
                course.id = *id;
            }
        };
        for (event, _) in happened {
            match event {
                Event::StudentCreated(created) => student(created),
                Event::CourseCreated(created) => course(created),
                _ => {}
            }
        }
        for answer in outcome.iter_mut().flatten() {
            match answer {
                Answer::Student(told) => student(told),
                Answer::Course(told) => course(told),
                Answer::Enrollment(_) | Answer::Gone => {}
            }
        }
    }
}

/// What a batch leaves behind, whatever went on inside it: a fixed number of steps.
#[derive(Default)]
struct Effects<'a> {
    new_students: Vec<&'a Student>,
    new_courses: Vec<&'a Course>,
    students: BTreeMap<StudentId, &'a Student>,
    courses: BTreeMap<CourseId, &'a Course>,
    deleted_students: Vec<StudentId>,
    deleted_courses: Vec<CourseId>,
    enrolled: BTreeMap<EnrollmentId, &'a Enrollment>,
    dropped: Vec<EnrollmentId>,
}

impl<'a> Effects<'a> {
    fn of(happened: &'a [(Event, &Origin)]) -> Self {
        let mut effects = Self::default();
        for (event, _) in happened {
            match event {
                Event::StudentCreated(student) => effects.new_students.push(student),
                Event::StudentUpdated { student, .. } => {
                    effects.students.insert(student.id, student);
                }
                Event::StudentDeleted(id) => {
                    effects.students.remove(id);
                    effects.deleted_students.push(*id);
                }
                Event::CourseCreated(course) => effects.new_courses.push(course),
                Event::CourseUpdated { course, .. } => {
                    effects.courses.insert(course.id, course);
                }
                Event::CourseDeleted(id) => {
                    effects.courses.remove(id);
                    effects.deleted_courses.push(*id);
                }
                Event::EnrollmentCreated(enrollment) => {
                    effects.enrolled.insert(enrollment.id, enrollment);
                }
                Event::EnrollmentDropped(enrollment) => {
                    if effects.enrolled.remove(&enrollment.id).is_none() {
                        effects.dropped.push(enrollment.id);
                    }
                }
            }
        }
        effects
    }
}

async fn apply_to_tables(tx: &mut Tx<'_>, happened: &[(Event, &Origin)]) -> Result<Numbered, DbError> {
    let effects = Effects::of(happened);
    tx.execute_many("delete from student_courses where id = $1", &sets(&effects.dropped)).await?;
    let rows: Vec<_> = effects
        .students
        .values()
        .map(|s| vec![s.name.clone().into(), s.email.clone().into(), s.id.0.into()])
        .collect();
    tx.execute_many("update students set name = $1, email = $2 where id = cast($3 as bigint)", &rows).await?;
    let rows: Vec<_> = effects
        .courses
        .values()
        .map(|c| vec![c.name.clone().into(), c.level.clone().into(), c.id.0.into()])
        .collect();
    tx.execute_many("update courses set name = $1, level = $2 where id = cast($3 as bigint)", &rows).await?;

    let rows: Vec<_> =
        effects.new_students.iter().map(|s| vec![s.name.clone().into(), s.email.clone().into()]).collect();
    let given = insert_numbered(
        tx,
        "insert into students (name, email) values ($1, $2) returning cast(id as bigint)",
        &rows,
    )
    .await?;
    let students = effects.new_students.iter().map(|s| s.id).zip(given.into_iter().map(StudentId)).collect();
    let rows: Vec<_> =
        effects.new_courses.iter().map(|c| vec![c.name.clone().into(), c.level.clone().into()]).collect();
    let given = insert_numbered(
        tx,
        "insert into courses (name, level) values ($1, $2) returning cast(id as bigint)",
        &rows,
    )
    .await?;
    let courses = effects.new_courses.iter().map(|c| c.id).zip(given.into_iter().map(CourseId)).collect();

    // After the new rows: a found table may give a new row the id of one that is gone, and the log would have told of
    // the deletion last.
    tx.execute_many("delete from students where id = cast($1 as bigint)", &sets(&effects.deleted_students))
        .await?;
    tx.execute_many("delete from courses where id = cast($1 as bigint)", &sets(&effects.deleted_courses))
        .await?;

    let rows: Vec<_> = effects
        .enrolled
        .values()
        .map(|e| {
            vec![e.id.0.into(), e.student_id.0.into(), e.course_id.0.into(), e.enrolled_at.as_str().into()]
        })
        .collect();
    tx.execute_many(
        "insert into student_courses (id, student_id, course_id, enrolled_at) values ($1, $2, $3, $4)",
        &rows,
    )
    .await?;
    Ok(Numbered { students, courses })
}

async fn insert_numbered(tx: &mut Tx<'_>, sql: &str, rows: &[Vec<Arg>]) -> Result<Vec<i64>, DbError> {
    let given = tx.query_many(sql, rows, |row| row.opt_int(0)).await?;
    given
        .into_iter()
        .map(|row| row.into_iter().flatten().next())
        .map(|id| match id {
            Some(id) if (1..=MAX_ID).contains(&id) => Ok(id),
            Some(id) => Err(DbError::Constraint(format!(
                "the table gives new rows ids like {id}, out of 1 to {MAX_ID}"
            ))),
            None => Err(DbError::Constraint("the table gives new rows no id".to_owned())),
        })
        .collect()
}

async fn append_to_log(
    tx: &mut Tx<'_>,
    happened: &[(Event, &Origin)],
    facts: &Facts,
    last_seq: i64,
) -> Result<(), DbError> {
    let mut seq = last_seq;
    let rows: Vec<Vec<Arg>> = happened
        .iter()
        .map(|(event, origin)| {
            seq += 1;
            vec![
                seq.into(),
                facts.now.as_str().into(),
                event.kind().into(),
                event.student_id().map(|id| id.0).into(),
                event.course_id().map(|id| id.0).into(),
                event.enrollment().map(|enrollment| enrollment.id.0).into(),
                origin.actor.clone().into(),
                origin.request_id.clone().into(),
                event.data().into(),
            ]
        })
        .collect();
    tx.execute_many(
        "insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, request_id, data) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &rows,
    )
    .await?;
    tx.execute_many(
        "update log_head set last_seq = $1, last_enrollment_id = $2, last_at = $3 where id = 1",
        &[vec![seq.into(), facts.last_enrollment_id.into(), facts.now.as_str().into()]],
    )
    .await
}

/// An enrollment from `id, student_id, course_id, enrolled_at`.
///
/// # Errors
/// When the row holds anything else.
pub fn enrollment(row: &Row<'_>) -> Result<Enrollment, DbError> {
    Ok(Enrollment {
        id: row.int(0)?.into(),
        student_id: row.int(1)?.into(),
        course_id: row.int(2)?.into(),
        enrolled_at: row.text(3)?,
    })
}

fn sets<'a, T: Copy + Into<i64> + 'a>(ids: impl IntoIterator<Item = &'a T>) -> Vec<Vec<Arg>> {
    ids.into_iter().map(|id| vec![Arg::Int(Some((*id).into()))]).collect()
}
