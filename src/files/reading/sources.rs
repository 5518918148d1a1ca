//! The files of a reading, one by one: those that were given, and those in archives.

use std::borrow::Cow;

use super::Options;
use super::archive::{Archive, MAX_BYTES, MAX_ENTRIES, MAX_INFLATED_BYTES};
use super::canvas::KnownSections;
use super::content::{Content, content_of, is_litter, is_table_by_name};
use super::drafts::Drafts;
use super::gather::gather;
use super::manifest::{Manifest, file_name, stem};
use super::refusals::FileRefusal;
use super::report::{FileKind, FileReading, Format, Place, Processing, Reading, Warning};
use super::table::Table;
use super::text_file;
use super::workbook::Workbook;

/// A file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, perhaps with a folder. It is a label, and says what the file is only where nothing else does.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Reads files that belong together. A file that is refused is in the reading with its reason, and nothing of the others is
/// used either: [`Reading::is_refused`]. `known` are the sections of Canvas that earlier files have described.
#[must_use]
pub fn read(sources: &[Source], options: &Options, known: &KnownSections) -> Reading {
    let mut set = Set::new(options);
    match set.open(sources) {
        Ok((mut archives, mut items)) => {
            // The manifest says how the others are to be read.
            items.sort_by_key(|item| stem(&item.name) != "manifest");
            for item in items {
                set.item(&item, sources, &mut archives);
            }
        }
        Err(refusal) => set.reading.refusal = Some(refusal),
    }
    set.finish(known)
}

/// A file that may have a table.
struct Item {
    name: String,
    place: Place,
}

struct Set<'a> {
    options: &'a Options,
    reading: Reading,
    drafts: Drafts,
    manifest: Manifest,
    /// How many bytes may still come out of archives.
    budget: u64,
}

/// Maximum length of a file name in characters; a longer one keeps its end.
const MAX_NAME: usize = 255;

/// The readable name of a file, which messages about its rows use.
fn label(name: &str) -> String {
    let is_hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let visible: String = name.chars().map(|one| if is_hidden(one) { '\u{fffd}' } else { one }).collect();
    match visible.char_indices().rev().nth(MAX_NAME - 1) {
        Some((end, _)) if end > 0 => format!("\u{2026}{}", &visible[end..]),
        _ => visible,
    }
}

impl<'a> Set<'a> {
    fn new(options: &'a Options) -> Self {
        let (reading, drafts, manifest) = (Reading::default(), Drafts::default(), Manifest::default());
        Self { options, reading, drafts, manifest, budget: MAX_INFLATED_BYTES }
    }

