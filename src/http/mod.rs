//! HTTP: what the API and the pages share. The server and its limits, reading requests, responses, problems, OpenAPI.

mod body;
pub mod conditional;
pub mod connections;
pub mod cookies;
mod db_error;
mod document;
pub mod echo;
pub mod extract;
pub mod fields;
pub mod headers;
pub mod host;
pub mod hyper_errors;
pub mod invalid;
pub mod limits;
pub mod memory;
pub mod observe;
pub mod openapi;
pub mod paging;
pub mod problem;
pub mod records;
pub mod refused;
pub mod reply;
pub mod routes;
mod security;
pub mod server;
pub mod socket;
pub mod system;
