//! Searches the index.

use std::collections::HashSet;

use memchr::memmem;

use super::index::{Index, is_plain_letter, letters};
use crate::lists::Pattern;

/// If at most this part of the records has the letters of a search, their texts are read one by one; otherwise all texts are
/// read, which is faster then.
const FEW_CANDIDATES: usize = 8;

impl Index {
    /// The records that have all words in their texts, or are exactly what was typed.
    pub(super) fn matching(&self, pattern: &Pattern) -> Matching {
        let mut found = Matching { count: 0, matches: vec![false; self.ids.len()], exact: Vec::new() };
        if !pattern.exact.is_empty() {
            self.find_words(pattern, &mut found);
        }
        if let Some(number) = pattern.id.and_then(|id| self.find(id)) {
            found.add(number as usize, true);
        }
        found
    }

    fn find_words(&self, pattern: &Pattern, found: &mut Matching) {
        // What is exactly the typed text has its words too, unless there are none.
        let texts =
            if pattern.words.is_empty() { std::slice::from_ref(&pattern.exact) } else { &pattern.words };
        let wanted = texts.iter().fold(0, |wanted, text| wanted | letters(text));
        let has_letters = |one: &usize| self.letters[*one] & wanted == wanted;
        let has_words = |one: usize, words: &[memmem::Finder<'_>]| {
            let texts = &self.folded.as_bytes()[self.begin(one)..self.ends[one] as usize];
            words.iter().all(|word| word.find(texts).is_some())
        };
        // Where a word is a single letter, the letters of the records say all.
        let words: Vec<_> =
            texts.iter().filter(|text| !is_plain_letter(text)).map(memmem::Finder::new).collect();
        let candidates = (0..self.ids.len()).filter(has_letters);
        match words.split_first() {
            Some((longest, others)) if candidates.clone().count() > self.ids.len() / FEW_CANDIDATES => {
                for one in self.having(longest).filter(has_letters).filter(|one| has_words(*one, others)) {
                    found.add_if_alive(self, one, pattern);
                }
            }
            _ => {
                for one in candidates.filter(|one| has_words(*one, &words)) {
                    found.add_if_alive(self, one, pattern);
                }
            }
        }
    }

    /// The records in whose texts something occurs, faster than by looking at one after the other.
    fn having(&self, wanted: &memmem::Finder<'_>) -> impl Iterator<Item = usize> {
        let text = self.folded.as_bytes();
        let (mut next, mut begin, mut from_end) = (0, 0, usize::MAX);
        std::iter::from_fn(move || {
            let end = *self.ends.get(next)? as usize;
            // The addresses of a school end alike, so that often the next record has it in the same place.
            let guess = end.checked_sub(from_end).filter(|at| *at >= begin);
            if !guess.is_some_and(|at| text[at..end].starts_with(wanted.needle())) {
                let at = begin + wanted.find(&text[begin..])?;
                next += self.ends[next..].iter().take_while(|end| **end as usize <= at).count();
                from_end = self.ends[next] as usize - at;
            }
            begin = self.ends[next] as usize;
            next += 1;
            Some(next - 1)
        })
    }

    /// Those of the records with these ids that match, or all of them without a search.
    pub(super) fn among(&self, matching: Option<&Matching>, ids: &HashSet<i64>) -> Matching {
        let mut found = Matching { count: 0, matches: vec![false; self.ids.len()], exact: Vec::new() };
        for number in self.order(None) {
            let one = *number as usize;
            if ids.contains(&self.ids[one]) && matching.is_none_or(|matching| matching.matches[one]) {
                found.add(one, matching.is_some_and(|matching| matching.exact.contains(number)));
            }
        }
        found
    }
}

/// The records that match a search.
pub(super) struct Matching {
    pub(super) count: usize,
    /// For each record whether it matches.
    pub(super) matches: Vec<bool>,
    /// Those with exactly the typed external id or id.
    pub(super) exact: Vec<u32>,
}

impl Matching {
    /// Adds a record that has all words in its texts, or is exactly what was typed.
    fn add_if_alive(&mut self, index: &Index, one: usize, pattern: &Pattern) {
        // The end of the record is that of its external id and a separator.
        let (begin, end) = (index.middles[one][1] as usize + 1, index.ends[one] as usize - 1);
        let is_exact = end - begin == pattern.exact.len() && index.folded[begin..end] == pattern.exact;
        if index.alive[one] && (is_exact || !pattern.words.is_empty()) {
            self.add(one, is_exact);
        }
    }

    fn add(&mut self, one: usize, is_exact: bool) {
        self.count += usize::from(!std::mem::replace(&mut self.matches[one], true));
        let number = u32::try_from(one).ok().filter(|number| is_exact && !self.exact.contains(number));
        self.exact.extend(number);
    }
}
