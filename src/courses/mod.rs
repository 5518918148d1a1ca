//! Courses: name and level.

pub mod api;
pub mod store;
