//! The disk of a database file: who can read it, how much is free, and how long a flush takes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{statfs, statvfs};

use super::finding::{Finding, size};

/// Room for a copy of the database, and this much more for its write-ahead log and a migration.
const ROOM: u64 = 512 << 20;
/// How long a commit may wait for the disk before people notice it on registration day.
const SLOW_FLUSH: Duration = Duration::from_millis(20);
/// How often to flush; the middle one counts.
const FLUSHES: usize = 21;
/// What one flush writes: a page of the database.
const PAGE: [u8; 4096] = [0; 4096];
/// The rights that users have who are neither the owner nor in the group of a file.
const OTHERS: u32 = 0o007;
/// File systems on other machines, by the numbers that Linux has for them: NFS, SMB, SMB2 and CIFS.
const REMOTE: [u32; 4] = [0x6969, 0x517b, 0xfe53_4d42, 0xff53_4d42];
/// File systems in memory: tmpfs and ramfs.
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

/// Checks the disk of an existing database file.
pub(super) fn disk(path: &Path) -> Vec<Finding> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unknown =
        |check| move |error: io::Error| Finding::unknown(check, format!("{}: {error}", folder.display()));
    vec![
        rights(path).unwrap_or_else(unknown("rights")),
        kind(folder).unwrap_or_else(unknown("file system")),
        space(path, folder).unwrap_or_else(unknown("space")),
        flushes(folder).map_or_else(unknown("flush"), |took| flush(took, folder)),
    ]
}

fn rights(path: &Path) -> io::Result<Finding> {
    let mode = fs::metadata(path)?.permissions().mode();
    let shown = path.display();
    Ok(if mode & OTHERS == 0 {
        Finding::ok("rights", format!("only the owner and the group may use {shown}"))
    } else {
        Finding::wrong(
            "rights",
            format!("every user of this machine has rights to {shown}, which has names and addresses in it"),
            format!("chmod o= {shown}, and let the folder be of matricula's user only"),
        )
    })
}

fn kind(folder: &Path) -> io::Result<Finding> {
    let kind = u32::try_from(statfs(folder)?.f_type).unwrap_or_default();
    Ok(if REMOTE.contains(&kind) {
        Finding::wrong(
            "file system",
            format!("{} is on another machine, where SQLite's locks are not reliable", folder.display()),
            "move the database to a disk of this machine, or use PostgreSQL",
        )
    } else if IN_MEMORY.contains(&kind) {
        Finding::wrong(
            "file system",
            format!("{} is in memory: everything is lost when the machine stops", folder.display()),
            "move the database to a disk",
        )
    } else {
        Finding::ok("file system", format!("{} is on a disk of this machine", folder.display()))
    })
}

fn space(path: &Path, folder: &Path) -> io::Result<Finding> {
    let found = statvfs(folder)?;
    let (free, needed) = (found.f_bavail.saturating_mul(found.f_frsize), fs::metadata(path)?.len() + ROOM);
    Ok(enough(free, needed))
}

fn enough(free: u64, needed: u64) -> Finding {
    if free >= needed {
        Finding::ok("space", format!("{} are free", size(free)))
    } else {
        Finding::wrong(
            "space",
            format!("{} are free, and a copy of the database and its log need {}", size(free), size(needed)),
            "free some space, or move the database to a larger disk",
        )
    }
}

fn flush(took: Duration, folder: &Path) -> Finding {
    let detail =
        format!("a flush to the disk of {} takes {:.1} ms", folder.display(), took.as_secs_f64() * 1e3);
    if took <= SLOW_FLUSH {
        Finding::ok("flush", detail)
    } else {
        Finding::wrong(
            "flush",
            detail,
            "each commit waits for one: use a faster disk, such as an SSD of this machine",
        )
    }
}

/// The median time of a flush.
fn flushes(folder: &Path) -> io::Result<Duration> {
    let path = folder.join(format!(".matricula-doctor-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let took = (0..FLUSHES).map(|_| {
        let began = Instant::now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        Ok(began.elapsed())
    });
    let took: io::Result<Vec<_>> = took.collect();
    fs::remove_file(&path)?;
    let mut took = took?;
    took.sort_unstable();
    Ok(took.get(FLUSHES / 2).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::State;

    #[test]
    fn a_slow_disk_and_a_full_one_are_wrong() {
        let folder = Path::new("/var/lib/matricula");
        assert_eq!(flush(Duration::from_micros(300), folder).state, State::Ok);
        let slow = flush(Duration::from_millis(31), folder);
        assert_eq!(
            (slow.state, slow.detail.as_str()),
            (State::Wrong, "a flush to the disk of /var/lib/matricula takes 31.0 ms")
        );
        assert_eq!(enough(2 << 30, 1 << 30).state, State::Ok);
        let full = enough(100 << 20, 600 << 20);
        assert_eq!(full.detail, "100 MiB are free, and a copy of the database and its log need 600 MiB");
        assert_eq!(full.state, State::Wrong);
    }

    #[test]
    fn measuring_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert!(flushes(folder.path()).unwrap() > Duration::ZERO);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
