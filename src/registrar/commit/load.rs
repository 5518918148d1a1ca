//! Loads the facts that the commands of a batch need.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::access::load_access;
use super::cache::{CourseCache, DatabaseState};
use super::external_ids::load_external_ids;
use super::head::Head;
use super::orphans::{CheckedRow, Orphans, select_enrollments};
use super::reply::BatchItem;
use super::rows::{COURSE, COURSE_WITH_CODE, STUDENT, STUDENT_WITH_NUMBER, course, limits, sets, student};
use super::standing::{courses_with_group_openings, load_standing};
use crate::db::{CountBy, DbError, Tx};
use crate::registrar::caller::{Actor, Caller};
use crate::registrar::facts::Facts;
use crate::registrar::kinds::EventKind;
use crate::registrar::limits::Limits;
use crate::registrar::needs::Needs;
use crate::registrar::read_only::ReadOnly;
use crate::registrar::record::{CourseId, Ended, Enrollment, StudentId, WaitlistEntry};
use crate::registrar::waitlist::Waitlist;

/// The facts of a batch, and the cache to update after its commit.
pub(super) struct Loaded {
    pub(super) facts: Facts,
    /// Rows that other programs orphaned, to be dropped before anything is decided.
    pub(super) orphans: Orphans,
    cache: CourseCache,
    limits: HashSet<CourseId>,
    seats: HashSet<CourseId>,
    counted: BTreeSet<CourseId>,
    external_writes: i64,
}

impl Loaded {
    /// Returns the updated cache, once the batch is committed.
    pub(super) fn after_commit(self) -> CourseCache {
        let Self { facts, mut cache, limits, seats, counted, external_writes, .. } = self;
        cache.store(
            DatabaseState { last_seq: facts.last_seq, external_writes },
            &limits,
            &seats,
            &counted,
            facts,
        );
        cache
    }
}

