//! Files that this process keeps open: when a process closes a file, it loses all of its locks on that file (POSIX),
//! including those of SQLite. So a file is opened once, and closed only when it is gone.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Every file that is kept open.
static KEPT: Mutex<Vec<Arc<File>>> = Mutex::new(Vec::new());

/// The file at `path`, opened if this process does not have it open here.
pub(super) fn keep(path: &Path) -> io::Result<Arc<File>> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    // Nobody can open a file any more that has no name, so no lock on it matters once its database is closed.
    kept.retain(|file| Arc::strong_count(file) > 1 || file.metadata().map_or(true, |about| has_name(&about)));
    let about = std::fs::metadata(path)?;
    let same = kept.iter().find(|file| file.metadata().is_ok_and(|other| is_same(&about, &other)));
    if let Some(file) = same {
        return Ok(Arc::clone(file));
    }
    let file = Arc::new(File::open(path)?);
    kept.push(Arc::clone(&file));
    Ok(file)
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(unix)]
fn has_name(about: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    about.nlink() > 0
}

/// Other systems have no such locks, so a file can be opened again.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn has_name(_: &Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_opened_once_and_closed_when_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("school.db");
        std::fs::write(&path, "first").unwrap();
        let first = keep(&path).unwrap();
        assert!(Arc::ptr_eq(&first, &keep(&path).unwrap()));

        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "second").unwrap();
        let second = keep(&path).unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(Arc::strong_count(&first), 2, "somebody still uses it");
        let gone = Arc::downgrade(&first);
        drop(first);
        keep(&path).unwrap();
        assert!(gone.upgrade().is_none());
    }
}
