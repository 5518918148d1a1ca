//! What a file is, from its heading: whose format, what its rows are, and which column means what.

use std::sync::Arc;

use super::headings::{Columns, Headings, two_columns};
use super::layouts::table;
use super::meaning::Meaning;
use super::passwords::PasswordColumns;
use super::recognize::{is_from_power_school, standard};
use super::record::Record;
use super::refusals::FileRefusal;
use super::report::{FileKind, FileReading, Format, Ignored, IgnoredColumn};
use super::{Kind, Options};

/// How the rows of a file are read.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) format: Format,
    pub(super) kind: FileKind,
    pub(super) columns: Columns,
    /// The headings as written, up to the last that is not empty.
    pub(super) headings: Vec<Arc<str>>,
    /// Cells of this file are not repeated in messages.
    pub(super) has_passwords: bool,
}

const NAMES: &[Meaning] = &[Meaning::Name, Meaning::SortableName, Meaning::FirstName, Meaning::LastName];
const STUDENT: &[Meaning] = &[Meaning::Number, Meaning::Email];

impl Layout {
    /// Reads the heading of a file, and says in the report what it found.
    ///
    /// # Errors
    /// Nothing is known, or a column that is needed is missing, or a heading is there twice.
    pub(super) fn read(
        record: &Record,
        options: &Options,
        report: &mut FileReading,
    ) -> Result<Self, FileRefusal> {
        let headings = Headings::read(record)?;
        // A file that is refused for its heading shows its columns, so that people can say what they mean.
        report.ignored = Columns::search(&headings, &[], options).0.ignored(&headings, &[]);
        headings.ensure_different().map_err(|refusal| refusal.at(record.line))?;
        let (format, kind) = recognized(&headings, options, report, record.line)?;
        let table = table(format, kind);
        let (mut columns, of_one_meaning) = Columns::search(&headings, table, options);
        if format == Format::MoodleUsers {
            columns = columns.with_courses(&headings);
        }
        report.format = Some(format);
        report.kind = Some(kind);
        report.recognized = columns.recognized(&headings);
        report.ignored = columns.ignored(&headings, table);
        if let Some((meaning, places)) = of_one_meaning {
            return Err(two_columns(&headings, meaning, places).at(record.line));
        }
        let has_passwords = !columns.passwords.is_empty();
        report.passwords = PasswordColumns {
            heading_line: record.line,
            headings: headings
                .0
                .iter()
                .rposition(|heading| !heading.text.is_empty())
                .map_or(0, |last| last + 1),
            columns: columns.passwords.clone(),
        };
        let named =
            headings.0.iter().rposition(|heading| !heading.text.is_empty()).map_or(0, |last| last + 1);
        let texts = headings.0[..named].iter().map(|heading| Arc::clone(&heading.text)).collect();
        let layout = Self { format, kind, columns, headings: texts, has_passwords };
        layout
            .ensure_complete(&report.ignored, headings.has("roleid"))
            .map_err(|refusal| refusal.at(record.line))?;
        Ok(layout)
    }

    /// The file that Moodle reads line by line: no heading.
    pub(super) fn flat_file(report: &mut FileReading) -> Self {
        report.format = Some(Format::MoodleFlatFile);
        report.kind = Some(FileKind::Enrollments);
        Self {
            format: Format::MoodleFlatFile,
            kind: FileKind::Enrollments,
            columns: Columns::default(),
            headings: Vec::new(),
            has_passwords: false,
        }
    }

    fn ensure_complete(&self, ignored: &[IgnoredColumn], has_role_id: bool) -> Result<(), FileRefusal> {
        let has = |meanings: &[Meaning]| self.columns.has_any(meanings);
        let is_wide = !self.columns.courses.is_empty();
        let mut missing = Vec::new();
        match self.kind {
            FileKind::People => {
                missing.extend((!has(STUDENT)).then_some("an id or an e-mail address"));
                // A list of who is in which groups has no names.
                let is_list = is_wide || !self.columns.groups.is_empty();
                // Canvas names nobody whom it knows already.
                let is_of_canvas = self.format == Format::Canvas;
                missing.extend((!has(NAMES) && !is_list && !is_of_canvas).then_some("a name"));
            }
            FileKind::Courses => {
                missing.extend((!has(&[Meaning::Code])).then_some("the course code"));
                missing
                    .extend((!has(&[Meaning::Name, Meaning::ShortName])).then_some("the name of the course"));
            }
            FileKind::Sections => {
                missing.extend((!has(&[Meaning::Name, Meaning::CourseName])).then_some("a name"));
            }
            FileKind::Enrollments => {
                let names_student = has(STUDENT) || has(&[Meaning::IntegrationId]);
                missing.extend((!names_student).then_some("the student (an id or an e-mail address)"));
                missing.extend((!has(&[Meaning::Code, Meaning::Section])).then_some("the course"));
                let needs_role = has_role_id && !has(&[Meaning::Role]);
                missing.extend(needs_role.then_some("the role as a word (role_id is known only to Canvas)"));
            }
            FileKind::CrossListings | FileKind::Roles | FileKind::Manifest | FileKind::Other => {}
        }
        if missing.is_empty() {
            return Ok(());
        }
        let mut detail = format!("There is no column for {}.", missing.join(", nor for "));
        for column in ignored {
            if let Ignored::DidYouMean(meaning) = column.why {
                detail =
                    format!("{detail} Does \u{201c}{}\u{201d} mean the {}?", column.heading, meaning.label());
            }
        }
        Err(FileRefusal::new("column-missing", detail))
    }
}

