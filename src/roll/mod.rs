//! The rolls: lists of all students and of all courses, of which searches and sorted lists are made in memory. The tables
//! belong to the school and have no index that could find a part of a name, so the database would read all of them for
//! every letter that somebody types; and no database sorts names as another one does.

mod cached;
mod comparison;
mod index;
mod keeper;
mod list;
mod matching;
mod page;

pub use self::cached::Roll;
