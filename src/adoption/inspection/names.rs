//! Recognizes tables of students, courses and enrollments, and columns that refer to them, by name. Plural, upper and
//! lower case, and the prefix of an application make no difference.

use crate::adoption::columns::letters;

/// The kind of rows that a table has, or that a column refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Student,
    Course,
}

/// The rank of a table of people, some of whom may be students.
pub(super) const USERS: u8 = 1;
/// The lowest rank that counts without a foreign key.
pub(super) const NAMED: u8 = 2;

const STUDENTS: [&str; 3] = ["student", "pupil", "learner"];
const PEOPLE: [&str; 3] = ["user", "person", "people"];
/// Other words for courses. A class or a subject may also be something else.
const LIKE_COURSES: [&str; 3] = ["class", "subject", "module"];
/// Words that follow the noun in the name of its main table.
const SUFFIXES: [&str; 7] = ["info", "detail", "profile", "record", "data", "master", "table"];
/// Parts of the names of tables that link students and courses without enrolling them.
const SOMETHING_ELSE: [&str; 17] = [
    "attend",
    "cart",
    "certificate",
    "favorite",
    "favourite",
    "grade",
    "interest",
    "like",
    "mark",
    "payment",
    "rating",
    "result",
    "review",
    "score",
    "submission",
    "wait",
    "wish",
];
/// Beginnings of the names of tables that belong to a framework, not to the school.
const FRAMEWORKS: [&str; 15] = [
    "_prisma_",
    "alembic_",
    "ar_internal_",
    "auth_",
    "cache",
    "django_",
    "failed_jobs",
    "flyway_",
    "job",
    "knex_",
    "migrations",
    "password_reset",
    "schema_migrations",
    "sequelizemeta",
    "sessions",
];

/// Splits a name into words, in lower case and singular: `app_StudentCourses` is `app`, `student`, `course`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        let begins = !letter.is_alphanumeric() || (letter.is_uppercase() && was_lower);
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
        was_lower = letter.is_lowercase() || letter.is_numeric();
    }
    words.into_iter().filter(|word| !word.is_empty()).map(|word| singular(&word)).collect()
}

fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("sses") {
        return format!("{stem}ss");
    }
    let keeps = ["ss", "us", "is"].iter().any(|ending| word.ends_with(ending));
    if keeps { word } else { word.strip_suffix('s').unwrap_or(word) }.to_owned()
}

/// Returns how clearly the name of a table says that it has this kind of rows, from 1 to 4; `None` if it does not. A
/// name of both kinds, like `student_courses`, says neither.
pub(super) fn rank(kind: Kind, table: &str) -> Option<u8> {
    let words = words(table);
    if mentions(Kind::Student, &words) && mentions(Kind::Course, &words) {
        return None;
    }
    let nouns: &[&str] = match kind {
        Kind::Student => &STUDENTS,
        Kind::Course => &["course"],
    };
    let last = words.last()?.trim_start_matches("tbl");
    let is_noun = |word: &str| nouns.contains(&word);
    match kind {
        _ if is_noun(last) => Some(if words.len() == 1 { 4 } else { 3 }),
        _ if words.iter().any(|word| is_noun(word)) && SUFFIXES.contains(&last) => Some(NAMED),
        Kind::Student if PEOPLE.contains(&last) => Some(USERS),
        Kind::Course if LIKE_COURSES.contains(&last) => Some(NAMED),
        _ => None,
    }
}

/// Returns the kind of rows that a column refers to by its name: `student_id`, `CourseId`, `estudent_id`, `user_id`.
pub(super) fn referred_kind(column: &str) -> Option<Kind> {
    let stem = key_stem(column);
    match letters(column).as_str() {
        "sid" => return Some(Kind::Student),
        "cid" => return Some(Kind::Course),
        _ => {}
    }
    let ends = |nouns: &[&str]| nouns.iter().any(|noun| stem.ends_with(noun));
    if ends(&STUDENTS) || ends(&["user"]) || ["stu", "std"].contains(&&*stem) {
        return Some(Kind::Student);
    }
    (ends(&["course"]) || ends(&LIKE_COURSES)).then_some(Kind::Course)
}

/// Whether a column refers to users by its name; some of them may be students.
pub(super) fn refers_to_users(column: &str) -> bool {
    key_stem(column).ends_with("user")
}

