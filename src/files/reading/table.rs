//! One table: its heading, then its rows.

use super::drafts::Drafts;
use super::headings::Headings;
use super::layout::Layout;
use super::manifest::Manifest;
use super::meaning::Meaning;
use super::reasons::Reason;
use super::record::{Record, RowFault};
use super::refusals::FileRefusal;
use super::report::{FileKind, FileReading, Format, Processing, Skipped, Warning};
use super::row::{Fault, Row};
use super::rows::Origin;
use super::{Options, courses, enrollments, people};
use crate::count::counted;
use crate::priority::pause_if_due;

/// Reads the rows of one file as they come.
#[derive(Debug)]
pub(super) struct Table<'a> {
    file: u32,
    options: &'a Options,
    report: &'a mut FileReading,
    drafts: &'a mut Drafts,
    manifest: &'a mut Manifest,
    layout: Option<Layout>,
    empty_statuses: u32,
    /// The first line with something in a column without a heading.
    unnamed: Option<u32>,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        file: u32,
        options: &'a Options,
        report: &'a mut FileReading,
        drafts: &'a mut Drafts,
        manifest: &'a mut Manifest,
    ) -> Self {
        Self { file, options, report, drafts, manifest, layout: None, empty_statuses: 0, unnamed: None }
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// The file is refused.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), FileRefusal> {
        self.drafts.count_row()?;
        if record.is_blank() {
            self.report.counts.blank = self.report.counts.blank.saturating_add(1);
            return Ok(());
        }
        match &self.layout {
            Some(_) => self.row(record),
            None => self.heading(record),
        }
    }

    fn heading(&mut self, record: &Record) -> Result<(), FileRefusal> {
        if is_comment(record) {
            self.skip(Skipped::Comment);
            return Ok(());
        }
        if enrollments::is_flat(&record.cells().take(7).collect::<Vec<_>>()) {
            self.layout = Some(Layout::flat_file(self.report));
            return self.row(record);
        }
        match record.fault {
            None => self.layout = Some(Layout::read(record, self.options, self.report)?),
            Some(fault) => {
                let detail = format!("The heading cannot be read. {}", reason_of(fault));
                return Err(FileRefusal::new("heading-not-valid", detail).at(record.line));
            }
        }
        Ok(())
    }

    fn row(&mut self, record: &Record) -> Result<(), FileRefusal> {
        pause_if_due();
        self.report.counts.rows = self.report.counts.rows.saturating_add(1);
        let Some(layout) = &self.layout else { return Ok(()) };
        let row = Row { record, layout, origin: Origin { file: self.file, line: record.line } };
        if layout.kind == FileKind::Manifest {
            return self.manifest.take(record);
        }
        if self.unnamed.is_none() && row.has_unnamed() {
            self.unnamed = Some(record.line);
        }
        match read(&row, self.report.processing, self.drafts, &mut self.empty_statuses) {
            Ok(None) => {}
            Ok(Some(skipped)) => self.skip(skipped),
            Err(fault) => {
                let column = fault.column.and_then(|place| layout.headings.get(place).cloned());
                self.drafts.refuse(row.origin, column, fault.reason);
            }
        }
        self.drafts.ensure_bounded()
    }

    fn skip(&mut self, skipped: Skipped) {
        *self.report.counts.skipped.entry(skipped).or_default() += 1;
    }

    /// Says what is worth a look about the whole file.
    pub(super) fn finish(self) {
        let mut warn = |code, detail: String| {
            self.drafts.warnings.push(Warning { file: self.file, line: None, other: None, code, detail });
        };
        if let Some((encoding, true)) = self.report.encoding {
            let detail = format!(
                "The file does not say how it is encoded. It was read as {}: check the letters with accents.",
                encoding.name()
            );
            warn("encoding-guessed", detail);
        }
        if self.report.counts.rows == 0 {
            warn("no-rows", "The file has no rows.".to_owned());
        }
        if let Some(line) = self.unnamed {
            let detail =
                format!("Line {line} has a cell in a column without a heading. Such columns are not read.");
            warn("column-without-heading", detail);
        }
        let Some(layout) = &self.layout else { return };
        if layout.kind == FileKind::People && layout.columns.place(Meaning::Email).is_none() {
            warn("no-email-column", "The file has no e-mail addresses.".to_owned());
        }
        if self.empty_statuses > 0 && layout.format != Format::OneRoster {
            let rows = counted(self.empty_statuses.into(), "row");
            let [have, they] =
                if self.empty_statuses == 1 { ["has", "It counts"] } else { ["have", "They count"] };
            let detail = format!("{rows} {have} no status. {they} as active.");
            warn("status-empty", detail);
        }
    }
}

/// A line like `# nightly` before the heading.
pub(super) fn is_comment(record: &Record) -> bool {
    record.len() == 1 && record.cell(0).starts_with('#')
}

fn reason_of(fault: RowFault) -> Reason {
    match fault {
        RowFault::Nul => Reason::Nul,
        RowFault::TextAfterQuote => Reason::TextAfterQuote,
    }
}

fn read(
    row: &Row<'_>,
    processing: Option<Processing>,
    drafts: &mut Drafts,
    empty_statuses: &mut u32,
) -> Result<Option<Skipped>, Fault> {
    let kind = row.layout.kind;
    if kind == FileKind::Other {
        return Ok(None);
    }
    if let Some(fault) = row.record.fault {
        return Err(Fault { column: None, reason: reason_of(fault) });
    }
    if row.layout.format == Format::MoodleFlatFile {
        return enrollments::read_flat(row, drafts);
    }
    if row.has_surplus() {
        let count = |length| u32::try_from(length).unwrap_or(u32::MAX);
        let reason = Reason::TooManyCells {
            cells: count(row.record.len()),
            headings: count(row.layout.headings.len()),
        };
        return Err(Fault { column: None, reason });
    }
    if row.layout.columns.place(Meaning::Status).is_some() && row.text(Meaning::Status).is_empty() {
        if processing == Some(Processing::Delta) {
            return Err(row.fault(Meaning::Status, Reason::StatusMissing));
        }
        *empty_statuses = empty_statuses.saturating_add(1);
    }
    match kind {
        FileKind::People => people::read(row, drafts).map(|()| None),
        FileKind::Courses => courses::read(row, drafts).map(|()| None),
        FileKind::Sections => courses::read_section(row, drafts).map(|()| None),
        FileKind::Enrollments => enrollments::read(row, drafts).map(|()| None),
        FileKind::CrossListings => courses::read_cross_listing(row, drafts).map(|()| None),
        FileKind::Roles => enrollments::read_role(row, drafts).map(|()| Some(Skipped::OnlyRole)),
        FileKind::Manifest | FileKind::Other => Ok(None),
    }
}

/// Which delimiter a text has: the one that finds most known headings in the first row.
pub(super) fn heading_score(record: &Record, options: &Options) -> (usize, bool, usize) {
    let is_flat = enrollments::is_flat(&record.cells().take(7).collect::<Vec<_>>());
    (Headings::known(record, options), is_flat, record.len())
}
