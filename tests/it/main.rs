//! The promises of the service, kept over real HTTP by a running server.
#![cfg(test)]
#![expect(clippy::wrong_self_convention, reason = "an answer that `is_created` is asked no further")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests have the machine to themselves: its environment, its threads"
)]

mod adoption;
mod cli;
mod clients;
mod config;
mod conventions;
mod courses;
mod crash;
mod documents;
mod enrollments;
mod events;
mod found_tables;
mod laws;
mod lists;
mod migrations;
mod openapi;
mod properties;
mod school;
mod server;
mod students;
mod writing;
