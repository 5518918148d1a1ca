//! What the files of an import name and the database has.

use std::collections::{HashMap, HashSet};

use super::store;
use crate::db::{Db, DbError, migrate};
use crate::files::made_up_id::{SchoolTag, is_made_up};
use crate::files::reading::{PersonRow, Reading, Standing, StudentKey};
use crate::registrar::{Course, Student};
use crate::text::{look, spellings};

/// The students and courses that the files name and that exist.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Students by number. Tables of the school may have the same number more than once.
    numbered: HashMap<String, Vec<Student>>,
    /// By address in lower case. Several students may share one.
    addressed: HashMap<String, Vec<Student>>,
    /// Students with the names of rows that may be new, by [`name_look`].
    named: HashMap<String, Vec<Student>>,
    /// By code.
    coded: HashMap<String, Vec<Course>>,
    /// Courses with the names of rows that would be new.
    courses_named: HashMap<String, Vec<Course>>,
    /// Students by numbers that an export of this school has made up for them.
    exported_students: HashMap<String, Student>,
    /// Courses by codes that an export of this school has made up for them.
    exported_courses: HashMap<String, Course>,
}

impl Known {
    /// Looks up everything that a reading names.
    pub(super) async fn load(db: &Db, reading: &Reading) -> Result<Self, DbError> {
        let mut known = Self::default();
        known.load_students(db, reading).await?;
        known.load_courses(db, reading).await?;
        known.load_exported(db, reading).await?;
        Ok(known)
    }

    /// Looks up the records for which an export of this school has made up ids.
    async fn load_exported(&mut self, db: &Db, reading: &Reading) -> Result<(), DbError> {
        let numbers = reading.people.iter().filter_map(|row| row.number.as_deref());
        let numbers: Vec<&str> = numbers.filter(|number| is_made_up(number)).collect();
        let codes = reading.courses.iter().map(|row| &*row.code);
        let codes: Vec<&str> = codes.filter(|code| is_made_up(code)).collect();
        if numbers.is_empty() && codes.is_empty() {
            return Ok(());
        }
        let tag = SchoolTag::new(&migrate::set_up_at(db).await?);
        let records = |ids: &[&str]| ids.iter().filter_map(|id| tag.record_of(id)).collect::<Vec<_>>();
        let students = store::students_with_ids(db, &records(&numbers)).await?;
        let courses = store::courses_with_ids(db, &records(&codes)).await?;
        let students: HashMap<i64, Student> =
            students.into_iter().map(|student| (student.id.0, student)).collect();
        let courses: HashMap<i64, Course> = courses.into_iter().map(|course| (course.id.0, course)).collect();
        self.exported_students.extend(
            numbers.into_iter().filter_map(|number| {
                Some((number.to_owned(), students.get(&tag.record_of(number)?)?.clone()))
            }),
        );
        self.exported_courses.extend(
            codes
                .into_iter()
                .filter_map(|code| Some((code.to_owned(), courses.get(&tag.record_of(code)?)?.clone()))),
        );
        Ok(())
    }

    async fn load_students(&mut self, db: &Db, reading: &Reading) -> Result<(), DbError> {
        let (mut numbers, mut addresses) = (Vec::new(), HashSet::new());
        for (_, key) in reading.students.iter() {
            match key {
                StudentKey::Number(number) => {
                    numbers.push(number.to_string());
                    numbers.extend(spellings(number));
                }
                StudentKey::Email(address) => {
                    addresses.insert(address.to_string());
                }
            }
        }
        for student in store::students_with_numbers(db, &numbers).await? {
            let Some(number) = student.number.clone() else { continue };
            add(&mut self.numbered, number, student, |student| student.id);
        }
        let mut names = HashSet::new();
        // A row without a name adds nobody.
        let adds = |row: &&PersonRow| row.standing != Standing::Deleted && !row.name.is_empty();
        for row in reading.people.iter().filter(adds) {
            if row.number.as_deref().is_none_or(|number| !self.numbered.contains_key(number)) {
                addresses.extend(row.email.as_ref().map(|email| email.to_lowercase()));
                names.insert(name_look(&row.name));
            }
        }
        if addresses.is_empty() && names.is_empty() {
            return Ok(());
        }
        let look = |student: &Student| name_look(student.name.as_deref().unwrap_or_default());
        let is_wanted =
            |student: &Student| addresses.contains(&address_of(student)) || names.contains(&look(student));
        for student in store::students_who(db, is_wanted).await? {
            self.named.entry(look(&student)).or_default().push(student.clone());
            self.addressed.entry(address_of(&student)).or_default().push(student);
        }
        Ok(())
    }

