//! Template filters that format values for people.
#![expect(
    clippy::inline_always,
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    unreachable_pub,
    reason = "askama's signature of a filter"
)]

use std::fmt::Display;

use crate::clock::Stamp;
use crate::registrar::TextKind;
use askama::{Result, Values};

/// A name or, if there is none, `(no name)`: another program may have written null or deleted the row.
#[askama::filter_fn]
pub(crate) fn named<'a>(name: &'a Option<String>, _: &dyn Values) -> Result<&'a str> {
    Ok(name_or_placeholder(name))
}

/// A text, or a dash if there is none.
#[askama::filter_fn]
pub(crate) fn or_dash<'a>(text: &'a Option<String>, _: &dyn Values) -> Result<&'a str> {
    Ok(text.as_deref().filter(|text| !text.trim().is_empty()).unwrap_or("\u{2013}"))
}

/// A name inside other text where no `<bdi>` is possible, such as a title or a label. Removes characters that change
/// the direction of text, and isolates names in right-to-left scripts (UAX #9).
#[askama::filter_fn]
pub(crate) fn isolate(name: impl Display, _: &dyn Values) -> Result<String> {
    Ok(isolate_name(&name.to_string()))
}

pub(crate) fn isolate_name(name: &str) -> String {
    let is_control = |character: &char| matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // The Unicode blocks of all scripts that are written from right to left.
    let is_right_to_left = |character: char| {
        matches!(character, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
    };
    let plain: String = name.chars().filter(|character| !is_control(character)).collect();
    if plain.chars().any(is_right_to_left) { format!("\u{2068}{plain}\u{2069}") } else { plain }
}

/// A count with its noun in the singular or the plural: `1 student`, `12 students`.
#[askama::filter_fn]
pub(crate) fn plural(count: &i64, _: &dyn Values, one: &str, many: &str) -> Result<String> {
    Ok(format!("{} {}", group_thousands(*count), if *count == 1 { one } else { many }))
}

/// A number with thousands separators: `12,345`.
#[askama::filter_fn]
pub(crate) fn number(number: &i64, _: &dyn Values) -> Result<String> {
    Ok(group_thousands(*number))
}

/// A place in a line: `1st`, `22nd`, `113th`.
#[askama::filter_fn]
pub(crate) fn ordinal(place: &i64, _: &dyn Values) -> Result<String> {
    Ok(ordinal_number(*place))
}

/// A number to be read aloud or copied: `48 213`, with blanks at which no line ends.
#[askama::filter_fn]
pub(crate) fn reference(number: &i64, _: &dyn Values) -> Result<String> {
    Ok(group_thousands(*number).replace(',', "\u{a0}"))
}

/// A stored time for people, in UTC; a script converts it to the viewer's time zone.
#[askama::filter_fn]
pub(crate) fn utc_time(stamp: impl Display, _: &dyn Values) -> Result<String> {
    let stamp = Stamp::from_stored(stamp.to_string());
    Ok(match stamp.utc() {
        Some(time) => time.strftime("%-d %B %Y, %H:%M UTC").to_string(),
        None => stamp.to_string(),
    })
}

/// The `type` of an input for such texts.
#[askama::filter_fn]
pub(crate) fn input_type(kind: &TextKind, _: &dyn Values) -> Result<&'static str> {
    Ok(match kind {
        TextKind::Plain | TextKind::ExternalId => "text",
        TextKind::Email => "email",
    })
}

/// Splits a text at the stored times in it; returns each piece and whether it is a time.
pub(crate) fn split_times(text: &str) -> Vec<(bool, &str)> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, time, after)) = split_first_time(rest) {
        pieces.extend([(false, before), (true, time)]);
        rest = after;
    }
    pieces.push((false, rest));
    pieces
}

/// The text before the first stored time, the time, and the text after it; `None` if there is no time.
fn split_first_time(text: &str) -> Option<(&str, &str, &str)> {
    const LENGTH: usize = "2026-09-01T08:00:00.000Z".len();
    text.match_indices('Z').find_map(|(last, _)| {
        let begin = (last + 1).checked_sub(LENGTH)?;
        let time =
            text.get(begin..=last).filter(|time| Stamp::from_stored((*time).to_owned()).utc().is_some())?;
        Some((&text[..begin], time, &text[last + 1..]))
    })
}

/// The path and query of a link to this server, so that the link works under whatever name the browser reached it.
#[askama::filter_fn]
pub(crate) fn path_only<'a>(link: &'a str, _: &dyn Values) -> Result<&'a str> {
    Ok(path_without_server(link))
}

fn path_without_server(link: &str) -> &str {
    let after = link.split_once("://").map_or(link, |(_, after)| after);
    after.find('/').map_or(link, |path| &after[path..])
}

/// A name as [`named`] writes it, for use outside templates.
#[must_use]
pub(crate) fn display_name(name: &Option<String>) -> String {
    name_or_placeholder(name).to_owned()
}

fn name_or_placeholder(name: &Option<String>) -> &str {
    name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or("(no name)")
}

fn ordinal_number(place: i64) -> String {
    let ending = match (place % 100, place % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{}{ending}", group_thousands(place))
}

fn group_thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "\u{2212}".to_owned() } else { String::new() };
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{group_thousands, isolate_name, ordinal_number, path_without_server, split_times};

    #[test]
    fn a_name_does_not_change_the_direction_of_the_text_around_it() {
        assert_eq!(isolate_name("Ana"), "Ana");
        assert_eq!(isolate_name("\u{202e}Ana\u{2069}"), "Ana");
        assert_eq!(isolate_name("שרה"), "\u{2068}שרה\u{2069}");
    }

    #[test]
    fn a_link_is_reduced_to_its_path_and_query() {
        for link in [
            "http://127.0.0.1:8080/courses?after=x",
            "https://school.example/courses?after=x",
            "/courses?after=x",
        ] {
            assert_eq!(path_without_server(link), "/courses?after=x");
        }
    }

    #[test]
    fn times_are_found_in_a_text() {
        let (opens, closes) = ("2026-09-01T08:00:00.000Z", "2026-09-02T08:00:00.000Z");
        let text = format!("Zoë: from {opens} until {closes}.");
        let pieces = [(false, "Zoë: from "), (true, opens), (false, " until "), (true, closes), (false, ".")];
        assert_eq!(split_times(&text), pieces);
        for text in ["", "no time", "ÖÖÖÖÖÖÖÖÖÖÖÖÖZ", "2026-13-01T08:00:00.000Z"] {
            assert_eq!(split_times(text), [(false, text)]);
        }
    }

    #[test]
    fn places_in_a_line_are_ordinal_numbers() {
        let texts = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111, 1_003].map(ordinal_number);
        assert_eq!(
            texts,
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th", "1,003rd"]
        );
    }

    #[test]
    fn thousands_are_separated() {
        let texts = [0, 7, 999, 1_000, 12_345, 1_000_000, -1_234].map(group_thousands);
        assert_eq!(texts, ["0", "7", "999", "1,000", "12,345", "1,000,000", "\u{2212}1,234"]);
    }
}
