//! Which student people mean by what they write: a number, an address or a name, or several of them.

use serde_json::Value;

use crate::db::{DbError, casefold};
use crate::http::fields;
use crate::lists::{Limit, Page, Wanted};
use crate::registrar::{Student, StudentId};
use crate::state::App;
use crate::students::store::{find, students_called};
use crate::text::{folded, is_invisible, look};

/// Students of one line who are named, if several fit.
const MAX_NAMED: usize = 3;
/// Words of a line: more than any spreadsheet has about a student. Each may need a search.
const MAX_WORDS: usize = 60;
const DIFFERENT: &str = "The parts of this line mean different students.";

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
pub(super) async fn student_of_line(app: &App, text: &str) -> Result<Result<Student, String>, DbError> {
    let columns = columns(text);
    if columns.iter().flat_map(|column| column.split(' ')).count() > MAX_WORDS {
        return Ok(Err(format!(
            "This line has more than {MAX_WORDS} words. Put each student on a line of their own."
        )));
    }
    let mut line = Line::default();
    for column in &columns {
        line.read(app, column).await?;
    }
    if let Some(known) = line.identified.take() {
        let chosen = match line.choose(known) {
            Ok(student) if line.names_another_than(app, &student).await? => Err(DIFFERENT.to_owned()),
            chosen => chosen,
        };
        return Ok(chosen);
    }
    let named = with_name(app, &columns.join(" ")).await?;
    if let (Ok([]), [unknown, ..]) = (named.as_deref(), &line.unknown[..])
        && columns.join(" ") != *unknown
    {
        return Ok(Err(nobody_has(unknown)));
    }
    let whole = if let [column] = &columns[..] { Some(same_case(column)) } else { None };
    Ok(named.and_then(|named| only_one(written_so(named, whole.as_deref()))))
}

/// What a line says.
#[derive(Default)]
struct Line {
    /// Who has all of its numbers and addresses, if it has any.
    identified: Option<Vec<Student>>,
    /// Whether one of these is a number. Members of a family may share an address.
    has_number: bool,
    /// What looks like a number or an address, and is nobody's.
    unknown: Vec<String>,
    /// All other words, by column.
    columns: Vec<Vec<Word>>,
}

impl Line {
    /// Reads a column, in which words may belong to different columns of a list.
    async fn read(&mut self, app: &App, column: &str) -> Result<(), DbError> {
        let known = with_identifier(app, column).await?;
        if !known.is_empty() {
            self.narrow(column, known);
            return Ok(());
        }
        let mut others = Vec::new();
        for word in column.split(' ') {
            if !looks_like_identifier(word) {
                others.extend(words(word));
                continue;
            }
            let known = if word == column { Vec::new() } else { with_identifier(app, word).await? };
            if known.is_empty() {
                self.unknown.push(word.to_owned());
            } else {
                self.narrow(word, known);
            }
        }
        self.columns.push(others);
        Ok(())
    }

    fn narrow(&mut self, text: &str, known: Vec<Student>) {
        self.has_number |= !text.contains('@');
        let is_known = |student: &Student| known.iter().any(|other| other.id == student.id);
        match &mut self.identified {
            Some(identified) => identified.retain(is_known),
            None => self.identified = Some(known),
        }
    }

    fn words(&self) -> impl Iterator<Item = &Word> {
        self.columns.iter().flatten()
    }

    /// Of the students with its numbers and addresses, the one whose name it has. Of two who share an address, it has to be the
    /// name and nothing else.
    fn choose(&self, mut known: Vec<Student>) -> Result<Student, String> {
        known.retain(|student| self.agrees_with(student));
        let is_exact = |student: &Student| are_same(self.words(), words_of_name(student));
        if known.iter().any(is_exact) {
            known.retain(is_exact);
        }
        match (&known[..], &self.unknown[..]) {
            ([], [unknown, ..]) => Err(nobody_has(unknown)),
            ([], []) => Err(DIFFERENT.to_owned()),
            _ => only_one(known),
        }
    }

