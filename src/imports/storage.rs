//! Writes imports down, and reads them back.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::contents::{self, ListName, ROWS_PER_PLACE};
use super::entries;
use super::error::ImportError;
use super::json::to_json;
use super::resumed::InLog;
use super::rows::ImportRow;
use super::sections;
use super::settings::Settings;
use super::staging::{self, Assignment, Claim, Import, NewImport, NewPlan};
use super::steps::Plan;
use crate::clock::Clock;
use crate::count::to_i64;
use crate::db::{Db, DbError};
use crate::files::reading::Source;
use crate::priority::pause_if_due;
use crate::registrar::{Caller, Chore, EndImport, EventKind, Refusal, Registrar};

/// How much of a file is in one row of the table, in bytes.
const FILE_PART: usize = 128 * 1024;
/// Statements in one transaction, each with a part of a file or some hundred rows.
const CHORES_PER_COMMIT: usize = 2;

/// How the work on an import ends.
pub(super) enum End {
    /// It is carried out, except for these rows.
    Applied(Vec<ImportRow>),
    /// It is undone, except for these rows.
    Undone(Vec<ImportRow>),
}

/// The database and the Registrar, as imports use them.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) db: Db,
    pub(super) registrar: Registrar,
    pub(super) clock: Clock,
}

impl Storage {
    pub(super) async fn find(&self, id: i64) -> Result<(Import, String), ImportError> {
        staging::find_any(&self.db, Some(id)).await?.ok_or(ImportError::NotFound(id))
    }

    /// Writes down the files of a new import; returns the import and its worker.
    pub(super) async fn add(&self, sources: &[Source], caller: &Caller) -> Result<Assignment, ImportError> {
        let worker: Arc<str> = format!("{:032x}", fastrand::u128(..)).into();
        let (actor, now) = (caller.actor.to_string(), self.clock.stamp());
        let new = NewImport { actor: &actor, now: &now, worker: &worker };
        self.write(vec![new.chore()]).await?;
        let id = staging::id_of_worker(&self.db, &worker).await?;
        let assignment = Assignment { import_id: id.ok_or(Refusal::ImportTaken)?, worker };
        for (place, source) in sources.iter().enumerate() {
            let part = |part: usize| file_part(&assignment, place, source, part);
            self.write_parts(&assignment, 0, file_parts(source), &part).await?;
        }
        Ok(assignment)
    }

    /// Writes down other files for an import, in one commit: an import has its files at every time.
    pub(super) async fn replace_files(
        &self,
        assignment: &Assignment,
        sources: &[Source],
    ) -> Result<(), ImportError> {
        let mut chores = vec![contents::remove_files(assignment)];
        for (place, source) in sources.iter().enumerate() {
            chores.extend((0..file_parts(source)).map(|part| file_part(assignment, place, source, part)));
        }
        self.write(chores).await.map(drop)
    }

    /// Writes down a plan with its digest. `request` is the `Idempotency-Key` of its request with the actor, and the fingerprint of the
    /// request.
    pub(super) async fn write_plan(
        &self,
        assignment: &Assignment,
        (plan, digest): (&Plan, &str),
        settings: &Settings,
        request: Option<(String, String)>,
    ) -> Result<(), ImportError> {
        let rows = plan.rows();
        let part = |place: usize| {
            let numbers = place * ROWS_PER_PLACE..rows.len().min((place + 1) * ROWS_PER_PLACE);
            let part: Vec<_> = numbers.map(|number| plan.row(number, rows[number])).collect();
            contents::add_rows(assignment, ListName::Plan, place, &part)
        };
        self.write(vec![contents::remove_rows(assignment, ListName::Plan)]).await?;
        self.write_parts(assignment, 0, rows.len().div_ceil(ROWS_PER_PLACE), &part).await?;
        let new = NewPlan {
            settings: to_json(settings),
            report: to_json(&plan.summary()),
            digest: digest.to_owned(),
            total: plan.steps(),
            request,
        };
        // Another request with this key was faster.
        let written = self.write(vec![staging::set_plan(assignment, new)]).await?;
        if written != [1] {
            return Err(Refusal::KeyInUse.into());
        }
        Ok(())
    }

    /// Writes down which courses the sections of Canvas are, for the files that come later: before the first step, so that
    /// other imports know it from the moment at which a course is there. Returns whether the plan still fits; if another import
    /// has said something else since it was made, nothing is written down.
    pub(super) async fn remember_sections(
        &self,
        assignment: &Assignment,
        plan: &Plan,
    ) -> Result<bool, Refusal> {
        if !sections::still_fit(&self.db, &plan.reading).await? {
            return Ok(false);
        }
        for chores in sections::remember(&self.db, assignment, &plan.reading.sections).await? {
            self.registrar.keep_house(chores).await?;
        }
        Ok(true)
    }

    pub(super) async fn sources(&self, id: i64) -> Result<Vec<Source>, ImportError> {
        let mut sources: BTreeMap<i64, Source> = BTreeMap::new();
        for (place, name, content) in contents::files(&self.db, id).await? {
            let source = sources.entry(place).or_insert_with(|| Source { name, bytes: Vec::new() });
            let damaged = |error: base64::DecodeError| DbError::Engine(format!("a file is damaged: {error}"));
            source.bytes.extend(STANDARD.decode(content).map_err(damaged)?);
        }
        Ok(sources.into_values().collect())
    }

