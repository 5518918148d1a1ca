//! An XLSX workbook (ECMA-376) that is sent while it is written: libraries need the whole workbook in memory or on disk
//! before its first byte can leave. When a sheet is full, another one follows.

use std::fmt::Write as _;
use std::io;

use jiff::civil::{Date, DateTime};

use super::archive::Archive;
use super::cell::Cell;

/// Maximum number of rows on a sheet, including the heading.
const MAX_ROWS: u32 = 1 << 20;

/// A workbook.
pub(super) struct Workbook {
    archive: Archive,
    name: String,
    headings: Vec<&'static str>,
    sheets: u32,
    /// Rows on the last sheet.
    rows: u32,
    max_rows: u32,
}

/// Maximum number of characters in a cell.
const MAX_TEXT: usize = 32_767;

/// The formats of cells, by their places in [`STYLES`].
const HEADING: u8 = 1;
const TEXT: u8 = 2;
const TIME: u8 = 3;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const TYPES: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/// 0: general; 1: bold; 2: text; 3: time.
const STYLES: &str = "<numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\\ hh:mm:ss\"/></numFmts>\
    <fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>\
    <fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills>\
    <borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
    <cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
    <cellXfs count=\"4\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>\
    <xf numFmtId=\"49\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\" applyFont=\"1\"/>\
    <xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>\
    <xf numFmtId=\"164\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/></cellXfs>\
    <cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles>";

