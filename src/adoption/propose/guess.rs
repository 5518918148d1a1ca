//! What the definitions of the tables say: a pure function over them. It knows nothing of the rows but their number.

use std::collections::BTreeMap;

use super::choose::{self, Chosen, choose, part};
use super::fields;
use super::links::{Link, Side};
use super::names::{self, Kind};
use super::proposal::{OtherLink, Proposal, ProposedLine, RowCounts};
use crate::adoption::store::grant;
use crate::count::counted;
use crate::db::catalog::{Column, ListedTable};
use crate::mapping::{EnrollmentsMapping, Mapping, RecordMapping};

/// The proposal for a database with these tables, without its sample and without the questions about its rows. Its
/// mapping is there even if none is needed.
pub(super) fn guess(tables: &[ListedTable]) -> Proposal {
    let chosen = choose(tables);
    let mut proposal = Proposal::default();
    if let Some(reason) = no_school(tables, &chosen) {
        proposal.unusable.push(reason);
        return proposal;
    }
    let link = chosen.link.as_ref();
    let students = proposal.record(tables, Kind::Student, chosen.students, link);
    let courses = proposal.record(tables, Kind::Course, chosen.courses, link);
    let enrollments = link.and_then(|link| proposal.enrollments(tables, &chosen, link));
    proposal.questions = chosen.questions;
    proposal.rows = RowCounts {
        students: chosen.students.map_or(0, |place| tables[place].rows),
        courses: chosen.courses.map_or(0, |place| tables[place].rows),
        enrollments: link.map_or(0, |link| tables[link.table].rows),
    };
    let other = |place: &usize| OtherLink { table: tables[*place].name.clone(), rows: tables[*place].rows };
    proposal.other_links = chosen.others.iter().map(other).collect();
    if !proposal.unusable.is_empty() {
        proposal.lines.clear();
        proposal.questions.clear();
        return proposal;
    }
    proposal.mapping =
        students.zip(courses).map(|(students, courses)| Mapping { students, courses, enrollments });
    proposal.fits = proposal.mapping.as_ref().is_some_and(|mapping| fits(tables, mapping));
    proposal
}

/// Why the database is not recognized as a school's; `None` for an empty one.
fn no_school(tables: &[ListedTable], chosen: &Chosen) -> Option<String> {
    let is_found = chosen.students.is_some() || chosen.courses.is_some() || chosen.link.is_some();
    let places: Vec<_> = (0..tables.len()).filter(|it| !names::is_of_framework(&tables[*it].name)).collect();
    let is_empty = tables.is_empty();
    (!is_found && !is_empty).then(|| {
        let described = choose::described(tables, &places);
        let found = if places.is_empty() { "only tables of a framework".to_owned() } else { described };
        format!("no table looks like students or courses; there are {found}")
    })
}

impl Proposal {
    fn line(&mut self, part: &'static str, key: &'static str, value: &str, reason: String) {
        self.lines.push(ProposedLine { part, key, value: Some(value.to_owned()), reason });
    }

    /// Adds the line of a field, or why there is none. Returns the field's value.
    fn field(
        &mut self,
        part: &'static str,
        key: &'static str,
        choice: Result<fields::Choice, String>,
    ) -> Option<String> {
        let (value, reason) = match choice {
            Ok((value, reason)) => (Some(value), reason),
            Err(reason) => (None, reason),
        };
        self.lines.push(ProposedLine { part, key, value: value.clone(), reason });
        value
    }

    fn record(
        &mut self,
        tables: &[ListedTable],
        kind: Kind,
        place: Option<usize>,
        link: Option<&Link>,
    ) -> Option<RecordMapping> {
        let (part, second) = (part(kind), if kind == Kind::Student { "email" } else { "level" });
        let Some(place) = place else {
            self.missing.push(part);
            return Some(self.created(part, second));
        };
        let table = &tables[place];
        let side = link.map(|link| if kind == Kind::Student { &link.student } else { &link.course });
        let key_of_link = side.filter(|side| side.by_key && side.table == Some(place));
        self.check_rights(table);
        let (id, id_reason) = match fields::key(table, key_of_link.and_then(|side| side.target.as_deref())) {
            Ok(key) => key,
            Err(reason) => {
                self.unusable.push(reason);
                return None;
            }
        };
        let reason = key_of_link.zip(link).map_or_else(
            || format!("its name is one of {part}"),
            |(side, link)| format!("{}.{} refers to it", tables[link.table].name, side.column),
        );
        self.line(part, "table", &table.name, format!("{reason}; {}", counted(table.rows, "row")));
        self.line(part, "id", &id, id_reason);
        let choices = [("name", fields::name(table, kind)), (second, fields::detail(table, kind))];
        let mut record = RecordMapping { table: table.name.clone(), id, fields: BTreeMap::new() };
        for (key, choice) in choices {
            if let Some(value) = self.field(part, key, choice) {
                record.fields.insert(key.to_owned(), value);
            }
        }
        Some(record)
    }

