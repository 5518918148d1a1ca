//! A generated school for trying out, teaching and measuring. It is added with the same commands as the API uses.

use std::collections::{HashMap, HashSet};

use fastrand::Rng;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use indicatif::ProgressBar;

use crate::count::to_i64;
use crate::registrar::{
    Actor, Caller, Command, CourseId, CreateCourse, CreateStudent, Enroll, Limits, Refusal, Registrar,
    SetSeats, StudentId,
};

/// Commands in flight at a time: enough to fill the Registrar's batches.
const MAX_IN_FLIGHT: usize = 512;

/// Students who try to enroll in each full course, so that it has a waitlist.
const WAITING: usize = 5;
/// Of the first students, so many take turns to wait.
const WHO_WAIT: usize = 50;
/// Places on each waitlist.
const PLACES: i64 = 10;

/// What a school has.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Number of students.
    pub students: u32,
    /// Number of courses; each student takes three to five of them, or fewer if there are fewer.
    pub courses: u32,
    /// The same seed makes the same school.
    pub seed: u64,
    /// Whether courses have limits: in turn full with a waitlist, nearly full, half empty, and none.
    pub has_seats: bool,
}

impl Size {
    /// Small enough to load within a moment, large enough that lists have several pages.
    pub const DEFAULT: Self = Self { students: 500, courses: 40, seed: 1, has_seats: true };
}

/// Adds a school; returns its number of enrollments.
///
/// # Errors
/// The first refusal of the Registrar. What was added before stays.
pub async fn add(size: Size, registrar: &Registrar, progress: &ProgressBar) -> Result<usize, Refusal> {
    let mut rng = Rng::with_seed(size.seed);
    progress.set_length(u64::from(size.students) * 2 + u64::from(size.courses));

    progress.set_message("courses");
    let courses: Vec<_> = (0..size.courses).map(|number| course(number, &mut rng)).collect();
    let courses: Vec<CourseId> =
        submit_all(registrar, progress, courses).map_ok(|course| course.id).try_collect().await?;
    progress.set_message("students");
    let students: Vec<_> = (0..size.students).map(|_| student(&mut rng)).collect();
    let students: Vec<StudentId> =
        submit_all(registrar, progress, students).map_ok(|student| student.id).try_collect().await?;

    progress.set_message("enrollments");
    let wanted: Vec<_> = students.iter().flat_map(|student| choices(*student, &courses, &mut rng)).collect();
    progress.set_length(progress.position() + wanted.len() as u64);
    let mut rosters: HashMap<CourseId, HashSet<StudentId>> = HashMap::new();
    for Enroll { student_id, course_id, .. } in &wanted {
        rosters.entry(*course_id).or_default().insert(*student_id);
    }
    let enrollments: Vec<_> = submit_all(registrar, progress, wanted).try_collect().await?;
    if size.has_seats {
        progress.set_message("seats");
        add_seats(registrar, progress, &courses, &students, &rosters).await?;
    }
    progress.finish_and_clear();
    Ok(enrollments.len())
}

/// Sets the seats of the courses in turn: full with a waitlist, nearly full, half empty, and without a limit.
async fn add_seats(
    registrar: &Registrar,
    progress: &ProgressBar,
    courses: &[CourseId],
    students: &[StudentId],
    rosters: &HashMap<CourseId, HashSet<StudentId>>,
) -> Result<(), Refusal> {
    let (mut limits, mut waiting) = (Vec::new(), Vec::new());
    let groups: Vec<_> = students.iter().take(WHO_WAIT).collect();
    for (place, course_id) in courses.iter().copied().enumerate() {
        let roster = rosters.get(&course_id);
        let enrolled = roster.map_or(0, |roster| to_i64(roster.len()));
        let capacity = match place % 4 {
            0 => enrolled,
            1 => enrolled + 3,
            2 => enrolled * 2,
            _ => continue,
        };
        let seats = Limits { capacity: Some(capacity), waitlist_capacity: PLACES, ..Limits::default() };
        limits.push(SetSeats { course_id, limits: seats, expected: None });
        if capacity > enrolled {
            continue;
        }
        // Students who are enrolled already would be refused, and the board would show that.
        let is_new = |id: &StudentId| roster.is_none_or(|roster| !roster.contains(id));
        let group = groups.chunks(WAITING).cycle().nth(place).into_iter().flatten();
        waiting
            .extend(group.map(|id| **id).filter(is_new).map(|student_id| Enroll::new(student_id, course_id)));
    }
    progress.set_length(progress.position() + limits.len() as u64 + waiting.len() as u64);
    let _: Vec<_> = submit_all(registrar, progress, limits).try_collect().await?;
    let _: Vec<_> = submit_all(registrar, progress, waiting).try_collect().await?;
    Ok(())
}

