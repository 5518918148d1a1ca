//! XLSX workbooks: each visible sheet is a table. A cell is read as the spreadsheet shows it, as far as its format is a
//! simple one.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use calamine::{DataRef, ExcelDateTime, Reader as _, SheetType, SheetVisible, Style, Xlsx, XlsxError};

use super::headings::MAX_COLUMNS;
use super::parts::{Gate, Parts};
use super::record::{CellKind, MAX_ROW_BYTES, Record};
use super::refusals::FileRefusal;

/// An open workbook.
pub(super) struct Workbook<'a> {
    book: Xlsx<Parts<'a>>,
    gate: Rc<RefCell<Gate<'a>>>,
}

impl<'a> Workbook<'a> {
    /// What is read of it is taken off the budget.
    ///
    /// # Errors
    /// It is damaged, encrypted or too large.
    pub(super) fn open(bytes: &'a [u8], budget: &'a mut u64) -> Result<Self, FileRefusal> {
        let parts = Parts::new(bytes, budget).map_err(of_workbook)?;
        let gate = parts.gate();
        let book = shielded(&gate, || Xlsx::new(parts))?;
        gate.borrow_mut().open();
        Ok(Self { book, gate })
    }

    /// The names of the sheets that people see.
    pub(super) fn sheets(&self) -> Vec<String> {
        let sheets = self.book.sheets_metadata().iter();
        let visible = sheets
            .filter(|sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible);
        visible.map(|sheet| sheet.name.clone()).collect()
    }

    /// Reads the rows of a sheet in order; those without any cell are left out.
    ///
    /// # Errors
    /// The sheet is damaged, or a row is refused by the one who takes it.
    pub(super) fn rows(
        &mut self,
        sheet: &str,
        mut take: impl FnMut(&Record) -> Result<(), FileRefusal>,
    ) -> Result<(), FileRefusal> {
        let mut cells = shielded(&self.gate, || self.book.worksheet_cells_reader(sheet))?;
        let mut record = Record::default();
        record.begin(0);
        while let Some((cell, style)) = shielded(&self.gate, || cells.next_cell_with_style_id())? {
            let (row, column) = cell.get_position();
            let line = row.saturating_add(1);
            if line != record.line {
                flush(&mut record, &mut take)?;
                if line < record.line {
                    return Err(FileRefusal::damaged_workbook());
                }
                record.begin(line);
            }
            let Some((text, kind)) = shown(cell.get_value(), cells.styles().get(style)) else { continue };
            let column = column as usize;
            if column >= MAX_COLUMNS {
                return Err(FileRefusal::too_large("The columns of a file are", MAX_COLUMNS as u64).at(line));
            }
            if column < record.len() {
                return Err(FileRefusal::damaged_workbook());
            }
            record.put(column, &text, kind);
            if record.size() > MAX_ROW_BYTES {
                return Err(FileRefusal::long_row(line));
            }
        }
        flush(&mut record, &mut take)
    }
}

/// Calls the library, which panics at some damaged workbooks. What was refused before it was read counts first.
fn shielded<T>(
    gate: &RefCell<Gate<'_>>,
    read: impl FnOnce() -> Result<T, XlsxError>,
) -> Result<T, FileRefusal> {
    let result = catch_unwind(AssertUnwindSafe(read)).ok().and_then(Result::ok);
    if let Some(refusal) = gate.borrow().refusal() {
        return Err(of_workbook(refusal));
    }
    result.ok_or_else(FileRefusal::damaged_workbook)
}

fn of_workbook(refusal: FileRefusal) -> FileRefusal {
    match refusal.code {
        "damaged-archive" => FileRefusal::damaged_workbook(),
        _ => refusal,
    }
}

fn flush(
    record: &mut Record,
    take: &mut impl FnMut(&Record) -> Result<(), FileRefusal>,
) -> Result<(), FileRefusal> {
    if record.line == 0 || record.len() == 0 {
        return Ok(());
    }
    record.check();
    take(record)
}