    /// A table that the migration creates.
    fn created(&mut self, part: &'static str, second: &'static str) -> RecordMapping {
        let reason = format!("no table looks like {part}: the migration creates an empty one");
        self.line(part, "table", part, reason);
        for key in ["id", "name", second] {
            self.line(part, key, key, "as it is created".to_owned());
        }
        let fields = ["name", second].map(|key| (key.to_owned(), key.to_owned()));
        RecordMapping { table: part.to_owned(), id: "id".to_owned(), fields: fields.into() }
    }

    fn enrollments(
        &mut self,
        tables: &[ListedTable],
        chosen: &Chosen,
        link: &Link,
    ) -> Option<EnrollmentsMapping> {
        let (part, table) = ("enrollments", &tables[link.table]);
        self.check_rights(table);
        for (kind, place) in [(Kind::Student, chosen.students), (Kind::Course, chosen.courses)] {
            if place.is_none() && table.rows > 0 {
                let rows = counted(table.rows, "row");
                let missing = choose::part(kind);
                self.unusable
                    .push(format!("the table {} has {rows}, but there is no table of {missing}", table.name));
            }
        }
        let [student, course] = [&link.student, &link.course].map(|side| self.key_column(table, side));
        let (student_id, course_id) = (student?, course?);
        let how = if link.is_by_keys() { "foreign keys link" } else { "the names of its columns link" };
        self.line(
            part,
            "table",
            &table.name,
            format!("{how} students and courses; {}", counted(table.rows, "row")),
        );
        for (key, value, side) in
            [("student_id", &student_id, &link.student), ("course_id", &course_id, &link.course)]
        {
            let reason = match side.table.filter(|_| side.by_key) {
                Some(place) => format!("a foreign key to {}", tables[place].name),
                None => "its name".to_owned(),
            };
            self.line(part, key, value, reason);
        }
        let enrolled_at = self.field(part, "enrolled_at", fields::enrolled_at(table));
        let table = table.name.clone();
        Some(EnrollmentsMapping { table, student_id, course_id, enrolled_at, r#where: None })
    }

    /// The column of a link, if it can hold ids.
    fn key_column(&mut self, table: &ListedTable, side: &Side) -> Option<String> {
        let Column { name, kind, is_integer, .. } = table.definition.column(&side.column)?;
        if table.definition.strict && !is_integer {
            let table = &table.name;
            self.unusable
                .push(format!("{table}.{name} is of type {kind}, which cannot hold whole numbers as ids"));
            return None;
        }
        Some(name.clone())
    }

    fn check_rights(&mut self, table: &ListedTable) {
        let (rights, name) = (&table.definition.rights, fields::identifier(&table.name));
        if !rights.read {
            let role = &rights.role;
            self.unusable.push(format!(
                "the role {role} may not read {name}; its owner could run: {}",
                grant("select", &name, role)
            ));
        }
    }
}

/// Whether the tables and columns have the names that are used without a mapping.
fn fits(tables: &[ListedTable], mapping: &Mapping) -> bool {
    let is_strict = tables.iter().any(|table| table.definition.strict);
    let is =
        |name: &str, plain: &str| if is_strict { name == plain } else { name.eq_ignore_ascii_case(plain) };
    let record = |record: &RecordMapping, plain: &str, known: [&str; 2]| {
        let field = |key: &str| record.fields.get(key).is_some_and(|value| is(value, key));
        is(&record.table, plain) && is(&record.id, "id") && known.iter().all(|key| field(key))
    };
    record(&mapping.students, "students", ["name", "email"])
        && record(&mapping.courses, "courses", ["name", "level"])
        && mapping.enrollments.as_ref().is_none_or(|rows| {
            is(&rows.table, "student_courses")
                && is(&rows.student_id, "student_id")
                && is(&rows.course_id, "course_id")
                && rows.enrolled_at.is_none()
        })
}
