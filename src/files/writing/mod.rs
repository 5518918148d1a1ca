//! Writing files: tables as CSV (RFC 4180) and as XLSX workbooks, and zip archives of CSV files. Every file is written piece
//! by piece, so that its length does not matter, and the same rows are always the same bytes.
//!
//! Pure: no database, no network, no clock.

mod archive;
mod cell;
mod csv;
pub mod one_roster;
mod table;
mod workbook;

pub use self::archive::Archive;
pub use self::cell::Cell;
pub(crate) use self::csv::TRIGGERS;
pub use self::csv::{Form, push_row};
pub use self::table::{TableFormat, TableWriter};
pub(crate) use self::workbook::push_escaped;
