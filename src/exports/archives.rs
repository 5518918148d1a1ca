//! The sets of files of other systems.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::io;

use jiff::civil::Date;

use super::own_ids::OwnIds;
use super::store::{ArchiveRow, Named};
use super::stream::Sink;
use crate::files::made_up_id::is_made_up;
use crate::files::one_roster_id::id_of;
use crate::files::writing::one_roster::{FILES, given_and_family, id_about, on_one_line, school_year};
use crate::files::writing::{Archive, Form, push_row};
use crate::text::email_address;

/// An archive of CSV files for programs, in which all rows of a file come one after the other.
#[derive(Default)]
struct Files {
    archive: Archive,
    begun: Vec<&'static str>,
}

impl Files {
    /// Begins the file with its heading, if it is not the one that was begun last.
    fn begin(&mut self, (name, heading): (&'static str, &str)) -> io::Result<()> {
        if self.begun.last() == Some(&name) {
            return Ok(());
        }
        self.begun.push(name);
        self.archive.begin(&format!("{name}.csv"))?;
        self.row(&heading.split(',').collect::<Vec<_>>())
    }

    fn row(&mut self, cells: &[&str]) -> io::Result<()> {
        let mut bytes = Vec::new();
        push_row(&mut bytes, Form::Exact, cells.iter().copied());
        self.archive.write(&bytes)
    }
}

/// A name that is not empty: what has none is named by its id, since both systems demand one.
fn named(name: Option<String>, id: &str) -> String {
    name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| id.to_owned())
}

/// Canvas SIS CSV. Levels have no place in it.
pub(super) struct Canvas {
    files: Files,
    ids: OwnIds,
    /// Numbers that differ only in their case: Canvas would take them for the same login.
    numbers_alike: HashSet<String>,
}

/// The longest login of Canvas, in characters.
const MAX_LOGIN: usize = 100;
/// The longest id of Canvas, in characters.
const MAX_CANVAS_ID: usize = 255;

const CANVAS_FILES: [(&str, &str); 3] = [
    ("users", "user_id,login_id,full_name,email,status"),
    ("courses", "course_id,short_name,long_name,status"),
    ("enrollments", "course_id,user_id,role,status"),
];

impl Canvas {
    pub(super) fn new(ids: OwnIds, numbers_alike: HashSet<String>) -> Self {
        Self { files: Files::default(), ids, numbers_alike }
    }

    /// Begins the files up to this one: those without rows have a heading too.
    fn begin(&mut self, file: usize) -> io::Result<()> {
        (self.files.begun.len()..=file).try_for_each(|file| self.files.begin(CANVAS_FILES[file]))
    }

    fn student(&self, student: &Named) -> String {
        self.ids.of_student(kept_by_canvas(student), student.id)
    }

    fn course(&self, course: &Named) -> String {
        self.ids.of_course(kept_by_canvas(course), course.id)
    }

    /// The login of a student with this id.
    fn login(&self, student: &Named, id: &str) -> String {
        if id.chars().count() > MAX_LOGIN || self.numbers_alike.contains(id) {
            return self.ids.of_student(None, student.id);
        }
        id.to_owned()
    }

    fn add(&mut self, row: ArchiveRow) -> io::Result<()> {
        match row {
            ArchiveRow::Student(student, email) | ArchiveRow::Role(student, email) => {
                self.begin(0)?;
                let id = self.student(&student);
                let login = self.login(&student, &id);
                // Canvas refuses the whole row for an address that is none.
                let email = email.filter(|email| email_address(email).is_ok()).unwrap_or_default();
                self.files.row(&[&id, &login, &named(student.name, &id), &email, "active"])
            }
            ArchiveRow::Course(course, _) | ArchiveRow::Class(course, _) => {
                self.begin(1)?;
                let id = self.course(&course);
                let name = named(course.name, &id);
                self.files.row(&[&id, &id, &name, "active"])
            }
            ArchiveRow::Enrollment(student, course) => {
                self.begin(2)?;
                let (student, course) = (self.student(&student), self.course(&course));
                self.files.row(&[&course, &student, "student", "active"])
            }
        }
    }
}

/// The number or code of a record if Canvas keeps it as it is. Tables of the school may have others.
fn kept_by_canvas(record: &Named) -> Option<String> {
    let is_kept = |id: &String| {
        id.trim() == id && !id.contains(char::is_control) && (1..=MAX_CANVAS_ID).contains(&id.chars().count())
    };
    record.external_id.clone().filter(is_kept)
}

/// A level as a list of grades, which has no empty items.
fn grades(level: Option<String>) -> String {
    let level = level.unwrap_or_default();
    let items = level.split(',').map(str::trim);
    if items.clone().any(str::is_empty) {
        items.filter(|item| !item.is_empty()).collect::<Vec<_>>().join(",")
    } else {
        level
    }
}

impl Sink<ArchiveRow> for Canvas {
    fn write(&mut self, rows: Vec<ArchiveRow>) -> io::Result<Vec<u8>> {
        rows.into_iter().try_for_each(|row| self.add(row))?;
        Ok(self.files.archive.take())
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        self.begin(CANVAS_FILES.len() - 1)?;
        self.files.archive.finish()
    }
}

/// OneRoster CSV 1.2, in bulk: one school, one school year that is one term, and one class for each course.
pub(super) struct OneRoster {
    files: Files,
    ids: OwnIds,
    today: Date,
}

const SCHOOL: &str = "school";

