//! One batch, one transaction: load the facts, decide, apply what happens to the tables and append it to the log.

mod attempt;
mod effects;
mod known;
mod load;

use std::collections::BTreeMap;
use std::time::Duration;

use self::effects::{Changes, Effects, Numbered};
use self::known::Known;
use self::load::{load_facts, take_head};
use super::command::{Answer, Command, Origin};
use super::decide::carry_out;
use super::event::Event;
use super::facts::Facts;
use super::keys::{Answered, Key, expiry};
use super::record::{CourseId, Enrollment, MAX_ID, StudentId};
use super::refusal::Refusal;
use super::seats::Limits;
use crate::db::{Arg, DbError, Patience, Row, Tx, Writer};

/// How long the outcome of a commit is asked for that the server did not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What each command of the batch came to, in order.
pub(super) type Outcome = Vec<Result<Answer, Refusal>>;

/// Where the batches go: the connection that writes, and what is still known from the batch before.
#[derive(Debug)]
pub(super) struct Books {
    writer: Writer,
    known: Known,
    /// Rights on found tables that the role did not have from the beginning.
    never_had: Vec<String>,
}

impl Books {
    /// With nothing known yet.
    pub(super) fn new(writer: Writer) -> Self {
        Self { writer, known: Known::default(), never_had: Vec::new() }
    }

    /// Carries out the commands, in order, as one transaction. The answers may be told when this returns.
    ///
    /// # Errors
    /// When the engine fails: then nothing of the batch was kept.
    pub(super) async fn commit(
        &mut self,
        commands: &[(&Command, &Origin)],
        now: String,
    ) -> Result<Outcome, DbError> {
        commit(&mut self.writer, &mut self.known, commands, now).await
    }

    /// As [`Writer::close`].
    pub(super) fn close(self) {
        self.writer.close();
    }
}

