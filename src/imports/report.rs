//! What a plan says, for people and for programs.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::carry_out::{Done, RowNumbers};
use super::rows::{ImportRow, RowField};
use super::steps::{FieldChange, Obstacle, Pair, Plan, RecordStep};
use super::summary::{Counts, FileSummary, ReadColumn, Summary, UnreadColumn, WhyRefused};
use super::vanishing::{Cause, PlanRow, Vanishing};
use crate::files::reading::{FileRefusal, Origin, Reading};
use crate::registrar::{Course, Record, Student};

impl Plan {
    /// Each step that was not carried out, in words.
    pub fn not_done<'a>(&'a self, done: &'a Done) -> impl Iterator<Item = String> + 'a {
        done.changed.iter().map(|(row, obstacle)| {
            let row = self.row(0, *row);
            match (row.file, row.line) {
                (Some(file), Some(line)) => format!("{file}, line {line}: {}", obstacle.detail),
                _ => obstacle.detail.clone(),
            }
        })
    }

    /// The rows that were not carried out, with the reasons.
    #[must_use]
    pub(super) fn not_done_rows(&self, to_do: &RowNumbers, done: &Done) -> Vec<ImportRow> {
        let numbered = |(row, obstacle): &(PlanRow, Obstacle)| {
            let number = to_do.number(*row)?;
            Some(ImportRow { row: number, ..self.row(0, *row).with_obstacle(obstacle) })
        };
        done.changed.iter().filter_map(numbered).collect()
    }

    /// Each student, course, enrollment and place on a waitlist that vanishes, in words.
    pub fn departures(&self) -> impl Iterator<Item = String> {
        let named = |name: Option<&String>, id: Option<&String>| {
            let name = name.map_or("(no name)", String::as_str);
            id.map_or_else(|| name.to_owned(), |id| format!("{name} ({id})"))
        };
        let student = move |student: &Student| named(student.name.as_ref(), student.number.as_ref());
        let course = move |course: &Course| named(course.name.as_ref(), course.code.as_ref());
        let students = self.vanishing.students.iter().map(move |gone| student(&gone.record));
        let courses = self.vanishing.courses.iter().map(move |gone| course(&gone.record));
        let pairs = self.vanishing.pairs.iter().map(move |pair| {
            let of_student = self.names.students.get(&pair.student_id).map(student);
            let of_course = self.names.courses.get(&pair.course_id).map(course);
            let what = if pair.is_waiting { "on the waitlist of" } else { "in" };
            format!("{} {what} {}", of_student.unwrap_or_default(), of_course.unwrap_or_default())
        });
        students
            .map(|name| format!("student {name}"))
            .chain(courses.map(|name| format!("course {name}")))
            .chain(pairs)
    }

    /// The warnings, in words.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.reading.warnings.iter().map(|warning| {
            let name = self.reading.files.get(warning.file as usize).map_or("", |file| &file.name);
            let line = warning.line.map(|line| format!(", line {line}")).unwrap_or_default();
            format!("{name}{line}: {}", self.reading.warned(warning))
        })
    }

    /// How many steps carrying it out takes.
    #[must_use]
    pub fn steps(&self) -> usize {
        let counts = self.counts();
        counts.new + counts.changed + self.vanishing.steps(None).len()
    }

    /// Whether carrying it out would change nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps() == 0 && self.new_sections == 0
    }
}

/// A refused reading as JSON: the files, and why.
#[must_use]
pub fn refused(reading: &Reading) -> Value {
    json!({
        "applied": false,
        "refused": reading.refusal.as_ref().map(WhyRefused::from),
        "files": reading.files.iter().map(FileSummary::from).collect::<Vec<_>>(),
        "counts": Counts::default(),
        "refused_rows": [],
    })
}

/// The reasons for each refused file of a reading, and for the set as a whole.
#[must_use]
pub fn refused_files(reading: &Reading) -> Value {
    let refused = |name: Option<&String>, why: &FileRefusal| RefusedFile {
        name: name.cloned(),
        code: why.code.to_owned(),
        line: why.line,
        detail: why.detail.clone(),
        columns: None,
        ignored: None,
    };
    let of_set = reading.refusal.iter().map(|why| refused(None, why));
    let of_files = reading.files.iter().filter_map(|file| {
        let why = file.refusal.as_ref()?;
        let FileSummary { columns, ignored, .. } = FileSummary::from(file);
        Some(RefusedFile { columns: Some(columns), ignored: Some(ignored), ..refused(Some(&file.name), why) })
    });
    json!(of_set.chain(of_files).collect::<Vec<_>>())
}

/// A file that is not used, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedFile {
    /// The name of the file; null if all files together are refused.
    #[schema(required)]
    name: Option<String>,
    /// A stable word for programs.
    code: String,
    /// The physical line, from 1, if it is about one.
    #[schema(required, minimum = 1)]
    line: Option<u32>,
    /// A sentence for people.
    detail: String,
    /// The columns that were recognized.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    columns: Option<Vec<ReadColumn>>,
    /// The columns that were not recognized.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ignored: Option<Vec<UnreadColumn>>,
}

