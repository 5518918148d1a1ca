//! What the tests share with the workshop: a private PostgreSQL.

pub mod postgres;
