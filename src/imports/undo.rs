//! Undoes what an import has done, as far as nobody has changed it since.

use std::collections::{HashMap, HashSet};

use super::commits::Commits;
use super::contents::{self, ListName, ROWS_PER_PLACE};
use super::entries::{self, Entry};
use super::group_plan::GROUPS;
use super::rows::{ImportRow, RowField, RowStatus, number_of};
use super::staging::Assignment;
use super::steps::{Obstacle, Pair};
use super::store;
use super::vanishing::{remove_course, remove_student};
use crate::db::{Db, DbError};
use crate::registrar::{
    Caller, Course, CourseId, DropCourse, EnrollmentId, EventKind, FieldValues, GroupName, ImportStep,
    JoinGroup, LeaveGroup, OperationOutcome, Record, Refusal, Registrar, Restore, Student, StudentId,
    UnmakeGroup, Update, Version,
};

/// Undoes an import: the last change first. `progress` is called with the number of entries of the log that were looked at.
/// Returns the rows that stay as they are, with the reasons. Changes that are reversed already are none of these, so that an
/// interrupted undoing can begin again.
///
/// # Errors
/// When the database cannot be read, or the caller may not do this any more.
pub(super) async fn undo(
    assignment: &Assignment,
    db: &Db,
    registrar: &Registrar,
    caller: &Caller,
    progress: impl Fn(usize) + Send,
) -> Result<Vec<ImportRow>, Refusal> {
    let id = assignment.import_id;
    let planned = records(id, db).await?;
    let mut remaining: Vec<(i64, Obstacle)> = Vec::new();
    let mut commits = Commits::new(registrar, caller, assignment, true);
    let mut looked_at = 0;
    let mut moved_up = MovedUp::default();
    for range in entries::ranges(db, id).await? {
        let entries = entries::entries(db, range).await?;
        looked_at += entries.len();
        moved_up.take(&entries);
        let present = Present::load(id, db, &entries).await?;
        let (mut steps, mut had_place) = (Vec::new(), Vec::new());
        for entry in &entries {
            match step(entry, &planned, &present) {
                Ok(Some(step)) => {
                    steps.push((entry.row, step));
                    had_place.push(entry.from_waitlist);
                }
                Ok(None) => {}
                Err(obstacle) => remaining.push((entry.row, obstacle)),
            }
        }
        let outcome = |place: usize, outcome| {
            let (row, step): &(i64, ImportStep) = &steps[place];
            match outcome {
                OperationOutcome::Refused(refusal) => {
                    remaining.extend(obstacle(step, &refusal).map(|why| (*row, why)));
                }
                // The seat is gone; it was given to somebody who waited for it.
                _ if had_place[place] => remaining.push((*row, place_lost())),
                _ => {}
            }
        };
        commits.run(&steps, outcome).await?;
        progress(looked_at);
    }
    let ended = ended_with_deleted(&planned, &remaining);
    remaining.extend(ended);
    let mut rows = with_rows(id, db, remaining).await?;
    rows.extend(moved_up.rows(id, db).await?);
    rows.sort_by_key(|row| row.row);
    Ok(rows)
}

/// Students who moved up from a waitlist because the import had freed a seat. They keep it.
#[derive(Default)]
struct MovedUp {
    /// The number of the row that has freed the seat, and who got it.
    seats: Vec<(i64, StudentId, EnrollmentId)>,
    /// Students that the import itself put on a waitlist: their own rows report what became of them.
    joined: HashSet<(Option<i64>, Option<i64>)>,
}

impl MovedUp {
    fn take(&mut self, entries: &[Entry]) {
        for entry in entries {
            let pair = (entry.student_id, entry.course_id);
            match (entry.kind.parse(), entry.student_id, entry.enrollment_id) {
                (Ok(EventKind::WaitlistJoined), ..) => {
                    self.joined.insert(pair);
                }
                // Newest first: a student that the import put on the waitlist joined it earlier.
                (Ok(EventKind::WaitlistPromoted), Some(student), Some(seat)) => {
                    self.seats.push((entry.row, StudentId(student), EnrollmentId(seat)));
                }
                _ => {}
            }
        }
    }

