//! What a plan says, for people and for programs.

use serde_json::{Value, json};

use super::carry_out::{Done, Order};
use super::rows::ImportRow;
use super::steps::{EnrollmentStep, FieldChange, HeldBack, Obstacle, Pair, Plan, RecordStep};
use super::vanishing::{Cause, PlanRow, Vanishing};
use crate::files::reading::{FileKind, FileReading, FileRefusal, Format, Ignored, Origin, Reading};
use crate::registrar::{Course, Record, Student};

/// How many rows would have which effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Students, courses and enrollments that would be new.
    pub new: usize,
    /// Of these, students who would get a place on a waitlist and no seat.
    pub waiting: usize,
    /// Students and courses that would change.
    pub changed: usize,
    /// Rows that would change nothing.
    pub unchanged: usize,
    /// Rows that are refused.
    pub refused: usize,
    /// Students, courses, enrollments and places on waitlists that would vanish: by a row, with a student or course, or
    /// because the files are the whole truth and do not mention them.
    pub vanishing: usize,
    /// Waiting students who would move up, because others leave.
    pub promoted: usize,
}

impl Plan {
    /// The numbers of what happens.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of(self)
    }

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
    pub(super) fn not_done_rows(&self, order: &Order, done: &Done) -> Vec<ImportRow> {
        let numbered = |(row, obstacle): &(PlanRow, Obstacle)| {
            let not_done = self.row(0, *row).with_obstacle(obstacle);
            ImportRow { row: order.number(*row).unwrap_or(not_done.row), ..not_done }
        };
        done.changed.iter().map(numbered).collect()
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
        counts.new + counts.changed + self.vanishing.steps().len()
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps() == 0
    }
}

impl Counts {
    fn of(plan: &Plan) -> Self {
        let mut counts = Self {
            refused: plan.reading.refused.len(),
            vanishing: plan.vanishing.len(),
            promoted: plan.promoted.len(),
            ..Self::default()
        };
        plan.students.iter().for_each(|step| counts.record(step));
        plan.courses.iter().for_each(|step| counts.record(step));
        for step in &plan.enrollments {
            match step {
                EnrollmentStep::Enroll => counts.new += 1,
                EnrollmentStep::Wait(_) => {
                    counts.new += 1;
                    counts.waiting += 1;
                }
                EnrollmentStep::AlreadyEnrolled
                | EnrollmentStep::AlreadyWaiting
                | EnrollmentStep::NotThere => {
                    counts.unchanged += 1;
                }
                EnrollmentStep::Drop => {}
                EnrollmentStep::Refused(_) => counts.refused += 1,
            }
        }
        counts
    }

    fn record<R: Record>(&mut self, step: &RecordStep<R>) {
        match step {
            RecordStep::Add(_) => self.new += 1,
            RecordStep::Change { .. } => self.changed += 1,
            RecordStep::Same(_) | RecordStep::LeftOut => self.unchanged += 1,
            RecordStep::Remove { .. } => {}
            RecordStep::Refused(_) => self.refused += 1,
        }
    }

    fn json(self) -> Value {
        json!({
            "new": self.new,
            "waiting": self.waiting,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "refused": self.refused,
            "would_vanish": self.vanishing,
            "promoted": self.promoted,
        })
    }
}

/// A refused reading as JSON: the files, and why.
#[must_use]
pub fn refused(reading: &Reading) -> Value {
    json!({
        "applied": false,
        "refused": reading.refusal.as_ref().map(refusal),
        "files": reading.files.iter().map(file).collect::<Vec<_>>(),
        "refused_rows": reading_refusals(reading),
    })
}

/// The reasons for each refused file of a reading, and for the set as a whole.
#[must_use]
pub fn refused_files(reading: &Reading) -> Value {
    let of_set = reading
        .refusal
        .iter()
        .map(|why| json!({"name": null, "code": why.code, "line": why.line, "detail": why.detail}));
    let of_files = reading.files.iter().filter_map(|file| {
        let why = file.refusal.as_ref()?;
        Some(json!({"name": file.name, "code": why.code, "line": why.line, "detail": why.detail}))
    });
    of_set.chain(of_files).collect()
}

/// A plan as JSON, and what was done if it was carried out.
#[must_use]
pub fn json(plan: &Plan, done: Option<&Done>) -> Value {
    let mut refused_rows = reading_refusals(&plan.reading);
    refused_rows
        .extend(plan.obstacles().map(|(origin, obstacle)| obstacle_row(&plan.reading, origin, obstacle)));
    let changed = done.map(|done| {
        let row = |(row, obstacle): &(PlanRow, Obstacle)| {
            let row = plan.row(0, *row);
            json!({"file": row.file, "line": row.line, "column": null, "code": obstacle.code, "detail": obstacle.detail})
        };
        done.changed.iter().map(row).collect::<Vec<_>>()
    });
    json!({
        "applied": done.is_some(),
        "refused": null,
        "files": plan.reading.files.iter().map(file).collect::<Vec<_>>(),
        "counts": plan.counts().json(),
        "changes": changes(plan),
        "would_vanish": vanishing_counts(&plan.vanishing),
        "to_confirm": plan.to_confirm(),
        "vanishing": vanishing(plan),
        "held_back": plan.held_back.iter().map(held_back).collect::<Vec<_>>(),
        "promoted": plan.promoted.iter().map(|pair| named_pair(plan, *pair)).collect::<Vec<_>>(),
        "refused_rows": refused_rows,
        "warnings": warnings(&plan.reading),
        "plan_changed": changed,
    })
}

