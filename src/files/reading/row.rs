//! The cells of one row, by what they mean.

use std::borrow::Cow;

use jiff::Timestamp;

use super::ids::damage;
use super::layout::Layout;
use super::meaning::Meaning;
use super::reasons::{Damage, Quoted, Reason};
use super::record::{CellKind, Record};
use super::report::Format;
use super::rows::{Origin, Standing, StudentKey};
use super::times::timestamp;
use super::words;
use crate::files::one_roster_id;
use crate::files::writing::TRIGGERS;
use crate::text::{MAX_GROUPS_OF_STUDENT, email_address, group_text, record_text, split_names};

/// What is wrong with a row, and in which column.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) column: Option<usize>,
    pub(super) reason: Reason,
}

/// A row of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) record: &'a Record,
    pub(super) layout: &'a Layout,
    pub(super) origin: Origin,
}

/// The longest part of a cell that a message repeats, in characters.
const MAX_QUOTED: usize = 40;

impl<'a> Row<'a> {
    /// The text of the column with this meaning; empty if there is no such column.
    pub(super) fn text(&self, meaning: Meaning) -> &'a str {
        self.layout.columns.place(meaning).map_or("", |place| self.cell(place))
    }

    /// The text of a cell. In a delimited list, without the apostrophe that our exports put before formulas.
    fn cell(&self, place: usize) -> &'a str {
        let text = self.record.cell(place);
        let is_list = self.layout.format == Format::Plain && self.record.is_delimited();
        match text.strip_prefix('\'').filter(|_| is_list) {
            Some(rest) if rest.trim_start_matches('\'').starts_with(TRIGGERS) => rest,
            _ => text,
        }
    }

    pub(super) fn fault(&self, meaning: Meaning, reason: Reason) -> Fault {
        Fault { column: self.layout.columns.place(meaning), reason }
    }

    /// The text for a message.
    pub(super) fn quoted(&self, text: &str) -> Quoted {
        let is_shown = !self.layout.has_passwords;
        let shortened =
            || text.chars().filter(|character| !character.is_control()).take(MAX_QUOTED).collect::<String>();
        Quoted(is_shown.then(|| shortened().into()))
    }

    /// An id, as written; `None` if the cell is empty or there is no such column.
    pub(super) fn id(&self, meaning: Meaning) -> Result<Option<Box<str>>, Fault> {
        let Some(place) = self.layout.columns.place(meaning) else { return Ok(None) };
        self.id_at(place)
    }

    pub(super) fn id_at(&self, place: usize) -> Result<Option<Box<str>>, Fault> {
        let text = self.cell(place);
        if text.is_empty() {
            return Ok(None);
        }
        let fault = |reason| Fault { column: Some(place), reason };
        if let Some(damage) = damage(text, self.record.kind(place)) {
            return Err(fault(Reason::Damaged(damage, self.quoted(text))));
        }
        let is_encoded = self.layout.format == Format::OneRoster;
        let text = if is_encoded { one_roster_id::text_of(text) } else { Cow::Borrowed(text) };
        let id = accepted(&text, "id-not-valid", "The id", record_text).map_err(fault)?;
        Ok(Some(id))
    }

    /// A text of a record; `None` if the cell is empty.
    pub(super) fn record_text(
        &self,
        meaning: Meaning,
        code: &'static str,
        subject: &str,
    ) -> Result<Option<Box<str>>, Fault> {
        let text = self.text(meaning);
        if text.is_empty() {
            return Ok(None);
        }
        // A level such as 9-10 becomes a day.
        if self.layout.columns.place(meaning).is_some_and(|place| self.record.kind(place) == CellKind::Date) {
            return Err(self.fault(meaning, Reason::Damaged(Damage::Date, self.quoted(text))));
        }
        accepted(text, code, subject, record_text).map(Some).map_err(|reason| self.fault(meaning, reason))
    }

    /// The e-mail address; `None` if the cell is empty or there is no such column.
    pub(super) fn email(&self) -> Result<Option<Box<str>>, Fault> {
        let text = self.text(Meaning::Email);
        if text.is_empty() {
            return Ok(None);
        }
        let email = accepted(text, "email-not-valid", "The address", email_address);
        email.map(Some).map_err(|reason| self.fault(Meaning::Email, reason))
    }

    /// The names of groups, each once; `None` in a file without such a column.
    pub(super) fn groups(&self) -> Result<Option<Vec<Box<str>>>, Fault> {
        let places = &self.layout.columns.groups;
        let mut names: Vec<Box<str>> = Vec::new();
        for place in places {
            let fault = |reason| Fault { column: Some(*place), reason };
            let cell = self.cell(*place);
            // A group such as 9-10 becomes a day.
            if !cell.is_empty() && self.record.kind(*place) == CellKind::Date {
                return Err(fault(Reason::Damaged(Damage::Date, self.quoted(cell))));
            }
            let in_cell = split_names(cell);
            if in_cell.len() > MAX_GROUPS_OF_STUDENT {
                return Err(fault(too_many_groups()));
            }
            for name in in_cell {
                let name =
                    accepted(&name, "group-not-valid", "The name of a group", group_text).map_err(fault)?;
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Ok((!places.is_empty()).then_some(names))
    }

    /// How the row names its student: by id if the file has ids.
    pub(super) fn student(&self) -> Result<StudentKey, Fault> {
        if let Some(number) = self.id(Meaning::Number)? {
            return Ok(StudentKey::Number(number));
        }
        if self.layout.columns.place(Meaning::Number).is_some() {
            return Err(self.fault(Meaning::Number, Reason::NumberMissing));
        }
        match self.email()? {
            Some(email) => Ok(StudentKey::Email(email.to_lowercase().into())),
            None => Err(self.fault(Meaning::Email, Reason::StudentMissing)),
        }
    }

    /// A status that is one of these words, or nothing.
    pub(super) fn status<T>(
        &self,
        meaning: Meaning,
        read: impl Fn(&str) -> Option<T>,
        known: &'static str,
    ) -> Result<Option<T>, Fault> {
        let word = self.text(meaning);
        if word.is_empty() {
            return Ok(None);
        }
        match read(word) {
            Some(status) => Ok(Some(status)),
            None => Err(self.fault(meaning, Reason::UnknownStatus(self.quoted(word), known))),
        }
    }

    /// Whether a column that is yes or no says yes; an empty one says nothing.
    pub(super) fn flag(&self, meaning: Meaning) -> Result<Option<bool>, Fault> {
        self.status(meaning, words::flag, words::FLAG_WORDS)
    }

    /// What the flags of a person and the given words say together: the worst of them.
    pub(super) fn standing_of_person(&self) -> Result<Standing, Fault> {
        let word = self.status(Meaning::Status, words::person, words::PERSON_WORDS)?;
        let number = self.status(Meaning::EnrollStatus, words::enroll_status, words::ENROLL_STATUS_WORDS)?;
        let enabled =
            self.flag(Meaning::Enabled)?.map(|yes| if yes { Standing::Active } else { Standing::Inactive });
        let suspended =
            self.flag(Meaning::Suspended)?.map(|yes| if yes { Standing::Inactive } else { Standing::Active });
        let deleted =
            self.flag(Meaning::Deleted)?.map(|yes| if yes { Standing::Deleted } else { Standing::Active });
        let said = [word, number, enabled, suspended, deleted];
        Ok(said.into_iter().flatten().max().unwrap_or(Standing::Active))
    }

    /// When the row was last changed. A time that cannot be read decides nothing.
    pub(super) fn modified(&self) -> Option<Timestamp> {
        timestamp(self.text(Meaning::Modified))
    }

    /// Whether a cell without a heading, between others, has something in it.
    pub(super) fn has_unnamed(&self) -> bool {
        let there = self.layout.headings.iter().take(self.record.len());
        let unnamed = there.enumerate().filter(|(_, heading)| heading.is_empty());
        unnamed.into_iter().any(|(place, _)| !self.record.cell(place).is_empty())
    }

    /// Whether a cell after the last heading has something in it.
    pub(super) fn has_surplus(&self) -> bool {
        let headings = self.layout.headings.len();
        (headings..self.record.len()).any(|place| !self.record.cell(place).is_empty())
    }
}

/// The reason for a row that names more groups than a student can be in.
pub(super) fn too_many_groups() -> Reason {
    let fault = format!("A student can have at most {MAX_GROUPS_OF_STUDENT} groups in the files");
    Reason::NotAccepted { code: "too-many-groups", fault: fault.into() }
}

/// Checks a text by the rules of the record, which are those of the API.
pub(super) fn accepted(
    text: &str,
    code: &'static str,
    subject: &str,
    rule: impl Fn(&str) -> Result<String, String>,
) -> Result<Box<str>, Reason> {
    let fault = |fault: &str| Reason::NotAccepted { code, fault: format!("{subject} {fault}").into() };
    if text.contains('\u{fffd}') {
        return Err(fault("has the character U+FFFD, which stands for one that was lost"));
    }
    rule(text).map(Into::into).map_err(|message| fault(&message))
}
