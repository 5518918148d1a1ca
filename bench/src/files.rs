//! The files to import: the same in every run.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Result;

/// The numbers of rows. Each student takes the same number of different courses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    pub(crate) students: u32,
    pub(crate) courses: u32,
    pub(crate) enrollments: u32,
}

const FIRST_NAMES: [&str; 10] = ["Ana", "Ben", "Zoë", "José", "Mei", "Omar", "Ruth", "Ivan", "Lucía", "Noor"];
const LAST_NAMES: [&str; 10] =
    ["García", "Müller", "Okafor", "Tanaka", "Smith", "Nguyễn", "Rossi", "Dubois", "Novák", "Silva"];
/// Have no common factor with the number of courses, so that the courses of a student and those of neighboring students
/// are spread over the catalogue.
const STRIDES: [u32; 2] = [401, 37];

impl Rows {
    pub(crate) fn total(self) -> u32 {
        self.students + self.courses + self.enrollments
    }

    /// Creates a folder and writes the files into it.
    pub(crate) fn write(self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let open = |name: &str| anyhow::Ok(BufWriter::new(File::create(folder.join(name))?));
        let mut courses = open("courses.csv")?;
        writeln!(courses, "code,name,level")?;
        for course in 0..self.courses {
            writeln!(courses, "{},Imported {course},undergraduate", code(course))?;
        }
        courses.flush()?;
        let mut students = open("students.csv")?;
        writeln!(students, "number,name,email")?;
        for student in 0..self.students {
            let pick = |names: [&'static str; 10], place: u32| names[(place % 10) as usize];
            let (first, last) = (pick(FIRST_NAMES, student), pick(LAST_NAMES, student / 10));
            writeln!(students, "{},{first} {last},imported{student}@example.edu", number(student))?;
        }
        students.flush()?;
        let mut enrollments = open("enrollments.csv")?;
        writeln!(enrollments, "student,course")?;
        for enrollment in 0..self.enrollments {
            let (student, course) = self.pair(enrollment);
            writeln!(enrollments, "{},{}", number(student), code(course))?;
        }
        Ok(enrollments.flush()?)
    }

    fn pair(self, enrollment: u32) -> (u32, u32) {
        let each = self.enrollments / self.students;
        let (student, place) = (enrollment / each, enrollment % each);
        (student, (student * STRIDES[1] + place * STRIDES[0]) % self.courses)
    }
}

fn number(student: u32) -> String {
    format!("{:08}", 1_000_000 + student * 7)
}

fn code(course: u32) -> String {
    format!("IM-{course:05}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_pair_repeats() {
        let rows = Rows { students: 1_000, courses: 200, enrollments: 5_000 };
        let pairs: HashSet<_> = (0..rows.enrollments).map(|enrollment| rows.pair(enrollment)).collect();
        assert_eq!(pairs.len(), 5_000);
        assert!(pairs.iter().all(|(student, course)| *student < 1_000 && *course < 200));
    }
}
