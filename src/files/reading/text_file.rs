//! Delimited text from its first byte: encoding, delimiter, rows.

use super::Options;
use super::delimited::Delimited;
use super::encoding::decode;
use super::record::Record;
use super::refusals::FileRefusal;
use super::report::FileReading;
use super::table::{Table, heading_score, is_comment};

/// The delimiters, those that are likelier first.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// Decodes a text and gives its rows to a table.
///
/// # Errors
/// The file is refused.
pub(super) fn read<'a>(
    bytes: &[u8],
    options: &Options,
    report: &'a mut FileReading,
    table: impl FnOnce(&'a mut FileReading) -> Table<'a>,
) -> Result<(), FileRefusal> {
    let decoded = decode(bytes, options.encoding)?;
    report.encoding = Some((decoded.encoding, decoded.is_guessed));
    let text = &*decoded.text;
    let declared = declared_delimiter(text);
    let (start, line) = declared.map_or((0, 1), |(_, start)| (start, 2));
    let delimiter = declared.map_or_else(|| likeliest_delimiter(text, options), |(delimiter, _)| delimiter);
    report.delimiter = (!text.is_empty()).then_some(char::from(delimiter));
    let mut table = table(report);
    let mut rows = Delimited::new(text, delimiter, start, line);
    let mut record = Record::default();
    while rows.next(&mut record)? {
        table.take(&record)?;
    }
    table.finish();
    Ok(())
}

/// Excel's first line `sep=;`, and where the next one begins.
pub(super) fn declared_delimiter(text: &str) -> Option<(u8, usize)> {
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    let line = text[..end].trim_matches('"');
    let named = line.get(..4).filter(|start| start.eq_ignore_ascii_case("sep="))?;
    let delimiter = match &line.as_bytes()[named.len()..] {
        [delimiter] if delimiter.is_ascii_punctuation() && *delimiter != b'"' || *delimiter == b'\t' => {
            *delimiter
        }
        _ => return None,
    };
    let length = if text[end..].starts_with("\r\n") { 2 } else { 1 };
    Some((delimiter, (end + length).min(text.len())))
}

fn likeliest_delimiter(text: &str, options: &Options) -> u8 {
    let score = |delimiter: u8| {
        let mut rows = Delimited::new(text, delimiter, 0, 1);
        let mut record = Record::default();
        while let Ok(true) = rows.next(&mut record) {
            if !record.is_blank() && !is_comment(&record) {
                return heading_score(&record, options);
            }
        }
        (0, false, 0)
    };
    // `max_by_key` returns the last of equals.
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| score(*delimiter)).unwrap_or(DELIMITERS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heading_decides_which_delimiter_it_is() {
        for (text, expected) in [
            ("name;email\nA, B;a@x.edu\n", ';'),
            ("name,email\nA;B,a@x.edu\n", ','),
            ("\n# nightly\nname\temail\n", '\t'),
            ("name|email\n\"a|b\"|x", '|'),
            ("\"Last, First\";email\n", ';'),
            ("email\na;b;c\n", ','),
            ("add; student; 7; PH201", ';'),
        ] {
            assert_eq!(char::from(likeliest_delimiter(text, &Options::default())), expected, "{text}");
        }
    }

    #[test]
    fn excels_first_line_declares_the_delimiter() {
        assert_eq!(declared_delimiter("sep=;\r\nname;email"), Some((b';', 7)));
        assert_eq!(declared_delimiter("\"SEP=|\"\rname"), Some((b'|', 8)));
        assert_eq!(declared_delimiter("sep=\t\n"), Some((b'\t', 6)));
        assert_eq!(declared_delimiter("sep=;"), Some((b';', 5)));
        assert_eq!(declared_delimiter("sep=ab\n"), None);
        assert_eq!(declared_delimiter("séparé\n"), None);
    }
}
