//! The journal of a run: a line for each measurement, so that an interrupted run continues where it was.

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
    /// Number of measurements of the whole run.
    expected: usize,
    /// Number of measurements that were in the journal when it was opened.
    found: usize,
}

/// The result of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Measured {
    Load(Figures),
    /// The server did not hold the requested rate.
    NotHeld,
    /// A single number; the name of the measurement says what it is.
    Value(f64),
}

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    measured: Measured,
}

impl Journal {
    /// Continues the journal in `folder` if it is of the same program with the same settings. Otherwise deletes
    /// everything in the folder and starts a new journal.
    pub(crate) fn open(folder: &Path, settings: &str, program: &Path) -> Result<Self> {
        let path = folder.join("measurements.jsonl");
        let mut hasher = SipHasher13::new();
        hasher.write(&fs::read(program).with_context(|| program.display().to_string())?);
        hasher.write(settings.as_bytes());
        let header = format!("{{\"run\":\"{:016x}\"}}", hasher.finish());
        let text = fs::read_to_string(&path).unwrap_or_default();
        let is_same = text.lines().next() == Some(&header);
        if !is_same {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
            fs::create_dir_all(folder)?;
            fs::write(&path, format!("{header}\n"))?;
        }
        // The last line may be incomplete.
        let lines: BTreeMap<_, _> = text
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

    /// Stores a measurement and prints it.
    pub(crate) fn record(&mut self, name: &str, measured: Measured) -> Result<()> {
        let text = match measured {
            Measured::Load(Figures { rate, p50, p99, p999 }) => {
                format!("{rate:.0}/s, {p50:.2} / {p99:.2} / {p999:.2} ms")
            }
            Measured::NotHeld => "not held".to_owned(),
            Measured::Value(value) => format!("{value:.1}"),
        };
        let line = serde_json::to_string(&Line { name: name.to_owned(), measured })?;
        // Begins with a line break, in case the line before is incomplete.
        writeln!(self.file, "\n{line}")?;
        self.lines.insert(name.to_owned(), measured);
        let (done, expected) = (self.lines.len(), self.expected.max(self.lines.len()));
        let float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let each = self.began.elapsed().as_secs_f64() / float(done - self.found);
        let left = each * float(expected - done) / 60.0;
        Ok(writeln!(io::stdout(), "[{done}/{expected}, {left:.0} min left] {name}: {text}")?)
    }

    /// All rounds of a measurement.
    pub(crate) fn rounds(&self, name: &str) -> impl Iterator<Item = Measured> {
        let first = format!("{name}, round ");
        self.lines.iter().filter(move |(name, _)| name.starts_with(&first)).map(|(_, measured)| *measured)
    }

    /// The median of the rounds of a load, separately for each figure; `None` if the load was not measured, or not held
    /// in one of the rounds.
    pub(crate) fn load(&self, name: &str) -> Option<Figures> {
        let rounds: Vec<_> = self
            .rounds(name)
            .map(|measured| if let Measured::Load(figures) = measured { Some(figures) } else { None })
            .collect::<Option<_>>()?;
        let median_of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure));
        Some(Figures {
            rate: median_of(|f| f.rate)?,
            p50: median_of(|f| f.p50)?,
            p99: median_of(|f| f.p99)?,
            p999: median_of(|f| f.p999)?,
        })
    }

    /// The lowest and the highest rate of all rounds.
    pub(crate) fn spread(&self, name: &str) -> Option<(f64, f64)> {
        let rates = self.rounds(name).filter_map(|measured| match measured {
            Measured::Load(figures) => Some(figures.rate),
            Measured::Value(value) => Some(value),
            Measured::NotHeld => None,
        });
        rates.map(|rate| (rate, rate)).reduce(|(low, high), (rate, _)| (low.min(rate), high.max(rate)))
    }

    /// The median of the rounds of a single number.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        median(
            self.rounds(name).filter_map(|measured| {
                if let Measured::Value(value) = measured { Some(value) } else { None }
            }),
        )
    }
}

/// The median; of an even number of values, the lower of the two in the middle.
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
    fn an_interrupted_run_continues_and_a_different_one_starts_over() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, program) = (folder.path().join("run"), folder.path().join("program"));
        fs::write(&program, "one").unwrap();
        let mut journal = Journal::open(&folder, "quick", &program).unwrap();
        journal.record("R1, round 1", load(10.0)).unwrap();
        write!(File::options().append(true).open(folder.join("measurements.jsonl")).unwrap(), "{{\"na")
            .unwrap();
        let mut journal = Journal::open(&folder, "quick", &program).unwrap();
        assert!(journal.has("R1, round 1") && !journal.has("R1, round 2"));
        journal.record("R1, round 2", load(20.0)).unwrap();
        let journal = Journal::open(&folder, "quick", &program).unwrap();
        assert_eq!(journal.spread("R1"), Some((10.0, 20.0)));
        for (settings, build) in [("slow", "one"), ("quick", "two")] {
            fs::write(&program, build).unwrap();
            assert!(!Journal::open(&folder, settings, &program).unwrap().has("R1, round 1"));
        }
    }

    #[test]
    fn each_figure_of_a_load_is_a_median_unless_a_round_was_not_held() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "").unwrap();
        let mut journal = Journal::open(&folder.path().join("run"), "", &program).unwrap();
        for (round, rate) in [(1, 30.0), (2, 10.0), (3, 20.0)] {
            journal.record(&format!("W1, round {round}"), load(rate)).unwrap();
        }
        let middle = journal.load("W1").unwrap();
        assert_eq!((middle.rate, middle.p99), (20.0, 2.0));
        journal.record("W1, round 4", Measured::NotHeld).unwrap();
        assert_eq!(journal.load("W1"), None);
        assert_eq!(journal.load("R1"), None);
    }
}
