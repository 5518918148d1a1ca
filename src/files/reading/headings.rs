//! The heading of a file, and which column means what.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Options;
use super::layouts::{Table, is_known};
use super::meaning::Meaning;
use super::record::Record;
use super::refusals::FileRefusal;
use super::report::{Ignored, IgnoredColumn};
use crate::text::folded;

/// More columns than any of the formats has.
pub(super) const MAX_COLUMNS: usize = 1_000;
/// The longest heading in characters.
const MAX_HEADING: usize = 255;

/// Words for passwords, also as a part of a heading.
const PASSWORDS: [&str; 29] = [
    "geheimwort",
    "initialpw",
    "jelszo",
    "\u{be44}\u{bc00}\u{bc88}\u{d638}",
    "\u{643}\u{644}\u{645}\u{629}\u{627}\u{644}\u{645}\u{631}\u{648}\u{631}",
    "\u{5e1}\u{5d9}\u{5e1}\u{5de}\u{5d4}",
    "password",
    "passwd",
    "pswd",
    "passphrase",
    "passcode",
    "passwort",
    "kennwort",
    "contrase\u{f1}a",
    "contrasena",
    "contrasenya",
    "motdepasse",
    "senha",
    "palavrapasse",
    "wachtwoord",
    "l\u{f6}senord",
    "adgangskode",
    "salasana",
    "has\u{142}o",
    "heslo",
    "parola",
    "\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}",
    "\u{5bc6}\u{7801}",
    "\u{30d1}\u{30b9}\u{30ef}\u{30fc}\u{30c9}",
];
/// Words for passwords that are parts of other words.
const SHORT_PASSWORDS: [&str; 10] =
    ["pwd", "pw", "pin", "pass", "passw", "mdp", "secret", "studentpin", "userpin", "loginpin"];

/// One heading.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    /// As written.
    pub(super) text: Arc<str>,
    /// What counts when headings are compared.
    pub(super) key: String,
    /// It has the number or name of a table in front, as in PowerSchool.
    pub(super) has_table: bool,
}

/// What counts when headings are compared: letters and digits in lower case.
pub(super) fn key(text: &str) -> String {
    let letters = text.chars().flat_map(|character| match character {
        '#' => "number".chars().collect::<Vec<_>>(),
        character if character.is_alphanumeric() => character.to_lowercase().collect(),
        _ => Vec::new(),
    });
    letters.collect()
}

impl Heading {
    fn new(text: &str) -> Self {
        let (table, name) = table_and_name(text);
        let (table, name) = (table.map(key), key(name));
        let key = match table.as_deref() {
            None | Some("1" | "students") => name,
            Some("2" | "3" | "4" | "courses" | "sections" | "cc")
                if !["id", "dcid", "name"].contains(&&*name) =>
            {
                name
            }
            Some(table) => format!("{table}.{name}"),
        };
        Self { text: Arc::from(text), key, has_table: table.is_some() }
    }

    /// Whether it is the heading of groups, or of one of several columns of them.
    fn is_of_groups(&self, keys: &[&str]) -> bool {
        keys.contains(&&*self.key) || self.key.strip_prefix("cohort").is_some_and(is_number)
    }

    /// Whether it is the heading of a password.
    pub(super) fn is_password(&self) -> bool {
        // Also in full width, and with accents that do not belong there.
        let plain = (!self.key.is_ascii()).then(|| key(&folded(&self.key)));
        plain
            .iter()
            .chain([&self.key])
            .any(|key| PASSWORDS.iter().any(|word| key.contains(word)) || SHORT_PASSWORDS.contains(&&**key))
    }
}

/// Whether a text could be the heading of passwords.
pub(super) fn is_password(text: &str) -> bool {
    text.len() <= MAX_HEADING && Heading::new(text).is_password()
}

/// PowerSchool's `[1]First_Name`, `[Students]First_Name` and `Students.First_Name`.
fn table_and_name(text: &str) -> (Option<&str>, &str) {
    if let Some((table, name)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (Some(table), name);
    }
    match text.split_once('.') {
        Some((table, name))
            if ["students", "courses", "sections", "cc", "teachers"].contains(&&*key(table)) =>
        {
            (Some(table), name)
        }
        _ => (None, text),
    }
}

/// The headings of a file.
#[derive(Clone, Debug)]
pub(super) struct Headings(pub(super) Vec<Heading>);

impl Headings {
    /// Reads the heading.
    ///
    /// # Errors
    /// There are too many headings, or one is too long.
    pub(super) fn read(record: &Record) -> Result<Self, FileRefusal> {
        if record.len() > MAX_COLUMNS {
            return Err(
                FileRefusal::too_large("The columns of a file are", MAX_COLUMNS as u64).at(record.line)
            );
        }
        if record.cells().any(|cell| cell.chars().count() > MAX_HEADING) {
            return Err(
                FileRefusal::too_large("The characters of a heading are", MAX_HEADING as u64).at(record.line)
            );
        }
        Ok(Self(record.cells().map(Heading::new).collect()))
    }

