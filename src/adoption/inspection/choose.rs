//! Chooses the tables of students, courses and enrollments.

use super::links::{self, Link, Side, named};
use super::names::{self, Kind, USERS, words};
use super::proposal::{Question, assignment};
use crate::adoption::columns::letters;
use crate::count::counted;
use crate::db::catalog::ListedTable;

/// The chosen tables, as positions in the list of tables.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) students: Option<usize>,
    pub(super) courses: Option<usize>,
    /// The table of enrollments.
    pub(super) link: Option<Link>,
    /// Further tables that link students and courses.
    pub(super) others: Vec<usize>,
    pub(super) questions: Vec<Question>,
}

/// Last words of the names of tables that hold neither students nor courses.
const NEITHER: [&str; 14] = [
    "admin",
    "attendance",
    "building",
    "department",
    "faculty",
    "grade",
    "instructor",
    "lecturer",
    "professor",
    "role",
    "room",
    "school",
    "staff",
    "teacher",
];

/// Chooses the tables. Foreign keys decide first, names second.
pub(super) fn choose(tables: &[ListedTable]) -> Chosen {
    let links = links::links(tables);
    let mut chosen = Chosen::default();
    let first = links.first();
    chosen.students = chosen.table(tables, Kind::Student, first.map(|link| &link.student));
    chosen.courses = chosen.table(tables, Kind::Course, first.map(|link| &link.course));
    // An empty table that nothing marks as one of enrollments is not chosen.
    chosen.link = first.filter(|link| link.clarity > 0 || tables[link.table].rows > 0).cloned();
    chosen.questions.extend(which_link(tables, &links));
    let is_chosen = |link: &Link| chosen.link.as_ref().is_some_and(|one| one.table == link.table);
    chosen.others = links.iter().filter(|link| !is_chosen(link)).map(|link| link.table).collect();
    chosen.others.extend(courses_in_students(tables, &chosen));
    chosen.questions.extend(unlinked(tables, &links, &chosen));
    for kind in [Kind::Student, Kind::Course] {
        let question = missing(tables, &links, &chosen, kind);
        chosen.questions.extend(question);
    }
    chosen
}

impl Chosen {
    /// Returns the table of this kind: the one that `side` certainly refers to, otherwise the one with the clearest
    /// name. Adds a question if several are possible.
    fn table(&mut self, tables: &[ListedTable], kind: Kind, side: Option<&Side>) -> Option<usize> {
        let named = named(tables, kind);
        if let Some(referred) = side.filter(|side| side.is_certain).and_then(|side| side.table) {
            let with_rows = named.iter().filter(|place| tables[**place].rows > 0);
            let rivals: Vec<_> = with_rows.copied().collect();
            if !named.contains(&referred) && !rivals.is_empty() {
                self.questions.push(which_table(tables, kind, &[&[referred], rivals.as_slice()].concat()));
            }
            return Some(referred);
        }
        let with_rows: Vec<_> = named.iter().copied().filter(|place| tables[*place].rows > 0).collect();
        match (named.as_slice(), with_rows.as_slice()) {
            ([only], _) | ([_, ..], [only]) => Some(*only),
            ([first, ..], _) => {
                self.questions.push(which_table(tables, kind, &named));
                Some(*with_rows.first().unwrap_or(first))
            }
            ([], _) => side.and_then(|side| side.table).or_else(|| users_with_roles(tables, kind)),
        }
    }
}

/// Returns the table of users if it has a column for their roles.
fn users_with_roles(tables: &[ListedTable], kind: Kind) -> Option<usize> {
    let has_role = |table: &ListedTable| table.definition.columns.iter().any(|it| is_role(&it.name));
    let is_of_users = |table: &ListedTable| names::rank(kind, &table.name) == Some(USERS);
    tables.iter().position(|table| is_of_users(table) && has_role(table))
}

/// Whether a column holds the role of a user: student, teacher, staff.
pub(super) fn is_role(column: &str) -> bool {
    const ROLES: [&str; 10] = [
        "role",
        "userrole",
        "roleid",
        "usertype",
        "accounttype",
        "isstudent",
        "isteacher",
        "isinstructor",
        "isadmin",
        "isstaff",
    ];
    ROLES.contains(&letters(column).as_str())
}

/// Returns the part of the mapping for this kind.
pub(super) fn part(kind: Kind) -> &'static str {
    match kind {
        Kind::Student => "students",
        Kind::Course => "courses",
    }
}

fn which_table(tables: &[ListedTable], kind: Kind, places: &[usize]) -> Question {
    let (part, described) = (part(kind), described(tables, places));
    let answers = places.iter().map(|place| assignment("table", &tables[*place].name)).collect();
    Question { part, text: format!("Which table has the {part}: {described}?"), answers }
}

