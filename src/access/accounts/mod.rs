//! Accounts of people, for admins.

pub mod api;
