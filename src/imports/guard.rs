//! Limits how many records may vanish without a confirmation.

use super::steps::{Obstacle, Plan};
use super::vanishing::Vanishing;
use crate::count::{counted, to_i64};

/// The kinds of records, as messages name them.
const KINDS: [&str; 3] = ["student", "course", "enrollment"];
/// This many records of a kind may vanish without a confirmation, however large their share is.
const FEW: usize = 5;

impl Plan {
    /// The number to confirm before the plan is carried out: that of all vanishing records, if more than five and more
    /// than a tenth of the students, of the courses or of the enrollments vanish.
    #[must_use]
    pub fn to_confirm(&self) -> Option<usize> {
        alarming(&self.vanishing).next().map(|_| self.vanishing.len())
    }

    /// Checks the confirmation if many records vanish. If there is a number, it has to be right in any case.
    ///
    /// # Errors
    /// `import-would-remove`, with the number that confirms it.
    pub fn ensure_confirmed(&self, confirm: Option<usize>) -> Result<(), Obstacle> {
        let refused = |detail: String| Err(Obstacle::new("import-would-remove", detail));
        let gone = self.vanishing.len();
        match confirm {
            Some(confirm) if confirm == gone => Ok(()),
            Some(confirm) => refused(format!(
                "{gone} students, courses and enrollments would vanish, not {confirm}: look again, and confirm {gone}"
            )),
            None if self.to_confirm().is_none() => Ok(()),
            None => refused(format!(
                "{gone} students, courses and enrollments would vanish, {}: confirm the number {gone}",
                alarming(&self.vanishing).collect::<Vec<_>>().join(", ")
            )),
        }
    }
}

/// The kinds with more than five and more than a tenth of their records vanishing.
fn alarming(vanishing: &Vanishing) -> impl Iterator<Item = String> {
    let gone = [vanishing.students.len(), vanishing.courses.len(), vanishing.pairs.len()];
    let kinds = gone.into_iter().zip(vanishing.totals).zip(KINDS);
    let much = kinds.filter(|((gone, all), _)| is_much(*gone, *all));
    much.map(|((gone, all), kind)| format!("{gone} of {}", counted(all, kind)))
}

/// More than a tenth and more than a few.
fn is_much(gone: usize, all: i64) -> bool {
    gone > FEW && to_i64(gone).saturating_mul(10) > all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_is_more_than_five_and_more_than_a_tenth() {
        for (gone, all) in [(0, 0), (5, 5), (6, 60), (100, 1_000)] {
            assert!(!is_much(gone, all), "{gone} of {all}");
        }
        for (gone, all) in [(6, 6), (6, 59), (101, 1_000)] {
            assert!(is_much(gone, all), "{gone} of {all}");
        }
    }
}
