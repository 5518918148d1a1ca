//! Several courses of a student at once.

pub mod api;
pub mod results;
