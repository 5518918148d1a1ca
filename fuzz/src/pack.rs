//! Several files in one input, so that the fuzzer sees their content and not what packs it.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::files::reading::{Encoding, Kind, Options, Source};

/// Begins a file: its name and a line break follow, then its bytes.
const SEPARATOR: u8 = 0x1c;

/// What is in an input: options, then `0x1c`, a name, a line break, and the bytes of the file, for each file. An input
/// without `0x1c` is one file.
#[derive(Debug)]
pub struct Pack {
    pub options: Options,
    pub files: Vec<Source>,
}

impl Pack {
    pub fn from_input(input: &[u8]) -> Self {
        let mut parts = input.split(|byte| *byte == SEPARATOR);
        let first = parts.next().unwrap_or_default();
        let files: Vec<_> = parts.map(file).collect();
        if files.is_empty() {
            let file = Source { name: "a.csv".to_owned(), bytes: input.to_vec() };
            return Self { options: Options::default(), files: vec![file] };
        }
        Self { options: options(first), files }
    }
}

fn file(part: &[u8]) -> Source {
    let end = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
    let name = String::from_utf8_lossy(&part[..end]).into_owned();
    Source { name, bytes: part[(end + 1).min(part.len())..].to_vec() }
}

/// A letter for the kind, then the label of an encoding.
fn options(text: &[u8]) -> Options {
    let kind = match text.first() {
        Some(b's') => Some(Kind::Students),
        Some(b'c') => Some(Kind::Courses),
        Some(b'e') => Some(Kind::Enrollments),
        _ => None,
    };
    let label = text.get(1..).and_then(|label| std::str::from_utf8(label).ok());
    Options { kind, encoding: label.and_then(Encoding::from_label), ..Options::default() }
}

/// A zip archive of the files. Every fourth is compressed: that takes most of the time.
pub fn zipped(files: &[Source]) -> Option<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (place, file) in files.iter().enumerate() {
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let deflated = stored.compression_method(CompressionMethod::Deflated).compression_level(Some(1));
        let options = if place % 4 == 3 { deflated } else { stored };
        zip.start_file(&*file.name, options).ok()?;
        zip.write_all(&file.bytes).ok()?;
    }
    Some(zip.finish().ok()?.into_inner())
}
