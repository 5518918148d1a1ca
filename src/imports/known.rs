//! What the files of an import name and the database has.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::store;
use crate::db::{Db, DbError};
use crate::files::reading::{Reading, StudentKey};
use crate::registrar::{Course, Student};

/// The students and courses that the files name and that exist.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// By number. Tables of the school may have the same number more than once; then the first one counts.
    pub(super) numbered: HashMap<String, Student>,
    /// By address in lower case. Several students may share one.
    pub(super) addressed: HashMap<String, Vec<Student>>,
    /// By code.
    pub(super) coded: HashMap<String, Course>,
}

impl Known {
    /// Looks up everything that a reading names.
    pub(super) async fn load(db: &Db, reading: &Reading) -> Result<Self, DbError> {
        let mut known = Self::default();
        let (mut numbers, mut addresses) = (Vec::new(), HashSet::new());
        for (_, key) in reading.students.iter() {
            match key {
                StudentKey::Number(number) => numbers.push(&**number),
                StudentKey::Email(address) => {
                    addresses.insert(address.to_string());
                }
            }
        }
        let add = |student: Student| {
            let Some(number) = student.number.clone() else { return };
            match known.numbered.entry(number) {
                Entry::Vacant(place) => drop(place.insert(student)),
                Entry::Occupied(mut first) if student.id < first.get().id => drop(first.insert(student)),
                Entry::Occupied(_) => {}
            }
        };
        store::students_with_numbers(db, &numbers, add).await?;
        if !addresses.is_empty() {
            for student in store::students_with_addresses(db, &addresses).await? {
                let address = student.email.as_deref().unwrap_or_default().trim().to_lowercase();
                known.addressed.entry(address).or_default().push(student);
            }
        }
        let of_rows = reading.courses.iter().map(|row| row.code.to_string());
        let codes: HashSet<String> =
            reading.course_keys.iter().flat_map(|(_, key)| key.codes()).chain(of_rows).collect();
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        for course in store::courses_with_codes(db, &codes).await? {
            let Some(code) = course.code.clone() else { continue };
            let first = known.coded.entry(code).or_insert_with(|| course.clone());
            if course.id < first.id {
                *first = course;
            }
        }
        Ok(known)
    }

    /// The students whom a key names.
    pub(super) fn students(&self, key: &StudentKey) -> &[Student] {
        match key {
            StudentKey::Number(number) => {
                self.numbered.get(&**number).map(std::slice::from_ref).unwrap_or_default()
            }
            StudentKey::Email(address) => {
                self.addressed.get(&**address).map(Vec::as_slice).unwrap_or_default()
            }
        }
    }
}

/// The ids as statements need them.
pub(super) fn ids<'a, Id: Copy + Into<i64> + 'a>(ids: impl IntoIterator<Item = &'a Id>) -> Vec<i64> {
    ids.into_iter().map(|id| (*id).into()).collect()
}