/// What the file is.
fn recognized(
    headings: &Headings,
    options: &Options,
    report: &FileReading,
    line: u32,
) -> Result<(Format, FileKind), FileRefusal> {
    let forced = options.kind.map(|kind| match kind {
        Kind::Students => FileKind::People,
        Kind::Courses => FileKind::Courses,
        Kind::Enrollments => FileKind::Enrollments,
    });
    if let Some((format, kind)) = standard(headings) {
        let differs = forced.is_some_and(|forced| match kind {
            FileKind::People | FileKind::Courses | FileKind::Enrollments => forced != kind,
            // Other files of a set are no students because of a kind that is meant for the whole set.
            FileKind::Other => is_complete(headings, options, forced),
            FileKind::Sections | FileKind::CrossListings | FileKind::Roles | FileKind::Manifest => false,
        });
        if !differs {
            return Ok((format, kind));
        }
    }
    let format = if is_from_power_school(headings) { Format::PowerSchool } else { Format::Plain };
    if let Some(kind) = forced {
        return Ok((format, kind));
    }
    match plain_kind(headings, options, &report.name) {
        Some(kind) => Ok((format, kind)),
        None => Err(unknown(headings, options).at(line)),
    }
}

/// Whether a list of this kind has all the columns that it needs.
fn is_complete(headings: &Headings, options: &Options, kind: FileKind) -> bool {
    let columns = Columns::search(headings, table(Format::Plain, kind), options).0;
    match kind {
        FileKind::People => columns.has_any(STUDENT) && columns.has_any(NAMES),
        FileKind::Courses => columns.has_any(&[Meaning::Code]) && columns.has_any(&[Meaning::Name]),
        _ => columns.has_any(STUDENT) && columns.has_any(&[Meaning::Code]),
    }
}

/// What the rows of a list are, from what its columns can mean.
fn plain_kind(headings: &Headings, options: &Options, name: &str) -> Option<FileKind> {
    let columns = |kind| Columns::search(headings, table(Format::Plain, kind), options).0;
    let has = |kind, meanings: &[Meaning]| columns(kind).has_any(meanings);
    if is_complete(headings, options, FileKind::Enrollments) {
        return Some(FileKind::Enrollments);
    }
    let is_people = is_complete(headings, options, FileKind::People);
    let is_courses = is_complete(headings, options, FileKind::Courses);
    match (is_people, is_courses) {
        (true, true) => {
            let parts = [Meaning::FirstName, Meaning::LastName, Meaning::SortableName, Meaning::Email];
            let of_people =
                has(FileKind::People, &parts) || names_one_of(headings, &["studentid", "studentnumber"]);
            let of_courses =
                names_one_of(headings, &["coursecode", "courseid", "coursename", "level", "title"]);
            match (of_people, of_courses) {
                (true, false) => Some(FileKind::People),
                (false, true) => Some(FileKind::Courses),
                _ => kind_of_name(name),
            }
        }
        (true, false) => Some(FileKind::People),
        // A number and a course may be those of a student who takes it.
        (false, true) if has_number_and_course_alone(headings, &columns(FileKind::Courses)) => {
            kind_of_name(name)
        }
        (false, true) => Some(FileKind::Courses),
        // The heading is known; what is missing is said later.
        (false, false) => {
            let known = [FileKind::People, FileKind::Courses, FileKind::Enrollments];
            let strong = [NAMES, STUDENT].concat();
            known.into_iter().find(|kind| match kind {
                FileKind::People => has(*kind, &strong),
                FileKind::Courses => has(*kind, &[Meaning::Code, Meaning::Name]),
                _ => has(*kind, &[Meaning::Code]),
            })
        }
    }
}

/// Whether a list of courses would have the code in a column that could be of anybody, and the name in the column `course`.
fn has_number_and_course_alone(headings: &Headings, courses: &Columns) -> bool {
    let is = |meaning, keys: &[&str]| {
        courses.place(meaning).is_some_and(|place| keys.contains(&&*headings.0[place].key))
    };
    is(Meaning::Code, &["number", "idnumber", "id"])
        && is(Meaning::Name, &["course"])
        && !courses.has_any(&[Meaning::Level])
}

fn names_one_of(headings: &Headings, keys: &[&str]) -> bool {
    keys.iter().any(|key| headings.has(key))
}

/// What the name of a file says about its rows.
fn kind_of_name(name: &str) -> Option<FileKind> {
    let name = name.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match (says(&["student", "user", "people", "person"]), says(&["course", "class"])) {
        (true, false) => Some(FileKind::People),
        (false, true) => Some(FileKind::Courses),
        _ => None,
    }
}

fn unknown(headings: &Headings, options: &Options) -> FileRefusal {
    let is_known = headings.0.iter().any(|heading| super::layouts::is_known(&heading.key))
        || !options.corrections.is_empty();
    if is_known {
        let detail = "The columns do not say whether the rows are students, courses or enrollments. Say which kind it is.";
        FileRefusal::new("kind-unclear", detail)
    } else {
        let detail = "The first line has no heading that is known. The first line must name the columns.";
        FileRefusal::new("no-heading", detail)
    }
}
