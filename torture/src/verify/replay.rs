//! Carries out the log on an empty school, and names the first event that cannot have happened.

use std::collections::{BTreeMap, HashMap};

use super::breach::Breach;
use super::event::{Event, Kind};

/// A course as it stands after the events so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Course {
    /// `None` without a limit.
    capacity: Option<u64>,
    waitlist_capacity: u64,
    /// The id of the enrollment of each student.
    roster: HashMap<u64, u64>,
    waitlist: Vec<u64>,
}

impl Course {
    fn has_free_seat(&self) -> bool {
        self.capacity.is_none_or(|capacity| (self.roster.len() as u64) < capacity)
    }

    /// The students, in ascending order.
    pub(crate) fn roster(&self) -> Vec<u64> {
        let mut students: Vec<u64> = self.roster.keys().copied().collect();
        students.sort_unstable();
        students
    }

    /// The waiting students, the first one first.
    pub(crate) fn waitlist(&self) -> &[u64] {
        &self.waitlist
    }
}

/// A set of small numbers.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<u64>);

impl Seen {
    /// Adds a number; returns whether it is new.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let (word, bit) = (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}

/// The school after the events so far.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// The last `seq`.
    pub(crate) seq: u64,
    courses: BTreeMap<u64, Course>,
    ids: Seen,
    /// The course and the request of the last event: the waitlist moves up until the request ends.
    last: Option<(u64, Option<u64>)>,
}

impl Replay {
    /// The courses, by id.
    pub(crate) fn courses(&self) -> impl Iterator<Item = (u64, &Course)> {
        self.courses.iter().map(|(id, course)| (*id, course))
    }

    /// Carries out the next event.
    ///
    /// # Errors
    /// If it cannot follow on those before it.
    pub(crate) fn apply(&mut self, event: &Event) -> Result<(), Breach> {
        let Event { seq, student, course: id, .. } = *event;
        if seq != self.seq + 1 {
            return Err(Breach::Gap { expected: self.seq + 1, found: seq });
        }
        if self.last.is_some_and(|(_, request)| request != event.request) {
            self.end()?;
        }
        self.seq = seq;
        if event.kind == Kind::SetUp {
            return Ok(());
        }
        // A swap ends with the course that lost a student: its waitlist moves up.
        self.last = Some((id, event.request));
        let course = self.courses.entry(id).or_default();
        match event.kind {
            Kind::Created { enrollment, from_waitlist } => {
                let place = course.waitlist.iter().position(|it| *it == student);
                if from_waitlist != place.is_some() {
                    return Err(Breach::NotWaiting { seq, student, course: id });
                }
                if place.is_none() && !course.waitlist.is_empty() {
                    return Err(Breach::OutOfTurn { seq, course: id, student });
                }
                course.waitlist.retain(|it| *it != student);
                self.seat(seq, student, id, enrollment)?;
            }
            Kind::Promoted { enrollment } => {
                if course.waitlist.first() != Some(&student) {
                    return Err(Breach::OutOfTurn { seq, course: id, student });
                }
                course.waitlist.remove(0);
                self.seat(seq, student, id, enrollment)?;
            }
            Kind::Dropped { enrollment } => match course.roster.remove(&student) {
                None => return Err(Breach::NotEnrolled { seq, student, course: id }),
                Some(known) if known != enrollment => {
                    return Err(Breach::OtherId { seq, id: known, found: enrollment });
                }
                Some(_) => {}
            },
            Kind::Joined { position } => course.join(seq, student, id, position)?,
            Kind::Left => {
                if !course.waitlist.contains(&student) {
                    return Err(Breach::NotWaiting { seq, student, course: id });
                }
                course.waitlist.retain(|it| *it != student);
            }
            Kind::Seats { capacity, waitlist } => {
                course.capacity = capacity;
                course.waitlist_capacity = waitlist;
            }
            Kind::Unknown(ref kind) => return Err(Breach::UnknownEvent { seq, kind: kind.clone() }),
            Kind::SetUp => {}
        }
        Ok(())
    }

    /// Gives a student a seat.
    fn seat(&mut self, seq: u64, student: u64, id: u64, enrollment: u64) -> Result<(), Breach> {
        let course = self.courses.entry(id).or_default();
        if course.roster.contains_key(&student) {
            return Err(Breach::EnrolledTwice { seq, student, course: id });
        }
        if !course.has_free_seat() {
            return Err(Breach::Oversold { seq, course: id, capacity: course.capacity.unwrap_or(u64::MAX) });
        }
        course.roster.insert(student, enrollment);
        if !self.ids.insert(enrollment) {
            return Err(Breach::IdReused { seq, id: enrollment });
        }
        Ok(())
    }

    /// After the last event of a request, and of the log: nobody waits for a free seat.
    ///
    /// # Errors
    /// If somebody does.
    pub(crate) fn end(&self) -> Result<(), Breach> {
        let Some((id, _)) = self.last else { return Ok(()) };
        match self.courses.get(&id) {
            Some(course) if course.has_free_seat() && !course.waitlist.is_empty() => {
                Err(Breach::WaitsForFreeSeat { seq: self.seq, course: id })
            }
            _ => Ok(()),
        }
    }
}

impl Course {
    fn join(&mut self, seq: u64, student: u64, id: u64, position: u64) -> Result<(), Breach> {
        if self.waitlist.contains(&student) {
            return Err(Breach::NotWaiting { seq, student, course: id });
        }
        if self.roster.contains_key(&student) {
            return Err(Breach::EnrolledTwice { seq, student, course: id });
        }
        if self.has_free_seat() {
            return Err(Breach::WaitsForFreeSeat { seq, course: id });
        }
        self.waitlist.push(student);
        let expected = self.waitlist.len() as u64;
        if expected > self.waitlist_capacity {
            return Err(Breach::WaitlistOverfull { seq, course: id });
        }
        if position != expected {
            return Err(Breach::OtherPosition { seq, position, expected });
        }
        Ok(())
    }
}
