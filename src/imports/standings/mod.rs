//! Which of the students in the files have holds, groups, or as many courses as they may have.

pub(super) mod store;
