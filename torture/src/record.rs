//! The record of what was confirmed, on disk: a run that is interrupted goes on where it was.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::answer::Outcome;

/// The record of one school: a line for each answer, `number status value`, and a line `sent number` before the requests
/// below that number are sent.
#[derive(Debug)]
pub(crate) struct Record {
    file: BufWriter<File>,
}

/// What a record has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) answers: Vec<(u64, Outcome)>,
    /// Requests with this number and above were not sent.
    pub(crate) sent: u64,
}

impl Record {
    /// Opens the record in this folder, and reads what it has.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Recorded)> {
        let path = path(folder);
        let recorded = if path.exists() { read(&path)? } else { Recorded::default() };
        let file = File::options().create(true).append(true).open(&path);
        let file = BufWriter::new(file.with_context(|| path.display().to_string())?);
        Ok((Self { file }, recorded))
    }

    /// Writes down that the requests below this number may now be sent.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn sending(&mut self, end: u64) -> Result<()> {
        writeln!(self.file, "sent {end}")?;
        Ok(self.file.flush()?)
    }

    /// Writes down answers.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn answered(&mut self, answers: &[(u64, Outcome)]) -> Result<()> {
        for (number, Outcome { status, value }) in answers {
            writeln!(self.file, "{number} {status} {value}")?;
        }
        Ok(self.file.flush()?)
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("record")
}

fn read(path: &Path) -> Result<Recorded> {
    let mut recorded = Recorded::default();
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        // A program that was killed may have left half a line.
        match words[..] {
            ["sent", end] => recorded.sent = recorded.sent.max(end.parse().unwrap_or(0)),
            [number, status, value] => {
                if let (Ok(number), Ok(status), Ok(value)) = (number.parse(), status.parse(), value.parse()) {
                    recorded.answers.push((number, Outcome { status, value }));
                }
            }
            _ => {}
        }
    }
    Ok(recorded)
}

/// How far a part has come, over all of its runs: `progress.json` in its folder.
#[derive(Debug)]
pub(crate) struct Progress {
    path: PathBuf,
    figures: serde_json::Map<String, serde_json::Value>,
}

impl Progress {
    /// # Errors
    /// If the file is damaged, or the folder cannot be made.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let path = folder.join("progress.json");
        let figures = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).with_context(|| path.display().to_string())?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => serde_json::Map::new(),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        Ok(Self { path, figures })
    }

    /// A figure; 0 at first.
    pub(crate) fn get(&self, name: &str) -> u64 {
        self.figures.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0)
    }

    /// Adds to figures, and saves them all.
    ///
    /// # Errors
    /// If they cannot be saved.
    pub(crate) fn add(&mut self, more: &[(&str, u64)]) -> Result<()> {
        for (name, count) in more {
            let sum = self.get(name) + count;
            self.figures.insert((*name).to_owned(), sum.into());
        }
        // Renamed, so that a program that is killed leaves the old one or the new one.
        let new = self.path.with_extension("new");
        fs::write(&new, serde_json::to_string(&self.figures)?)?;
        Ok(fs::rename(new, &self.path)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_again_up_to_a_line_that_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let answer = (3, Outcome { status: 201, value: 17 });
        let (mut record, _) = Record::open(folder.path()).unwrap();
        record.sending(8).unwrap();
        record.answered(&[answer]).unwrap();
        let mut file = File::options().append(true).open(path(folder.path())).unwrap();
        write!(file, "4 20").unwrap();
        let (_, recorded) = Record::open(folder.path()).unwrap();
        assert_eq!(recorded, Recorded { answers: vec![answer], sent: 8 });
    }

    #[test]
    fn figures_add_up_over_runs() {
        let folder = tempfile::tempdir().unwrap();
        for expected in [2, 4] {
            let mut progress = Progress::open(folder.path()).unwrap();
            progress.add(&[("kills", 2)]).unwrap();
            assert_eq!(progress.get("kills"), expected);
        }
        assert_eq!(Progress::open(folder.path()).unwrap().get("rounds"), 0);
    }
}
