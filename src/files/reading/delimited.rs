//! Delimited text: the format of RFC 4180 as programs really write it. A line ends with CR, LF or CRLF, all three may
//! be in one file; a quoted cell may have line breaks; the number of a line is that of an editor.

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

use super::record::{MAX_ROW_BYTES, Record, RowFault};
use super::refusals::FileRefusal;

/// Reads rows one by one.
#[derive(Debug)]
pub(super) struct Delimited<'a> {
    text: &'a str,
    delimiter: u8,
    at: usize,
    line: u32,
    /// Where the row that is being read begins.
    start: usize,
}

impl<'a> Delimited<'a> {
    /// Starts at a byte of the text, which is on this line. The delimiter is an ASCII character.
    pub(super) fn new(text: &'a str, delimiter: u8, at: usize, line: u32) -> Self {
        Self { text, delimiter, at, line, start: at }
    }

    /// Reads the next row; false at the end of the text.
    ///
    /// # Errors
    /// A quote that opens is never closed, or a row is too long.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<bool, FileRefusal> {
        record.begin(self.line);
        if self.at == self.text.len() {
            return Ok(false);
        }
        self.start = self.at;
        while self.cell(record)? {}
        record.check();
        Ok(true)
    }

    /// Reads the next row with the range of each cell in the text, without what ends the cell.
    ///
    /// # Errors
    /// As [`Delimited::next`].
    pub(super) fn next_with_ranges(
        &mut self,
        record: &mut Record,
        ranges: &mut Vec<Range<usize>>,
    ) -> Result<bool, FileRefusal> {
        ranges.clear();
        record.begin(self.line);
        if self.at == self.text.len() {
            return Ok(false);
        }
        self.start = self.at;
        loop {
            let begin = self.at;
            let is_followed = self.cell(record)?;
            let read = &self.text[begin..self.at];
            let end = if is_followed {
                self.at - 1
            } else {
                begin
                    + read
                        .strip_suffix("\r\n")
                        .or_else(|| read.strip_suffix(['\r', '\n']))
                        .unwrap_or(read)
                        .len()
            };
            ranges.push(begin..end);
            if !is_followed {
                break;
            }
        }
        record.check();
        Ok(true)
    }

    /// Reads a cell with what ends it; false if that is the end of the row.
    fn cell(&mut self, record: &mut Record) -> Result<bool, FileRefusal> {
        if let Some(opening) = self.opening_quote() {
            self.quoted(opening, record)?;
        }
        let rest = &self.text.as_bytes()[self.at..];
        let length = memchr3(self.delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
        if self.at + length - self.start > MAX_ROW_BYTES {
            return Err(FileRefusal::long_row(record.line));
        }
        record.push(&self.text[self.at..self.at + length]);
        record.end_cell();
        self.at += length;
        Ok(match rest.get(length) {
            Some(&end) if end == self.delimiter => {
                self.at += 1;
                true
            }
            Some(_) => {
                let is_crlf = rest[length..].starts_with(b"\r\n");
                self.at += if is_crlf { 2 } else { 1 };
                self.line = self.line.saturating_add(1);
                false
            }
            None => false,
        })
    }

    /// Where the cell's quote opens, if it is quoted. Blanks before a quote do not count.
    fn opening_quote(&self) -> Option<usize> {
        let rest = &self.text.as_bytes()[self.at..];
        let is_blank = |byte: &&u8| **byte == b' ' || **byte == b'\t' && self.delimiter != b'\t';
        let blanks = rest.iter().take_while(is_blank).count();
        (rest.get(blanks) == Some(&b'"')).then_some(self.at + blanks)
    }

    /// Reads a quoted text, up to its delimiter or the end of the line.
    fn quoted(&mut self, opening: usize, record: &mut Record) -> Result<(), FileRefusal> {
        let bytes = self.text.as_bytes();
        let opened = self.line;
        self.at = opening + 1;
        loop {
            let within = &bytes[self.at..(self.start + MAX_ROW_BYTES).clamp(self.at, bytes.len())];
            // What is closed only far away was not meant as a quote.
            let Some(length) = memchr(b'"', within) else {
                return Err(FileRefusal::unclosed_quote(opened));
            };
            let part = &self.text[self.at..self.at + length];
            record.push(part);
            self.line = self.line.saturating_add(line_breaks(part.as_bytes()));
            self.at += length + 1;
            if bytes.get(self.at) != Some(&b'"') {
                break;
            }
            record.push("\"");
            self.at += 1;
        }
        let rest = &bytes[self.at..];
        let blanks =
            rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t') && **byte != self.delimiter).count();
        match rest.get(blanks) {
            None | Some(b'\n' | b'\r') => self.at += blanks,
            Some(next) if *next == self.delimiter => self.at += blanks,
            // The quote that seems to close the cell opens another one: the rows between them are in no cell.
            Some(_) if self.line > opened => return Err(FileRefusal::unclosed_quote(opened)),
            Some(_) => record.fault = Some(RowFault::TextAfterQuote),
        }
        Ok(())
    }
}