impl OneRoster {
    pub(super) fn new(ids: OwnIds, today: Date) -> Self {
        Self { files: Files::default(), ids, today }
    }

    fn row(&mut self, file: &str, cells: &[&str]) -> io::Result<()> {
        let known = FILES.into_iter().find(|(name, _)| *name == file);
        self.files.begin(known.ok_or_else(|| io::Error::other(format!("OneRoster has no file {file}")))?)?;
        let lines: Vec<String> = cells.iter().map(|cell| on_one_line(cell)).collect();
        self.files.row(&lines.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The files that are always there.
    fn begin(&mut self) -> io::Result<()> {
        if !self.files.begun.is_empty() {
            return Ok(());
        }
        let (first, next) = school_year(self.today);
        let (begins, ends, year) = (first.to_string(), next.to_string(), format!("{:04}", next.year()));
        let title = format!("{}/{year}", first.year());
        let [school_year, term] = self.sessions();
        let of_year = [&*school_year, "", "", &*title, "schoolYear", &*begins, &*ends, "", &*year];
        self.row("academicSessions", &of_year)?;
        let of_term = [&*term, "", "", &*title, "term", &*begins, &*ends, &*school_year, &*year];
        self.row("academicSessions", &of_term)?;
        self.row("orgs", &[SCHOOL, "", "", "School", "school", "", ""])
    }

    /// The ids of the school year and of the term.
    fn sessions(&self) -> [String; 2] {
        let year = school_year(self.today).1.year();
        [format!("school-year-{year}"), format!("term-{year}")]
    }

    /// The `sourcedId` of a student, and the number to show.
    fn student(&self, student: &Named) -> (String, String) {
        let number = self.ids.of_student(student.external_id.clone(), student.id);
        let id = id_of(&number).map(Cow::into_owned);
        (id.unwrap_or_else(|| self.ids.of_student(None, student.id)), shown(student))
    }

    fn course(&self, course: &Named) -> (String, String) {
        let code = self.ids.of_course(course.external_id.clone(), course.id);
        let id = id_of(&code).map(Cow::into_owned);
        (id.unwrap_or_else(|| self.ids.of_course(None, course.id)), shown(course))
    }

    fn add(&mut self, row: ArchiveRow) -> io::Result<()> {
        match row {
            ArchiveRow::Student(student, email) => self.user(student, email),
            ArchiveRow::Role(student, _) => {
                let (user, _) = self.student(&student);
                let id = id_about(&[&user]);
                self.row("roles", &[&id, "", "", &user, "primary", "student", "", "", SCHOOL, ""])
            }
            ArchiveRow::Course(course, level) => {
                let ((id, code), [year, _]) = (self.course(&course), self.sessions());
                let (title, level) = (named(course.name, or(&code, &id)), grades(level));
                self.row("courses", &[&id, "", "", &year, &title, &code, &level, SCHOOL, "", ""])
            }
            ArchiveRow::Class(course, level) => {
                let ((id, code), [_, term]) = (self.course(&course), self.sessions());
                let (title, level) = (named(course.name, or(&code, &id)), grades(level));
                let rest = ["scheduled", "", SCHOOL, &term, "", "", ""];
                self.row("classes", &[&[&*id, "", "", &title, &level, &id, &code], rest.as_slice()].concat())
            }
            ArchiveRow::Enrollment(student, course) => {
                let ((user, _), (class, _)) = (self.student(&student), self.course(&course));
                let id = id_about(&[&class, &user]);
                self.row("enrollments", &[&id, "", "", &class, SCHOOL, &user, "student", "", "", ""])
            }
        }
    }

    fn user(&mut self, student: Named, email: Option<String>) -> io::Result<()> {
        let (id, number) = self.student(&student);
        let name = on_one_line(&named(student.name, or(&number, &id)));
        let (given, family) = given_and_family(&name);
        let email = email.unwrap_or_default();
        let begin = [&*id, "", "", "true", &*id, "", given, family, "", &*number, &*email];
        let rest = ["", "", "", "", "", "", "", "", "", SCHOOL, ""];
        self.row("users", &[begin, rest].concat())
    }
}

/// The number or code, if there is one to show, otherwise the id.
fn or<'a>(shown: &'a str, id: &'a str) -> &'a str {
    if shown.is_empty() { id } else { shown }
}

/// The number or code for people; none where it was made up.
fn shown(record: &Named) -> String {
    record.external_id.clone().filter(|id| !is_made_up(id)).unwrap_or_default()
}

impl Sink<ArchiveRow> for OneRoster {
    fn write(&mut self, rows: Vec<ArchiveRow>) -> io::Result<Vec<u8>> {
        self.begin()?;
        rows.into_iter().try_for_each(|row| self.add(row))?;
        Ok(self.files.archive.take())
    }

    /// The manifest comes last, when it is known which files have rows: one without rows must not be there.
    fn finish(mut self) -> io::Result<Vec<u8>> {
        self.begin()?;
        let there: BTreeSet<_> = self.files.begun.iter().copied().collect();
        self.files.begin(("manifest", "propertyName,value"))?;
        self.files.row(&["manifest.version", "1.0"])?;
        self.files.row(&["oneroster.version", "1.2"])?;
        for (name, _) in FILES {
            let processing = if there.contains(name) { "bulk" } else { "absent" };
            self.files.row(&[&format!("file.{name}"), processing])?;
        }
        self.files.row(&["source.systemName", "matricula"])?;
        self.files.archive.finish()
    }
}
