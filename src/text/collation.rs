//! The order of texts: the root collation of Unicode, with numbers in the order of their values, so that "Rush 2" comes
//! before "Rush 10". It is the same on every engine and every machine.

use std::cmp::Ordering;
use std::sync::LazyLock;

use icu_collator::options::CollatorOptions;
use icu_collator::preferences::CollationNumericOrdering;
use icu_collator::{CollatorBorrowed, CollatorPreferences};

static COLLATOR: LazyLock<CollatorBorrowed<'static>> = LazyLock::new(|| {
    let mut preferences = CollatorPreferences::default();
    preferences.numeric_ordering = Some(CollationNumericOrdering::True);
    #[expect(clippy::expect_used, reason = "the data of the root collation is compiled in")]
    CollatorBorrowed::try_new(preferences, CollatorOptions::default())
        .expect("the root collation is compiled in")
});

/// Compares two texts; those that the collation does not distinguish, by code points.
#[must_use]
pub fn compare(one: &str, other: &str) -> Ordering {
    COLLATOR.compare(one, other).then_with(|| one.cmp(other))
}

/// A key that compares as [`compare`] does. Only good for sorting many texts at once: another version may make other keys.
#[must_use]
pub fn key(text: &str) -> (Vec<u8>, String) {
    let mut key = Vec::new();
    write_key(text, &mut key);
    (key, text.to_owned())
}

/// Appends bytes that compare as the collation compares texts, without the code points. Only good for sorting many texts
/// at once: another version may write other bytes.
pub fn write_key(text: &str, key: &mut Vec<u8>) {
    let Ok(()) = COLLATOR.write_sort_key_to(text, key);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_in_the_order_in_which_people_look_for_them() {
        let sorted = [
            "",
            "10 Downing",
            "Ana",
            "ångström",
            "Ångström",
            "Ben",
            "ben 2",
            "Élan",
            "Łódź",
            "Lopez",
            "López",
            "Rush 2",
            "Rush 10",
            "Zoe",
            "Zoë",
            "Ольга",
        ];
        let mut texts = sorted.to_vec();
        texts.reverse();
        texts.sort_by(|one, other| compare(one, other));
        assert_eq!(texts, sorted);
    }

    proptest! {
        #[test]
        fn keys_compare_as_texts_do(one in "[aAéÉe\u{301} 019'ßzZłあ가]{0,6}", other in any::<String>()) {
            let key = |text: &str| {
                let mut key = Vec::new();
                write_key(text, &mut key);
                key
            };
            for (one, other) in [(&one, &other), (&other, &one)] {
                prop_assert_eq!(key(one).cmp(&key(other)), COLLATOR.compare(one, other));
            }
        }

        #[test]
        fn only_equal_texts_compare_as_equal(one in "[eé\u{301}\u{200b}]{0,3}", other in "[eé\u{301}\u{200b}]{0,3}") {
            prop_assert_eq!(compare(&one, &other) == Ordering::Equal, one == other);
            prop_assert_eq!(compare(&one, &other), compare(&other, &one).reverse());
        }
    }
}
