//! CSV as in RFC 4180: UTF-8, commas, CRLF, and quotes where they are needed.

use std::borrow::Cow;

/// The form of cells in a CSV file.
///
/// From a list, an import removes an apostrophe before a character that makes a formula. A text that already has one
/// there gets another one in both forms of lists, so that the import restores every cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A list for a spreadsheet. A cell that begins with `=`, `+`, `-`, `@`, a tab or a line break gets an apostrophe
    /// in front, since spreadsheets may take it for a formula.
    #[default]
    Spreadsheet,
    /// A list for a program: formulas are like other texts.
    Machine,
    /// A file in the format of another system: exactly the texts.
    Exact,
}

/// First characters of cells that spreadsheets take for formulas.
pub(crate) const TRIGGERS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

impl Form {
    fn cell(self, text: &str) -> Cow<'_, str> {
        let after = text.trim_start_matches('\'');
        let is_formula = after.starts_with(TRIGGERS);
        let gets_one = match self {
            Self::Spreadsheet => is_formula,
            Self::Machine => is_formula && after.len() < text.len(),
            Self::Exact => false,
        };
        if gets_one { format!("'{text}").into() } else { text.into() }
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

/// White space at an end needs quotes, too: some programs cut it off otherwise.
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
            assert_eq!(Form::Exact.cell(text), text);
        }
        assert_eq!(row(Form::Spreadsheet, &["\r=1"]), "\"'\r=1\"\r\n");
    }

    proptest! {
        #[test]
        fn taking_away_the_apostrophe_restores_every_cell(text in "['=a+\t-]{0,4}") {
            for form in [Form::Spreadsheet, Form::Machine] {
                let written = form.cell(&text);
                let rest = written.strip_prefix('\'');
                let is_marked = rest.is_some_and(|rest| rest.trim_start_matches('\'').starts_with(TRIGGERS));
                prop_assert_eq!(if is_marked { &written[1..] } else { &written }, &text);
            }
        }
    }
}
