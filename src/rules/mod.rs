//! The rules that hold for the whole school.

pub mod api;
pub mod store;
