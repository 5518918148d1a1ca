use std::path::Path;
use std::process::{Command, Output};

use matricula::adoption::{self, DryRun, MigrateError, MigrateOptions, Report};
use matricula::clock::{Clock, ManualClock};
use matricula::db::Location;
use xtask::postgres::{Server, programs};

use crate::school::{Database, FIRST_DAY, OtherProgram, School};

/// A database on a server of its own, since roles belong to the whole server.
pub(crate) struct Found {
    pub(crate) server: Server,
    /// Connects with matricula's role.
    database: Database,
    owner: OtherProgram,
}

impl Found {
    /// The owner is `postgres`; matricula connects as `registrar`, which has these grants.
    pub(crate) fn by_owner(script: &str, grants: &str) -> Self {
        Self::with_options(script, grants, "")
    }

    /// As `by_owner`, with a query string for matricula's URL.
    pub(crate) fn with_options(script: &str, grants: &str, options: &str) -> Self {
        let server = Server::start().unwrap();
        let owner = OtherProgram::at(&server.url());
        owner.execute_batch("create role registrar login").unwrap();
        owner.execute_batch(script).unwrap();
        owner.execute_batch(grants).unwrap();
        let url = server.url().replace("postgres@", "registrar@");
        let database = Database::at(format!("{url}{options}"));
        Self { server, database, owner }
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn location(&self) -> &Location {
        self.database.location()
    }

    pub(crate) async fn migrate(&self) -> Result<Report, MigrateError> {
        adoption::migrate(self.location(), &first_day()).await
    }

    pub(crate) async fn dry_run(&self) -> Result<DryRun, MigrateError> {
        adoption::dry_run(self.location(), &first_day(), &MigrateOptions::default()).await
    }

    pub(crate) async fn opens(&self) -> School {
        School::open_at(&self.database).await
    }

    /// Runs statements as the owner.
    pub(crate) fn owner_runs(&self, sql: &str) {
        self.owner.execute_batch(sql).unwrap();
    }

    /// The first column of a query, run as the owner.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        self.owner.column(sql)
    }

    /// Everything that `pg_dump` prints about these tables: definitions, defaults, keys, indexes, triggers, grants,
    /// comments, owners, rows. In addition the place and the transaction of each row, which show that it was not
    /// rewritten.
    pub(crate) fn dump(&self, tables: &[&str]) -> String {
        let mut dump = Command::new(programs().unwrap().join("pg_dump"));
        dump.arg(self.server.url());
        for table in tables {
            dump.args(["--table", &format!("{table}*")]);
        }
        let mut all = stdout_of(dump.args(["--exclude-table", "student_courses*"]).output().unwrap());
        // The newest versions of `pg_dump` print lines with a random word.
        all = all.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n");
        for table in tables {
            all += &self.rows(&format!("select ctid || ' ' || xmin from {table} order by 1")).join("\n");
        }
        all
    }

    /// Every relation with its kind and its file, to show that none was added, removed or rewritten.
    pub(crate) fn names(&self) -> Vec<String> {
        self.rows(
            "select relnamespace::regnamespace || '.' || relname || ' ' || cast(relkind as text) || ' ' || relfilenode from pg_class
             where relnamespace::regnamespace::text !~ '^(pg_|information_schema)' order by 1",
        )
    }

    /// Runs commands of `legacy/app.py`, one per line, words separated by `|`, and returns what it prints.
    pub(crate) fn flask(&self, commands: &str) -> String {
        stdout_of(self.flask_runs(commands))
    }

    fn flask_runs(&self, commands: &str) -> Output {
        let python = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/venv/bin/python"));
        let app = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/legacy/app.py");
        let url = self.server.url().replace("postgres://postgres@", "postgresql+psycopg2://flask@");
        let words = commands.trim().replace('\n', "|--|");
        let words = words.split('|').map(str::trim);
        Command::new(python).arg("-B").arg(app).arg(url).args(words).output().unwrap()
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
