//! Finds the records that vanish because the files are the whole truth and do not mention them. Files are the whole
//! truth for the kinds that they have rows of. Records that the files name in any way stay, and so do records that the
//! files cannot name.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::known::address_of;
use super::parties::is_unclear;
use super::steps::{HeldBack, Obstacle, Pair, Party, Plan, RecordStep};
use super::store::{self, Taken};
use crate::db::{Db, DbError};
use crate::files::reading::{
    FileKind, FileReading, FileRefusal, Format, Origin, Processing, Reading, Reference, Standing, StudentKey,
    Wanted,
};
use crate::registrar::{Course, CourseId, Record, Student, StudentId};

/// The refusal of files that cannot be the whole truth.
pub(super) fn refusal(reading: &Reading) -> Option<FileRefusal> {
    if reading.is_empty() && reading.refused.is_empty() {
        let detail =
            "The files have no rows, so they are not the whole truth. Import them without the mode full.";
        return Some(FileRefusal { code: "no-rows", line: None, detail: detail.to_owned() });
    }
    let why = reading.files.iter().find_map(|file| match (file.processing, file.format) {
        (Some(Processing::Delta), _) => Some("the manifest says that they have only changes"),
        (_, Some(Format::MoodleFlatFile)) => Some("their lines say what to add and what to remove"),
        _ => None,
    })?;
    let detail = format!("The files are not the whole truth: {why}. Import them without the mode full.");
    Some(FileRefusal { code: "not-the-whole-truth", line: None, detail })
}

/// Records that the files do not mention.
#[derive(Debug, Default)]
pub(super) struct Unmentioned {
    pub(super) students: Vec<Student>,
    pub(super) courses: Vec<Course>,
    pub(super) pairs: Vec<Taken>,
    pub(super) held_back: Vec<HeldBack>,
}

impl Unmentioned {
    /// Finds them, for a plan whose records are decided.
    pub(super) async fn find(plan: &Plan, db: &Db) -> Result<Self, DbError> {
        let reading = &plan.reading;
        let mut found = Self::default();
        // A file without names is about students who are there, and does not say who else is.
        let has_names = reading.people.iter().any(|row| !row.name.is_empty());
        let has_people = has_names && has(reading, &[FileKind::People]);
        let has_courses = has(reading, &[FileKind::Courses, FileKind::Sections]);
        let has_enrollments = has(reading, &[FileKind::Enrollments]) || !reading.enrollments.is_empty();
        if !has_people && !has_courses && !has_enrollments {
            return Ok(found);
        }
        let students = Students::new(store::all_students(db).await?);
        let courses = Courses::new(store::all_courses(db).await?);
        if has_people {
            let stays = reading.people.iter().any(|row| row.standing != Standing::Deleted);
            let obstacle =
                no_rows(stays, "a student").or_else(|| unread(reading, &[FileKind::People])).or_else(|| {
                    refused_step(reading, reading.people.iter().map(|row| row.origin), &plan.students)
                });
            let keys = Keys::of(reading, reading.people.iter().map(|row| row.reference));
            let named = Keys::of(reading, reading.students.iter().map(|(reference, _)| reference));
            let unmentioned = students.all.iter().filter(|student| !named.names(student));
            let (gone, unnameable): (Vec<_>, Vec<_>) =
                unmentioned.partition(|student| students.is_nameable(student, &keys));
            found.students =
                found.unless("students", obstacle, gone, &unnameable).into_iter().cloned().collect();
        }
        if has_courses {
            let stays = reading.courses.iter().any(|row| row.standing != Standing::Deleted);
            let obstacle = no_rows(stays, "a course")
                .or_else(|| {
                    unread(reading, &[FileKind::Courses, FileKind::Sections, FileKind::CrossListings])
                })
                .or_else(|| {
                    refused_step(reading, reading.courses.iter().map(|row| row.origin), &plan.courses)
                });
            let keys = reading.course_keys.iter().flat_map(|(_, key)| key.codes());
            let named: HashSet<String> =
                keys.chain(reading.named_courses.iter().map(ToString::to_string)).collect();
            let is_named = |course: &&Course| course.code.as_ref().is_some_and(|code| named.contains(code));
            let unmentioned = courses.all.iter().filter(|course| !is_named(course));
            let (gone, unnameable): (Vec<_>, Vec<_>) =
                unmentioned.partition(|course| courses.is_nameable(course));
            found.courses =
                found.unless("courses", obstacle, gone, &unnameable).into_iter().cloned().collect();
        }
        if has_enrollments {
            found.find_pairs(plan, db, &students, &courses).await?;
        }
        Ok(found)
    }

