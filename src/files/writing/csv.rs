//! CSV as in RFC 4180: UTF-8, commas, CRLF, and quotes where they are needed.

use std::borrow::Cow;

/// Who opens a CSV file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A spreadsheet, for which a cell that begins with `=`, `+`, `-`, `@`, a tab or a line break is a formula or may become
    /// one. Such a cell gets an apostrophe in front, also after apostrophes that it has already, so that taking one away
    /// restores every cell.
    #[default]
    Spreadsheet,
    /// A program. The cells are exactly the texts.
    Machine,
}

/// How a cell begins that a spreadsheet takes for a formula.
pub(crate) const TRIGGERS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

impl Form {
    fn cell(self, text: &str) -> Cow<'_, str> {
        let is_formula = text.trim_start_matches('\'').starts_with(TRIGGERS);
        if self == Self::Spreadsheet && is_formula { format!("'{text}").into() } else { text.into() }
    }
}

/// Adds a row.
pub fn push_row<'a>(out: &mut Vec<u8>, form: Form, cells: impl IntoIterator<Item = &'a str>) {
    for (place, text) in cells.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let cell = form.cell(text);
        if needs_quotes(&cell) {
            out.push(b'"');
            out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(cell.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Also white space at an end, which some programs cut off from a cell without quotes.
fn needs_quotes(cell: &str) -> bool {
    cell.contains([',', '"', '\r', '\n'])
        || cell.starts_with(char::is_whitespace)
        || cell.ends_with(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(form: Form, cells: &[&str]) -> String {
        let mut out = Vec::new();
        push_row(&mut out, form, cells.iter().copied());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_are_quoted_where_they_need_it() {
        let cells = ["Zoë", "a,b", "5\" pipe", "two\nlines", " x", "", "a;b|c"];
        assert_eq!(row(Form::Machine, &cells), "Zoë,\"a,b\",\"5\"\" pipe\",\"two\nlines\",\" x\",,a;b|c\r\n");
    }

    #[test]
    fn formulas_are_harmless_in_a_spreadsheet_and_exact_for_a_program() {
        for (text, harmless) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\t=1", "'\t=1"),
            ("'=1", "''=1"),
            ("'0042", "'0042"),
            ("a=1", "a=1"),
        ] {
            assert_eq!(row(Form::Spreadsheet, &[text]), format!("{harmless}\r\n"));
            assert_eq!(Form::Machine.cell(text), text);
        }
        assert_eq!(row(Form::Spreadsheet, &["\r=1"]), "\"'\r=1\"\r\n");
    }

    proptest! {
        #[test]
        fn taking_away_the_apostrophe_restores_every_cell(text in "['=a+\t-]{0,4}") {
            let written = Form::Spreadsheet.cell(&text);
            let is_marked = written.strip_prefix('\'').is_some_and(|rest| rest.trim_start_matches('\'').starts_with(TRIGGERS));
            prop_assert_eq!(if is_marked { &written[1..] } else { &written }, &text);
        }
    }
}
