//! Numbers as a spreadsheet shows them, for the formats that ids, codes and amounts have (ECMA-376, 18.8.31).

/// The largest number that a spreadsheet stores exactly.
const MAX_EXACT: f64 = 999_999_999_999_999.0;
/// More digits than a number has that a spreadsheet keeps.
const MAX_DIGITS: usize = 30;

/// A part of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// A digit; whether it is also shown if it is a leading zero.
    Digit(bool),
    Literal(char),
}

/// A format for numbers of one sign.
#[derive(Debug, Default)]
struct Section {
    whole: Vec<Part>,
    /// Digits after the point: the minimum and the maximum.
    decimals: (usize, usize),
    after: String,
    has_thousands: bool,
    is_percent: bool,
    /// It has a currency or a bracket for negative numbers: no id.
    is_amount: bool,
}

/// The text of a number, and whether it is certain that everybody sees it so: the marks of decimals and of thousands depend
/// on the language, a rounded number has lost something, and some formats are not known here.
pub(super) fn shown(number: f64, format: &str) -> (String, bool) {
    // Rust writes numbers without an exponent, and whole ones without a decimal place.
    let plain = number.to_string();
    let is_exact = number.fract() == 0.0 && number.abs() <= MAX_EXACT;
    if ["", "general", "@"].contains(&&*format.trim().to_ascii_lowercase()) {
        return (plain, is_exact);
    }
    let Some((section, number)) = section_for(number, format) else { return (plain, false) };
    let is_mark = |part: &Part| matches!(part, Part::Literal(literal) if *literal != ' ');
    let has_literals = section.whole.iter().any(is_mark) || !section.after.trim().is_empty();
    let is_plain = !has_literals && !section.is_percent && !section.is_amount;
    let zeros = section.whole.iter().filter(|part| **part == Part::Digit(true)).count();
    // The marks of thousands and the decimals of a whole number say nothing about it.
    if is_plain && is_exact && zeros <= 1 {
        return (plain, true);
    }
    match section.text(number) {
        Some(text) => (text, is_exact && !plain.starts_with('-') && section.is_certain()),
        None => (plain, false),
    }
}

/// The section of a format for a number: for positive numbers, negative ones and zero.
/// The number is without its sign if the section is for negative ones.
fn section_for(number: f64, format: &str) -> Option<(Section, f64)> {
    let sections: Vec<Section> =
        sections(format).into_iter().map(|text| Section::read(&text)).collect::<Option<_>>()?;
    let wanted = match sections.len() {
        0 => return None,
        1 => 0,
        _ if number < 0.0 => 1,
        2 => 0,
        _ => {
            if number == 0.0 {
                2
            } else {
                0
            }
        }
    };
    let shown = if wanted == 1 { number.abs() } else { number };
    sections.into_iter().nth(wanted).map(|section| (section, shown))
}

/// The parts between semicolons that are in no quotes.
fn sections(format: &str) -> Vec<String> {
    let (mut found, mut is_quoted, mut is_escaped) = (vec![String::new()], false, false);
    for character in format.chars() {
        if character == ';' && !is_quoted && !is_escaped {
            found.push(String::new());
            continue;
        }
        is_quoted ^= character == '"' && !is_escaped;
        is_escaped = matches!(character, '\\' | '_' | '*') && !is_quoted && !is_escaped;
        if let Some(last) = found.last_mut() {
            last.push(character);
        }
    }
    found.truncate(3);
    found
}

impl Section {
    /// `None` for a format that is not known: one of dates, fractions or exponents, or with a condition.
    fn read(text: &str) -> Option<Self> {
        let mut section = Self::default();
        let mut characters = text.chars();
        let (mut is_after_point, mut has_digits) = (false, false);
        while let Some(character) = characters.next() {
            let literal = match character {
                '0' | '#' if is_after_point => {
                    if !section.after.is_empty() {
                        return None;
                    }
                    section.decimals.1 += 1;
                    if character == '0' {
                        section.decimals.0 = section.decimals.1;
                    }
                    continue;
                }
                '0' | '#' => {
                    has_digits = true;
                    section.whole.push(Part::Digit(character == '0'));
                    continue;
                }
                '.' if !is_after_point => {
                    is_after_point = true;
                    continue;
                }
                // After the last digit, it would divide by a thousand.
                ',' if has_digits && !is_after_point && characters.as_str().starts_with(['0', '#']) => {
                    section.has_thousands = true;
                    continue;
                }
                '%' => {
                    section.is_percent = true;
                    '%'
                }
                '\\' => characters.next()?,
                '_' => {
                    characters.next()?;
                    ' '
                }
                '*' => {
                    characters.next()?;
                    continue;
                }
                '"' => {
                    let rest = characters.as_str();
                    let (quoted, rest) = rest.split_once('"')?;
                    quoted.chars().for_each(|character| section.push(character, is_after_point));
                    characters = rest.chars();
                    continue;
                }
                '[' => {
                    let (name, rest) = characters.as_str().split_once(']')?;
                    characters = rest.chars();
                    section.read_bracket(name)?;
                    continue;
                }
                '$' | '(' | ')' => {
                    section.is_amount = true;
                    character
                }
                ' ' | '-' | '+' | ':' | '!' | '^' | '&' | '\'' | '~' | '{' | '}' | '=' => character,
                _ => return None,
            };
            section.push(literal, is_after_point);
        }
        let digits = section.whole.iter().filter(|part| matches!(part, Part::Digit(_))).count();
        let fits = digits > 0 && digits + section.decimals.1 <= MAX_DIGITS;
        fits.then_some(section)
    }

