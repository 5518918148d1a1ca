//! Which student people mean by what they write: a number, an address or a name, or several of them.

use serde_json::Value;

use crate::db::{DbError, casefold};
use crate::http::fields;
use crate::lists::{Limit, Page, Wanted};
use crate::registrar::{Student, StudentId};
use crate::state::App;
use crate::students::store::students_called;
use crate::text::folded;

/// Students of one line who are named, if several fit.
const MAX_NAMED: usize = 3;

/// A field of a form in which people name a student, if there is one.
pub(super) fn typed_student(value: &Value) -> Result<Option<String>, String> {
    fields::nullable(value, |value| fields::text(value, |text| Ok(text.to_owned())))
}

/// The one student with a number or an e-mail address; `None` for an empty text. No name is enough: it opens an account.
///
/// # Errors
/// When the database cannot be read. Why there is not one student is in the result.
pub(super) async fn student_meant(
    app: &App,
    text: Option<&str>,
) -> Result<Result<Option<StudentId>, String>, DbError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(Ok(None)) };
    let found = students_called(&app.viewer, text).await?;
    app.discloses_students().sent(found.len());
    Ok(match found.as_slice() {
        [] => Err("Nobody has this number or address.".to_owned()),
        [student] => Ok(Some(*student)),
        _ => Err("Several students have this number or address.".to_owned()),
    })
}

/// Finds the student of a line in a list, or says why there is not exactly one. A line has a number, an address or a name, or
/// several of them in columns as a spreadsheet copies them, or `Name <address>`.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn student_of_line(app: &App, line: &str) -> Result<Result<Student, String>, DbError> {
    let whole = line.trim();
    let known = with_identifier(app, whole, true).await?;
    if !known.is_empty() {
        return Ok(only_one(known));
    }
    let mut line = Line::default();
    for column in columns(whole) {
        let known = with_identifier(app, column, false).await?;
        if !known.is_empty() {
            line.narrow(known);
        } else if column != whole && looks_like_identifier(column) {
            return Ok(Err(format!("Nobody has the number or address {column}.")));
        } else {
            line.words.extend(name_words(column));
        }
    }
    line.words.sort_unstable();
    match line.identified.take() {
        Some(known) => Ok(line.choose(known)),
        None => Ok(with_name(app, &line.words).await?.and_then(|named| only_one(best(named, whole)))),
    }
}

/// What the columns of a line say.
#[derive(Default)]
struct Line {
    /// Who has all of its numbers and addresses, if it has any.
    identified: Option<Vec<Student>>,
    /// The words of all other columns, sorted.
    words: Vec<String>,
}

impl Line {
    fn narrow(&mut self, known: Vec<Student>) {
        let is_known = |student: &Student| known.iter().any(|other| other.id == student.id);
        match &mut self.identified {
            Some(identified) => identified.retain(is_known),
            None => self.identified = Some(known),
        }
    }

    /// Of the students with its numbers and addresses, the one whose name it has. Other columns may be about anything, but one
    /// word of the name alone does not make them right: siblings share an address and a family name.
    fn choose(&self, mut known: Vec<Student>) -> Result<Student, String> {
        let name = |student: &Student| sorted_words(student.name.as_deref().unwrap_or_default());
        known.retain(|student| {
            let name = name(student);
            let is_in = |some: &[String], all: &[String]| some.iter().all(|word| all.contains(word));
            name == self.words || name.len() > 1 && is_in(&name, &self.words) || is_in(&self.words, &name)
        });
        if known.iter().any(|student| name(student) == self.words) {
            known.retain(|student| name(student) == self.words);
        }
        if known.is_empty() {
            return Err("The parts of this line mean different students.".to_owned());
        }
        only_one(known)
    }
}