/// How many line ends there are: CR, LF, or both together.
pub(super) fn line_breaks(bytes: &[u8]) -> u32 {
    let mut at = 0;
    let mut count: u32 = 0;
    while let Some(next) = memchr2(b'\n', b'\r', &bytes[at..]) {
        at += next;
        at += if bytes[at..].starts_with(b"\r\n") { 2 } else { 1 };
        count = count.saturating_add(1);
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str, delimiter: u8) -> Vec<(u32, Vec<String>)> {
        let mut file = Delimited::new(text, delimiter, 0, 1);
        let mut record = Record::default();
        let mut rows = Vec::new();
        while file.next(&mut record).unwrap() {
            rows.push((record.line, record.cells().map(str::to_owned).collect()));
        }
        rows
    }

    fn row(line: u32, cells: &[&str]) -> (u32, Vec<String>) {
        (line, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn any_line_end_ends_a_row_and_lines_are_those_of_an_editor() {
        let expected =
            [row(1, &["a", "b"]), row(2, &["c", "d\ne"]), row(4, &["f", ""]), row(5, &[""]), row(6, &["g"])];
        assert_eq!(rows("a,b\rc,\"d\ne\"\r\nf,\n\ng", b','), expected);
        assert_eq!(rows("a,b\r\nc,\"d\ne\"\nf,\r\rg\r", b','), expected);
    }

    #[test]
    fn quotes_may_have_blanks_around_them_and_are_literal_within_a_cell() {
        assert_eq!(
            rows("a| \"b|c\" |5\" pipe|\"\"|\"\"\"x\"\"\"", b'|'),
            [row(1, &["a", "b|c", "5\" pipe", "", "\"x\""])]
        );
        assert_eq!(rows("a\t\"b\"\tc", b'\t'), [row(1, &["a", "b", "c"])]);
    }

    #[test]
    fn text_after_a_quote_is_a_fault_of_the_row_but_over_several_lines_of_the_file() {
        let mut record = Record::default();
        let mut file = Delimited::new("\"a\"b,c\nd,\"e\n f,\"g\"\n", b',', 0, 1);
        assert!(file.next(&mut record).unwrap());
        assert_eq!(record.fault, Some(RowFault::TextAfterQuote));
        assert_eq!(file.next(&mut record), Err(FileRefusal::unclosed_quote(2)));
        let far = format!("a,b\n1,\"{}\"\n", "x\n".repeat(MAX_ROW_BYTES / 2));
        let mut file = Delimited::new(&far, b',', 0, 1);
        assert!(file.next(&mut record).unwrap());
        assert_eq!(file.next(&mut record), Err(FileRefusal::unclosed_quote(2)));
        let mut file = Delimited::new("a\n\"b", b',', 0, 1);
        assert!(file.next(&mut record).unwrap());
        assert_eq!(file.next(&mut record), Err(FileRefusal::unclosed_quote(2)));
    }

    #[test]
    fn a_row_that_is_too_long_is_refused_with_its_line() {
        for part in ["a", ",", " ,"] {
            let long = |bytes: usize| format!("a,b\n\n{}\n1,2\n", part.repeat(bytes / part.len()));
            let mut record = Record::default();
            let rows = |text: &str, record: &mut Record| {
                let mut file = Delimited::new(text, b',', 0, 1);
                (0..4).map(|_| file.next(record)).collect::<Vec<_>>()
            };
            assert_eq!(rows(&long(MAX_ROW_BYTES), &mut record), [const { Ok(true) }; 4], "{part}");
            let found = rows(&long(MAX_ROW_BYTES + 2 * part.len()), &mut record);
            assert_eq!(found[..3], [Ok(true), Ok(true), Err(FileRefusal::long_row(3))], "{part}");
        }
    }

    proptest! {
        /// What a program writes by RFC 4180 is read back, whatever is in the cells.
        #[test]
        fn written_cells_are_read_back(
            cells in prop::collection::vec(prop::collection::vec("[a\", ;\r\n\té]{0,4}", 2..4), 1..5),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        ) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",");
            let text = cells.iter().map(line).collect::<Vec<_>>().join(end);
            let trimmed = |row: &Vec<String>| row.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
            let expected: Vec<_> = cells.iter().map(trimmed).collect();
            let read: Vec<_> = rows(&text, b',').into_iter().map(|(_, cells)| cells).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn every_text_is_read_to_its_end(text in "[a\",;\r\n \u{0}é]{0,40}") {
            let mut file = Delimited::new(&text, b',', 0, 1);
            let mut record = Record::default();
            let mut last = 0;
            while let Ok(true) = file.next(&mut record) {
                prop_assert!(record.line > last);
                last = record.line;
            }
        }
    }
}
