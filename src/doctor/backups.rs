//! Whether the last backup is recent.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::finding::Finding;
use crate::clock::Clock;

/// How old the newest backup may be: one a day, and time to write it.
const MAX_AGE: Duration = Duration::from_hours(25);

/// Checks the newest file of a folder.
#[must_use]
pub fn backups(folder: &Path, clock: &Clock) -> Finding {
    let shown = folder.display();
    let advice = "back up at least once a day: see \"Back up and restore\" in docs/operate/backup.md";
    let newest = match newest(folder) {
        Ok(Some(newest)) => newest,
        Ok(None) => return Finding::wrong("backups", format!("{shown} has no backup"), advice),
        Err(error) => {
            let advice = "name the folder of the backups, and run this as a user who may read it";
            return Finding::wrong("backups", format!("{shown} cannot be read: {error}"), advice);
        }
    };
    let age = Timestamp::try_from(newest).map(|newest| clock.now().duration_since(newest).as_hours());
    match age {
        Ok(hours) if hours < i64::try_from(MAX_AGE.as_secs() / 3_600).unwrap_or(i64::MAX) => {
            Finding::ok("backups", format!("the newest in {shown} is {hours} hours old"))
        }
        Ok(hours) => Finding::wrong("backups", format!("the newest in {shown} is {hours} hours old"), advice),
        Err(error) => {
            Finding::unknown("backups", format!("the newest in {shown} has no usable time: {error}"))
        }
    }
}

/// Endings of files that a killed backup leaves behind, and of SQLite's own files beside a database.
const NO_BACKUPS: [&str; 4] = ["partial", "-wal", "-shm", "-journal"];

/// When the newest backup was made: any file with content.
fn newest(folder: &Path) -> io::Result<Option<SystemTime>> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_backup = !NO_BACKUPS.iter().any(|ending| path.to_string_lossy().ends_with(ending));
        let file = fs::metadata(&path)?;
        if is_backup && file.is_file() && file.len() > 0 {
            newest = newest.max(Some(file.modified()?));
        }
    }
    Ok(newest)
}