/// Who has this number, or this address in any case. In a column of its own, a number without a `#` may be that of the row, so
/// the number that pages show for students without one counts there only with it.
async fn with_identifier(app: &App, text: &str, is_whole_line: bool) -> Result<Vec<Student>, DbError> {
    let bare = text.strip_prefix('#').unwrap_or(text);
    let bare = bare.strip_prefix("mailto:").unwrap_or(bare);
    let Ok(search) = bare.parse() else { return Ok(Vec::new()) };
    // Who has exactly this number comes first, however many have it in their names and addresses.
    let limit = if bare.contains('@') { Limit::MAX } else { Limit::PAGE };
    let wanted = Wanted { search: Some(search), ..Wanted::default() };
    let mut known = app.students.list(&app.viewer, &wanted, &Page::first(limit)).await?.rows;
    let may_be_id = is_whole_line || text.starts_with('#');
    let is_text =
        |field: &Option<String>| field.as_ref().is_some_and(|field| same_case(field) == same_case(bare));
    known.retain(|student| {
        let has_id = may_be_id && student.number.is_none() && student.id.to_string() == bare;
        has_id || is_text(&student.number) || is_text(&student.email)
    });
    // Numbers that differ in case are different numbers.
    let is_exact = |student: &Student| student.number.as_deref() == Some(bare);
    if known.iter().any(is_exact) {
        known.retain(is_exact);
    }
    Ok(known)
}

/// Who has these words as a name, in any order; or why that cannot be said.
async fn with_name(app: &App, words: &[String]) -> Result<Result<Vec<Student>, String>, DbError> {
    let Ok(search) = words.join(" ").parse() else { return Ok(Ok(Vec::new())) };
    let wanted = Wanted { search: Some(search), ..Wanted::default() };
    let list = app.students.list(&app.viewer, &wanted, &Page::first(Limit::MAX)).await?;
    if list.next.is_some() {
        let many = "Too many students have these words in their names: write the number or the address.";
        return Ok(Err(many.to_owned()));
    }
    let mut named = list.rows;
    named.retain(|student| sorted_words(student.name.as_deref().unwrap_or_default()) == words);
    Ok(Ok(named))
}

/// Those whose name is written exactly so, if there are any.
fn best(mut named: Vec<Student>, whole: &str) -> Vec<Student> {
    let is_exact =
        |student: &Student| student.name.as_ref().is_some_and(|name| same_case(name) == same_case(whole));
    if named.iter().any(is_exact) {
        named.retain(is_exact);
    }
    named
}

fn only_one(mut students: Vec<Student>) -> Result<Student, String> {
    match students.len() {
        0 => Err("Nobody has this number, address or name.".to_owned()),
        1 => Ok(students.remove(0)),
        _ => Err(several(&students)),
    }
}

/// The columns of a line that have something in them.
fn columns(line: &str) -> impl Iterator<Item = &str> {
    let separators = |letter: char| matches!(letter, '\t' | ';' | ',' | '<' | '>' | '"' | '(' | ')');
    line.split(separators).map(str::trim).filter(|column| !column.is_empty())
}

/// Whether a column that is nobody's number or address was meant as one.
fn looks_like_identifier(column: &str) -> bool {
    let is_word = !column.contains(char::is_whitespace);
    column.contains('@') || is_word && column.contains(|letter: char| letter.is_ascii_digit())
}

/// The words of a name as people type them, without the differences that a search ignores.
fn name_words(text: &str) -> Vec<String> {
    let is_letter = |letter: char| letter.is_alphanumeric() || matches!(letter, '\'' | '-');
    let folded = folded(text);
    folded.split(|letter| !is_letter(letter)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn sorted_words(name: &str) -> Vec<String> {
    let mut words = name_words(name);
    words.sort_unstable();
    words
}

fn same_case(text: &str) -> String {
    casefold(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn several(students: &[Student]) -> String {
    let hint = |student: &Student| {
        let number = student.number.clone().or_else(|| student.email.clone());
        number.unwrap_or_else(|| format!("#{}", student.id))
    };
    let named: Vec<_> = students.iter().take(MAX_NAMED).map(hint).collect();
    let more = if students.len() > MAX_NAMED { ", …" } else { "" };
    format!("{} students fit: write {}{more}.", students.len(), named.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::{columns, name_words};

    #[test]
    fn a_line_is_read_by_its_columns() {
        let read = |line| columns(line).collect::<Vec<_>>();
        assert_eq!(read("Ana García <ana@example.edu>"), ["Ana García", "ana@example.edu"]);
        assert_eq!(read("0042\tGarcía, Ana"), ["0042", "García", "Ana"]);
        assert_eq!(read("Ana García (0042);"), ["Ana García", "0042"]);
        assert!(read(";;").is_empty());
    }

    #[test]
    fn words_of_names_are_compared_as_in_searches() {
        assert_eq!(name_words("Seán O’Neil-Kim"), name_words("sean o'neil-kim"));
        assert_eq!(name_words("García, Ana M."), ["garcia", "ana", "m"]);
    }
}
