//! Groups of students, such as those of one year, whose members can enroll at times of their own.

pub mod api;
pub mod store;