    /// A row for each who still has the seat: that of the seat, with the other student.
    async fn rows(self, id: i64, db: &Db) -> Result<Vec<ImportRow>, Refusal> {
        let ids: Vec<i64> = self.seats.iter().map(|(_, student, _)| student.0).collect();
        let now: HashMap<EnrollmentId, Pair> =
            store::seats_of(db, &ids).await?.into_iter().map(|(pair, seat)| (seat, pair)).collect();
        let students = store::students_with_ids(db, &ids).await?;
        let students: HashMap<_, _> = students.into_iter().map(|student| (student.id, student)).collect();
        let has_kept = |seat: &EnrollmentId| {
            let pair = now.get(seat).map(|(student, course)| (Some(student.0), Some(course.0)));
            pair.is_some_and(|pair| !self.joined.contains(&pair))
        };
        let mut kept: Vec<_> = self.seats.iter().filter(|(_, _, seat)| has_kept(seat)).collect();
        kept.sort_by_key(|(row, ..)| *row);
        let freed = with_rows(id, db, kept.iter().map(|(row, ..)| (*row, moved_up())).collect()).await?;
        let rows = freed.into_iter().zip(kept.iter().map(|(_, student, _)| *student));
        let of_student = |(row, student_id): (ImportRow, StudentId)| ImportRow {
            record: Some("enrollment".to_owned()),
            status: RowStatus::New,
            student: students.get(&student_id).and_then(number_of),
            student_id: Some(student_id.0),
            overridden: false,
            cause: None,
            ..row
        };
        Ok(rows.map(of_student).collect())
    }
}

fn moved_up() -> Obstacle {
    let detail = "The student moved up from the waitlist when the import freed a seat, and keeps it.";
    Obstacle::new("moved-up", detail)
}

/// Enrollments and places on waitlists that have ended with a student or a course that does not come back.
fn ended_with_deleted(
    planned: &HashMap<i64, ImportRow>,
    remaining: &[(i64, Obstacle)],
) -> Vec<(i64, Obstacle)> {
    let deleted = remaining.iter().filter(|(_, why)| why.code == DELETED);
    let deleted: HashSet<_> =
        deleted.filter_map(|(row, _)| planned.get(row)).map(|row| (row.student_id, row.course_id)).collect();
    let has_ended = |row: &&ImportRow| match row.cause.as_deref() {
        Some("with-student") => deleted.contains(&(row.student_id, None)),
        Some("with-course") => deleted.contains(&(None, row.course_id)),
        _ => false,
    };
    let why =
        || Obstacle::new(DELETED, "It has ended with its student or course, which cannot be brought back.");
    planned.values().filter(has_ended).map(|row| (row.row, why())).collect()
}

/// The code for what cannot be undone because it was deleted.
const DELETED: &str = "deleted";

/// The rows about students and courses that the import has added or changed, and all that it has removed.
async fn records(id: i64, db: &Db) -> Result<HashMap<i64, ImportRow>, DbError> {
    let mut records = HashMap::new();
    let mut place = 0;
    loop {
        let rows = contents::read_rows(db, Some(id), ListName::Plan, place..=place).await?;
        let is_last = rows.last().is_none_or(|row| row.status == RowStatus::Unchanged);
        let is_needed = |row: &ImportRow| {
            row.status == RowStatus::Vanishing
                || row.record.as_deref().is_some_and(|record| record != "enrollment")
        };
        let mut rows: Vec<_> = rows.into_iter().filter(is_needed).collect();
        // Groups are no fields of the record: entries of their own say who has joined and left.
        for row in &mut rows {
            row.fields.retain(|field| field.field != GROUPS);
        }
        records.extend(rows.into_iter().map(|row| (row.row, row)));
        if is_last {
            return Ok(records);
        }
        place += 1;
    }
}

/// The students and courses of entries that are about one of them, as they are now.
struct Present {
    students: HashMap<i64, Student>,
    courses: HashMap<i64, Course>,
    /// Of students, courses and pairs: the last entry of the log that is not of the import.
    later: HashMap<(Option<i64>, Option<i64>), i64>,
    /// The same of students and groups.
    later_in_groups: HashMap<(i64, String), i64>,
    /// Groups that something else has set or deleted since the import made one.
    later_groups: HashSet<String>,
}

