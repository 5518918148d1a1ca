//! Reads files of people and other systems, and writes files for them.

pub mod reading;
pub mod writing;
