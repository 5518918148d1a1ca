//! XLSX workbooks.

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet};

use super::formats::{archive, unpacked};
use super::{courses, people, read_text, refusals, refused, warnings};

/// A workbook with one sheet.
fn workbook(fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut workbook = Workbook::new();
    fill(workbook.add_worksheet());
    workbook.save_to_buffer().unwrap()
}

/// Writes texts from the first column on.
fn write_texts(sheet: &mut Worksheet, row: u32, texts: &[&str]) {
    for (column, text) in (0..).zip(texts) {
        sheet.write_string(row, column, *text).unwrap();
    }
}

/// Workbooks with every kind of cell.
pub(super) fn samples() -> Vec<Vec<u8>> {
    vec![shown(), unsure(), sheets()]
}

fn shown() -> Vec<u8> {
    workbook(|sheet| {
        write_texts(sheet, 0, &["Student ID", "Name", "E-mail", "Since"]);
        write_texts(sheet, 1, &["0042", "Text", "text@example.edu"]);
        write_texts(sheet, 2, &["", "Number", "number@example.edu"]);
        sheet.write_number(2, 0, 12345).unwrap();
        write_texts(sheet, 3, &["", "Padded", "padded@example.edu"]);
        sheet.write_number_with_format(3, 0, 42, &Format::new().set_num_format("00000")).unwrap();
        // Row 5 is empty.
        write_texts(sheet, 6, &["", "Dashed", "dashed@example.edu"]);
        sheet.write_number_with_format(6, 0, 421_234, &Format::new().set_num_format("000-000")).unwrap();
        write_texts(sheet, 5, &["", "Formula", "formula@example.edu"]);
        sheet.write_formula(5, 0, Formula::new("=A2").set_result("0042f")).unwrap();
        let day = ExcelDateTime::from_ymd(2026, 3, 5).unwrap();
        sheet.write_datetime_with_format(5, 3, &day, &Format::new().set_num_format("yyyy-mm-dd")).unwrap();
    })
}

fn unsure() -> Vec<u8> {
    workbook(|sheet| {
        write_texts(sheet, 0, &["id", "name", "email"]);
        let names = ["Day", "Fraction", "Percent", "Long", "Error"];
        for (row, name) in (1..).zip(names) {
            write_texts(sheet, row, &["", name, "a@example.edu"]);
        }
        let day = ExcelDateTime::from_ymd(2026, 3, 5).unwrap();
        sheet.write_datetime_with_format(1, 0, &day, &Format::new().set_num_format("d-mmm")).unwrap();
        sheet.write_number(2, 0, 12.5).unwrap();
        sheet.write_number_with_format(3, 0, 421_234, &Format::new().set_num_format("0000%")).unwrap();
        sheet.write_number(4, 0, 1_234_567_890_123_456_789.0).unwrap();
        sheet.write_formula(5, 0, Formula::new("=NA()").set_result("#N/A")).unwrap();
    })
}

fn sheets() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("People").unwrap();
    write_texts(sheet, 0, &["id", "name", "email"]);
    write_texts(sheet, 1, &["1", "Ann", "ann@example.edu"]);
    let sheet = workbook.add_worksheet().set_name("Courses").unwrap();
    write_texts(sheet, 0, &["Course code", "Title", "Level"]);
    write_texts(sheet, 1, &["C1", "Art", "Beginner"]);
    let sheet = workbook.add_worksheet().set_name("Read me").unwrap();
    write_texts(sheet, 0, &["How to fill this in"]);
    let sheet = workbook.add_worksheet().set_name("Hidden").unwrap().set_hidden(true);
    write_texts(sheet, 0, &["id", "name", "email"]);
    write_texts(sheet, 1, &["2", "Bo", "bo@example.edu"]);
    workbook.save_to_buffer().unwrap()
}

#[test]
fn ids_of_a_workbook_are_read_as_it_shows_them() {
    let reading = read_text("students.xlsx", shown());
    assert_eq!(
        people(&reading),
        [
            "0042 Text <text@example.edu>",
            "12345 Number <number@example.edu>",
            "00042 Padded <padded@example.edu>",
            "0042f Formula <formula@example.edu>",
            "421-234 Dashed <dashed@example.edu>",
        ]
    );
    assert_eq!(reading.people[3].origin.line, 6);
    assert_eq!(refused(&reading), [""; 0]);
}

#[test]
fn ids_that_a_workbook_may_show_otherwise_are_refused() {
    let reading = read_text("students.xlsx", unsure());
    assert_eq!(people(&reading), [""; 0]);
    assert_eq!(
        refused(&reading),
        [
            "students.xlsx:2 id id-is-date",
            "students.xlsx:3 id id-is-formatted-number",
            "students.xlsx:4 id id-is-formatted-number",
            "students.xlsx:5 id id-is-formatted-number",
            "students.xlsx:6 id id-is-error",
        ]
    );
}

