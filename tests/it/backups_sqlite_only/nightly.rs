//! The unit for nightly backups, whose commands run here as systemd runs them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::{check, names, path, school_of_two, succeeds};
use crate::school::{Database, matricula};

const FOLDER: &str = "/var/lib/matricula/backups";

/// The value of this setting of the unit, as systemd reads it.
fn setting(name: &str) -> String {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd/matricula-backup.service");
    let unit = fs::read_to_string(unit).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("the unit has no {name}")).replace("$$", "$").replace("%%", "%")
}

fn runs(line: &str, database: &Database, folder: &Path) -> Output {
    // Only the quotes of a shell: systemd has no patterns.
    let line = format!("set -f; {}", line.replace(FOLDER, folder.to_str().unwrap()));
    let line = line.replace("/usr/bin/matricula", matricula().get_program().to_str().unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).env("MATRICULA_DATABASE", database.argument()).env("KEEP_DAYS", "14");
    shell.output().unwrap()
}

#[tokio::test]
async fn a_nightly_backup_has_the_time_in_its_name_and_old_ones_are_deleted_after_it() {
    let (database, folder) = (school_of_two().await, tempfile::tempdir().unwrap());
    for (days, name) in [("15", "old.db"), ("15", "killed.db.0a1b2c3d.partial"), ("13", "recent.db")] {
        let file = folder.path().join(format!("school-{name}"));
        fs::write(&file, "").unwrap();
        let touched =
            Command::new("touch").args(["-d", &format!("{days} days ago 1 hour ago")]).arg(file).status();
        assert!(touched.unwrap().success());
    }
    fs::write(folder.path().join("notes.txt"), "").unwrap();

    succeeds(&runs(&setting("ExecStart"), &database, folder.path()));
    succeeds(&runs(&setting("ExecStartPost"), &database, folder.path()));

    let names = names(folder.path());
    assert_eq!((&*names[0], &*names[2]), ("notes.txt", "school-recent.db"), "{names:?}");
    let name = regex::Regex::new(r"^school-20\d\d-\d\d-\d\dT\d\d-\d\d-\d\dZ\.db$").unwrap();
    assert!(name.is_match(&names[1]) && names.len() == 3, "{names:?}");
    succeeds(&check(&folder.path().join(&names[1])));
    assert!(path(&database).exists());
}