    /// Whether it says nothing against the student. Next to the whole name, other columns may be about anything; but a name of
    /// one word may be the family name of somebody else with the address. Without the whole name, there is nothing else.
    fn agrees_with(&self, student: &Student) -> bool {
        let name = words_of_name(student);
        let has_name = name.iter().all(|word| self.words().any(|other| other.is(word)));
        let stands_out = match name.len() {
            0 => false,
            1 => {
                let is_name = |column: &&Vec<Word>| are_same(column.iter(), words_of_name(student));
                self.words().count() == 1
                    || self.has_number && self.columns.iter().any(|column| is_name(&column))
            }
            _ => true,
        };
        let is_part = |word: &Word| name.iter().any(|other| word.may_be(other));
        has_name && stands_out || self.unknown.is_empty() && self.words().all(is_part)
    }

    /// Whether what stands next to the student is the name of somebody else.
    async fn names_another_than(&self, app: &App, student: &Student) -> Result<bool, DbError> {
        let name = words_of_name(student);
        let other_words = |column: &Vec<Word>| -> Vec<String> {
            let others = column.iter().filter(|word| !name.iter().any(|other| word.may_be(other)));
            others.map(|word| word.written.clone()).collect()
        };
        let mut rest: Vec<_> = self.columns.iter().map(other_words).collect();
        rest.push(rest.concat());
        rest.retain(|words| words.len() > 1);
        rest.dedup();
        for words in rest {
            let named = with_name(app, &words.join(" ")).await?;
            if named.map_or(true, |named| named.iter().any(|other| other.id != student.id)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether these are the same words, in any order.
fn are_same<'a>(typed: impl Iterator<Item = &'a Word>, mut name: Vec<Word>) -> bool {
    for word in typed {
        let Some(place) = name.iter().position(|other| word.is(other)) else { return false };
        name.swap_remove(place);
    }
    name.is_empty()
}

/// Who has this number, or this address in any case; with a `#`, who is shown with this number by pages because they have none
/// of their own.
async fn with_identifier(app: &App, text: &str) -> Result<Vec<Student>, DbError> {
    let shown = text.strip_prefix('#');
    if let Some(id) = shown.and_then(|id| id.parse::<StudentId>().ok())
        && let Some(student) = find(&app.viewer, id).await?.filter(|student| student.number.is_none())
    {
        return Ok(vec![student]);
    }
    // Spreadsheets show an apostrophe before a number that is text.
    let bare = shown.or_else(|| text.strip_prefix('\'')).unwrap_or(text);
    let is_link = bare.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:"));
    let bare = if is_link { &bare[7..] } else { bare };
    let Ok(search) = bare.parse() else { return Ok(Vec::new()) };
    // Who has exactly this number comes first, however many have it in their names and addresses.
    let limit = if bare.contains('@') { Limit::MAX } else { Limit::PAGE };
    let wanted = Wanted { search: Some(search), ..Wanted::default() };
    let mut known = app.students.list(&app.viewer, &wanted, &Page::first(limit)).await?.rows;
    let is_text =
        |field: &Option<String>| field.as_ref().is_some_and(|field| same_case(field) == same_case(bare));
    known.retain(|student| is_text(&student.number) || is_text(&student.email));
    // Numbers that differ in case are different numbers.
    let is_exact = |student: &Student| student.number.as_deref() == Some(bare);
    if known.iter().any(is_exact) {
        known.retain(is_exact);
    }
    Ok(known)
}

/// Who has these words as a name, in any order; or why that cannot be said.
async fn with_name(app: &App, text: &str) -> Result<Result<Vec<Student>, String>, DbError> {
    let typed: Vec<_> = words(text).collect();
    let plain: Vec<_> = typed.iter().map(|word| &*word.plain).collect();
    let Ok(search) = plain.join(" ").parse() else { return Ok(Ok(Vec::new())) };
    let wanted = Wanted { search: Some(search), ..Wanted::default() };
    let list = app.students.list(&app.viewer, &wanted, &Page::first(Limit::MAX)).await?;
    if list.next.is_some() {
        let many = "Too many students have these words in their names: write the number or the address.";
        return Ok(Err(many.to_owned()));
    }
    let mut named = list.rows;
    named.retain(|student| are_same(typed.iter(), words_of_name(student)));
    Ok(Ok(named))
}

/// Those whose name is written exactly so, if there are any.
fn written_so(mut named: Vec<Student>, whole: Option<&str>) -> Vec<Student> {
    let is_exact = |student: &Student| student.name.as_ref().map(|name| same_case(name)).as_deref() == whole;
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

fn nobody_has(unknown: &str) -> String {
    format!("Nobody has the number or address {unknown}.")
}

/// The columns of a line that have something in them, as people see them.
fn columns(line: &str) -> Vec<String> {
    let separators = |letter: char| {
        matches!(
            letter,
            '\t' | ';' | ',' | '<' | '>' | '"' | '(' | ')' | '|' | '\u{ff0c}' | '\u{ff1b}' | '\u{3001}'
        )
    };
    let is_outside = |letter: char| letter.is_whitespace() || is_invisible(letter);
    let seen = line.split(separators).map(|column| look(column).trim_matches(is_outside).to_owned());
    seen.filter(|column| !column.is_empty()).collect()
}

/// Whether a word that is nobody's number or address was meant as one.
fn looks_like_identifier(word: &str) -> bool {
    word.contains(|letter: char| letter == '@' || letter.is_numeric())
}

/// A word of a name.
#[derive(Debug, PartialEq, Eq)]
struct Word {
    /// As it is written, in lower case.
    written: String,
    /// Without accents.
    plain: String,
}

impl Word {
    /// Whether it is the same word. People leave out accents, and lists do, but with other accents it is another word.
    fn is(&self, other: &Self) -> bool {
        let may_lack_accents = self.written == self.plain || other.written == other.plain;
        self.written == other.written || may_lack_accents && self.plain == other.plain
    }

    /// Whether it is that word of a name, or its initial.
    fn may_be(&self, of_name: &Self) -> bool {
        let is_letter =
            self.plain.len() == 1 && self.plain.starts_with(|letter: char| letter.is_ascii_alphabetic());
        self.is(of_name) || is_letter && of_name.plain.starts_with(&self.plain)
    }
}

fn words(text: &str) -> impl Iterator<Item = Word> {
    let is_between = |letter: char| {
        letter.is_whitespace() || letter.is_ascii_punctuation() && !matches!(letter, '\'' | '-')
    };
    let written = same_case(&look(text));
    let words: Vec<_> = written.split(is_between).map(|word| word.trim_matches('-').to_owned()).collect();
    let words = words.into_iter().map(|written| Word { plain: folded(&written), written });
    words.filter(|word| !word.plain.is_empty())
}

fn words_of_name(student: &Student) -> Vec<Word> {
    words(student.name.as_deref().unwrap_or_default()).collect()
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
    use super::{columns, words};

    #[test]
    fn a_line_is_read_by_its_columns() {
        assert_eq!(columns("Ana García <ana@example.edu>"), ["Ana García", "ana@example.edu"]);
        assert_eq!(columns("0042\tGarcía, Ana"), ["0042", "García", "Ana"]);
        assert_eq!(columns("\u{feff}Ana  García (0042\u{200b});"), ["Ana García", "0042"]);
        assert_eq!(columns(";;"), [""; 0]);
    }

    #[test]
    fn words_differ_if_both_have_accents_that_differ() {
        let is = |one: &str, other: &str| {
            let (one, other): (Vec<_>, Vec<_>) = (words(one).collect(), words(other).collect());
            one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| one.is(other))
        };
        assert!(is("Seán O’Neil-Kim", "sean o'neil-kim") && is("GARCI\u{301}A", "García"));
        assert!(!is("Hưng", "Hùng") && !is("เก้ง", "เก่ง") && !is("သန်", "သန့်"));
        assert_eq!(words("García, Ana M. - ").count(), 3);
    }
}
