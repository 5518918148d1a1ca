//! Copies of files to keep, without the passwords that are in them. A copy is read as the file was: the same rows on the same
//! lines, the same encoding, the same refusals.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Options;
use super::archive::{Archive, MAX_BYTES, MAX_INFLATED_BYTES};
use super::content::{Content, content_of, is_litter};
use super::delimited::Delimited;
use super::encoding::{decode, encode};
use super::headings::is_password;
use super::manifest::file_name;
use super::passwords::{HIDDEN, PasswordColumns};
use super::record::Record;
use super::refusals::FileRefusal;
use super::report::{FileKind, FileReading, Place, Reading};
use super::sources::Source;
use super::text_file::declared_delimiter;
use super::workbook::Workbook;
use super::workbook_copy::WorkbookCopy;
use crate::files::writing::Archive as NewArchive;
use crate::priority::pause_if_due;

/// Copies of files that were read with these options, without the cells of passwords, and without the contents that are not
/// read at all: hidden sheets, files that are no tables.
///
/// # Errors
/// A copy would be too large, or would not be read as the file was.
pub fn without_passwords(
    sources: Vec<Source>,
    reading: &Reading,
    options: &Options,
) -> Result<Vec<Source>, FileRefusal> {
    let reports = reading.files.iter().map(|file| (file.place, file)).collect();
    let mut copier =
        Copier { reports, options, budget: MAX_INFLATED_BYTES, is_one_of_many: sources.len() > 1 };
    let copy = |(number, source): (usize, Source)| {
        let bytes = match copier.source(number, &source)? {
            Some(bytes) if bytes.len() as u64 > MAX_BYTES => {
                return Err(FileRefusal::too_large("The bytes of a file are", MAX_BYTES));
            }
            Some(bytes) => bytes,
            None => source.bytes,
        };
        Ok(Source { name: source.name, bytes })
    };
    sources.into_iter().enumerate().map(copy).collect()
}

struct Copier<'a> {
    reports: HashMap<Place, &'a FileReading>,
    options: &'a Options,
    /// How many bytes may still come out of archives and workbooks.
    budget: u64,
    is_one_of_many: bool,
}

impl Copier<'_> {
    /// The copy of a given file; `None` if it is the same.
    fn source(&mut self, source: usize, file: &Source) -> Result<Option<Vec<u8>>, FileRefusal> {
        let place = Place { source, ..Place::default() };
        if content_of(&file.name, &file.bytes) == Ok(Content::Archive) {
            return self.archive(source, &file.bytes);
        }
        if self.is_one_of_many && (is_litter(file_name(&file.name)) || self.is_passed_over(&place)) {
            return Ok(Some(Vec::new()));
        }
        Ok(match self.file(&file.name, &file.bytes, place)? {
            Cow::Borrowed(_) => None,
            Cow::Owned(bytes) => Some(bytes),
        })
    }

    /// The copy of an archive, if one of its files is another in it.
    fn archive(&mut self, source: usize, bytes: &[u8]) -> Result<Option<Vec<u8>>, FileRefusal> {
        let mut archive = Archive::open(bytes)?;
        let mut entries = archive.files()?;
        let count = entries.len();
        entries.retain(|(_, name)| !is_litter(name));
        let place = |entry: usize| Place { source, entry: Some(entry), sheet: None };
        let is_kept_whole = |(entry, _): &(usize, String)| {
            let report = self.reports.get(&place(*entry));
            report.is_some_and(|file| is_text(file) && file.passwords.columns.is_empty())
        };
        if entries.len() == count && entries.iter().all(is_kept_whole) {
            return Ok(None);
        }
        let mut copy = NewArchive::default();
        for (entry, name) in entries {
            let is_read = !self.is_passed_over(&place(entry));
            let content = if is_read { archive.inflate(entry, &mut self.budget)? } else { Vec::new() };
            let content = self.file(&name, &content, place(entry))?;
            copy.begin(&name)
                .and_then(|()| copy.write(&content))
                .map_err(|_| FileRefusal::damaged_archive())?;
        }
        copy.finish().map(Some).map_err(|_| FileRefusal::damaged_archive())
    }

    /// Whether nothing of a file was read. It may be damaged, or of any size.
    fn is_passed_over(&self, place: &Place) -> bool {
        let report = self.reports.get(place);
        report.is_some_and(|file| file.kind == Some(FileKind::Other) && !is_text(file))
    }

    fn file<'b>(&mut self, name: &str, bytes: &'b [u8], place: Place) -> Result<Cow<'b, [u8]>, FileRefusal> {
        if content_of(name, bytes) == Ok(Content::Workbook) {
            return self.workbook(bytes, place).map(Cow::Owned);
        }
        match self.reports.get(&place) {
            Some(file) if is_text(file) && file.passwords.columns.is_empty() => Ok(Cow::Borrowed(bytes)),
            Some(file) if is_text(file) => text(bytes, file, self.options).map(Cow::Owned),
            // It is not read.
            _ => Ok(Cow::Owned(Vec::new())),
        }
    }

    /// A workbook of the same rows. Hidden sheets, comments, properties and formulas are not read, and not in it.
    fn workbook(&mut self, bytes: &[u8], place: Place) -> Result<Vec<u8>, FileRefusal> {
        let mut budget = self.budget;
        let mut book = Workbook::open(bytes, &mut budget)?;
        let mut copy = WorkbookCopy::default();
        for (number, sheet) in book.sheets().iter().enumerate() {
            let report = self.reports.get(&Place { sheet: Some(number), ..place });
            let known = report.map(|file| &file.passwords).filter(|known| known.headings > 0);
            // In a sheet that is not read, the heading may be anywhere.
            let mut found = PasswordColumns::default();
            copy.begin_sheet(sheet)?;
            book.rows(sheet, |row| {
                pause_if_due();
                copy.row(row, known.unwrap_or(&found).hides(row))?;
                if known.is_none() {
                    found.columns.extend((0..row.len()).filter(|column| is_password(row.cell(*column))));
                }
                Ok(())
            })?;
        }
        let copy = copy.finish()?;
        drop(book);
        self.budget = budget;
        Ok(copy)
    }
}

