//! How values are written on pages.
#![expect(
    clippy::inline_always,
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    unreachable_pub,
    reason = "what a filter is to askama"
)]

use std::fmt::Display;

use askama::{Result, Values};
use jiff::Timestamp;

/// A name, where there is one: another program may have written none, or deleted who had it.
#[askama::filter_fn]
pub(crate) fn named<'a>(name: &'a Option<String>, _: &dyn Values) -> Result<&'a str> {
    Ok(shown(name))
}

/// A name in the middle of other words, where no element can set it apart (in a title, in a label): characters that turn
/// the direction of text are left out, and a name that is read from the right is isolated (UAX #9).
#[askama::filter_fn]
pub(crate) fn apart(name: impl Display, _: &dyn Values) -> Result<String> {
    Ok(isolated(&name.to_string()))
}

fn isolated(name: &str) -> String {
    let turns = |character: &char| matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // The blocks of all scripts that are written from right to left.
    let from_right = |character: char| {
        matches!(character, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
    };
    let plain: String = name.chars().filter(|character| !turns(character)).collect();
    if plain.chars().any(from_right) { format!("\u{2068}{plain}\u{2069}") } else { plain }
}

/// What stands before a name of one, or of another number of them: `12 students`.
#[askama::filter_fn]
pub(crate) fn counted(count: &i64, _: &dyn Values, one: &str, many: &str) -> Result<String> {
    Ok(format!("{} {}", grouped(*count), if *count == 1 { one } else { many }))
}

/// A number with its thousands apart: `12,345`.
#[askama::filter_fn]
pub(crate) fn number(number: &i64, _: &dyn Values) -> Result<String> {
    Ok(grouped(*number))
}

/// A stored time for people, in UTC; scripts put it into the zone of whoever looks.
#[askama::filter_fn]
pub(crate) fn instant(stamp: impl Display, _: &dyn Values) -> Result<String> {
    let stamp = stamp.to_string();
    Ok(match stamp.parse::<Timestamp>() {
        Ok(time) => time.strftime("%-d %B %Y, %H:%M UTC").to_string(),
        Err(_) => stamp,
    })
}

/// The stored times in a text and what stands around them: pieces of it, and whether they are times.
pub(crate) fn around_times(text: &str) -> Vec<(bool, &str)> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, time, after)) = first_time(rest) {
        pieces.extend([(false, before), (true, time)]);
        rest = after;
    }
    pieces.push((false, rest));
    pieces
}

/// A text parted by the first stored time in it.
fn first_time(text: &str) -> Option<(&str, &str, &str)> {
    const LENGTH: usize = "2026-09-01T08:00:00.000Z".len();
    text.match_indices('Z').find_map(|(last, _)| {
        let begin = (last + 1).checked_sub(LENGTH)?;
        let time = text.get(begin..=last).filter(|time| time.parse::<Timestamp>().is_ok())?;
        Some((&text[..begin], time, &text[last + 1..]))
    })
}

/// A link to this server without the server: however it is reached, the page is there already.
#[askama::filter_fn]
pub(crate) fn local<'a>(link: &'a str, _: &dyn Values) -> Result<&'a str> {
    Ok(without_server(link))
}

fn without_server(link: &str) -> &str {
    let after = link.split_once("://").map_or(link, |(_, after)| after);
    after.find('/').map_or(link, |path| &after[path..])
}

/// A name as pages write it, where it is not in a template.
#[must_use]
pub(crate) fn name_of(name: &Option<String>) -> String {
    shown(name).to_owned()
}

fn shown(name: &Option<String>) -> &str {
    name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or("(no name)")
}

fn grouped(number: i64) -> String {
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
    use super::{around_times, grouped, isolated, without_server};

    #[test]
    fn a_name_among_other_words_does_not_turn_them() {
        assert_eq!(isolated("Ana"), "Ana");
        assert_eq!(isolated("\u{202e}Ana\u{2069}"), "Ana");
        assert_eq!(isolated("שרה"), "\u{2068}שרה\u{2069}");
    }

    #[test]
    fn a_link_says_where_on_this_server() {
        for link in [
            "http://127.0.0.1:8080/courses?after=x",
            "https://school.example/courses?after=x",
            "/courses?after=x",
        ] {
            assert_eq!(without_server(link), "/courses?after=x");
        }
    }

    #[test]
    fn times_are_found_in_a_text() {
        let (opens, closes) = ("2026-09-01T08:00:00.000Z", "2026-09-02T08:00:00.000Z");
        let text = format!("Zoë: from {opens} until {closes}.");
        let pieces = [(false, "Zoë: from "), (true, opens), (false, " until "), (true, closes), (false, ".")];
        assert_eq!(around_times(&text), pieces);
        for text in ["", "no time", "ÖÖÖÖÖÖÖÖÖÖÖÖÖZ", "2026-13-01T08:00:00.000Z"] {
            assert_eq!(around_times(text), [(false, text)]);
        }
    }

    #[test]
    fn thousands_stand_apart() {
        let written = [0, 7, 999, 1_000, 12_345, 1_000_000, -1_234].map(grouped);
        assert_eq!(written, ["0", "7", "999", "1,000", "12,345", "1,000,000", "\u{2212}1,234"]);
    }
}
