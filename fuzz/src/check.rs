//! What holds for every reading. The tests of the reader use this file, too.

use matricula::files::reading::{Found, KnownSections, Options, Reading, Source, read, without_passwords};
use matricula::text::record_text;

/// Reads files, and checks the reading.
pub fn read_and_check(files: &[Source], options: &Options) {
    let reading = read(files, options, &KnownSections::default());
    check(&reading);
    if !reading.is_refused() {
        copies_are_read_as_the_files_are(files, &reading, options);
    }
}

fn check(reading: &Reading) {
    assert!(!reading.is_refused() || reading.is_empty() && reading.refused.is_empty());
    for row in &reading.enrollments {
        assert!(
            !matches!(reading.person(row.student), Found::Person(person) if person.name.is_empty() && person.groups.is_none())
        );
        assert!(reading.course_keys.get(row.course).codes().all(|code| !code.is_empty()));
    }
    for row in &reading.refused {
        assert!(reading.files.len() > row.origin.file as usize && row.origin.line > 0);
        assert!(row.reason.to_string().ends_with('.'), "{}", row.reason);
    }
    for person in &reading.people {
        // A row without a name says only in which groups a student is who is there already.
        let is_about_groups = person.name.is_empty() && person.groups.is_some();
        assert!(is_about_groups || record_text(&person.name).is_ok_and(|name| *name == *person.name));
    }
}

fn copies_are_read_as_the_files_are(files: &[Source], reading: &Reading, options: &Options) {
    let copies = match without_passwords(files.to_vec(), reading, options) {
        Ok(copies) => copies,
        Err(refusal) => {
            assert!(["too-large", "passwords-not-removed"].contains(&refusal.code), "{refusal:?}");
            return;
        }
    };
    assert_eq!(report(&read(&copies, options, &KnownSections::default())), report(reading));
}

/// Everything that a reading reports.
fn report(reading: &Reading) -> String {
    let files: Vec<_> = reading
        .files
        .iter()
        .map(|file| {
            let columns = (&file.recognized, &file.ignored);
            (
                &file.name,
                file.encoding,
                file.delimiter,
                file.format,
                file.kind,
                columns,
                &file.counts,
                &file.refusal,
            )
        })
        .collect();
    let Reading { people, courses, enrollments, refused, warnings, refusal, other_pairs, .. } = reading;
    let keys: Vec<_> = reading.students.iter().collect();
    let course_keys: Vec<_> = reading.course_keys.iter().collect();
    format!(
        "{files:#?}{people:#?}{courses:#?}{enrollments:#?}{refused:#?}{warnings:#?}{refusal:?}{other_pairs:?}{keys:?}{course_keys:?}"
    )
}
