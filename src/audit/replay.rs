//! Replays the log from the beginning, to find seats that were given out twice, students who were passed over on a
//! waitlist, and students who left a waitlist that they were not on.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::StreamExt as _;
use serde::Deserialize as _;
use serde_json::Value;

use super::finding::{Finding, MAX_SHOWN};
use super::store::{self, CourseEntry};
use crate::db::{Db, DbError};
use crate::registrar::Limits;

/// Replays the whole log; keeps the courses and their waitlists in memory.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn replay(db: &Db) -> Result<Vec<Finding>, DbError> {
    let mut replay = Replay::default();
    let mut entries = store::entries(db).await?;
    while let Some(entries) = entries.next().await {
        entries?.iter().for_each(|entry| replay.apply(entry));
    }
    let waiting = store::waiting_students(db).await?;
    replay.end(&waiting);
    Ok(replay.findings())
}

#[derive(Default)]
struct Replay {
    courses: HashMap<i64, CourseState>,
    /// How many holds each student has who is on hold.
    holds: HashMap<i64, usize>,
    oversold: BrokenRows,
    passed_over: BrokenRows,
    absent: BrokenRows,
    unreadable: BrokenRows,
}

#[derive(Default)]
struct CourseState {
    limits: Limits,
    enrolled: i64,
    /// The waiting students, by the `seq` with which they joined.
    queue: BTreeMap<i64, i64>,
    joined: HashMap<i64, i64>,
    /// Students who others may have passed: their place was restored, or others moved up while they were on hold.
    excused: HashSet<i64>,
    /// A student who joined at or before this `seq` and still waits was passed over.
    passed_over_up_to: i64,
}

/// The first rows that break a promise, and their total.
#[derive(Default)]
struct BrokenRows {
    first: Vec<String>,
    total: usize,
}

impl BrokenRows {
    fn add(&mut self, row: impl FnOnce() -> String) {
        self.total += 1;
        if self.first.len() < MAX_SHOWN {
            self.first.push(row());
        }
    }
}

impl Replay {
    fn apply(&mut self, entry: &CourseEntry) {
        let &CourseEntry { seq, course_id, student_id, .. } = entry;
        // The rules do not apply to changes by other programs.
        let is_external = entry.actor.as_deref() == Some("database");
        match entry.kind.as_str() {
            "hold.placed" => return *self.holds.entry(student_id).or_default() += 1,
            "hold.released" => return self.release(student_id),
            "student.deleted" => {
                self.holds.remove(&student_id);
            }
            _ => {}
        }
        let course = self.courses.entry(course_id).or_default();
        match entry.kind.as_str() {
            "seats.set" => match Limits::deserialize(&entry.data) {
                Ok(limits) => course.limits = limits,
                Err(error) => self.unreadable.add(|| format!("seq {seq}: {error}")),
            },
            "seats.removed" => course.limits = Limits::default(),
            "course.deleted" => *course = CourseState::default(),
            "waitlist.joined" => course.join(student_id, seq),
            "waitlist.restored" => {
                course.join(student_id, entry.data["joined_seq"].as_i64().unwrap_or(seq));
                course.excused.insert(student_id);
            }
            "waitlist.left" => {
                let was_on_it = course.leave(student_id).is_some();
                if !was_on_it && !is_external {
                    self.absent.add(|| {
                        format!("seq {seq}: student {student_id} left the waitlist of course {course_id}")
                    });
                }
            }
            "enrollment.dropped" => course.enrolled -= 1,
            "enrollment.adopted" => course.enrolled += 1,
            "enrollment.restored" => {
                course.enrolled += 1;
                course.leave(student_id);
            }
            "enrollment.created" | "waitlist.promoted" => {
                // Nor to overrides by staff.
                let is_forced = is_external || entry.data["override"] != Value::Null;
                let is_promoted = entry.kind == "waitlist.promoted";
                let enrolled = course.enrolled;
                if let Some(capacity) = course.limits.capacity.filter(|capacity| enrolled >= *capacity)
                    && (is_promoted || !is_forced)
                {
                    self.oversold.add(|| {
                        format!(
                            "seq {seq}: student {student_id} got a seat in course {course_id} when {enrolled} of {capacity} seats were taken"
                        )
                    });
                }
                course.enrolled += 1;
                let is_excused = course.excused.contains(&student_id);
                let joined = course.leave(student_id);
                if is_promoted && joined.is_none() && !is_external {
                    self.absent
                        .add(|| format!("seq {seq}: student {student_id} moved up in course {course_id}"));
                }
                if joined.is_some_and(|joined| joined <= course.passed_over_up_to) && !is_excused {
                    self.passed_over.add(|| {
                        format!("seq {seq}: student {student_id} moved up in course {course_id} after a student who joined later")
                    });
                }
                // Seats that a request frees serve it first; a waitlist that has ended leaves them to everybody.
                let goes_first = entry.data["freed_in_request"] == true || !course.limits.moves_up(&entry.at);
                if is_promoted || (course.limits.capacity.is_some() && !is_forced && !goes_first) {
                    let before = joined.unwrap_or(seq);
                    let last = course.queue.range(..before).next_back().map_or(0, |(seq, _)| *seq);
                    course.passed_over_up_to = course.passed_over_up_to.max(last);
                    let before = course.queue.range(..before).map(|(_, student)| *student);
                    course.excused.extend(before.filter(|student| self.holds.contains_key(student)));
                }
            }
            _ => {}
        }
    }

    fn release(&mut self, student_id: i64) {
        if let Some(holds) = self.holds.get_mut(&student_id) {
            *holds -= 1;
            if *holds == 0 {
                self.holds.remove(&student_id);
            }
        }
    }

    /// Reports students who were passed over and still wait, except those whose row another program has deleted.
    fn end(&mut self, waiting: &HashMap<(i64, i64), bool>) {
        let mut courses: Vec<_> = self.courses.iter().collect();
        courses.sort_unstable_by_key(|(id, _)| **id);
        for (id, course) in courses {
            for (seq, student) in course.queue.range(..=course.passed_over_up_to) {
                if waiting.get(&(*id, *student)) == Some(&true) && !course.excused.contains(student) {
                    self.passed_over.add(|| {
                        format!(
                            "student {student} has waited for course {id} since seq {seq} and was passed over"
                        )
                    });
                }
            }
        }
    }

    fn findings(self) -> Vec<Finding> {
        let finding = |promise, rows: BrokenRows| {
            (rows.total > 0).then_some(Finding { promise, rows: rows.first, total: rows.total })
        };
        let oversold = finding("no seat was ever given out twice", self.oversold);
        let passed_over = finding("no student was ever passed over on a waitlist", self.passed_over);
        let absent = finding("only students on a waitlist leave it or move up", self.absent);
        let unreadable = finding("every entry that sets limits can be read", self.unreadable);
        [oversold, passed_over, absent, unreadable].into_iter().flatten().collect()
    }
}

impl CourseState {
    fn join(&mut self, student: i64, seq: i64) {
        self.queue.insert(seq, student);
        self.joined.insert(student, seq);
    }

    fn leave(&mut self, student: i64) -> Option<i64> {
        let joined = self.joined.remove(&student)?;
        self.queue.remove(&joined);
        self.excused.remove(&student);
        Some(joined)
    }
}