/// A plan as JSON, and what was done if it was carried out.
#[must_use]
pub fn json(plan: &Plan, done: Option<&Done>) -> Value {
    let refused_rows: Vec<_> = plan.refused_rows().map(|row| refused_row(&row)).collect();
    let changed = done.map(|done| {
        let row = |(row, obstacle): &(PlanRow, Obstacle)| {
            let (column, row) = (plan.column_of_refusal(*row), plan.row(0, *row));
            json!({"file": row.file, "line": row.line, "column": column, "code": obstacle.code, "detail": obstacle.detail})
        };
        done.changed.iter().map(row).collect::<Vec<_>>()
    });
    let Summary { files, counts, held_back, confirm, warnings, new_groups } = plan.summary();
    json!({
        "applied": done.is_some(),
        "refused": null,
        "files": files,
        "counts": counts,
        "new_groups": new_groups,
        "changes": changes(plan),
        "would_vanish": vanishing_counts(&plan.vanishing),
        "to_confirm": confirm,
        "vanishing": vanishing(plan),
        "held_back": held_back,
        "promoted": plan.promoted.iter().map(|pair| named_pair(plan, *pair)).collect::<Vec<_>>(),
        "refused_rows": refused_rows,
        "warnings": warnings,
        "plan_changed": changed,
    })
}

/// How many of each kind would vanish.
fn vanishing_counts(vanishing: &Vanishing) -> Value {
    let waiting = vanishing.pairs.iter().filter(|pair| pair.is_waiting).count();
    json!({
        "students": vanishing.students.len(),
        "courses": vanishing.courses.len(),
        "enrollments": vanishing.pairs.len() - waiting,
        "places_on_waitlists": waiting,
    })
}

/// Each record and each pair that would vanish, with the cause.
fn vanishing(plan: &Plan) -> Vec<Value> {
    let of = |what: &str, cause: Cause, mut named: Value| {
        named["record"] = what.into();
        named["cause"] = cause.slug().into();
        named["file"] = cause.origin().map(|origin| file_name(&plan.reading, origin)).into();
        named["line"] = cause.origin().map(|origin| origin.line).into();
        named
    };
    let students = plan.vanishing.students.iter();
    let students = students.map(|gone| of("student", gone.cause, json!({"student": student(&gone.record)})));
    let courses = plan.vanishing.courses.iter();
    let courses = courses.map(|gone| of("course", gone.cause, json!({"course": course(&gone.record)})));
    let pairs = plan.vanishing.pairs.iter().map(|pair| {
        let what = if pair.is_waiting { "place-on-waitlist" } else { "enrollment" };
        of(what, pair.cause, named_pair(plan, (pair.student_id, pair.course_id)))
    });
    students.chain(courses).chain(pairs).collect()
}

fn named_pair(plan: &Plan, (student_id, course_id): Pair) -> Value {
    let of_student = plan.names.students.get(&student_id).map(student);
    let of_course = plan.names.courses.get(&course_id).map(course);
    json!({
        "student": of_student.unwrap_or_else(|| json!({"id": student_id})),
        "course": of_course.unwrap_or_else(|| json!({"id": course_id})),
    })
}

fn student(student: &Student) -> Value {
    json!({"id": student.id, "number": student.number, "name": student.name})
}

fn course(course: &Course) -> Value {
    json!({"id": course.id, "code": course.code, "name": course.name})
}

/// Each record that would change, with its changed fields.
fn changes(plan: &Plan) -> Vec<Value> {
    let of = |origin: Origin, what: &str, fields: &[FieldChange], groups: Option<RowField>| {
        let field = |one: &FieldChange| json!({"field": one.field, "old": one.old, "new": one.new});
        let groups = groups.map(|one| json!({"field": one.field, "old": one.old, "new": one.new}));
        json!({
            "file": file_name(&plan.reading, origin),
            "line": origin.line,
            "record": what,
            "fields": fields.iter().map(field).chain(groups).collect::<Vec<_>>(),
        })
    };
    let students = plan.reading.people.iter().map(|row| row.origin).zip(&plan.students).enumerate();
    let courses = plan.reading.courses.iter().map(|row| row.origin).zip(&plan.courses);
    let students = students.filter_map(|(at, (origin, step))| {
        let fields = changed(step).unwrap_or_default();
        let groups = plan.changed_groups(at);
        (!fields.is_empty() || groups.is_some()).then(|| of(origin, "student", fields, groups))
    });
    let courses = courses.filter_map(|(origin, step)| Some(of(origin, "course", changed(step)?, None)));
    students.chain(courses).collect()
}

fn changed<R: Record>(step: &RecordStep<R>) -> Option<&[FieldChange]> {
    match step {
        RecordStep::Change { changes, .. } => Some(changes),
        _ => None,
    }
}

fn refused_row(row: &ImportRow) -> Value {
    let ImportRow { file, line, column, code, detail, .. } = row;
    json!({"file": file, "line": line, "column": column, "code": code, "detail": detail})
}

fn file_name(reading: &Reading, origin: Origin) -> &str {
    &reading.files[origin.file as usize].name
}
