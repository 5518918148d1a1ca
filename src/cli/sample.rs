use std::io::Write;

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
    #[arg(long, default_value_t = 500, value_parser = whole_number(1_u32..=10_000_000))]
    students: u32,
    /// Number of courses; each student takes up to five of them
    #[arg(long, default_value_t = 40, value_parser = whole_number(1_u32..=100_000))]
    courses: u32,
    /// The same seed makes the same school
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Adds the sample school with the same commands as the API.
///
/// # Errors
/// If the database cannot be opened, or a command fails.
pub(super) async fn run(
    args: SampleArgs,
    database: &Location,
    clock: Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let school = School::open(database, clock, None).await?;
    let size = Size { students: args.students, courses: args.courses, seed: args.seed };
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
