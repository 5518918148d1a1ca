//! What belongs to an import: its files, and the rows of its plan and of its result.

mod store;

pub(super) use self::store::{
    ListName, ROWS_PER_PLACE, add_file, add_rows, files, read_rows, remove_files, remove_files_of_ended,
    remove_rows,
};
