//! Files of students, courses and enrollments.

pub mod reading;