impl Present {
    async fn load(id: i64, db: &Db, entries: &[Entry]) -> Result<Self, DbError> {
        let of = |kinds: [EventKind; 2], id: fn(&Entry) -> Option<i64>| -> Vec<i64> {
            let about = entries.iter().filter(|entry| kinds.iter().any(|kind| kind.as_str() == entry.kind));
            about.filter_map(id).collect()
        };
        let students = of([EventKind::StudentCreated, EventKind::StudentUpdated], |entry| entry.student_id);
        let courses = of([EventKind::CourseCreated, EventKind::CourseUpdated], |entry| entry.course_id);
        let dropped = of([EventKind::EnrollmentDropped, EventKind::WaitlistLeft], |entry| entry.student_id);
        let named: Vec<i64> = students.iter().copied().chain(dropped).collect();
        let mut later = HashMap::new();
        for (student, course, seq) in entries::later(db, id, &named, &courses).await? {
            for about in [(student, course), (student, None), (None, course)] {
                let last = later.entry(about).or_insert(seq);
                *last = seq.max(*last);
            }
        }
        let regrouped = of([EventKind::GroupJoined, EventKind::GroupLeft], |entry| entry.student_id);
        let mut later_in_groups = HashMap::new();
        for (student, group, seq) in entries::later_in_groups(db, id, &regrouped).await? {
            let last = later_in_groups.entry((student, group)).or_insert(seq);
            *last = seq.max(*last);
        }
        let later_groups = entries::later_groups(db, id, entries).await?;
        let students = store::students_with_ids(db, &students).await?;
        let courses = store::courses_with_ids(db, &courses).await?;
        Ok(Self {
            later_in_groups,
            later_groups,
            students: students.into_iter().map(|student| (student.id.0, student)).collect(),
            courses: courses.into_iter().map(|course| (course.id.0, course)).collect(),
            later,
        })
    }

    /// Checks that the log has nothing about these since the entry but what the import has done.
    fn ensure_no_later(
        &self,
        entry: &Entry,
        student: Option<i64>,
        course: Option<i64>,
    ) -> Result<(), Obstacle> {
        let last = self.later.get(&(student, course));
        if last.is_none_or(|last| *last < entry.seq) { Ok(()) } else { Err(touched()) }
    }

    /// Checks that the student has not joined or left the group since the entry but by the import. Returns both.
    fn membership(&self, entry: &Entry) -> Result<(GroupName, StudentId), Obstacle> {
        let (student, group) = entry.student_id.zip(entry.group.clone()).ok_or_else(unknown_entry)?;
        let last = self.later_in_groups.get(&(student, group.clone()));
        if last.is_some_and(|last| *last > entry.seq) {
            return Err(touched());
        }
        Ok((GroupName::from_stored(group), StudentId(student)))
    }
}

/// The step that undoes an entry; `None` if there is nothing to undo.
fn step(
    entry: &Entry,
    planned: &HashMap<i64, ImportRow>,
    present: &Present,
) -> Result<Option<ImportStep>, Obstacle> {
    let row = planned.get(&entry.row);
    let unknown = unknown_entry;
    let kind: EventKind = entry.kind.parse().map_err(|_| unknown())?;
    let student = || entry.student_id.ok_or_else(unknown);
    let course = || entry.course_id.ok_or_else(unknown);
    let pair = || Ok::<_, Obstacle>((StudentId(student()?), CourseId(course()?)));
    let drop = || pair().map(|(student_id, course_id)| DropCourse::new(student_id, course_id));
    match kind {
        EventKind::EnrollmentCreated => {
            let id = entry.enrollment_id.ok_or_else(unknown)?;
            Ok(Some(ImportStep::DropEnrollment(drop()?, EnrollmentId(id))))
        }
        EventKind::WaitlistJoined => Ok(Some(ImportStep::LeaveWaitlist(drop()?, entry.seq))),
        // An enrollment that ended with its student or course cannot come back without it.
        EventKind::EnrollmentDropped | EventKind::WaitlistLeft if row.is_some_and(is_enrollment) => {
            present.ensure_no_later(entry, entry.student_id, entry.course_id)?;
            let (student_id, course_id) = pair()?;
            Ok(Some(ImportStep::Restore(Restore { student_id, course_id })))
        }
        EventKind::StudentCreated => {
            let Some(now) = present.students.get(&student()?) else { return Ok(None) };
            present.ensure_no_later(entry, entry.student_id, None)?;
            ensure_untouched(now, row)?;
            Ok(Some(remove_student(now, 0)))
        }
        EventKind::CourseCreated => {
            let Some(now) = present.courses.get(&course()?) else { return Ok(None) };
            present.ensure_no_later(entry, None, entry.course_id)?;
            ensure_untouched(now, row)?;
            Ok(Some(remove_course(now, 0)))
        }
        EventKind::StudentUpdated => {
            let Some(now) = present.students.get(&student()?) else { return Ok(None) };
            Ok(changed_back(now, row)?.map(ImportStep::ChangeStudent))
        }
        EventKind::CourseUpdated => {
            let Some(now) = present.courses.get(&course()?) else { return Ok(None) };
            Ok(changed_back(now, row)?.map(ImportStep::ChangeCourse))
        }
        EventKind::GroupJoined => {
            let (name, student_id) = present.membership(entry)?;
            Ok(Some(ImportStep::LeaveGroup(LeaveGroup { name, student_id })))
        }
        EventKind::GroupLeft => {
            let (name, student_id) = present.membership(entry)?;
            Ok(Some(ImportStep::JoinGroup(JoinGroup { name, student_id })))
        }
        EventKind::GroupSet => {
            let name = entry.group.clone().ok_or_else(unknown)?;
            if present.later_groups.contains(&name) {
                return Err(touched());
            }
            Ok(Some(ImportStep::UnmakeGroup(UnmakeGroup(GroupName::from_stored(name)))))
        }
        EventKind::StudentDeleted | EventKind::CourseDeleted => {
            Err(Obstacle::new(DELETED, "What was deleted cannot be brought back with its id and its past."))
        }
        _ => Ok(None),
    }
}

