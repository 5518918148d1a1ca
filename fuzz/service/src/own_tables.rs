//! A file of another program, to be adopted with a mapping.

use std::fs;
use std::path::{Path, PathBuf};

use matricula::adoption::{MigrateOptions, migrate_with};
use matricula::audit::audit;
use matricula::clock::Clock;
use matricula::db::Location;
use matricula::mapping::{Mapping, open_db};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const TABLES: &str = "
    create table student (id integer primary key, first_name text not null, last_name text, email text unique, no text);
    create table course (id integer primary key, name text, credits integer not null default 3, code text);
    create table enrollment (id integer primary key, student_id integer not null references student,
        course_id integer not null references course, enrolled_on text, status text);
    insert into student values (1, 'Ana', 'García', 'ana@example.edu', '0042'), (2, 'Ben', null, null, '0043');
    insert into course (id, name, code) values (1, 'Algebra', 'MA-1'), (2, 'Botany', null);
    insert into enrollment values (1, 1, 1, '2026-02-01', 'active'), (2, 2, 1, '2026-02-03', 'dropped'),
        (3, 2, 2, null, 'active');";

/// The tables of another program.
pub struct OwnTables {
    runtime: Runtime,
    folder: TempDir,
    original: Vec<u8>,
}

impl OwnTables {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("original.db");
        Connection::open(&path).unwrap().execute_batch(TABLES).unwrap();
        let original = fs::read(path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, folder, original }
    }

    /// Adopts a copy with a mapping. Returns whether the text was a mapping.
    pub fn adopt(&self, text: &str) -> bool {
        let Ok(mapping) = Mapping::parse(text) else { return false };
        let path = self.folder.path().join("copy.db");
        fs::write(&path, &self.original).unwrap();
        let location = Location::parse(path.as_os_str()).unwrap();
        let options = MigrateOptions { mapping: Some(mapping), ..MigrateOptions::default() };
        match self.runtime.block_on(migrate_with(&location, &Clock::System, &options)) {
            Ok(_) => {
                let audit = async { audit(&open_db(&location).await.unwrap().0).await.unwrap() };
                let audit = self.runtime.block_on(audit);
                assert!(audit.findings.is_empty(), "{:?}", audit.findings);
                assert_eq!(rows(&path), ["2", "2", "3"], "rows of the other program are gone");
            }
            Err(refused) => {
                assert!(!refused.to_string().is_empty());
                assert!(fs::read(&path).unwrap() == self.original, "refused, but the file has changed: {refused}");
            }
        }
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(PathBuf::from(format!("{}{ending}", path.display())));
        }
        true
    }
}

impl Default for OwnTables {
    fn default() -> Self {
        Self::new()
    }
}

fn rows(path: &Path) -> Vec<String> {
    let file = Connection::open(path).unwrap();
    let count = |table| format!("select cast(count(*) as text) from {table}");
    let counts = ["student", "course", "enrollment"].map(count);
    counts.iter().map(|sql| file.query_row(sql, [], |row| row.get(0)).unwrap()).collect()
}
