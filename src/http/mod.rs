//! The hall: everything about HTTP that no room should have to say twice.

pub mod bare;
pub mod beside;
mod body;
pub mod conditional;
pub mod connections;
mod document;
pub mod echo;
pub mod extract;
pub mod fields;
pub mod headers;
pub mod host;
pub mod invalid;
pub mod limits;
pub mod memory;
pub mod observe;
pub mod openapi;
pub mod paging;
pub mod problem;
pub mod refused;
pub mod reply;
pub mod server;
pub mod socket;
mod trouble;
