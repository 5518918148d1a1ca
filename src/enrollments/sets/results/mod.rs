//! What became of each course of a request.

pub mod api;
