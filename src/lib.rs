//! matricula: course registration over the tables `students` and `courses` that a school already has.
//!
//! The modules, from the outside to the inside:
//! - [`cli`] and [`config`]: the command line and all settings;
//! - [`server`] and [`state`]: startup and shutdown, all routes, the state of handlers;
//! - [`pages`]: the pages for browsers;
//! - [`http`] and [`problems`]: the accept loop, limits, reading requests, responses, problems, the OpenAPI document;
//! - [`students`], [`courses`], [`instructors`], [`enrollments`], [`batch`], [`seats`], [`seat_changes`], [`groups`],
//!   [`holds`], [`rules`], [`events`], [`registration`]: one module per feature, with its statements that read and its JSON;
//! - [`roll`]: all students and all courses in memory, for searches and sorted lists;
//! - [`access`]: who asks: tokens and accounts;
//! - [`viewer`]: the reading side for a caller;
//! - [`files`]: reading the files that schools have;
//! - [`lists`]: paging, sorting and searching;
//! - [`registrar`]: the writer. Every change is a command, which a pure function decides and which is committed with
//!   its event;
//! - [`adoption`], [`audit`] and [`sample`]: migration of an existing database without altering its tables, the check
//!   that tables and log agree, and sample data;
//! - [`doctor`]: what is wrong with a set-up;
//! - [`mapping`]: where the students, courses and enrollments of an existing database are;
//! - [`db`]: SQL on SQLite and PostgreSQL;
//! - [`clock`], [`count`], [`text`], [`priority`], [`shares`], [`metrics`], [`demand`], [`logging`], [`redact`]: time, numbers,
//!   texts, priorities, limits per client, metrics, refused seats, log output, and removing passwords from it.

pub mod access;
pub mod adoption;
pub mod audit;
pub mod background;
pub mod batch;
pub mod cli;
pub mod clock;
pub mod config;
pub mod count;
pub mod courses;
pub mod db;
pub mod demand;
pub mod disclosures;
pub mod doctor;
pub mod enrollments;
pub mod events;
pub mod exports;
pub mod files;
pub mod groups;
pub mod holds;
pub mod http;
pub mod imports;
pub mod instructors;
pub mod lists;
pub mod logging;
pub mod mapping;
pub mod metrics;
pub mod pages;
pub mod priority;
pub mod problems;
pub mod redact;
pub mod registrar;
pub mod registration;
pub mod roll;
pub mod rules;
pub mod sample;
pub mod schools;
pub mod seat_changes;
pub mod seats;
pub mod server;
pub mod shares;
pub mod state;
pub mod students;
pub mod text;
pub mod traces;
pub mod viewer;
