//! A school made up: to look at, to learn with, to measure on. It is added through the same commands as any other.

use std::collections::HashSet;

use fastrand::Rng;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use indicatif::ProgressBar;

use crate::registrar::{
    Caller, Command, CourseId, CreateCourse, CreateStudent, Enroll, Refusal, Registrar, StudentId,
};

/// Commands under way at once: enough to fill the Registrar's batches.
const AT_ONCE: usize = 512;

/// How large a school.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// How many students.
    pub students: u32,
    /// How many courses; each student takes up to five of them.
    pub courses: u32,
    /// The same seed makes the same school.
    pub seed: u64,
}

/// Adds a school, and tells how many enrollments it has.
///
/// # Errors
/// Why the Registrar refused.
pub async fn add(size: Size, registrar: &Registrar, progress: &ProgressBar) -> Result<usize, Refusal> {
    let mut chance = Rng::with_seed(size.seed);
    progress.set_length(u64::from(size.students) * 2 + u64::from(size.courses));

    progress.set_message("courses");
    let courses: Vec<_> = (0..size.courses).map(|number| course(number, &mut chance)).collect();
    let courses: Vec<CourseId> =
        all(registrar, progress, courses).map_ok(|course| course.id).try_collect().await?;
    progress.set_message("students");
    let students: Vec<_> = (0..size.students).map(|_| student(&mut chance)).collect();
    let students: Vec<StudentId> =
        all(registrar, progress, students).map_ok(|student| student.id).try_collect().await?;

    progress.set_message("enrollments");
    let wanted: Vec<_> =
        students.iter().flat_map(|student| choices(*student, &courses, &mut chance)).collect();
    progress.set_length(progress.position() + wanted.len() as u64);
    let enrollments: Vec<_> = all(registrar, progress, wanted).try_collect().await?;
    progress.finish_and_clear();
    Ok(enrollments.len())
}

fn all<'a, C: Command>(
    registrar: &'a Registrar,
    progress: &'a ProgressBar,
    commands: Vec<C>,
) -> impl futures_util::TryStream<Ok = C::Answer, Error = Refusal, Item = Result<C::Answer, Refusal>> + 'a {
    let caller = Caller { actor: Some("sample".to_owned()), ..Caller::default() };
    stream::iter(commands)
        .map(move |command| {
            let caller = caller.clone();
            async move {
                let outcome = registrar.submit(command, &caller).await.map_err(|outcome| outcome.answer)?;
                progress.inc(1);
                Ok(outcome.answer)
            }
        })
        .buffered(AT_ONCE)
}

fn student(chance: &mut Rng) -> CreateStudent {
    let (given, family) = (one_of(&GIVEN, chance), one_of(&FAMILY, chance));
    let number = chance.u32(..100_000);
    let email = format!("{}.{}{number}@example.edu", ascii(given), ascii(family));
    CreateStudent { name: format!("{given} {family}"), email }
}

fn course(number: u32, chance: &mut Rng) -> CreateCourse {
    let (subject, level) = (one_of(&SUBJECTS, chance), one_of(&LEVELS, chance));
    CreateCourse { name: format!("{subject} {}", 101 + number), level: level.to_owned() }
}

/// Three to five courses, the first ones more often: every school has its favorites.
fn choices(student_id: StudentId, courses: &[CourseId], chance: &mut Rng) -> Vec<Enroll> {
    let wanted = chance.usize(3..=5).min(courses.len());
    let mut taken = HashSet::new();
    while taken.len() < wanted {
        taken.insert(chance.usize(..courses.len()).min(chance.usize(..courses.len())));
    }
    let mut taken: Vec<_> = taken.into_iter().collect();
    taken.sort_unstable();
    taken.into_iter().map(|place| Enroll { student_id, course_id: courses[place] }).collect()
}

fn one_of<'a>(words: &[&'a str], chance: &mut Rng) -> &'a str {
    words[chance.usize(..words.len())]
}

fn ascii(name: &str) -> String {
    name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
}

const GIVEN: [&str; 40] = [
    "Ana",
    "Ben",
    "Chiara",
    "Dmitri",
    "Elif",
    "Femi",
    "Grace",
    "Hiroshi",
    "Inés",
    "Jakub",
    "Keiko",
    "Liam",
    "Mei",
    "Noor",
    "Olga",
    "Priya",
    "Quentin",
    "Rosa",
    "Sanne",
    "Tomás",
    "Uma",
    "Viktor",
    "Wanjiru",
    "Ximena",
    "Yusuf",
    "Zoë",
    "Amara",
    "Björn",
    "Camille",
    "Deniz",
    "Esther",
    "Faisal",
    "Gabriela",
    "Håkon",
    "Ivana",
    "Jamal",
    "Katarína",
    "Leila",
    "Matteo",
    "Nia",
];
const FAMILY: [&str; 40] = [
    "Adeyemi",
    "Bauer",
    "Costa",
    "Dupont",
    "Eriksen",
    "Fernández",
    "García",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalski",
    "Larsen",
    "Martin",
    "Nakamura",
    "Okafor",
    "Petrov",
    "Quispe",
    "Rossi",
    "Schmidt",
    "Tanaka",
    "Ueda",
    "Vargas",
    "Weber",
    "Xu",
    "Yılmaz",
    "Zhang",
    "Ahmed",
    "Brown",
    "Chen",
    "Díaz",
    "Evans",
    "Fischer",
    "Gupta",
    "Hansen",
    "Ivanov",
    "Johnson",
    "Kim",
    "López",
    "Müller",
    "Nguyen",
];
const SUBJECTS: [&str; 30] = [
    "Algebra",
    "Analysis",
    "Anatomy",
    "Art History",
    "Astronomy",
    "Biochemistry",
    "Botany",
    "Calculus",
    "Chemistry",
    "Composition",
    "Databases",
    "Drawing",
    "Ecology",
    "Economics",
    "Ethics",
    "Genetics",
    "Geography",
    "Geology",
    "Linguistics",
    "Logic",
    "Mechanics",
    "Music Theory",
    "Operating Systems",
    "Philosophy",
    "Physics",
    "Poetry",
    "Psychology",
    "Sociology",
    "Statistics",
    "World Literature",
];
const LEVELS: [&str; 3] = ["introductory", "undergraduate", "graduate"];