fn unknown_entry() -> Obstacle {
    Obstacle::new("unknown-entry", "A newer version of the program has made this change.")
}

fn is_enrollment(row: &ImportRow) -> bool {
    matches!(row.record.as_deref(), Some("enrollment" | "place-on-waitlist"))
}

/// Whether the record has the values that the import has given it.
fn ensure_untouched<R: Record>(now: &R, row: Option<&ImportRow>) -> Result<(), Obstacle> {
    let is_same = |field: &RowField| value(now, &field.field) == field.new.as_deref();
    if row.is_some_and(|row| row.fields.iter().all(is_same)) { Ok(()) } else { Err(touched()) }
}

/// The change back; `None` if the record has its values from before already.
fn changed_back<R: Record + PartialEq>(
    now: &R,
    row: Option<&ImportRow>,
) -> Result<Option<Update<R>>, Obstacle> {
    let row = row.ok_or_else(touched)?;
    if row.fields.iter().all(|field| value(now, &field.field) == field.old.as_deref()) {
        return Ok(None);
    }
    ensure_untouched(now, Some(row))?;
    let known = R::FIELDS.iter().filter_map(|known| {
        let field = row.fields.iter().find(|field| field.field == known.name)?;
        Some((known.name, field.old.clone()))
    });
    let expected = Some(vec![Version::from_record(now)]);
    Ok(Some(Update { id: now.id(), values: FieldValues::new(known), expected }))
}

fn value<'r, R: Record>(record: &'r R, field: &str) -> Option<&'r str> {
    let described = R::FIELDS.iter().find(|known| known.name == field)?;
    record.value(described).map(String::as_str)
}

fn place_lost() -> Obstacle {
    Obstacle::new("place-lost", "The place on the waitlist is gone for good.")
}

fn touched() -> Obstacle {
    Obstacle::new("changed-since", "It has been changed since the import.")
}

/// Why something stays as the import has left it; `None` if it is gone, or undone already.
fn obstacle(step: &ImportStep, refusal: &Refusal) -> Option<Obstacle> {
    let is_restored = matches!(step, ImportStep::Restore(_));
    match refusal {
        Refusal::NothingToRestore { .. } | Refusal::NotInGroup { .. } => None,
        Refusal::GroupNotFound(_) if !matches!(step, ImportStep::JoinGroup(_)) => None,
        Refusal::PlanChanged if matches!(step, ImportStep::UnmakeGroup(_)) => {
            let detail = "The group that the import has made stays: it has students or a limit, or a course opens for it.";
            Some(Obstacle::new("group-in-use", detail))
        }
        Refusal::StudentNotFound(_) | Refusal::CourseNotFound(_) | Refusal::EnrollmentNotFound { .. }
            if !is_restored =>
        {
            None
        }
        Refusal::PlanChanged | Refusal::Stale(_) | Refusal::StaleCourse { .. } => Some(touched()),
        other => Some(Obstacle::from(other)),
    }
}

/// The rows with these numbers, with the reasons.
async fn with_rows(id: i64, db: &Db, mut remaining: Vec<(i64, Obstacle)>) -> Result<Vec<ImportRow>, Refusal> {
    remaining.sort_by_key(|(row, _)| *row);
    let (mut rows, mut place, mut loaded) = (Vec::new(), usize::MAX, Vec::new());
    for (number, obstacle) in remaining {
        let missing = || DbError::Engine(format!("import {id} has no row {number}"));
        let number = usize::try_from(number).map_err(|_| missing())?;
        if place != number / ROWS_PER_PLACE {
            place = number / ROWS_PER_PLACE;
            loaded = contents::read_rows(db, Some(id), ListName::Plan, place..=place).await?;
        }
        let row: &ImportRow = loaded.get(number % ROWS_PER_PLACE).ok_or_else(missing)?;
        rows.push(row.clone().with_obstacle(&obstacle));
    }
    Ok(rows)
}
