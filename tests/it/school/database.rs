use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use matricula::db::Location;
use tempfile::TempDir;

/// A database for one test: a file, or a new database on the server that `MATRICULA_TEST_POSTGRES` names. Deleted with
/// its last clone.
#[derive(Clone)]
pub(crate) struct Database(Arc<Inner>);

struct Inner {
    folder: TempDir,
    /// The value of `--database`.
    argument: OsString,
    location: Location,
    created_on: Option<Server>,
}

struct Server {
    url: String,
    name: String,
}

impl Database {
    pub(crate) fn new() -> Self {
        let server = std::env::var("MATRICULA_TEST_POSTGRES").ok().filter(|url| !url.is_empty());
        server.map_or_else(Self::file, Self::new_on)
    }

    /// A file, alone in its folder; does not exist yet.
    pub(crate) fn file() -> Self {
        let folder = TempDir::new().unwrap();
        let argument = folder.path().join("school.db").into_os_string();
        let location = Location::parse(&argument).unwrap();
        Self(Arc::new(Inner { folder, argument, location, created_on: None }))
    }

    /// A new database on this server.
    pub(crate) fn new_on(server: String) -> Self {
        let folder = TempDir::new().unwrap();
        let name = format!("matricula_test_{}_{:08x}", std::process::id(), fastrand::u32(..));
        OtherProgram::at(&server).execute_batch(&format!("create database {name}")).unwrap();
        let argument: OsString = url_of(&server, &name).into();
        let location = Location::parse(&argument).unwrap();
        let created_on = Some(Server { url: server, name });
        Self(Arc::new(Inner { folder, argument, location, created_on }))
    }

    /// A copy of this database as it is now; who is still connected to one on a server is disconnected.
    pub(crate) fn copy(&self) -> Self {
        let Some(Server { url, name }) = &self.0.created_on else {
            let copy = Self::file();
            let mut command = super::matricula();
            command.args(["backup", "--database"]).args([&self.0.argument, &copy.0.argument]);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            return copy;
        };
        let copy = Self::new_on(url.clone());
        let created = &copy.0.created_on.as_ref().unwrap().name;
        // Connections that this thread's runtime is yet to close end only after this call, which blocks it.
        let disconnect =
            format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
        let create = format!("create database {created} template {name}");
        for sql in [format!("drop database {created}"), disconnect, create] {
            OtherProgram::at(url).execute_batch(&sql).unwrap();
        }
        copy
    }

    /// An existing database, which is not dropped.
    pub(crate) fn at(url: String) -> Self {
        let argument = OsString::from(url);
        let (folder, location) = (TempDir::new().unwrap(), Location::parse(&argument).unwrap());
        Self(Arc::new(Inner { folder, argument, location, created_on: None }))
    }

    /// The value of `--database`.
    pub(crate) fn argument(&self) -> &OsString {
        &self.0.argument
    }

    pub(crate) fn location(&self) -> &Location {
        &self.0.location
    }

    /// A temporary folder for the test; a database file is in it.
    pub(crate) fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    pub(crate) fn is_on_a_server(&self) -> bool {
        matches!(self.0.location, Location::Server(_))
    }

    /// Runs statements in SQLite's dialect as another program, on a connection of its own.
    pub(crate) fn runs(&self, sql: &str) {
        let other = self.other_program();
        other.execute_batch(sql).unwrap();
        if self.is_on_a_server() {
            // SQLite continues after the highest id by itself; a sequence has to be moved.
            for table in ["students", "courses"] {
                let _ = other.execute_batch(&format!(
                    "select setval(pg_get_serial_sequence('{table}', 'id'), (select max(id) from {table}))"
                ));
            }
        }
    }

    /// Another program's connection.
    pub(crate) fn other_program(&self) -> OtherProgram {
        match &self.0.location {
            Location::File(path) => OtherProgram::Sqlite(rusqlite::Connection::open(path).unwrap()),
            Location::Server(_) => OtherProgram::at(self.0.argument.to_str().unwrap()),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(Server { url, name }) = &self.created_on {
            let _ =
                OtherProgram::at(url).execute_batch(&format!("drop database if exists {name} with (force)"));
        }
    }
}

/// The URL of another database of the same server.
fn url_of(server: &str, database: &str) -> String {
    let (before, options) = server.split_once('?').unwrap_or((server, ""));
    let hosts = before.find("://").map_or(0, |scheme| scheme + 3);
    let end = before[hosts..].find('/').map_or(before.len(), |slash| hosts + slash);
    format!("{}/{database}{}{options}", &before[..end], if options.is_empty() { "" } else { "?" })
}

/// A connection of another program. Dropping it rolls back an open transaction.
pub(crate) enum OtherProgram {
    Sqlite(rusqlite::Connection),
    /// On a thread of its own, since waiting would block the test's runtime.
    Postgres(mpsc::Sender<Statement>),
}

type Statement = (String, mpsc::Sender<Result<Vec<String>, String>>);

impl OtherProgram {
    pub(crate) fn at(url: &str) -> Self {
        let (sender, statements) = mpsc::channel::<Statement>();
        let config: tokio_postgres::Config = url.parse().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let connected = runtime.block_on(config.connect(tokio_postgres::NoTls));
            let client = connected.map(|(client, connection)| {
                runtime.spawn(connection);
                client
            });
            for (sql, answer) in statements {
                let answered = match &client {
                    Ok(client) => runtime.block_on(client.simple_query(&sql)).map(first_columns),
                    Err(error) => {
                        let _ = answer.send(Err(format!("{error:?}")));
                        continue;
                    }
                };
                let _ = answer.send(answered.map_err(|error| format!("{error:?}")));
            }
        });
        Self::Postgres(sender)
    }

    /// Runs statements in the part of SQLite's dialect that the tests use.
    pub(crate) fn execute_batch(&self, sql: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(sql).map_err(|error| error.to_string()),
            Self::Postgres(_) => self.ask(&to_postgres(sql)).map(drop),
        }
    }

    /// The first column of the rows of a query.
    pub(crate) fn column(&self, sql: &str) -> Vec<String> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare(sql).unwrap();
                let rows = statement.query_map([], |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
                rows.map(|value| match value.unwrap() {
                    rusqlite::types::Value::Integer(value) => value.to_string(),
                    rusqlite::types::Value::Text(value) => value,
                    other => panic!("{other:?}"),
                })
                .collect()
            }
            Self::Postgres(_) => self.ask(sql).unwrap(),
        }
    }

    fn ask(&self, sql: &str) -> Result<Vec<String>, String> {
        let Self::Postgres(sender) = self else { unreachable!("SQLite has no thread") };
        let (answer, answered) = mpsc::channel();
        sender.send((sql.to_owned(), answer)).unwrap();
        answered.recv().unwrap()
    }
}

fn first_columns(messages: Vec<tokio_postgres::SimpleQueryMessage>) -> Vec<String> {
    let rows = messages.into_iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    rows.collect()
}

/// Translates statements from SQLite's dialect.
fn to_postgres(sql: &str) -> String {
    sql.replace("integer primary key", "bigint generated by default as identity primary key")
        .replace("begin immediate", "begin; update log_head set last_seq = last_seq")
        .replace("pragma foreign_keys = off", "set session_replication_role = replica")
        .replace("char(10)", "chr(10)")
}