    /// Opens the archives and lists all files. If there are several, names from an archive begin with the name of the
    /// archive.
    fn open<'b>(
        &mut self,
        sources: &'b [Source],
    ) -> Result<(Vec<Option<Archive<'b>>>, Vec<Item>), FileRefusal> {
        let (mut archives, mut items) = (Vec::new(), Vec::new());
        for (source, Source { name, bytes }) in sources.iter().enumerate() {
            if bytes.len() as u64 > MAX_BYTES {
                return Err(FileRefusal::too_large("The bytes of a file are", MAX_BYTES));
            }
            let is_one_of_many = sources.len() > 1;
            let is_archive = content_of(name, bytes) == Ok(Content::Archive);
            let folder = if is_one_of_many { format!("{name}/") } else { String::new() };
            let archive =
                if is_archive { self.archive(name, bytes, source, &folder, &mut items) } else { None };
            archives.push(archive);
            // Folders of the path do not matter: people keep files in hidden ones.
            let place = Place { source, ..Place::default() };
            let is_passed_over =
                |set: &mut Self| is_litter(file_name(name)) || set.is_passed_over(name, place);
            let is_listed = !is_archive && (!is_one_of_many || !is_passed_over(self));
            if is_listed {
                items.push(Item { name: name.clone(), place });
            }
        }
        if items.len() > MAX_ENTRIES {
            return Err(FileRefusal::too_large("The files together are", MAX_ENTRIES as u64));
        }
        Ok((archives, items))
    }

    fn archive<'b>(
        &mut self,
        name: &str,
        bytes: &'b [u8],
        source: usize,
        folder: &str,
        items: &mut Vec<Item>,
    ) -> Option<Archive<'b>> {
        let opened = Archive::open(bytes).and_then(|mut archive| Ok((archive.files()?, archive)));
        let found = match opened {
            Ok((files, archive)) => {
                let files = files.into_iter().filter(|(_, name)| !is_litter(name));
                let mut files: Vec<_> =
                    files.map(|(entry, name)| (entry, format!("{folder}{name}"))).collect();
                files.retain(|(entry, name)| {
                    !self.is_passed_over(name, Place { source, entry: Some(*entry), sheet: None })
                });
                if files.is_empty() {
                    Err(FileRefusal::new("empty-archive", "The archive has no table."))
                } else {
                    Ok((files, archive))
                }
            }
            Err(refusal) => Err(refusal),
        };
        match found {
            Ok((files, archive)) => {
                items.extend(files.into_iter().map(|(entry, name)| Item {
                    name,
                    place: Place { source, entry: Some(entry), sheet: None },
                }));
                Some(archive)
            }
            Err(refusal) => {
                self.add(FileReading {
                    name: name.to_owned(),
                    refusal: Some(refusal),
                    ..FileReading::default()
                });
                None
            }
        }
    }

    /// Whether to skip a file among others, since its name is not that of a table. The report lists it. (Files that no
    /// person put there are skipped before.)
    fn is_passed_over(&mut self, name: &str, place: Place) -> bool {
        let passed_over = !is_table_by_name(name);
        if passed_over {
            let file = self.add(FileReading {
                name: name.to_owned(),
                kind: Some(FileKind::Other),
                place,
                ..FileReading::default()
            });
            let detail = "The file is not read: its name is not that of a table (CSV, TSV, TXT, XLSX) or of a zip archive.";
            let (code, detail) = ("file-not-read", detail.to_owned());
            self.reading.warnings.push(Warning { file, line: None, other: None, code, detail });
        }
        passed_over
    }

    /// The readable name of a file that no other one has.
    fn own_name(&self, name: &str) -> String {
        let name = label(name);
        let is_free = |name: &String| self.reading.files.iter().all(|file| file.name != *name);
        let numbered = (2..).map(|number: usize| format!("{name} ({number})"));
        std::iter::once(name.clone()).chain(numbered).find(is_free).unwrap_or(name)
    }

    fn add(&mut self, mut file: FileReading) -> u32 {
        file.name = self.own_name(&file.name);
        self.reading.files.push(file);
        u32::try_from(self.reading.files.len() - 1).unwrap_or(u32::MAX)
    }

    fn item(&mut self, item: &Item, sources: &[Source], archives: &mut [Option<Archive<'_>>]) {
        let bytes = match (item.place.entry, &mut archives[item.place.source]) {
            (Some(entry), Some(archive)) => archive.inflate(entry, &mut self.budget).map(Cow::Owned),
            _ => Ok(Cow::Borrowed(&*sources[item.place.source].bytes)),
        };
        let content = bytes.and_then(|bytes| Ok((content_of(&item.name, &bytes)?, bytes)));
        let refusal = match content {
            Ok((Content::Text, bytes)) => return self.text(item, &bytes),
            Ok((Content::Workbook, bytes)) => return self.workbook(item, &bytes),
            Ok((Content::Archive, _)) => FileRefusal::new(
                "archive-in-archive",
                "This is an archive within an archive. Unpack it first.",
            ),
            Err(refusal) => refusal,
        };
        self.add(FileReading { name: item.name.clone(), refusal: Some(refusal), ..FileReading::default() });
    }

    fn text(&mut self, Item { name, place }: &Item, bytes: &[u8]) {
        let mut report = FileReading { name: self.own_name(name), place: *place, ..FileReading::default() };
        report.processing = self.manifest.processing(name);
        let file = u32::try_from(self.reading.files.len()).unwrap_or(u32::MAX);
        if report.processing == Some(Processing::Absent) {
            report.kind = Some(FileKind::Other);
            self.add(report);
            let detail = "The manifest says that this file is absent, so it is not read.".to_owned();
            self.warn(file, "absent-by-manifest", detail);
            return;
        }
        let options = self.options.of_file(&report.name);
        let (drafts, manifest) = (&mut self.drafts, &mut self.manifest);
        let result = text_file::read(bytes, &options, &mut report, |report| {
            Table::new(file, &options, report, drafts, manifest)
        });
        report.refusal = result.err();
        self.add(report);
    }

    fn workbook(&mut self, item: &Item, bytes: &[u8]) {
        let mut budget = self.budget;
        self.sheets(item, bytes, &mut budget);
        self.budget = budget;
    }

    /// Reads all sheets. One without a known heading is passed over if another sheet has one.
    fn sheets(&mut self, Item { name, place }: &Item, bytes: &[u8], budget: &mut u64) {
        let mut book = match Workbook::open(bytes, budget) {
            Ok(book) => book,
            Err(refusal) => {
                self.add(FileReading {
                    name: name.to_owned(),
                    refusal: Some(refusal),
                    ..FileReading::default()
                });
                return;
            }
        };
        let first = self.reading.files.len();
        let sheets = book.sheets();
        for (number, sheet) in sheets.iter().enumerate() {
            let name = if sheets.len() == 1 { name.clone() } else { format!("{name}: {sheet}") };
            let place = Place { sheet: Some(number), ..*place };
            let mut report = FileReading { name: self.own_name(&name), place, ..FileReading::default() };
            let options = self.options.of_file(&report.name);
            let file = u32::try_from(self.reading.files.len()).unwrap_or(u32::MAX);
            let mut table = Table::new(file, &options, &mut report, &mut self.drafts, &mut self.manifest);
            let result = book.rows(sheet, |record| table.take(record));
            if result.is_ok() {
                table.finish();
            }
            report.refusal = result.err();
            self.add(report);
        }
        self.pass_over_other_sheets(first);
    }

    fn pass_over_other_sheets(&mut self, first: usize) {
        let sheets = &mut self.reading.files[first..];
        if !sheets.iter().any(|sheet| sheet.refusal.is_none() && sheet.kind.is_some()) {
            return;
        }
        let mut others = Vec::new();
        for (place, sheet) in sheets.iter_mut().enumerate() {
            let has_no_heading =
                |refusal: &FileRefusal| ["no-heading", "kind-unclear"].contains(&refusal.code);
            if sheet.refusal.as_ref().is_some_and(has_no_heading) {
                sheet.refusal = None;
                sheet.kind = Some(FileKind::Other);
                others.push(first + place);
            }
        }
        for file in others {
            let detail = "The sheet has no heading that is known, so it is not read.".to_owned();
            self.warn(u32::try_from(file).unwrap_or(u32::MAX), "sheet-not-read", detail);
        }
    }

    fn warn(&mut self, file: u32, code: &'static str, detail: String) {
        self.reading.warnings.push(Warning { file, line: None, other: None, code, detail });
    }

    /// Whether no file has rows of a kind that is read.
    fn has_only_others(&self) -> bool {
        let is_other = |file: &FileReading| {
            matches!(file.kind, Some(FileKind::Other | FileKind::Manifest))
                || file.processing == Some(Processing::Absent)
        };
        !self.reading.files.is_empty() && self.reading.files.iter().all(is_other)
    }

    fn finish(mut self, known: &KnownSections) -> Reading {
        if self.reading.refusal.is_none() && !self.reading.is_refused() {
            let files = self.reading.files.iter().filter(|file| file.format == Some(Format::OneRoster));
            self.reading.refusal = self.manifest.ensure_complete(files.map(|file| &*file.name)).err();
        }
        if self.reading.refusal.is_none() && !self.reading.is_refused() && self.has_only_others() {
            let detail = "No students, courses or enrollments were recognized in the files. If there are any, choose their kind.";
            self.reading.refusal = Some(FileRefusal::new("nothing-to-read", detail));
        }
        if !self.reading.is_refused() {
            gather(self.drafts, &mut self.reading, known);
        }
        self.reading
    }
}