    /// Begins to work on an import on behalf of the caller.
    ///
    /// # Errors
    /// [`ImportError::WrongState`] with `otherwise` if its state or its plan is another one by now.
    pub(super) async fn claim(
        &self,
        id: i64,
        claim: Claim<'_>,
        caller: &Caller,
        otherwise: &'static str,
    ) -> Result<Assignment, ImportError> {
        let worker = format!("{:032x}", fastrand::u128(..)).into();
        let assignment = Assignment { import_id: id, worker };
        let chore = staging::claim(&claim, &assignment, caller, &self.clock.stamp());
        let changed = self.registrar.keep_house(vec![chore]).await?;
        if changed == [1] { Ok(assignment) } else { Err(ImportError::WrongState(otherwise)) }
    }

    /// Writes something in parts, some of them in each commit, while `done` steps are done.
    async fn write_parts(
        &self,
        assignment: &Assignment,
        done: usize,
        parts: usize,
        part: &(dyn Fn(usize) -> Chore + Sync),
    ) -> Result<(), ImportError> {
        for first in (0..parts).step_by(CHORES_PER_COMMIT) {
            let mut chores: Vec<_> = (first..parts.min(first + CHORES_PER_COMMIT)).map(part).collect();
            chores.push(staging::touch(assignment, done, &self.clock.stamp()));
            let written = self.write(chores).await?;
            if written.last() != Some(&1) {
                return Err(Refusal::ImportTaken.into());
            }
        }
        Ok(())
    }

    /// Returns how many rows each statement has changed.
    pub(super) async fn write(&self, chores: Vec<Chore>) -> Result<Vec<usize>, ImportError> {
        Ok(self.registrar.keep_house(chores).await?)
    }

    /// The rows of the plan.
    pub(super) async fn planned_rows(&self, id: i64) -> Result<Vec<ImportRow>, DbError> {
        let mut planned = Vec::new();
        let mut place = 0;
        loop {
            let rows = contents::read_rows(&self.db, Some(id), ListName::Plan, place..=place + 19).await?;
            if rows.is_empty() {
                return Ok(planned);
            }
            planned.extend(rows);
            place += 20;
        }
    }

    /// What the log has of the import.
    pub(super) async fn in_log(&self, id: i64) -> Result<InLog, DbError> {
        let mut in_log = InLog::default();
        for range in entries::ranges(&self.db, id).await? {
            for entry in entries::entries(&self.db, range).await? {
                in_log.rows.insert(entry.row);
                let added = match entry.kind.parse() {
                    Ok(EventKind::StudentCreated) => entry.student_id,
                    Ok(EventKind::CourseCreated) => entry.course_id,
                    _ => None,
                };
                in_log.added.extend(added.map(|id| (entry.row, id)));
            }
        }
        Ok(in_log)
    }

    /// Writes down how the import has ended, after `done` steps.
    pub(super) async fn end(
        &self,
        assignment: &Assignment,
        end: &End,
        done: usize,
        caller: &Caller,
    ) -> Result<(), ImportError> {
        let (list, rows, undoes) = match end {
            End::Applied(rows) => (ListName::NotDone, rows, false),
            End::Undone(rows) => (ListName::Remaining, rows, true),
        };
        self.write(vec![contents::remove_rows(assignment, list)]).await?;
        let part = |place: usize| {
            let end = rows.len().min((place + 1) * ROWS_PER_PLACE);
            contents::add_rows(assignment, list, place, &rows[place * ROWS_PER_PLACE..end])
        };
        self.write_parts(assignment, done, rows.len().div_ceil(ROWS_PER_PLACE), &part).await?;
        let Assignment { import_id, worker } = assignment.clone();
        let end = EndImport { import_id, worker, undoes, done: to_i64(done), left: to_i64(rows.len()) };
        self.registrar.submit(end, caller).await.map_err(|refused| refused.answer)?;
        // If this fails, housekeeping does it.
        if let Err(error) = self.write(vec![contents::remove_files(assignment)]).await {
            tracing::debug!(%error, import = assignment.import_id, "the files of an import are not removed yet");
        }
        Ok(())
    }

    /// Ends the work after `done` steps, because the person who began it has lost the right to import.
    pub(super) async fn stop(&self, assignment: &Assignment, done: usize) -> Result<(), ImportError> {
        let written = self.write(vec![staging::stop(assignment, done, &self.clock.stamp())]).await?;
        if written.last() == Some(&1) { Ok(()) } else { Err(Refusal::ImportTaken.into()) }
    }
}

/// The number of parts in which a file is written down: an empty one has a part, too.
fn file_parts(file: &Source) -> usize {
    file.bytes.len().div_ceil(FILE_PART).max(1)
}

fn file_part(assignment: &Assignment, place: usize, file: &Source, part: usize) -> Chore {
    let end = file.bytes.len().min((part + 1) * FILE_PART);
    let content = STANDARD.encode(&file.bytes[part * FILE_PART..end]);
    contents::add_file(assignment, place, part, &file.name, content)
}

impl Plan {
    /// A text that is the same for two plans only if all of their rows are the same.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for (number, row) in self.rows().into_iter().enumerate() {
            pause_if_due();
            hasher.update(to_json(&self.row(number, row)));
        }
        // Rows do not say which enrollment or which place on a waitlist ends, and who moves up from a waitlist has none.
        let held: Vec<_> = self.vanishing.pairs.iter().map(|pair| pair.held).collect();
        hasher.update(format!("{held:?}{:?}", self.promoted));
        if !self.groups.new.is_empty() {
            hasher.update(format!("{:?}", self.groups.new));
        }
        // Rows do not say which course a section was, and one may change nothing else.
        if !self.reading.sections_before.is_empty() {
            let codes: Vec<_> = self.reading.sections.iter().map(|section| &section.code).collect();
            hasher.update(format!("{:?}{codes:?}", self.reading.sections_before));
        }
        let digits: Vec<_> = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        digits.concat()
    }
}
