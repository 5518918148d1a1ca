//! The promises of the service, tested over real HTTP on a running server.
#![cfg(test)]
#![expect(clippy::wrong_self_convention, reason = "`is_created` and the like end the chain on an answer")]
#![expect(clippy::disallowed_methods, reason = "tests may use the environment and threads as they like")]
#![expect(clippy::let_underscore_must_use, reason = "what matters is asserted; the rest is cleanup")]

mod adopt;
mod adoption_cases;
mod adoption_of_files_sqlite_only;
mod adoption_of_servers_postgres_only;
mod batch;
mod caching;
mod check;
mod cli;
mod clients;
mod clocks;
mod computed_columns;
mod config;
mod connections_postgres_only;
mod conventions;
mod courses;
mod crash;
mod docs_page;
mod documents;
mod enrollments;
mod events;
mod exposure;
mod failover_postgres_only;
mod file_size_limit_sqlite_only;
mod files_under_the_server_sqlite_only;
mod found_tables;
mod further_columns;
mod history_of_migrations;
mod hostile_names;
mod hostile_requests;
mod idempotency;
mod ids;
mod laws;
mod linearizable;
mod lists;
mod long_lists;
mod many_servers_postgres_only_a_file_is_for_one;
mod migrations_of_files_sqlite_only;
mod openapi;
mod orphans;
mod other_programs;
mod page_requests;
mod pages_for_everyone;
mod pages_of_courses;
mod pages_of_registration;
mod pages_of_students;
mod past;
mod properties;
mod readiness;
mod rush;
mod school;
mod seats;
mod server;
mod settings_of_servers_postgres_only;
mod several_nodes_postgres_only;
mod shared_tables;
mod shares;
mod small_worlds;
mod statements;
mod stream;
mod students;
mod unread_output;
mod writing;
