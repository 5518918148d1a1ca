//! matricula: course registration over the tables `students` and `courses` that a school already has.
//!
//! The house, from the street to the cellar:
//! - [`cli`] and [`config`]: the command line and every setting;
//! - [`server`] and [`state`]: opening and closing, all routes, what handlers are given;
//! - [`pages`]: the same for people, in a browser; each page is composed of several rooms;
//! - [`http`], the hall: the accept loop, limits, reading requests, saying results, problems, the OpenAPI document;
//! - the rooms [`students`], [`courses`], [`enrollments`], [`batch`], [`seats`], [`events`]: what each is, what is read of it, its JSON;
//! - [`registrar`], the heart: every change is a command, decided by a pure function, committed with its event;
//! - [`adoption`] and [`audit`]: how a found database becomes ours without altering what is not, and whether all agrees;
//! - [`db`], the cellar: one SQL, and the engine under it;
//! - [`clock`], [`count`], [`metrics`], [`logging`], [`redact`]: the time, numbers, what is counted, what is written down and
//!   what must not be.

pub mod adoption;
pub mod audit;
pub mod batch;
pub mod cli;
pub mod clock;
pub mod config;
pub mod count;
pub mod courses;
pub mod db;
pub mod enrollments;
pub mod events;
pub mod http;
pub mod lists;
pub mod logging;
pub mod metrics;
pub mod pages;
pub mod problems;
pub mod redact;
pub mod registrar;
pub mod registration;
pub mod sample;
pub mod seats;
pub mod server;
pub mod shares;
pub mod state;
pub mod students;
