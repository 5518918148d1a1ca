//! Chooses the columns of a table of students, courses or enrollments: the key, and the column or expression of each
//! field, with the reason.

use super::names::{Kind, words};
use crate::adoption::columns::{letters, time_of_enrollment};
use crate::db::catalog::{Column, ListedTable, plain_or_quoted};
use crate::mapping::{
    COURSE_CODE, COURSE_FIELDS, Mapping, RecordMapping, STUDENT_FIELDS, STUDENT_NUMBER, keeps_texts,
};

/// A column or an SQL expression, and the reason for the choice.
pub(super) type Choice = (String, String);

const FIRST_NAMES: [&str; 6] = ["firstname", "firstmidname", "fname", "givenname", "forename", "first"];
const LAST_NAMES: [&str; 6] = ["lastname", "lname", "surname", "familyname", "secondname", "last"];
const EMAILS: [&str; 6] = ["email", "emailaddress", "contactemail", "mail", "studentemail", "emailid"];
/// Names of columns with the number of a student, as [`letters`]; the clearest first.
const NUMBERS: [&str; 17] = [
    "studentnumber",
    "studentno",
    "studentnum",
    "matricno",
    "matricnumber",
    "matriculationnumber",
    "matriculationno",
    "rollno",
    "rollnumber",
    "registrationnumber",
    "registrationno",
    "regno",
    "admissionnumber",
    "admissionno",
    "enrollmentnumber",
    "enrollmentno",
    "studentcode",
];
/// Names of columns that may have it, or something else.
const PERHAPS_NUMBERS: [&str; 4] = ["studentid", "sisid", "externalid", "number"];
/// The same for the code of a course.
const CODES: [&str; 5] = ["coursecode", "code", "coursenumber", "courseno", "coursenum"];
const PERHAPS_CODES: [&str; 4] = ["courseid", "sisid", "externalid", "number"];
const LOGINS: [&str; 3] = ["username", "loginname", "login"];

/// Returns the key of a table of students or courses; `target` is the column that a foreign key refers to.
///
/// # Errors
/// A sentence that says why no column can be the key.
pub(super) fn key(table: &ListedTable, target: Option<&str>) -> Result<Choice, String> {
    let columns = &table.definition.columns;
    let primary: Vec<_> = columns.iter().filter(|column| column.key > 0).collect();
    let referred = target.and_then(|target| {
        columns.iter().find(|column| column.name.eq_ignore_ascii_case(target) && column.key == 0)
    });
    if let Some(column) = referred {
        return usable(table, column, "the column that foreign keys refer to");
    }
    if let [column] = primary.as_slice() {
        return usable(table, column, "its primary key");
    }
    let is_unique = |column: &&Column| column.is_integer && has_unique_key(table, &column.name);
    let mut unique: Vec<_> = columns.iter().filter(is_unique).collect();
    unique.sort_by_key(|column| !letters(&column.name).ends_with("id"));
    match unique.as_slice() {
        [column, ..] => usable(table, column, "a unique whole number"),
        [] => Err(format!(
            "the table {} has no column with unique whole numbers, which can be the id",
            table.name
        )),
    }
}

fn usable(table: &ListedTable, column: &Column, reason: &str) -> Result<Choice, String> {
    if column.is_integer {
        return Ok((column.name.clone(), reason.to_owned()));
    }
    let (table, name, kind) = (&table.name, &column.name, &column.kind);
    let is_text = ["char", "text", "uuid", "clob"].iter().any(|part| kind.to_lowercase().contains(part));
    Err(if is_text {
        format!("the key {table}.{name} is of type {kind}: text and UUID keys are not supported yet")
    } else {
        format!("the key {table}.{name} is of type {kind:?}: ids have to be of an integer type")
    })
}

fn has_unique_key(table: &ListedTable, column: &str) -> bool {
    table
        .definition
        .indexes
        .iter()
        .any(|index| index.unique && !index.partial && index.columns.as_slice() == [Some(column.to_owned())])
}

/// Returns the column or expression for the name of a student or a course.
///
/// # Errors
/// The reason why the name is left out.
pub(super) fn name(table: &ListedTable, kind: Kind) -> Result<Choice, String> {
    match kind {
        Kind::Student => student_name(table),
        Kind::Course => course_name(table),
    }
    .ok_or_else(|| "no column looks like it, so the rows appear without a name".to_owned())
}

fn student_name(table: &ListedTable) -> Option<Choice> {
    let [first, last] = [find(table, &FIRST_NAMES), find(table, &LAST_NAMES)];
    let whole = find(
        table,
        &["name", "fullname", "studentname", "studentfullname", "sname", "stuname", "displayname"],
    );
    match (whole, first, last) {
        // A name next to a last name is a first name.
        (Some(name), None, Some(last)) if letters(&name.name) == "name" => Some(joined(table, name, last)),
        (Some(name), _, _) => Some(looks_like(name, "the name")),
        (None, Some(first), Some(last)) => Some(joined(table, first, last)),
        (None, Some(only), None) | (None, None, Some(only)) => {
            Some((only.name.clone(), "the only column for a name".to_owned()))
        }
        (None, None, None) => {
            let login = find(table, &LOGINS)?;
            Some((login.name.clone(), "used as the name, since no column looks like one".to_owned()))
        }
    }
}

