//! Searches: the words of what somebody typed, in the texts of a record.

use std::str::FromStr;

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::registrar::{Course, MAX_TEXT, Student, VISIBLE_TEXT};
use crate::text::{folded, words};

/// A record that can be found by its texts and its id.
pub trait Searchable {
    /// The id.
    fn id(&self) -> i64;

    /// The texts. The last is the external id; lists can be sorted by the others.
    fn texts(&self) -> [Option<&str>; 3];
}

/// A text to search for: 1 to 255 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(String);

/// What a search looks for.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Everything that was typed, folded.
    pub exact: String,
    /// The words, folded; the longest first.
    pub words: Vec<String>,
    /// The id that was typed.
    pub id: Option<i64>,
}

impl Search {
    /// The text as it was typed, trimmed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The id that was typed; `None` for another text, as `007`.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        self.0.parse().ok().filter(|id: &i64| id.to_string() == self.0)
    }

    /// What it looks for.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        let exact = folded(&self.0);
        let mut all: Vec<_> = words(&exact).map(str::to_owned).collect();
        all.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let mut words: Vec<String> = Vec::with_capacity(all.len());
        for word in all {
            // Where a longer word occurs, so does a part of it.
            if !words.iter().any(|longer| longer.contains(&word)) {
                words.push(word);
            }
        }
        Pattern { exact, words, id: self.id() }
    }
}

impl Pattern {
    /// Whether a record has all words in its texts; `Some(true)` if its external id or its id is exactly what was typed.
    pub fn find_in(&self, record: &impl Searchable) -> Option<bool> {
        let texts = record.texts().map(|text| folded(text.unwrap_or_default()));
        let is_exact = self.is_exact(&texts[2], record.id());
        (is_exact || self.has_words(|word| texts.iter().any(|text| text.contains(word)))).then_some(is_exact)
    }

    /// Whether a record with this folded external id and this id is exactly what was typed.
    fn is_exact(&self, external_id: &str, id: i64) -> bool {
        self.id == Some(id) || !self.exact.is_empty() && self.exact == external_id
    }

    /// Whether there are words and all of them occur.
    fn has_words(&self, occurs: impl Fn(&str) -> bool) -> bool {
        !self.words.is_empty() && self.words.iter().all(|word| occurs(word))
    }
}

impl ToSchema for Search {}

impl PartialSchema for Search {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_TEXT))
            .pattern(Some(VISIBLE_TEXT))
            .into()
    }
}

impl FromStr for Search {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        crate::registrar::search_text(text).map(|text| Self(text.to_owned()))
    }
}

impl Searchable for Student {
    fn id(&self) -> i64 {
        self.id.0
    }

    fn texts(&self) -> [Option<&str>; 3] {
        [self.name.as_deref(), self.email.as_deref(), self.number.as_deref()]
    }
}

impl Searchable for Course {
    fn id(&self) -> i64 {
        self.id.0
    }

    fn texts(&self) -> [Option<&str>; 3] {
        [self.name.as_deref(), self.level.as_deref(), self.code.as_deref()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::{Record as _, StudentId};

    fn found(typed: &str, name: &str, number: &str) -> Option<bool> {
        let student = Student {
            name: Some(name.to_owned()),
            email: Some("jsmith@example.edu".to_owned()),
            number: Some(number.to_owned()),
            ..Student::empty(StudentId(7))
        };
        typed.parse::<Search>().unwrap().pattern().find_in(&student)
    }

    #[test]
    fn every_word_must_occur_in_any_order_and_in_any_text() {
        for typed in
            ["Smith, John", "smith,john", "  JOHN   smith ", "mit oh", "jsmith@ john", "john 0042", "smith"]
        {
            assert_eq!(found(typed, "John Smith", "0042"), Some(false), "{typed}");
        }
        for typed in ["Smith, Joan", "smith john 43", ",", "\u{301}", "johnsmith"] {
            assert_eq!(found(typed, "John Smith", "0042"), None, "{typed}");
        }
        assert_eq!(found("smith", "", ""), Some(false));
    }

    #[test]
    fn the_id_and_the_number_are_exact_if_they_are_typed_whole() {
        for (typed, number, exact) in [
            ("7", "1", Some(true)),
            ("07", "1", None),
            ("42", "42", Some(true)),
            ("42", "0042", Some(false)),
            ("cs 1", "CS  1", Some(true)),
            ("1 cs", "CS 1", Some(false)),
            (",", ",", Some(true)),
            (",", "", None),
        ] {
            assert_eq!(found(typed, "John", number), exact, "{typed:?} {number:?}");
        }
    }
}