/// Asks which of several tables has the enrollments, or whether the only candidate does.
fn which_link(tables: &[ListedTable], links: &[Link]) -> Option<Question> {
    let with_rows = |link: &&Link| tables[link.table].rows > 0;
    let clarity = links.first()?.clarity;
    let clear: Vec<_> = links.iter().filter(|link| clarity > 0 && link.clarity == clarity).collect();
    let candidates: Vec<_> = if clear.is_empty() { links.iter().collect() } else { clear.clone() };
    let places: Vec<_> = candidates.into_iter().filter(with_rows).map(|link| link.table).collect();
    let text = match (clear.as_slice(), places.as_slice()) {
        (_, []) | ([_], _) => return None,
        ([first, ..], [only]) if first.table == *only => return None,
        ([], [only]) => format!(
            "The table {} links students and courses. Is each of its rows an enrollment? If not, leave out [enrollments].",
            described(tables, &[*only])
        ),
        ([], _) => format!(
            "Which table has the enrollments: {}? If none, leave out [enrollments].",
            described(tables, &places)
        ),
        _ => format!("Which table has the enrollments: {}?", described(tables, &places)),
    };
    let answers = places.iter().map(|place| assignment("table", &tables[*place].name)).collect();
    Some(Question { part: "enrollments", text, answers })
}

/// Returns the table of students if it has a foreign key to the courses.
fn courses_in_students(tables: &[ListedTable], chosen: &Chosen) -> Option<usize> {
    let (students, courses) = (chosen.students?, chosen.courses?);
    let definition = &tables[students].definition;
    let is_to_courses = |table: &str| table.eq_ignore_ascii_case(&tables[courses].name);
    definition.references.iter().any(|key| is_to_courses(&key.table)).then_some(students)
}

/// Asks about tables that are named like enrollments, but have no columns that clearly refer to a student and a course.
fn unlinked(tables: &[ListedTable], links: &[Link], chosen: &Chosen) -> Option<Question> {
    if !links.is_empty() || chosen.students.is_none() || chosen.courses.is_none() {
        return None;
    }
    let may_be = |place: &usize| {
        let table = &tables[*place];
        let is_chosen = chosen.students == Some(*place) || chosen.courses == Some(*place);
        let is_record =
            [Kind::Student, Kind::Course].iter().any(|kind| names::rank(*kind, &table.name).is_some());
        !is_chosen && !is_record && table.rows > 0 && names::rank_of_enrollments(&table.name).is_some()
    };
    let places: Vec<_> = (0..tables.len()).filter(may_be).collect();
    let answers = places.iter().map(|place| assignment("table", &tables[*place].name)).collect();
    (!places.is_empty()).then(|| Question {
        part: "enrollments",
        text: format!(
            "{} may have enrollments, but no two columns clearly name a student and a course. Which ones do? If none, leave out [enrollments].",
            described(tables, &places)
        ),
        answers,
    })
}

/// Asks which table has the students, or the courses, if no name and no foreign key says so.
fn missing(tables: &[ListedTable], links: &[Link], chosen: &Chosen, kind: Kind) -> Option<Question> {
    let (found, other) = match kind {
        Kind::Student => (chosen.students, chosen.courses),
        Kind::Course => (chosen.courses, chosen.students),
    };
    // If both are missing, the database is probably not a school's.
    let other = other.filter(|_| found.is_none())?;
    let may_be = |place: &usize| {
        let table = &tables[*place];
        let last = words(&table.name).pop().unwrap_or_default();
        *place != other
            && table.rows > 0
            && !links.iter().any(|link| link.table == *place)
            && !names::is_of_framework(&table.name)
            && !NEITHER.contains(&last.as_str())
    };
    let places: Vec<_> = (0..tables.len()).filter(may_be).collect();
    let part = part(kind);
    let described = described(tables, &places);
    let answers = places.iter().map(|place| assignment("table", &tables[*place].name)).collect();
    let text = format!(
        "No table looks like {part}. Is it one of {described}? If not, an empty table {part} is created."
    );
    (!places.is_empty()).then_some(Question { part, text, answers })
}

/// Lists tables with their numbers of rows: `student (2 rows), course (1 row)`.
pub(super) fn described(tables: &[ListedTable], places: &[usize]) -> String {
    let table = |place: &usize| format!("{} ({})", tables[*place].name, counted(tables[*place].rows, "row"));
    places.iter().map(table).collect::<Vec<_>>().join(", ")
}

/// Returns why the database does not look like a school's; `None` if it does, or if it is empty.
pub(super) fn no_school(tables: &[ListedTable], chosen: &Chosen) -> Option<String> {
    let is_found = chosen.students.is_some() || chosen.courses.is_some() || chosen.link.is_some();
    let places: Vec<_> = (0..tables.len()).filter(|it| !names::is_of_framework(&tables[*it].name)).collect();
    let is_empty = tables.is_empty();
    (!is_found && !is_empty).then(|| {
        let described = described(tables, &places);
        let found = if places.is_empty() { "only tables of a framework".to_owned() } else { described };
        format!("no table looks like students or courses; there are {found}")
    })
}
