//! A file that appears under its name whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Endings of the files that SQLite keeps next to a database, and would apply to a new one.
pub(super) const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Only the owner can read it: it has personal data.
const MODE: u32 = 0o600;

/// A new file, which has another name next to its own until it is complete. Dropped before, it is deleted.
#[derive(Debug)]
pub(super) struct NewFile {
    partial: PathBuf,
    to: PathBuf,
}

impl NewFile {
    /// Creates it, empty.
    ///
    /// # Errors
    /// If a file `to` exists, or it cannot be created.
    pub(super) fn create(to: &Path) -> anyhow::Result<Self> {
        ensure_missing(to)?;
        let Some(name) = to.file_name() else { bail!("{} does not name a file", to.display()) };
        let mut partial = name.to_owned();
        partial.push(format!(".{:08x}.partial", fastrand::u32(..)));
        let partial = to.with_file_name(partial);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&partial)
            .with_context(|| format!("cannot create {}", partial.display()))?;
        Ok(Self { partial, to: to.to_owned() })
    }

    /// The path at which it is until it is complete.
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// Flushes it to stable storage, gives it its name, and returns its size in bytes.
    ///
    /// # Errors
    /// If somebody has created a file with this name in the meantime, or the disk refuses it; it is then deleted.
    pub(super) fn publish(self) -> anyhow::Result<u64> {
        let published = self.flush_and_rename();
        published.with_context(|| format!("cannot write {}", self.to.display()))
    }

    fn flush_and_rename(&self) -> io::Result<u64> {
        let file = File::open(&self.partial)?;
        file.sync_all()?;
        rename_to_new(&self.partial, &self.to)?;
        // Otherwise the name can be gone after a power cut.
        File::open(folder(&self.to))?.sync_all()?;
        Ok(file.metadata()?.len())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let side_files = SIDE_FILES.map(|ending| with_ending(&self.partial, ending));
        for path in [&self.partial].into_iter().chain(&side_files) {
            #[expect(clippy::let_underscore_must_use, reason = "it has its name by now, or is of no use")]
            let _ = fs::remove_file(path);
        }
    }
}

/// Refuses a file that exists, and files that would be taken for a part of it.
fn ensure_missing(to: &Path) -> anyhow::Result<()> {
    let exists = |path: &Path| path.symlink_metadata().is_ok();
    ensure!(!to.is_dir(), "{} is a folder: name a file in it", to.display());
    ensure!(!exists(to), "{} exists already; no file is overwritten", to.display());
    for ending in SIDE_FILES {
        let side_file = with_ending(to, ending);
        ensure!(
            !exists(&side_file),
            "{} is left over from another database and would be taken for a part of this one: move it away",
            side_file.display()
        );
    }
    Ok(())
}

/// Renames a file unless the new name is taken.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot do both at once.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            if to.symlink_metadata().is_ok() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        done => Ok(done?),
    }
}

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The path with this ending appended to its name.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