/// The text of a cell; `None` if it is empty.
fn shown(value: &DataRef<'_>, style: Option<&Style>) -> Option<(String, CellKind)> {
    let format =
        style.and_then(|style| style.number_format.as_ref()).map_or("General", |format| &format.format_code);
    Some(match value {
        DataRef::Empty => return None,
        DataRef::String(text) => (text.clone(), CellKind::Text),
        DataRef::SharedString(text) => ((*text).to_owned(), CellKind::Text),
        DataRef::Bool(yes) => ((if *yes { "TRUE" } else { "FALSE" }).to_owned(), CellKind::Text),
        DataRef::Int(number) => (number.to_string(), CellKind::Number),
        DataRef::Float(number) => number_shown(*number, format),
        DataRef::DateTime(time) => (time_shown(time), CellKind::Date),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => (text.clone(), CellKind::Date),
        DataRef::Error(error) => (error.to_string(), CellKind::Text),
    })
}

/// The largest number of which a spreadsheet keeps every digit.
const MAX_EXACT: f64 = 999_999_999_999_999.0;

fn number_shown(number: f64, format: &str) -> (String, CellKind) {
    // Rust writes numbers without an exponent, and whole ones without a decimal place.
    let plain = number.to_string();
    if number.fract() != 0.0 || number.abs() > MAX_EXACT {
        return (plain, CellKind::UnsureNumber);
    }
    if format.len() > 1 && format.bytes().all(|byte| byte == b'0') && number >= 0.0 {
        let width = format.len().min(MAX_WIDTH);
        return (format!("{plain:0>width$}"), CellKind::Number);
    }
    let is_simple = ["", "General", "GENERAL", "0", "@", "#", "0_ ", "0;-0", "#,##0", "0.00", "#,##0.00"]
        .contains(&format);
    (plain, if is_simple { CellKind::Number } else { CellKind::UnsureNumber })
}

/// More digits than a number has that a spreadsheet keeps.
const MAX_WIDTH: usize = 30;

fn time_shown(time: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    if (hour, minute, second) == (0, 0, 0) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_the_spreadsheet_shows_them() {
        assert_eq!(number_shown(42.0, "General"), ("42".to_owned(), CellKind::Number));
        assert_eq!(number_shown(42.0, "00000"), ("00042".to_owned(), CellKind::Number));
        assert_eq!(number_shown(123_456_789_012.0, "0"), ("123456789012".to_owned(), CellKind::Number));
        assert_eq!(number_shown(42.0, "000-000").1, CellKind::UnsureNumber);
        assert_eq!(number_shown(0.5, "General"), ("0.5".to_owned(), CellKind::UnsureNumber));
        assert_eq!(number_shown(1e18, "General").1, CellKind::UnsureNumber);
        assert_eq!(number_shown(f64::NAN, "General").1, CellKind::UnsureNumber);
    }
    /// A workbook can name its sheets, and what it keeps, again and again.
    #[test]
    fn what_is_read_again_is_taken_off_the_budget_again() {
        const BUDGET: u64 = 1 << 20;
        let mut written = rust_xlsxwriter::Workbook::new();
        written.add_worksheet().write_string(0, 0, "id").unwrap();
        let bytes = written.save_to_buffer().unwrap();
        let read = |budget: u64, times: usize| {
            let mut rest = budget;
            let mut book = Workbook::open(&bytes, &mut rest).unwrap();
            let result = (0..times).try_for_each(|_| book.rows("Sheet1", |_| Ok(())));
            drop(book);
            result.map(|()| budget - rest)
        };
        let [none, once, twice] = [0, 1, 2].map(|times| read(BUDGET, times).unwrap());
        assert!(none > 0 && once > none);
        assert_eq!(twice - once, once - none);
        assert_eq!(read(twice, 2), Ok(twice));
        assert_eq!(read(twice - 1, 2).unwrap_err().code, "too-large");
    }
}
