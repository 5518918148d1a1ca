//! How much may still be written to a disk.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// The two numbers that `shim/disk.c` shares with a test: the bytes that may be written, and those that were.
#[derive(Debug)]
pub(crate) struct Room {
    file: File,
    pub(crate) path: PathBuf,
}

impl Room {
    /// A disk with endless room.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        fs::write(path, [0; 16])?;
        let file = File::options().read(true).write(true).open(path)?;
        let room = Self { file, path: path.to_owned() };
        room.limit(i64::MAX)?;
        Ok(room)
    }

    /// Bytes written since the server was started.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn written(&self) -> Result<i64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, 8)?;
        Ok(i64::from_le_bytes(bytes))
    }

    /// Lets so many bytes be written, counted from the start of the server.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn limit(&self, bytes: i64) -> Result<()> {
        Ok(self.file.write_all_at(&bytes.to_le_bytes(), 0)?)
    }
}