impl Workbook {
    pub(super) fn new(name: &str, headings: &[&'static str]) -> io::Result<Self> {
        Self::with_max_rows(name, headings, MAX_ROWS)
    }

    fn with_max_rows(name: &str, headings: &[&'static str], max_rows: u32) -> io::Result<Self> {
        let headings = headings.to_vec();
        let archive = Archive::default();
        let mut book = Self { archive, name: name.to_owned(), headings, sheets: 0, rows: 0, max_rows };
        book.begin_sheet()?;
        Ok(book)
    }

    fn begin_sheet(&mut self) -> io::Result<()> {
        (self.sheets, self.rows) = (self.sheets + 1, 1);
        self.archive.begin(&format!("xl/worksheets/sheet{}.xml", self.sheets))?;
        let mut xml = format!(
            "{DECLARATION}<worksheet xmlns=\"{MAIN}\"><sheetViews><sheetView workbookViewId=\"0\">\
             <pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews>\
             <sheetFormatPr defaultRowHeight=\"15\"/><cols><col min=\"1\" max=\"{}\" width=\"22\" customWidth=\"1\"/></cols>\
             <sheetData><row r=\"1\">",
            self.headings.len()
        );
        for (column, heading) in self.headings.iter().enumerate() {
            push_text(&mut xml, column, 1, HEADING, heading);
        }
        xml.push_str("</row>");
        self.archive.write(xml.as_bytes())
    }

    fn end_sheet(&mut self) -> io::Result<()> {
        self.archive.write(b"</sheetData></worksheet>")
    }

    pub(super) fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        if self.rows == self.max_rows {
            self.end_sheet()?;
            self.begin_sheet()?;
        }
        self.rows += 1;
        let row = self.rows;
        let mut xml = format!("<row r=\"{row}\">");
        for (column, cell) in cells.iter().enumerate() {
            match cell {
                Cell::Text(text) if text.is_empty() => {}
                Cell::Text(text) if text.len() > MAX_TEXT && text.chars().count() > MAX_TEXT => {
                    let message = format!("a text has more than {MAX_TEXT} characters, the limit of a cell");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
                Cell::Text(text) => push_text(&mut xml, column, row, TEXT, text),
                Cell::Time(time) => match time.utc().and_then(serial) {
                    Some(serial) => push_number(&mut xml, column, row, TIME, &serial),
                    None => push_text(&mut xml, column, row, TEXT, time.as_str()),
                },
                Cell::Count(count) => {
                    if let Some(count) = count {
                        push_number(&mut xml, column, row, 0, &count.to_string());
                    }
                }
            }
        }
        xml.push_str("</row>");
        self.archive.write(xml.as_bytes())
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        self.archive.take()
    }

    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        self.end_sheet()?;
        for (name, content) in self.parts() {
            self.archive.begin(name)?;
            self.archive.write(format!("{DECLARATION}{content}").as_bytes())?;
        }
        self.archive.finish()
    }

    /// The parts that describe the sheets. They come last, when the number of sheets is known.
    fn parts(&self) -> [(&'static str, String); 5] {
        let each = |part: &dyn Fn(u32) -> String| (1..=self.sheets).map(part).collect::<String>();
        let sheets = each(&|sheet| {
            let name = if sheet == 1 { self.name.clone() } else { format!("{} {sheet}", self.name) };
            format!("<sheet name=\"{name}\" sheetId=\"{sheet}\" r:id=\"rId{sheet}\"/>")
        });
        let relations = each(&|sheet| {
            let target = format!("worksheets/sheet{sheet}.xml");
            format!(
                "<Relationship Id=\"rId{sheet}\" Type=\"{RELATIONSHIPS}/worksheet\" Target=\"{target}\"/>"
            )
        });
        let types = each(&|sheet| {
            let name = format!("/xl/worksheets/sheet{sheet}.xml");
            format!("<Override PartName=\"{name}\" ContentType=\"{TYPES}.worksheet+xml\"/>")
        });
        let styles = self.sheets + 1;
        [
            ("xl/styles.xml", format!("<styleSheet xmlns=\"{MAIN}\">{STYLES}</styleSheet>")),
            (
                "xl/workbook.xml",
                format!(
                    "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONSHIPS}\"><sheets>{sheets}</sheets></workbook>"
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}/relationships\">{relations}\
                     <Relationship Id=\"rId{styles}\" Type=\"{RELATIONSHIPS}/styles\" Target=\"styles.xml\"/></Relationships>"
                ),
            ),
            (
                "_rels/.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}/relationships\">\
                     <Relationship Id=\"rId1\" Type=\"{RELATIONSHIPS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                "[Content_Types].xml",
                format!(
                    "<Types xmlns=\"{PACKAGE}/content-types\">\
                     <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
                     <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
                     <Override PartName=\"/xl/workbook.xml\" ContentType=\"{TYPES}.sheet.main+xml\"/>{types}\
                     <Override PartName=\"/xl/styles.xml\" ContentType=\"{TYPES}.styles+xml\"/></Types>"
                ),
            ),
        ]
    }
}

/// Writes a text into the cell itself. The tables have so few columns that one letter is enough for each.
#[expect(clippy::let_underscore_must_use, reason = "writing to a string cannot fail")]
fn push_text(xml: &mut String, column: usize, row: u32, style: u8, text: &str) {
    let column = letter(column);
    let _ =
        write!(xml, "<c r=\"{column}{row}\" s=\"{style}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
    push_escaped(xml, text);
    xml.push_str("</t></is></c>");
}

#[expect(clippy::let_underscore_must_use, reason = "writing to a string cannot fail")]
fn push_number(xml: &mut String, column: usize, row: u32, style: u8, number: &str) {
    let column = letter(column);
    let _ = write!(xml, "<c r=\"{column}{row}\" s=\"{style}\"><v>{number}</v></c>");
}

#[expect(clippy::expect_used, reason = "the tables are constants, and none has more than 26 columns")]
fn letter(column: usize) -> char {
    ('A'..='Z').nth(column).expect("a column with a letter")
}

/// Writes characters that XML does not allow as `_x0007_`, as spreadsheets do, and the beginning of a text that looks like
/// that as `_x005F_` (ECMA-376, 22.9.2.19).
#[expect(clippy::let_underscore_must_use, reason = "writing to a string cannot fail")]
pub(crate) fn push_escaped(xml: &mut String, text: &str) {
    for (place, character) in text.char_indices() {
        match character {
            '_' if is_escape(&text[place..]) => xml.push_str("_x005F_"),
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '\r' => xml.push_str("&#13;"),
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(xml, "_x{:04X}_", u32::from(character));
            }
            character => xml.push(character),
        }
    }
}

/// Whether a text begins like `_x0007_`.
fn is_escape(text: &str) -> bool {
    let digits = text.strip_prefix("_x").and_then(|rest| rest.get(..5));
    digits.is_some_and(|digits| {
        digits.ends_with('_') && digits[..4].bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// The days since the beginning of 1900 as spreadsheets count them, with the time of day as a fraction. `None` for a
/// time that they cannot show, and for the first weeks of 1900, because spreadsheets count a February 29 that did not
/// exist.
fn serial(time: DateTime) -> Option<String> {
    const EPOCH: Date = Date::constant(1899, 12, 30);
    let days = time.date().since(EPOCH).ok()?.get_days();
    let seconds = i32::from(time.hour()) * 3600 + i32::from(time.minute()) * 60 + i32::from(time.second());
    let milliseconds = seconds * 1000 + i32::from(time.millisecond());
    (days > 60).then(|| format!("{:.9}", f64::from(days) + f64::from(milliseconds) / 86_400_000.0))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::{Data, Reader as _, Xlsx};

    use super::*;

    fn sheets(rows: &[Vec<Cell>], max_rows: u32) -> Vec<(String, Vec<Vec<Data>>)> {
        let mut book = Workbook::with_max_rows("students", &["number", "name"], max_rows).unwrap();
        for row in rows {
            book.row(row).unwrap();
        }
        let mut bytes = book.take();
        bytes.extend(book.finish().unwrap());
        let mut book = Xlsx::new(Cursor::new(bytes)).unwrap();
        let sheets = book.worksheets().into_iter();
        sheets.map(|(name, range)| (name, range.rows().map(<[Data]>::to_vec).collect())).collect()
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn texts_stay_texts_and_times_are_times() {
        let time = Cell::Time("2026-09-01T18:30:00.000Z".parse().unwrap());
        let found =
            &sheets(&[vec![text("0042"), text("=1+1 <&> \"x\"")], vec![Cell::Count(Some(7)), time]], 9)[0];
        assert_eq!(found.0, "students");
        let string = |text: &str| Data::String(text.to_owned());
        assert_eq!(found.1[0], [string("number"), string("name")]);
        assert_eq!(found.1[1], [string("0042"), string("=1+1 <&> \"x\"")]);
        assert_eq!(found.1[2][0], Data::Float(7.0));
        let Data::DateTime(time) = found.1[2][1] else { panic!("{found:?}") };
        assert_eq!(time.to_ymd_hms_milli(), (2026, 9, 1, 18, 30, 0, 0));
    }

    #[test]
    fn a_full_sheet_is_followed_by_another_one() {
        let rows: Vec<_> = (1..=5).map(|number| vec![text(&number.to_string()), text("x")]).collect();
        let found = sheets(&rows, 3);
        let names: Vec<_> = found.iter().map(|(name, rows)| (name.as_str(), rows.len())).collect();
        assert_eq!(names, [("students", 3), ("students 2", 3), ("students 3", 2)]);
    }

    #[test]
    fn a_text_that_no_cell_can_have_is_not_cut() {
        let mut book = Workbook::new("students", &["name"]).unwrap();
        book.row(&[text(&"é".repeat(MAX_TEXT))]).unwrap();
        assert!(book.row(&[text(&"é".repeat(MAX_TEXT + 1))]).is_err());
    }

    #[test]
    fn the_same_rows_are_the_same_bytes() {
        let bytes = || {
            let mut book = Workbook::new("courses", &["code"]).unwrap();
            book.row(&[text("a")]).unwrap();
            book.finish().unwrap()
        };
        assert_eq!(bytes(), bytes());
    }
}
