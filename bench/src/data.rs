//! The schools: made once by the service itself, and copied for every contender.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use rusqlite::Connection as File;
use tokio_postgres::NoTls;
use xtask::postgres::Server;

use crate::client::Connection;
use crate::process::{Service, on_server_core};
use crate::work::{post, put};

/// A database engine.
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

/// Which tables a copy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tables {
    /// Those of the service.
    Ours,
    /// The same rows without the log, in tables that assign their ids themselves.
    Plain,
    /// The same rows in tables of a school's own, which the service has adopted.
    Own,
}

/// The size of a school. All ids count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct School {
    pub(crate) students: u64,
}

impl School {
    /// Number of courses that already have students. Each student has up to five.
    pub(crate) const TAKEN: u64 = 1_000;
    /// Number of courses without students.
    const FRESH: u64 = 400;
    /// Number of further courses without students: enrollments go to all of them in turn.
    const SPREAD: u64 = 400;
    /// Number of courses without students, with limited seats that are more than the benchmark fills.
    pub(crate) const HOT: u64 = 20;

    /// The id of a course without students.
    pub(crate) fn fresh_course(number: u64) -> u64 {
        Self::TAKEN + 1 + number % Self::FRESH
    }

    /// The id of a course without students, another one for each number.
    pub(crate) fn spread_course(number: u64) -> u64 {
        Self::TAKEN + Self::FRESH + 1 + number % Self::SPREAD
    }

    /// The id of a course without students that has limited seats.
    pub(crate) fn hot_course(number: u64) -> u64 {
        Self::TAKEN + Self::FRESH + Self::SPREAD + 1 + number % Self::HOT
    }
}

/// The settings of the PostgreSQL server that all contenders share: durable, with enough memory.
pub(crate) const POSTGRES: [&str; 5] =
    ["fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=1GB", "max_wal_size=8GB"];

/// The databases. Files stay for the next run; the PostgreSQL server ends with this one.
pub(crate) struct Data {
    folder: PathBuf,
    matricula: PathBuf,
    postgres: Server,
    /// The templates that exist on the PostgreSQL server.
    templates: HashMap<School, String>,
    copies: HashMap<String, String>,
}

impl Data {
    /// Data that this build of `matricula` makes: the oldest one that is measured.
    pub(crate) fn open(folder: PathBuf, matricula: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let postgres = on_server_core(|| Server::start_with(&POSTGRES, |_| Ok(())))?;
        Ok(Self { folder, matricula, postgres, templates: HashMap::new(), copies: HashMap::new() })
    }

