//! Ids of the outside world: text, kept as written.

use super::reasons::Damage;
use super::record::CellKind;

/// Whether an id looks like what a spreadsheet makes of others, so that a file with it is refused.
pub(in crate::files) fn looks_damaged(id: &str) -> bool {
    damage(id, CellKind::Text).is_some()
}

/// What a spreadsheet has made of an id, if it has.
///
/// `1.23E+11` is damage, `02E800` is an id: spreadsheets write the exponent with a sign, and a decimal mark before it
/// unless the number has one digit. Digits around an `E` without either are what a person wrote.
pub(super) fn damage(id: &str, kind: CellKind) -> Option<Damage> {
    match kind {
        CellKind::Date => return Some(Damage::Date),
        CellKind::UnsureNumber => return Some(Damage::Unsure),
        CellKind::Number | CellKind::Text => {}
    }
    let first = id.chars().next()?;
    if first == '=' {
        Some(Damage::Formula)
    } else if first == '\'' {
        Some(Damage::Apostrophe)
    } else if is_placeholder(id) {
        Some(Damage::Placeholder)
    } else if is_error(id) {
        Some(Damage::Error)
    } else if is_scientific(id) {
        Some(Damage::Scientific)
    } else if is_decimal(id) {
        Some(Damage::Decimal)
    } else if is_date(id) {
        Some(Damage::Date)
    } else {
        None
    }
}

fn is_error(id: &str) -> bool {
    let errors = ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"];
    errors.contains(&id) || id.starts_with("##") && id.chars().all(|character| character == '#')
}

/// Whether an id is a placeholder for a missing one, as databases, JavaScript, Python and people in forms write it.
fn is_placeholder(id: &str) -> bool {
    let words =
        ["n/a", "null", "nil", "none", "nan", "undefined", "-", "--", "\u{2013}", "\u{2014}", "?", "??"];
    words.iter().any(|word| id.eq_ignore_ascii_case(word))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_scientific(id: &str) -> bool {
    let unsigned = id.strip_prefix(['-', '+']).unwrap_or(id);
    let Some((mantissa, exponent)) = unsigned.split_once(['E', 'e']) else { return false };
    let (whole, decimals) =
        mantissa.split_once(['.', ',']).map_or((mantissa, None), |(whole, rest)| (whole, Some(rest)));
    let signed = exponent.strip_prefix(['+', '-']);
    is_digits(whole)
        && decimals.is_none_or(is_digits)
        && is_digits(signed.unwrap_or(exponent))
        && (signed.is_some() || decimals.is_some())
}

/// One zero only: programs that take an id for a number write `12345.0`; `6.00` is a course.
fn is_decimal(id: &str) -> bool {
    id.strip_suffix(".0").or_else(|| id.strip_suffix(",0")).is_some_and(is_digits)
}

/// The form in which spreadsheets show a day without a year, or a month with one, with the case that they use.
fn is_date(id: &str) -> bool {
    const ENGLISH: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const GERMAN: [&str; 12] =
        ["Jan", "Feb", "Mrz", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"];
    const FRENCH: [&str; 12] =
        ["janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc"];
    let is_pair = |one: &str, two: &str, months: &[&str]| {
        let is_day = |text: &str| is_digits(text) && text.len() <= 2;
        let is_month = |text: &str| months.contains(&text.trim_end_matches('.'));
        is_day(one) && is_month(two) || is_month(one) && is_day(two)
    };
    let parts: Vec<_> = id.split('/').collect();
    if let [one, two, year] = parts.as_slice() {
        return [one, two].into_iter().all(|part| is_digits(part) && part.len() <= 2)
            && is_digits(year)
            && year.len() == 4;
    }
    id.split_once('-').is_some_and(|(one, two)| is_pair(one, two, &ENGLISH) || is_pair(one, two, &FRENCH))
        || id.split_once(". ").is_some_and(|(one, two)| is_pair(one, two, &GERMAN))
        || id.split_once(' ').is_some_and(|(one, two)| is_pair(one, two, &GERMAN) && two.len() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_makes_of_an_id_is_recognized() {
        for (id, expected) in [
            ("=\"0042\"", Damage::Formula),
            ("'0042", Damage::Apostrophe),
            ("#N/A", Damage::Error),
            ("########", Damage::Error),
            ("N/A", Damage::Placeholder),
            ("NULL", Damage::Placeholder),
            ("nan", Damage::Placeholder),
            ("None", Damage::Placeholder),
            ("-", Damage::Placeholder),
            ("?", Damage::Placeholder),
            ("1.23E+11", Damage::Scientific),
            ("1,23E+11", Damage::Scientific),
            ("1E+15", Damage::Scientific),
            ("4.5e-7", Damage::Scientific),
            ("1.5E12", Damage::Scientific),
            ("12345.0", Damage::Decimal),
            ("12345,0", Damage::Decimal),
            ("5-Mar", Damage::Date),
            ("05-Mar", Damage::Date),
            ("Mar-05", Damage::Date),
            ("05-mars", Damage::Date),
            ("5. Mrz", Damage::Date),
            ("Mrz 05", Damage::Date),
            ("3/5/2026", Damage::Date),
        ] {
            assert_eq!(damage(id, CellKind::Text), Some(expected), "{id}");
        }
    }

    #[test]
    fn ids_that_only_look_like_numbers_are_ids() {
        for id in [
            "0042",
            "02204",
            "2204",
            "27bb4",
            "02E800",
            "04E700",
            "4E700",
            "1e5",
            "K520117",
            "6.00",
            "18.01",
            "101.5",
            "MAR-05",
            "MAR5",
            "5-MAR",
            "2026-2027",
            "3/5",
            "PH-201",
            "`1001",
            "E",
            "E5",
            "1.0.0",
            "a=b",
            "-5",
            "#12",
            "NA",
            "NULL1",
            "A-",
            "13aa3",
        ] {
            assert_eq!(damage(id, CellKind::Text), None, "{id}");
        }
    }
}
