//! Changes that are written down, so that they can be carried out and undone later.

mod store;

pub(super) use self::store::{
    Assignment, End, add, add_course, claim, count, delete_old, finish, note, publish, random, take_over,
};