    /// Returns the database of `owner`, which gets a copy of the school on its first turn.
    pub(crate) async fn copy_for(
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
            (Engine::Sqlite, tables) => other_file(&template, &self.file(&name), tables)?,
            (Engine::Postgres, tables) => self.copy_database(&template, &name, tables).await?,
        };
        if tables == Tables::Own {
            self.adopt(&copy)?;
        }
        self.copies.insert(name, copy.clone());
        Ok(copy)
    }

    /// Makes a school with `matricula sample`, like people who try out the service.
    pub(crate) async fn make_sample(
        &mut self,
        engine: Engine,
        students: u32,
        courses: u32,
    ) -> Result<String> {
        let name = format!("sample_{students}_{courses}");
        let database = self.make_database(engine, &name).await?;
        self.add_sample(&database, &students.to_string(), &courses.to_string())?;
        if engine == Engine::Postgres {
            self.execute_in(&name, "vacuum analyze").await?;
        }
        Ok(database)
    }

    /// Creates an empty school.
    pub(crate) async fn make_empty(&mut self, engine: Engine, name: &str) -> Result<String> {
        let database = self.make_database(engine, name).await?;
        let mut migrate = Command::new(&self.matricula);
        migrate.args(["migrate", "--database", &database]);
        ensure!(migrate.stdout(Stdio::null()).status()?.success(), "{migrate:?} failed");
        Ok(database)
    }

    /// Creates a database without tables.
    async fn make_database(&self, engine: Engine, name: &str) -> Result<String> {
        match engine {
            Engine::Sqlite => {
                remove(&self.file(name))?;
                Ok(text(&self.file(name)))
            }
            Engine::Postgres => {
                self.execute(&format!("drop database if exists {name}")).await?;
                self.execute(&format!("create database {name}")).await?;
                Ok(self.postgres.database_url(name))
            }
        }
    }

    fn add_sample(&self, database: &str, students: &str, courses: &str) -> Result<()> {
        let mut sample = Command::new(&self.matricula);
        sample.args([
            "sample",
            "--database",
            database,
            "--students",
            students,
            "--courses",
            courses,
            "--without-seats",
        ]);
        ensure!(sample.stdout(Stdio::null()).status()?.success(), "{sample:?} failed");
        Ok(())
    }

    fn adopt(&self, database: &str) -> Result<()> {
        let mut adopt = Command::new(&self.matricula);
        adopt.args(["adopt", "--yes", "--database", database]);
        ensure!(adopt.stdout(Stdio::null()).status()?.success(), "{adopt:?} failed");
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
                let (template, unfinished) = (self.file(&name), self.file("making"));
                if !template.exists() {
                    remove(&unfinished)?;
                    self.make_school(&text(&unfinished), school).await?;
                    fs::rename(unfinished, &template)?;
                }
                Ok(text(&template))
            }
            Engine::Postgres => {
                if let Some(template) = self.templates.get(&school) {
                    return Ok(template.clone());
                }
                self.execute(&format!("create database {name}")).await?;
                self.make_school(&self.postgres.database_url(&name), school).await?;
                // Now, because otherwise the server would do both by itself, in the middle of a measurement.
                self.execute_in(&name, "vacuum analyze").await?;
                self.execute("checkpoint").await?;
                self.templates.insert(school, name.clone());
                Ok(name)
            }
        }
    }

    /// Makes a school through the service itself, so that the log has everything.
    async fn make_school(&self, database: &str, school: School) -> Result<()> {
        let (students, courses) = (school.students.to_string(), School::TAKEN.to_string());
        self.add_sample(database, &students, &courses)?;
        let service = Service::start(&serve(&self.matricula, database))?;
        let mut connection = Connection::open(service.address).await?;
        for number in 0..School::FRESH + School::SPREAD + School::HOT {
            let course = format!("{{\"name\":\"Fresh {number}\",\"level\":\"graduate\"}}");
            let answer = connection.send(&post("/api/v1/courses", &course)).await?;
            let expected = format!("{{\"id\":{},", School::TAKEN + 1 + number);
            ensure!(answer.starts_with(expected.as_bytes()), "the courses have unexpected ids");
        }
        for number in 0..School::HOT {
            let path = format!("/api/v1/courses/{}/seats", School::hot_course(number));
            connection.send(&put(&path, "{\"capacity\":1000000,\"waitlist_capacity\":10}")).await?;
        }
        drop(connection);
        service.stop()
    }

    async fn copy_database(&self, template: &str, name: &str, tables: Tables) -> Result<String> {
        self.execute(&format!("create database {name} template {template}")).await?;
        match tables {
            Tables::Ours => {}
            Tables::Plain => self.execute_in(name, PLAIN_DATABASE).await?,
            Tables::Own => self.execute_in(name, OWN_DATABASE).await?,
        }
        self.execute("checkpoint").await?;
        Ok(self.postgres.database_url(name))
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        self.execute_in("postgres", sql).await
    }

    async fn execute_in(&self, database: &str, sql: &str) -> Result<()> {
        let (client, connection) =
            tokio_postgres::connect(&self.postgres.database_url(database), NoTls).await?;
        let driving = tokio::spawn(connection);
        client.batch_execute(sql).await?;
        drop(client);
        Ok(driving.await??)
    }
}

/// The command that serves a database.
pub(crate) fn serve(matricula: &Path, database: &str) -> Command {
    let mut command = Command::new(matricula);
    command.args(["serve", "--listen", "127.0.0.1:0", "--database", database]);
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

const OWN_DATABASE: &str = "
    create schema own;
    create table own.student as select id, name, email from public.students;
    create table own.course as select id, name, level from public.courses;
    create table own.enrollment as select id, student_id, course_id, enrolled_at from public.student_courses;
    alter table own.student add primary key (id);
    alter table own.course add primary key (id);
    alter table own.enrollment add primary key (id), add unique (student_id, course_id),
        add foreign key (student_id) references own.student, add foreign key (course_id) references own.course;
    create index enrollment_course on own.enrollment (course_id);
    drop schema public cascade;
    alter schema own rename to public";

const OWN_FILE: &str = "
    create table student (id integer primary key, name text not null, email text not null);
    create table course (id integer primary key, name text not null, level text not null);
    create table enrollment (
        id integer primary key,
        student_id integer not null references student (id),
        course_id integer not null references course (id),
        enrolled_at text not null,
        unique (student_id, course_id)
    );
    insert into student select id, name, email from ours.students;
    insert into course select id, name, level from ours.courses;
    insert into enrollment select id, student_id, course_id, enrolled_at from ours.student_courses;
    create index enrollment_course on enrollment (course_id);
    analyze;";

fn other_file(template: &str, copy: &Path, tables: Tables) -> Result<String> {
    let sql = match tables {
        Tables::Ours => return copy_file(template, copy),
        Tables::Plain => PLAIN_FILE,
        Tables::Own => OWN_FILE,
    };
    remove(copy)?;
    let file = File::open(copy)?;
    file.execute("attach $1 as ours", [template])?;
    file.execute_batch(sql)?;
    Ok(text(copy))
}

fn copy_file(template: &str, copy: &Path) -> Result<String> {
    remove(copy)?;
    fs::copy(template, copy)?;
    // Now, so that the kernel does not write it to disk during a measurement.
    fs::File::open(copy)?.sync_all()?;
    Ok(text(copy))
}

/// Removes a database file and its write-ahead log.
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
