//! One batch, one transaction: load the facts, decide, apply what happens to the tables and append it to the log.

use std::collections::HashSet;
use std::time::Duration;

use super::command::{Answer, Command, Origin};
use super::decide::decide;
use super::effects::{Effects, Numbered};
use super::event::Event;
use super::facts::Facts;
use super::record::{Course, CourseId, Enrollment, MAX_ID, Student, StudentId};
use super::refusal::Refusal;
use crate::db::{Arg, DbError, Patience, Row, Tx, Writer};

/// How long the outcome of a commit is asked for that the server did not answer.
const PATIENCE: Duration = Duration::from_secs(10);

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
    let tx = writer.begin().await?;
    let (mut facts, head) = load_facts(&tx, commands, now).await?;
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
    let effects = Effects::of(&happened);
    let numbered = apply_to_tables(&tx, &effects).await?;
    let enrolled = effects.enrolled();
    numbered.replace_provisional_ids(&mut happened, &mut outcome);
    let entries = entries(&happened, &facts, head);
    append_to_log(&tx, enrolled, &entries, &facts).await?;
    match tx.commit().await {
        Ok(()) => Ok(outcome),
        Err(DbError::Unknown(what)) => find_out(writer, &entries, outcome, what).await,
        Err(error) => Err(error),
    }
}

/// Whether a batch whose commit was not answered is in the log. Whoever has the head knows: the commit that was lost had
/// it, so it is over now.
async fn find_out(
    writer: &mut Writer,
    entries: &[Vec<Arg>],
    outcome: Outcome,
    lost: String,
) -> Result<Outcome, DbError> {
    let mut patience = Patience::lasting(PATIENCE);
    loop {
        match is_in_log(writer, entries).await {
            Ok(true) => return Ok(outcome),
            Ok(false) => return Err(DbError::Conflict(lost)),
            Err(error) => patience.after(error).await.map_err(|_| DbError::Unknown(lost.clone()))?,
        }
    }
}

async fn is_in_log(writer: &mut Writer, entries: &[Vec<Arg>]) -> Result<bool, DbError> {
    let tx = writer.begin().await?;
    take_head(&tx).await?;
    // The batch is one transaction, so its first entry stands for all of it; another server may have used its number.
    let found =
        tx.query(ENTRY_IS_THERE, entries.first().map_or(&[], Vec::as_slice), |row| row.int(0)).await?;
    Ok(!found.is_empty())
}

/// The last `seq`, the last enrollment's id, the time of the last event. Until the transaction ends, no other has them.
async fn take_head(tx: &Tx<'_>) -> Result<(i64, i64, String), DbError> {
    let sql = "update log_head set last_seq = last_seq where id = 1 returning last_seq, last_enrollment_id, last_at";
    let head = tx.query(sql, &[], |row| Ok((row.int(0)?, row.int(1)?, row.text(2)?))).await?.pop();
    head.ok_or_else(|| DbError::Engine("the log has lost its head: run `matricula check`".to_owned()))
}

async fn load_facts(
    tx: &Tx<'_>,
    commands: &[(&Command, &Origin)],
    now: String,
) -> Result<(Facts, i64), DbError> {
    let (last_seq, last_enrollment_id, last_at) = take_head(tx).await?;
    // The log's order is the order of its times, even when the machine's clock is put back.
    let mut facts = Facts { now: now.max(last_at), last_enrollment_id, ..Facts::default() };
    let wanted = Wanted::by(commands);

    let pairs: Vec<_> =
        wanted.pairs.iter().map(|(student, course)| vec![student.0.into(), course.0.into()]).collect();
    let (students, courses) = (sets(&wanted.students), sets(&wanted.courses));
    let (all_of_student, all_of_course) = (sets(&wanted.all_of_student), sets(&wanted.all_of_course));
    // Side by side: on a server they share one round trip.
    let (students, courses, of_pairs, of_students, of_courses) = tokio::try_join!(
        tx.query_many(
            "select cast(id as bigint), cast(name as text), cast(email as text) from students where id = cast($1 as bigint)",
            &students,
            |row| Ok(Student { id: row.int(0)?.into(), name: row.opt_text(1)?, email: row.opt_text(2)? }),
        ),
        tx.query_many(
            "select cast(id as bigint), cast(name as text), cast(level as text) from courses where id = cast($1 as bigint)",
            &courses,
            |row| Ok(Course { id: row.int(0)?.into(), name: row.opt_text(1)?, level: row.opt_text(2)? }),
        ),
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
    )?;
    facts.students = students.into_iter().flatten().map(|student| (student.id, student)).collect();
    facts.courses = courses.into_iter().flatten().map(|course| (course.id, course)).collect();
    let enrollments = [of_pairs, of_students, of_courses].into_iter().flatten().flatten();
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

async fn apply_to_tables(tx: &Tx<'_>, effects: &Effects<'_>) -> Result<Numbered, DbError> {
    let dropped = effects.dropped();
    tx.execute_many("delete from student_courses where student_id = $1 and id = $2", &dropped).await?;
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

    Ok(Numbered { students, courses })
}

async fn insert_numbered(tx: &Tx<'_>, sql: &str, rows: &[Vec<Arg>]) -> Result<Vec<i64>, DbError> {
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

/// The rows of the log for what happened, from `last_seq` on.
fn entries(happened: &[(Event, &Origin)], facts: &Facts, last_seq: i64) -> Vec<Vec<Arg>> {
    (last_seq + 1..)
        .zip(happened)
        .map(|(seq, (event, origin))| {
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
        .collect()
}

const ENTRY_IS_THERE: &str = "select 1 from events where seq = $1 and at = $2 and type = $3 \
    and student_id is not distinct from $4 and course_id is not distinct from $5 \
    and enrollment_id is not distinct from $6 and actor is not distinct from $7 \
    and request_id is not distinct from $8 and data = $9";

/// The new enrollments and their events, and where the log ends now.
async fn append_to_log(
    tx: &Tx<'_>,
    enrolled: Vec<Vec<Arg>>,
    entries: &[Vec<Arg>],
    facts: &Facts,
) -> Result<(), DbError> {
    let last_seq = entries.last().and_then(|entry| entry.first()).cloned().unwrap_or(Arg::Int(None));
    let head = [vec![last_seq, facts.last_enrollment_id.into(), facts.now.as_str().into()]];
    tokio::try_join!(
        tx.execute_many(
            "insert into student_courses (id, student_id, course_id, enrolled_at) values ($1, $2, $3, $4)",
            &enrolled,
        ),
        tx.execute_many(
            "insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, request_id, data) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            entries,
        ),
        tx.execute_many(
            "update log_head set last_seq = $1, last_enrollment_id = $2, last_at = $3 where id = 1",
            &head,
        ),
    )?;
    Ok(())
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
