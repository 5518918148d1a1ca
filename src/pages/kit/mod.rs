//! What all pages share. The server renders them from compiled templates; scripts only make them faster.

pub mod assets;
pub mod edit;
pub(crate) mod filters;
pub mod form;
pub mod frame;
pub mod list;
pub mod page;
mod problem_words;
pub mod problems;

pub use self::edit::{DeletePage, EditPage};
pub use self::form::{Form, FormDraft, FormValues, submit};
pub use self::frame::Frame;
pub use self::list::{ListQuery, parse_search};
pub use self::page::{PartialRequest, RefusedPage, Rendered, with_page_layers};
pub(in crate::pages) use self::problem_words::for_people;