async fn commit(
    writer: &mut Writer,
    known: &mut Known,
    commands: &[(&Command, &Origin)],
    now: String,
) -> Result<Outcome, DbError> {
    let tx = writer.begin().await?;
    let mut loaded = load_facts(&tx, commands, now, known).await?;
    let facts = &mut loaded.facts;
    let expired = expiry(&facts.now);
    let mut answered = load_answered(&tx, commands, &expired).await?;
    let mut to_keep = Vec::new();
    let last_seq = facts.last_seq;
    let mut happened = Vec::with_capacity(commands.len());
    let mut outcome = Vec::with_capacity(commands.len());
    for (command, origin) in commands {
        if let Some(before) = origin.key.as_deref().and_then(|key| answered.to(key)) {
            outcome.push(before);
            continue;
        }
        let decided = carry_out(command, facts).map(|(events, answer)| {
            happened.extend(events.into_iter().map(|event| (event, *origin)));
            answer
        });
        if let Some(key) = origin.key.as_deref() {
            answered.insert(key, key.fingerprint.clone(), decided.clone());
            to_keep.push((key, outcome.len()));
        }
        outcome.push(decided);
    }
    if happened.is_empty() && to_keep.is_empty() {
        // Refusals change nothing, so there is nothing to wait for the disk for.
        *known = loaded.after_commit();
        return Ok(outcome);
    }
    let effects = Effects::of(&happened);
    let numbered = apply_to_tables(&tx, &effects).await?;
    let (enrolled, waiting) = (effects.enrolled(), effects.waiting());
    numbered.replace_provisional_ids(&mut happened, &mut outcome);
    let entries = entries(&happened, facts, last_seq);
    append_to_log(&tx, enrolled, waiting, &entries, facts).await?;
    keep_answers(&tx, &to_keep, &outcome, &facts.now, &expired).await?;
    match tx.commit().await {
        Ok(()) => {
            *known = loaded.after_commit();
            Ok(outcome)
        }
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
    if entries.is_empty() {
        // Answers to refusals, at most, which are decided or found again.
        return Err(DbError::Conflict(lost));
    }
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

async fn apply_to_tables(tx: &Tx<'_>, effects: &Effects<'_>) -> Result<Numbered, DbError> {
    let dropped = effects.dropped();
    tx.execute_many("delete from student_courses where student_id = $1 and id = $2", &dropped).await?;
    tx.execute_many("delete from waitlist where student_id = $1 and course_id = $2", &effects.left()).await?;
    tx.execute_many("delete from course_seats where course_id = $1", &effects.seats_removed()).await?;
    for (columns, sql) in UPDATES_OF_STUDENTS {
        tx.execute_many(sql, &changing(columns, &effects.students)).await?;
    }
    for (columns, sql) in UPDATES_OF_COURSES {
        tx.execute_many(sql, &changing(columns, &effects.courses)).await?;
    }

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

    tx.execute_many(
        "insert into course_seats (course_id, capacity, waitlist_capacity, opens_at, closes_at) \
         values ($1, $2, $3, $4, $5) on conflict (course_id) do update set capacity = excluded.capacity, \
         waitlist_capacity = excluded.waitlist_capacity, opens_at = excluded.opens_at, closes_at = excluded.closes_at",
        &effects.seats_set(),
    )
    .await?;

    // After the new rows: a found table may give a new row the id of one that is gone, and the log would have told of
    // the deletion last.
    tx.execute_many("delete from students where id = cast($1 as bigint)", &sets(&effects.deleted_students))
        .await?;
    tx.execute_many("delete from courses where id = cast($1 as bigint)", &sets(&effects.deleted_courses))
        .await?;

    Ok(Numbered { students, courses })
}

/// A statement for each set of columns that can change together, so that the others are not written.
const UPDATES_OF_STUDENTS: [(&[&str], &str); 3] = [
    (&["name"], "update students set name = $1 where id = cast($2 as bigint)"),
    (&["email"], "update students set email = $1 where id = cast($2 as bigint)"),
    (&["email", "name"], "update students set email = $1, name = $2 where id = cast($3 as bigint)"),
];
const UPDATES_OF_COURSES: [(&[&str], &str); 3] = [
    (&["name"], "update courses set name = $1 where id = cast($2 as bigint)"),
    (&["level"], "update courses set level = $1 where id = cast($2 as bigint)"),
    (&["level", "name"], "update courses set level = $1, name = $2 where id = cast($3 as bigint)"),
];

/// The new values and the id of each row of which just these columns change.
fn changing<Id: Copy + Into<i64>>(columns: &[&str], rows: &BTreeMap<Id, Changes<'_>>) -> Vec<Vec<Arg>> {
    let changing = rows.iter().filter(|(_, changes)| changes.keys().copied().eq(columns.iter().copied()));
    let args = |(id, changes): (&Id, &Changes<'_>)| {
        changes.values().copied().map(Arg::from).chain([(*id).into().into()]).collect()
    };
    changing.map(args).collect()
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

/// The new enrollments, those who wait, their events, and where the log ends now.
async fn append_to_log(
    tx: &Tx<'_>,
    enrolled: Vec<Vec<Arg>>,
    waiting: Vec<Vec<Arg>>,
    entries: &[Vec<Arg>],
    facts: &Facts,
) -> Result<(), DbError> {
    if entries.is_empty() {
        return Ok(());
    }
    let head = [vec![facts.last_seq.into(), facts.last_enrollment_id.into(), facts.now.as_str().into()]];
    tokio::try_join!(
        tx.execute_many(
            "insert into student_courses (id, student_id, course_id, enrolled_at) values ($1, $2, $3, $4)",
            &enrolled,
        ),
        tx.execute_many(
            "insert into waitlist (student_id, course_id, joined_seq, joined_at) values ($1, $2, $3, $4)",
            &waiting,
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

/// Expired answers that go with every commit that keeps some: more than come, so that the table does not grow.
const SWEPT: &str = "delete from idempotency_keys where answered_at <= $1 and key in (select key from idempotency_keys \
    where answered_at <= $1 order by answered_at limit 600) returning part";

async fn load_answered(
    tx: &Tx<'_>,
    commands: &[(&Command, &Origin)],
    expired: &str,
) -> Result<Answered, DbError> {
    let keys: Vec<_> = commands.iter().filter_map(|(_, origin)| origin.key.as_deref()).collect();
    let asked: Vec<_> =
        keys.iter().map(|key| vec![key.name.as_str().into(), key.part.into(), expired.into()]).collect();
    let sql =
        "select fingerprint, answer from idempotency_keys where key = $1 and part = $2 and answered_at > $3";
    let found = tx.query_many(sql, &asked, |row| Ok((row.text(0)?, row.text(1)?))).await?;
    let mut answered = Answered::default();
    for (key, (fingerprint, answer)) in
        keys.iter().zip(found).flat_map(|(key, rows)| rows.into_iter().map(move |row| (key, row)))
    {
        let answer = serde_json::from_str(&answer)
            .map_err(|error| DbError::Engine(format!("idempotency_keys.answer: {error}")))?;
        answered.insert(key, fingerprint, answer);
    }
    Ok(answered)
}

async fn keep_answers(
    tx: &Tx<'_>,
    to_keep: &[(&Key, usize)],
    outcome: &Outcome,
    now: &str,
    expired: &str,
) -> Result<(), DbError> {
    if to_keep.is_empty() {
        return Ok(());
    }
    let row = |(key, place): &(&Key, usize)| {
        let answer = serde_json::to_string(&outcome.get(*place))
            .map_err(|error| DbError::Engine(format!("an answer cannot be kept: {error}")))?;
        let (name, print) = (key.name.as_str(), key.fingerprint.as_str());
        Ok(vec![name.into(), key.part.into(), print.into(), now.into(), answer.into()])
    };
    let rows = to_keep.iter().map(row).collect::<Result<Vec<_>, DbError>>()?;
    tx.query(SWEPT, &[expired.into()], |row| row.int(0)).await?;
    tx.execute_many(
        "insert into idempotency_keys (key, part, fingerprint, answered_at, answer) values ($1, $2, $3, $4, $5) \
         on conflict (key, part) do update set fingerprint = excluded.fingerprint, \
         answered_at = excluded.answered_at, answer = excluded.answer",
        &rows,
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

/// Limits from `capacity, waitlist_capacity, opens_at, closes_at`, from the column `first` on.
///
/// # Errors
/// When the row holds anything else.
pub fn limits(row: &Row<'_>, first: usize) -> Result<Limits, DbError> {
    Ok(Limits {
        capacity: row.opt_int(first)?,
        waitlist_capacity: row.int(first + 1)?,
        opens_at: row.opt_text(first + 2)?,
        closes_at: row.opt_text(first + 3)?,
    })
}

fn sets<'a, T: Copy + Into<i64> + 'a>(ids: impl IntoIterator<Item = &'a T>) -> Vec<Vec<Arg>> {
    ids.into_iter().map(|id| vec![Arg::Int(Some((*id).into()))]).collect()
}
