//! What has been measured: a line each, kept, so that a run that was cut short goes on where it was.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::Hasher as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use crate::client::Figures;

/// The measurements of one run.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    lines: BTreeMap<String, Measured>,
    began: Instant,
    /// How many measurements the run has, and how many were there when it went on.
    expected: usize,
    found: usize,
}

/// What a measurement came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Measured {
    Load(Figures),
    /// The rate was asked for, and not held.
    NotHeld,
    /// A single number; its name says of what.
    Value(f64),
}

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    measured: Measured,
}

impl Journal {
    /// Goes on with the journal in `folder`, if what is measured and how is as it was; else it is begun anew, and so is
    /// everything beside it.
    pub(crate) fn open(folder: &Path, how: &str, program: &Path) -> Result<Self> {
        let path = folder.join("measurements.jsonl");
        let mut hasher = SipHasher13::new();
        hasher.write(&fs::read(program).with_context(|| program.display().to_string())?);
        hasher.write(how.as_bytes());
        let head = format!("{{\"run\":\"{:016x}\"}}", hasher.finish());
        let kept = fs::read_to_string(&path).unwrap_or_default();
        let is_same = kept.lines().next() == Some(&head);
        if !is_same {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
            fs::create_dir_all(folder)?;
            fs::write(&path, format!("{head}\n"))?;
        }
        // The last line may have been cut off.
        let lines: BTreeMap<_, _> = kept
            .lines()
            .skip(1)
            .filter(|_| is_same)
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(|Line { name, measured }| (name, measured))
            .collect();
        let file = File::options().append(true).open(path)?;
        Ok(Self { file, found: lines.len(), lines, began: Instant::now(), expected: 0 })
    }

    pub(crate) fn expect(&mut self, measurements: usize) {
        self.expected = measurements;
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.lines.contains_key(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Measured> {
        self.lines.get(name).copied()
    }

    /// Keeps it, and tells of it.
    pub(crate) fn note(&mut self, name: &str, measured: Measured) -> Result<()> {
        let told = match measured {
            Measured::Load(Figures { rate, p50, p99, p999 }) => {
                format!("{rate:.0}/s, {p50:.2} / {p99:.2} / {p999:.2} ms")
            }
            Measured::NotHeld => "not held".to_owned(),
            Measured::Value(value) => format!("{value:.1}"),
        };
        let line = serde_json::to_string(&Line { name: name.to_owned(), measured })?;
        // A cut-off line ends here, and is skipped.
        writeln!(self.file, "\n{line}")?;
        self.lines.insert(name.to_owned(), measured);
        let (done, expected) = (self.lines.len(), self.expected.max(self.lines.len()));
        let share = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let each = self.began.elapsed().as_secs_f64() / share(done - self.found);
        let left = each * share(expected - done) / 60.0;
        Ok(writeln!(io::stdout(), "[{done}/{expected}, {left:.0} min left] {name}: {told}")?)
    }

    /// Every round of a measurement.
    pub(crate) fn rounds(&self, name: &str) -> impl Iterator<Item = Measured> {
        let first = format!("{name}, round ");
        self.lines.iter().filter(move |(name, _)| name.starts_with(&first)).map(|(_, measured)| *measured)
    }

    /// The middle one of a load's rounds, each figure for itself; nothing where it was not measured, or not held once.
    pub(crate) fn load(&self, name: &str) -> Option<Figures> {
        let rounds: Vec<_> = self
            .rounds(name)
            .map(|measured| if let Measured::Load(figures) = measured { Some(figures) } else { None })
            .collect::<Option<_>>()?;
        let of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure));
        Some(Figures {
            rate: of(|f| f.rate)?,
            p50: of(|f| f.p50)?,
            p99: of(|f| f.p99)?,
            p999: of(|f| f.p999)?,
        })
    }

    /// The lowest and the highest rate.
    pub(crate) fn spread(&self, name: &str) -> Option<(f64, f64)> {
        let rates = self.rounds(name).filter_map(|measured| match measured {
            Measured::Load(figures) => Some(figures.rate),
            Measured::Value(value) => Some(value),
            Measured::NotHeld => None,
        });
        rates.map(|rate| (rate, rate)).reduce(|(low, high), (rate, _)| (low.min(rate), high.max(rate)))
    }

    /// The middle one of a number's rounds.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        median(
            self.rounds(name).filter_map(|measured| {
                if let Measured::Value(value) = measured { Some(value) } else { None }
            }),
        )
    }
}

/// The middle one; of an even number the lower.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(rate: f64) -> Measured {
        Measured::Load(Figures { rate, p50: 1.0, p99: rate / 10.0, p999: 3.0 })
    }

    #[test]
    fn a_run_that_was_cut_short_goes_on_and_another_one_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, program) = (folder.path().join("run"), folder.path().join("program"));
        fs::write(&program, "one").unwrap();
        let mut journal = Journal::open(&folder, "quick", &program).unwrap();
        journal.note("R1, round 1", load(10.0)).unwrap();
        write!(File::options().append(true).open(folder.join("measurements.jsonl")).unwrap(), "{{\"na")
            .unwrap();
        let mut journal = Journal::open(&folder, "quick", &program).unwrap();
        assert!(journal.has("R1, round 1") && !journal.has("R1, round 2"));
        journal.note("R1, round 2", load(20.0)).unwrap();
        let journal = Journal::open(&folder, "quick", &program).unwrap();
        assert_eq!(journal.spread("R1"), Some((10.0, 20.0)));
        for (how, build) in [("slow", "one"), ("quick", "two")] {
            fs::write(&program, build).unwrap();
            assert!(!Journal::open(&folder, how, &program).unwrap().has("R1, round 1"));
        }
    }

    #[test]
    fn the_median_of_each_figure_is_told_unless_a_round_was_not_held() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "").unwrap();
        let mut journal = Journal::open(&folder.path().join("run"), "", &program).unwrap();
        for (round, rate) in [(1, 30.0), (2, 10.0), (3, 20.0)] {
            journal.note(&format!("W1, round {round}"), load(rate)).unwrap();
        }
        let middle = journal.load("W1").unwrap();
        assert_eq!((middle.rate, middle.p99), (20.0, 2.0));
        journal.note("W1, round 4", Measured::NotHeld).unwrap();
        assert_eq!(journal.load("W1"), None);
        assert_eq!(journal.load("R1"), None);
    }
}
