//! SQLite: the connection that writes, the connections that read, and checks of the files.

pub(super) mod catalog;
mod checkpoint;
mod connection;
mod content;
mod copies;
mod error;
mod files;
mod kept_files;
mod numbering;
mod readers;
pub(super) mod tables;
mod writer;

pub(super) use self::copies::{HeldFile, Job, Stop, tables_with_rows, vacuum_into};
pub(super) use self::numbering::insert_numbered;
pub(super) use self::readers::{Readers, SCANNERS, STREAMS};
pub(super) use self::writer::{Tx, Writer};

/// Placeholders in migrations, for what the engines express differently.
pub(super) const TOKENS: &[(&str, &str)] = &[
    ("{{key}}", "integer"),
    ("{{self_numbering_key}}", "integer primary key autoincrement"),
    ("{{any_value}}", ""),
    // What a column without a collation does. Another program does not know our collation "C".
    ("{{by_bytes}}", ""),
    ("{{index_of}}", "instr"),
    ("{{log_writes_by_others}}", include_str!("../../../migrations/sqlite/log_writes_by_others.sql")),
    (
        "{{log_writes_within_batches}}",
        include_str!("../../../migrations/sqlite/log_writes_within_batches.sql"),
    ),
    ("{{log_replaced_rows}}", include_str!("../../../migrations/sqlite/log_replaced_rows.sql")),
];

pub(super) const HAS_TABLE: &str = "select 1 from sqlite_schema where type = 'table' and name = $1 collate nocase \
    union all select 1 from sqlite_temp_schema where name = $1 collate nocase";
