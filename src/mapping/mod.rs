//! The mapping: where a school's students, courses and enrollments are, if they are not in tables `students` and
//! `courses` with our columns. Every connection then reads `students` and `courses` through temporary views, and writes
//! go to the school's own tables and columns.

mod store;
mod tables;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::store::{compare, load_in, open_db, open_to_read, save, verify};
pub use self::tables::{RecordTable, SchoolTables, Source, keeps_texts};

/// A mapping file, in TOML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Where the students are. Without it, they are in a table `students` with our columns, which is created if it is
    /// missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub students: Option<RecordMapping>,
    /// Where the courses are. Without it, they are in a table `courses`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courses: Option<RecordMapping>,
    /// Which enrollments to take over. Without it, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollments: Option<EnrollmentsMapping>,
}

/// Where the students or the courses are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordMapping {
    /// The table, as its name is written in the database.
    pub table: String,
    /// The column with unique whole numbers from 1 to 2^53 − 1.
    pub id: String,
    /// For each field that the school has, a column of the table or an SQL expression over its columns.
    #[serde(flatten)]
    pub fields: BTreeMap<String, String>,
}

/// Which rows are taken over as enrollments when the database is migrated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollmentsMapping {
    /// The table.
    pub table: String,
    /// The column with the student's id.
    pub student_id: String,
    /// The column with the course's id.
    pub course_id: String,
    /// The column with the time of enrollment. Without it, the time of adoption is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_at: Option<String>,
    /// An SQL condition for the rows to take over. Without it, all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#where: Option<String>,
}

impl Mapping {
    /// Parses a mapping file.
    ///
    /// # Errors
    /// A message with the line and column of a mistake, or with the first unknown key and the known ones.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mapping: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for (part, record, known) in [
            ("students", &mapping.students, STUDENT_KEYS.as_slice()),
            ("courses", &mapping.courses, COURSE_KEYS.as_slice()),
        ] {
            let mut fields = record.iter().flat_map(|record| record.fields.keys());
            if let Some(unknown) = fields.find(|field| !known.contains(&field.as_str())) {
                let known = [["table", "id"].as_slice(), known].concat().join(", ");
                return Err(format!("[{part}] has an unknown key {unknown}; the known ones are {known}"));
            }
        }
        Ok(mapping)
    }
}

/// The fields of students that are columns of the table or the view `students`, without the id; in the order of forms.
pub const STUDENT_FIELDS: [&str; 2] = ["name", "email"];
/// The fields of courses that are columns of the table or the view `courses`.
pub const COURSE_FIELDS: [&str; 2] = ["name", "level"];
/// The field of students with the id of the outside world, which has a table or a view of its own.
pub const STUDENT_NUMBER: &str = "number";
/// The field of courses with the id of the outside world.
pub const COURSE_CODE: &str = "code";
/// The fields of students that a mapping may name.
const STUDENT_KEYS: [&str; 3] = ["name", "email", STUDENT_NUMBER];
/// The fields of courses that a mapping may name.
const COURSE_KEYS: [&str; 3] = ["name", "level", COURSE_CODE];
