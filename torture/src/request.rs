//! The requests of a run. A request is known by its number: what it asks for follows from the seed, so the record of a
//! run needs only the answers, and an event of the log leads back to what was asked.

use fastrand::Rng;

use crate::wire;

/// What the id of every request begins with; its number follows.
const ID: &str = "torture-";
const BATCH: &str = "enrollments/batch";

/// How large the school is, and how its requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) students: u64,
    pub(crate) courses: u64,
    pub(crate) capacity: u64,
    pub(crate) waitlist: u64,
    /// Every request is a POST with an `Idempotency-Key`.
    pub(crate) is_keyed: bool,
}

impl Shape {
    /// About half of all pairs are enrolled or waiting, so that every kind of answer is frequent.
    pub(crate) const BUSY: Self =
        Self { students: 64, courses: 12, capacity: 20, waitlist: 8, is_keyed: false };
    /// The same, with keys only.
    pub(crate) const KEYED: Self = Self { is_keyed: true, ..Self::BUSY };
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Enroll {
        student: u64,
        course: u64,
    },
    /// As `Enroll`, by PUT: without effect if the student is enrolled or waits.
    Ensure {
        student: u64,
        course: u64,
    },
    Drop {
        student: u64,
        course: u64,
    },
    Swap {
        student: u64,
        from: u64,
        to: u64,
    },
    Seats {
        course: u64,
        capacity: u64,
        waitlist: u64,
    },
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) number: u64,
    pub(crate) action: Action,
    /// Sent as the only operation of a batch.
    pub(crate) is_batched: bool,
}

impl Request {
    /// The request with this number.
    pub(crate) fn new(seed: u64, number: u64, shape: &Shape) -> Self {
        let mut chance = Rng::with_seed(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (student, course) = (chance.u64(1..=shape.students), chance.u64(1..=shape.courses));
        // Seats are changed by PUT, and PUT needs no key.
        let kind = chance.u32(0..if shape.is_keyed { 930 } else { 1000 });
        let action = match kind {
            0..430 => Action::Enroll { student, course },
            430..750 => Action::Drop { student, course },
            750..930 => {
                let to = 1 + (course + chance.u64(0..shape.courses - 1)) % shape.courses;
                Action::Swap { student, from: course, to }
            }
            930..980 => Action::Ensure { student, course },
            _ => Action::Seats {
                course,
                capacity: chance.u64(shape.capacity / 2..=shape.capacity + shape.capacity / 2),
                waitlist: shape.waitlist,
            },
        };
        let is_batched = match action {
            Action::Swap { .. } => true,
            Action::Drop { .. } => shape.is_keyed || chance.u8(0..8) == 0,
            Action::Enroll { .. } => chance.u8(0..8) == 0,
            Action::Ensure { .. } | Action::Seats { .. } => false,
        };
        Self { number, action, is_batched }
    }

    /// Whether it has an `Idempotency-Key`, so that it may be sent again when no answer came.
    pub(crate) fn has_key(&self) -> bool {
        self.is_batched || matches!(self.action, Action::Enroll { .. })
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut headers = format!("x-request-id: {ID}{}\r\n", self.number);
        if self.has_key() {
            headers = format!("{headers}idempotency-key: key-{}\r\n", self.number);
        }
        let (method, path, body) = match self.action {
            Action::Swap { student, from, to } => (
                "POST",
                BATCH.to_owned(),
                format!(r#"[{{"op":"swap","student_id":{student},"from":{from},"to":{to}}}]"#),
            ),
            Action::Enroll { student, course } if self.is_batched => (
                "POST",
                BATCH.to_owned(),
                format!(r#"[{{"op":"enroll","student_id":{student},"course_id":{course}}}]"#),
            ),
            Action::Drop { student, course } if self.is_batched => (
                "POST",
                BATCH.to_owned(),
                format!(r#"[{{"op":"drop","student_id":{student},"course_id":{course}}}]"#),
            ),
            Action::Enroll { student, course } => {
                ("POST", format!("students/{student}/courses"), format!(r#"{{"course_id":{course}}}"#))
            }
            Action::Ensure { student, course } => {
                ("PUT", format!("students/{student}/courses/{course}"), String::new())
            }
            Action::Drop { student, course } => {
                ("DELETE", format!("students/{student}/courses/{course}"), String::new())
            }
            Action::Seats { course, capacity, waitlist } => (
                "PUT",
                format!("courses/{course}/seats"),
                format!(r#"{{"capacity":{capacity},"waitlist_capacity":{waitlist}}}"#),
            ),
        };
        wire::request(method, &format!("/api/v1/{path}"), &headers, &body)
    }
}

/// The number of the request with this id; `None` for a request of the set-up.
pub(crate) fn number(id: &str) -> Option<u64> {
    id.strip_prefix(ID)?.parse().ok()
}
