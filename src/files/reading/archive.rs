//! Zip archives, with limits on what comes out of them.

use std::collections::HashMap;
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
/// So large a part of a workbook may be, however much smaller it was in the archive.
const FREE_BYTES: u64 = 1 << 20;
/// So large any other file may be: spreadsheets save a million empty rows as a million lines of commas.
const FREE_BYTES_OF_TEXT: u64 = MAX_BYTES;
/// How much is inflated at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// An open archive.
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    size: u64,
}

impl<'a> Archive<'a> {
    /// # Errors
    /// It is damaged or has too many files.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, FileRefusal> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| FileRefusal::damaged_archive())?;
        if zip.len() > MAX_ENTRIES {
            return Err(FileRefusal::too_large("The files of an archive are", MAX_ENTRIES as u64));
        }
        Ok(Self { zip, size: bytes.len() as u64 })
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

    /// Where the data of each file begins in the archive. More than one file may begin at a place.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn starts(&mut self) -> Result<HashMap<u64, Vec<usize>>, FileRefusal> {
        let mut starts: HashMap<u64, Vec<usize>> = HashMap::new();
        for index in 0..self.zip.len() {
            let file = self.zip.by_index_raw(index).map_err(|_| FileRefusal::damaged_archive())?;
            let start = file.data_start().ok_or_else(FileRefusal::damaged_archive)?;
            starts.entry(start).or_default().push(index);
        }
        Ok(starts)
    }

    /// Inflates a file, and takes its size off the budget.
    ///
    /// # Errors
    /// It is damaged, encrypted or too large.
    pub(super) fn inflate(&mut self, index: usize, budget: &mut u64) -> Result<Vec<u8>, FileRefusal> {
        let mut bytes = Vec::new();
        self.pass_within(FREE_BYTES_OF_TEXT, index, budget, |size, part| {
            if bytes.is_empty() {
                bytes.reserve_exact(size);
            }
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Inflates a file part by part, and takes its size off the budget. Each part comes with the size that the file says
    /// it has, which is within the limits.
    ///
    /// # Errors
    /// It is damaged, encrypted or too large, or a part is refused by the one who takes it.
    pub(super) fn pass(
        &mut self,
        index: usize,
        budget: &mut u64,
        take: impl FnMut(usize, &[u8]) -> Result<(), FileRefusal>,
    ) -> Result<(), FileRefusal> {
        self.pass_within(FREE_BYTES, index, budget, take)
    }

    fn pass_within(
        &mut self,
        free: u64,
        index: usize,
        budget: &mut u64,
        mut take: impl FnMut(usize, &[u8]) -> Result<(), FileRefusal>,
    ) -> Result<(), FileRefusal> {
        let raw = self.zip.by_index_raw(index).map_err(|_| FileRefusal::damaged_archive())?;
        if raw.encrypted() {
            return Err(FileRefusal::new(
                "encrypted-archive",
                "The archive has a password. Save it without one.",
            ));
        }
        // The archive may say that it has more than there is.
        let by_ratio = raw.compressed_size().min(self.size).saturating_mul(MAX_RATIO).max(free);
        drop(raw);
        let limit = by_ratio.min(*budget);
        let mut file = self.zip.by_index(index).map_err(|_| FileRefusal::damaged_archive())?;
        let declared = usize::try_from(file.size().min(limit)).unwrap_or(0);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut size = 0;
        loop {
            let length = file.read(&mut buffer).map_err(|_| FileRefusal::damaged_archive())?;
            if length == 0 {
                break;
            }
            size += length as u64;
            if size > limit {
                *budget -= limit;
                return Err(if by_ratio < *budget + limit {
                    FileRefusal::new(
                        "inflates-too-much",
                        "A file of the archive becomes more than 250 times as large.",
                    )
                } else {
                    FileRefusal::too_large("The bytes of all files are", MAX_INFLATED_BYTES)
                });
            }
            take(declared, &buffer[..length])?;
        }
        *budget -= size;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// An archive of a file of two million equal bytes, which says how many bytes the file has in the archive and outside.
    fn archive(within: Option<u32>, outside: u32) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("a.csv", SimpleFileOptions::default()).unwrap();
        zip.write_all(&vec![b'a'; 2_000_000]).unwrap();
        let mut bytes = zip.finish().unwrap().into_inner();
        let directory = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
        if let Some(within) = within {
            bytes[directory + 20..directory + 24].copy_from_slice(&within.to_le_bytes());
        }
        bytes[directory + 24..directory + 28].copy_from_slice(&outside.to_le_bytes());
        bytes
    }

    #[test]
    fn what_an_archive_says_about_sizes_does_not_widen_the_limits() {
        for (within, outside) in [(None, 2_000_000), (Some(1 << 30), 2_000_000), (Some(1 << 30), 1 << 30)] {
            let bytes = archive(within, outside);
            let mut budget = MAX_INFLATED_BYTES;
            let mut archive = Archive::open(&bytes).unwrap();
            let refusal = archive.pass(0, &mut budget, |_, _| Ok(())).unwrap_err();
            assert_eq!(refusal.code, "inflates-too-much", "{within:?} {outside}");
            assert_eq!(MAX_INFLATED_BYTES - budget, FREE_BYTES);
        }
    }

    #[test]
    fn a_text_may_be_many_times_larger_than_in_the_archive() {
        let bytes = archive(None, 2_000_000);
        let inflated = Archive::open(&bytes).unwrap().inflate(0, &mut MAX_INFLATED_BYTES.clone()).unwrap();
        assert_eq!(inflated.len(), 2_000_000);
    }
}