pub(super) async fn load_facts(
    tx: &Tx<'_>,
    items: &[BatchItem<'_>],
    head: &Head,
    read_only: &ReadOnly,
    cache: &mut CourseCache,
) -> Result<Loaded, DbError> {
    let external_writes = tx.data_version()?;
    let mut cache = cache.take_if_current(DatabaseState { last_seq: head.last_seq, external_writes });
    let mut needs = Needs::default();
    for (command, _) in items {
        command.needs(&mut needs);
    }
    let is_outdated =
        |caller: &Caller| caller.proof.version != 0 && caller.proof.version != head.rights_version;
    if items.iter().any(|(_, caller)| is_outdated(caller)) {
        needs.changes_access();
    }
    if needs.changes_access {
        for (_, caller) in items {
            match &caller.actor {
                Actor::Token(id) => needs.token(*id),
                Actor::Account(id) => {
                    needs.caller(*id);
                    caller.proof.session().into_iter().for_each(|hash| needs.session(hash));
                }
                Actor::Anonymous | Actor::Cli | Actor::SignOn | Actor::Sample | Actor::Database => {}
            }
        }
    }
    if needs.vanished {
        // A server does not report writes of other programs, so the cache may contain the rows to be swept.
        cache = CourseCache::default();
    }
    if !needs.standing.openings_of.is_empty() {
        needs.limits.extend(courses_with_group_openings(tx).await?);
    }
    loop {
        let mut facts = Facts {
            now: head.now.clone(),
            stamp: head.stamp(),
            last_seq: head.last_seq,
            last_enrollment_id: head.last_enrollment_id,
            rights_version: head.rights_version,
            has_callers: needs.changes_access,
            read_only: read_only.clone(),
            ..Facts::default()
        };
        let mut orphans = Orphans::default();
        let unknown = cache.fill_limits(&needs.limits, &mut facts);
        load_rows(tx, &needs, &unknown, &mut facts, &mut orphans).await?;
        load_standing(tx, &needs, &head.rules, &mut facts).await?;
        load_access(tx, &needs, &mut facts).await?;
        facts.import_workers = load_import_workers(tx, &needs).await?;
        facts.seat_change_workers = load_seat_change_workers(tx, &needs).await?;
        facts.ended = load_ended(tx, &needs).await?;
        load_external_ids(tx, &needs, &mut facts, &mut orphans).await?;
        // Deleting a student frees seats in courses that the command does not name.
        let freed: HashSet<_> = needs
            .all_of_student
            .iter()
            .flat_map(|id| facts.enrollments_of_student(*id))
            .map(|enrollment| enrollment.course_id)
            .chain(facts.waitlists.keys().copied())
            .filter(|course| !needs.limits.contains(course))
            .collect();
        let unknown = cache.fill_limits(&freed, &mut facts);
        facts.limits.extend(load_limits(tx, &unknown).await?);
        needs.limits.extend(freed);
        needs.seats.extend(facts.limits.keys().chain(facts.waitlists.keys()));
        // A student on hold still waits for a course whose limits were removed.
        let on_hold = needs.pairs.iter().filter(|(student, _)| !facts.holds_of(*student).is_empty());
        needs.seats.extend(on_hold.map(|(_, course)| *course));
        verify(tx, &mut cache, &needs.seats).await?;
        let unknown = cache.fill_seats(&needs.seats, &mut facts);
        load_seats(tx, &unknown, &mut facts, &mut orphans).await?;
        orphans.add_missing_courses(&needs.courses, &facts);
        if needs.vanished {
            load_vanished(tx, &needs, &facts, &mut orphans).await?;
        }
        if is_complete(&needs, &orphans) {
            let Needs { limits, seats, .. } = needs;
            let counted = orphans.counted.clone();
            return Ok(Loaded { facts, orphans, cache, limits, seats, counted, external_writes });
        }
        // Another program has deleted a student or a course: load all of its rows, to drop them together.
        orphans.students.iter().for_each(|id| needs.all_of_student(*id));
        orphans.courses.iter().for_each(|id| needs.seats(*id));
        cache = CourseCache::default();
    }
}

/// The students of each course who exist.
const ENROLLED_AND_KNOWN: CountBy = CountBy {
    rows: "student_courses sc join students s on s.id = sc.student_id",
    key: "sc.course_id",
    and: "",
};
/// The rows of each course whose student is a number.
const ENROLLED: CountBy =
    CountBy { rows: "student_courses", key: "course_id", and: "and student_id = cast(student_id as bigint)" };

/// Compares old cache entries with the rows, where the engine does not report writes of other programs.
async fn verify(tx: &Tx<'_>, cache: &mut CourseCache, courses: &HashSet<CourseId>) -> Result<(), DbError> {
    let old = if tx.has_data_version() { Vec::new() } else { cache.to_verify(courses) };
    let asked: Vec<_> = old.iter().map(|(id, _)| id.0.into()).collect();
    let counts = tx.count_by(&ENROLLED_AND_KNOWN, &asked).await?;
    for ((id, enrolled), count) in old.into_iter().zip(counts) {
        cache.verify(id, count == enrolled);
    }
    Ok(())
}

async fn load_rows(
    tx: &Tx<'_>,
    needs: &Needs,
    courses_to_load: &HashSet<CourseId>,
    facts: &mut Facts,
    orphans: &mut Orphans,
) -> Result<(), DbError> {
    let pairs: Vec<_> =
        needs.pairs.iter().map(|(student, course)| vec![student.0.into(), course.0.into()]).collect();
    let (students, courses) = (sets(&needs.students), sets(&needs.courses));
    let (locked_students, locked_courses) = (sets(&needs.locked_students), sets(&needs.locked_courses));
    let (all_of_student, all_of_course) = (sets(&needs.all_of_student), sets(&needs.all_of_course));
    // Concurrently: on a server they share one round trip. Only the error of the first that fails is meaningful.
    let (
        students,
        courses,
        locked_students,
        locked_courses,
        of_pairs,
        of_students,
        of_courses,
        waits,
        limits,
    ) = tokio::try_join!(
        biased;
        tx.query_many(STUDENT, &students, student),
        tx.query_many(COURSE, &courses, course),
        tx.lock_many(STUDENT_WITH_NUMBER, &locked_students, student),
        tx.lock_many(COURSE_WITH_CODE, &locked_courses, course),
        tx.query_many(select_enrollments!("sc.student_id = $1 and sc.course_id = $2"), &pairs, CheckedRow::enrollment),
        tx.query_many(select_enrollments!("sc.student_id = $1"), &all_of_student, CheckedRow::enrollment),
        tx.query_many(select_enrollments!("sc.course_id = $1"), &all_of_course, CheckedRow::enrollment),
        tx.query_many("select course_id from waitlist where student_id = $1", &all_of_student, |row| Ok(
            CourseId(row.int(0)?)
        )),
        load_limits(tx, courses_to_load),
    )?;
    // For a locked row, the locked read is the newer one.
    let students = students.into_iter().chain(locked_students).flatten();
    facts.students = students.map(|student| (student.id, student)).collect();
    let courses = courses.into_iter().chain(locked_courses).flatten();
    facts.courses = courses.map(|course| (course.id, course)).collect();
    for checked in [of_pairs, of_students, of_courses].into_iter().flatten().flatten() {
        let row = checked.row.clone();
        facts.enrollments.insert((row.student_id, row.course_id), row);
        orphans.add_enrollment(checked);
    }
    facts.waitlists = waits.into_iter().flatten().map(|course| (course, Waitlist::default())).collect();
    facts.limits.extend(limits);
    Ok(())
}

async fn load_import_workers(tx: &Tx<'_>, needs: &Needs) -> Result<HashMap<i64, String>, DbError> {
    let sql = "select id, worker from matricula_imports where id = $1 and worker is not null";
    let found = tx.lock_many(sql, &sets(&needs.imports), |row| Ok((row.int(0)?, row.text(1)?))).await?;
    Ok(found.into_iter().flatten().collect())
}

async fn load_seat_change_workers(tx: &Tx<'_>, needs: &Needs) -> Result<HashMap<i64, String>, DbError> {
    let sql = "select id, worker from matricula_seat_changes where id = $1 and worker is not null";
    let found = tx.lock_many(sql, &sets(&needs.seat_changes), |row| Ok((row.int(0)?, row.text(1)?))).await?;
    Ok(found.into_iter().flatten().collect())
}

/// What each student had last in a course, if they are still the same ones.
async fn load_ended(tx: &Tx<'_>, needs: &Needs) -> Result<HashMap<(StudentId, CourseId), Ended>, DbError> {
    let pairs: Vec<_> =
        needs.ended.iter().map(|(student, course)| vec![student.0.into(), course.0.into()]).collect();
    // The events are few, so they are found by the student.
    let found = tx.query_many(ENDED, &pairs, |row| Ok((row.opt_int(0)?, row.int(1)?, row.stamp(2)?))).await?;
    let ended = needs.ended.iter().zip(found).filter_map(|(&(student_id, course_id), mut found)| {
        let ended = match found.pop()? {
            (Some(id), _, enrolled_at) => {
                Ended::Seat(Enrollment { id: id.into(), student_id, course_id, enrolled_at })
            }
            (None, joined_seq, joined_at) => {
                Ended::Place(WaitlistEntry { student_id, course_id, joined_seq, joined_at })
            }
        };
        Some(((student_id, course_id), ended))
    });
    Ok(ended.collect())
}

/// The beginning of the last enrollment or place on the waitlist of a student in a course that has ended: its id, if it is an
/// enrollment, and the `seq` and the time of its first entry.
const ENDED: &str = "select e.enrollment_id, b.seq, b.at from events e join events b on b.seq = \
    (select case when e.enrollment_id is null then max(x.seq) else min(x.seq) end from events x \
    where x.student_id = e.student_id and x.course_id = e.course_id and x.seq < e.seq \
    and ((e.enrollment_id is null and x.type = 'waitlist.joined') \
    or (x.enrollment_id = e.enrollment_id and x.type in ('enrollment.created', 'enrollment.adopted', 'waitlist.promoted')))) \
    where e.seq = (select max(l.seq) from events l where l.student_id = $1 and l.course_id = $2 \
    and l.type in ('enrollment.dropped', 'waitlist.left')) \
    and not exists (select 1 from events d where d.student_id = e.student_id and d.type = 'student.deleted' and d.seq > e.seq) \
    and not exists (select 1 from events d where d.course_id = e.course_id and d.type = 'course.deleted' and d.seq > e.seq)";

async fn load_limits(tx: &Tx<'_>, courses: &HashSet<CourseId>) -> Result<HashMap<CourseId, Limits>, DbError> {
    let sql = "select course_id, capacity, waitlist_capacity, opens_at, closes_at, waitlist_closes_at, drop_until, group_opens_at \
               from course_seats where course_id = $1";
    let found =
        tx.query_many(sql, &sets(courses), |row| Ok((CourseId(row.int(0)?), limits(row, 1)?))).await?;
    Ok(found.into_iter().flatten().collect())
}

/// Counts enrolled students from rows (a stored count would drift from them), and loads waitlists.
async fn load_seats(
    tx: &Tx<'_>,
    courses: &HashSet<CourseId>,
    facts: &mut Facts,
    orphans: &mut Orphans,
) -> Result<(), DbError> {
    let courses_asked = sets(courses);
    let keys: Vec<_> = courses.iter().map(|id| id.0.into()).collect();
    let (counts, waits, gone) = tokio::try_join!(
        biased;
        tx.count_by(&ENROLLED, &keys),
        tx.query_many(
            "select w.student_id, w.course_id, w.joined_seq, w.joined_at, \
             case when exists (select 1 from students s where s.id = cast(w.student_id as bigint)) then 1 else 0 end, \
             case when exists (select 1 from courses c where c.id = cast(w.course_id as bigint)) then 1 else 0 end, \
             w.on_hold \
             from waitlist w where w.course_id = $1",
            &courses_asked,
            |row| Ok((CheckedRow::waiting(row)?, row.int(6)? != 0)),
        ),
        tx.query_many(
            select_enrollments!(
                "sc.course_id = $1 and (not exists (select 1 from students s where s.id = cast(sc.student_id as bigint)) \
                 or not exists (select 1 from courses c where c.id = cast(sc.course_id as bigint)))"
            ),
            &courses_asked,
            CheckedRow::enrollment,
        ),
    )?;
    facts.enrolled.extend(courses.iter().copied().zip(counts));
    for (course, waits) in courses.iter().zip(waits) {
        let mut waitlist: Waitlist = waits.iter().map(|(checked, _)| checked.row.clone()).collect();
        for (checked, is_on_hold) in waits {
            if is_on_hold {
                waitlist.set_on_hold(checked.row.student_id, true);
            }
            orphans.add_waiting(checked);
        }
        facts.waitlists.insert(*course, waitlist);
    }
    for checked in gone.into_iter().flatten() {
        let row = checked.row.clone();
        facts.enrollments.insert((row.student_id, row.course_id), row);
        orphans.add_enrollment(checked);
    }
    orphans.counted.extend(courses);
    Ok(())
}

/// Finds the requested students and courses that are gone without a log entry about it. Even without enrollments they
/// have entries in the log, and perhaps saved columns.
async fn load_vanished(
    tx: &Tx<'_>,
    needs: &Needs,
    facts: &Facts,
    orphans: &mut Orphans,
) -> Result<(), DbError> {
    let students: Vec<_> =
        needs.students.iter().filter(|id| !facts.students.contains_key(id)).copied().collect();
    let courses: Vec<_> =
        needs.courses.iter().filter(|id| !facts.courses.contains_key(id)).copied().collect();
    let (asked_students, asked_courses) = (sets(&students), sets(&courses));
    let (of_students, of_courses) = tokio::try_join!(
        tx.query_many(
            "select type from events where student_id = $1 order by seq desc limit 1",
            &asked_students,
            |row| row.text(0),
        ),
        tx.query_many(
            "select type from events where course_id = $1 order by seq desc limit 1",
            &asked_courses,
            |row| row.text(0),
        ),
    )?;
    let is_unlogged =
        |last: &[String], deleted: EventKind| last.first().is_some_and(|last| last != deleted.as_str());
    let students = students.into_iter().zip(of_students);
    orphans
        .students
        .extend(students.filter(|(_, last)| is_unlogged(last, EventKind::StudentDeleted)).map(|(id, _)| id));
    let courses = courses.into_iter().zip(of_courses);
    orphans
        .courses
        .extend(courses.filter(|(_, last)| is_unlogged(last, EventKind::CourseDeleted)).map(|(id, _)| id));
    Ok(())
}

/// Whether all rows of deleted students and courses were loaded.
fn is_complete(needs: &Needs, orphans: &Orphans) -> bool {
    orphans.students.iter().all(|id| needs.all_of_student.contains(id))
        && orphans.courses.iter().all(|id| needs.courses.contains(id) && needs.seats.contains(id))
}
