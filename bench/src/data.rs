//! The schools: made once by the service itself, copied for every contender.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use rusqlite::Connection as File;
use tokio_postgres::NoTls;
use xtask::postgres::Server;

use crate::client::Connection;
use crate::process::{Service, on_the_servers_core};
use crate::work::{post, put};

/// Where the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

pub(crate) const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Whose tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tables {
    /// As the service has them.
    Ours,
    /// The same rows without the log, in tables that number their rows themselves.
    Plain,
}

/// How many there are of everything, and so which ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct School {
    pub(crate) students: u64,
}

impl School {
    /// Courses that students take already, up to five each.
    pub(crate) const TAKEN: u64 = 1_000;
    /// Courses that nobody takes yet.
    const FRESH: u64 = 400;
    /// Courses that nobody takes yet, with seats that are counted, and enough of them.
    pub(crate) const HOT: u64 = 20;

    pub(crate) fn fresh(number: u64) -> u64 {
        Self::TAKEN + 1 + number % Self::FRESH
    }

    pub(crate) fn hot(number: u64) -> u64 {
        Self::TAKEN + Self::FRESH + 1 + number % Self::HOT
    }
}

/// The settings of the server that all contenders share: durable, with memory to work in.
pub(crate) const POSTGRES: [&str; 5] =
    ["fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=1GB", "max_wal_size=8GB"];

/// Everything that is measured on. The files are kept from one run to the next, the server is not.
pub(crate) struct Data {
    folder: PathBuf,
    matricula: PathBuf,
    postgres: Server,
    made: HashMap<School, String>,
    copies: HashMap<String, String>,
}

impl Data {
    /// Data that `matricula` makes: the oldest build that is measured.
    pub(crate) fn open(folder: PathBuf, matricula: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let postgres = on_the_servers_core(|| Server::start_with(&POSTGRES, |_| Ok(())))?;
        Ok(Self { folder, matricula, postgres, made: HashMap::new(), copies: HashMap::new() })
    }

    /// A database of its own for `owner`, who finds it again at the next turn.
    pub(crate) async fn of(
        &mut self,
        owner: &str,
        engine: Engine,
        school: School,
        tables: Tables,
    ) -> Result<String> {
        let name: String = format!("{owner}_{}", school.students)
            .to_lowercase()
            .replace(|c: char| !c.is_alphanumeric(), "_");
        if let Some(copy) = self.copies.get(&name) {
            return Ok(copy.clone());
        }
        let template = self.template(engine, school).await?;
        let copy = match (engine, tables) {
            (Engine::Sqlite, Tables::Ours) => copy_file(&template, &self.file(&name))?,
            (Engine::Sqlite, Tables::Plain) => plain_file(&template, &self.file(&name))?,
            (Engine::Postgres, tables) => self.copy_database(&template, &name, tables).await?,
        };
        self.copies.insert(name, copy.clone());
        Ok(copy)
    }

    /// A sample school, as whoever tries the service out has it.
    pub(crate) async fn sample(&mut self, engine: Engine, students: u32, courses: u32) -> Result<String> {
        let name = format!("sample_{students}_{courses}");
        let database = match engine {
            Engine::Sqlite => {
                remove(&self.file(&name))?;
                text(&self.file(&name))
            }
            Engine::Postgres => {
                self.on_server(&format!("drop database if exists {name}")).await?;
                self.on_server(&format!("create database {name}")).await?;
                self.postgres.url_of(&name)
            }
        };
        self.add_sample(&database, &students.to_string(), &courses.to_string())?;
        if engine == Engine::Postgres {
            self.on_server_in(&name, "vacuum analyze").await?;
        }
        Ok(database)
    }

    fn add_sample(&self, database: &str, students: &str, courses: &str) -> Result<()> {
        let mut sample = Command::new(&self.matricula);
        sample.args(["sample", "--database", database, "--students", students, "--courses", courses]);
        ensure!(sample.stdout(Stdio::null()).status()?.success(), "{sample:?} failed");
        Ok(())
    }

