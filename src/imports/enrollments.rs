//! Decides about enrollments, in the order in which the plan is carried out: first, leaving students are taken off
//! waitlists; then seats are freed, which moves others up; then students enroll.

use std::collections::{HashMap, HashSet};

use super::known::ids;
use super::parties::is_unclear;
use super::standings::store::{rules_of, standings_of};
use super::steps::{EnrollmentStep, Obstacle, Pair, Plan, provisional};
use super::store::{self, Taken};
use super::vanishing::{Cause, Held, VanishingPair};
use crate::clock::Stamp;
use crate::db::{Db, DbError};
use crate::files::reading::Wanted;
use crate::priority::pause_if_due;
use crate::registrar::{Admission, Caller, CourseId, Override, Refusal, Rehearsal, Rehearsed, StudentId};

/// The decisions about the enrollments.
pub(super) struct Decided {
    /// For each row.
    pub(super) steps: Vec<EnrollmentStep>,
    /// Enrollments and places on waitlists that end.
    pub(super) vanishing: Vec<VanishingPair>,
    /// Students who move up from a waitlist.
    pub(super) promoted: Vec<Pair>,
    /// How many enrollments the files do not mention that stay, since the deadline for drops has passed.
    pub(super) past_deadline: usize,
    /// The present enrollments and places on waitlists of the students in the files; empty if no course of the files
    /// has another code.
    pub(super) taken: HashSet<Pair>,
}