    /// # Errors
    /// A heading is there twice.
    pub(super) fn ensure_different(&self) -> Result<(), FileRefusal> {
        for (column, heading) in self.0.iter().enumerate() {
            let same = |other: &Heading| !other.key.is_empty() && other.key == heading.key;
            let columns: Vec<_> = self.places(same).map(|place| place + 1).collect();
            if columns.len() > 1 && columns[0] == column + 1 {
                return Err(FileRefusal::repeated_heading(&heading.text, &columns));
            }
        }
        Ok(())
    }

    /// How many of them are known.
    pub(super) fn known(record: &Record, options: &Options) -> usize {
        let is_corrected =
            |key: &str| options.corrections.iter().any(|one| Heading::new(&one.heading).key == key);
        let headings = record.cells().take(MAX_COLUMNS).map(|cell| Heading::new(cell).key);
        headings.filter(|key| !key.is_empty() && (is_known(key) || is_corrected(key))).count()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|heading| heading.key == key)
    }

    fn places(&self, is_it: impl Fn(&Heading) -> bool) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter(move |(_, heading)| is_it(heading)).map(|(place, _)| place)
    }
}

/// Which column means what.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    places: Vec<(Meaning, usize)>,
    /// Moodle's `course1`, `role1`, `course2`, ...: each course with its role.
    pub(super) courses: Vec<(usize, Option<usize>)>,
    /// All columns of groups.
    pub(super) groups: Vec<usize>,
    superseded: Vec<(usize, Meaning)>,
    /// Those that a person has said are not to be read.
    left_out: Vec<usize>,
    /// Those that have passwords.
    pub(super) passwords: Vec<usize>,
}

impl Columns {
    /// Finds the columns of a table, and two that have the same meaning, if neither is preferred.
    pub(super) fn search(
        headings: &Headings,
        table: Table,
        options: &Options,
    ) -> (Self, Option<(Meaning, [usize; 2])>) {
        let corrected = corrections(headings, options);
        let corrected_to =
            |wanted| corrected.iter().filter(move |(_, to)| *to == wanted).map(|(place, _)| *place);
        let left_out = corrected_to(None).collect();
        let known = headings.places(Heading::is_password);
        let passwords = known.chain(corrected_to(Some(Meaning::Password))).collect();
        let mut columns = Self { left_out, passwords, ..Self::default() };
        let mut equal = None;
        for (meaning, groups) in table {
            let by_hand = corrected.iter().filter(|(_, to)| *to == Some(*meaning)).map(|(place, _)| *place);
            let mut ranked = vec![by_hand.collect::<Vec<_>>()];
            let is_free = |place: &usize| corrected.iter().all(|(corrected, _)| corrected != place);
            if *meaning == Meaning::Groups {
                let is_it = |heading: &Heading| groups.iter().any(|keys| heading.is_of_groups(keys));
                columns.groups = ranked.concat();
                columns.groups.extend(headings.places(is_it).filter(is_free));
                continue;
            }
            for group in *groups {
                let found =
                    headings.places(|heading| group.contains(&&*heading.key) && !heading.is_password());
                ranked.push(found.filter(is_free).collect());
            }
            for places in ranked {
                match (places.as_slice(), columns.place(*meaning)) {
                    ([], _) => {}
                    ([place, rest @ ..], None) => {
                        columns.places.push((*meaning, *place));
                        equal = equal.or(rest.first().map(|other| (*meaning, [*place, *other])));
                    }
                    (places, Some(_)) => {
                        columns.superseded.extend(places.iter().map(|place| (*place, *meaning)));
                    }
                }
            }
        }
        (columns, equal)
    }

