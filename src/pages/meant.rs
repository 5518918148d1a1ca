//! Which student people mean by what they write: a number, an address or a name, or several of them.

use serde_json::Value;

use crate::db::{DbError, casefold};
use crate::http::fields;
use crate::lists::{Limit, Page, Wanted};
use crate::registrar::{Student, StudentId};
use crate::state::App;
use crate::students::store::{StudentSort, students_called};
use crate::text::{folded, words};

/// Students of one line who are named, if several fit.
const MAX_NAMED: usize = 3;
const TOO_MANY: &str = "Too many students have these words in their names: write the number or the address.";

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
/// several of them as a spreadsheet copies them, or `Name <address>`.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn student_of_line(app: &App, line: &str) -> Result<Result<Student, String>, DbError> {
    let mut texts = texts(line).into_iter();
    let whole = texts.next().unwrap_or_default();
    let whole = look_up(app, whole, true).await?;
    if whole.is_found() || texts.len() == 0 {
        return Ok(decide(&[whole]));
    }
    let mut parts = Vec::new();
    for text in texts {
        parts.push(look_up(app, text, false).await?);
    }
    Ok(decide(&parts))
}

/// A part of a line, and the students who have it as their number, address or name.
struct Part {
    text: String,
    /// Who has this number or address.
    identified: Vec<Student>,
    /// Who has this name.
    named: Vec<Student>,
    /// Whether so many students have the words that not all of them were looked at.
    is_cut: bool,
}

impl Part {
    fn is_found(&self) -> bool {
        self.is_cut || !(self.identified.is_empty() && self.named.is_empty())
    }

    /// Whether it says nothing against this student.
    fn agrees_with(&self, student: &Student) -> bool {
        if !self.identified.is_empty() {
            return is_among(&self.identified, student);
        }
        // Given and family name may be in two columns, and each may be the whole name of somebody else.
        self.named.is_empty()
            || is_among(&self.named, student)
            || self.is_word() && self.is_in_name_of(student)
    }

    /// Whether all its words are in this student's name.
    fn is_in_name_of(&self, student: &Student) -> bool {
        let (name, text) = (folded(student.name.as_deref().unwrap_or_default()), folded(&self.text));
        words(&text).all(|word| words(&name).any(|other| other == word))
    }

    fn is_word(&self) -> bool {
        !self.text.contains(char::is_whitespace)
    }

    fn looks_like_number_or_address(&self) -> bool {
        self.text.contains('@')
            || self.is_word() && self.text.contains(|letter: char| letter.is_ascii_digit())
    }

    fn looks_like_name(&self) -> bool {
        !self.looks_like_number_or_address() && self.text.contains(char::is_alphabetic)
    }
}

async fn look_up(app: &App, text: String, is_whole_line: bool) -> Result<Part, DbError> {
    let mut part = Part { identified: Vec::new(), named: Vec::new(), is_cut: false, text };
    let shown_id = part.text.strip_prefix('#').unwrap_or(&part.text);
    // In a column of its own, a number without a `#` may be that of the row.
    let may_be_id = is_whole_line || part.text.starts_with('#');
    let Ok(search) = shown_id.parse() else { return Ok(part) };
    let wanted = Wanted { search: Some(search), sort: StudentSort::Name, ..Wanted::default() };
    // Who has exactly this number comes first, however many have it in their names.
    let list = app.students.list(&app.viewer, &wanted, &Page::first(Limit::MAX)).await?;
    let text = same_case(&part.text);
    let is_text = |field: &Option<String>| field.as_ref().is_some_and(|field| same_case(field) == text);
    for student in list.rows {
        // The number that pages show for a student without a number of their own.
        let has_id = may_be_id && student.number.is_none() && student.id.to_string() == shown_id;
        if has_id || is_text(&student.number) || is_text(&student.email) {
            part.identified.push(student);
        } else if is_text(&student.name) {
            part.named.push(student);
        }
    }
    part.is_cut = list.next.is_some() && part.identified.is_empty();
    // Numbers that differ in case are different numbers.
    if part.identified.iter().any(|student| student.number.as_ref() == Some(&part.text)) {
        part.identified.retain(|student| student.number.as_ref() == Some(&part.text));
    }
    Ok(part)
}

