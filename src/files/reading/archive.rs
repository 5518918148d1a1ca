//! Zip archives, with limits on what comes out of them.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use super::refusals::FileRefusal;

/// The most bytes of an uploaded file.
pub const MAX_BYTES: u64 = 64 << 20;
/// The most bytes that come out of all archives and workbooks of a reading.
pub const MAX_INFLATED_BYTES: u64 = 512 << 20;
/// The most files of an archive; those of a workbook count too.
pub const MAX_ENTRIES: usize = 1_000;
/// How many times larger than in the archive a file may be. Text of many equal rows shrinks to a hundredth.
const MAX_RATIO: u64 = 250;
/// So large a file may be, however much smaller it was in the archive.
const FREE_BYTES: u64 = 1 << 20;

/// An open archive.
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Archive<'a> {
    /// # Errors
    /// It is damaged or has too many files.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, FileRefusal> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| FileRefusal::damaged_archive())?;
        if zip.len() > MAX_ENTRIES {
            return Err(FileRefusal::too_large("The files of an archive are", MAX_ENTRIES as u64));
        }
        Ok(Self { zip })
    }

    /// The files with their paths, which are only labels: nothing is written anywhere.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn files(&mut self) -> Result<Vec<(usize, String)>, FileRefusal> {
        let mut files = Vec::new();
        for index in 0..self.zip.len() {
            let file = self.zip.by_index_raw(index).map_err(|_| FileRefusal::damaged_archive())?;
            if !file.is_dir() {
                let name = file.name().map_err(|_| FileRefusal::damaged_archive())?;
                files.push((index, name.into_owned()));
            }
        }
        Ok(files)
    }

    /// Inflates a file, and takes its size off the budget.
    ///
    /// # Errors
    /// It is damaged, encrypted or too large.
    pub(super) fn inflate(&mut self, index: usize, budget: &mut u64) -> Result<Vec<u8>, FileRefusal> {
        let raw = self.zip.by_index_raw(index).map_err(|_| FileRefusal::damaged_archive())?;
        if raw.encrypted() {
            return Err(FileRefusal::new(
                "encrypted-archive",
                "The archive has a password. Save it without one.",
            ));
        }
        let by_ratio = raw.compressed_size().saturating_mul(MAX_RATIO).max(FREE_BYTES);
        drop(raw);
        let limit = by_ratio.min(*budget);
        let file = self.zip.by_index(index).map_err(|_| FileRefusal::damaged_archive())?;
        let mut bytes = Vec::with_capacity(usize::try_from(file.size().min(limit)).unwrap_or(0));
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|_| FileRefusal::damaged_archive())?;
        let size = bytes.len() as u64;
        if size > limit {
            return Err(if by_ratio < *budget {
                FileRefusal::new(
                    "inflates-too-much",
                    "A file of the archive becomes more than 250 times as large.",
                )
            } else {
                FileRefusal::too_large("The bytes of all files are", MAX_INFLATED_BYTES)
            });
        }
        *budget -= size;
        Ok(bytes)
    }

    /// Inflates everything without keeping it, so that what reads the archive after this stays within the limits. Parts
    /// of which the whole is kept in memory have a smaller limit.
    ///
    /// # Errors
    /// It is damaged, encrypted or too large.
    pub(super) fn measure(
        &mut self,
        budget: &mut u64,
        max_kept: u64,
        is_kept: impl Fn(&str) -> bool,
    ) -> Result<(), FileRefusal> {
        let mut kept = 0;
        for (index, name) in self.files()? {
            let before = *budget;
            let mut rest = if is_kept(&name) { before.min(max_kept.saturating_sub(kept)) } else { before };
            let allowed = rest;
            self.skim(index, &mut rest)?;
            let size = allowed - rest;
            *budget = before - size;
            kept += if is_kept(&name) { size } else { 0 };
        }
        Ok(())
    }

    fn skim(&mut self, index: usize, budget: &mut u64) -> Result<(), FileRefusal> {
        let file = self.zip.by_index(index).map_err(|_| FileRefusal::damaged_archive())?;
        let size = std::io::copy(&mut file.take(*budget + 1), &mut std::io::sink());
        let size = size.map_err(|_| FileRefusal::damaged_archive())?;
        if size > *budget {
            return Err(FileRefusal::too_large("The bytes of all files are", MAX_INFLATED_BYTES));
        }
        *budget -= size;
        Ok(())
    }
}