/// Returns the name of a key without its final `id`, as [`letters`].
pub(super) fn key_stem(column: &str) -> String {
    let letters = letters(column);
    letters.strip_suffix("id").map(str::to_owned).unwrap_or(letters)
}

/// Returns how clearly the name of a table that links students and courses says that it has enrollments: 2 for
/// `enrollments`, `student_courses`, `course_student`, `app_student_enrollment` and `_CourseToStudent`, 1 for
/// `enrollment_history`; `None` if it does not.
pub(super) fn rank_of_enrollments(table: &str) -> Option<u8> {
    let is_enrolling =
        |word: &str| ["enrol", "registration", "matricul"].iter().any(|part| word.contains(part));
    let (letters, words) = (letters(table), words(table));
    let last = words.last()?;
    let is_noun = STUDENTS.iter().chain(&["course", "user"]).any(|noun| last.ends_with(noun));
    let is_pair = words.len() > 1 || (letters.contains("student") && letters.contains("course"));
    if is_enrolling(last) || last == "take" || (is_noun && is_pair) {
        return Some(2);
    }
    is_enrolling(&letters).then_some(1)
}

/// Whether the name of a table that links students and courses says that it has something other than enrollments.
pub(super) fn is_of_something_else(table: &str) -> bool {
    let letters = letters(table);
    SOMETHING_ELSE.iter().any(|part| letters.contains(part))
}

/// Whether a table belongs to a framework, not to the school.
pub(super) fn is_of_framework(table: &str) -> bool {
    let table = table.to_lowercase();
    FRAMEWORKS.iter().any(|begin| table.starts_with(begin))
}

fn mentions(kind: Kind, words: &[String]) -> bool {
    let is = |nouns: &[&str]| words.iter().any(|word| nouns.iter().any(|noun| word.contains(noun)));
    match kind {
        Kind::Student => is(&STUDENTS) || words.iter().any(|word| PEOPLE.contains(&word.as_str())),
        Kind::Course => is(&["course"]) || words.iter().any(|word| LIKE_COURSES.contains(&word.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        for (name, expected) in [
            ("app_students", "app student"),
            ("StudentCourses", "student course"),
            ("studentId", "student id"),
            ("Classes", "class"),
            ("status", "status"),
            ("_CourseToStudent", "course to student"),
            ("tbl_course2", "tbl course2"),
        ] {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn a_table_of_students_or_courses_is_known_by_its_name() {
        for (name, student, course) in [
            ("students", Some(4), None),
            ("Student", Some(4), None),
            ("app_student", Some(3), None),
            ("student_info", Some(2), None),
            ("auth_user", Some(1), None),
            ("webgen_courses", None, Some(3)),
            ("Classes", None, Some(2)),
            ("course_student", None, None),
            ("student_courses_course", None, None),
            ("user_course", None, None),
            ("teachers", None, None),
        ] {
            assert_eq!((rank(Kind::Student, name), rank(Kind::Course, name)), (student, course), "{name}");
        }
    }

    #[test]
    fn a_column_says_what_it_refers_to() {
        for (name, kind) in [
            ("student_id", Some(Kind::Student)),
            ("StudentId", Some(Kind::Student)),
            ("estudent_id", Some(Kind::Student)),
            ("student_student_id", Some(Kind::Student)),
            ("user_id", Some(Kind::Student)),
            ("ecourse_id", Some(Kind::Course)),
            ("class_id", Some(Kind::Course)),
            ("teacher_id", None),
            ("id", None),
        ] {
            assert_eq!(referred_kind(name), kind, "{name}");
        }
    }

    #[test]
    fn a_table_of_enrollments_is_known_by_its_name() {
        for (name, rank) in [
            ("enrollments", Some(2)),
            ("enrollements", Some(2)),
            ("course_student", Some(2)),
            ("studentcourses", Some(2)),
            ("_CourseToStudent", Some(2)),
            ("users_courses", Some(2)),
            ("enrollment_history", Some(1)),
            ("student_grades", None),
            ("roster", None),
        ] {
            assert_eq!(rank_of_enrollments(name), rank, "{name}");
        }
        assert!(is_of_something_else("Attendance") && !is_of_something_else("roster"));
    }
}
