//! Reads files of people and other systems, and writes files for them.

pub mod made_up_id;
pub mod one_roster_id;
pub mod reading;
pub mod writing;
