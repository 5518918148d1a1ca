//! Holds: why students do not enroll at present.

pub mod api;
pub mod store;