/// Whether rows of a text were read.
fn is_text(file: &FileReading) -> bool {
    file.encoding.is_some()
}

/// The copy of a text.
fn text(bytes: &[u8], file: &FileReading, options: &Options) -> Result<Vec<u8>, FileRefusal> {
    let decoded = decode(bytes, options.encoding)?;
    let text = &*decoded.text;
    let Some(delimiter) = file.delimiter else { return Ok(bytes.to_vec()) };
    let (start, line) = declared_delimiter(text).map_or((0, 1), |(_, start)| (start, 2));
    let keeps_letters = decoded.is_guessed && decoded.encoding.name() == "windows-1252";
    let mut rows = Delimited::new(text, u8::try_from(delimiter).unwrap_or(b','), start, line);
    let (mut row, mut ranges) = (Record::default(), Vec::new());
    let (mut copy, mut copied) = (String::with_capacity(text.len()), 0);
    while rows.next_with_ranges(&mut row, &mut ranges)? {
        pause_if_due();
        let is_hidden = file.passwords.hides(&row);
        for (column, range) in ranges.iter().enumerate().filter(|(column, _)| is_hidden(*column)) {
            debug_assert!(column < row.len(), "a range for each cell");
            copy.push_str(&text[copied..range.start]);
            push_hidden(&mut copy, &text[range.clone()], delimiter, keeps_letters);
            copied = range.end;
        }
    }
    copy.push_str(&text[copied..]);
    let mark = encoding_rs::Encoding::for_bom(bytes).map_or(0, |(_, length)| length);
    let mut written = bytes[..mark].to_vec();
    written.extend(encode(&copy, decoded.encoding));
    match decode(&written, options.encoding) {
        Ok(again) if *again.text == *copy && again.encoding == decoded.encoding => Ok(written),
        _ => Err(FileRefusal::new(
            "passwords-not-removed",
            "The passwords cannot be removed from a file in this encoding. Save it as UTF-8, or without the passwords.",
        )),
    }
}

/// Hides a cell: quotes, delimiters, blanks and line breaks stay, so that the lines are those of the file. Where the encoding
/// was guessed from letters that are not UTF-8, there are as many such letters.
fn push_hidden(copy: &mut String, cell: &str, delimiter: char, keeps_letters: bool) {
    for character in cell.chars() {
        match character {
            '"' | '\0' => copy.push(character),
            _ if character == delimiter || character.is_whitespace() => copy.push(character),
            _ if keeps_letters && !character.is_ascii() => copy.push('\u{e9}'),
            _ if copy.ends_with(HIDDEN) => {}
            _ => copy.push(HIDDEN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::reading::{KnownSections, read};

    #[test]
    fn what_was_not_read_is_not_opened_for_the_copy() {
        let mut archive = NewArchive::default();
        for (name, content) in
            [("users.csv", "name,email,password\nAna,ana@example.edu,secret\n"), ("plan.pdf", "x")]
        {
            archive.begin(name).unwrap();
            archive.write(content.as_bytes()).unwrap();
        }
        let mut bytes = archive.finish().unwrap();
        // Its checksum, which is in the directory at the end, is wrong.
        let directory = bytes.windows(4).rposition(|mark| mark == b"PK\x01\x02").unwrap();
        bytes[directory + 16] ^= 1;
        let (sources, options) = (vec![Source { name: "all.zip".to_owned(), bytes }], Options::default());
        let reading = read(&sources, &options, &KnownSections::default());
        assert!(!reading.is_refused(), "{:?}", reading.files);

        let copies = without_passwords(sources, &reading, &options).unwrap();

        assert_eq!(read(&copies, &options, &KnownSections::default()).people.len(), 1);
    }
}
