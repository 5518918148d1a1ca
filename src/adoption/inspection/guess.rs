//! Guesses a mapping from the definitions of the tables and their numbers of rows. It reads no rows.

use std::collections::BTreeMap;

use super::choose::{self, Chosen, choose, part};
use super::fields;
use super::links::{Link, Side};
use super::names::Kind;
use super::proposal::{OtherLink, Proposal, ProposedLine, RowCounts};
use crate::adoption::store::grant;
use crate::count::counted;
use crate::db::catalog::{Column, ListedTable, plain_or_quoted};
use crate::mapping::{EnrollmentsMapping, Mapping, RecordMapping};

/// Returns the proposal for a database with these tables, still without samples and without questions about rows. It
/// has a mapping even if none is needed.
pub(super) fn guess(tables: &[ListedTable]) -> Proposal {
    let chosen = choose(tables);
    let mut proposal = Proposal::default();
    if let Some(reason) = choose::no_school(tables, &chosen) {
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
    proposal.mapping = Some(Mapping { students, courses, enrollments });
    proposal.fits = proposal.mapping.as_ref().is_some_and(|mapping| fields::fits(tables, mapping));
    proposal
}

impl Proposal {
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
            let reason = format!("no table looks like {part}: the migration creates an empty one");
            self.lines.push(ProposedLine { part, key: "table", value: None, reason });
            return None;
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
        let mut record = RecordMapping { table: table.name.clone(), id, fields: BTreeMap::new() };
        for (key, choice) in [("name", fields::name(table, kind)), (second, fields::detail(table, kind))] {
            if let Some(value) = self.field(part, key, choice) {
                record.fields.insert(key.to_owned(), value);
            }
        }
        if let Some((key, (column, reason))) = fields::external_id(table, kind, &record) {
            self.line(part, key, &column, reason);
            record.fields.insert(key.to_owned(), column);
        }
        Some(record)
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
        if table.name.eq_ignore_ascii_case("student_courses") {
            for (found, ours) in [(&student_id, "student_id"), (&course_id, "course_id")] {
                if found != ours {
                    let what = format!("student_courses has a column {found}, which has to be called {ours}");
                    self.unusable.push(what);
                }
            }
        }
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

    /// Returns the name of a link's column. If the column cannot hold ids, adds that to the reasons in `unusable`.
    fn key_column(&mut self, table: &ListedTable, side: &Side) -> Option<String> {
        let Column { name, kind, is_integer, .. } = table.definition.column(&side.column)?;
        // A foreign key has the type of the id that it refers to, which was reported already.
        if table.definition.strict && !is_integer && self.unusable.is_empty() {
            let table = &table.name;
            self.unusable
                .push(format!("{table}.{name} is of type {kind}, which cannot hold whole numbers as ids"));
            return None;
        }
        Some(name.clone())
    }

    fn check_rights(&mut self, table: &ListedTable) {
        let (rights, name) = (&table.definition.rights, &table.name);
        if !rights.read {
            let role = &rights.role;
            self.unusable.push(format!(
                "the role {role} may not read {}; its owner could run: {}",
                plain_or_quoted(name),
                grant("select", name, role)
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::catalog::{Reference, Table};

    /// A table from `name: column, column>table, ...`, with 3 rows. A column `id` or one that begins with `*` is the key.
    /// Columns are texts, except keys, foreign keys, and those whose names end with `id` or `at`.
    fn table(text: &str) -> ListedTable {
        let (name, columns) = text.split_once(": ").unwrap();
        let mut definition = Table { kind: "table".to_owned(), ..Table::default() };
        definition.rights.read = true;
        for column in columns.split(", ") {
            let (column, referred) = column.split_once('>').map_or((column, None), |(a, b)| (a, Some(b)));
            let is_key = column.starts_with('*') || column == "id";
            let column = column.trim_start_matches('*');
            let is_integer = is_key || referred.is_some() || column.to_lowercase().ends_with("id");
            let kind = if is_integer {
                "integer"
            } else if column.ends_with("at") {
                "datetime"
            } else {
                "text"
            };
            definition.columns.push(Column {
                name: column.to_owned(),
                kind: kind.to_owned(),
                is_integer,
                key: is_key.into(),
                ..Column::default()
            });
            definition.references.extend(referred.map(|referred| Reference {
                column: column.to_owned(),
                table: referred.to_owned(),
                ..Reference::default()
            }));
        }
        ListedTable { name: name.to_owned(), definition, rows: 3 }
    }

    fn guessed(tables: &[&str]) -> Proposal {
        guess(&tables.iter().map(|text| table(text)).collect::<Vec<_>>())
    }

    /// The values of the mapping in order, and the questions.
    fn lines_and_questions(tables: &[&str]) -> (String, Vec<String>) {
        let proposal = guessed(tables);
        assert_eq!(proposal.unusable, [""; 0]);
        let values = proposal.lines.into_iter().filter_map(|line| line.value).collect::<Vec<_>>();
        (values.join(" | "), proposal.questions.into_iter().map(|question| question.text).collect())
    }

    #[track_caller]
    fn is_guessed(tables: &[&str], mapping: &str) {
        assert_eq!(lines_and_questions(tables), (mapping.to_owned(), Vec::new()));
    }

    #[test]
    fn foreign_keys_decide_before_names() {
        is_guessed(
            &[
                "auth_user: id, username",
                "app_student: *sid, full_name, mail",
                "app_course: id, course_title, level",
                "takes: id, who>app_student, what>app_course, created_at",
            ],
            "app_student | sid | full_name | mail | app_course | id | course_title | level | takes | who | what | created_at",
        );
    }

    #[test]
    fn names_decide_without_foreign_keys() {
        for (association, student, course) in [
            ("StudentCourses: StudentId, CourseId", "StudentId", "CourseId"),
            ("enrollments: id, studentId, courseId", "studentId", "courseId"),
            ("takes: sid, cid", "sid", "cid"),
            (
                "course_student_students: student_student_id, course_course_id",
                "student_student_id",
                "course_course_id",
            ),
            ("_CourseToStudent: A, B", "B", "A"),
        ] {
            let name = association.split_once(':').unwrap().0;
            is_guessed(
                &["Students: id, name, email", "Course: id, title", association],
                &format!(
                    "Students | id | name | email | Course | id | title | {name} | {student} | {course}"
                ),
            );
        }
    }

    #[test]
    fn users_are_students_if_nothing_else_is() {
        is_guessed(
            &["users: id, username, role", "courses: id, name", "course_user: user_id, course_id"],
            "users | id | username | courses | id | name | course_user | user_id | course_id",
        );
        is_guessed(
            &[
                "users: id, username",
                "students: id, name",
                "courses: id, name",
                "likes: user_id>users, course_id>courses",
            ],
            "students | id | name | courses | id | name",
        );
    }

    #[test]
    fn first_and_last_name_are_one() {
        for (columns, name) in [
            ("first_name, last_name", "trim(coalesce(first_name, '') || ' ' || coalesce(last_name, ''))"),
            ("firstName, lastName", "trim(coalesce(\"firstName\", '') || ' ' || coalesce(\"lastName\", ''))"),
            ("name, surname", "trim(coalesce(name, '') || ' ' || coalesce(surname, ''))"),
            ("last_name, full_name", "full_name"),
            ("first_name", "first_name"),
            (
                "username, first_name, last_name",
                "coalesce(nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), ''), username)",
            ),
            ("username, password", "username"),
        ] {
            let student = format!("student: id, {columns}");
            is_guessed(
                &[&student, "course: id, code"],
                &format!("student | id | {name} | course | id | code"),
            );
        }
    }

    #[test]
    fn an_unclear_choice_becomes_a_question() {
        let school = ["student: id, name", "course: id, name"];
        for (further, question) in [
            (&["my_student: id, name", "a_student: id"][..], ""),
            (
                &["attendance: student_id>student, course_id>course, day"],
                "The table attendance (3 rows) links students and courses. Is each of its rows an enrollment? If not, leave out [enrollments].",
            ),
            (
                &["enrollment: student_id, course_id", "registration: id, student_id, course_id"],
                "Which table has the enrollments: enrollment (3 rows), registration (3 rows)?",
            ),
            (
                &["enrollment: student_id, section_id"],
                "enrollment (3 rows) may have enrollments, but no two columns clearly name a student and a course. Which ones do? If none, leave out [enrollments].",
            ),
            (
                &["enrollment: student_id>old_student, course_id>course", "old_student: id"],
                "Which table has the students: old_student (3 rows), student (3 rows)?",
            ),
        ] {
            let asked = lines_and_questions(&[&school[..], further].concat()).1;
            assert_eq!(asked.concat(), question);
        }
        let two = lines_and_questions(&["a_student: id, name", "b_student: id, name", "course: id, name"]).1;
        assert_eq!(two, ["Which table has the students: a_student (3 rows), b_student (3 rows)?"]);
        let none = lines_and_questions(&["student: id, name", "workshop: id, name", "teacher: id, name"]).1;
        assert_eq!(
            none,
            [
                "No table looks like courses. Is it one of workshop (3 rows)? If not, an empty table courses is created."
            ]
        );
    }

    #[test]
    fn the_clearest_table_of_enrollments_is_chosen() {
        is_guessed(
            &[
                "student: id, name",
                "course: id, name",
                "class: id, name",
                "enrollment_history: student_id, class_id",
                "wishlist: student_id, course_id",
                "enrollment: student_id, course_id",
            ],
            "student | id | name | course | id | name | enrollment | student_id | course_id",
        );
        let asked = lines_and_questions(&[
            "student: id, name",
            "course: id, name",
            "class: id, name",
            "takes: student_id, class_id",
        ]);
        assert_eq!(asked.1, ["Which table has the courses: class (3 rows), course (3 rows)?"]);
    }

    #[test]
    fn a_table_that_also_links_both_is_named() {
        let proposal = guessed(&[
            "student: id, name, favorite>course",
            "course: id, name",
            "enrollment: student_id, course_id",
            "grades: student_id>student, course_id>course, grade",
        ]);
        let others: Vec<_> = proposal.other_links.iter().map(|link| link.table.as_str()).collect();
        assert_eq!(others, ["grades", "student"]);
        assert_eq!(proposal.questions, []);
    }

    #[test]
    fn a_database_that_cannot_be_used_gets_the_reason() {
        let mut text = [table("student: id, name"), table("course: id, name")];
        text[0].definition.columns[0] = Column { key: 1, ..table("x: uuid").definition.columns[0].clone() };
        text[0].definition.columns[0].is_integer = false;
        text[0].definition.columns[0].kind = "uuid".to_owned();
        assert_eq!(
            guess(&text).unusable,
            ["the key student.uuid is of type uuid: text and UUID keys are not supported yet"]
        );
        assert_eq!(
            guessed(&["pupil: name", "course: id, name"]).unusable,
            ["the table pupil has no column with unique whole numbers, which can be the id"]
        );
        assert_eq!(
            guessed(&["bands: id, name", "alembic_version: version"]).unusable,
            ["no table looks like students or courses; there are bands (3 rows)"]
        );
    }

    #[test]
    fn a_database_that_fits_needs_no_mapping() {
        let school = ["students: id, name, email", "courses: id, name, level"];
        for (further, fits) in [
            ("teachers: id, name", true),
            ("student_courses: student_id, course_id", true),
            ("student_courses: student_id, course_id, created_at", false),
            ("enrollments: student_id, course_id", false),
        ] {
            assert_eq!(guessed(&[&school[..], &[further]].concat()).fits, fits, "{further}");
        }
        assert!(guessed(&[school[0]]).fits && guessed(&[]).fits);
        assert!(!guessed(&["students: id, name", school[1]]).fits);
    }
}
