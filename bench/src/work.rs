//! The requests to the contenders: the same for each, in the same order.

use fastrand::Rng;

use crate::data::School;

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "verbatim")]
pub(crate) enum Kind {
    /// The courses of a random student.
    R1,
    /// A random student.
    R2,
    /// A durable enrollment: all students in turn, then all of them in the next course.
    W1,
    /// The same, each in another course.
    WS,
    /// The same in twenty popular courses with limited seats.
    W2,
    /// Nine R1 to one W1, in random order.
    M,
}

pub(crate) const KINDS: [Kind; 6] = [Kind::R1, Kind::R2, Kind::W1, Kind::WS, Kind::W2, Kind::M];

impl Kind {
    pub(crate) fn writes(self) -> bool {
        !matches!(self, Self::R1 | Self::R2)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::R1 => "R1",
            Self::R2 => "R2",
            Self::W1 => "W1",
            Self::WS => "WS",
            Self::W2 => "W2",
            Self::M => "M",
        }
    }
}

/// A request, and the status that its answer must have.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    pub(crate) status: u16,
}

/// Generates the requests to one database. No enrollment is requested twice.
#[derive(Debug)]
pub(crate) struct Work {
    school: School,
    rng: Rng,
    enrolled: u64,
    enrolled_spread: u64,
    enrolled_hot: u64,
    /// A line of the head of reads, if there is one.
    header: String,
}

/// Has no common factor with the numbers of students, so that consecutive requests are not about neighboring rows.
const STRIDE: u64 = 7_919;
/// One of this many requests of [`Kind::M`] is a write.
const MIX: u64 = 10;

impl Work {
    /// For a database that has not had any requests.
    pub(crate) fn new(school: School) -> Self {
        Self::with_header(school, String::new())
    }

    /// The same with a line in the head of reads.
    pub(crate) fn with_header(school: School, header: String) -> Self {
        let (enrolled, enrolled_spread, enrolled_hot) = (0, 0, 0);
        Self { school, rng: Rng::with_seed(1), enrolled, enrolled_spread, enrolled_hot, header }
    }

    pub(crate) fn next(&mut self, kind: Kind) -> Request {
        match kind {
            Kind::R1 => {
                let path = format!("/api/v1/students/{}/courses", self.any_student());
                get_with(&path, &self.header)
            }
            Kind::R2 => get_with(&format!("/api/v1/students/{}", self.any_student()), &self.header),
            Kind::W1 => {
                let (number, students) = (self.enrolled, self.school.students);
                self.enrolled += 1;
                self.enroll(number, School::fresh_course(number / students))
            }
            Kind::WS => {
                let (number, students) = (self.enrolled_spread, self.school.students);
                self.enrolled_spread += 1;
                self.enroll(number, School::spread_course(number + number / students))
            }
            Kind::W2 => {
                let (number, students) = (self.enrolled_hot, self.school.students);
                self.enrolled_hot += 1;
                // Each pass over the students shifts the courses by one, so that no pair repeats.
                self.enroll(number, School::hot_course(number + number / students))
            }
            Kind::M if self.rng.u64(0..MIX) == 0 => self.next(Kind::W1),
            Kind::M => self.next(Kind::R1),
        }
    }

    fn any_student(&mut self) -> u64 {
        self.rng.u64(1..=self.school.students)
    }

    fn enroll(&self, number: u64, course: u64) -> Request {
        let student = number.wrapping_mul(STRIDE) % self.school.students + 1;
        post(&format!("/api/v1/students/{student}/courses"), &format!("{{\"course_id\":{course}}}"))
    }
}

pub(crate) fn get(path: &str) -> Request {
    get_with(path, "")
}

fn get_with(path: &str, header: &str) -> Request {
    Request { bytes: format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n").into(), status: 200 }
}

pub(crate) fn post(path: &str, body: &str) -> Request {
    with_body("POST", path, body, 201)
}

pub(crate) fn put(path: &str, body: &str) -> Request {
    with_body("PUT", path, body, 200)
}

fn with_body(method: &str, path: &str, body: &str, status: u16) -> Request {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    Request { bytes: format!("{head}Content-Length: {length}\r\n\r\n{body}").into(), status }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_enrollment_is_requested_twice() {
        let mut work = Work::new(School { students: 100 });
        let mut requested = HashSet::new();
        for _ in 0..2_000 {
            assert!(requested.insert(work.next(Kind::W1).bytes));
            assert!(requested.insert(work.next(Kind::WS).bytes));
            assert!(requested.insert(work.next(Kind::W2).bytes));
        }
    }

    #[test]
    fn the_mix_reads_nine_times_out_of_ten() {
        let mut work = Work::new(School { students: 100 });
        let writes = (0..10_000).filter(|_| work.next(Kind::M).status == 201).count();
        assert!((900..1_100).contains(&writes), "{writes}");
    }
}
