//! Students: name and e-mail address.

pub mod api;
pub mod store;
