//! Files that people and other systems bring, and files for them.

pub mod reading;
pub mod writing;
