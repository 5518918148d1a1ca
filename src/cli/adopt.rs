//! `matricula adopt`: inspects a database and proposes a mapping.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::migrate;
use crate::adoption::{self, MigrateOptions, Proposal, Question, Samples};
use crate::clock::Clock;
use crate::count::{counted, to_i64};
use crate::db::Location;
use crate::mapping::Mapping;

/// Options of `matricula adopt`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct AdoptArgs {
    /// Save the mapping, with its reasons and questions, in a new file
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Take the proposal and migrate, if there are no questions
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the proposal. As the options say, also saves it, or migrates with it.
///
/// # Errors
/// If the database cannot be read or adopted, the file exists, or questions are open that `--yes` cannot answer.
pub(super) async fn run(
    args: AdoptArgs,
    database: &Location,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let proposal = adoption::propose(database).await?;
    let text = as_mapping_file(&proposal, database);
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&proposal)?)?;
    } else {
        write!(out, "{text}")?;
    }
    if let [first, ..] = proposal.unusable.as_slice() {
        let more = to_i64(proposal.unusable.len()) - 1;
        let more = if more > 0 { format!(", and {}", counted(more, "more reason")) } else { String::new() };
        bail!("{database} cannot be adopted: {first}{more}");
    }
    if let Some(file) = &args.write {
        if proposal.mapping.is_none() {
            bail!("there is no mapping to write to {}: none is needed", file.display());
        }
        save(file, &text)?;
    }
    if args.yes && !proposal.is_migrated {
        if !proposal.questions.is_empty() {
            bail!(
                "{database} was not migrated: only you can answer {}",
                counted(to_i64(proposal.questions.len()), "question")
            );
        }
        // The lines of a migration are not JSON.
        let (mut unseen, out) = (io::sink(), out);
        let out: &mut dyn Write = if args.json { &mut unseen } else { out };
        // Tables that fit are taken as they are.
        let mapping = proposal.mapping.as_ref().filter(|_| !proposal.fits);
        return take(mapping, database, clock, out).await;
    }
    Ok(())
}

/// Migrates with this mapping, or without one if the tables fit as they are.
async fn take(
    mapping: Option<&Mapping>,
    database: &Location,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let options =
        MigrateOptions { mapping: mapping.cloned(), new_school: true, progress: Some(migrate::show) };
    migrate::migrate(&options, database, clock, out).await
}

fn save(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut created = File::create_new(file).with_context(|| format!("cannot create {}", file.display()))?;
    created.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))
}

/// Returns the whole proposal as a mapping file, in which everything but the mapping is a comment.
fn as_mapping_file(proposal: &Proposal, database: &Location) -> String {
    if proposal.is_migrated {
        return format!("# matricula has migrated {database} before; there is nothing to adopt.\n");
    }
    let mut text = format!("# {}\n", summary(proposal, database));
    if let Some(mapping) = proposal.to_toml() {
        text.push('\n');
        text += &mapping;
    }
    section(&mut text, "It would appear like this:", samples(&proposal.samples));
    let links =
        proposal.other_links.iter().map(|link| format!("{} ({})", link.table, counted(link.rows, "row")));
    section(
        &mut text,
        "These tables link students and courses too. They are not part of the mapping:",
        links.collect(),
    );
    let reasons = proposal.unusable.clone();
    section(&mut text, "It cannot be adopted:", reasons);
    let questions =
        proposal.questions.iter().enumerate().flat_map(|(at, question)| question_lines(at + 1, question));
    section(&mut text, "Only you can answer:", questions.collect());
    text
}

fn summary(proposal: &Proposal, database: &Location) -> String {
    let rows = proposal.rows;
    let found = format!(
        "{database}: {}, {}, {}.",
        counted(rows.students, "student"),
        counted(rows.courses, "course"),
        counted(rows.enrollments, "enrollment")
    );
    let missing: Vec<_> =
        proposal.missing.iter().map(|table| format!(" No table {table}: it is created.")).collect();
    let verdict = match (proposal.fits, &proposal.mapping) {
        (true, None) => " It fits as it is and needs no mapping.",
        (true, Some(_)) => {
            " It fits as it is and needs no mapping, except to take numbers or codes from its own columns."
        }
        (false, _) => "",
    };
    format!("{found}{}{verdict} Nothing was changed.", missing.concat())
}

fn section(text: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    // Writing to a `String` cannot fail.
    _ = writeln!(text, "\n# {title}");
    for line in lines {
        // A name from the database may have line breaks, which would end the comment, and signs that a terminal obeys.
        _ = writeln!(text, "#   {}", line.replace(char::is_control, " "));
    }
}

fn samples(samples: &Samples) -> Vec<String> {
    let record = |kind: &str, id: i64, name: &Option<String>, more: [&Option<String>; 2]| {
        let name = name.as_deref().unwrap_or("no name");
        let more = more.into_iter().flatten().map(String::as_str);
        format!("{kind} {id}: {}", std::iter::once(name).chain(more).collect::<Vec<_>>().join(", "))
    };
    let student = samples.student.as_ref();
    let student = student.map(|one| record("student", one.id, &one.name, [&one.email, &one.number]));
    let course = samples.course.as_ref();
    let course = course.map(|one| record("course", one.id, &one.name, [&one.level, &one.code]));
    let enrollment = samples.enrollment.as_ref().map(|one| {
        let since = one.enrolled_at.as_deref().unwrap_or("the time of adoption");
        format!("student {} is enrolled in course {} since {since}", one.student_id, one.course_id)
    });
    [student, course, enrollment].into_iter().flatten().collect()
}

fn question_lines(number: usize, question: &Question) -> Vec<String> {
    let answers = question.answers.iter().map(|answer| format!("   [{}] {answer}", question.part));
    [format!("{number}. {}", question.text)].into_iter().chain(answers).collect()
}
