use std::collections::HashSet;
use std::io::Write;

use clap::Args;
use fastrand::Rng;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::Clock;
use crate::db::Location;
use crate::registrar::{Admission, Command, Course, CourseId, Origin, Registrar, Student, StudentId};
use crate::school::School;

/// Commands under way at once: enough to fill the Registrar's batches.
const AT_ONCE: usize = 512;

/// How large a school.
#[derive(Debug, Args)]
pub(super) struct SampleArgs {
    /// How many students
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    students: u32,
    /// How many courses; each student takes up to five of them
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    courses: u32,
    /// The same seed makes the same school
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Adds the school through the same commands as the API.
pub(super) async fn run(
    args: SampleArgs,
    database: &Location,
    clock: Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let school = School::open(database, clock, None).await?;
    let added = add(&args, &school.app.registrar).await;
    school.close().await;
    let enrollments = added?;
    writeln!(
        out,
        "{} students, {} courses and {enrollments} enrollments are in {database}",
        args.students, args.courses
    )?;
    Ok(())
}

async fn add(args: &SampleArgs, registrar: &Registrar) -> anyhow::Result<usize> {
    let mut chance = Rng::with_seed(args.seed);
    let progress = ProgressBar::new(u64::from(args.students) * 2 + u64::from(args.courses));
    progress.set_style(ProgressStyle::with_template("{msg:12} {wide_bar} {pos}/{len} {eta}")?);

    progress.set_message("courses");
    let courses: Vec<Command> = (0..args.courses).map(|number| course(number, &mut chance)).collect();
    let courses: Vec<CourseId> =
        all(registrar, &progress, courses).map_ok(|course: Course| course.id).try_collect().await?;
    progress.set_message("students");
    let students: Vec<Command> = (0..args.students).map(|_| student(&mut chance)).collect();
    let students: Vec<StudentId> =
        all(registrar, &progress, students).map_ok(|student: Student| student.id).try_collect().await?;

    progress.set_message("enrollments");
    let wanted: Vec<Command> =
        students.iter().flat_map(|student| choices(*student, &courses, &mut chance)).collect();
    progress.set_length(progress.position() + wanted.len() as u64);
    let enrollments: Vec<Admission> = all(registrar, &progress, wanted).try_collect().await?;
    progress.finish_and_clear();
    Ok(enrollments.len())
}

fn all<'a, T: TryFrom<crate::registrar::Answer> + 'a>(
    registrar: &'a Registrar,
    progress: &'a ProgressBar,
    commands: Vec<Command>,
) -> impl futures_util::TryStream<Ok = T, Error = anyhow::Error, Item = anyhow::Result<T>> + 'a {
    let origin = Origin { actor: Some("sample".to_owned()), request_id: None, key: None };
    stream::iter(commands)
        .map(move |command| {
            let origin = origin.clone();
            async move {
                let answer = registrar.submit(command, origin).await?;
                progress.inc(1);
                Ok(answer)
            }
        })
        .buffered(AT_ONCE)
}

fn student(chance: &mut Rng) -> Command {
    let (given, family) = (one_of(&GIVEN, chance), one_of(&FAMILY, chance));
    let number = chance.u32(..100_000);
    let email = format!("{}.{}{number}@example.edu", ascii(given), ascii(family));
    Command::CreateStudent { name: format!("{given} {family}"), email }
}

fn course(number: u32, chance: &mut Rng) -> Command {
    let (subject, level) = (one_of(&SUBJECTS, chance), one_of(&LEVELS, chance));
    Command::CreateCourse { name: format!("{subject} {}", 101 + number), level: level.to_owned() }
}

/// Three to five courses, the first ones more often: every school has its favorites.
fn choices(student_id: StudentId, courses: &[CourseId], chance: &mut Rng) -> Vec<Command> {
    let wanted = chance.usize(3..=5).min(courses.len());
    let mut taken = HashSet::new();
    while taken.len() < wanted {
        taken.insert(chance.usize(..courses.len()).min(chance.usize(..courses.len())));
    }
    let mut taken: Vec<_> = taken.into_iter().collect();
    taken.sort_unstable();
    taken.into_iter().map(|place| Command::Enroll { student_id, course_id: courses[place] }).collect()
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