/// Decides about the rows of a plan, whose records are decided, and about pairs that the files do not mention.
pub(super) async fn decide(
    plan: &Plan,
    unmentioned: Vec<Taken>,
    db: &Db,
    now: Stamp,
    caller: &Caller,
) -> Result<Decided, DbError> {
    let mut stage = Stage::load(plan, unmentioned, db, Rehearsal::new(now, caller.clone())).await?;
    for is_waiting in [true, false] {
        for (place, row) in plan.reading.enrollments.iter().enumerate() {
            pause_if_due();
            if row.wanted == Wanted::NotEnrolled {
                stage.decide_drop(place, plan.pair(row), is_waiting, Cause::Row(row.origin));
            }
        }
        stage.drop_others(is_waiting).map_err(|refusal| DbError::Engine(refusal.to_string()))?;
    }
    for (step, row) in stage.decided.steps.iter_mut().zip(&plan.reading.enrollments) {
        pause_if_due();
        if row.wanted == Wanted::Enrolled {
            *step = match plan.pair(row) {
                Ok(pair) => enrolled(&mut stage.rehearsal, pair, plan.r#override.as_ref()),
                Err(obstacle) => EnrollmentStep::Refused(Box::new(obstacle.clone())),
            };
        }
    }
    Ok(stage.decided)
}

/// The rehearsal with all records of the plan.
struct Stage {
    rehearsal: Rehearsal,
    decided: Decided,
    /// Pairs without a row: those of deleted students, and those that the files do not mention.
    others: Vec<(Taken, Cause)>,
    /// The enrollments and places on waitlists that may end.
    held: HashMap<Pair, Held>,
    r#override: Option<Override>,
}

impl Stage {
    async fn load(
        plan: &Plan,
        unmentioned: Vec<Taken>,
        db: &Db,
        mut rehearsal: Rehearsal,
    ) -> Result<Self, DbError> {
        let rows = &plan.reading.enrollments;
        let pairs_of_rows = || rows.iter().inspect(|_| pause_if_due()).filter_map(|row| plan.pair(row).ok());
        let gone = &plan.vanishing;
        let gone_students: HashSet<StudentId> = gone.students.iter().map(|gone| gone.record.id).collect();
        let gone_courses: HashSet<CourseId> = gone.courses.iter().map(|gone| gone.record.id).collect();
        let mut others: Vec<(Taken, Cause)> = unmentioned
            .into_iter()
            .filter(|((student, course), _)| {
                !gone_students.contains(student) && !gone_courses.contains(course)
            })
            .map(|taken| (taken, Cause::NotMentioned))
            .collect();
        let named = pairs_of_rows().chain(others.iter().map(|((pair, _), _)| *pair));
        let students: HashSet<StudentId> =
            named.map(|(student, _)| student).chain(gone_students.iter().copied()).collect();
        let known = ids(students.iter().filter(|id| id.0 > 0));
        let seats = store::seats_of(db, &known).await?;
        let waiting = store::waiting_of(db, &known).await?;
        let taken = || {
            let seats = seats.iter().map(|(pair, _)| (*pair, false));
            seats.chain(waiting.iter().map(|row| ((row.student_id, row.course_id), true)))
        };
        let ends_with_student = |((student, course), _): &Taken| {
            gone_students.contains(student) && !gone_courses.contains(course)
        };
        others.extend(taken().filter(ends_with_student).map(|taken| (taken, Cause::WithStudent)));
        // A plan must not depend on the order in which the database finds rows.
        others.sort_unstable_by_key(|(taken, _)| *taken);
        let has_other_codes = plan.reading.has_other_codes();
        let taken_now = taken().filter(|_| has_other_codes).map(|(pair, _)| pair).collect();
        let courses = pairs_of_rows().map(|(_, course)| course);
        let courses: HashSet<CourseId> =
            courses.chain(others.iter().map(|(((_, course), _), _)| *course)).collect();
        load_courses(db, &courses, &mut rehearsal).await?;
        rehearsal.set_rules(rules_of(db).await?);
        let pairs: Vec<Pair> = taken().inspect(|_| pause_if_due()).map(|(pair, _)| pair).collect();
        let mut standings = standings_of(db, &known, &pairs).await?;
        plan.regroup(&mut standings, provisional);
        for id in &students {
            rehearsal.add_student(*id, standings.remove(id).unwrap_or_default());
        }
        for ((student, course), _) in
            seats.iter().inspect(|_| pause_if_due()).filter(|((_, course), _)| courses.contains(course))
        {
            rehearsal.add_enrollment(*student, *course);
        }
        let seats = seats.into_iter().map(|(pair, id)| (pair, Held::Seat(id)));
        let places = waiting.iter().map(|row| ((row.student_id, row.course_id), Held::Place(row.joined_seq)));
        let drops = rows.iter().filter(|row| row.wanted == Wanted::NotEnrolled);
        let drops = drops.filter_map(|row| plan.pair(row).ok());
        let drops: HashSet<Pair> = drops.chain(others.iter().map(|((pair, _), _)| *pair)).collect();
        let held: HashMap<Pair, Held> =
            seats.chain(places).filter(|(pair, _)| drops.contains(pair)).collect();
        // Others may have dropped a pair since it was found.
        others.retain(|((pair, _), _)| held.contains_key(pair));
        let mut in_gone = store::taken_in(db, &ids(&gone_courses)).await?;
        in_gone.sort_unstable();
        let decided = Decided {
            steps: vec![EnrollmentStep::NotThere; rows.len()],
            vanishing: in_gone.into_iter().map(|taken| vanishing(taken, Cause::WithCourse, None)).collect(),
            promoted: Vec::new(),
            past_deadline: 0,
            taken: taken_now,
        };
        Ok(Self { rehearsal, decided, others, held, r#override: plan.r#override.clone() })
    }

    /// Decides about a row that drops a student from a course, or takes them off its waitlist.
    fn decide_drop(&mut self, place: usize, pair: Result<Pair, &Obstacle>, is_waiting: bool, cause: Cause) {
        let pair = match pair {
            Ok(pair) => pair,
            Err(obstacle) => {
                if is_unclear(obstacle, Wanted::NotEnrolled) {
                    self.decided.steps[place] = EnrollmentStep::Refused(Box::new(obstacle.clone()));
                }
                return;
            }
        };
        let is_there = if is_waiting {
            self.rehearsal.is_waiting(pair.0, pair.1)
        } else {
            self.rehearsal.is_enrolled(pair.0, pair.1)
        };
        if is_there {
            self.decided.steps[place] = match self.drop(pair, is_waiting, cause) {
                Ok(()) => EnrollmentStep::Drop,
                Err(refusal) => refused(&refusal),
            };
        }
    }

    fn drop_others(&mut self, is_waiting: bool) -> Result<(), Refusal> {
        let others: Vec<_> =
            self.others.iter().copied().filter(|((_, waits), _)| *waits == is_waiting).collect();
        for ((pair, _), cause) in others {
            match self.drop(pair, is_waiting, cause) {
                // Somebody dropped it between the reads.
                Ok(()) | Err(Refusal::EnrollmentNotFound { .. }) => {}
                Err(Refusal::DropDeadlinePassed { .. }) => self.decided.past_deadline += 1,
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(())
    }

    fn drop(&mut self, pair: Pair, is_waiting: bool, cause: Cause) -> Result<(), Refusal> {
        // No deadline keeps the enrollments of a student who is deleted.
        let deleted = || Override::new(Some("deleted with the student".to_owned())).ok();
        let r#override = if cause == Cause::WithStudent { deleted() } else { self.r#override.clone() };
        let Rehearsed { promoted, is_overridden } =
            self.rehearsal.drop_course(pair.0, pair.1, r#override.as_ref())?;
        let is_overridden = is_overridden && cause != Cause::WithStudent;
        self.decided.promoted.extend(promoted);
        let held = self.held.get(&pair).copied();
        let pair = VanishingPair { is_overridden, ..vanishing((pair, is_waiting), cause, held) };
        self.decided.vanishing.push(pair);
        Ok(())
    }
}

fn vanishing(
    ((student_id, course_id), is_waiting): Taken,
    cause: Cause,
    held: Option<Held>,
) -> VanishingPair {
    VanishingPair { student_id, course_id, is_waiting, held, cause, is_overridden: false }
}

/// The limits of the courses, their numbers of students, and their waitlists.
async fn load_courses(
    db: &Db,
    courses: &HashSet<CourseId>,
    rehearsal: &mut Rehearsal,
) -> Result<(), DbError> {
    let known = ids(courses.iter().filter(|id| id.0 > 0));
    let mut limits = store::limits_of(db, &known).await?;
    let limited: Vec<CourseId> = limits.keys().copied().collect();
    let enrolled: HashMap<CourseId, i64> = store::enrolled_in(db, &ids(&limited)).await?;
    for id in courses {
        rehearsal.add_course(*id, limits.remove(id), enrolled.get(id).copied().unwrap_or_default());
    }
    for (waiting, is_on_hold) in store::waitlists_of(db, &ids(&limited)).await? {
        rehearsal.add_waiting(waiting, is_on_hold);
    }
    Ok(())
}

fn enrolled(
    rehearsal: &mut Rehearsal,
    (student, course): Pair,
    r#override: Option<&Override>,
) -> EnrollmentStep {
    // Existing enrollments do not need open registration.
    if rehearsal.is_enrolled(student, course) {
        return EnrollmentStep::AlreadyEnrolled;
    }
    if let Some(r#override) = r#override {
        return match rehearsal.enroll_with(student, course, r#override) {
            Ok(true) => EnrollmentStep::EnrollAnyway,
            Ok(false) => EnrollmentStep::Enroll,
            Err(refusal) => refused(&refusal),
        };
    }
    if rehearsal.is_waiting(student, course) {
        return EnrollmentStep::AlreadyWaiting;
    }
    match rehearsal.enroll(student, course) {
        Ok(Admission::Enrolled(_)) => EnrollmentStep::Enroll,
        Ok(Admission::Waitlisted(_)) => EnrollmentStep::Wait,
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> EnrollmentStep {
    EnrollmentStep::Refused(Box::new(Obstacle::from(refusal)))
}
