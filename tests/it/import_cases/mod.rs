//! Files with the quirks of real ones: what is read of them, and what is refused with which line.

#[expect(unreachable_pub, reason = "the fuzzers are another crate")]
#[path = "../../../fuzz/src/check.rs"]
mod check;
pub(crate) mod copies;
mod formats;
mod fuzz;
mod quirks;
mod spreadsheets;
mod state;

use std::fs;
use std::path::{Path, PathBuf};

use matricula::files::reading::{
    CourseKey, KnownSections, Options, Origin, Reading, Skipped, Source, Standing, StudentKey, Wanted, read,
};

/// The folder of a case.
pub(crate) fn folder(case: &str) -> PathBuf {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/import_cases/cases");
    let found = fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path());
    let mut found = found.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(case));
    found.next().unwrap_or_else(|| panic!("no case {case}"))
}

/// The files of a case as one set, in the order of their names.
fn files(case: &str) -> Vec<Source> {
    let mut paths: Vec<_> = fs::read_dir(folder(case)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is_data = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !name.starts_with("expected") && name != "setup.json"
    };
    paths.into_iter().filter(is_data).map(|path| source(&path)).collect()
}

fn source(path: &Path) -> Source {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    Source { name, bytes: fs::read(path).unwrap() }
}

/// One file of a case.
fn file(case: &str, name: &str) -> Vec<Source> {
    vec![source(&folder(case).join(name))]
}

/// A file that a test writes.
fn text(name: &str, bytes: impl AsRef<[u8]>) -> Source {
    Source { name: name.to_owned(), bytes: bytes.as_ref().to_vec() }
}

fn read_all(sources: &[Source]) -> Reading {
    read(sources, &Options::default(), &KnownSections::default())
}

fn read_text(name: &str, bytes: impl AsRef<[u8]>) -> Reading {
    read_all(&[text(name, bytes)])
}

/// Each person as `number name <email>`, with what is special.
fn people(reading: &Reading) -> Vec<String> {
    let said = reading.people.iter().map(|person| {
        let number = person.number.as_deref().map(|number| format!("{number} ")).unwrap_or_default();
        let email = person.email.as_deref().map(|email| format!(" <{email}>")).unwrap_or_default();
        format!("{number}{}{email}{}", person.name, standing(person.standing))
    });
    said.collect()
}

/// Each course as `code name`, with its level and what is special.
fn courses(reading: &Reading) -> Vec<String> {
    let said = reading.courses.iter().map(|course| {
        let level = course.level.as_deref().map(|level| format!(", {level}")).unwrap_or_default();
        format!("{} {}{level}{}", course.code, course.name, standing(course.standing))
    });
    said.collect()
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "",
        Standing::Inactive => " (inactive)",
        Standing::Deleted => " (deleted)",
    }
}

/// Each enrollment as `student in course` or `student not in course`.
fn enrollments(reading: &Reading) -> Vec<String> {
    let said = reading.enrollments.iter().map(|row| {
        let student = match reading.students.get(row.student) {
            StudentKey::Number(text) | StudentKey::Email(text) => text,
        };
        let course = match reading.course_keys.get(row.course) {
            CourseKey::Code(code) => code.to_string(),
            key @ CourseKey::Section { .. } => key.codes().collect::<Vec<_>>().join(" or "),
        };
        let how = if row.wanted == Wanted::Enrolled { "in" } else { "not in" };
        format!("{student} {how} {course}")
    });
    said.collect()
}

/// Each refused row as `file:line column code`.
fn refused(reading: &Reading) -> Vec<String> {
    let said = reading.refused.iter().map(|row| {
        let Origin { file, line } = row.origin;
        let column = row.column.as_deref().map(|column| format!("{column} ")).unwrap_or_default();
        format!("{}:{line} {column}{}", reading.files[file as usize].name, row.reason.code())
    });
    said.collect()
}

/// Why the reading is refused, as `file: code`.
fn refusals(reading: &Reading) -> Vec<String> {
    let of_files = reading.files.iter().filter_map(|file| {
        let refusal = file.refusal.as_ref()?;
        let line = refusal.line.map(|line| format!(" at {line}")).unwrap_or_default();
        Some(format!("{}: {}{line}", file.name, refusal.code))
    });
    of_files.chain(reading.refusal.as_ref().map(|refusal| refusal.code.to_owned())).collect()
}

/// What is worth a look, as `file:line code`.
fn warnings(reading: &Reading) -> Vec<String> {
    let said = reading.warnings.iter().map(|warning| {
        let line = warning.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{}{line} {}", reading.files[warning.file as usize].name, warning.code)
    });
    said.collect()
}

/// How many rows of a file were left out for a reason.
fn skipped(reading: &Reading, name: &str, reason: Skipped) -> u32 {
    file_of(reading, name).counts.skipped.get(&reason).copied().unwrap_or_default()
}

fn file_of<'a>(reading: &'a Reading, name: &str) -> &'a matricula::files::reading::FileReading {
    reading
        .files
        .iter()
        .find(|file| file.name == name)
        .unwrap_or_else(|| panic!("{name} in {:?}", reading.files))
}

/// The headings of the columns that are not read, each with the reason.
fn ignored(reading: &Reading, name: &str) -> Vec<String> {
    let columns = file_of(reading, name).ignored.iter();
    columns.map(|column| format!("{}: {:?}", column.heading, column.why)).collect()
}
