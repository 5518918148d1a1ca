use std::io::Write;

use anyhow::ensure;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::Clock;
use crate::config::whole_number;
use crate::count::{counted, to_i64};
use crate::db::Location;
use crate::sample::{self, Size};
use crate::server::School;

/// Options of `matricula sample`.
#[derive(Debug, Args)]
pub(super) struct SampleArgs {
    /// Number of students
    #[arg(long, default_value_t = Size::DEFAULT.students, value_parser = whole_number(1_u32..=10_000_000))]
    students: u32,
    /// Number of courses; each student takes up to five of them
    #[arg(long, default_value_t = Size::DEFAULT.courses, value_parser = whole_number(1_u32..=100_000))]
    courses: u32,
    /// The same seed makes the same school
    #[arg(long, default_value_t = Size::DEFAULT.seed)]
    seed: u64,
    /// Leave all courses without a limit of seats
    #[arg(long)]
    without_seats: bool,
    /// Add it to a school that has students or courses
    #[arg(long)]
    yes: bool,
}

/// Adds the sample school with the same commands as the API.
///
/// # Errors
/// If the database cannot be opened, has a school that is not empty, or a command fails.
pub(super) async fn run(
    args: SampleArgs,
    database: &Location,
    clock: Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let school = School::open(database, clock, None).await?;
    if !args.yes
        && let Err(why) = ensure_empty(&school).await
    {
        school.close().await;
        return Err(why);
    }
    let has_seats = !args.without_seats;
    let size = Size { students: args.students, courses: args.courses, seed: args.seed, has_seats };
    let progress = ProgressBar::new(0);
    progress.set_style(ProgressStyle::with_template("{msg:12} {wide_bar} {pos}/{len} {eta}")?);
    let added = sample::add(size, &school.app.registrar, &progress).await;
    school.close().await;
    let enrollments = added?;
    writeln!(
        out,
        "added {}, {} and {} to {database}",
        counted(args.students.into(), "student"),
        counted(args.courses.into(), "course"),
        counted(to_i64(enrollments), "enrollment")
    )?;
    Ok(())
}

/// Refuses a school with students or courses, so that nobody mixes invented people with real ones by accident.
async fn ensure_empty(school: &School) -> anyhow::Result<()> {
    let (students, courses) = school.size().await?;
    ensure!(
        students + courses == 0,
        "the school has {} and {} already; to add the sample to them, say --yes",
        counted(students, "student"),
        counted(courses, "course")
    );
    Ok(())
}
