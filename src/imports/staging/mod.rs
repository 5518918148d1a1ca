//! Imports that are planned, carried out and undone later. Our tables keep the files, the plan and its result for 30
//! days, or for a day if the import is not carried out.

mod import;
mod row_list;
mod store;

pub use self::import::{Assignment, Import, ImportStatus, RIGHTS};
pub use self::row_list::{WhichRows, read as read_rows};
pub(super) use self::store::{
    Claim, NewImport, NewPlan, Unattended, claim, delete_old, find_any, id_of_request, id_of_worker,
    set_plan, stop, touch, unattended,
};
pub use self::store::{find, list};
