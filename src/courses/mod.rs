//! Courses: a name and a level, in the school's own words.

pub mod api;
pub mod store;
