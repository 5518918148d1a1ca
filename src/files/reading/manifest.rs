//! OneRoster's `manifest.csv`: what the other files of the set are.

use std::collections::BTreeMap;

use super::record::Record;
use super::refusals::FileRefusal;
use super::report::Processing;

/// What the manifest says. Without a manifest it says nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Manifest {
    /// Files by their names in lower case, without `.csv`.
    files: BTreeMap<String, Processing>,
}

/// More rows than a manifest has.
const MAX_ROWS: usize = 256;

impl Manifest {
    /// Takes a row of the manifest.
    ///
    /// # Errors
    /// A version that is not known, or a word that is not.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), FileRefusal> {
        let (name, value) = (record.cell(0).to_ascii_lowercase(), record.cell(1));
        let refused = |code, detail: String| Err(FileRefusal::new(code, detail).at(record.line));
        if name == "oneroster.version" && !["1.1", "1.2"].contains(&value) {
            return refused("version-not-known", "Only OneRoster 1.1 and 1.2 are read.".to_owned());
        }
        let Some(file) = name.strip_prefix("file.") else { return Ok(()) };
        let processing = match value.to_ascii_lowercase().as_str() {
            "bulk" => Processing::Bulk,
            "delta" => Processing::Delta,
            "absent" => Processing::Absent,
            _ => return refused("manifest-not-valid", "A file is bulk, delta or absent.".to_owned()),
        };
        if self.files.len() == MAX_ROWS {
            return Err(FileRefusal::too_large("The rows of a manifest are", MAX_ROWS as u64));
        }
        self.files.insert(file.to_owned(), processing);
        Ok(())
    }

    /// What it says about a file.
    pub(super) fn processing(&self, name: &str) -> Option<Processing> {
        self.files.get(&stem(name)).copied()
    }

    /// # Errors
    /// A file that it names is not among these.
    pub(super) fn ensure_complete<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<(), FileRefusal> {
        let there: Vec<_> = names.map(stem).collect();
        let wanted = self.files.iter().filter(|(_, processing)| **processing != Processing::Absent);
        match wanted.map(|(file, _)| file).find(|file| !there.contains(file)) {
            None => Ok(()),
            Some(file) => Err(FileRefusal::new(
                "file-missing",
                format!("The manifest names the file {file}.csv, which is not there."),
            )),
        }
    }
}

/// The name of a file in lower case, without its folder and `.csv`.
pub(super) fn stem(name: &str) -> String {
    let name = file_name(name).to_lowercase();
    name.strip_suffix(".csv").unwrap_or(&name).to_owned()
}

/// The name of a file without its folder.
pub(super) fn file_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}