    /// Finds Moodle's numbered columns too.
    pub(super) fn with_courses(mut self, headings: &Headings) -> Self {
        for (place, heading) in headings.0.iter().enumerate() {
            if let Some(number) = heading.key.strip_prefix("course").filter(|number| is_number(number)) {
                let [role, r#type] = ["role", "type"].map(|word| format!("{word}{number}"));
                let column = |key: &str| headings.places(|heading| heading.key == key).next();
                self.courses.push((place, column(&role).or_else(|| column(&r#type))));
            }
        }
        self
    }

    /// The column with a meaning.
    pub(super) fn place(&self, meaning: Meaning) -> Option<usize> {
        self.places.iter().find(|(found, _)| *found == meaning).map(|(_, place)| *place)
    }

    /// Whether there is one with any of these meanings.
    pub(super) fn has_any(&self, meanings: &[Meaning]) -> bool {
        meanings.iter().any(|meaning| self.place(*meaning).is_some())
    }

    /// The columns that are read, in the order of the file.
    pub(super) fn recognized(&self, headings: &Headings) -> Vec<(Arc<str>, Meaning)> {
        let wide = self.courses.iter().flat_map(|(course, role)| {
            let role = role.map(|role| (role, Meaning::Role));
            [(*course, Meaning::Code)].into_iter().chain(role)
        });
        let mut places: Vec<_> =
            self.places.iter().map(|(meaning, place)| (*place, *meaning)).chain(wide).collect();
        places.extend(self.groups.iter().map(|place| (*place, Meaning::Groups)));
        places.sort_unstable();
        places.into_iter().map(|(place, meaning)| (Arc::clone(&headings.0[place].text), meaning)).collect()
    }

    /// The columns that are not read, in the order of the file.
    pub(super) fn ignored(&self, headings: &Headings, table: Table) -> Vec<IgnoredColumn> {
        let is_read = |place: usize| {
            self.groups.contains(&place)
                || self.places.iter().any(|(_, read)| *read == place)
                || self.courses.iter().any(|(course, role)| *course == place || *role == Some(place))
        };
        let ignored = headings
            .0
            .iter()
            .enumerate()
            .filter(|(place, heading)| !is_read(*place) && !heading.key.is_empty());
        ignored
            .map(|(place, heading)| IgnoredColumn {
                heading: Arc::clone(&heading.text),
                why: self.why_ignored(place, heading, table),
            })
            .collect()
    }

    fn why_ignored(&self, place: usize, heading: &Heading, table: Table) -> Ignored {
        if self.passwords.contains(&place) {
            return Ignored::Password;
        }
        if let Some((_, meaning)) = self.superseded.iter().find(|(ignored, _)| *ignored == place) {
            return Ignored::Superseded(*meaning);
        }
        if self.left_out.contains(&place) {
            return Ignored::Unused;
        }
        let missing = table.iter().filter(|(meaning, _)| self.place(*meaning).is_none());
        let near = missing
            .filter(|(_, groups)| groups.iter().copied().flatten().any(|key| is_near(key, &heading.key)));
        near.map(|(meaning, _)| Ignored::DidYouMean(*meaning)).next().unwrap_or(Ignored::Unused)
    }
}

fn corrections(headings: &Headings, options: &Options) -> Vec<(usize, Option<Meaning>)> {
    let mut corrected = BTreeMap::new();
    for correction in &options.corrections {
        let key = Heading::new(&correction.heading).key;
        let places = headings.places(|found| !key.is_empty() && found.key == key && !found.is_password());
        corrected.extend(places.map(|place| (place, correction.meaning)));
    }
    corrected.into_iter().collect()
}

/// The refusal of two columns that have the same meaning.
pub(super) fn two_columns(headings: &Headings, meaning: Meaning, [first, second]: [usize; 2]) -> FileRefusal {
    let [first, second] = [first, second].map(|place| &*headings.0[place].text);
    let detail = format!(
        "Two columns mean the same ({}): \u{201c}{first}\u{201d} and \u{201c}{second}\u{201d}. Delete one, or say which is not used.",
        meaning.label()
    );
    FileRefusal::new("two-columns-of-one-meaning", detail)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// One or two letters off, in a word long enough that this is no coincidence.
fn is_near(known: &str, found: &str) -> bool {
    let allowed = if known.len() >= 8 { 2 } else { 1 };
    known.len() >= 4 && found.len() <= known.len() + 2 && strsim::damerau_levenshtein(known, found) <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_blanks_and_marks_in_headings_do_not_count() {
        for heading in
            ["FIRST NAME", " first_name", "First-Name ", "first.name", "[1]First_Name", "Students.First_Name"]
        {
            assert_eq!(Heading::new(heading).key, "firstname", "{heading}");
        }
        assert_eq!(Heading::new("Student #").key, "studentnumber");
        assert_eq!(Heading::new("[5]First_Name").key, "5.firstname");
        assert_eq!(Heading::new("[CC]ID").key, "cc.id");
        assert_eq!(Heading::new("[Courses]Course_Number").key, "coursenumber");
    }

    #[test]
    fn passwords_are_known_in_many_words() {
        for heading in [
            "password",
            "Initial Password",
            "PWD",
            "password_hash",
            "oldpassword",
            "Kennwort",
            "Contrase\u{f1}a",
            "\u{ff50}\u{ff41}\u{ff53}\u{ff53}\u{ff57}\u{ff4f}\u{ff52}\u{ff44}",
            "p\u{e4}ssword",
            "passw.",
            "initial_pw",
            "\u{be44}\u{bc00}\u{bc88}\u{d638}",
        ] {
            assert!(Heading::new(heading).is_password(), "{heading}");
        }
        assert!(!Heading::new("passport").is_password());
    }
}
