//! XLSX workbooks: each visible sheet is a table. A cell is read as the spreadsheet shows it; days and times have the form
//! of ISO 8601, whatever the language of the spreadsheet.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use calamine::{DataRef, ExcelDateTime, Reader as _, SheetType, SheetVisible, Style, Xlsx, XlsxError};

use super::headings::MAX_COLUMNS;
use super::number_format;
use super::parts::{Gate, Parts};
use super::record::{CellKind, MAX_ROW_BYTES, Record};
use super::refusals::FileRefusal;
use super::workbook_copy::kind_of_text;

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
        DataRef::String(text) => (text.clone(), kind_of_text(format)),
        DataRef::SharedString(text) => ((*text).to_owned(), CellKind::Text),
        DataRef::Bool(yes) => ((if *yes { "TRUE" } else { "FALSE" }).to_owned(), CellKind::Text),
        DataRef::Int(number) => (number.to_string(), CellKind::Number),
        DataRef::Float(number) => number_shown(*number, format),
        DataRef::DateTime(time) => (time_shown(time), CellKind::Date),
        DataRef::DateTimeIso(text) => (iso_day(text).to_owned(), CellKind::Date),
        DataRef::DurationIso(text) => (text.clone(), CellKind::Date),
        DataRef::Error(error) => (error.to_string(), CellKind::Text),
    })
}

fn number_shown(number: f64, format: &str) -> (String, CellKind) {
    let (text, is_certain) = number_format::shown(number, format);
    (text, if is_certain { CellKind::Number } else { CellKind::UnsureNumber })
}

/// A day or a time in the form of ISO 8601, a time of day alone, or an elapsed time of any number of hours.
fn time_shown(time: &ExcelDateTime) -> String {
    const SECONDS_PER_DAY: f64 = 86_400.0;
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let clock = format!("{minute:02}:{second:02}");
    if time.is_duration() {
        let seconds = (time.as_f64() * SECONDS_PER_DAY).round().abs();
        let sign = if time.as_f64() < 0.0 { "-" } else { "" };
        let (hours, rest) = ((seconds / 3600.0).floor(), seconds % 3600.0);
        return format!("{sign}{hours}:{:02}:{:02}", (rest / 60.0).floor(), rest % 60.0);
    }
    if (0.0..1.0).contains(&time.as_f64()) {
        return format!("{hour:02}:{clock}");
    }
    if (hour, minute, second) == (0, 0, 0) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{clock}")
    }
}

/// A day in the form of ISO 8601 without the midnight that programs add.
fn iso_day(text: &str) -> &str {
    let rest = text.split_once(['T', ' ']);
    rest.filter(|(_, clock)| clock.trim_end_matches('Z').chars().all(|it| matches!(it, '0' | ':' | '.')))
        .map_or(text, |(day, _)| day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_times_and_elapsed_times_are_told_apart() {
        use calamine::ExcelDateTimeType::{DateTime, TimeDelta};
        let text = |value, kind| time_shown(&ExcelDateTime::new(value, kind, false));
        assert_eq!(text(46_086.0, DateTime), "2026-03-05");
        assert_eq!(text(46_086.5, DateTime), "2026-03-05 12:00:00");
        assert_eq!(text(0.354_166_666_7, DateTime), "08:30:00");
        assert_eq!(text(1.5625, TimeDelta), "37:30:00");
        assert_eq!(text(-0.25, TimeDelta), "-6:00:00");
        assert_eq!(iso_day("2026-03-05T00:00:00"), "2026-03-05");
        assert_eq!(iso_day("2026-03-05T08:00:00"), "2026-03-05T08:00:00");
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
