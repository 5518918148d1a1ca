//! The exported tables: their columns, and which of these are in a CSV file.
//!
//! A CSV file of students, courses or enrollments has exactly the columns that an import restores, so that importing it
//! into an empty school and exporting it again gives the same bytes. A workbook is for people, and has further columns.
//! An import gives every heading the same meaning.

use std::io;

use super::own_ids::OwnIds;
use super::store::{EnrollmentLine, Grouped, Named, WaitlistLine};
use super::stream::{Sink, day_of};
use crate::clock::Stamp;
use crate::enrollments::RosterEntry;
use crate::files::writing::{Cell, TableFormat, TableWriter};
use crate::registrar::{Course, Student};
use crate::seats::WaitlistEntry;
use crate::text::joined_names;

/// A kind of table.
pub struct Table<T> {
    name: &'static str,
    headings: &'static [&'static str],
    /// The number of columns in a CSV file: the first ones.
    in_csv: usize,
    cells: fn(T, &OwnIds) -> Vec<Cell>,
}

/// Students of a school without groups.
pub static STUDENTS: Table<Student> = Table {
    name: "students",
    headings: &["number", "name", "email", "id"],
    in_csv: 3,
    cells: |student, ids| {
        let Student { id, name, email, number } = student;
        vec![student_number(number, id.0, ids), name.into(), email.into(), Cell::Text(id.to_string())]
    },
};

/// Students of a school in which any student is in a group.
pub(super) static GROUPED_STUDENTS: Table<Grouped> = Table {
    name: "students",
    headings: &["number", "name", "email", "groups", "id"],
    in_csv: 4,
    cells: |Grouped { student, groups }, ids| {
        let mut cells = (STUDENTS.cells)(student, ids);
        cells.insert(3, Cell::Text(joined_names(groups.iter().map(String::as_str))));
        cells
    },
};

/// Courses.
pub static COURSES: Table<Course> = Table {
    name: "courses",
    headings: &["code", "name", "level", "id", "capacity", "enrolled", "waitlisted"],
    in_csv: 3,
    cells: |course, ids| {
        let Course { id, name, level, code, seats } = course;
        let [capacity, enrolled, waitlisted] = match seats {
            Some(seats) => [seats.capacity, Some(seats.enrolled), Some(seats.waitlisted)],
            None => [None; 3],
        };
        vec![
            course_code(code, id.0, ids),
            name.into(),
            level.into(),
            Cell::Text(id.to_string()),
            Cell::Count(capacity),
            Cell::Count(enrolled),
            Cell::Count(waitlisted),
        ]
    },
};

/// Enrollments, now or at a time.
pub(super) static ENROLLMENTS: Table<EnrollmentLine> = Table {
    name: "enrollments",
    headings: &["student_number", "course_code", "student_name", "course_name", "enrolled_at"],
    in_csv: 2,
    cells: |line, ids| {
        let (number, name) = student_cells(line.student, ids);
        let (code, course) = course_cells(line.course, ids);
        vec![number, code, name, course, Cell::Time(line.enrolled_at)]
    },
};

/// The students of a course.
pub static ROSTER: Table<RosterEntry> = Table {
    name: "roster",
    headings: &["number", "name", "email", "enrolled_at", "id"],
    in_csv: 4,
    cells: |entry, ids| {
        let RosterEntry { id, name, email, number, enrolled_at } = entry;
        // A student who has been deleted since is unknown, and another one may have the id.
        let is_known = number.is_some() || name.is_some() || email.is_some();
        let number = if is_known { student_number(number, id.0, ids) } else { None.into() };
        vec![number, name.into(), email.into(), Cell::Time(enrolled_at), Cell::Text(id.to_string())]
    },
};

/// The waitlist of a course.
pub static WAITLIST: Table<WaitlistEntry> = Table {
    name: "waitlist",
    headings: &["position", "number", "name", "email", "joined_at"],
    in_csv: 5,
    cells: |entry, ids| {
        let WaitlistEntry { position, student_id, name, email, number, joined_at } = entry;
        let number = student_number(number, student_id.0, ids);
        vec![Cell::Count(Some(position)), number, name.into(), email.into(), Cell::Time(joined_at)]
    },
};

/// All waitlists. An import refuses the rows because of their status: a waiting student is not enrolled.
pub(super) static WAITLISTS: Table<WaitlistLine> = Table {
    name: "waitlists",
    headings: &["course_code", "position", "student_number", "student_name", "joined_at", "status"],
    in_csv: 6,
    cells: |line, ids| {
        let (number, name) = student_cells(Some(line.student), ids);
        let (code, _) = course_cells(Some(line.course), ids);
        let (position, joined_at) = (Cell::Count(Some(line.position)), Cell::Time(line.joined_at));
        vec![code, position, number, name, joined_at, Cell::Text("waitlisted".to_owned())]
    },
};

fn student_number(number: Option<String>, id: i64, ids: &OwnIds) -> Cell {
    Cell::Text(ids.of_student(number, id))
}

fn course_code(code: Option<String>, id: i64, ids: &OwnIds) -> Cell {
    Cell::Text(ids.of_course(code, id))
}

/// The number and the name; empty for a student who has been deleted since.
fn student_cells(student: Option<Named>, ids: &OwnIds) -> (Cell, Cell) {
    match student {
        Some(Named { id, external_id, name }) => (student_number(external_id, id, ids), name.into()),
        None => (None.into(), None.into()),
    }
}

fn course_cells(course: Option<Named>, ids: &OwnIds) -> (Cell, Cell) {
    match course {
        Some(Named { id, external_id, name }) => (course_code(external_id, id, ids), name.into()),
        None => (None.into(), None.into()),
    }
}

/// Writes a table.
pub(super) struct TableSink<T: 'static> {
    table: &'static Table<T>,
    format: TableFormat,
    ids: OwnIds,
    /// `None` before the first rows.
    writer: Option<TableWriter>,
}

impl<T> Table<T> {
    /// The name of a file, without its ending.
    #[must_use]
    pub fn file_name(&self, today: &Stamp) -> String {
        format!("{}-{}", self.name, day_of(today))
    }
}

impl<T> TableSink<T> {
    pub(super) fn new(table: &'static Table<T>, format: TableFormat, ids: OwnIds) -> Self {
        Self { table, format, ids, writer: None }
    }

    fn columns(&self) -> usize {
        match self.format {
            TableFormat::Csv { .. } => self.table.in_csv,
            TableFormat::Xlsx => self.table.headings.len(),
        }
    }

    /// The writer, begun with the headings.
    fn begun(&mut self) -> io::Result<TableWriter> {
        let headings = &self.table.headings[..self.columns()];
        match self.writer.take() {
            Some(writer) => Ok(writer),
            None => TableWriter::new(self.format, self.table.name, headings),
        }
    }
}

impl<T> Sink<T> for TableSink<T> {
    fn write(&mut self, rows: Vec<T>) -> io::Result<Vec<u8>> {
        let (columns, mut writer) = (self.columns(), self.begun()?);
        for row in rows {
            let mut cells = (self.table.cells)(row, &self.ids);
            cells.truncate(columns);
            writer.row(cells)?;
        }
        Ok(self.writer.insert(writer).take())
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        self.begun()?.finish()
    }
}
