//! A table in one of the formats.

use std::io;

use super::cell::Cell;
use super::csv::{Form, push_row};
use super::workbook::Workbook;

/// The format of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// CSV.
    Csv {
        /// The kind of program that opens it.
        form: Form,
        /// Whether it begins with a byte order mark, which makes Excel read it as UTF-8.
        bom: bool,
    },
    /// A workbook. Texts in its cells are never formulas.
    Xlsx,
}

/// Writes a table, row by row.
pub struct TableWriter(Writer);

enum Writer {
    Csv { form: Form, bytes: Vec<u8> },
    Xlsx(Box<Workbook>),
}

impl TableWriter {
    /// Begins a table with this name and these headings.
    ///
    /// # Errors
    /// As [`TableWriter::row`].
    pub fn new(format: TableFormat, name: &str, headings: &[&'static str]) -> io::Result<Self> {
        Ok(Self(match format {
            TableFormat::Csv { form, bom } => {
                let mut bytes = if bom { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
                push_row(&mut bytes, form, headings.iter().copied());
                Writer::Csv { form, bytes }
            }
            TableFormat::Xlsx => Writer::Xlsx(Box::new(Workbook::new(name, headings)?)),
        }))
    }

    /// Adds a row.
    ///
    /// # Errors
    /// The workbook is too large for its format, or a text for a cell.
    pub fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        match &mut self.0 {
            Writer::Csv { form, bytes } => {
                let texts: Vec<String> = cells.into_iter().map(String::from).collect();
                push_row(bytes, *form, texts.iter().map(String::as_str));
                Ok(())
            }
            Writer::Xlsx(workbook) => workbook.row(&cells),
        }
    }

    /// Takes the bytes that can be sent.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        match &mut self.0 {
            Writer::Csv { bytes, .. } => std::mem::take(bytes),
            Writer::Xlsx(workbook) => workbook.take(),
        }
    }

    /// Ends the table, and takes its last bytes.
    ///
    /// # Errors
    /// As [`TableWriter::row`].
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self.0 {
            Writer::Csv { bytes, .. } => Ok(bytes),
            Writer::Xlsx(workbook) => workbook.finish(),
        }
    }
}
