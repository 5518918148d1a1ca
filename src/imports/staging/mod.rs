//! Imports that are planned, carried out and undone later. Our tables keep the files, the plan and its result for 30
//! days, or for a day if the import is not carried out.

mod import;
mod row_list;
mod store;

pub use self::import::{Import, ImportStatus, RIGHTS, Shift};
pub use self::row_list::{WhichRows, read as read_rows};
pub(super) use self::store::{
    Claim, End, ListName, NewImport, NewPlan, ROWS_PER_PLACE, Unattended, add_file, add_rows, claim,
    delete_old, files, find_any, finish, id_of_request, id_of_worker, json, read_rows as rows_at,
    remove_rows, set_plan, touch, unattended,
};
pub use self::store::{find, list};