fn submit_all<'a, C: Command>(
    registrar: &'a Registrar,
    progress: &'a ProgressBar,
    commands: Vec<C>,
) -> impl futures_util::TryStream<Ok = C::Answer, Error = Refusal, Item = Result<C::Answer, Refusal>> + 'a {
    let caller = Caller::program(Actor::Sample);
    stream::iter(commands)
        .map(move |command| {
            let caller = caller.clone();
            async move {
                let outcome = registrar.submit(command, &caller).await.map_err(|outcome| outcome.answer)?;
                progress.inc(1);
                Ok(outcome.answer)
            }
        })
        .buffered(MAX_IN_FLIGHT)
}

fn student(rng: &mut Rng) -> CreateStudent {
    let (given, family) = (pick(&GIVEN, rng), pick(&FAMILY, rng));
    let number = rng.u32(..100_000);
    let email = format!("{}.{}{number}@example.edu", ascii(given), ascii(family));
    CreateStudent::new([("name", format!("{given} {family}")), ("email", email)])
}

fn course(number: u32, rng: &mut Rng) -> CreateCourse {
    let (subject, (digit, level)) = (pick(&SUBJECTS, rng), pick(&LEVELS, rng));
    CreateCourse::new([("name", format!("{subject} {digit}{:02}", number + 1)), ("level", level.to_owned())])
}

/// Three to five courses; the first ones are chosen more often, as popular courses are in a real school.
fn choices(student_id: StudentId, courses: &[CourseId], rng: &mut Rng) -> Vec<Enroll> {
    let wanted = rng.usize(3..=5).min(courses.len());
    let mut taken = HashSet::new();
    while taken.len() < wanted {
        taken.insert(rng.usize(..courses.len()).min(rng.usize(..courses.len())));
    }
    let mut taken: Vec<_> = taken.into_iter().collect();
    taken.sort_unstable();
    taken.into_iter().map(|index| Enroll::new(student_id, courses[index])).collect()
}

fn pick<T: Copy>(values: &[T], rng: &mut Rng) -> T {
    values[rng.usize(..values.len())]
}

/// A name in lower-case ASCII letters: `Zoë` becomes `zoe`. Knows the accented letters of the names below.
fn ascii(name: &str) -> String {
    let letter = |letter: char| match letter {
        'á' | 'å' => 'a',
        'é' | 'ë' => 'e',
        'í' | 'ı' => 'i',
        'ó' | 'ö' => 'o',
        'ü' => 'u',
        letter => letter,
    };
    name.to_lowercase().chars().map(letter).collect()
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
/// Levels, each with the first digit of its course numbers.
const LEVELS: [(char, &str); 3] = [('3', "undergraduate"), ('1', "introductory"), ('5', "graduate")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_do_not_cost_an_address_its_letters() {
        assert_eq!(["Zoë", "López", "Müller", "Yılmaz"].map(ascii), ["zoe", "lopez", "muller", "yilmaz"]);
        for name in GIVEN.iter().chain(&FAMILY) {
            assert!(ascii(name).chars().all(|letter| letter.is_ascii_lowercase()), "{name}");
        }
    }
}
