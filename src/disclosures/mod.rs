//! Which lists of students programs have been sent: for each token, list and minute, how many rows. Kept for 400 days.
//! A student can read the entries that concern them.

pub mod api;
pub mod store;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{Clock, Stamp};
use crate::count::to_i64;
use crate::registrar::{Actor, CourseId, Registrar, StudentId, Tally};

/// A list with data of students.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StudentList {
    /// All students, or those that a search finds.
    Students,
    /// The students of a course, now or in the past.
    Roster,
    /// The students who wait for a course.
    Waitlist,
    /// The event log.
    Events,
}

impl StudentList {
    /// Its name in the table and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Students => "students",
            Self::Roster => "roster",
            Self::Waitlist => "waitlist",
            Self::Events => "events",
        }
    }
}

/// That a program reads a list, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reading {
    token_id: i64,
    list: StudentList,
    course_id: Option<CourseId>,
    /// Of events about one student.
    student_id: Option<StudentId>,
    /// Of a roster of the past.
    as_of: Option<Stamp>,
}

impl Reading {
    /// What the caller reads; `None` unless the caller is a program.
    pub(crate) fn by(
        actor: &Actor,
        list: StudentList,
        course_id: Option<CourseId>,
        student_id: Option<StudentId>,
        as_of: Option<Stamp>,
    ) -> Option<Self> {
        match actor {
            Actor::Token(token_id) => Some(Self { token_id: *token_id, list, course_id, student_id, as_of }),
            _ => None,
        }
    }

    /// The reading at this time: a roster of the future is the present one.
    fn at(self, now: &Stamp) -> Self {
        Self { as_of: self.as_of.filter(|time| time < now), ..self }
    }
}

/// Records what programs read.
#[derive(Debug)]
pub struct Disclosures(Tally<Reading>);

impl Disclosures {
    /// Writes what is recorded until [`Disclosures::close`].
    #[must_use]
    pub fn start(registrar: Registrar, clock: Clock) -> Self {
        Self(Tally::start(registrar, clock))
    }

    /// Writes what is not recorded yet; the last thing to do.
    pub async fn close(&self) {
        self.0.close().await;
    }

    /// Counts the rows of an answer, as they are sent.
    pub(crate) fn recorder(&self, reading: Option<Reading>) -> Recorder {
        Recorder(reading.map(|reading| (self.0.clone(), reading.at(&self.0.now()))))
    }
}

/// Records the rows that are sent; nothing if the reader is no program.
#[derive(Clone, Debug)]
pub struct Recorder(Option<(Tally<Reading>, Reading)>);

impl Recorder {
    /// Records that this many rows are about to be sent. Never waits.
    pub fn sent(&self, rows: usize) {
        if let Some((tally, reading)) = self.0.as_ref().filter(|_| rows > 0) {
            tally.record(reading.clone(), to_i64(rows));
        }
    }

    /// Records that an empty page is about to be sent with the total of the list, which tells about students too.
    pub fn sent_total(&self, total: i64, rows: usize) {
        self.sent(usize::from(total > 0 && rows == 0));
    }
}

/// That a program has been sent a list which may contain the student.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": 3, "at": "2026-09-01T08:00:00.000Z", "until": "2026-09-01T08:00:12.000Z", "token_id": 57, "program": "Learning platform", "list": "roster", "course_id": 7, "course_name": "Logic 101", "as_of": null, "rows": 28}))]
pub struct Disclosure {
    /// The id.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// When the program read it, of several times within a minute the first.
    pub at: Stamp,
    /// The last time within the minute.
    pub until: Stamp,
    /// The program's token.
    pub token_id: i64,
    /// What the token is for.
    #[schema(required)]
    pub program: Option<String>,
    /// `students`, `roster`, `waitlist` or `events`.
    pub list: String,
    /// The course, of a roster, a waitlist, or the events of one course.
    #[schema(required)]
    pub course_id: Option<i64>,
    /// The present name of the course.
    #[schema(required)]
    pub course_name: Option<String>,
    /// The time that a roster of the past was for.
    #[schema(required)]
    pub as_of: Option<Stamp>,
    /// How many rows were sent, of all students in the list.
    #[schema(minimum = 1)]
    pub rows: i64,
}
