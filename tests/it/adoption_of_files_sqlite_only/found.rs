use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use matricula::adoption::{self, DryRun, MigrateError, MigrateOptions, Report};
use matricula::clock::{Clock, ManualClock};
use matricula::db::Location;
use matricula::mapping::Mapping;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::school::{Database, FIRST_DAY, School};

/// A database that existed before matricula, alone in its folder.
pub(crate) struct Found {
    database: Database,
    pub(crate) path: PathBuf,
}

impl Found {
    /// No database yet.
    pub(crate) fn nothing() -> Self {
        let database = Database::file();
        let path = database.argument().into();
        Self { database, path }
    }

    /// Created by the `sqlite3` shell.
    pub(crate) fn by_shell(script: &str) -> Self {
        let found = Self::nothing();
        found.shell(script);
        found
    }

    /// Created by a Flask-SQLAlchemy application.
    pub(crate) fn by_flask(commands: &str) -> Self {
        let found = Self::nothing();
        found.flask(commands);
        found
    }

    /// Created by matricula itself, with a few rows.
    pub(crate) async fn by_matricula() -> Self {
        let found = Self::nothing();
        let school = School::open_at(&found.database).await;
        let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
        ana.enrolls_in(&algebra).await.is_created();
        school.close().await;
        found
    }

    /// Runs a script in the `sqlite3` shell, on its standard input, since an argument cannot begin with `--`.
    pub(crate) fn shell(&self, script: &str) -> String {
        let mut shell = Command::new("sqlite3");
        let pipes = shell.arg("-bail").arg(&self.path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        stdout_of(child.wait_with_output().unwrap())
    }

    /// Runs commands of `legacy/app.py`, one per line, words separated by `|`, and returns what it prints.
    pub(crate) fn flask(&self, commands: &str) -> String {
        self.python("app.py", commands)
    }

    /// The same for `legacy/django_app.py`.
    pub(crate) fn django(&self, commands: &str) -> String {
        self.python("django_app.py", commands)
    }

    fn python(&self, app: &str, commands: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/tools/venv/bin/python");
        assert!(python.exists(), "{} is missing: run `cargo xtask setup` first", python.display());
        let app = root.join("tests/it/legacy").join(app);
        let words = commands.trim().replace('\n', "|--|");
        let words = words.split('|').map(str::trim);
        stdout_of(Command::new(python).arg("-B").arg(app).arg(&self.path).args(words).output().unwrap())
    }

    pub(crate) fn location(&self) -> &Location {
        self.database.location()
    }

    pub(crate) async fn migrate(&self) -> Result<Report, MigrateError> {
        adoption::migrate(self.location(), &first_day()).await
    }

    /// Migrates with a mapping, as its file has it.
    pub(crate) async fn migrate_with(&self, mapping: &str) -> Result<Report, MigrateError> {
        let mapping = Some(Mapping::parse(mapping).unwrap());
        let options = MigrateOptions { mapping, ..MigrateOptions::default() };
        adoption::migrate_with(self.location(), &first_day(), &options).await
    }

    pub(crate) async fn dry_run(&self) -> Result<DryRun, MigrateError> {
        adoption::dry_run(self.location(), &first_day(), &MigrateOptions::default()).await
    }

    /// Migrates it and serves it.
    pub(crate) async fn opens(&self) -> School {
        School::open_at(&self.database).await
    }

    /// The rows of a query, columns separated by `|`.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        let connection = Connection::open(&self.path).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let columns = 0..statement.column_count();
        let text = |value: ValueRef<'_>| match value {
            ValueRef::Null => String::new(),
            ValueRef::Integer(value) => value.to_string(),
            ValueRef::Real(value) => value.to_string(),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        let rows = statement
            .query_map([], |row| {
                let values = columns.clone().map(|column| Ok(text(row.get_ref(column)?)));
                Ok(values.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
            })
            .unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// Every definition that belongs to `students` and `courses`, and every byte of every row with its type.
    pub(crate) fn students_and_courses(&self) -> Vec<String> {
        let mut all = self.rows(
            "select sql from sqlite_schema where lower(tbl_name) in ('students', 'courses') order by rowid",
        );
        for table in ["students", "courses"] {
            let columns = self.rows(&format!("select name from pragma_table_xinfo('{table}')"));
            let exact = |column| format!("typeof(\"{column}\") || quote(\"{column}\") || hex(\"{column}\")");
            let exact: Vec<String> = columns.iter().map(exact).collect();
            all.extend(self.rows(&format!("select rowid, {} from {table} order by rowid", exact.join(", "))));
        }
        all
    }

    /// Every file of the folder, byte for byte, including any journal that was left behind.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let files = fs::read_dir(self.database.folder()).unwrap().map(Result::unwrap);
        files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
    }
}

fn first_day() -> Clock {
    let clock = ManualClock::default();
    clock.set(FIRST_DAY.parse().unwrap());
    Clock::Manual(clock)
}

fn stdout_of(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
