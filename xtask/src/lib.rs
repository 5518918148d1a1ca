//! The part of xtask that the tests and the benchmark use too: a private PostgreSQL server.

pub mod package;
pub mod postgres;
