//! Writes a workbook of rows that were read: each cell as the text that was read, with what the spreadsheet said about it.

use std::fmt::Write as _;

use super::archive::MAX_INFLATED_BYTES;
use super::passwords::HIDDEN;
use super::record::{CellKind, Record};
use super::refusals::FileRefusal;
use crate::files::writing::{Archive, push_escaped};

/// The formats of cells that are no texts: what the spreadsheet said. No spreadsheet program gives a text such a format.
const FORMATS: [(CellKind, &str); 3] = [
    (CellKind::Number, "\"read as number\""),
    (CellKind::UnsureNumber, "\"read as formatted number\""),
    (CellKind::Date, "\"read as date\""),
];

/// What the format of a text says about its cell.
pub(super) fn kind_of_text(format: &str) -> CellKind {
    FORMATS.into_iter().find(|(_, known)| *known == format).map_or(CellKind::Text, |(kind, _)| kind)
}

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// A workbook that is written.
#[derive(Default)]
pub(super) struct WorkbookCopy {
    archive: Archive,
    sheets: Vec<String>,
    size: u64,
    xml: String,
}

impl WorkbookCopy {
    /// Begins the next sheet.
    ///
    /// # Errors
    /// The workbook becomes too large.
    #[expect(clippy::let_underscore_must_use, reason = "writing to a string cannot fail")]
    pub(super) fn begin_sheet(&mut self, name: &str) -> Result<(), FileRefusal> {
        self.end_sheet()?;
        self.sheets.push(name.to_owned());
        self.begin_part(&format!("xl/worksheets/sheet{}.xml", self.sheets.len()))?;
        let _ = write!(self.xml, "<worksheet xmlns=\"{MAIN}\"><sheetData>");
        self.write()
    }

    fn end_sheet(&mut self) -> Result<(), FileRefusal> {
        if self.sheets.is_empty() {
            return Ok(());
        }
        self.xml.push_str("</sheetData></worksheet>");
        self.write()
    }

    /// Adds a row, with a mark in place of the cells that are hidden.
    ///
    /// # Errors
    /// The workbook becomes too large.
    #[expect(clippy::let_underscore_must_use, reason = "writing to a string cannot fail")]
    pub(super) fn row(&mut self, row: &Record, is_hidden: impl Fn(usize) -> bool) -> Result<(), FileRefusal> {
        let line = row.line;
        let _ = write!(self.xml, "<row r=\"{line}\">");
        // The last cell says how long the row is, even if it is empty.
        for column in (0..row.len()).filter(|column| row.has_text(*column) || column + 1 == row.len()) {
            let kind = row.kind(column);
            let style = FORMATS.iter().position(|(known, _)| *known == kind).map_or(0, |place| place + 1);
            self.xml.push_str("<c r=\"");
            push_column(&mut self.xml, column);
            let _ = write!(self.xml, "{line}\" s=\"{style}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
            let text = row.cell(column);
            if is_hidden(column) && !text.is_empty() {
                self.xml.push(HIDDEN);
                self.xml.extend(text.contains('\0').then_some("_x0000_"));
            } else {
                push_escaped(&mut self.xml, text);
            }
            self.xml.push_str("</t></is></c>");
        }
        self.xml.push_str("</row>");
        self.write()
    }

    /// Ends the workbook.
    ///
    /// # Errors
    /// It becomes too large.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, FileRefusal> {
        self.end_sheet()?;
        for (name, content) in self.parts() {
            self.begin_part(name)?;
            self.xml.push_str(&content);
            self.write()?;
        }
        self.archive.finish().map_err(|_| too_large())
    }

    fn begin_part(&mut self, name: &str) -> Result<(), FileRefusal> {
        self.archive.begin(name).map_err(|_| too_large())
    }

    fn write(&mut self) -> Result<(), FileRefusal> {
        self.size += self.xml.len() as u64;
        if self.size > MAX_INFLATED_BYTES {
            return Err(too_large());
        }
        let written = self.archive.write(self.xml.as_bytes());
        self.xml.clear();
        written.map_err(|_| too_large())
    }

    #[expect(clippy::let_underscore_must_use, reason = "writing to a string cannot fail")]
    fn parts(&self) -> [(&'static str, String); 4] {
        let (mut sheets, mut relations) = (String::new(), String::new());
        for (number, name) in (1..).zip(&self.sheets) {
            sheets.push_str("<sheet name=\"");
            push_attribute(&mut sheets, name);
            let _ = write!(sheets, "\" sheetId=\"{number}\" r:id=\"r{number}\"/>");
            let _ = write!(
                relations,
                "<Relationship Id=\"r{number}\" Type=\"{RELATIONSHIPS}/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>"
            );
        }
        let (mut formats, mut styles) = (String::new(), "<xf numFmtId=\"0\"/>".to_owned());
        for (number, (_, format)) in (164..).zip(FORMATS) {
            let format = format.replace('"', "&quot;");
            let _ = write!(formats, "<numFmt numFmtId=\"{number}\" formatCode=\"{format}\"/>");
            let _ = write!(styles, "<xf numFmtId=\"{number}\"/>");
        }
        [
            (
                "xl/styles.xml",
                format!(
                    "<styleSheet xmlns=\"{MAIN}\"><numFmts>{formats}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>"
                ),
            ),
            (
                "xl/workbook.xml",
                format!(
                    "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONSHIPS}\"><sheets>{sheets}</sheets></workbook>"
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}\">{relations}\
                     <Relationship Id=\"r0\" Type=\"{RELATIONSHIPS}/styles\" Target=\"styles.xml\"/></Relationships>"
                ),
            ),
            (
                "_rels/.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}\">\
                     <Relationship Id=\"r1\" Type=\"{RELATIONSHIPS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
        ]
    }
}

/// Writes the value of an attribute. Unlike a cell it has no escapes of the spreadsheet, so characters that XML does not allow
/// stay as they are: the file that was read has them, too.
fn push_attribute(xml: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '"' => xml.push_str("&quot;"),
            '\t' => xml.push_str("&#9;"),
            '\n' => xml.push_str("&#10;"),
            '\r' => xml.push_str("&#13;"),
            character => xml.push(character),
        }
    }
}

fn too_large() -> FileRefusal {
    FileRefusal::too_large("The bytes of the cells of a workbook are", MAX_INFLATED_BYTES)
}

/// Writes the letters of a column, which counts from 0.
fn push_column(xml: &mut String, column: usize) {
    let (first, last) = (column / 26, column % 26);
    if first > 0 {
        push_column(xml, first - 1);
    }
    xml.extend(('A'..='Z').nth(last));
}

#[cfg(test)]
mod tests {
    use super::super::workbook::Workbook;
    use super::*;

    #[test]
    fn sheets_keep_their_names_whatever_they_are() {
        let names = ["People", "a \"b\" <c> & 'd'", "_x0041_", "\0\u{7}\u{fffe}", "two\r\n\tlines", "Ÿ 学生"];
        let mut copy = WorkbookCopy::default();
        for name in names {
            copy.begin_sheet(name).unwrap();
        }
        let (bytes, mut budget) = (copy.finish().unwrap(), MAX_INFLATED_BYTES);
        let book = Workbook::open(&bytes, &mut budget).unwrap();
        assert_eq!(book.sheets(), names);
    }
}