#[test]
fn every_visible_sheet_with_a_heading_is_a_table() {
    let reading = read_text("school.xlsx", sheets());
    assert_eq!(refusals(&reading), [""; 0]);
    assert_eq!(people(&reading), ["1 Ann <ann@example.edu>"]);
    assert_eq!(courses(&reading), ["C1 Art, Beginner"]);
    assert_eq!(warnings(&reading), ["school.xlsx: Read me sheet-not-read"]);
}

#[test]
fn a_damaged_workbook_is_refused() {
    let bytes = workbook(|sheet| write_texts(sheet, 0, &["id", "name", "email"]));
    assert_eq!(refusals(&read_text("a.xlsx", &bytes[..bytes.len() / 2])), ["a.xlsx: damaged-workbook"]);
    assert_eq!(refusals(&read_text("a.csv", &bytes)), ["a.csv: not-a-table"]);
    assert_eq!(warnings(&read_text("a.xlsx", &bytes)), ["a.xlsx no-rows"]);
}

/// A workbook with something replaced in one of its parts.
fn replaced(part: &str, from: &str, to: &str) -> Vec<u8> {
    let mut entries = unpacked(&shown());
    for (_, bytes) in entries.iter_mut().filter(|(name, _)| name.ends_with(part)) {
        let text = String::from_utf8(std::mem::take(bytes)).unwrap();
        assert!(text.contains(from), "{text}");
        *bytes = text.replace(from, to).into_bytes();
    }
    let entries: Vec<_> = entries.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
    archive(&entries)
}

/// The library computes with the range that a sheet says it has, and panics in a development build.
#[test]
fn a_sheet_whose_range_ends_before_it_begins_does_no_harm() {
    let reading = read_text("a.xlsx", replaced("sheet1.xml", "A1:D7", "D7:A1"));
    assert!(reading.people.len() == 5 || refusals(&reading) == ["a.xlsx: damaged-workbook"], "{reading:?}");
}

/// The library keeps a number format once for each cell format that names it.
#[test]
fn a_workbook_with_a_long_format_of_many_cells_is_refused() {
    let styles = |length: usize, count: usize| {
        let code = "0".repeat(length);
        let formats = format!("<numFmt numFmtId=\"164\" formatCode=\"{code}\"/>");
        let cells = "<xf numFmtId=\"164\"/>".repeat(count);
        replaced("styles.xml", "</cellXfs>", &format!("{cells}</cellXfs><x>{formats}</x>"))
    };
    assert_eq!(refusals(&read_text("a.xlsx", styles(1_000, 1_000))), [""; 0]);
    assert_eq!(refusals(&read_text("a.xlsx", styles(100_000, 1_000))), ["a.xlsx: damaged-workbook"]);
}

/// The library keeps the text of a cell as a whole, whatever is between its pieces, also if another value follows.
#[test]
fn a_workbook_with_a_text_of_a_megabyte_is_refused() {
    for text in ["<r><t>aaaa</t></r>", "<t>aaaa&amp;</t><c/>"] {
        let cell = |count: usize| {
            let text = text.repeat(count);
            let cell =
                format!("<row r=\"9\"><c t=\"inlineStr\"><is>{text}</is><v>1</v></c></row></sheetData>");
            replaced("sheet1.xml", "</sheetData>", &cell)
        };
        assert_eq!(refusals(&read_text("a.xlsx", cell(10))), [""; 0]);
        assert_eq!(refusals(&read_text("a.xlsx", cell(300_000))), ["a.xlsx: too-large"]);
    }
}

/// A workbook can name a sheet again and again. It would be read as often.
#[test]
fn a_workbook_that_names_a_sheet_very_often_is_refused() {
    let named = |count: usize| {
        let sheets = "<sheet name=\"Sheet1\" sheetId=\"1\" r:id=\"rId1\"/>".repeat(count);
        replaced("workbook.xml", "</sheets>", &format!("{sheets}</sheets>"))
    };
    assert_eq!(refusals(&read_text("a.xlsx", named(1))), [""; 0]);
    assert_eq!(refusals(&read_text("a.xlsx", named(1_000))), ["a.xlsx: damaged-workbook"]);
}

/// The library reserves memory for as many texts as a workbook says it has: more than there is ends the process.
#[test]
fn a_workbook_that_says_it_has_very_many_texts_is_refused() {
    for count in ["uniqueCount=\"99999999999999\"", "uniqueCount = '10248191152060862896'"] {
        let part = replaced("sharedStrings.xml", "uniqueCount", &format!("{count} was"));
        assert_eq!(refusals(&read_text("a.xlsx", part)), ["a.xlsx: damaged-workbook"], "{count}");
    }
}