/// A summary of a plan, without its rows.
#[must_use]
pub fn summary(plan: &Plan) -> Value {
    json!({
        "files": plan.reading.files.iter().map(file).collect::<Vec<_>>(),
        "counts": plan.counts().json(),
        "would_vanish": vanishing_counts(&plan.vanishing),
        "held_back": plan.held_back.iter().map(held_back).collect::<Vec<_>>(),
        "confirm": plan.to_confirm(),
        "warnings": warnings(&plan.reading),
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

fn held_back(held_back: &HeldBack) -> Value {
    json!({
        "kind": held_back.kind,
        "count": held_back.count,
        "code": held_back.why.code,
        "detail": held_back.why.detail,
    })
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
    let of = |origin: Origin, what: &str, fields: &[FieldChange]| {
        let field = |one: &FieldChange| json!({"field": one.field, "old": one.old, "new": one.new});
        json!({
            "file": file_name(&plan.reading, origin),
            "line": origin.line,
            "record": what,
            "fields": fields.iter().map(field).collect::<Vec<_>>(),
        })
    };
    let students = plan.reading.people.iter().map(|row| row.origin).zip(&plan.students);
    let courses = plan.reading.courses.iter().map(|row| row.origin).zip(&plan.courses);
    let students = students.filter_map(|(origin, step)| Some(of(origin, "student", changed(step)?)));
    let courses = courses.filter_map(|(origin, step)| Some(of(origin, "course", changed(step)?)));
    students.chain(courses).collect()
}

fn changed<R: Record>(step: &RecordStep<R>) -> Option<&[FieldChange]> {
    match step {
        RecordStep::Change { changes, .. } => Some(changes),
        _ => None,
    }
}

fn warnings(reading: &Reading) -> Vec<Value> {
    let of = |warning: &crate::files::reading::Warning| {
        json!({
            "file": reading.files.get(warning.file as usize).map(|file| file.name.as_str()),
            "line": warning.line,
            "code": warning.code,
            "detail": reading.warned(warning),
        })
    };
    reading.warnings.iter().map(of).collect()
}

fn reading_refusals(reading: &Reading) -> Vec<Value> {
    let of = |row: &crate::files::reading::RefusedRow| {
        json!({
            "file": file_name(reading, row.origin),
            "line": row.origin.line,
            "column": row.column,
            "code": row.reason.code(),
            "detail": reading.why(row),
        })
    };
    reading.refused.iter().map(of).collect()
}

fn obstacle_row(reading: &Reading, origin: Origin, obstacle: &Obstacle) -> Value {
    json!({
        "file": file_name(reading, origin),
        "line": origin.line,
        "column": null,
        "code": obstacle.code,
        "detail": obstacle.detail,
    })
}

fn file_name(reading: &Reading, origin: Origin) -> &str {
    &reading.files[origin.file as usize].name
}

fn refusal(refusal: &FileRefusal) -> Value {
    json!({"code": refusal.code, "line": refusal.line, "detail": refusal.detail})
}

fn file(file: &FileReading) -> Value {
    let skipped = file.counts.skipped.iter().map(|(why, rows)| (why.code().to_owned(), json!(rows)));
    json!({
        "name": file.name,
        "format": file.format.map(Format::name),
        "kind": file.kind.map(FileKind::slug),
        "encoding": file.encoding.map(|(encoding, _)| encoding.name()),
        "encoding_guessed": file.encoding.is_some_and(|(_, is_guessed)| is_guessed),
        "delimiter": file.delimiter,
        "columns": file.recognized.iter().map(|(heading, meaning)| json!({"heading": heading, "meaning": meaning.slug()})).collect::<Vec<_>>(),
        "ignored": file.ignored.iter().map(|column| json!({
            "heading": column.heading,
            "why": why(column.why),
        })).collect::<Vec<_>>(),
        "rows": file.counts.rows,
        "blank": file.counts.blank,
        "refused": file.counts.refused,
        "skipped": skipped.collect::<serde_json::Map<_, _>>(),
        "refusal": file.refusal.as_ref().map(refusal),
    })
}

fn why(ignored: Ignored) -> String {
    match ignored {
        Ignored::DidYouMean(meaning) => format!("unknown; did you mean {}?", meaning.slug()),
        Ignored::Superseded(meaning) => format!("another column counts as {}", meaning.slug()),
        Ignored::Password => "passwords are never read".to_owned(),
        Ignored::Unused => "not used".to_owned(),
        Ignored::NotHeld(why) => why.to_owned(),
    }
}