    /// Where the files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.db"))
    }

    async fn template(&mut self, engine: Engine, school: School) -> Result<String> {
        let name = format!("school_{}", school.students);
        match engine {
            Engine::Sqlite => {
                let (made, making) = (self.file(&name), self.file("making"));
                if !made.exists() {
                    remove(&making)?;
                    self.make(&text(&making), school).await?;
                    fs::rename(making, &made)?;
                }
                Ok(text(&made))
            }
            Engine::Postgres => {
                if let Some(made) = self.made.get(&school) {
                    return Ok(made.clone());
                }
                self.on_server(&format!("create database {name}")).await?;
                self.make(&self.postgres.url_of(&name), school).await?;
                // As the server would by itself some time after, in the middle of a measurement.
                self.on_server_in(&name, "vacuum analyze").await?;
                self.on_server("checkpoint").await?;
                self.made.insert(school, name.clone());
                Ok(name)
            }
        }
    }

    /// Through the service itself, so that the log tells of everything.
    async fn make(&self, database: &str, school: School) -> Result<()> {
        let (students, courses) = (school.students.to_string(), School::TAKEN.to_string());
        self.add_sample(database, &students, &courses)?;
        let service = Service::that_tells(&serve(&self.matricula, database))?;
        let mut connection = Connection::open(service.address).await?;
        for number in 0..School::FRESH + School::HOT {
            let course = format!("{{\"name\":\"Fresh {number}\",\"level\":\"graduate\"}}");
            let told = connection.ask(&post("/api/v1/courses", &course)).await?;
            let expected = format!("{{\"id\":{},", School::TAKEN + 1 + number);
            ensure!(told.starts_with(expected.as_bytes()), "the courses have other ids");
        }
        for number in 0..School::HOT {
            let path = format!("/api/v1/courses/{}/seats", School::hot(number));
            connection.ask(&put(&path, "{\"capacity\":1000000,\"waitlist_capacity\":10}")).await?;
        }
        drop(connection);
        service.stop()
    }

    async fn copy_database(&self, template: &str, name: &str, tables: Tables) -> Result<String> {
        self.on_server(&format!("create database {name} template {template}")).await?;
        if tables == Tables::Plain {
            self.on_server_in(name, PLAIN_DATABASE).await?;
        }
        self.on_server("checkpoint").await?;
        Ok(self.postgres.url_of(name))
    }

    async fn on_server(&self, sql: &str) -> Result<()> {
        self.on_server_in("postgres", sql).await
    }

    async fn on_server_in(&self, database: &str, sql: &str) -> Result<()> {
        let (client, connection) = tokio_postgres::connect(&self.postgres.url_of(database), NoTls).await?;
        let driving = tokio::spawn(connection);
        client.batch_execute(sql).await?;
        drop(client);
        Ok(driving.await??)
    }
}

/// The service on a database.
pub(crate) fn serve(matricula: &Path, database: &str) -> Command {
    let mut command = Command::new(matricula);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--database", database]);
    command
}

const PLAIN_DATABASE: &str = "
    drop table events, log_head, waitlist, idempotency_keys, matricula_migrations;
    alter table course_seats drop column waitlist_capacity, drop column opens_at, drop column closes_at;
    alter table student_courses alter id add generated by default as identity;
    select setval(pg_get_serial_sequence('student_courses', 'id'), (select max(id) from student_courses));
    drop index student_courses_course;
    create index student_courses_course on student_courses (course_id);
    analyze";

const PLAIN_FILE: &str = "
    pragma journal_mode = wal;
    create table students (id integer primary key autoincrement, name text not null, email text not null);
    create table courses (id integer primary key autoincrement, name text not null, level text not null);
    create table student_courses (
        id integer primary key autoincrement,
        student_id integer not null references students (id),
        course_id integer not null references courses (id),
        enrolled_at text not null,
        unique (student_id, course_id)
    );
    create table course_seats (course_id integer primary key references courses (id), capacity integer);
    insert into students select id, name, email from ours.students;
    insert into courses select id, name, level from ours.courses;
    insert into student_courses select id, student_id, course_id, enrolled_at from ours.student_courses;
    create index student_courses_course on student_courses (course_id);
    insert into course_seats select course_id, capacity from ours.course_seats;
    analyze;";

fn plain_file(template: &str, copy: &Path) -> Result<String> {
    remove(copy)?;
    let file = File::open(copy)?;
    file.execute("attach $1 as ours", [template])?;
    file.execute_batch(PLAIN_FILE)?;
    Ok(text(copy))
}

fn copy_file(template: &str, copy: &Path) -> Result<String> {
    remove(copy)?;
    fs::copy(template, copy)?;
    // What is still to be written of it is not to be written while somebody is measured.
    fs::File::open(copy)?.sync_all()?;
    Ok(text(copy))
}

/// With its write-ahead log.
fn remove(file: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let path = PathBuf::from(format!("{}{suffix}", file.display()));
        if path.exists() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