/// Joins the first and the last name. Uses the login name if both are empty, as for many users of Django.
fn joined(table: &ListedTable, first: &Column, last: &Column) -> Choice {
    let [first_name, last_name] = [first, last].map(|column| plain_or_quoted(&column.name));
    let (both, why) = if first.required && last.required {
        (format!("{first_name} || ' ' || {last_name}"), "first and last name")
    } else {
        (
            format!("trim(coalesce({first_name}, '') || ' ' || coalesce({last_name}, ''))"),
            "first and last name; one may be missing",
        )
    };
    let Some(login) = find(table, &LOGINS) else { return (both, why.to_owned()) };
    let login = plain_or_quoted(&login.name);
    let both = if first.required && last.required { format!("trim({both})") } else { both };
    (
        format!("coalesce(nullif({both}, ''), {login})"),
        format!("first and last name, or {login} if both are empty"),
    )
}

fn course_name(table: &ListedTable) -> Option<Choice> {
    let noun = words(&table.name).pop().unwrap_or_default();
    let [noun_name, noun_title] = ["name", "title"].map(|end| format!("{noun}{end}"));
    let names = [
        "name",
        "title",
        "coursename",
        "coursetitle",
        &noun_name,
        &noun_title,
        "cname",
        "fullname",
        "displayname",
    ];
    if let Some(column) = find(table, &names) {
        return Some(looks_like(column, "the name"));
    }
    let code = find(table, &["code", "coursecode", &format!("{noun}code"), "coursenumber"])?;
    Some((code.name.clone(), "used as the name, since no column looks like one".to_owned()))
}

/// Returns the column with the email address of a student, or with the level of a course.
pub(super) fn detail(table: &ListedTable, kind: Kind) -> Result<Choice, String> {
    let column = match kind {
        Kind::Student => find(table, &EMAILS).map(|column| looks_like(column, "the email address")),
        Kind::Course => find(table, &["level", "courselevel"]).map(|column| looks_like(column, "the level")),
    };
    column.ok_or_else(|| "no column looks like it".to_owned())
}

/// Returns the column with the number of a student or the code of a course: one of texts or whole numbers that is none
/// of those in `record`, and no foreign key; with its key in the mapping. `None` if no column looks like it.
pub(super) fn external_id(
    table: &ListedTable,
    kind: Kind,
    record: &RecordMapping,
) -> Option<(&'static str, Choice)> {
    let (key, what, clear, perhaps) = match kind {
        Kind::Student => (STUDENT_NUMBER, "the number", NUMBERS.as_slice(), PERHAPS_NUMBERS),
        Kind::Course => (COURSE_CODE, "the code", CODES.as_slice(), PERHAPS_CODES),
    };
    let definition = &table.definition;
    let may_be = |column: &&Column| {
        let is_key = column.key > 0 || definition.references.iter().any(|key| key.column == column.name);
        (column.is_integer || keeps_texts(column))
            && !is_key
            && record.id != column.name
            && record.fields.values().all(|used| *used != column.name)
    };
    let candidates = |name: &&str| {
        let is_named = |column: &&Column| letters(&column.name) == **name;
        definition.columns.iter().filter(may_be).find(is_named)
    };
    let column = clear.iter().find_map(candidates).map(|column| (column, format!("looks like {what}")));
    let perhaps = || perhaps.iter().find_map(candidates);
    let (column, reason) =
        column.or_else(|| Some((perhaps()?, format!("may be {what}; leave it out if it is not"))))?;
    let reason = if keeps_texts(column) { reason } else { format!("{reason}; it can only be read") };
    Some((key, (column.name.clone(), format!("the column that {reason}"))))
}

/// Returns the column with the time of enrollment: a date or time whose name says when the row was added.
pub(super) fn enrolled_at(table: &ListedTable) -> Result<Choice, String> {
    let column = time_of_enrollment(&table.definition.columns);
    column
        .map(|column| looks_like(column, "the time of enrollment"))
        .ok_or_else(|| "no column looks like it, so the time of adoption is used".to_owned())
}

fn looks_like(column: &Column, what: &str) -> Choice {
    (column.name.clone(), format!("the column that looks like {what}"))
}

/// Returns the column with the first of these names that the table has. Names are compared as [`letters`].
fn find<'t>(table: &'t ListedTable, names: &[&str]) -> Option<&'t Column> {
    let with_name =
        |name: &&str| table.definition.columns.iter().find(|column| letters(&column.name) == **name);
    names.iter().find_map(with_name)
}

/// Whether the tables and columns have the names that are used without a mapping.
pub(super) fn fits(tables: &[ListedTable], mapping: &Mapping) -> bool {
    let is_strict = tables.iter().any(|table| table.definition.strict);
    let is =
        |name: &str, plain: &str| if is_strict { name == plain } else { name.eq_ignore_ascii_case(plain) };
    let record = |record: &Option<RecordMapping>, plain: &str, known: [&str; 2]| {
        let Some(record) = record else { return true };
        let field = |key: &str| record.fields.get(key).is_some_and(|value| is(value, key));
        is(&record.table, plain) && is(&record.id, "id") && known.iter().all(|key| field(key))
    };
    record(&mapping.students, "students", STUDENT_FIELDS)
        && record(&mapping.courses, "courses", COURSE_FIELDS)
        && mapping.enrollments.as_ref().is_none_or(|rows| {
            is(&rows.table, "student_courses")
                && is(&rows.student_id, "student_id")
                && is(&rows.course_id, "course_id")
                && rows.enrolled_at.is_none()
        })
}