    async fn find_pairs(
        &mut self,
        plan: &Plan,
        db: &Db,
        students: &Students,
        courses: &Courses,
    ) -> Result<(), DbError> {
        let reading = &plan.reading;
        let stays = reading.enrollments.iter().any(|row| row.wanted == Wanted::Enrolled);
        let unclear = || {
            reading.enrollments.iter().find_map(|row| match plan.pair(row) {
                Err(obstacle) if is_unclear(obstacle, row.wanted) => {
                    Some(not_clear(reading, row.origin, &obstacle.detail))
                }
                _ => None,
            })
        };
        let has_courses_of_people = reading.files.iter().any(|file| file.format == Some(Format::MoodleUsers));
        let of_people = has_courses_of_people.then_some(FileKind::People);
        // In Canvas, these decide in which course a student of a section is.
        let is_of_canvas = |file: &FileReading| file.format == Some(Format::Canvas);
        let has_sections = reading.files.iter().any(is_of_canvas);
        let of_sections = has_sections.then_some([FileKind::Sections, FileKind::CrossListings]);
        let of_sections = of_sections.into_iter().flatten();
        let kinds: Vec<_> = of_people.into_iter().chain(of_sections).chain([FileKind::Enrollments]).collect();
        let obstacle = no_rows(stays, "an enrollment").or_else(|| unread(reading, &kinds)).or_else(unclear);
        let rows = reading.enrollments.iter().map(|row| (row.student, row.course));
        let keys = Keys::of(reading, rows.clone().map(|(student, _)| student));
        let mentioned = rows.chain(reading.other_pairs.iter().copied());
        let mentioned: HashSet<Pair> =
            mentioned.filter_map(|(student, course)| known_pair(plan, student, course)).collect();
        let is_nameable = |(student, course): Pair| {
            students.with_id(student).is_some_and(|student| students.is_nameable(student, &keys))
                && courses.with_id(course).is_some_and(|course| courses.is_nameable(course))
        };
        let all = store::all_taken(db).await?;
        let unmentioned = all.iter().filter(|(pair, _)| !mentioned.contains(pair));
        let (gone, unnameable): (Vec<_>, Vec<_>) = unmentioned.partition(|(pair, _)| is_nameable(*pair));
        self.pairs = self.unless("enrollments", obstacle, gone, &unnameable).into_iter().copied().collect();
        Ok(())
    }

    /// Returns the vanishing records, which are none if there is an obstacle for the whole kind; reports the others as
    /// held back.
    fn unless<'a, T>(
        &mut self,
        kind: &'static str,
        obstacle: Option<Obstacle>,
        gone: Vec<&'a T>,
        unnameable: &[&T],
    ) -> Vec<&'a T> {
        let (gone, kept, why) = match obstacle {
            Some(why) => (Vec::new(), gone.len() + unnameable.len(), why),
            None => (gone, unnameable.len(), Obstacle::new("not-nameable", NOT_NAMEABLE)),
        };
        if kept > 0 {
            self.held_back.push(HeldBack { kind, count: kept, why });
        }
        gone
    }
}

const NOT_NAMEABLE: &str =
    "The files cannot name them: they have no id or address as in the files, or share it with others.";

fn has(reading: &Reading, kinds: &[FileKind]) -> bool {
    reading.files.iter().any(|file| file.kind.is_some_and(|kind| kinds.contains(&kind)))
}

fn no_rows(stays: bool, what: &str) -> Option<Obstacle> {
    let detail = format!("The files have no row of {what} that stays, so nothing of this kind vanishes.");
    (!stays).then(|| Obstacle::new("no-rows", detail))
}