    fn push(&mut self, literal: char, is_after_point: bool) {
        if is_after_point { self.after.push(literal) } else { self.whole.push(Part::Literal(literal)) }
    }

    /// A color, a language or a currency.
    fn read_bracket(&mut self, name: &str) -> Option<()> {
        if let Some(currency) = name.strip_prefix('$') {
            let currency = currency.split('-').next().unwrap_or_default();
            self.is_amount |= !currency.is_empty();
            self.whole.extend(currency.chars().map(Part::Literal));
            return Some(());
        }
        name.chars().all(char::is_alphanumeric).then_some(())
    }

    fn is_certain(&self) -> bool {
        self.decimals.1 == 0 && !self.has_thousands && !self.is_percent && !self.is_amount
    }

    fn text(&self, number: f64) -> Option<String> {
        let places = i32::try_from(self.decimals.1).ok()?;
        let scaled = number.abs() * if self.is_percent { 100.0 } else { 1.0 } * 10_f64.powi(places);
        if scaled.is_nan() || scaled > MAX_EXACT {
            return None;
        }
        let digits = format!("{:0>width$}", scaled.round().to_string(), width = self.decimals.1 + 1);
        let (whole, decimals) = digits.split_at(digits.len() - self.decimals.1);
        let is_negative = number < 0.0 && scaled.round() > 0.0;
        let mut text = self.whole_text(whole, is_negative)?;
        let kept = decimals.trim_end_matches('0').len().max(self.decimals.0);
        if kept > 0 {
            text.push('.');
            text.push_str(&decimals[..kept]);
        }
        text.push_str(&self.after);
        Some(text)
    }

    /// The digits from the last one on, each at its place; those that are left are before the first place.
    fn whole_text(&self, whole: &str, is_negative: bool) -> Option<String> {
        let mut left: Vec<char> = whole.trim_start_matches('0').chars().collect();
        let first = self.whole.iter().position(|part| matches!(part, Part::Digit(_)))?;
        let first_zero = self.whole.iter().position(|part| *part == Part::Digit(true)).unwrap_or(usize::MAX);
        let (mut reversed, mut count) = (Vec::new(), 0);
        for (place, part) in self.whole.iter().enumerate().rev() {
            match part {
                Part::Literal(literal) => reversed.push(*literal),
                Part::Digit(_) => loop {
                    let digit = left.pop().or_else(|| (place >= first_zero).then_some('0'));
                    let Some(digit) = digit else { break };
                    if self.has_thousands && count > 0 && count % 3 == 0 {
                        reversed.push(',');
                    }
                    reversed.push(digit);
                    count += 1;
                    if place != first || left.is_empty() {
                        break;
                    }
                },
            }
        }
        reversed.extend(is_negative.then_some('-'));
        // A number that shows no digits looks like an empty cell.
        (count > 0).then(|| reversed.into_iter().rev().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certain(number: f64, format: &str) -> String {
        let (text, is_certain) = shown(number, format);
        assert!(is_certain, "{number} {format}");
        text
    }

    fn unsure(number: f64, format: &str) -> String {
        let (text, is_certain) = shown(number, format);
        assert!(!is_certain, "{number} {format}");
        text
    }

    #[test]
    fn ids_keep_their_zeros_and_marks() {
        for (number, format, expected) in [
            (42.0, "General", "42"),
            (42.0, "", "42"),
            (42.0, "@", "42"),
            (42.0, "0", "42"),
            (123.0, "000000", "000123"),
            (1_234_567.0, "000000", "1234567"),
            (421_234.0, "000-000", "421-234"),
            (1_234.0, "000\\-000", "001-234"),
            (12_345_678.0, "000-000", "12345-678"),
            (7.0, "\"S\"0000", "S0007"),
            (7.0, "\\S0000;\\S0000", "S0007"),
            (7.0, "[Red]000", "007"),
            (7.0, "[$-409]000", "007"),
            (0.0, "000", "000"),
            (123_456_789.0, "000 00 0000", "123 45 6789"),
            (123_456_789_012.0, "0", "123456789012"),
            // Marks of thousands and decimals are no part of a whole number.
            (12_345.0, "#,##0", "12345"),
            (12_345.0, "0.00", "12345"),
            (12_345.0, "#,##0_ ;[Red]\\-#,##0\\ ", "12345"),
        ] {
            let text = shown(number, format).0;
            assert_eq!(text.trim_end(), expected, "{number} {format}");
        }
        assert_eq!(certain(421_234.0, "000-000"), "421-234");
        assert_eq!(certain(123.0, "000000"), "000123");
        assert_eq!(certain(12_345.0, "#,##0"), "12345");
    }

    #[test]
    fn what_depends_on_the_language_or_has_lost_something_is_not_certain() {
        for (number, format, expected) in [
            (12.5, "General", "12.5"),
            (12.5, "0.00", "12.50"),
            (12.5, "0", "13"),
            (2.25, "0.0#", "2.25"),
            (12_345.5, "#,##0.00", "12,345.50"),
            (1_234_567.0, "$#,##0", "$1,234,567"),
            (0.5, "0%", "50%"),
            (0.123, "0.0%", "12.3%"),
            (-5.0, "000", "-005"),
            (-5.0, "000;(000)", "(005)"),
            (1e18, "0", "1000000000000000000"),
            (5.0, "0.00E+00", "5"),
            (0.5, "# ?/?", "0.5"),
            (5.0, "[<100]000;0", "5"),
            (5_000.0, "0,", "5000"),
        ] {
            assert_eq!(unsure(number, format), expected, "{number} {format}");
        }
        assert_eq!(unsure(f64::NAN, "000"), "NaN");
        assert_eq!(unsure(f64::INFINITY, "0"), "inf");
    }
}
