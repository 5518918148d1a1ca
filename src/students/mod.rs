//! Students: name and e-mail address.

pub mod api;
mod index;
mod page;
mod roll;
pub mod store;

pub use self::roll::Roll;