/// Finds the one student who fits all parts. A number or an address decides, and a name next to it has to be that of the
/// student. Otherwise a name decides, and no number or address next to it may be unknown.
fn decide(parts: &[Part]) -> Result<Student, String> {
    let identifying = parts.iter().find(|part| !part.identified.is_empty());
    let naming = parts.iter().find(|part| !part.named.is_empty() || part.is_cut);
    let Some(first) = identifying.or(naming) else {
        return Err("Nobody has this number, address or name.".to_owned());
    };
    let mut meant: Vec<&Student> = if identifying.is_some() {
        first.identified.iter().collect()
    } else {
        if let Some(unknown) = parts.iter().find(|part| part.looks_like_number_or_address()) {
            return Err(format!("Nobody has the number or address {}.", unknown.text));
        }
        if parts.iter().any(|part| part.is_cut) {
            return Err(TOO_MANY.to_owned());
        }
        first.named.iter().collect()
    };
    let names: Vec<_> = parts.iter().filter(|part| part.looks_like_name()).collect();
    meant.retain(|student| {
        let in_name = names.iter().filter(|part| part.is_in_name_of(student)).count();
        // Other columns may be about anything, but one word alone is hardly the whole name.
        let is_name_right = if identifying.is_some() || !first.is_word() {
            in_name > 0 || names.is_empty()
        } else {
            in_name == names.len()
        };
        is_name_right && parts.iter().all(|part| part.agrees_with(student))
    });
    // Of students who share an address, the one whose name is written.
    let likeness = |student: &Student| {
        let in_name = parts.iter().filter(|part| part.is_in_name_of(student)).count();
        (in_name, parts.iter().any(|part| is_among(&part.named, student)))
    };
    let best = meant.iter().map(|student| likeness(student)).max();
    meant.retain(|student| Some(likeness(student)) == best);
    match meant[..] {
        [] => Err("The parts of this line mean different students.".to_owned()),
        [one] => Ok(one.clone()),
        _ => Err(several(&meant)),
    }
}

fn is_among(students: &[Student], student: &Student) -> bool {
    students.iter().any(|other| other.id == student.id)
}

/// The texts of a line that may each name a student: first all of it, then its columns.
fn texts(line: &str) -> Vec<String> {
    let separators = |letter: char| matches!(letter, '\t' | ';' | '<' | '>' | '"');
    let clean = |text: &str| text.trim().trim_matches(',').trim().to_owned();
    let whole = clean(line);
    let mut texts = vec![whole.clone()];
    for column in line.split(separators).map(clean) {
        if let Some((family, given)) = column.split_once(',') {
            // `García, Ana` as some lists have it, and columns that are separated by commas.
            texts.push(format!("{} {}", given.trim(), family.trim()));
            texts.extend(column.split(',').map(clean));
        } else {
            texts.push(column);
        }
    }
    let mut seen = std::collections::HashSet::new();
    texts.retain(|text| !text.is_empty() && seen.insert(text.clone()));
    texts
}

fn same_case(text: &str) -> String {
    casefold(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn several(students: &[&Student]) -> String {
    let hint = |student: &&Student| {
        let number = student.number.clone().or_else(|| student.email.clone());
        number.unwrap_or_else(|| format!("#{}", student.id))
    };
    let named: Vec<_> = students.iter().take(MAX_NAMED).map(hint).collect();
    let more = if students.len() > MAX_NAMED { ", …" } else { "" };
    format!("{} students fit: write {}{more}.", students.len(), named.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::texts;

    #[test]
    fn a_line_is_read_whole_and_by_its_columns() {
        assert_eq!(texts("Ana García"), ["Ana García"]);
        assert_eq!(
            texts("Ana García <ana@example.edu>"),
            ["Ana García <ana@example.edu>", "Ana García", "ana@example.edu"]
        );
        assert_eq!(texts("0042\tAna"), ["0042\tAna", "0042", "Ana"]);
        assert_eq!(texts("García, Ana"), ["García, Ana", "Ana García", "García", "Ana"]);
        assert_eq!(texts("0042\tGarcía, Ana"), ["0042\tGarcía, Ana", "0042", "Ana García", "García", "Ana"]);
        assert_eq!(texts(";;"), [";;"]);
    }
}