    async fn load_courses(&mut self, db: &Db, reading: &Reading) -> Result<(), DbError> {
        let mut codes: HashSet<String> = HashSet::new();
        for (_, key) in reading.course_keys.iter() {
            codes.extend(key.codes());
            codes.extend(reading.other_codes(key));
        }
        for row in &reading.courses {
            codes.insert(row.code.to_string());
            codes.extend(spellings(&row.code));
        }
        let codes: Vec<_> = codes.into_iter().collect();
        for course in store::courses_with_codes(db, &codes).await? {
            let Some(code) = course.code.clone() else { continue };
            add(&mut self.coded, code, course, |course| course.id);
        }
        let new = reading
            .courses
            .iter()
            .filter(|row| row.standing != Standing::Deleted && !self.coded.contains_key(&*row.code));
        let names: HashSet<String> = new.map(|row| name_look(&row.name)).collect();
        if !names.is_empty() {
            let look = |course: &Course| name_look(course.name.as_deref().unwrap_or_default());
            for course in store::courses_which(db, |course| names.contains(&look(course))).await? {
                self.courses_named.entry(look(&course)).or_default().push(course);
            }
        }
        Ok(())
    }

    /// The student for whom an export of this school has made up a number.
    pub(super) fn exported_student(&self, number: &str) -> Option<&Student> {
        self.exported_students.get(number)
    }

    /// The course for which an export of this school has made up a code.
    pub(super) fn exported_course(&self, code: &str) -> Option<&Course> {
        self.exported_courses.get(code)
    }

    /// The students whom a key names.
    pub(super) fn students(&self, key: &StudentKey) -> &[Student] {
        let found = match key {
            StudentKey::Number(number) => self.numbered.get(&**number),
            StudentKey::Email(address) => self.addressed.get(&**address),
        };
        found.map(Vec::as_slice).unwrap_or_default()
    }

    /// The courses with a code.
    pub(super) fn courses(&self, code: &str) -> &[Course] {
        self.coded.get(code).map(Vec::as_slice).unwrap_or_default()
    }

    /// The students with this address, in any case.
    pub(super) fn students_at(&self, email: &str) -> &[Student] {
        self.addressed.get(&email.to_lowercase()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The students with this name, for a row that would be new.
    pub(super) fn students_named(&self, name: &str) -> &[Student] {
        self.named.get(&name_look(name)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The courses with this name, for a row that would be new.
    pub(super) fn courses_named(&self, name: &str) -> &[Course] {
        self.courses_named.get(&name_look(name)).map(Vec::as_slice).unwrap_or_default()
    }

    /// A student whose number looks like this one but has other characters.
    pub(super) fn student_like(&self, number: &str) -> Option<&Student> {
        spellings(number).iter().find_map(|other| self.numbered.get(other)?.first())
    }

    /// A course whose code looks like this one but has other characters.
    pub(super) fn course_like(&self, code: &str) -> Option<&Course> {
        spellings(code).iter().find_map(|other| self.coded.get(other)?.first())
    }
}

/// Adds a record once, even if a statement that has the same key twice finds it twice.
fn add<R, Id: PartialEq>(found: &mut HashMap<String, Vec<R>>, key: String, record: R, id: fn(&R) -> Id) {
    // Nearly every key has one record.
    let records = found.entry(key).or_insert_with(|| Vec::with_capacity(1));
    if !records.iter().any(|one| id(one) == id(&record)) {
        records.push(record);
    }
}

/// The address of a student as files name it.
pub(super) fn address_of(student: &Student) -> String {
    student.email.as_deref().unwrap_or_default().trim().to_lowercase()
}

/// The [`look`] of a name, in lower case.
pub(super) fn name_look(name: &str) -> String {
    look(name.trim()).to_lowercase()
}

/// The ids as statements need them, sorted, so that the same plan runs the same statements.
pub(super) fn ids<'a, Id: Copy + Into<i64> + 'a>(ids: impl IntoIterator<Item = &'a Id>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.into_iter().map(|id| (*id).into()).collect();
    ids.sort_unstable();
    ids
}