fn unread(reading: &Reading, kinds: &[FileKind]) -> Option<Obstacle> {
    let is_unread = |code| ["sheet-not-read", "file-not-read"].contains(&code);
    if let Some(unread) = reading.warnings.iter().find(|warning| is_unread(warning.code)) {
        let name = &reading.files[unread.file as usize].name;
        let what = if unread.code == "file-not-read" { "A file" } else { "A sheet" };
        let detail =
            format!("{what} is not read ({name}), so it is not clear which records it is about. Delete it.");
        return Some(Obstacle::new(unread.code, detail));
    }
    let is_of_kind = |file: u32| reading.files[file as usize].kind.is_some_and(|kind| kinds.contains(&kind));
    let row = reading.refused.iter().find(|row| is_of_kind(row.origin.file))?;
    Some(not_clear(reading, row.origin, &reading.why(row)))
}

fn refused_step<R: Record>(
    reading: &Reading,
    origins: impl Iterator<Item = Origin>,
    steps: &[RecordStep<R>],
) -> Option<Obstacle> {
    origins.zip(steps).find_map(|(origin, step)| match step {
        RecordStep::Refused(obstacle) => Some(not_clear(reading, origin, &obstacle.detail)),
        _ => None,
    })
}

fn not_clear(reading: &Reading, origin: Origin, detail: &str) -> Obstacle {
    let (file, line) = (&reading.files[origin.file as usize].name, origin.line);
    let detail = format!(
        "A row is refused ({file}, line {line}), so it is not clear which record it is about. {detail}"
    );
    Obstacle::new("rows-refused", detail)
}

fn known_pair(plan: &Plan, student: Reference, course: Reference) -> Option<Pair> {
    match (&plan.students_by_key[student.index()], &plan.courses_by_key[course.index()]) {
        (Party::Known { id: student, .. }, Party::Known { id: course, .. }) => Some((*student, *course)),
        _ => None,
    }
}

/// The keys by which the files name students.
struct Keys<'a> {
    numbers: HashSet<&'a str>,
    addresses: HashSet<&'a str>,
}

impl<'a> Keys<'a> {
    fn of(reading: &'a Reading, references: impl Iterator<Item = Reference>) -> Self {
        let mut keys = Self { numbers: HashSet::new(), addresses: HashSet::new() };
        for reference in references {
            match reading.students.get(reference) {
                StudentKey::Number(number) => keys.numbers.insert(number),
                StudentKey::Email(address) => keys.addresses.insert(address),
            };
        }
        keys
    }

    fn names(&self, student: &Student) -> bool {
        student.number.as_ref().is_some_and(|number| self.numbers.contains(number.as_str()))
            || !self.addresses.is_empty() && self.addresses.contains(&*address_of(student))
    }
}

/// All students of the school.
struct Students {
    all: Vec<Student>,
    by_id: HashMap<StudentId, usize>,
    numbers: HashMap<String, usize>,
    addresses: HashMap<String, usize>,
}

impl Students {
    fn new(all: Vec<Student>) -> Self {
        let numbers = counts(all.iter().filter_map(|student| student.number.clone()));
        let addresses = counts(all.iter().map(address_of));
        let by_id = all.iter().map(|student| student.id).zip(0..).collect();
        Self { all, by_id, numbers, addresses }
    }

    fn with_id(&self, id: StudentId) -> Option<&Student> {
        Some(&self.all[*self.by_id.get(&id)?])
    }

    /// Whether files with keys of this kind could name the student, by a key that no other student has.
    fn is_nameable(&self, student: &Student, keys: &Keys<'_>) -> bool {
        let by_number = || student.number.as_ref().and_then(|number| self.numbers.get(number)) == Some(&1);
        let by_address = || {
            let address = address_of(student);
            !address.is_empty() && self.addresses.get(&address) == Some(&1)
        };
        !keys.numbers.is_empty() && by_number() || !keys.addresses.is_empty() && by_address()
    }
}

/// All courses of the school.
struct Courses {
    all: Vec<Course>,
    by_id: HashMap<CourseId, usize>,
    codes: HashMap<String, usize>,
}

impl Courses {
    fn new(all: Vec<Course>) -> Self {
        let codes = counts(all.iter().filter_map(|course| course.code.clone()));
        let by_id = all.iter().map(|course| course.id).zip(0..).collect();
        Self { all, by_id, codes }
    }

    fn with_id(&self, id: CourseId) -> Option<&Course> {
        Some(&self.all[*self.by_id.get(&id)?])
    }

    fn is_nameable(&self, course: &Course) -> bool {
        course.code.as_ref().and_then(|code| self.codes.get(code)) == Some(&1)
    }
}

fn counts<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> HashMap<K, usize> {
    let mut counts = HashMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}
