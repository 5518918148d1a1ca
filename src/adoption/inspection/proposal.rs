//! The proposal that `matricula adopt` prints: the mapping with its reasons, questions, sample rows and counts.

use std::fmt::Write as _;

use serde::Serialize;

use crate::mapping::Mapping;

/// A proposal for adopting a database, before anything is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// The mapping that fits best; `None` if none is possible, or none is needed and it would add nothing.
    pub mapping: Option<Mapping>,
    /// Whether the database can be migrated as it is, without a mapping.
    pub fits: bool,
    /// Whether matricula has migrated the database before. Then nothing is proposed.
    pub is_migrated: bool,
    /// The lines of the mapping with their reasons, in order. A field that is left out has only a reason.
    pub lines: Vec<ProposedLine>,
    /// Questions that only the owner can answer. While one is open, the mapping is a guess.
    pub questions: Vec<Question>,
    /// The reasons why the database cannot be adopted, as sentences.
    pub unusable: Vec<String>,
    /// The tables among `students` and `courses` that the database lacks. The migration creates them, empty.
    pub missing: Vec<&'static str>,
    /// The number of rows of each part.
    pub rows: RowCounts,
    /// A row of each part as it would appear.
    pub samples: Samples,
    /// Tables that link students and courses but are not part of the mapping.
    pub other_links: Vec<OtherLink>,
}

/// A line of the mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProposedLine {
    /// `students`, `courses` or `enrollments`.
    pub part: &'static str,
    /// The key in that part.
    pub key: &'static str,
    /// Its value; `None` if it is left out.
    pub value: Option<String>,
    /// The reason for it.
    pub reason: String,
}

/// A question that only the owner of the database can answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The part of the mapping that it is about.
    pub part: &'static str,
    /// The question.
    pub text: String,
    /// Possible answers, each a line of the mapping.
    pub answers: Vec<String>,
}

/// Numbers of rows; 0 where there is no such table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Students.
    pub students: i64,
    /// Courses.
    pub courses: i64,
    /// Rows that would be taken over as enrollments.
    pub enrollments: i64,
}

/// A row of each part as it would appear; `None` where there is no row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Samples {
    /// A student.
    pub student: Option<SampleStudent>,
    /// A course.
    pub course: Option<SampleCourse>,
    /// An enrollment.
    pub enrollment: Option<SampleEnrollment>,
}

/// A student as it would appear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SampleStudent {
    /// The id.
    pub id: i64,
    /// The name.
    pub name: Option<String>,
    /// The email address.
    pub email: Option<String>,
    /// The number; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// A course as it would appear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SampleCourse {
    /// The id.
    pub id: i64,
    /// The name.
    pub name: Option<String>,
    /// The level.
    pub level: Option<String>,
    /// The code; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// An enrollment as it would appear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SampleEnrollment {
    /// The student's id.
    pub student_id: i64,
    /// The course's id.
    pub course_id: i64,
    /// The time of enrollment as the database writes it; `None` for the time of adoption.
    pub enrolled_at: Option<String>,
}

/// A table that links students and courses but is not part of the mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherLink {
    /// Its name.
    pub table: String,
    /// How many rows it has.
    pub rows: i64,
}

impl Proposal {
    /// Returns the mapping as a file, with the reason for each line as a comment; `None` if there is no mapping.
    #[must_use]
    pub fn to_toml(&self) -> Option<String> {
        self.mapping.as_ref()?;
        let mut text = String::new();
        for part in ["students", "courses", "enrollments"] {
            let lines: Vec<_> = self.lines.iter().filter(|line| line.part == part).collect();
            if lines.is_empty() {
                continue;
            }
            let gap = if text.is_empty() { "" } else { "\n" };
            // Writing to a `String` cannot fail.
            _ = writeln!(text, "{gap}[{part}]");
            let written: Vec<_> = lines.iter().filter_map(|line| line.written()).collect();
            let width = written.iter().map(|text| text.chars().count()).max().unwrap_or(0);
            for line in lines {
                // A name from the database may have line breaks, which would end the comment.
                let reason = line.reason.replace(char::is_control, " ");
                _ = match line.written() {
                    Some(written) => writeln!(text, "{written:width$}  # {reason}"),
                    None => writeln!(text, "# {}: {reason}", line.key),
                };
            }
        }
        Some(text)
    }

    /// Adds a line of the mapping.
    pub(super) fn line(&mut self, part: &'static str, key: &'static str, value: &str, reason: String) {
        self.lines.push(ProposedLine { part, key, value: Some(value.to_owned()), reason });
    }

    /// Adds the line of a field, or the reason why it is left out. Returns the field's value.
    pub(super) fn field(
        &mut self,
        part: &'static str,
        key: &'static str,
        choice: Result<(String, String), String>,
    ) -> Option<String> {
        let (value, reason) = match choice {
            Ok((value, reason)) => (Some(value), reason),
            Err(reason) => (None, reason),
        };
        self.lines.push(ProposedLine { part, key, value: value.clone(), reason });
        value
    }
}

impl ProposedLine {
    /// Returns the line without its reason; `None` if it has no value.
    fn written(&self) -> Option<String> {
        self.value.as_deref().map(|value| assignment(self.key, value))
    }
}

/// Returns a line of a mapping file. JSON's escapes are valid in TOML, and keep every value on one line.
pub(super) fn assignment(key: &str, value: &str) -> String {
    format!("{key} = {}", serde_json::Value::from(value)).replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_can_be_read_from_its_line() {
        for value in ["a", "\"First\" || ' ' || \"Last\"", "a\\b\n\r\t\u{7f}\u{1}", "Zoë"] {
            let line = assignment("name", value);
            assert_eq!(line.lines().count(), 1, "{line}");
            let read: toml::Table = line.parse().unwrap();
            assert_eq!(read["name"].as_str(), Some(value), "{line}");
        }
    }
}
