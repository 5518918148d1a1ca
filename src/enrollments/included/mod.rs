//! A student together with their courses.

pub mod api;
