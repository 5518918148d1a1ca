//! The façade: what all pages share. Pages are made here from templates in the program; scripts only save whoever has
//! them a wait.

pub mod assets;
pub mod edit;
pub(crate) mod filters;
pub mod form;
pub mod list;
pub mod page;
pub mod problems;

pub use self::edit::{DeletePage, EditPage, Field};
pub use self::form::{Filled, Form, Typed, submit};
pub use self::list::{ListQuery, searched};
pub use self::page::{Part, Refused, Shown, around};
